-- the operator classes of halfvec and bit: recall against exact search, all rows once, inserts, deletes
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE TABLE t (id int, h halfvec(64), b bit(64));
INSERT INTO t SELECT i, v, binary_quantize(v)::bit(64)
FROM (SELECT i, test_vector(i, 64) AS v FROM generate_series(1, 2000) i) s;
INSERT INTO t VALUES (-1, NULL, NULL);

CREATE FUNCTION test_class(col text, op text, class text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	statement text := format('SELECT array_agg(d) FROM (SELECT %1$I %2$s $1::%3$s AS d FROM t WHERE %1$I IS NOT NULL
		ORDER BY %1$I %2$s $1::%3$s LIMIT 10) s', col, op, CASE col WHEN 'h' THEN 'halfvec(64)' ELSE 'bit(64)' END);
	query text;
	exact float8[];
	found float8[];
	good int := 0;
	n int;
	missed int;
BEGIN
	EXECUTE format('CREATE INDEX t_idx ON t USING hnsw (%I %s) %s', col, class, options);
	INSERT INTO t SELECT 10000 + i, v, binary_quantize(v)::bit(64)
	FROM (SELECT i, test_vector(50000 + i, 64) AS v FROM generate_series(1, 300) i) s;
	DELETE FROM t WHERE id BETWEEN 100 AND 120;
	FOR q IN 1..20 LOOP
		query := CASE col WHEN 'h' THEN test_vector(-q, 64)::text
			ELSE binary_quantize(test_vector(-q, 64))::text END;
		PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
		EXECUTE statement INTO exact USING query;
		PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
		EXECUTE statement INTO found USING query;
		good := good + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[10] + 1e-6);
	END LOOP;
	EXECUTE format('SELECT count(*), count(*) - count(DISTINCT id) FROM (SELECT id FROM t ORDER BY %I %s %L) s', col, op, query)
		INTO n, missed;
	n := n - (SELECT count(*) FROM t WHERE h IS NOT NULL);
	DELETE FROM t WHERE id > 10000;
	DROP INDEX t_idx;
	RETURN format('recall above 0.97: %s, rows too many: %s, twice: %s', good >= 194, n, missed);
END $$;

SELECT test_class('h', '<->', 'halfvec_l2_ops', '');
SELECT test_class('h', '<#>', 'halfvec_ip_ops', '');
SELECT test_class('h', '<=>', 'halfvec_cosine_ops', '');
SELECT test_class('h', '<+>', 'halfvec_l1_ops', '');
SELECT test_class('h', '<->', 'halfvec_l2_ops', 'WITH (bits = 2, rerank = table)');
SELECT test_class('h', '<->', 'halfvec_l2_ops', 'WITH (bits = 32)');
SELECT test_class('b', '<~>', 'bit_hamming_ops', '');
SELECT test_class('b', '<%>', 'bit_jaccard_ops', '');

-- on an expression
CREATE INDEX t_idx ON t USING hnsw ((h::vector(64)) vector_l2_ops);
DROP INDEX t_idx;
CREATE TABLE v (id int, v vector(64));
INSERT INTO v SELECT i, test_vector(i, 64) FROM generate_series(1, 500) i;
CREATE INDEX ON v USING hnsw ((v::halfvec(64)) halfvec_cosine_ops);
CREATE INDEX ON v USING hnsw ((binary_quantize(v)::bit(64)) bit_hamming_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM v ORDER BY v::halfvec(64) <=> '[1]' LIMIT 5;
SELECT id FROM v ORDER BY v::halfvec(64) <=> test_vector(17, 64)::halfvec(64) LIMIT 1;
-- candidates by their bits, ordered by the vectors
SELECT id FROM (SELECT id, v FROM v ORDER BY binary_quantize(v)::bit(64) <~> binary_quantize(test_vector(17, 64)) LIMIT 20) s
ORDER BY v <-> test_vector(17, 64) LIMIT 1;
DROP TABLE v;

-- as wide as there is
CREATE TABLE wide (id int, b bit(64000), h halfvec(16000));
INSERT INTO wide SELECT i, repeat(lpad(i::bit(8)::text, 10, '0'), 6400)::bit(64000), array_fill(i, ARRAY[16000])::halfvec FROM generate_series(1, 20) i;
CREATE INDEX ON wide USING hnsw (b bit_hamming_ops);
CREATE INDEX ON wide USING hnsw (h halfvec_l2_ops);
SELECT id FROM wide ORDER BY b <~> repeat(lpad(9::bit(8)::text, 10, '0'), 6400)::bit(64000) LIMIT 1;
SELECT id FROM wide ORDER BY h <-> array_fill(9.2, ARRAY[16000])::halfvec LIMIT 1;
DROP TABLE wide;

-- errors
CREATE INDEX ON t USING hnsw (b bit_hamming_ops) WITH (bits = 4);
CREATE INDEX t_idx ON t USING hnsw (b bit_hamming_ops);
SELECT id FROM t ORDER BY b <~> B'101' LIMIT 1;
DROP TABLE t;
DROP FUNCTION test_class, test_vector;
SELECT B'1011' <~> B'0010' AS hamming, B'1011' <%> B'0010' AS jaccard, B'00' <%> B'00' AS none;
SELECT hamming_distance(B'1', B'11');
SELECT jaccard_distance(B'1', B'11');
