-- The row map: every way in which a row gets into an index sets its entry.
SET client_min_messages = warning;
CREATE FUNCTION maps(index regclass) RETURNS TABLE (map_pages bool, all_mapped bool, elements bigint, duplicates bigint)
	LANGUAGE sql AS $$ SELECT map_pages > 0, mapped = elements, elements, duplicates FROM hnsw_check(index, true, 0) $$;
CREATE FUNCTION a_point(i int) RETURNS vector LANGUAGE sql IMMUTABLE
	AS $$ SELECT ARRAY[i % 101, i % 37, i % 13, i::float8 / 1000]::vector(4) $$;

-- a build, INSERT, equal vectors, and after VACUUM in places that others had
CREATE TABLE t (id int, v vector(4)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, a_point(i) FROM generate_series(1, 3000) i;
INSERT INTO t SELECT i, a_point(7) FROM generate_series(3001, 3100) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SELECT * FROM maps('t_v');
INSERT INTO t SELECT i, a_point(i) FROM generate_series(4001, 5000) i;
INSERT INTO t SELECT i, a_point(9) FROM generate_series(5001, 5100) i;
SELECT * FROM maps('t_v');
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
INSERT INTO t SELECT i, a_point(i) FROM generate_series(6001, 8000) i;
SELECT * FROM maps('t_v');
UPDATE t SET id = -id, v = a_point(id + 10000) WHERE id > 7000;
SELECT * FROM maps('t_v');
REINDEX INDEX t_v;
SELECT * FROM maps('t_v');
REINDEX INDEX CONCURRENTLY t_v;
SELECT * FROM maps('t_v');

-- memory that ends in the middle of a build; processes in parallel
SET maintenance_work_mem = '1MB';
REINDEX INDEX t_v;
SELECT * FROM maps('t_v');
RESET maintenance_work_mem;
ALTER TABLE t SET (parallel_workers = 2);
SET min_parallel_table_scan_size = 0;
REINDEX INDEX t_v;
SELECT * FROM maps('t_v');

-- tables that were empty: logged, temporary, unlogged; and none
CREATE TABLE e (id int, v vector(4));
CREATE INDEX e_v ON e USING hnsw (v vector_l2_ops);
INSERT INTO e SELECT * FROM t;
SELECT * FROM maps('e_v');
CREATE TEMP TABLE temporary (id int, v vector(4));
CREATE INDEX temporary_v ON temporary USING hnsw (v vector_l2_ops);
INSERT INTO temporary SELECT * FROM t;
SELECT * FROM maps('temporary_v');
CREATE UNLOGGED TABLE u (id int, v vector(4));
CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops);
INSERT INTO u SELECT * FROM t;
SELECT * FROM maps('u_v');
CREATE INDEX t_none ON t USING hnsw (v vector_l2_ops) WITH (row_map = off);
INSERT INTO t SELECT i, a_point(i) FROM generate_series(9001, 9100) i;
SELECT * FROM maps('t_none');
SELECT * FROM maps('t_v');
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (row_map = maybe);

-- no more than 6 bytes a row where pages are full
CREATE TABLE wide (id int, v vector(128));
INSERT INTO wide SELECT i, array_fill(i, ARRAY[128])::vector FROM generate_series(1, 20000) i;
CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8);
SELECT map_pages * 8192.0 / index_rows < 6 AS small FROM hnsw_check('wide_v', searches => 0);

DROP TABLE t, e, u, wide;
DROP FUNCTION maps, a_point;
