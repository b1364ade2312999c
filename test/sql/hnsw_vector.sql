-- the index in all its forms: what a query through it returns against what a sequential scan returns
SET client_min_messages = warning;

\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector

-- The share of the k nearest rows by exact search that the index finds, over 20 queries: judged by distance, so that ties
-- count whichever of them is returned.
CREATE FUNCTION test_recall(tbl text, op text, k int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM %I WHERE v IS NOT NULL ORDER BY v %1$s $1 LIMIT $2) s', op, tbl);
	dims int;
	exact float8[];
	found float8[];
	good int := 0;
	wanted int := 0;
BEGIN
	EXECUTE format('SELECT vector_dims(v) FROM %I WHERE v IS NOT NULL LIMIT 1', tbl) INTO dims;
	FOR q IN 1..20 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE statement INTO exact USING test_vector(1000000 + q, dims), k;
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE statement INTO found USING test_vector(1000000 + q, dims), k;
		wanted := wanted + cardinality(exact);
		good := good + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)] + 1e-6);
	END LOOP;
	RETURN round(good / wanted::numeric, 3);
END $$;

CREATE TABLE t (id int, v vector(24));
INSERT INTO t SELECT i, test_vector(i, 24) FROM generate_series(1, 2000) i;
INSERT INTO t VALUES (-1, NULL);

-- every operator class
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
SELECT test_recall('t', '<->', 10) >= 0.98 AS recall;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY v <-> '[1]' LIMIT 5;
DROP INDEX t_idx;
CREATE INDEX t_idx ON t USING hnsw (v vector_ip_ops);
SELECT test_recall('t', '<#>', 10) >= 0.98 AS recall;
DROP INDEX t_idx;
CREATE INDEX t_idx ON t USING hnsw (v vector_cosine_ops);
SELECT test_recall('t', '<=>', 10) >= 0.98 AS recall;
DROP INDEX t_idx;
CREATE INDEX t_idx ON t USING hnsw (v vector_l1_ops);
SELECT test_recall('t', '<+>', 10) >= 0.98 AS recall;
DROP INDEX t_idx;

-- every code and every source of exact distances
DO $$
DECLARE
	bits int;
	rerank text;
	recall numeric;
	inserted numeric;
BEGIN
	FOREACH bits IN ARRAY ARRAY[1, 2, 4, 8, 32] LOOP
		FOREACH rerank IN ARRAY ARRAY['index', 'half', 'table'] LOOP
			EXECUTE format('CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (bits = %s, rerank = %s)', bits, rerank);
			PERFORM set_config('hnsw.ef_search', '200', true);
			recall := test_recall('t', '<->', 10);
			IF recall < (CASE bits WHEN 1 THEN 0.9 ELSE 0.98 END) THEN
				RAISE WARNING 'bits %, rerank %: recall %', bits, rerank, recall;
			END IF;
			DROP INDEX t_idx;
		END LOOP;
	END LOOP;
END $$;

-- an index that was empty when it was created
CREATE TABLE e (id int, v vector(24));
CREATE INDEX e_idx ON e USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT FROM e ORDER BY v <-> test_vector(0, 24)) s;
INSERT INTO e SELECT * FROM t;
SELECT test_recall('e', '<->', 10) >= 0.98 AS recall;
TRUNCATE e;
SELECT count(*) FROM (SELECT FROM e ORDER BY v <-> test_vector(0, 24)) s;
INSERT INTO e SELECT * FROM t WHERE id <= 10;
SELECT id FROM e ORDER BY v <-> test_vector(3, 24) LIMIT 1;
DROP TABLE e;

-- several rounds of a scan that looks beyond its pool: every row once
SET enable_seqscan = off;
CREATE INDEX t_idx ON t USING hnsw (v vector_cosine_ops) WITH (bits = 1, rerank = table, m = 4, ef_construction = 16);
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <=> test_vector(3, 24)) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <=> test_vector(3, 24) LIMIT 500) s;
DROP INDEX t_idx;

