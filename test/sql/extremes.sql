-- Numbers whose squares and products leave the range of float4: distances are those of double precision.

SELECT a, b, a <-> b AS l2, a <#> b AS ip, a <+> b AS l1, round((a <=> b)::numeric, 6) AS cosine
FROM (VALUES
	('[3e38,3e38]'::vector, '[3e38,3e38]'::vector),
	('[3e38,3e38]', '[-3e38,3e38]'),
	('[3e38,0]', '[1,0]'),
	('[1e-23,0]', '[-1e-23,0]'),
	('[1e-23,0]', '[1e-23,1e-23]'),
	('[1e-30,0]', '[1,1]'),
	('[1e-45,0]', '[0,1e-45]'),
	('[1e30,1e-30]', '[1e-30,1e30]')) t (a, b);
SELECT '[1e-45,0]'::vector <=> '[1e-45,1e-45]' AS smallest, '[0,0]'::vector <=> '[1,1]' AS zero;
SELECT vector_l2_squared_distance('[3e38]', '[-3e38]'), vector_spherical_distance('[3e38,3e38]', '[3e38,-3e38]'),
	inner_product('[3e38,3e38]'::vector, '[3e38,-3e38]'), cosine_distance('[3e38,3e38]'::vector, '[3e38,-3e38]');
SELECT '[6e-8,0]'::halfvec <=> '[6e-8,6e-8]' AS cosine, '[6e-8,0]'::halfvec <#> '[6e-8,6e-8]' AS ip,
	'[65504,0]'::halfvec <-> '[-65504,0]' AS l2, '[65504,0]'::halfvec <#> '[65504,0]' AS ip;
SELECT a <-> b AS l2, a <#> b AS ip, a <+> b AS l1, a <=> b AS cosine
FROM (VALUES
	('{1:3e38,2:1}/5'::sparsevec, '{1:-3e38,3:1}/5'::sparsevec),
	('{1:1e-40}/5', '{1:1e-40}/5')) t (a, b);

-- An index measures the same: its order is that of a sort, by distance and by similarity, ties by id.  A twentieth of the rows
-- is at the ends of float4.
CREATE FUNCTION extreme(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((coalesce((ARRAY[3e38, 1e20, 1e-23, 1e-40])[i % 80], 1) * hashint4(i * 31 + j) / 2147483648.0)::real
		ORDER BY j)::vector FROM generate_series(1, 8) j
$$;
CREATE TABLE e (id serial, v vector(8));
INSERT INTO e (v) SELECT extreme(i) FROM generate_series(1, 1200) i;
-- The queries of 40 whose ten nearest rows are not the same by the index.
CREATE FUNCTION differences(opclass text, expression text, options text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT array_agg(id || '' '' || d) FROM (SELECT id, %1$s AS d FROM e ORDER BY %1$s, id LIMIT 10) s',
		expression);
	sorted text[];
	scanned text[];
	n int := 0;
BEGIN
	EXECUTE format('CREATE INDEX e_idx ON e USING hnsw (v %s) WITH (%s)', opclass, options);
	FOR q IN 2010..2049 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE replace(statement, 'DESC AS', 'AS') INTO sorted USING extreme(q);
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE replace(statement, 'DESC AS', 'AS') INTO scanned USING extreme(q);
		n := n + (sorted IS DISTINCT FROM scanned)::int;
	END LOOP;
	DROP INDEX e_idx;
	RETURN n;
END $$;
SET hnsw.ef_search = 400;
SELECT expression, options, differences('vector_' || class || '_ops', expression, options)
FROM (VALUES ('l2', 'v <-> $1'), ('ip', 'v <#> $1'), ('ip', 'inner_product(v, $1) DESC'), ('cosine', 'v <=> $1'),
	('cosine', '1 - (v <=> $1) DESC'), ('l1', 'v <+> $1')) c (class, expression),
	(VALUES ('bits = 32'), ('bits = 4'), ('bits = 8, rerank = table')) o (options)
WHERE class <> 'ip' OR options = 'bits = 32'
ORDER BY 1, 2;
RESET hnsw.ef_search;
DROP TABLE e;
DROP FUNCTION differences, extreme;
