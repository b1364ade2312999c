-- orders that are the distance's in other words: which of them an index delivers, and that it is the right order
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
SET max_parallel_workers_per_gather = 0;
CREATE TABLE item (id int, kind int, v vector(64) NOT NULL, maybe vector(64), small bit(64));
INSERT INTO item SELECT i, i % 100, test_vector(i, 64), test_vector(i, 64), binary_quantize(test_vector(i, 64))
FROM generate_series(1, 10000) i;
UPDATE item SET maybe = NULL WHERE id = 10000;
CREATE INDEX item_l2 ON item USING hnsw (v vector_l2_ops);
CREATE INDEX item_cosine ON item USING hnsw (v vector_cosine_ops);
CREATE INDEX item_ip ON item USING hnsw (v vector_ip_ops);
CREATE INDEX item_maybe ON item USING hnsw (maybe vector_l2_ops);
CREATE INDEX item_half ON item USING hnsw ((maybe::halfvec(64)) halfvec_l2_ops);
CREATE INDEX item_bit ON item USING hnsw (small bit_hamming_ops);
VACUUM ANALYZE item;
CREATE TABLE target AS SELECT v, small FROM item WHERE id = 77;
-- What is looked for: known to the executor only, at no cost, and shown alike by all versions of EXPLAIN.
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT v FROM target LIMIT 1 $$;
CREATE FUNCTION target_bits() RETURNS bit LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT small FROM target LIMIT 1 $$;