-- exact distances come out in order, whatever the codes say
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (bits = 1);
SELECT count(*) AS out_of_order FROM (
	SELECT d < lag(d) OVER (ORDER BY n) AS wrong FROM (
		SELECT row_number() OVER () AS n, d FROM (
			SELECT v <-> test_vector(77, 24) AS d FROM t ORDER BY v <-> test_vector(77, 24) LIMIT 300) s) s) s
WHERE wrong;
DROP INDEX t_idx;

-- rows that are not indexed: NULL, and zero vectors under cosine; queries of that kind
CREATE TABLE z (id int, v vector(3));
INSERT INTO z VALUES (1, '[0,0,0]'), (2, NULL), (3, '[1,1,1]'), (4, '[1,2,3]'), (5, '[-1,0,0]');
CREATE INDEX z_idx ON z USING hnsw (v vector_cosine_ops);
SELECT id FROM z ORDER BY v <=> '[1,1,1.5]';
SELECT count(*) FROM (SELECT id FROM z ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM z ORDER BY v <=> NULL) s;
DROP INDEX z_idx;
CREATE INDEX z_idx ON z USING hnsw (v vector_l2_ops);
SELECT id FROM z ORDER BY v <-> '[0,0,0]';
SELECT count(*) FROM (SELECT id FROM z ORDER BY v <-> (SELECT NULL::vector)) s;
INSERT INTO z VALUES (6, NULL), (7, '[0,0,0]');
SELECT id FROM z ORDER BY v <-> '[0,0,0]' LIMIT 2;
DROP TABLE z;

-- a LIMIT is met as long as the table has rows, however selective the filter and small ef_search
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
SET hnsw.ef_search = 5;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(0, 24)) s;
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 0 ORDER BY v <-> test_vector(0, 24) LIMIT 15) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 0 ORDER BY v <-> test_vector(0, 24) LIMIT 15) s;
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> test_vector(0, 24)) s;
RESET hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 5 AND 500 AS limited FROM (SELECT id FROM t ORDER BY v <-> test_vector(0, 24)) s;
RESET hnsw.max_scan_tuples;
-- every row once, and the right ones first
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> test_vector(0, 24)) s;
RESET hnsw.ef_search;
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM t ORDER BY v <-> test_vector(0, 24)) s;
RESET work_mem;

-- rescans: nested loops, LATERAL, parameters; cursors
SELECT q, (SELECT id FROM t ORDER BY v <-> test_vector(q, 24) LIMIT 1) AS nearest FROM generate_series(1, 5) q;
SELECT q, array_agg(id = q ORDER BY n) AS own_first
FROM generate_series(11, 13) q,
	LATERAL (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM t ORDER BY v <-> test_vector(q, 24) LIMIT 3) s) s
GROUP BY q ORDER BY q;
PREPARE nearest(vector) AS SELECT id FROM t ORDER BY v <-> $1 LIMIT 1;
EXECUTE nearest(test_vector(42, 24));
EXECUTE nearest(test_vector(43, 24));
EXECUTE nearest(NULL);
SET plan_cache_mode = force_generic_plan;
EXECUTE nearest(test_vector(44, 24));
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> test_vector(5, 24);
FETCH 1 FROM c;
DECLARE d CURSOR FOR SELECT id FROM t ORDER BY v <-> test_vector(6, 24);
FETCH 1 FROM d;
MOVE 500 FROM c;
FETCH 1 FROM d;
MOVE 1000 FROM c;
MOVE ALL FROM c;
COMMIT;

-- the hidden column of ORDER BY is not computed, the one that is asked for is
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY v <-> '[1]' LIMIT 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, v <-> '[1]' AS d FROM t ORDER BY v <-> '[1]' LIMIT 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t ORDER BY v <-> '[1]' FETCH FIRST 1 ROW WITH TIES;
SELECT id FROM t ORDER BY v <-> test_vector(7, 24) FETCH FIRST 1 ROW WITH TIES;
SELECT id FROM (SELECT id FROM t ORDER BY v <-> test_vector(7, 24) LIMIT 1) s UNION ALL
	(SELECT id FROM t ORDER BY v <-> test_vector(8, 24) LIMIT 1);
