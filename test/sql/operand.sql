-- Distances read values where they lie: with short and long headers, compressed, out of line and both, on either side.
CREATE TABLE operand (storage text, id int, v vector, h halfvec, b bit varying, s sparsevec);
CREATE FUNCTION add_operands(kind text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER TABLE operand ALTER v SET STORAGE %1$s, ALTER h SET STORAGE %1$s, ALTER b SET STORAGE %1$s,
		ALTER s SET STORAGE %1$s', kind);
	-- little of it, much that is alike, and much that is not
	INSERT INTO operand SELECT kind, i, v, v::halfvec, binary_quantize(v)::bit varying, v::sparsevec
	FROM (SELECT i, array_agg((CASE i % 3 WHEN 2 THEN (j * 7919 + i) % 1021 ELSE i END)::real - 500 ORDER BY j)::vector AS v
		FROM generate_series(1, 6) i, generate_series(1, CASE i % 3 WHEN 0 THEN 12 ELSE 1200 END) j GROUP BY i) x;
END $$;
SELECT add_operands('external');
SELECT add_operands('extended');
SELECT add_operands('main');
-- what there is of each
SELECT storage, count(*) FILTER (WHERE pg_column_size(v) < 126) AS short, count(*) FILTER (WHERE pg_column_size(v) > 4700) AS long,
	count(pg_column_compression(v)) AS compressed FROM operand GROUP BY storage ORDER BY storage;

-- every pair, against copies that were just made; the nested loop keeps one side while the other changes, and the other way round
SET enable_hashjoin = off;
SET enable_mergejoin = off;
CREATE FUNCTION fresh(x vector) RETURNS vector LANGUAGE sql IMMUTABLE AS 'SELECT subvector(x, 1, 16000)';
SELECT count(*), bool_and(a.v <-> b.v = fresh(a.v) <-> fresh(b.v)) AS l2, bool_and(a.v <#> b.v = fresh(a.v) <#> fresh(b.v)) AS ip,
	bool_and(a.v <=> b.v = fresh(a.v) <=> fresh(b.v)) AS cosine, bool_and(a.v <+> b.v = fresh(a.v) <+> fresh(b.v)) AS l1
FROM operand a, operand b WHERE vector_dims(a.v) = vector_dims(b.v);
SELECT bool_and(a.h <-> b.h = subvector(a.h, 1, 16000) <-> subvector(b.h, 1, 16000)) AS l2,
	bool_and(a.h <=> b.h = subvector(a.h, 1, 16000) <=> subvector(b.h, 1, 16000)) AS cosine
FROM operand a, operand b WHERE vector_dims(a.h) = vector_dims(b.h);
SELECT bool_and(a.b::bit(1200) <~> b.b::bit(1200) = (a.b || B'')::bit(1200) <~> (b.b || B'')::bit(1200)) AS hamming
FROM operand a, operand b WHERE length(a.b) = 1200 AND length(b.b) = 1200;
SELECT bool_and(a.s <-> b.s = a.s::text::sparsevec <-> b.s::text::sparsevec) AS l2,
	bool_and(a.s <#> b.s = a.s::text::sparsevec <#> b.s::text::sparsevec) AS ip
FROM operand a, operand b WHERE vector_dims(a.v) = vector_dims(b.v);

-- a query that is stored out of line, and one after the other of them
SELECT q.storage, q.id, (SELECT array_agg(id || storage ORDER BY o.v <-> q.v, id, storage) FILTER (WHERE o.v <-> q.v = 0)
	FROM operand o WHERE vector_dims(o.v) = vector_dims(q.v)) FROM operand q ORDER BY q.id, q.storage;
-- nor do dimensions go unchecked
SELECT o.v <-> (SELECT v FROM operand WHERE id = 1 AND storage = 'external') FROM operand o WHERE id = 3 LIMIT 1;
-- values that are in memory only
DO $$
DECLARE
	x vector := (SELECT v FROM operand WHERE id = 2 AND storage = 'external');
	y vector;
BEGIN
	FOR y IN SELECT v FROM operand WHERE id IN (1, 2, 4) ORDER BY id, storage LOOP
		RAISE NOTICE '%', round((x <-> y)::numeric);
		x := y;
	END LOOP;
END $$;
-- a query is fetched once a scan: 5,000 rows of a few pages meet one that lies out of line
CREATE TABLE scanned AS SELECT ARRAY[i, 1]::vector AS v FROM generate_series(1, 5000) i;
CREATE TABLE asked AS SELECT i, array_agg(j * i % 1021)::vector AS v FROM generate_series(1, 2) i, generate_series(1, 1200) j GROUP BY i;
CREATE FUNCTION blocks_of(statement text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT json) ' || statement INTO plan;
	RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::int + (plan->0->'Plan'->>'Shared Read Blocks')::int;
END $$;
ALTER TABLE asked ALTER v SET STORAGE EXTERNAL;
UPDATE asked SET v = subvector(v, 1, 1200);
SELECT blocks_of('SELECT count(a.v <-> (SELECT v FROM asked WHERE i = 2)) FROM scanned s, asked a WHERE a.i = 1') < 500 AS once;
DROP TABLE operand, scanned, asked;
DROP FUNCTION fresh, add_operands, blocks_of;
