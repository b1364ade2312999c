-- all rows within a distance: exact unless hnsw.range_scan is on, then by an index where few rows are within
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
SET max_parallel_workers_per_gather = 0;
SET jit = off;
SET hnsw.ef_search = 200;
CREATE TABLE item (id int PRIMARY KEY, created int, v vector(32), w vector(32) NOT NULL);
INSERT INTO item SELECT i, hashint4(i), CASE WHEN i % 100 <> 0 THEN v END, v FROM (SELECT i, test_vector(i, 32) AS v FROM generate_series(1, 5000) i) s;
UPDATE item SET w = array_fill(0, ARRAY[32])::vector WHERE id = 200;
CREATE INDEX item_l2 ON item USING hnsw (v vector_l2_ops);
CREATE INDEX item_cosine ON item USING hnsw (w vector_cosine_ops);
CREATE TABLE asked AS SELECT id, v FROM item WHERE id BETWEEN 1 AND 20;
VACUUM ANALYZE item, asked;
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT v FROM item WHERE id = 77 $$;
CREATE FUNCTION ask(query text, OUT off text, OUT "on" text, OUT n bigint, OUT is_right boolean) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	hash text;
	expected text;
BEGIN
	query := replace(query, '$', format('%L::vector', target()));
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		off := coalesce(off, substring(line FROM '(?:Index Scan|Seq Scan)(?=.* on item)'));
	END LOOP;
	EXECUTE 'SELECT count(*), md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (' || query || ') x' INTO n, expected;
	PERFORM set_config('hnsw.range_scan', 'on', true);
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		"on" := coalesce("on", substring(line FROM '(?:Index Scan|Seq Scan)(?=.* on item)'));
	END LOOP;
	EXECUTE 'SELECT md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (' || query || ') x' INTO hash;
	PERFORM set_config('hnsw.range_scan', 'off', true);
	is_right := hash IS NOT DISTINCT FROM expected;
END $$;
CREATE FUNCTION ask_all(queries text[]) RETURNS TABLE (query text, off text, "on" text, n bigint, is_right boolean) LANGUAGE sql AS $$
	SELECT query, a.* FROM unnest(queries) query, ask(query) a
$$;
SHOW hnsw.range_scan;
SELECT * FROM ask_all(ARRAY[
	'SELECT id FROM item WHERE v <-> $ < 1', 'SELECT count(*) FROM item WHERE v <-> $ <= 1.2', 'SELECT count(*) FROM item WHERE 1 / (1 + (v <-> $)) > 0.5 AND id > 100',
	'SELECT id FROM item WHERE v <-> $ < 1 ORDER BY created DESC LIMIT 3', 'SELECT id FROM item WHERE v <-> $ < 1 ORDER BY v <-> $', 'SELECT id FROM item WHERE l2_distance($, v) < 1 ORDER BY v <-> $, id',
	'SELECT EXISTS (SELECT 1 FROM item WHERE v <-> $ < 0.1)', 'SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM item WHERE v <-> $ < 0.1 AND id <> 77)',
	'SELECT id FROM asked a WHERE EXISTS (SELECT 1 FROM item i WHERE i.v <-> a.v < 0.8 AND i.id <> a.id)', 'SELECT id FROM asked a WHERE NOT EXISTS (SELECT 1 FROM item i WHERE a.v <-> i.v < 0.8 AND i.id <> a.id)',
	'SELECT a.id, i.id FROM asked a JOIN item i ON i.v <-> a.v < 0.9', 'SELECT a.id, i.id FROM asked a LEFT JOIN item i ON 1 - (i.v <-> a.v) > 0.1 AND i.id <> a.id',
	'SELECT id, (SELECT count(*) FROM item i WHERE i.v <-> a.v < 1) FROM asked a', 'SELECT id, count(*) OVER () FROM item WHERE v <-> $ < 1', 'SELECT created % 2, count(*) FROM item WHERE v <-> $ < 1 GROUP BY 1',
	'SELECT DISTINCT created % 3 FROM item WHERE v <-> $ BETWEEN 0 AND 1', 'WITH near AS MATERIALIZED (SELECT id FROM item WHERE v <-> target() < 1) SELECT count(*) FROM near',
	'SELECT count(*) FROM item WHERE w <=> $ < 0.02 AND id <> 200']);
-- where many rows are within, where it is no bound from above, and where rows that pass are in no index
SELECT * FROM ask_all(ARRAY[
	'SELECT count(*) FROM item WHERE v <-> $ < 6', 'SELECT count(*) FROM item WHERE v <-> $ > 6', 'SELECT count(*) FROM item WHERE NOT v <-> $ < 6', 'SELECT count(*) FROM item WHERE v <-> $ < 1 OR id = 3',
	'SELECT count(*) FROM item WHERE (v <-> $ < 1) IS NOT FALSE', 'SELECT count(*) FROM item WHERE coalesce(v <-> $, 0) < 1', 'SELECT count(*) FROM item WHERE 1 - (w <=> $) > 0.98']);
-- a scan that may not go on does not come to the bound
SET hnsw.iterative_scan = off;
SELECT * FROM ask('SELECT id FROM item WHERE v <-> $ < 1');
RESET hnsw.iterative_scan;
-- changes
BEGIN;
SET LOCAL hnsw.range_scan = on;
EXPLAIN (COSTS OFF) DELETE FROM item WHERE v <-> target() < 0.9;
DELETE FROM item WHERE v <-> target() < 0.9;
SELECT count(*) FROM item WHERE v <-> (SELECT v FROM item WHERE id = 78) < 0.9;
ROLLBACK;
-- prepared, for any plan; the setting counts when it is planned
PREPARE near(vector, float8) AS SELECT count(*) FROM item WHERE v <-> $1 < $2;
SET plan_cache_mode = force_generic_plan;
SET hnsw.range_scan = on;
EXPLAIN (COSTS OFF) EXECUTE near(NULL, 1);
EXECUTE near(target(), 1);
EXECUTE near(target(), NULL);
EXECUTE near(NULL, 1);
RESET plan_cache_mode;
SELECT count(*) FROM item WHERE v <-> '[1,2,3]' < 1;
-- not without the hooks, nor where index scans are off
SET hnsw.rewrite = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM item WHERE v <-> target() < 1;
RESET hnsw.rewrite;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM item WHERE v <-> target() < 1;
DROP TABLE item, asked;
DROP FUNCTION target, ask, ask_all, test_vector;
