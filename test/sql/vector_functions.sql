-- arithmetic

SELECT '[1,2,3]'::vector + '[4,5,6]';
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[1,2]'::vector + '[3]';
SELECT '[1,2,3]'::vector - '[4,5,6.5]';
SELECT '[-3e38]'::vector - '[3e38]';
SELECT '[1,2]'::vector - '[3]';
SELECT '[1,2,-3]'::vector * '[4,5,6]';
SELECT '[1e37]'::vector * '[1e37]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT '[0,1e-37,-2]'::vector * '[1e-37,0,0]';
SELECT '[1,2]'::vector * '[3]';
SELECT '[1,2,3]'::vector || '[4,5]';
SELECT vector_dims(array_fill(0, ARRAY[15999])::vector || '[1]');
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';
SELECT vector_add('[1,2]', '[3,4]'), vector_sub('[1,2]', '[3,5]'), vector_mul('[1,2]', '[3,4]'), vector_concat('[1]', '[2]');
SELECT '[1]'::vector + NULL;

-- dimensions and norm

SELECT vector_dims('[1,2,3]'::vector);
SELECT vector_norm('[3,4]'), vector_norm('[0,1]'), vector_norm('[0]');
SELECT round(vector_norm('[3e37,4e37]')::numeric / 1e37, 4);

-- distances

SELECT l2_distance('[0,0]'::vector, '[3,4]'), l2_distance('[0,0]'::vector, '[0,1]');
SELECT l2_distance('[1,2]'::vector, '[3]');
SELECT l2_distance('[3e38]'::vector, '[-3e38]');
SELECT l2_distance('[1,1,1,1,1,1,1,1,1]'::vector, '[1,1,1,1,1,1,1,4,5]');
SELECT '[0,0]'::vector <-> '[3,4]';
SELECT inner_product('[1,2]'::vector, '[3,4]'), inner_product('[1,1,1,1,1,1,1,1,1]'::vector, '[1,2,3,4,5,6,7,8,9]');
SELECT inner_product('[1,2]'::vector, '[3]');
SELECT inner_product('[3e38]'::vector, '[3e38]');
SELECT '[1,2]'::vector <#> '[3,4]', vector_negative_inner_product('[1,2]', '[-3,4]');
SELECT round(cosine_distance('[1,2]'::vector, '[2,4]')::numeric, 6), round(cosine_distance('[1,0]'::vector, '[0,2]')::numeric, 6),
	round(cosine_distance('[1,1]'::vector, '[-1,-1]')::numeric, 6), round(cosine_distance('[1,2,3]'::vector, '[4,5,6]')::numeric, 6);
SELECT cosine_distance('[1,2]'::vector, '[0,0]'), cosine_distance('[0,0]'::vector, '[0,0]');
SELECT cosine_distance('[1,2]'::vector, '[3]');
-- rounding never leaves 0 to 2
SELECT bool_and(cosine_distance(v, v) >= 0 AND cosine_distance(v, '[0,0,0]'::vector - v) <= 2)
FROM (SELECT ARRAY[i, sqrt(i), 1 / (i + 0.1)]::vector AS v FROM generate_series(1, 1000) i) t;
SELECT round(('[1,2,3]'::vector <=> '[4,5,6]')::numeric, 6);
SELECT l1_distance('[0,0]'::vector, '[3,4]'), l1_distance('[0,0]'::vector, '[0,-1]');
SELECT l1_distance('[1,2]'::vector, '[3]');
SELECT '[1,2,3]'::vector <+> '[-1,0,1]';
SELECT vector_l2_squared_distance('[0,0]', '[3,4]');
SELECT vector_l2_squared_distance('[0,0]', '[3]');
SELECT round(vector_spherical_distance('[1,0]', '[0,1]')::numeric, 6), vector_spherical_distance('[1,0]', '[1,0]'),
	vector_spherical_distance('[1,0]', '[-1,0]'), vector_spherical_distance('[2]', '[2]'), round(vector_spherical_distance('[0.6,0.8]', '[1,0]')::numeric, 6);
