-- filters on the distance that a scan orders by: the scan ends behind the last row that can pass, and none is missing
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE TABLE t (id int, v vector(32), h halfvec(32), s sparsevec(32), b bit(32));
INSERT INTO t SELECT i, v, v, v::sparsevec, binary_quantize(v)::bit(32)
FROM (SELECT i, test_vector(i % 1900, 32) AS v FROM generate_series(1, 2000) i) rows;
CREATE TABLE query AS SELECT -1 AS id, v, v::halfvec(32) AS h, v::sparsevec AS s, binary_quantize(v)::bit(32) AS b
FROM test_vector(-1, 32) v;

-- What a filter finds through an index and without, and whether it drops rows.  In a filter # is the distance, $ that of the
-- 30th row.
CREATE FUNCTION rows_removed(plan json) RETURNS int LANGUAGE sql AS $$
	SELECT coalesce(max(removed::int), 0) FROM jsonb_path_query(plan::jsonb, '$.**."Rows Removed by Filter"') removed
$$;
CREATE FUNCTION test_filter(col text, op text, filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text := (SELECT CASE col WHEN 'v' THEN v::text WHEN 'h' THEN h::text WHEN 's' THEN s::text ELSE b::text END FROM query);
	distance text := format('(%I %s %L)', col, op, query);
	bound float8;
	statement text;
	plan json;
	expected float8[];
	found float8[];
BEGIN
	PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
	EXECUTE format('SELECT %s AS d FROM t ORDER BY d OFFSET 29 LIMIT 1', distance) INTO bound;
	statement := format('SELECT %s AS d FROM t WHERE %s ORDER BY %1$s LIMIT 3000',
		distance, replace(replace(filter, '$', format('(%L::float8)', bound)), '#', distance));
	EXECUTE format('SELECT array_agg(d + 0 ORDER BY d + 0) FROM (%s) rows', statement) INTO expected;
	PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
	EXECUTE format('SELECT array_agg(d + 0 ORDER BY d + 0) FROM (%s) rows', statement) INTO found;
	EXECUTE format('EXPLAIN (ANALYZE, COSTS OFF, FORMAT json) %s', statement) INTO plan;
	RETURN CASE WHEN found IS NOT DISTINCT FROM expected THEN 'the same' ELSE format('%s instead of %s', cardinality(found), cardinality(expected)) END ||
		CASE WHEN rows_removed(plan) < 20 THEN ', ended' WHEN rows_removed(plan) > 1900 THEN ', not ended'
			ELSE format(', %s dropped', rows_removed(plan)) END;
END $$;
SET hnsw.ef_search = 200;

-- filters that bound the distance from above, in all the ways that are understood
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
SELECT filter, test_filter('v', '<->', filter) FROM unnest(ARRAY[
	'# < $', '# <= $', '$ > #', '$ >= #', '# < $::real', '$::real >= #', '# BETWEEN 0 AND $', '# < $ AND id > 0 AND # < 1e6',
	'1 - # > 1 - $', '1 - $ < 1 - #', '# - 1 < $ - 1', '# + 1 < $ + 1', '1 + # < $ + 1', '# * 2 < 2 * $', '-2 * # > -2 * $',
	'# * (-1)::float8 > -$', '-# >= -$', '1 - (1 - #) < $', '(1 - #) * -1 < $ - 1', '# < 0', '# < -1', '# <= NULL::float8',
	'# < $ AND # < 2 * $', '$ - # > 0', 'l2_distance(v, (SELECT v FROM query)) < $', 'l2_distance((SELECT v FROM query), v) < $', '# < sqrt($ * $)',
	'1 / (1 + #) > 1 / (1 + $)', '1 / (1 + #) >= 1 / (1 + $)', '-1 / (# + 1) < -1 / (1 + $)', '2 / (3 + # / 2) > 2 / (3 + $ / 2)', '# / 2 < $ / 2', '# / -2 > $ / -2',
	'(10 - #)::real > (10 - $)::real', '#::real < $', '#::real <= $::real', '(#::real * 2::real)::float8 < $ * 2', '1 - #::real > 1 - $',
	'sqrt(#) < sqrt($)', 'power(#, 2) <= power($, 2)', '# ^ 2 < $ ^ 2', '(1 + #) ^ -1.5 > (1 + $) ^ -1.5', 'exp(-#) > exp(-$)', 'ln(1 + #) < ln(1 + $)', '|/ (# + 1) < |/ ($ + 1)',
	'greatest(0.1, 10 - #) > 10 - $', 'least(#, 1e9) < $', 'coalesce(#, 1e9) < $', 'coalesce(10 - #, 0) > 10 - $', 'greatest(#, NULL) < $', 'coalesce(#, NULL) < $',
	'round(#::numeric, 2) < $::numeric', 'round(#) < $', '#::numeric(8, 3) <= $::numeric', '1 - #::numeric > 1 - $::numeric', 'exp(-power(# / 2, 2)) > exp(-power($ / 2, 2))']) filter;
-- and filters that do not, or not in such a way; the last one does, but where the nearest rows do not pass the table is read
SELECT filter, test_filter('v', '<->', filter) FROM unnest(ARRAY[
	'# > $', '# >= $', '-# < -$', '1 - # < 1 - $', '# <> $', '# = $', '# < ''NaN''', '# < ''Infinity''', '0 * # < 1', '# < $ OR id < 0',
	'# < $ + 0 * id', '1 / (1 - #) > 1 / (1 - $)', '1 / # > 1 / $', '1 / (1 + #) < 1 / (1 + $)', 'power(# - 5, 2) < 1', 'power(#, 0) < 2', 'greatest(100, #) < 101', 'least(#, 0) < 1',
	'coalesce(#, id) < $ + id', 'exp(-#) < exp(-$)', 'exp(-#) > -1', '# < $ + 0 * random()', 'NOT # >= $', '# * # < $ * $', 'abs(#) < $', '# + # < 2 * $',
	'vector_negative_inner_product(v, ''[' || repeat('0,', 31) || '1]'') < 0', '# > $ AND # < 1.1 * $']) filter;
DROP INDEX t_idx;

-- all operator classes; copies in half precision
CREATE FUNCTION test_class(col text, op text, class text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('CREATE INDEX t_idx ON t USING hnsw (%I %s) %s', col, class, options);
	answer := test_filter(col, op, '# <= $') || '; ' || test_filter(col, op, '10 - # >= 10 - $') || '; ' || test_filter(col, op, '# > $');
	DROP INDEX t_idx;
	RETURN answer;
END $$;
SELECT class, options, test_class(col, op, class, options) FROM (VALUES
	('v', '<#>', 'vector_ip_ops', ''), ('v', '<=>', 'vector_cosine_ops', ''), ('v', '<+>', 'vector_l1_ops', ''),
	('v', '<->', 'vector_l2_ops', 'WITH (rerank = half)'), ('v', '<=>', 'vector_cosine_ops', 'WITH (rerank = half)'),
	('v', '<+>', 'vector_l1_ops', 'WITH (rerank = half)'), ('v', '<#>', 'vector_ip_ops', 'WITH (rerank = half)'),
	('v', '<->', 'vector_l2_ops', 'WITH (rerank = table)'), ('v', '<->', 'vector_l2_ops', 'WITH (bits = 32)'),
	('h', '<->', 'halfvec_l2_ops', ''), ('h', '<#>', 'halfvec_ip_ops', ''), ('h', '<=>', 'halfvec_cosine_ops', ''), ('h', '<+>', 'halfvec_l1_ops', ''),
	('b', '<~>', 'bit_hamming_ops', ''), ('b', '<%>', 'bit_jaccard_ops', ''),
	('s', '<->', 'sparsevec_l2_ops', ''), ('s', '<#>', 'sparsevec_ip_ops', ''), ('s', '<=>', 'sparsevec_cosine_ops', ''),
	('s', '<+>', 'sparsevec_l1_ops', '')) classes (col, op, class, options);

-- inner products of vectors of one length, in half precision
CREATE TABLE unit (id int, v vector(32));
INSERT INTO unit SELECT id, l2_normalize(v) FROM t;
CREATE INDEX unit_idx ON unit USING hnsw (v vector_ip_ops) WITH (rerank = half);
SET enable_seqscan = off;
CREATE FUNCTION explain(statement text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, FORMAT json) ' || statement INTO plan;
	RETURN plan;
END $$;
SELECT rows_removed(explain($$
	SELECT id FROM unit WHERE (v <#> (SELECT v FROM query)) * -1 > 1000 ORDER BY v <#> (SELECT v FROM query) LIMIT 10
$$)) BETWEEN 0 AND 20 AS ended;

-- the distance from another vector, or from the same one by another expression
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops);
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> test_vector(-7, 32) < 2 ORDER BY v <-> test_vector(-1, 32) LIMIT 1000) found;
SET enable_indexscan = off;
SELECT count(*) FROM t WHERE v <-> test_vector(-7, 32) < 2;
SELECT count(*) FROM t WHERE v <-> (SELECT v FROM query) < 2;
RESET enable_indexscan;
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> (SELECT v FROM query) < 2 ORDER BY v <-> (SELECT q.v FROM query q) LIMIT 1000) found;
SELECT rows_removed(explain($$
	SELECT id FROM t WHERE (SELECT v FROM query) <-> v < 2 ORDER BY v <-> (SELECT q.v FROM query q) LIMIT 1000
$$)) < 20 AS ended;

