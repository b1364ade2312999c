-- A vector near a plane of few dimensions, as embeddings are; the same on every machine.
CREATE FUNCTION test_vector(i int, dims int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT array_agg((0.1 * hashint4(i * 1009 + j) / 2147483648.0 +
		hashint4(-4 * i) / 2147483648.0 * sin(j) + hashint4(-4 * i - 1) / 2147483648.0 * cos(2 * j) +
		hashint4(-4 * i - 2) / 2147483648.0 * sin(3 * j + 1) + hashint4(-4 * i - 3) / 2147483648.0 * cos(5 * j))::real
		ORDER BY j)::vector FROM generate_series(1, dims) j
$$;
