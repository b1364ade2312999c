-- distances of bit strings
SELECT hamming_distance(B'10110', B'10011'), B'10110' <~> B'10011', B'111' <~> B'111', B'1' <~> B'0';
SELECT round(jaccard_distance(B'1110', B'0111')::numeric, 6), round((B'1110' <%> B'0111')::numeric, 6), B'111' <%> B'111';
-- nothing in common, or nothing at all
SELECT B'100' <%> B'011', B'000' <%> B'111', B'000' <%> B'000';
SELECT hamming_distance(NULL, B'1'), jaccard_distance(B'1', NULL);
SELECT B'101' <~> B'11';
SELECT B'101' <%> B'11';
SELECT '1'::bit(5) <~> B'00000', 'xFF'::bit(8) <~> B'00001111';

-- bits counted one by one, for every length up to where registers of all widths have been filled
CREATE FUNCTION ones(b varbit) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT length(replace(b::text, '0', '')) $$;
CREATE TABLE bits AS
SELECT n, left(a, n)::varbit AS a, left(b, n)::varbit AS b
FROM (SELECT string_agg((hashint4(i) & 1)::text, '' ORDER BY i) AS a, string_agg((hashint4(i + 5000) & 1)::text, '' ORDER BY i) AS b
	FROM generate_series(1, 1100) i) s, generate_series(1, 1100) n;
SELECT count(*), count(*) FILTER (WHERE hamming_distance(a, b) = ones(a # b)) AS hamming,
	count(*) FILTER (WHERE abs(jaccard_distance(a, b) - CASE WHEN ones(a & b) = 0 THEN 1 ELSE 1 - ones(a & b)::float8 / ones(a | b) END) < 1e-12) AS jaccard
FROM bits;
DROP TABLE bits;
DROP FUNCTION ones(varbit);

-- from a column, toasted too
CREATE TABLE bit_table (id int, b bit(40000));
INSERT INTO bit_table SELECT i, repeat(lpad(i::bit(8)::text, 10, '0'), 4000)::bit(40000) FROM generate_series(1, 4) i;
INSERT INTO bit_table VALUES (5, NULL);
SELECT id, b <~> repeat('0000000011', 4000)::bit(40000) AS hamming, round((b <%> repeat('0000000011', 4000)::bit(40000))::numeric, 6) AS jaccard
FROM bit_table ORDER BY 2, id;
DROP TABLE bit_table;

-- bits of vectors: one where an element is above zero
SELECT binary_quantize('[1,0,-1,0.5,-0]'::vector), binary_quantize('[1,0,-1,6e-8,-0]'::halfvec);
SELECT binary_quantize('[1,-1]'::vector) <~> binary_quantize('[1,1]'::halfvec), binary_quantize('[1,1,1,1,1,1,1,1,1]'::vector);
SELECT bool_and(binary_quantize(v) = binary_quantize(v::halfvec)) AS same, bool_and(length(binary_quantize(v)) = n) AS lengths
FROM (SELECT n, array_agg(hashint4(i) % 3)::vector AS v FROM generate_series(1, 40) n, generate_series(1, n) i GROUP BY n) s;
