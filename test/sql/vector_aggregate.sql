SELECT avg(v), sum(v) FROM (VALUES ('[1,2,3]'::vector), ('[3,5,7]'), (NULL)) t (v);
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]']::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[NULL]::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
-- the mean of numbers whose float4 sum overflows
SELECT avg(v) FROM unnest(ARRAY['[3e38]', '[3e38]', '[3e38]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;

-- groups and windows do not share a state

SELECT i % 3 AS k, avg(ARRAY[i, -i]::vector), sum(ARRAY[i, -i]::vector), count(*) FROM generate_series(1, 9) i GROUP BY 1 ORDER BY 1;
SELECT i, avg(ARRAY[i, 2 * i]::vector) OVER (ORDER BY i), sum(ARRAY[i]::vector) OVER (ORDER BY i ROWS 1 PRECEDING) FROM generate_series(1, 5) i;
SELECT k, avg(ARRAY[k, i]::vector) FROM generate_series(1, 2) k, generate_series(1, 4) i GROUP BY ROLLUP (k) ORDER BY k;

-- the functions of the state

SELECT vector_accum('{0}', '[1,2,3]');
SELECT vector_accum(vector_accum('{0}', '[1,2,3]'), '[0.5,0,-3]');
SELECT vector_accum('{1,2,3}', '[1]');
SELECT vector_accum('{}', '[1]');
SELECT vector_accum('{{1,2}}', '[1]');
SELECT vector_accum('{1,NULL}', '[1]');
SELECT vector_combine('{0}', '{0}'), vector_combine('{2,3,4}', '{0}'), vector_combine('{0}', '{2,3,4}'), vector_combine('{2,3,4}', '{3,-3,1}');
SELECT vector_combine('{2,3,4}', '{3,1}');
SELECT vector_combine('{2,1e308}', '{2,1e308}');
SELECT vector_combine('{2,1e308}', '{}');
SELECT vector_avg('{0}'), vector_avg('{2,3,-4}'), vector_avg(NULL);
SELECT vector_avg('{1}');
SELECT vector_avg('{2,1e300}');
SELECT vector_avg('{2,NaN}');
SELECT vector_avg('{}');

-- parallel plans

CREATE TABLE vector_parallel (id int, v vector(3));
INSERT INTO vector_parallel SELECT i, ARRAY[i, i % 10, -1] FROM generate_series(1, 10000) i;
INSERT INTO vector_parallel VALUES (0, NULL);
ANALYZE vector_parallel;
SELECT avg(v), sum(v - ARRAY[5000, 0, 0]::vector) FROM vector_parallel;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), sum(v - ARRAY[5000, 0, 0]::vector) FROM vector_parallel;
SELECT avg(v), sum(v - ARRAY[5000, 0, 0]::vector) FROM vector_parallel;
SELECT id % 2 AS k, avg(v) FROM vector_parallel GROUP BY 1 ORDER BY 1;
SELECT avg(v), sum(v) FROM vector_parallel WHERE id < 0;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE vector_parallel;
