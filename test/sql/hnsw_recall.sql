-- hnsw_recall(): the same as by queries one by one
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE SCHEMA "A b";
CREATE TABLE "A b"."T x" (id int PRIMARY KEY, "my v" vector(32), owner text DEFAULT 'joe');
INSERT INTO "A b"."T x" SELECT i, test_vector(i, 32) FROM generate_series(1, 900) i;
INSERT INTO "A b"."T x" SELECT i + 900, test_vector(i % 7, 32) FROM generate_series(1, 50) i;
INSERT INTO "A b"."T x" VALUES (0, NULL);
-- so coarse that searches miss some
CREATE INDEX "I y" ON "A b"."T x" USING hnsw ("my v" vector_l2_ops) WITH (bits = 1, rerank = 'table', m = 4, ef_construction = 8);
ANALYZE "A b"."T x";

-- The share of the k nearest rows that searches for some vectors find, by their distances; each row is left out of its own.
CREATE FUNCTION recall(tbl regclass, col text, op text, k int, are_rows bool, questions text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT coalesce(array_agg(d ORDER BY d), ''{}'') FROM
		(SELECT %I %s $1 AS d FROM %s WHERE %1$I IS NOT NULL ORDER BY %1$I %2$s $1 LIMIT $2) s WHERE d <> ''NaN''', col, op, tbl);
	more int := are_rows::int;
	question record;
	self float8;
	exact float8[];
	found float8[];
	good int := 0;
	wanted int := 0;
BEGIN
	FOR question IN EXECUTE questions LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE statement INTO exact USING question.v, k + more;
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE statement INTO found USING question.v, k + more;
		IF are_rows THEN
			EXECUTE format('SELECT $1 %s $1', op) INTO self USING question.v;
			exact := array(SELECT d FROM unnest(exact) WITH ORDINALITY e (d, n)
				WHERE n IS DISTINCT FROM array_position(exact, self) ORDER BY d LIMIT k);
			found := array(SELECT d FROM unnest(found) WITH ORDINALITY e (d, n)
				WHERE n IS DISTINCT FROM array_position(found, self) ORDER BY d LIMIT k);
		END IF;
		wanted := wanted + cardinality(exact);
		good := good + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)]);
	END LOOP;
	PERFORM set_config('enable_seqscan', 'on', true);
	RETURN good::float8 / wanted;
END $$;

-- vectors in an array, and of a query
SELECT array_agg(test_vector(-i, 32)) AS questions FROM generate_series(1, 40) i \gset
CREATE TEMP TABLE measured AS SELECT * FROM hnsw_recall('"A b"."I y"', :'questions'::vector[], ef => '{40,5,5,200}');
SELECT ef_search, ef_search = 5 AND recall < 1 AS misses, mean_us > 0 AND p99_us >= mean_us AS times, nodes > ef_search AS nodes FROM measured;
SELECT bool_and(a.recall <= b.recall AND a.nodes < b.nodes) AS more_with_more
	FROM measured a JOIN measured b ON a.ef_search < b.ef_search;
SET hnsw.ef_search = 5;
SELECT recall('"A b"."T x"', 'my v', '<->', 10, false, 'SELECT test_vector(-i, 32) v FROM generate_series(1, 40) i') = recall AS same
	FROM measured WHERE ef_search = 5;
RESET hnsw.ef_search;
SELECT r.recall = m.recall AS same FROM measured m JOIN hnsw_recall('"A b"."I y"', ef => '{5}',
	queries => 'SELECT test_vector(-i, 32) FROM generate_series(1, 40) i') r USING (ef_search);
-- all rows, each without itself; duplicates are rows of their own
SELECT r.recall = recall('"A b"."T x"', 'my v', '<->', 10, true, 'SELECT "my v" v FROM "A b"."T x" WHERE "my v" IS NOT NULL') AS same
	FROM hnsw_recall('"A b"."I y"', sample => 100000, ef => '{40}') r;
SELECT r.recall = recall('"A b"."T x"', 'my v', '<->', 1, true, 'SELECT "my v" v FROM "A b"."T x" WHERE "my v" IS NOT NULL') AS same
	FROM hnsw_recall('"A b"."I y"', k => 1, sample => 100000, ef => '{40}') r;
-- the widths where none are given
ALTER INDEX "A b"."I y" SET (ef_search = 33);
SELECT array_agg(ef_search) FROM hnsw_recall('"A b"."I y"', sample => 5);

-- what a session has set stays, and so does its last scan
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM "A b"."T x" ORDER BY "my v" <-> test_vector(-1, 32) LIMIT 3) s;
SELECT count(*) FROM hnsw_recall('"A b"."I y"', sample => 5, ef => '{7}');
SELECT returned, ef_search FROM hnsw_last_scan();
SHOW hnsw.ef_search;
SHOW enable_seqscan;
RESET enable_seqscan;

-- other classes, expressions, parts of a table, another index beside
CREATE TABLE t (id int, v vector(16), h halfvec(16), b bit(64), s sparsevec(100));
INSERT INTO t SELECT i, test_vector(i, 16), test_vector(i, 16)::halfvec, substring(sha256(i::text::bytea)::text FROM 2)::bit(64),
	format('{%s:1,%s:%s}/100', 1 + i % 50, 51 + i % 49, 1 + i % 3)::sparsevec FROM generate_series(1, 300) i;
INSERT INTO t VALUES (0, array_fill(0, ARRAY[16])::vector, array_fill(0, ARRAY[16])::halfvec, 0::bit(64), '{}/100');
CREATE INDEX t_cosine ON t USING hnsw (v vector_cosine_ops);
CREATE INDEX t_ip ON t USING hnsw (v vector_ip_ops);
CREATE INDEX t_l1 ON t USING hnsw (h halfvec_l1_ops);
CREATE INDEX t_hamming ON t USING hnsw (b bit_hamming_ops);
CREATE INDEX t_sparse ON t USING hnsw (s sparsevec_l2_ops);
CREATE INDEX t_part ON t USING hnsw (v vector_l2_ops) WHERE id % 3 = 0;
CREATE INDEX t_expression ON t USING hnsw ((subvector(v, 1, 8)::vector(8)) vector_l2_ops);
ANALYZE t;
SELECT i, recall FROM unnest('{t_cosine,t_ip,t_l1,t_hamming,t_sparse,t_part,t_expression}'::regclass[]) i,
	hnsw_recall(i, sample => 50, ef => '{400}');
SELECT count(*) FROM hnsw_recall('t_cosine', ARRAY[]::vector[]);
SELECT ef_search, recall FROM hnsw_recall('t_part', ARRAY[NULL, test_vector(1, 16)], ef => '{400}');

-- who may not read the table may not measure, and who may read part of it measures with that
CREATE ROLE hnsw_recall_user;
GRANT USAGE ON SCHEMA "A b" TO hnsw_recall_user;
SET ROLE hnsw_recall_user;
SELECT recall FROM hnsw_recall('"A b"."I y"', sample => 5);
RESET ROLE;
GRANT SELECT ("my v") ON "A b"."T x" TO hnsw_recall_user;
SET ROLE hnsw_recall_user;
SELECT count(*) FROM hnsw_recall('"A b"."I y"', sample => 5);
RESET ROLE;
UPDATE "A b"."T x" SET owner = 'hnsw_recall_user' WHERE id % 50 = 0;
ALTER TABLE "A b"."T x" ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON "A b"."T x" USING (owner = current_user);
SET ROLE hnsw_recall_user;
SELECT recall FROM hnsw_recall('"A b"."I y"', k => 1000, sample => 100, ef => '{1000}');
SELECT count(*) FROM hnsw_recall('"A b"."I y"', queries => 'SELECT "my v" FROM "A b"."T x" WHERE id > 0', sample => 1);
RESET ROLE;
-- who sees no row has no questions; the owner sees all
ALTER POLICY own ON "A b"."T x" USING (owner = 'nobody');
SET ROLE hnsw_recall_user;
SELECT count(*) FROM hnsw_recall('"A b"."I y"', sample => 5);
RESET ROLE;
SELECT count(*) FROM hnsw_recall('"A b"."I y"', sample => 5);
REVOKE ALL ON SCHEMA "A b" FROM hnsw_recall_user;
REVOKE ALL ON "A b"."T x" FROM hnsw_recall_user;
DROP TABLE "A b"."T x";
DROP SCHEMA "A b";
DROP ROLE hnsw_recall_user;

-- what cannot be measured
CREATE INDEX t_btree ON t (id);
CREATE TABLE p (id int, v vector(3)) PARTITION BY LIST (id);
CREATE INDEX p_idx ON p USING hnsw (v vector_l2_ops);
SELECT * FROM hnsw_recall('t');
SELECT * FROM hnsw_recall('t_btree');
SELECT * FROM hnsw_recall('p_idx');
SELECT * FROM hnsw_recall(0);
SELECT * FROM hnsw_recall(NULL);
SELECT * FROM hnsw_recall('t_ip', k => 0);
SELECT * FROM hnsw_recall('t_ip', k => NULL);
SELECT * FROM hnsw_recall('t_ip', sample => 0);
SELECT * FROM hnsw_recall('t_ip', ef => '{10,0}');
SELECT * FROM hnsw_recall('t_ip', ef => '{10,NULL}');
SELECT * FROM hnsw_recall('t_ip', ARRAY['[1]'::halfvec]);
SELECT * FROM hnsw_recall('t_ip', ARRAY['[1]'::vector]);
SELECT * FROM hnsw_recall('t_ip', queries => 'SELECT h FROM t');
SELECT * FROM hnsw_recall('t_ip', queries => 'SELECT v, id FROM t');
SELECT * FROM hnsw_recall('t_ip', queries => 'DELETE FROM t RETURNING v');
SELECT * FROM hnsw_recall('t_ip', queries => 'no query');
SELECT count(*) FROM hnsw_recall('t_ip', ef => '{}');
DROP TABLE t, p;
DROP FUNCTION test_vector, recall;
