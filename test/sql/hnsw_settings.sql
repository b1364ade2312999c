-- how an index is searched: what is set counts, then the index's options, then the defaults
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE TABLE t (id int, v vector(3));
INSERT INTO t SELECT i, test_vector(i, 3) FROM generate_series(1, 500) i;
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
ANALYZE t;
SET enable_seqscan = off;

-- rows that a scan returns which may not go on: as many as the search was for
PREPARE ask AS SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) s;
EXECUTE ask;
ALTER INDEX t_idx SET (iterative_scan = off, adaptive_search = off);
EXECUTE ask;
ALTER INDEX t_idx SET (ef_search = 7);
EXECUTE ask;

-- what is set wins, even if it is set to the default
SET hnsw.ef_search = 9;
EXECUTE ask;
SET hnsw.ef_search = 40;
EXECUTE ask;
SET hnsw.ef_search TO DEFAULT;
EXECUTE ask;
BEGIN;
SET LOCAL hnsw.ef_search = 11;
EXECUTE ask;
ROLLBACK;
EXECUTE ask;
SET hnsw.iterative_scan = strict_order;
EXECUTE ask;
RESET hnsw.iterative_scan;
CREATE FUNCTION ask() RETURNS bigint LANGUAGE sql SET hnsw.ef_search = 13
	AS $$ SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) s $$;
SELECT ask();
EXECUTE ask;

-- so it does when it is set for the database, or in the connection
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET hnsw.ef_search = 15', current_database()); END $$;
\c -
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) s;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET hnsw.ef_search', current_database()); END $$;
\c -
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) s;

-- without the option it is the default again
ALTER INDEX t_idx RESET (ef_search);
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 100) s;
ALTER INDEX t_idx SET (max_scan_tuples = 1, iterative_scan = relaxed_order, adaptive_search = on);
SELECT count(*) < 450 AS ended FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 450) s;
ALTER INDEX t_idx RESET (max_scan_tuples, iterative_scan);
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 450) s;

-- the planner sees the same
CREATE FUNCTION startup_cost() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM t ORDER BY v <-> ''[0,0,0]'' LIMIT 1' INTO plan;
	RETURN plan #>> '{0,Plan,Startup Cost}';
END $$;
SELECT startup_cost() AS usual \gset
ALTER INDEX t_idx SET (ef_search = 1000);
SELECT startup_cost() AS wide \gset
SET hnsw.ef_search = 40;
SELECT startup_cost() AS set \gset
RESET hnsw.ef_search;
SELECT :wide > 2 * :usual AS dearer, :set = :usual AS as_set;

-- searches and changes go on meanwhile
BEGIN;
ALTER INDEX t_idx SET (ef_search = 50, scan_mem_multiplier = 2);
SELECT mode FROM pg_locks WHERE relation = 't_idx'::regclass ORDER BY mode;
COMMIT;
SELECT reloptions FROM pg_class WHERE oid = 't_idx'::regclass;

-- ranges
ALTER INDEX t_idx SET (ef_search = 0);
ALTER INDEX t_idx SET (ef_search = 1001);
ALTER INDEX t_idx SET (adaptive_search = perhaps);
ALTER INDEX t_idx SET (iterative_scan = on);
ALTER INDEX t_idx SET (max_scan_tuples = 0);
ALTER INDEX t_idx SET (scan_mem_multiplier = 0.5);
ALTER INDEX t_idx SET (scan_mem_multiplier = 1001);
DROP TABLE t;
DROP FUNCTION ask;

-- partitions have the options of the index that they were created with, and of their own
CREATE TABLE t (id int, v vector(3)) PARTITION BY LIST (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);
INSERT INTO t SELECT 1 + i % 2, test_vector(i, 3) FROM generate_series(1, 500) i;
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (ef_search = 5, iterative_scan = off, adaptive_search = off);
CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3);
INSERT INTO t SELECT 3, test_vector(i, 3) FROM generate_series(1, 100) i;
ALTER INDEX t2_v_idx SET (ef_search = 6);
SELECT id, count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 300) s GROUP BY id ORDER BY id;
DO $$
DECLARE
	partition regclass;
BEGIN
	FOR partition IN SELECT relid FROM pg_partition_tree('t_idx') WHERE isleaf LOOP
		EXECUTE format('ALTER INDEX %s SET (ef_search = 8)', partition);
	END LOOP;
END $$;
SELECT id, count(*) FROM (SELECT id FROM t ORDER BY v <-> '[0,0,0]' LIMIT 300) s GROUP BY id ORDER BY id;
DROP TABLE t;
DROP FUNCTION test_vector, startup_cost;
