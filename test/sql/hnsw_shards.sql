-- Nearest rows of a table whose partitions are foreign tables: each server is asked for the first rows, at once; the answer is that of
-- a table in one place.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
RESET client_min_messages;
DO $$ BEGIN
	FOR i IN 1..3 LOOP
		EXECUTE format('CREATE SERVER shards%s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L,
			extensions ''hnswc'', async_capable ''true'')', i, split_part(current_setting('unix_socket_directories'), ',', 1),
			current_setting('port'), current_database());
		EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER shards%s', i);
	END LOOP;
END $$;

-- the columns are in another order everywhere
CREATE TABLE spread (id int, category int, title text, dropped int, v vector(3)) PARTITION BY HASH (id);
ALTER TABLE spread DROP COLUMN dropped;
CREATE TABLE remote1 (id int PRIMARY KEY, category int, title text, v vector(3));
CREATE TABLE remote2 (v vector(3), title text, id int PRIMARY KEY, category int);
CREATE TABLE remote3 (title text, v vector(3), category int, id int PRIMARY KEY);
CREATE FOREIGN TABLE shard1 PARTITION OF spread FOR VALUES WITH (MODULUS 4, REMAINDER 0) SERVER shards1 OPTIONS (table_name 'remote1');
CREATE FOREIGN TABLE shard2 (v vector(3), category int, id int, title text) SERVER shards2 OPTIONS (table_name 'remote2');
ALTER TABLE spread ATTACH PARTITION shard2 FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE more PARTITION OF spread FOR VALUES WITH (MODULUS 4, REMAINDER 2) PARTITION BY LIST (category);
CREATE FOREIGN TABLE shard3 PARTITION OF more FOR VALUES IN (0, 1, 2) SERVER shards3 OPTIONS (table_name 'remote3');
CREATE TABLE here1 PARTITION OF more DEFAULT;
CREATE TABLE here2 (category int, v vector(3), gone text, id int, title text);
ALTER TABLE here2 DROP COLUMN gone;
ALTER TABLE spread ATTACH PARTITION here2 FOR VALUES WITH (MODULUS 4, REMAINDER 3);

CREATE TABLE whole (id int PRIMARY KEY, category int, title text, v vector(3));
INSERT INTO whole SELECT i, hashint4(i) & 3, 'title ' || i % 50, CASE WHEN i % 100 > 0 THEN
	ARRAY[hashint4(i) / 1e9, hashint4(i + 10000) / 1e9, hashint4(i + 20000) / 1e9]::vector END
	FROM generate_series(1, 1000) i;
INSERT INTO spread (id, category, title, v) SELECT * FROM whole;
CREATE INDEX ON remote1 USING hnsw (v vector_l2_ops);
CREATE INDEX ON remote2 USING hnsw (v vector_l2_ops);
CREATE INDEX ON here2 USING hnsw (v vector_l2_ops);
ANALYZE;
SET hnsw.ef_search = 1000;

EXPLAIN (VERBOSE, COSTS OFF) SELECT id, title FROM spread WHERE category < 3 ORDER BY v <-> '[1,-1,0.5]' LIMIT 5 OFFSET 2;

-- How many servers are asked for the first rows only, which of them at once, for how many vectors; which partitions are read here; and whether
-- the answer is that of the whole table.
CREATE FUNCTION spread(query text, OUT limited int, OUT async int, OUT vectors int, OUT here text, OUT is_right boolean)
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	sent text;
	answer text;
	expected text;
BEGIN
	limited := 0; async := 0; vectors := 0;
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		sent := substring(line FROM 'Remote SQL: SELECT (.*) FROM');
		limited := limited + (line ~ 'Remote SQL: .* LIMIT')::int;
		async := async + (line ~ 'Async Foreign Scan')::int;
		vectors := vectors + coalesce(sent ~ '(^| )v(,|$)', false)::int;
		here := concat_ws(' ', here, substring(line FROM 'Scan.* on public\.(here\d)'));
	END LOOP;
	EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || query || ') x' INTO answer;
	EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || replace(query, 'spread', 'whole') || ') x' INTO expected;
	is_right := answer = expected OR num_nulls(answer, expected) = 2;
	IF NOT is_right THEN RAISE WARNING '% instead of %', answer, expected; END IF;
END $$;

