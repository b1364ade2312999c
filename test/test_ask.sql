-- With test_vector().
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
-- The steps of a query's plan that a pattern finds, its answer, and whether that is the answer of another query.
CREATE FUNCTION ask(query text, same text, steps text, OUT plan text, OUT answer text, OUT is_right boolean) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	expected text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := concat_ws(', ', nullif(plan, ''), substring(line FROM steps));
	END LOOP;
	EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || query || ') x' INTO answer;
	EXECUTE 'SELECT string_agg(x::text, '' '') FROM (' || same || ') x' INTO expected;
	is_right := answer = expected OR num_nulls(answer, expected) = 2;
END $$;
