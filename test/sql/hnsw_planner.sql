-- when the planner takes the index, and when it does not
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
SET max_parallel_workers_per_gather = 0;
CREATE TABLE tiny (id int, v vector(64));
CREATE TABLE small (id int PRIMARY KEY, category int, v vector(64));
CREATE TABLE large (id int PRIMARY KEY, category int, v vector(64));
-- What is looked for: known to the executor only, at no cost, and shown alike by all versions of EXPLAIN.
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT v FROM tiny LIMIT 1 $$;
CREATE FUNCTION target(dims int) RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT test_vector(1, dims) LIMIT 1 $$;
INSERT INTO tiny SELECT i, test_vector(i, 64) FROM generate_series(1, 10) i;
INSERT INTO small SELECT i, i % 500, test_vector(i, 64) FROM generate_series(1, 2000) i;
INSERT INTO large SELECT i, i % 2000, test_vector(i, 64) FROM generate_series(1, 20000) i;
CREATE INDEX ON tiny USING hnsw (v vector_l2_ops);
CREATE INDEX ON small USING hnsw (v vector_l2_ops);
CREATE INDEX ON large USING hnsw (v vector_l2_ops);
CREATE INDEX ON large (category);
VACUUM ANALYZE tiny, small, large;

-- ORDER BY ... LIMIT
EXPLAIN (COSTS OFF) SELECT id FROM tiny ORDER BY v <-> target() LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM small ORDER BY v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large ORDER BY v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large ORDER BY v <-> target() LIMIT 100;
-- the whole table in order: a sort is cheaper and exact
EXPLAIN (COSTS OFF) SELECT id FROM large ORDER BY v <-> target();
-- no order, another operator, descending order
EXPLAIN (COSTS OFF) SELECT count(*) FROM large WHERE v IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT id FROM large ORDER BY v <=> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large ORDER BY v <-> target() DESC LIMIT 10;
-- a filter that keeps much, and one that keeps so little that its own index is better
EXPLAIN (COSTS OFF) SELECT id FROM large WHERE category > 500 ORDER BY v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large WHERE category = 7 ORDER BY v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large WHERE id = 7 ORDER BY v <-> target() LIMIT 10;
-- 800 of 20,000 rows: with vectors in the table's own pages all are measured sooner than ten nearest ones are found
ALTER TABLE large ADD kind int;
UPDATE large SET kind = id % 100;
CREATE INDEX ON large (kind);
VACUUM FULL large;
ANALYZE large;
SET hnsw.filtered_scan = off;
EXPLAIN (COSTS OFF) SELECT id FROM large WHERE kind < 4 ORDER BY v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM large WHERE kind < 20 ORDER BY v <-> target() LIMIT 10;
-- not where they have to be fetched from the TOAST table
CREATE TABLE outside AS SELECT id, kind, test_vector(id, 520)::vector(520) AS v FROM large WHERE id <= 10000;
CREATE INDEX ON outside USING hnsw (v vector_l2_ops);
CREATE INDEX ON outside (kind);
VACUUM ANALYZE outside;
EXPLAIN (COSTS OFF) SELECT id FROM outside WHERE kind < 8 ORDER BY v <-> target(520) LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM outside WHERE kind < 1 ORDER BY v <-> target(520) LIMIT 10;
RESET hnsw.filtered_scan;
DROP TABLE outside;
-- as an inner side
EXPLAIN (COSTS OFF) SELECT t.id, s.id FROM tiny t, LATERAL (SELECT id FROM large ORDER BY large.v <-> t.v LIMIT 3) s;
DROP TABLE tiny, small, large;
DROP FUNCTION target(), target(int), test_vector;