-- the form of the order, and what is returned
SELECT q, s.* FROM (VALUES
	(1, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(2, 'SELECT id, v <-> ''[1,-1,0.5]'' AS distance FROM spread ORDER BY distance LIMIT 10 OFFSET 5'),
	(3, 'SELECT id, 1 - (v <=> ''[1,-1,0.5]'') AS similarity FROM spread WHERE v IS NOT NULL ORDER BY similarity DESC LIMIT 10'),
	(4, 'SELECT id FROM spread ORDER BY cosine_distance(v, ''[1,-1,0.5]'') LIMIT 10'),
	(5, 'SELECT id, inner_product(v, ''[1,-1,0.5]'') FROM spread ORDER BY inner_product(v, ''[1,-1,0.5]'') DESC NULLS LAST LIMIT 10'),
	(6, 'SELECT id, round((1 / (1 + (v <-> ''[1,-1,0.5]'')))::numeric, 5) AS score FROM spread ORDER BY score DESC NULLS LAST LIMIT 10'),
	(7, 'SELECT upper(title) AS t, id % 7, v <-> ''[1,-1,0.5]'' < 0.5 AS near FROM spread ORDER BY ''[1,-1,0.5]'' <-> v LIMIT 10'),
	(8, 'SELECT id, v FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(9, 'SELECT id, v <+> ''[0,0,0]'' FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(10, 'SELECT title, category FROM spread ORDER BY (v <-> ''[1,-1,0.5]'')::real, title DESC, id LIMIT 10'),
	(11, 'SELECT 1 FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 7'),
	(12, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 0'),
	(13, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'', id LIMIT 1000 OFFSET 985'),
	(14, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' DESC, id LIMIT 15'),
	(15, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' NULLS FIRST, id LIMIT 15'),
	(16, 'SELECT id FROM spread ORDER BY coalesce(v <-> ''[1,-1,0.5]'', 1), id LIMIT 20'),
	(17, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 5 OFFSET NULL'),
	(18, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'', id LIMIT 9223372036854775807 OFFSET 985'),
	(19, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT (SELECT 4) OFFSET (SELECT 3)'),
	(20, 'SELECT id, (SELECT count(*) FROM whole w WHERE w.id < spread.id) FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 4')
) queries (q, query), spread(query) s ORDER BY q;

-- conditions
SELECT q, s.* FROM (VALUES
	(1, 'SELECT id FROM spread WHERE category = 1 ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(2, 'SELECT id FROM spread WHERE category = 3 AND title LIKE ''title 1%'' ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(3, 'SELECT id FROM spread WHERE id = 17 ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(4, 'SELECT id FROM spread WHERE id IN (17, 18, 19) ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(5, 'SELECT id FROM spread WHERE v <-> ''[1,-1,0.5]'' < 0.9 ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 100'),
	(6, 'SELECT id FROM spread WHERE category = (SELECT max(category) FROM whole) - 1 ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(7, 'SELECT id FROM spread WHERE EXISTS (SELECT FROM whole) AND title > ''title '' || 1 + least(1, extract(epoch FROM now())) ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(8, 'SELECT id FROM spread WHERE id < extract(epoch FROM now()) ORDER BY v <-> (SELECT v FROM spread WHERE id = 7) LIMIT 10'),
	(9, 'SELECT id FROM spread WHERE id <> (SELECT 7) ORDER BY v <-> (SELECT v FROM spread WHERE id = 7) LIMIT 10'),
	(10, 'SELECT id FROM spread WHERE id <= (SELECT 500) ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(11, 'SELECT id FROM spread WHERE false ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(12, 'SELECT id FROM spread WHERE EXISTS (SELECT FROM whole w WHERE w.id = spread.id + 1) ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(13, 'SELECT id FROM spread WHERE random() < 2 ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(14, 'SELECT id FROM spread WHERE tableoid <> ''shard1''::regclass AND false ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(15, 'SELECT id FROM spread WHERE v <-> ''[1,-1,0.5]'' IS NULL ORDER BY v <-> ''[1,-1,0.5]'', id LIMIT 10')
) queries (q, query), spread(query) s ORDER BY q;

-- around
CREATE VIEW shown AS SELECT id AS number, title, v AS embedding FROM spread WHERE category > 0;
CREATE VIEW spread_shown AS SELECT * FROM shown WHERE number > 10;
CREATE VIEW whole_shown AS SELECT id AS number, title, v AS embedding FROM whole WHERE category > 0 AND id > 10;
CREATE VIEW spread_barrier WITH (security_barrier) AS SELECT * FROM spread;
CREATE VIEW whole_barrier AS SELECT * FROM whole;
SELECT q, s.* FROM (VALUES
	(1, 'SELECT number FROM spread_shown ORDER BY embedding <-> ''[1,-1,0.5]'' LIMIT 10'),
	(2, 'SELECT * FROM (SELECT id, v <-> ''[1,-1,0.5]'' AS d FROM spread) s WHERE d > 0.5 ORDER BY d LIMIT 10'),
	(3, 'SELECT id FROM spread_barrier ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10'),
	(4, 'SELECT s.id, w.title FROM (SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10) s JOIN whole w ON w.id = s.id ORDER BY s.id'),
	(5, 'SELECT q.id, s.id AS near FROM whole q CROSS JOIN LATERAL (SELECT id FROM spread ORDER BY v <-> q.v LIMIT 3) s WHERE q.id < 4 ORDER BY 1, 2'),
	(6, 'WITH near AS (SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10) SELECT max(id) FROM near'),
	(7, 'WITH taste AS (SELECT avg(v) AS v FROM whole) SELECT id FROM spread ORDER BY v <-> (SELECT v FROM taste) LIMIT 10'),
	(8, 'SELECT (SELECT id FROM spread ORDER BY v <-> q.v::vector(3) LIMIT 1) FROM whole q WHERE q.id IN (3, 5) ORDER BY q.id'),
	(9, '(SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 3) UNION ALL (SELECT id FROM spread ORDER BY v <-> ''[0,1,0]'' LIMIT 3)'),
	(10, 'SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' FETCH FIRST 5 ROWS WITH TIES'),
	(11, 'SELECT DISTINCT id, v <-> ''[1,-1,0.5]'' AS d FROM spread ORDER BY d LIMIT 5'),
	(12, 'SELECT id, rank() OVER (ORDER BY v <-> ''[1,-1,0.5]'') AS rank FROM spread ORDER BY rank LIMIT 5')
) queries (q, query), spread(query) s ORDER BY q;
SELECT spread FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 1;
SELECT tableoid::regclass, id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT -1;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 1 OFFSET -1;
BEGIN;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 1 FOR UPDATE;
DECLARE nearest SCROLL CURSOR FOR SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
FETCH ALL nearest;
FETCH BACKWARD 2 FROM nearest;
-- rows of the own transaction
INSERT INTO spread (id, category, v) SELECT id + 5000, category, v FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 2;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]', id LIMIT 4;
ROLLBACK;

-- parameters
PREPARE near (vector, text, int, int) AS SELECT id FROM spread WHERE title > $2 ORDER BY v <-> $1 LIMIT $3 OFFSET $4;
SET plan_cache_mode = force_custom_plan;
CREATE FUNCTION limits(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || statement LOOP
		IF line ~ 'Remote SQL' THEN RETURN NEXT substring(line FROM 'FROM.*'); END IF;
	END LOOP;
END $$;
SELECT * FROM limits('EXECUTE near (''[1,-1,0.5]'', ''title 2'', 5, 1)');
EXECUTE near ('[1,-1,0.5]', 'title 2', 5, 1);
EXECUTE near ('[1,-1,0.5]', 'title 2', 5, NULL);
SET plan_cache_mode = force_generic_plan;
SELECT * FROM limits('EXECUTE near (''[1,-1,0.5]'', ''title 2'', 5, 1)');
EXECUTE near ('[1,-1,0.5]', 'title 2', 5, 1);
EXECUTE near ('[1,-1,0.5]', 'title 2', 5, NULL);
SELECT id FROM whole WHERE title > 'title 2' ORDER BY v <-> '[1,-1,0.5]' LIMIT 5 OFFSET 1;
-- what may leave out partitions when the query runs is left to do so
PREPARE near_one (vector, int) AS SELECT id FROM spread WHERE id = $2 ORDER BY v <-> $1 LIMIT 5;
SELECT count(*) FROM limits('EXECUTE near_one (''[1,-1,0.5]'', 17)');
EXECUTE near_one ('[1,-1,0.5]', 17);
RESET plan_cache_mode;
-- partitions come and go
PREPARE nearest AS SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
EXECUTE nearest;
BEGIN;
ALTER TABLE spread DETACH PARTITION shard1;
EXECUTE nearest;
SELECT count(*) FROM limits('EXECUTE nearest');
ROLLBACK;
EXECUTE nearest;

-- off, and what a server does not do
ALTER SERVER shards3 OPTIONS (ADD use_remote_estimate 'true');
SELECT * FROM spread('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10');
SET hnsw.rewrite = off;
SELECT * FROM spread('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10');
RESET hnsw.rewrite;
CREATE FUNCTION odd(i int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i % 2 = 1; END';
SELECT * FROM spread('SELECT id FROM spread WHERE odd(id) ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10');
SELECT * FROM spread('SELECT id, odd(id) FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10');
SELECT * FROM spread('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'', odd(id) LIMIT 10');
-- a partition that is asked for by itself, beside the others
SELECT id, odd(id) AS odd FROM (SELECT id, odd(id) AS odd FROM shard1 ORDER BY v <-> '[1,-1,0.5]' LIMIT 1) s
	UNION ALL (SELECT id, odd(id) FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 2);
SELECT count(*) FROM limits('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 1 + random()') l WHERE l ~ 'LIMIT';
ALTER SERVER shards2 OPTIONS (DROP extensions);
SELECT * FROM spread('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 10');
ALTER SERVER shards2 OPTIONS (ADD extensions 'hnswc');

-- rights are those of the partitioned table and of views
CREATE ROLE hnsw_shards_reader;
CREATE ROLE hnsw_shards_owner;
GRANT SELECT (id, v) ON spread TO hnsw_shards_reader;
GRANT SELECT ON spread TO hnsw_shards_owner;
CREATE VIEW owned AS SELECT id, v FROM spread;
ALTER VIEW owned OWNER TO hnsw_shards_owner;
GRANT SELECT ON owned TO hnsw_shards_reader;
DO $$ BEGIN
	FOR i IN 1..3 LOOP
		EXECUTE format('CREATE USER MAPPING FOR hnsw_shards_reader SERVER shards%s OPTIONS (user %L, password_required %L)', i, current_user, 'false');
	END LOOP;
END $$;
SET ROLE hnsw_shards_reader;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
SELECT title FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
SELECT id FROM shard1 ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
-- a view reads as its owner, who has no account there
\set VERBOSITY sqlstate
SELECT id FROM owned ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
\set VERBOSITY default
RESET ROLE;
DO $$ BEGIN
	FOR i IN 1..3 LOOP
		EXECUTE format('ALTER USER MAPPING FOR hnsw_shards_reader SERVER shards%s OPTIONS (SET user %L)', i, 'nobody');
		EXECUTE format('CREATE USER MAPPING FOR hnsw_shards_owner SERVER shards%s OPTIONS (user %L, password_required %L)', i, current_user, 'false');
	END LOOP;
END $$;
SELECT count(*) FROM limits('SELECT id FROM owned ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 3') l WHERE l ~ 'LIMIT';
SET ROLE hnsw_shards_reader;
SELECT id FROM owned ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
RESET ROLE;
-- row level security
CREATE POLICY even ON spread USING (id % 2 = 0);
ALTER TABLE spread ENABLE ROW LEVEL SECURITY;
ALTER TABLE spread FORCE ROW LEVEL SECURITY;
SET ROLE hnsw_shards_owner;
SELECT id FROM spread ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;
SELECT count(*) FROM limits('SELECT id FROM spread ORDER BY v <-> ''[1,-1,0.5]'' LIMIT 3') l WHERE l ~ 'LIMIT';
RESET ROLE;
SELECT id FROM whole WHERE id % 2 = 0 ORDER BY v <-> '[1,-1,0.5]' LIMIT 3;

DROP VIEW owned, spread_shown, shown, whole_shown, spread_barrier, whole_barrier;
DROP TABLE spread, whole, remote1, remote2, remote3;
DROP FUNCTION spread(text), limits(text), odd(int);
SET client_min_messages = warning;
DROP SERVER shards1, shards2, shards3 CASCADE;
DROP ROLE hnsw_shards_reader, hnsw_shards_owner;
DROP EXTENSION postgres_fdw;
