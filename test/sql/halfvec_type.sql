-- the type halfvec: what is its own; what it shares with vector is tested there
SELECT '[1,2,3]'::halfvec, ' [ 1, 2.5 , -3e-2 ] '::halfvec, '[65504,-65504]'::halfvec;
-- rounding to the nearest, ties to even; subnormal numbers; the least there is, and what is below half of it
SELECT '[2049,2051,0.1,-0]'::halfvec, '[6.1035156e-05,6.0975552e-05,5.9604645e-08,2.9802322e-08,2.98023260e-08]'::halfvec;
-- out of range: the halfway point to the next number rounds up
SELECT '[65519.99]'::halfvec;
SELECT '[65520]'::halfvec;
SELECT '[1e39]'::halfvec;
-- in the words of the text
SELECT '[1, 1000000 ,1e7]'::halfvec;
SELECT '[NaN]'::halfvec;
SELECT '[Infinity]'::halfvec;
SELECT '[1,2'::halfvec;
SELECT '[]'::halfvec;
SELECT '[1,2]'::halfvec(3);
SELECT '[1,2]'::halfvec(0);
SELECT '[1,2]'::halfvec(16001);
SELECT pg_column_size('[1,2,3]'::halfvec), halfvec_send('[1,-2]');

-- arithmetic in single precision, rounded once
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,6]', '[1,2,3]'::halfvec * '[4,5,6]', '[1]'::halfvec || '[2,3]';
SELECT '[65504]'::halfvec + '[65504]';
SELECT '[65504]'::halfvec * '[2]';
SELECT '[1e-7]'::halfvec * '[1e-7]';
SELECT '[1,2]'::halfvec + '[1]';
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0]'::halfvec);
SELECT subvector('[1,2,3,4,5]'::halfvec, 2, 3), binary_quantize('[1,0,-1]'::halfvec);

-- distances
SELECT '[0,0]'::halfvec <-> '[3,4]', '[1,2]'::halfvec <#> '[3,4]', '[1,2]'::halfvec <+> '[3,5]';
SELECT round(('[1,0]'::halfvec <=> '[1,1]')::numeric, 6), '[0,0]'::halfvec <=> '[1,1]';
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), inner_product('[1,2]'::halfvec, '[3,4]'), l1_distance('[0,0]'::halfvec, '[3,4]');
SELECT halfvec_l2_squared_distance('[0,0]', '[3,4]'), halfvec_negative_inner_product('[1,2]', '[3,4]'),
	round(halfvec_spherical_distance('[1,0]', '[0,1]')::numeric, 6);
SELECT '[1,2]'::halfvec <-> '[1]';
-- more elements than are converted at a time
SELECT array_fill(1, ARRAY[3000])::halfvec <-> array_fill(3, ARRAY[3000])::halfvec AS l2,
	array_fill(1, ARRAY[3000])::halfvec <=> array_fill(3, ARRAY[3000])::halfvec AS cosine;

-- order
SELECT v FROM unnest(ARRAY['[2]', '[1,2]', '[1]', '[-0]', '[0]']::halfvec[]) v ORDER BY v, v::text;
SELECT '[1,2]'::halfvec = '[1,2]', '[1,2]'::halfvec < '[1,3]', '[1,2]'::halfvec >= '[1]', halfvec_cmp('[1]', '[2]');

-- casts
SELECT '[1.1,2]'::halfvec::vector, '[1.1,2]'::vector::halfvec, '[1,2]'::halfvec::real[], ARRAY[1,2]::halfvec,
	ARRAY[1.5,2]::numeric[]::halfvec, ARRAY[1.5,2]::float8[]::halfvec(2);
SELECT '[1,65520]'::vector::halfvec;
SELECT ARRAY[65520]::halfvec;
SELECT '[1,2]'::halfvec::vector(3);
SELECT '[1,2]'::vector::halfvec(3);
SELECT ARRAY[1, NULL]::halfvec;

-- aggregates
SELECT avg(v), sum(v), count(DISTINCT v) FROM unnest(ARRAY['[1,2]', '[3,5]', NULL, '[1,2]']::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1]', '[1,2]']::halfvec[]) v;

-- a table, COPY in both forms
CREATE TABLE half_table (id int, v halfvec(3));
INSERT INTO half_table VALUES (1, '[1,2,3]'), (2, NULL), (3, '[0.1,-65504,6e-8]');
\copy half_table to 'results/halfvec_type.bin' with (format binary)
CREATE TABLE half_copy (LIKE half_table);
\copy half_copy from 'results/halfvec_type.bin' with (format binary)
SELECT * FROM half_copy ORDER BY id;
SELECT count(*) FROM half_table JOIN half_copy USING (id, v);
INSERT INTO half_table VALUES (4, '[1,2]');
COPY half_table TO STDOUT;
DROP TABLE half_table, half_copy;