-- parameters: of a prepared statement, of a function; new ones with each rescan; a cursor
SET plan_cache_mode = force_generic_plan;
PREPARE near(vector, float8) AS SELECT count(*) FROM (SELECT id FROM t WHERE v <-> $1 < $2 ORDER BY v <-> $1 LIMIT 1000) found;
EXECUTE near(test_vector(-1, 32), 2);
EXECUTE near(test_vector(-1, 32), 1.8);
EXECUTE near(test_vector(-1, 32), NULL);
EXECUTE near(NULL, 2);
CREATE FUNCTION near(q vector, similarity float8, k int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT id FROM t WHERE 1 - (t.v <-> q) > similarity ORDER BY t.v <-> q LIMIT k;
END $$;
SELECT count(*) FROM query, near(query.v, -1, 1000);
SELECT bound, count(found.id), max(d) < bound AS below
FROM (VALUES (1.8), (2.0), (NULL), (1.9), (-1)) bounds (bound), query,
	LATERAL (SELECT t.id, t.v <-> query.v AS d FROM t WHERE t.v <-> query.v < bound ORDER BY t.v <-> query.v LIMIT 1000) found
GROUP BY bound ORDER BY bound;
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) OVER () > 0 FROM (SELECT id FROM t WHERE v <-> test_vector(-1, 32) < 1.9 ORDER BY v <-> test_vector(-1, 32)) found LIMIT 2;
FETCH 1 FROM c;
FETCH ALL FROM c;
COMMIT;

