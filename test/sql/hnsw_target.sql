-- hnsw.recall: an index chooses how far to search, by what it has measured
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE TABLE t (id int, v vector(16));
INSERT INTO t SELECT i, test_vector(i, 16) FROM generate_series(1, 2000) i;
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
ANALYZE t;
SET enable_seqscan = off;

-- what a build has measured: for 1, 10 and 100 rows, never less for more, by shares from .80 to .999
SELECT recall_from, array_dims(recall_ef) AS dims, (SELECT bool_and(ef BETWEEN 1 AND 1000) FROM unnest(recall_ef) ef) AS sane,
	recall_ef[2][1] >= recall_ef[1][1] AND recall_ef[3][1] >= 100 AS wider_for_more,
	recall_ef[1][7] >= recall_ef[1][1] AND recall_ef[3][7] >= recall_ef[3][1] AS wider_for_a_greater_share
	FROM hnsw_stats('t_idx');

-- what is set counts, then the index's option
PREPARE ask AS SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> (SELECT test_vector(-1, 16)) LIMIT 10) s;
CREATE FUNCTION scanned(OUT ef_search int, OUT recall float8, OUT chosen bool) LANGUAGE sql AS $$
	SELECT s.ef_search, s.recall, s.ef - i.recall_ef[2][CASE s.recall WHEN 0.8 THEN 1 WHEN 0.9 THEN 2 WHEN 0.98 THEN 4 WHEN 0.999 THEN 7 END]
			BETWEEN 0 AND 12 -- more where a pool runs short
		FROM hnsw_last_scan() s, hnsw_stats('t_idx') i
$$;
SHOW hnsw.recall;
EXECUTE ask;
SELECT * FROM scanned();
SET hnsw.recall = 0.98;
EXECUTE ask;
SELECT * FROM scanned();
ALTER INDEX t_idx SET (recall = 0.9);
EXECUTE ask;
SELECT * FROM scanned();
RESET hnsw.recall;
EXECUTE ask;
SELECT * FROM scanned();
SET hnsw.recall = 0;
EXECUTE ask;
SELECT * FROM scanned();
RESET hnsw.recall;
-- a width that is set counts, unless a share is set, too
SET hnsw.ef_search = 40;
EXECUTE ask;
SELECT * FROM scanned();
SET hnsw.recall = 0.999;
EXECUTE ask;
SELECT * FROM scanned();
RESET hnsw.ef_search;
RESET hnsw.recall;
-- the index's own width does not
ALTER INDEX t_idx SET (ef_search = 200);
EXECUTE ask;
SELECT * FROM scanned();
BEGIN;
SET LOCAL hnsw.recall = 0.8;
EXECUTE ask;
SELECT * FROM scanned();
ROLLBACK;
ALTER INDEX t_idx RESET (recall, ef_search);

-- values there may not be
SET hnsw.recall = 1;
SET hnsw.recall = -0.1;
SET hnsw.recall = 'most';
ALTER INDEX t_idx SET (recall = 1.0);
ALTER INDEX t_idx SET (recall = -0.5);
ALTER INDEX t_idx SET (recall = 'most');
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (recall = 2);

-- more rows begin with fewer, and pages of an answer agree; as they do one by one from a cursor
SET hnsw.recall = 0.8;
CREATE FUNCTION rows_of(wanted int, skipped int DEFAULT 0) RETURNS int[] LANGUAGE sql AS $$
	SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> (SELECT test_vector(-2, 16)) LIMIT wanted OFFSET skipped) s
$$;
SELECT k FROM unnest(ARRAY[1, 2, 5, 10, 11, 20, 37, 50, 99, 100, 101, 250]) k, rows_of(400) "all" WHERE rows_of(k) <> "all"[1:k];
SELECT (SELECT array_agg(id ORDER BY page, n) FROM generate_series(0, 19) page, unnest(rows_of(10, 10 * page)) WITH ORDINALITY u (id, n))
	= rows_of(200) AS pages_agree;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> (SELECT test_vector(-2, 16));
CREATE TEMP TABLE fetched (n serial, id int);
DO $$
DECLARE
	c refcursor := 'c';
	id int;
BEGIN
	FOR i IN 1 .. 120 LOOP
		FETCH c INTO id;
		INSERT INTO fetched (id) VALUES (id);
	END LOOP;
END $$;
SELECT array_agg(id ORDER BY n) = rows_of(120) AS one_by_one FROM fetched;
ROLLBACK;
SELECT cardinality(rows_of(2000)) AS all_rows;

