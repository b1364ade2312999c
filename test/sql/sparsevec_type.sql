-- the type sparsevec and its indexes
SELECT '{1:0.5,3:2}/5'::sparsevec, ' { 3 : 2 , 1:0.5, 2:0 } / 5 '::sparsevec, '{}/5'::sparsevec(5), '{1000000000:-1e-45}/1000000000'::sparsevec;
SELECT '{1:1,1:2}/5'::sparsevec;
SELECT '{0:1}/5'::sparsevec;
SELECT '{6:1}/5'::sparsevec;
SELECT '{-1:1}/5'::sparsevec;
SELECT '{0:0}/5'::sparsevec;
SELECT '{6:0}/5'::sparsevec;
SELECT '{6:0,1:1}/5'::sparsevec;
SELECT '{5:0,1:1}/5'::sparsevec;
SELECT '{1:1}'::sparsevec;
SELECT '{1:1,}/5'::sparsevec;
SELECT '{1:1}/5 x'::sparsevec;
SELECT '[1,2]'::sparsevec;
SELECT '{1:nan}/5'::sparsevec;
SELECT '{1:inf}/5'::sparsevec;
SELECT '{1:1e50}/5'::sparsevec;
SELECT '{}/0'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT '{}/99999999999999999999'::sparsevec;
SELECT '{99999999999999999999:1}/5'::sparsevec;
SELECT '{1:1}/5'::sparsevec(6);
SELECT '{}/5'::sparsevec(0);
SELECT ('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec FROM generate_series(1, 16001) i;
SELECT pg_column_size('{1:0.5,3:2}/5'::sparsevec), sparsevec_send('{1:0.5,3:2}/5');

-- casts
SELECT '[1,0,2]'::vector::sparsevec, '{1:1,3:2}/3'::sparsevec::vector, '{1:1,3:2}/3'::sparsevec::halfvec, '[1,0]'::halfvec::sparsevec,
	ARRAY[1,0,3]::sparsevec, ARRAY[0.5,0]::numeric[]::sparsevec(2);
SELECT '{1:1}/16001'::sparsevec::vector;
SELECT '{1:65520}/3'::sparsevec::halfvec;
SELECT '{1:1}/3'::sparsevec::vector(2);
SELECT ARRAY[1, NULL]::sparsevec;

-- distances, as those of the dense vectors they stand for
SELECT a <-> b = a::vector <-> b::vector AS l2, a <#> b = a::vector <#> b::vector AS ip, abs((a <=> b) - (a::vector <=> b::vector)) < 1e-6 AS cosine,
	a <+> b = a::vector <+> b::vector AS l1
FROM (VALUES ('{1:1,2:2}/4'::sparsevec, '{2:4,3:5}/4'::sparsevec), ('{4:1}/4', '{1:1,2:1,3:1}/4'), ('{1:-3,4:2}/4', '{1:-3,4:2}/4')) AS v(a, b);
SELECT l2_distance('{}/3'::sparsevec, '{1:3,2:4}/3'), inner_product('{1:2}/3'::sparsevec, '{1:3,2:4}/3'), l1_distance('{}/3'::sparsevec, '{1:3,2:-4}/3'),
	sparsevec_l2_squared_distance('{}/3', '{1:3,2:4}/3'), '{}/3'::sparsevec <=> '{1:1}/3' AS zero;
SELECT l2_norm('{1:3,2:4}/3'::sparsevec), l2_normalize('{1:3,2:4}/3'::sparsevec), l2_normalize('{}/3'::sparsevec);
SELECT '{1:1}/3'::sparsevec <-> '{1:1}/4';

-- order, as that of the dense vectors
SELECT bool_and(sparsevec_cmp(a, b) = vector_cmp(a::vector, b::vector)) AS same
FROM unnest(ARRAY['{}/2', '{}/3', '{1:1}/3', '{1:-1}/3', '{3:1}/3', '{3:-1}/3', '{1:1,3:1}/3', '{1:1}/1', '{2:5}/2']::sparsevec[]) a,
	unnest(ARRAY['{}/2', '{}/3', '{1:1}/3', '{1:-1}/3', '{3:1}/3', '{3:-1}/3', '{1:1,3:1}/3', '{1:1}/1', '{2:5}/2']::sparsevec[]) b;
SELECT v FROM unnest(ARRAY['{1:2}/2', '{}/2', '{1:1}/2', '{2:-1}/2']::sparsevec[]) v ORDER BY v;

-- binary COPY
CREATE TABLE sparse_table (id int, v sparsevec(5));
INSERT INTO sparse_table VALUES (1, '{1:0.5,3:2}/5'), (2, NULL), (3, '{}/5');
\copy sparse_table to 'results/sparsevec_type.bin' with (format binary)
CREATE TABLE sparse_copy (LIKE sparse_table);
\copy sparse_copy from 'results/sparsevec_type.bin' with (format binary)
SELECT * FROM sparse_copy ORDER BY id;
DROP TABLE sparse_table, sparse_copy;

-- indexes: documents of 60 of 30,000 words, of 100 subjects each with words of its own
SET client_min_messages = warning;
CREATE FUNCTION document(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
	SELECT ('{' || string_agg(w || ':' || x, ',') || '}/30000')::sparsevec FROM (
		SELECT 1 + CASE WHEN j <= 40 THEN abs(hashint4(i % 100 * 1000 + abs(hashint4(i * 100 + j) % 120))) % 30000
				ELSE abs(hashint4(i * 100 + j)) % 30000 END AS w,
			max((0.5 + abs(hashint4(i + j * 7919) / 2147483648.0))::real) AS x
		FROM generate_series(1, 60) j GROUP BY 1) s
$$;
CREATE TABLE s (id int, v sparsevec(30000));
INSERT INTO s SELECT i, document(i) FROM generate_series(1, 3000) i;
INSERT INTO s VALUES (-1, NULL), (-2, ('{' || (SELECT string_agg(i || ':1', ',') FROM generate_series(1, 2000) i) || '}/30000')::sparsevec);
CREATE FUNCTION test_class(op text, class text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT array_agg(d) FROM (SELECT v %s $1 AS d FROM s WHERE v IS NOT NULL ORDER BY v %1$s $1 LIMIT 10) z', op);
	exact float8[];
	found float8[];
	good int := 0;
	n int;
BEGIN
	EXECUTE format('CREATE INDEX s_idx ON s USING hnsw (v %s)', class);
	FOR q IN 1..40 LOOP
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE statement INTO exact USING document(100000 + q);
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE statement INTO found USING document(100000 + q);
		good := good + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[10] + 1e-6);
	END LOOP;
	EXECUTE format('SELECT count(DISTINCT id) FROM (SELECT id FROM s ORDER BY v %s document(5)) z', op) INTO n;
	DROP INDEX s_idx;
	RETURN format('recall above 0.9: %s, rows: %s', good >= 360, n);
END $$;
SET hnsw.ef_search = 200;
SELECT test_class('<->', 'sparsevec_l2_ops');
SELECT test_class('<#>', 'sparsevec_ip_ops');
SELECT test_class('<=>', 'sparsevec_cosine_ops');
-- L1 is not what the sketch keeps: more candidates are needed
SET hnsw.ef_search = 500;
SELECT test_class('<+>', 'sparsevec_l1_ops');
RESET hnsw.ef_search;
CREATE INDEX s_idx ON s USING hnsw (v sparsevec_l2_ops) WITH (rerank = half);
CREATE INDEX s_idx ON s USING hnsw (v sparsevec_l2_ops);
SET enable_seqscan = off;
SELECT id FROM s ORDER BY v <-> document(17) LIMIT 1;
INSERT INTO s SELECT 5000, document(5000);
SELECT id FROM s ORDER BY v <-> document(5000) LIMIT 1;
SELECT id FROM s ORDER BY v <-> '{1:1}/5' LIMIT 1;
DROP TABLE s;
DROP FUNCTION test_class, document;