-- in relaxed order and without going on
SET hnsw.ef_search = 10;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> test_vector(-1, 32) < 1.9 ORDER BY v <-> test_vector(-1, 32) LIMIT 1000) found;
SET hnsw.iterative_scan = off;
SELECT count(*) FROM (SELECT id FROM t WHERE v <-> test_vector(-1, 32) < 1.9 ORDER BY v <-> test_vector(-1, 32) LIMIT 1000) found;

-- rows that are left out by row-level security stay out
RESET hnsw.iterative_scan;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON t USING (id % 2 = 1);
CREATE ROLE hnsw_distance_filter_role;
GRANT SELECT ON t, query TO hnsw_distance_filter_role;
SET ROLE hnsw_distance_filter_role;
SELECT count(*), count(*) FILTER (WHERE id % 2 = 0) FROM (SELECT id FROM t WHERE v <-> (SELECT v FROM query) < 2 ORDER BY v <-> (SELECT v FROM query) LIMIT 1000) found;
RESET ROLE;
SELECT count(*) FROM t WHERE v <-> (SELECT v FROM query) < 2 AND id % 2 = 1;
DROP TABLE t, query, unit;
DROP ROLE hnsw_distance_filter_role;
DROP FUNCTION test_filter, test_class, rows_removed, explain, near, test_vector;