SELECT '[1]'::vector <-> NULL;

-- every number of dimensions that kernels treat differently, against plain SQL
SELECT count(*) AS different
FROM generate_series(1, 130) n,
	LATERAL (SELECT array_agg(i % 7 - 3 ORDER BY i) AS a, array_agg(i * n % 11 - 5 ORDER BY i) AS b,
		sum((i % 7 - 3 - (i * n % 11 - 5)) ^ 2) AS l2, sum((i % 7 - 3) * (i * n % 11 - 5)) AS ip,
		sum(abs(i % 7 - 3 - (i * n % 11 - 5))) AS l1 FROM generate_series(1, n) i) t
WHERE vector_l2_squared_distance(a::vector, b::vector) <> l2 OR inner_product(a::vector, b::vector) <> ip
	OR l1_distance(a::vector, b::vector) <> l1;

-- normalize

SELECT l2_normalize('[3,4]'::vector);
SELECT l2_normalize('[3,0]'::vector), l2_normalize('[0,0.1]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector), l2_normalize('[-1e-40]'::vector);

-- binary_quantize

SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[-0,1e-45]'::vector);
SELECT binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector);

-- subvector

SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, 5, 1);
SELECT subvector('[1,2,3,4,5]'::vector, -1, 3), subvector('[1,2,3,4,5]'::vector, 3, 9), subvector('[1,2,3,4,5]'::vector, 0, 2147483647);
SELECT subvector('[1,2,3,4,5]'::vector, -1, 2);
SELECT subvector('[1,2,3,4,5]'::vector, 6, 1);
SELECT subvector('[1,2,3,4,5]'::vector, 3, 0);
SELECT subvector('[1,2,3,4,5]'::vector, 3, -1);
SELECT subvector('[1,2,3,4,5]'::vector, 2147483647, 2147483647);
SELECT subvector('[1,2,3,4,5]'::vector, -2147483648, 10);
SELECT subvector('[1,2,3,4,5]'::vector, -2147483648, -2147483648);
SELECT subvector('[1,2,3,4,5]'::vector, -2147483645, 2147483647);

-- comparison

SELECT '[1,2,3]'::vector < '[1,2,3]', '[1,2,3]'::vector < '[1,2]', '[1,2]'::vector < '[1,2,-3]', '[2]'::vector < '[1,5]';
SELECT '[1,2,3]'::vector <= '[1,2,3]', '[1,2,3]'::vector <= '[1,2]', '[1,2]'::vector <= '[1,3]';
SELECT '[1,2,3]'::vector = '[1,2,3]', '[1,2,3]'::vector = '[1,2]', '[0]'::vector = '[-0]';
SELECT '[1,2,3]'::vector <> '[1,2,3]', '[1,2,3]'::vector <> '[1,2]', '[1,2,3]'::vector != '[1,2,4]';
SELECT '[1,2,3]'::vector >= '[1,2,3]', '[1,2,3]'::vector >= '[1,2]', '[1,2]'::vector >= '[1,3]';
SELECT '[1,2,3]'::vector > '[1,2,3]', '[1,2,3]'::vector > '[1,2]', '[1,3]'::vector > '[1,2,9]';
SELECT vector_cmp('[1,2,3]', '[1,2,3]'), vector_cmp('[1,2,3]', '[0,0,0]'), vector_cmp('[0,0,0]', '[1,2,3]'),
	vector_cmp('[1,2]', '[1,2,3]'), vector_cmp('[1,2,3]', '[1,2]'), vector_cmp('[1,2]', '[2,3,4]'), vector_cmp('[2,3]', '[1,2,3]');

-- SQLSTATEs

\set VERBOSITY sqlstate
SELECT '[3e38]'::vector + '[3e38]';
SELECT '[1e-37]'::vector * '[1e-37]';
SELECT '[1,2]'::vector <-> '[1]';
SELECT subvector('[1]'::vector, 3, 1);
SELECT array_fill(0, ARRAY[16000])::vector || '[1]';
\set VERBOSITY default