SELECT id FROM t ORDER BY v <-> test_vector(9, 24) LIMIT 1 FOR UPDATE;
-- also where rows are joined in their order
CREATE TABLE parent (id int PRIMARY KEY, name text);
INSERT INTO parent SELECT i, 'parent ' || i FROM generate_series(1, 2000) i;
ANALYZE parent;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.id, name FROM t JOIN parent USING (id) ORDER BY v <-> '[1]' LIMIT 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.id, a.name, b.name FROM t LEFT JOIN parent a ON a.id = t.id LEFT JOIN parent b ON b.id = a.id + 1
	ORDER BY v <-> '[1]' LIMIT 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.id, name, v <-> '[1]' AS d FROM t JOIN parent USING (id) ORDER BY v <-> '[1]' LIMIT 1;
EXPLAIN (VERBOSE, COSTS OFF) SELECT t.id, name, 1 - (v <-> '[1]') AS d FROM t JOIN parent USING (id) ORDER BY v <-> '[1]' LIMIT 1;
SELECT t.id, name FROM t JOIN parent USING (id) ORDER BY v <-> test_vector(7, 24) LIMIT 2;
SELECT t.id, a.name, b.name FROM t LEFT JOIN parent a ON a.id = t.id LEFT JOIN parent b ON b.id = a.id + 1 ORDER BY v <-> test_vector(9, 24) LIMIT 1;
SELECT t.id, name, round((v <-> test_vector(7, 24))::numeric, 6) AS d FROM t JOIN parent ON parent.id = t.id + 1 ORDER BY v <-> test_vector(7, 24) LIMIT 1;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;
DROP TABLE parent;

-- updates and deletes
UPDATE t SET v = test_vector(-9, 24) WHERE id = 100;
SELECT id FROM t ORDER BY v <-> test_vector(-9, 24) LIMIT 1;
DELETE FROM t WHERE id = 100;
SELECT id = 100 AS deleted_row FROM t ORDER BY v <-> test_vector(-9, 24) LIMIT 1;
VACUUM t;
SELECT test_recall('t', '<->', 10) >= 0.98 AS recall;
REINDEX INDEX t_idx;
SELECT test_recall('t', '<->', 10) >= 0.98 AS recall;
REINDEX INDEX CONCURRENTLY t_idx;
SELECT test_recall('t', '<->', 10) >= 0.98 AS recall;
DROP INDEX t_idx;
CREATE INDEX CONCURRENTLY t_idx ON t USING hnsw (v vector_l2_ops);
SELECT test_recall('t', '<->', 10) >= 0.98 AS recall;
DROP INDEX t_idx;

-- duplicates without limit
CREATE TABLE same (id int, v vector(24));
INSERT INTO same SELECT i, test_vector(1, 24) FROM generate_series(1, 3000) i;
INSERT INTO same SELECT i, test_vector(i, 24) FROM generate_series(3001, 3100) i;
CREATE INDEX same_idx ON same USING hnsw (v vector_l2_ops);
INSERT INTO same SELECT i, test_vector(1, 24) FROM generate_series(4001, 6000) i;
SELECT count(*), count(DISTINCT id), max(d) FROM (SELECT id, v <-> test_vector(1, 24) AS d FROM same ORDER BY v <-> test_vector(1, 24) LIMIT 5000) s;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <-> test_vector(3050, 24)) s;
SELECT pg_relation_size('same_idx') < 400 * 8192 AS small;
DELETE FROM same WHERE id % 2 = 0;
VACUUM same;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <-> test_vector(3050, 24)) s;
DROP TABLE same;

