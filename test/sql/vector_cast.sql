-- from arrays

SELECT ARRAY[1,2,3]::vector;
SELECT ARRAY[1.5,2,-3]::real[]::vector;
SELECT ARRAY[1,2,0.1]::double precision[]::vector;
SELECT ARRAY[1.0,2.25,-3]::numeric[]::vector;
SELECT '[5:7]={1,2,3}'::int[]::vector;
SELECT ARRAY[16777217,2147483647,-2147483648]::vector;
SELECT ARRAY[1,2,3]::vector(3);
SELECT ARRAY[1,2,3]::vector(2);
SELECT array_to_vector(ARRAY[1,2,3], 3, false), array_to_vector(ARRAY[1,2,3], -1, true);
SELECT '{}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{1,NULL}'::numeric[]::vector;
SELECT '{{1,2},{3,4}}'::real[]::vector;
SELECT '{{1}}'::int[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{NaN}'::numeric[]::vector;
SELECT '{Infinity}'::real[]::vector;
SELECT '{-Infinity}'::double precision[]::vector;
SELECT '{1e39}'::double precision[]::vector;
SELECT '{1e39}'::numeric[]::vector;
SELECT '{1e-60}'::double precision[]::vector;
SELECT vector_dims(array_fill(1.5, ARRAY[16000])::vector);
SELECT array_fill(0, ARRAY[16001])::vector;
SELECT '{1,2}'::text[]::vector;

-- to arrays

SELECT '[1,2.5,-3]'::vector::real[];
SELECT vector_to_float4('[1,2]', -1, false);
SELECT array_length('[1,2,3]'::vector, 1);
SELECT ('[1,2,3]'::vector::real[])[2];
SELECT array_to_vector(array_agg(i ORDER BY i), 3, false)::real[] = '{1,2,3}' FROM generate_series(1, 3) i;

-- to another modifier

SELECT '[1,2,3]'::vector::vector(3);
SELECT '[1,2,3]'::vector::vector(2);
SELECT vector('[1,2,3]', 3, true), vector('[1,2,3]', -1, true);

-- contexts: arrays are assigned, not converted by themselves

CREATE TABLE vector_cast (v vector(3));
INSERT INTO vector_cast VALUES (ARRAY[1,2,3]), (ARRAY[1.5,2,3]), ('{4,5,6}'::real[]), ('{7,8,9}'::double precision[]);
INSERT INTO vector_cast VALUES (ARRAY[1,2]);
INSERT INTO vector_cast VALUES ('[1,2]'::vector);
SELECT * FROM vector_cast;
SELECT v <-> ARRAY[1,2,3] FROM vector_cast;
SELECT unnest(v) FROM vector_cast LIMIT 3;
CREATE TABLE vector_cast_any (v vector);
INSERT INTO vector_cast_any VALUES ('[1]'), ('[1,2]'), ('[1,2,3]');
ALTER TABLE vector_cast_any ALTER v TYPE vector(3);
DELETE FROM vector_cast_any WHERE vector_dims(v) < 3;
ALTER TABLE vector_cast_any ALTER v TYPE vector(3);
ALTER TABLE vector_cast_any ALTER v TYPE real[];
ALTER TABLE vector_cast_any ALTER v TYPE vector(3);
SELECT * FROM vector_cast_any;

-- SQLSTATEs

\set VERBOSITY sqlstate
SELECT '{}'::real[]::vector;
SELECT '{NULL}'::real[]::vector;
SELECT '{{1}}'::int[]::vector;
SELECT '{NaN}'::real[]::vector;
SELECT '{1e39}'::numeric[]::vector;
SELECT array_fill(0, ARRAY[16001])::vector;
\set VERBOSITY default

DROP TABLE vector_cast, vector_cast_any;
