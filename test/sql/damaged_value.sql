-- Bytes that are no value of a type, as a damaged page may have them: refused wherever elements are read.

CREATE CAST (bytea AS vector) WITHOUT FUNCTION;
CREATE CAST (bytea AS halfvec) WITHOUT FUNCTION;
CREATE CAST (bytea AS sparsevec) WITHOUT FUNCTION;
CREATE CAST (bytea AS bit varying) WITHOUT FUNCTION;

-- int16 and int32 numbers in the machine's order, from the digits of one
CREATE FUNCTION int16(n int) RETURNS bytea LANGUAGE sql AS
	$$ SELECT set_byte(set_byte('\x0000', 0, n & 255), 1, n >> 8 & 255) $$;
CREATE FUNCTION int32(n int) RETURNS bytea LANGUAGE sql AS $$ SELECT int16(n) || int16(n >> 16) $$;

CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- 1 is whole; then too short for its elements, empty, negative, without dimensions, too long, cut off within an element, and
-- with more dimensions than there may be or indices that are none
CREATE TABLE d (id int, v vector, h halfvec, s sparsevec);
INSERT INTO d VALUES
	(1, (int16(2) || int16(0) || int32(0) || int32(1065353216))::vector,
		(int16(2) || int16(0) || int16(15360) || int16(0))::halfvec,
		(int32(9) || int32(1) || int32(0) || int32(8) || int32(1065353216))::sparsevec),
	(2, (int16(16000) || int16(0) || int32(0))::vector,
		(int16(16000) || int16(0) || int16(15360))::halfvec,
		(int32(16000) || int32(16000) || int32(0) || int32(8) || int32(1065353216))::sparsevec),
	(3, ''::bytea::vector,
		''::bytea::halfvec,
		''::bytea::sparsevec),
	(4, (int16(-1) || int16(0))::vector,
		(int16(-1) || int16(0))::halfvec,
		(int32(9) || int32(-1) || int32(0))::sparsevec),
	(5, (int16(0) || int16(0))::vector,
		(int16(0) || int16(0))::halfvec,
		(int32(-9) || int32(0) || int32(0))::sparsevec),
	(6, (int16(1) || int16(0) || int32(0) || int32(0))::vector,
		(int16(1) || int16(0) || int16(0) || int16(0))::halfvec,
		(int32(9) || int32(1) || int32(0) || int32(9) || int32(1065353216))::sparsevec),
	(7, (int16(1) || int16(0) || '\x000000')::vector,
		(int16(1) || int16(0) || '\x00')::halfvec,
		(int32(9) || int32(2) || int32(0) || int32(8) || int32(8) || int32(1065353216) || int32(1065353216))::sparsevec),
	(8, (int16(32767) || int16(0) || repeat('x', 131068)::bytea)::vector,
		(int16(32767) || int16(0) || repeat('x', 65534)::bytea)::halfvec,
		(int32(2147483647) || int32(1) || int32(0) || int32(-1) || int32(1065353216))::sparsevec);
CREATE TABLE e (kind text, expression text);
INSERT INTO e SELECT kind, replace(expression, '?', kind) FROM (VALUES ('v'), ('h'), ('s')) k (kind), (VALUES
	('?::text'), ('? < ?'), ('? = ?'), ('? <-> ?'), ('? <#> ?'), ('? <=> ?'), ('? <+> ?'), ('l2_normalize(?)')) f (expression);
INSERT INTO e SELECT kind, replace(expression, '?', kind) FROM (VALUES ('v'), ('h')) k (kind), (VALUES
	('? + ?'), ('? * ?'), ('? || ?'), ('vector_dims(?)'), ('?::real[]'), ('subvector(?, 1, 1)'), ('binary_quantize(?)'), ('avg(?)'),
	('sum(?)'), ('?::sparsevec')) f (expression);
INSERT INTO e VALUES ('v', 'vector_norm(v)'), ('v', 'v::halfvec'), ('v', 'vector_send(v)'), ('h', 'l2_norm(h)'), ('h', 'h::vector'), ('h', 'halfvec_send(h)'),
	('s', 'l2_norm(s)'), ('s', 's::vector'), ('s', 's::halfvec'), ('s', 'sparsevec_send(s)');
SELECT expression, outcome(format('SELECT %s FROM d WHERE id = 1', expression)) FROM e ORDER BY kind DESC, expression COLLATE "C";
-- indices that are out of order do no harm where they are only compared
SELECT kind, result, string_agg(DISTINCT id::text, ' ') AS rows, string_agg(DISTINCT expression, ', ' ORDER BY expression) AS expressions FROM (
	SELECT kind, id, expression, outcome(format('SELECT (%s)::text FROM (SELECT * FROM d WHERE id = %s) d', expression, id)) AS result
	FROM e, generate_series(2, 8) id) t
GROUP BY kind, result ORDER BY kind DESC, result COLLATE "C";

-- bit strings
SELECT outcome(format('SELECT %s %s B''1''', bits, operator)) FROM (VALUES
	('(int32(9) || ''\x00'')::varbit::bit(9)'), ('''\x0000''::bytea::varbit::bit'), ('(int32(1) || ''\x8000'')::varbit::bit')) t (bits),
	(VALUES ('<~>'), ('<%>')) o (operator);

-- a build, an insert and a scan
SET allow_system_table_mods = on;
UPDATE pg_attribute SET atttypmod = 2 WHERE attrelid = 'd'::regclass AND attname IN ('v', 'h', 's');
RESET allow_system_table_mods;
INSERT INTO d VALUES (9, (int16(2) || int16(0) || int32(2139095040) || int32(0))::vector, (int16(2) || int16(0) || int16(31744) || int16(0))::halfvec);
CREATE TABLE good (v vector(2));
INSERT INTO good VALUES ('[1,2]');
CREATE INDEX ON good USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT id, outcome(format('CREATE INDEX ON d USING hnsw (v vector_l2_ops) WHERE id = %s', id)),
	outcome(format('CREATE INDEX ON d USING hnsw (h halfvec_cosine_ops) WHERE id = %s', id)),
	outcome(format('SELECT v FROM good ORDER BY v <-> (SELECT v FROM d WHERE id = %s) LIMIT 1', id))
FROM generate_series(2, 9) id;
DROP TABLE d, e, good;
DROP FUNCTION outcome, int32, int16;
DROP CAST (bytea AS vector);
DROP CAST (bytea AS halfvec);
DROP CAST (bytea AS sparsevec);
DROP CAST (bytea AS bit varying);