CREATE FUNCTION by_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Index Scan' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- similarities
EXPLAIN (COSTS OFF) SELECT id, 1 - (v <=> target()) AS similarity FROM item ORDER BY similarity DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY (v <#> target()) * -1 DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id, -(v <#> target()) AS product FROM item ORDER BY product DESC, id LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 / (1 + (target() <-> v)) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY ((v <-> target()) / 2 - 1)::real LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - (small <~> target_bits()) / 64 DESC NULLS LAST LIMIT 5;
-- the operator's function
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY cosine_distance(v, target()) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - cosine_distance(target(), v) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id, inner_product(v, target()) FROM item ORDER BY 2 DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY inner_product(v, target()) LIMIT 5;
-- a null would come first
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - (maybe <-> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - (maybe <-> target()) DESC NULLS LAST LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE maybe IS NOT NULL ORDER BY 1 - (maybe <-> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE 1 - (maybe <-> target()) > 0 ORDER BY 1 - (maybe <-> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY maybe::halfvec(64) <-> target()::halfvec(64), id LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE kind > 10 OR maybe IS NOT NULL ORDER BY -(maybe <-> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY v <-> target() NULLS FIRST LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY maybe <-> target() NULLS FIRST LIMIT 5;
-- functions that grow with what they are of: sqrt, power, exp, ln; greatest, least and coalesce, wherever a null comes to be
SELECT orders, by_index('SELECT id FROM item ORDER BY ' || orders || ' LIMIT 5') FROM unnest(ARRAY[
	'sqrt(v <-> target())', 'power(v <-> target(), 2)', '(v <-> target()) ^ 0.5', 'power(1 + (v <-> target()), -1) DESC', 'exp(-(v <-> target())) DESC', 'ln(1 + (v <-> target()))',
	'1 / (1 + power(v <-> target(), 2)) DESC', 'exp(-power(v <-> target(), 2) / 2) DESC', 'sqrt(1 - (v <=> target()) + 1) DESC', 'greatest(0, 1 - (v <=> target())) DESC',
	'least(v <=> target(), 1)', 'coalesce(v <=> target(), 1)', 'coalesce(1 - (v <=> target()), 0) DESC', '(1 - (v <=> target()))::numeric * 100 DESC', '(1 - (v <=> target()))::real * 2::real DESC',
	'1 - (v <=> target())::real DESC', '10 * (1 - (v <=> target())) / 3 DESC', '1 / (1 + (small <~> target_bits())) DESC', 'cosine_distance(v, target())::real', 'greatest(0, v <-> target()), id',
	'coalesce(maybe <-> target(), ''Infinity'')', 'greatest(0, 10 - (maybe <-> target())) DESC', 'least(maybe <-> target(), 100)', '1 / (1 + coalesce(maybe <-> target(), ''Infinity'')) DESC']) orders;
-- and where they do not
SELECT orders, by_index('SELECT id FROM item ORDER BY ' || orders || ' LIMIT 5') FROM unnest(ARRAY[
	'sqrt(v <-> target()) DESC', 'power(v <-> target(), -2) DESC', 'power(v <#> target(), 2)', 'power(2, v <-> target())', 'power(v <-> target(), kind)', 'ln(v <-> target())', '1 / (v <-> target()) DESC',
	'power((v <-> target()) - 1, 2)', 'greatest(v <-> target(), 2), id', 'least(1 - (v <=> target()), 0.5) DESC, id', 'greatest(v <-> target(), kind)', 'coalesce(v <-> target(), kind)',
	'(v <-> target()) / 0', '(v <-> target()) / ''NaN''', '(v <-> target()) - ''Infinity''', 'round((v <-> target())::numeric, 2), id', '(v <-> target())::numeric / 3', '(v <-> target())::text', 'abs((v <-> target()) - 1)',
	'coalesce(maybe <-> target(), 5)', 'coalesce(maybe <-> target(), 0)', 'greatest(0, maybe <-> target())', 'least(10 - (maybe <-> target()), 100) DESC', 'coalesce(10 - (maybe <-> target()), 0) DESC']) orders;
-- farthest first, or neither
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - (v <=> target()) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY (v <=> target()) + 1 DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY (v <=> target()) * kind LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 0 * (v <=> target()) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 / (1 + (v <#> target())) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 / ((v <-> target()) - 1) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY v <=> test_vector(kind, 64) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY 1 - (v <=> target()) + random() DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY (v <=> target()) * 'Infinity' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id, round(((v <=> target()) * random())::numeric, 3) FROM item ORDER BY 2 LIMIT 5;

-- the distance as the first part of an order: only rows that are equally far are sorted
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY v <-> target(), id LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE kind > 10 ORDER BY v <-> target(), kind DESC, id LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY kind, v <-> target() LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY v <-> target(), id;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE false ORDER BY v <-> target(), id LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM item TABLESAMPLE SYSTEM (50) ORDER BY v <-> target(), id LIMIT 10;

-- rounded, if nothing says in which order rows come that are equal then
EXPLAIN (COSTS OFF) SELECT id, round((1 - (v <=> target()))::numeric, 4) AS similarity FROM item ORDER BY similarity DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round(100 * (v <=> target())) LIMIT 5;
EXPLAIN (COSTS OFF, VERBOSE) SELECT id, (v <=> target())::numeric(5, 2) FROM item ORDER BY 2 LIMIT 5;
EXPLAIN (COSTS OFF) SELECT s.id FROM target, LATERAL (SELECT id FROM item ORDER BY trunc((1 - (item.v <=> target.v))::numeric, 2) DESC LIMIT 5) s;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round((1 - (v <=> target()))::numeric, 4) DESC, id LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round((v <=> target())::numeric, kind) LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round((v <=> target())::numeric, 4) FETCH FIRST 5 ROWS WITH TIES;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round((v <=> target())::numeric, 4);
EXPLAIN (COSTS OFF) SELECT round((v <=> target())::numeric, 4) FROM item GROUP BY 1 ORDER BY 1 LIMIT 5;
EXPLAIN (COSTS OFF) SELECT DISTINCT round((v <=> target())::numeric, 4) FROM item ORDER BY 1 LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY round((maybe <-> target())::numeric, 4) DESC LIMIT 5;

-- partitions, a join, a partial index
CREATE TABLE part (id int, v vector(64) NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (5000);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (5000) TO (10001);
INSERT INTO part SELECT id, v FROM item;
CREATE INDEX ON part USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE part;
EXPLAIN (COSTS OFF) SELECT id FROM part ORDER BY v <=> target(), id LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id, 1 - (v <=> target()) AS similarity FROM part ORDER BY similarity DESC LIMIT 10;
CREATE TABLE kind (id int PRIMARY KEY, name text);
INSERT INTO kind SELECT i, 'kind ' || i FROM generate_series(0, 99) i;
ANALYZE kind;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT item.id, name FROM item JOIN kind ON kind.id = kind ORDER BY 1 - (v <=> target()) DESC LIMIT 5;
RESET enable_hashjoin;
RESET enable_mergejoin;
DROP INDEX item_l2;
CREATE INDEX item_some ON item USING hnsw (v vector_l2_ops) WHERE kind < 50;
EXPLAIN (COSTS OFF) SELECT id FROM item ORDER BY -(v <-> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM item WHERE kind < 50 ORDER BY -(v <-> target()) DESC LIMIT 5;

-- hidden columns that only the order needs are not computed
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM item ORDER BY 1 - (v <=> target()) DESC LIMIT 5;
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM item ORDER BY 1 - cosine_distance(target(), v) DESC LIMIT 5;
EXPLAIN (COSTS OFF, VERBOSE) SELECT id, 1 - (v <=> target()) AS similarity FROM item ORDER BY similarity DESC LIMIT 5;

SET hnsw.ef_search = 200;
-- the same rows as by sorting all; rows that are equally far in the order that was asked for
CREATE TABLE twin (id int, v vector(64) NOT NULL);
INSERT INTO twin SELECT i, test_vector(i / 20, 64) FROM generate_series(1, 4000) i;
CREATE INDEX ON twin USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE twin;
CREATE FUNCTION answers(query text) RETURNS TABLE (way text, answer int[]) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOREACH way IN ARRAY '{index,sort}'::text[] LOOP
		PERFORM set_config('enable_indexscan', (way = 'index')::text, true);
		PERFORM set_config('enable_seqscan', (way = 'sort')::text, true);
		FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
			IF line ~ 'Scan' AND (line ~ 'Index Scan') <> (way = 'index') THEN
				RAISE '% by %', query, line;
			END IF;
		END LOOP;
		EXECUTE 'SELECT array_agg(id) FROM (' || query || ') q' INTO answer;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM answers('SELECT id FROM twin ORDER BY v <=> target(), id DESC LIMIT 25');
SELECT * FROM answers('SELECT id FROM twin ORDER BY 1 - (v <=> target()) DESC, id DESC LIMIT 25');
SELECT * FROM answers('SELECT id FROM twin WHERE id % 7 = 3 ORDER BY 1 - (v <=> target()) DESC, id LIMIT 10');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY 1 - (v <=> target()) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY (v <#> target()) * -1 DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY inner_product(v, target()) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY 2 / (1 + (maybe <-> target())) DESC NULLS LAST LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY round((1 - (v <=> target()))::numeric, 2) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM part ORDER BY 1 - (v <=> target()) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item WHERE maybe IS NOT NULL ORDER BY exp(-power(maybe <-> target(), 2)) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY ln(1 + sqrt(maybe <-> target())) LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY greatest(0.2, 1 - (v <=> target())) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY 1 / (1 + coalesce(maybe <-> target(), ''Infinity'')) DESC LIMIT 20');
SELECT count(DISTINCT answer) FROM answers('SELECT id FROM item ORDER BY round((1 / (1 + (maybe <-> target())))::numeric, 3) DESC NULLS LAST LIMIT 20');
-- queries as they are written, if the user wants that
SET hnsw.rewrite = off;
SELECT orders, by_index('SELECT id FROM item ORDER BY ' || orders || ' LIMIT 5') FROM unnest(ARRAY[
	'v <=> target()', 'cosine_distance(v, target())', '1 - (v <=> target()) DESC', 'round((v <=> target())::numeric, 2)']) orders;
SELECT by_index('SELECT b.id FROM item a, item b WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 5');
EXPLAIN (COSTS OFF, VERBOSE) SELECT id FROM item ORDER BY v <=> target() LIMIT 5;
RESET hnsw.rewrite;
RESET hnsw.ef_search;
-- an index that has left out no row: until one is null, or has no direction.  In a temporary table no other session's
-- snapshot keeps rows that are gone.
CREATE TEMP TABLE filled AS SELECT id, v FROM item WHERE id <= 2000;
CREATE INDEX filled_cosine ON filled USING hnsw (v vector_cosine_ops);
CREATE INDEX filled_l2 ON filled USING hnsw (v vector_l2_ops);
VACUUM ANALYZE filled;
CREATE FUNCTION ways(OUT cosine text, OUT l2 text) LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXPLAIN SELECT id FROM filled ORDER BY 1 - (v <=> target()) DESC LIMIT 5 LOOP
		cosine := coalesce(cosine, substring(line FROM '(\w+ Scan)'));
	END LOOP;
	FOR line IN EXPLAIN SELECT id FROM filled ORDER BY -(v <-> target()) DESC LIMIT 5 LOOP
		l2 := coalesce(l2, substring(line FROM '(\w+ Scan)'));
	END LOOP;
END $$;
SELECT * FROM ways();
PREPARE first AS SELECT id FROM filled ORDER BY 1 - (v <=> target()) DESC LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE first;
-- a vector without a direction is in no index for the cosine distance, which is NaN
INSERT INTO filled VALUES (3000, array_fill(0, ARRAY[64])::vector);
SELECT * FROM ways();
EXECUTE first;
EXPLAIN (COSTS OFF) SELECT id FROM filled WHERE v IS NOT NULL ORDER BY 1 - (v <=> target()) DESC NULLS LAST LIMIT 2;
EXPLAIN (COSTS OFF) SELECT id FROM filled ORDER BY v <=> target(), id LIMIT 2;
BEGIN;
UPDATE filled SET v = NULL WHERE id = 1;
SELECT * FROM ways();
EXECUTE first;
ROLLBACK;
DELETE FROM filled WHERE id = 3000;
VACUUM filled;
SELECT * FROM ways();
EXECUTE first;
REINDEX TABLE filled;
SELECT * FROM ways();
EXPLAIN (COSTS OFF) EXECUTE first;
INSERT INTO filled VALUES (3001, NULL);
SELECT * FROM ways();
DELETE FROM filled;
INSERT INTO filled SELECT id, v FROM item WHERE id <= 2000;
REINDEX INDEX filled_l2;
SELECT * FROM ways();
DROP TABLE filled;
RESET plan_cache_mode;
-- built by two processes
SET min_parallel_table_scan_size = 1;
SET max_parallel_maintenance_workers = 1;
CREATE TABLE filled AS SELECT id, v FROM item WHERE id <= 2000;
CREATE INDEX filled_cosine ON filled USING hnsw (v vector_cosine_ops);
CREATE INDEX filled_l2 ON filled USING hnsw (v vector_l2_ops);
ANALYZE filled;
SELECT * FROM ways();
INSERT INTO filled VALUES (2001, NULL);
REINDEX TABLE filled;
SELECT * FROM ways();
TRUNCATE filled;
INSERT INTO filled SELECT id, v FROM item WHERE id <= 2000;
ANALYZE filled;
SELECT * FROM ways();
RESET max_parallel_maintenance_workers;
RESET min_parallel_table_scan_size;
-- rows that a partial index is not about do not matter
CREATE INDEX filled_l1 ON filled USING hnsw (v vector_l1_ops) WHERE id < 1500;
INSERT INTO filled VALUES (3002, NULL);
EXPLAIN (COSTS OFF) SELECT id FROM filled WHERE id < 1500 ORDER BY -(v <+> target()) DESC LIMIT 5;
DROP TABLE filled;
DROP FUNCTION ways;
-- prepared, with a parameter, for any plan
PREPARE nearest AS SELECT id, 1 - (v <=> $1) AS similarity FROM item ORDER BY similarity DESC LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest('[0]', 1);
RESET plan_cache_mode;
DROP TABLE item, target, part, kind, twin;
DROP FUNCTION target(), target_bits(), by_index, answers, test_vector;