-- with a filter, with the settings of a scan
SELECT count(*) FROM (SELECT id FROM t WHERE id % 7 = 3 ORDER BY v <-> (SELECT test_vector(-3, 16)) LIMIT 50) s;
SET hnsw.iterative_scan = off;
SELECT cardinality(rows_of(2000)) BETWEEN 30 AND 40 AS as_many_as_ef_search;
SET hnsw.ef_search = 7;
SELECT cardinality(rows_of(2000)) BETWEEN 5 AND 7 AS as_many_as_ef_search;
RESET hnsw.ef_search;
SET hnsw.iterative_scan = relaxed_order;
SELECT cardinality(rows_of(2000)) AS all_rows;
RESET hnsw.iterative_scan;
SET hnsw.adaptive_search = off;
SELECT cardinality(rows_of(100)), recall FROM hnsw_last_scan();
EXECUTE ask;
SELECT * FROM scanned();
RESET hnsw.adaptive_search;

-- the widths that hnsw_recall() is asked for count, and the chosen one is among those that it measures
SELECT a.nodes < b.nodes AS by_width FROM hnsw_recall('t_idx', sample => 20, ef => '{5,200}') a, hnsw_recall('t_idx', sample => 20, ef => '{200}') b
	WHERE a.ef_search = 5;
SELECT array_agg(r.ef_search) @> ARRAY[recall_ef[2][1]] AS chosen FROM hnsw_recall('t_idx', sample => 20) r, hnsw_stats('t_idx') GROUP BY recall_ef;

-- the planner sees the chosen width
CREATE FUNCTION startup_cost() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT id FROM t ORDER BY v <-> test_vector(0, 16) LIMIT 1' INTO plan;
	RETURN plan #>> '{0,Plan,Startup Cost}';
END $$;
SELECT startup_cost() AS little \gset
SET hnsw.recall = 0.999;
SELECT startup_cost() > :little AS dearer;
RESET hnsw.recall;

-- an index with few rows has measured nothing, and goes by the width
CREATE TABLE few (id int, v vector(16));
CREATE INDEX few_idx ON few USING hnsw (v vector_l2_ops) WITH (recall = 0.95);
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> (SELECT test_vector(1, 16)) LIMIT 10) s;
INSERT INTO few SELECT i, test_vector(i, 16) FROM generate_series(1, 300) i;
VACUUM few;
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> (SELECT test_vector(1, 16)) LIMIT 10) s;
SELECT ef_search, recall, ef FROM hnsw_last_scan();
SELECT recall_from, recall_ef FROM hnsw_stats('few_idx');
SELECT hnsw_calibrate('few_idx', 'SELECT test_vector(-i, 16) FROM generate_series(1, 10) i');
TRUNCATE few;
INSERT INTO few SELECT i, test_vector(i, 16) FROM generate_series(1, 90) i;
SELECT hnsw_calibrate('few_idx', 'SELECT test_vector(-i, 16) FROM generate_series(1, 30) i');
-- VACUUM measures when it has grown
INSERT INTO few SELECT i, test_vector(i, 16) FROM generate_series(301, 1300) i;
VACUUM few;
SELECT recall_from FROM hnsw_stats('few_idx');
SELECT count(*) FROM (SELECT id FROM few ORDER BY v <-> (SELECT test_vector(1, 16)) LIMIT 10) s;
SELECT recall FROM hnsw_last_scan();
-- nothing but duplicates
TRUNCATE few;
INSERT INTO few SELECT i, test_vector(i % 9, 16) FROM generate_series(1, 2000) i;
VACUUM few;
SELECT recall_from FROM hnsw_stats('few_idx');

-- other types; codes that cannot stand for the rows leave it unknown
CREATE TABLE bits (id int, b bit(64));
INSERT INTO bits SELECT i, binary_quantize(test_vector(i, 64)) FROM generate_series(1, 1200) i;
CREATE INDEX bits_idx ON bits USING hnsw (b bit_hamming_ops) WITH (recall = 0.95);
CREATE TABLE sparse (id int, s sparsevec(5000));
INSERT INTO sparse SELECT i, ('{' || string_agg((1 + (i * 31 + j * 577) % 5000)::text || ':' || (1 + (i * j) % 9)::text, ',') || '}/5000')::sparsevec
	FROM generate_series(1, 1200) i, generate_series(1, 8) j GROUP BY i;
CREATE INDEX sparse_idx ON sparse USING hnsw (s sparsevec_l2_ops) WITH (recall = 0.95);
CREATE INDEX half_idx ON t USING hnsw ((v::halfvec(16)) halfvec_cosine_ops) WITH (recall = 0.95, rerank = 'table');
CREATE INDEX coarse_idx ON t USING hnsw (v vector_ip_ops) WITH (recall = 0.95, bits = 1, rerank = 'table');
SELECT i, recall_from FROM unnest('{bits_idx,sparse_idx,half_idx,coarse_idx}'::regclass[]) i, hnsw_stats(i);
SELECT count(*) FROM (SELECT id FROM bits ORDER BY b <~> (SELECT b FROM bits WHERE id = 7) LIMIT 20) s;
SELECT index, recall FROM hnsw_last_scan();
SELECT count(*) FROM (SELECT id FROM sparse ORDER BY s <-> (SELECT s FROM sparse WHERE id = 7) LIMIT 20) s;
SELECT index, recall FROM hnsw_last_scan();
SELECT count(*) FROM (SELECT id FROM t ORDER BY v::halfvec(16) <=> (SELECT test_vector(7, 16)::halfvec(16)) LIMIT 20) s;
SELECT index, recall FROM hnsw_last_scan();
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <#> (SELECT test_vector(7, 16)) LIMIT 20) s;
SELECT index, recall FROM hnsw_last_scan();
DROP INDEX half_idx, coarse_idx;