-- partial, on an expression, unlogged, temporary, partitioned, several on one column
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WHERE id < 100;
SELECT count(*) FROM (SELECT id FROM t WHERE id < 100 ORDER BY v <-> test_vector(5, 24)) s;
DROP INDEX t_idx;
CREATE INDEX t_idx ON t USING hnsw ((subvector(v, 1, 8)::vector(8)) vector_l2_ops);
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY subvector(v, 1, 8)::vector(8) <-> '[1]' LIMIT 1;
SELECT count(*) FROM (SELECT id FROM t ORDER BY subvector(v, 1, 8)::vector(8) <-> test_vector(5, 8) LIMIT 10) s;
DROP INDEX t_idx;
CREATE UNLOGGED TABLE u (id int, v vector(24));
CREATE INDEX u_idx ON u USING hnsw (v vector_l2_ops);
INSERT INTO u SELECT * FROM t;
SELECT test_recall('u', '<->', 10) >= 0.98 AS recall;
DROP TABLE u;
CREATE TEMP TABLE temporary (id int, v vector(24));
INSERT INTO temporary SELECT * FROM t WHERE id <= 1000;
CREATE INDEX temporary_idx ON temporary USING hnsw (v vector_l2_ops);
INSERT INTO temporary SELECT * FROM t WHERE id > 1000;
DELETE FROM temporary WHERE id % 10 = 0;
VACUUM temporary;
SELECT test_recall('temporary', '<->', 10) >= 0.98 AS recall;
DROP TABLE temporary;
CREATE TABLE parted (id int, v vector(24)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (3000);
CREATE INDEX ON parted USING hnsw (v vector_l2_ops);
INSERT INTO parted SELECT * FROM t WHERE id > 0;
EXPLAIN (COSTS OFF) SELECT id FROM parted ORDER BY v <-> '[1]' LIMIT 3;
SELECT test_recall('parted', '<->', 10) >= 0.98 AS recall;
DROP TABLE parted;

-- beyond maintenance_work_mem; the notice counts tuples, which depends on the layers drawn
SET maintenance_work_mem = '1MB';
CREATE TABLE big (id int, v vector(64));
INSERT INTO big SELECT i, test_vector(i, 64) FROM generate_series(1, 12000) i;
CREATE INDEX big_idx ON big USING hnsw (v vector_l2_ops);
RESET maintenance_work_mem;
SELECT test_recall('big', '<->', 10) >= 0.95 AS recall;
DROP TABLE big;

-- dimensions: 1, and as many as there may be
CREATE TABLE one (id int, v vector(1));
INSERT INTO one SELECT i, ARRAY[i]::real[]::vector FROM generate_series(1, 500) i;
CREATE INDEX one_idx ON one USING hnsw (v vector_l2_ops);
SELECT id FROM one ORDER BY v <-> '[250.1]' LIMIT 3;
DROP TABLE one;
CREATE TABLE wide (id int, v vector(16000));
INSERT INTO wide SELECT i, test_vector(i, 16000) FROM generate_series(1, 30) i;
CREATE INDEX wide_idx ON wide USING hnsw (v vector_l2_ops);
SELECT id FROM wide ORDER BY v <-> test_vector(17, 16000) LIMIT 1;
INSERT INTO wide SELECT i, test_vector(i, 16000) FROM generate_series(31, 40) i;
SELECT id FROM wide ORDER BY v <-> test_vector(38, 16000) LIMIT 1;
DROP TABLE wide;

-- errors
\set VERBOSITY default
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 1;
INSERT INTO t VALUES (1, '[1,2,3]');
CREATE TABLE untyped (v vector);
CREATE INDEX ON untyped USING hnsw (v vector_l2_ops);
CREATE INDEX ON untyped USING hnsw (v);
CREATE INDEX ON t USING hnsw (v vector_l2_ops, v vector_ip_ops);
CREATE UNIQUE INDEX ON t USING hnsw (v vector_l2_ops);
CREATE INDEX ON t USING hnsw (id vector_l2_ops);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) INCLUDE (id);
DROP TABLE untyped, t;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw');
DROP FUNCTION test_recall, test_vector;
