-- On the server that applications ask: the table, and a foreign server with a partition for each shard.
-- :shards is how many, :base the directory of the servers' sockets.
CREATE EXTENSION hnswc;
CREATE EXTENSION postgres_fdw;
-- so that a session's first search, too, is planned by hnswc
SELECT format('ALTER DATABASE %I SET session_preload_libraries = hnswc', current_database()) \gexec
CREATE TABLE items (id bigint NOT NULL, title text, v vector(128)) PARTITION BY HASH (id);

-- A shard has a second address, its standby's: the one that accepts writes is taken.
SELECT format($server$
CREATE SERVER shard%1$s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (
	host '%2$s/shard%1$s,%2$s/standby%1$s', port '5432,5432', target_session_attrs 'read-write',
	dbname 'postgres', connect_timeout '2', extensions 'hnswc', async_capable 'true', parallel_commit 'true', batch_size '100',
	options '-c hnsw.ef_search=40');
CREATE USER MAPPING FOR CURRENT_USER SERVER shard%1$s;
$server$, i, :'base') FROM generate_series(1, :shards + 1) i \gexec

SELECT format($partition$
CREATE FOREIGN TABLE items_%1$s PARTITION OF items FOR VALUES WITH (MODULUS %2$s, REMAINDER %3$s)
	SERVER shard%1$s OPTIONS (table_name 'items');
$partition$, i, :shards, i - 1) FROM generate_series(1, :shards) i \gexec