-- partitions' indexes have widths, and options, of their own
CREATE TABLE parts (id int, v vector(16)) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (1) TO (1001);
CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (1001) TO (2001);
INSERT INTO parts SELECT id, v FROM t;
CREATE INDEX parts_idx ON parts USING hnsw (v vector_l2_ops) WITH (recall = 0.9);
SELECT count(*) FROM (SELECT id FROM part1 ORDER BY v <-> (SELECT test_vector(1, 16)) LIMIT 10) s;
SELECT index, recall FROM hnsw_last_scan();
ALTER INDEX part2_v_idx SET (recall = 0.98);
SELECT count(*) FROM (SELECT id FROM part2 ORDER BY v <-> (SELECT test_vector(1, 16)) LIMIT 10) s;
SELECT index, recall FROM hnsw_last_scan();
SELECT hnsw_calibrate('parts_idx', 'SELECT v FROM t');

-- hnsw_calibrate(): the widths for a user's queries, kept until the index is built anew
CREATE TABLE asked AS SELECT test_vector(-i, 16) AS v FROM generate_series(1, 30) i;
SELECT rows, array_agg(recall ORDER BY recall) AS recalls, min(ef) BETWEEN 1 AND 200 AS sane FROM hnsw_calibrate('t_idx', 'SELECT v FROM asked') GROUP BY rows ORDER BY rows;
SELECT recall_from, recall_ef = (SELECT array_agg(efs ORDER BY rows) FROM
	(SELECT rows, array_agg(ef ORDER BY recall) AS efs FROM hnsw_calibrate('t_idx', (SELECT array_agg(v) FROM asked)) GROUP BY rows) s) AS returned
	FROM hnsw_stats('t_idx');
SELECT recall_ef AS calibrated FROM hnsw_stats('t_idx') \gset
INSERT INTO t SELECT i, test_vector(i, 16) FROM generate_series(2001, 4000) i;
VACUUM t;
SELECT recall_from, recall_ef = :'calibrated' AS kept, measured_rows FROM hnsw_stats('t_idx');
SET hnsw.recall = 0.9;
EXECUTE ask;
SELECT * FROM scanned();
RESET hnsw.recall;
REINDEX INDEX t_idx;
SELECT recall_from FROM hnsw_stats('t_idx');

-- what cannot be done
SELECT hnsw_calibrate('t', 'SELECT v FROM asked');
SELECT hnsw_calibrate('t_idx', 'SELECT v FROM asked LIMIT 19');
SELECT hnsw_calibrate('t_idx', 'SELECT v FROM asked', 19);
SELECT hnsw_calibrate('t_idx', 'SELECT v FROM asked', NULL);
SELECT hnsw_calibrate('t_idx', NULL::text);
SELECT hnsw_calibrate(NULL, 'SELECT v FROM asked');
SELECT hnsw_calibrate('t_idx', '');
SELECT hnsw_calibrate('t_idx', 'SELECT 1');
SELECT hnsw_calibrate('t_idx', '{}'::vector[]);
SELECT hnsw_calibrate('t_idx', ARRAY['[1,2]']::vector[]);
SELECT hnsw_calibrate('t_idx', ARRAY[1, 2]);
BEGIN READ ONLY;
SELECT hnsw_calibrate('t_idx', 'SELECT v FROM asked');
ROLLBACK;
-- an error in between leaves searches as they were
SELECT hnsw_calibrate('t_idx', 'SELECT ''[1,2]''::vector FROM generate_series(1, 30)');
EXECUTE ask;
SELECT * FROM scanned();

-- only the owner may
CREATE ROLE hnsw_target_user;
GRANT SELECT ON t, asked TO hnsw_target_user;
SET ROLE hnsw_target_user;
SELECT hnsw_calibrate('t_idx', 'SELECT v FROM asked');
SELECT recall_from FROM hnsw_stats('t_idx');
RESET ROLE;
ALTER TABLE t OWNER TO hnsw_target_user;
ALTER INDEX t_idx OWNER TO hnsw_target_user;
SET ROLE hnsw_target_user;
SELECT count(*) FROM hnsw_calibrate('t_idx', 'SELECT v FROM asked');
RESET ROLE;
DROP TABLE t, few, bits, sparse, parts, asked;
DROP FUNCTION test_vector, scanned, rows_of, startup_cost;
DROP ROLE hnsw_target_user;
