-- what the session's last scan did
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
SELECT index IS NULL AND nodes IS NULL AS none FROM hnsw_last_scan();
CREATE TABLE t (id int, v vector(32));
INSERT INTO t SELECT i, test_vector(i, 32) FROM generate_series(1, 2000) i;
INSERT INTO t VALUES (0, NULL);
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
ANALYZE t;
SET enable_seqscan = off;
SET enable_sort = off;

-- a search for a few rows: one round, nothing swept, no time
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(-1, 32) LIMIT 10) s;
SELECT index, strategy, ef_search, ef, rounds, nodes BETWEEN 40 AND 2000 AS nodes, reranked BETWEEN 10 AND 200 AS reranked,
	returned, kept_back, swept, table_rows, blocks_hit > 0 AS blocks_hit, blocks_read, milliseconds FROM hnsw_last_scan();
-- as the table is not asked, the numbers stay
SELECT returned FROM hnsw_last_scan();

-- a filter that few rows pass: the scan goes on with the table, or with the search if it may not look at so many rows
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 0 ORDER BY v <-> test_vector(-1, 32) LIMIT 10) s;
SELECT strategy, table_rows FROM hnsw_last_scan();
SET hnsw.max_scan_tuples = 1999;
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 0 ORDER BY v <-> test_vector(-1, 32) LIMIT 10) s;
SELECT strategy, rounds > 1 AS rounds, returned > 100 AS returned, reranked >= returned AS reranked FROM hnsw_last_scan();
RESET hnsw.max_scan_tuples;
-- each search of a nested loop is a scan of its own
SELECT count(*) FROM generate_series(1, 3) i, LATERAL (SELECT id FROM t ORDER BY v <-> test_vector(-i, 32) LIMIT i) s;
SELECT returned FROM hnsw_last_scan();
-- ef_search is that of the index, and a LIMIT raises what the search is for
ALTER INDEX t_idx SET (ef_search = 20);
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(-1, 32) LIMIT 100) s;
SELECT ef_search, ef >= 100 AS ef, returned FROM hnsw_last_scan();
-- without a direction all rows are as far: they are read in their order
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> (SELECT NULL::vector) LIMIT 10) s;
SELECT strategy, ef_search, rounds, nodes, swept > 0 AS swept, returned FROM hnsw_last_scan();
-- what is measured in the table is counted
CREATE INDEX t_table ON t USING hnsw (v vector_l2_ops) WITH (rerank = 'table');
DROP INDEX t_idx;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(-1, 32) LIMIT 10) s;
SELECT index, table_rows = reranked AS table_rows FROM hnsw_last_scan();

-- time is measured when slow scans are logged
SET hnsw.log_min_duration = '1h';
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(-1, 32) LIMIT 10) s;
SELECT milliseconds BETWEEN 0 AND 60000 AS measured FROM hnsw_last_scan();
RESET hnsw.log_min_duration;
SHOW hnsw.log_min_duration;
CREATE ROLE hnsw_last_scan_user;
SET ROLE hnsw_last_scan_user;
SET hnsw.log_min_duration = 0;
SELECT returned FROM hnsw_last_scan();
RESET ROLE;
DROP ROLE hnsw_last_scan_user;
DROP TABLE t;
SELECT returned FROM hnsw_last_scan();
DROP FUNCTION test_vector;
