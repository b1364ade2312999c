-- Scans in the order of a distance, of rows that other indexes have found.
SET client_min_messages = warning;
CREATE FUNCTION a_point(i int) RETURNS vector LANGUAGE sql IMMUTABLE
	AS $$ SELECT ARRAY[i::int8 * 7919 % 1009, i::int8 * 104729 % 997, i::int8 * 1299709 % 991]::real[]::vector $$;
CREATE TABLE t (id int PRIMARY KEY, v vector(3), g int, r int, b int, tags int[], n int);
INSERT INTO t SELECT i, a_point(i), i % 40, i, i / 100,
	ARRAY[i % 7, i % 11], i % 3 FROM generate_series(1, 4000) i;
-- of two vectors there are many, with different columns
INSERT INTO t SELECT i, '[500, 500, 500]', i % 40, i, i / 100, ARRAY[i % 7, i % 11], i % 3 FROM generate_series(4001, 4400) i;
INSERT INTO t SELECT i, '[501, 500, 500]', 1000 + i, i, i / 100, ARRAY[i % 7, i % 11], i % 3 FROM generate_series(4401, 4500) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_g ON t (g);
CREATE INDEX t_r ON t (r);
CREATE INDEX t_b ON t USING brin (b) WITH (pages_per_range = 1);
CREATE INDEX t_tags ON t USING gin (tags);
CREATE INDEX t_hash ON t USING hash (n);
CREATE INDEX t_half ON t ((r / 2));
CREATE INDEX t_few ON t (n) WHERE r > 4300;
VACUUM ANALYZE t;

-- the rows of a query, and whether they are those that a sort finds: the filter must have a plan by a bitmap
CREATE FUNCTION ask(condition text, rows int DEFAULT 10, query text DEFAULT '[500, 400, 300]') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := 'none';
	found float8[];
	wanted float8[];
	ids int;
	sql text := format('SELECT id, v <-> %L AS d FROM t WHERE %s ORDER BY v <-> %L LIMIT %s', query, condition, query, rows);
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || sql LOOP
		plan := coalesce(substring(line from 'HNSW Filtered Scan|Index Scan using t_v|Sort'), plan);
		EXIT WHEN plan <> 'none';
	END LOOP;
	EXECUTE format('SELECT array_agg(d ORDER BY d), count(DISTINCT id) FROM (%s) s', sql) INTO found, ids;
	EXECUTE format('WITH all_rows AS MATERIALIZED (SELECT v <-> %L AS d FROM t WHERE %s)
		SELECT array_agg(d ORDER BY d) FROM (SELECT d FROM all_rows ORDER BY d LIMIT %s) s', query, condition, rows) INTO wanted;
	RETURN format('%s: %s rows, %s', plan, coalesce(ids, 0), CASE WHEN found IS NOT DISTINCT FROM wanted THEN 'exact'
		ELSE 'NOT exact: ' || array_to_string(found, ' ') || ' for ' || array_to_string(wanted, ' ') END);
END $$;
SET enable_seqscan = off;
SET enable_sort = off;

-- every kind of index, ANDs and ORs, conditions that a bitmap has only in part
SELECT condition, ask(condition) FROM (VALUES ('g = 7'), ('r BETWEEN 100 AND 300'), ('g IN (1, 2, 3)'), ('b = 12'),
	('tags @> ARRAY[3, 4]'), ('n = 1'), ('r / 2 = 77'), ('g = 7 AND tags @> ARRAY[3]'), ('g = 7 OR r < 50'),
	('g = 7 AND id % 2 = 1'), ('n = 2 AND r > 4300'), ('g < 0'), ('g = 8 AND v <-> ''[500, 500, 500]'' < 300'),
	('b BETWEEN 5 AND 7 AND g = 2')) AS c (condition);
-- a filter on the distance ends the scan: of the rows with g = 8 few are dropped by it
CREATE FUNCTION removed(condition text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) SELECT id FROM t WHERE %s
		ORDER BY v <-> ''[500, 500, 500]'' LIMIT 100', condition) INTO plan;
	plan := plan->0->'Plan'->'Plans'->0;
	RETURN CASE WHEN plan->>'Custom Plan Provider' = 'HNSW Filtered Scan' THEN (plan->>'Rows Removed by Filter')::int END;
END $$;
SELECT removed('g = 8 AND v <-> ''[500, 500, 500]'' < 100') AS cut_off, removed('g = 8 AND 1 / (1 + (v <-> ''[500, 500, 500]'')) > 0.01') AS as_a_score,
	removed('g = 8 AND v <-> ''[0, 0, 0]'' < 100') > 80 AS of_another_distance;
-- rows with equal vectors: each once, and of them only those that pass
SELECT ask('g = 7', 40, '[500, 500, 500]'), ask('r BETWEEN 4101 AND 4150', 100, '[500, 500, 500]'),
	ask('g = 5405', 10), ask('r > 3990', 600, '[500, 500, 500]');
-- more than the filter has; all; few of many
SELECT ask('g = 7', 10000), ask('r > 0', 10000), ask('r > 0', 20), ask('r > 0 AND id % 400 = 3', 20);

EXPLAIN (COSTS OFF) SELECT id FROM t WHERE g = 7 AND id % 2 = 1 ORDER BY v <-> '[1, 2, 3]' LIMIT 5;
CREATE FUNCTION analyzed(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		CONTINUE WHEN line !~ 'Scan|Strategy|Bitmap Rows|Nodes|Order By|Cond|Filter|Presorted';
		RETURN NEXT regexp_replace(line, ' \(actual.*', '');
	END LOOP;
END $$;
SELECT analyzed('SELECT id FROM t WHERE g = 7 AND id % 2 = 1 ORDER BY v <-> ''[1, 2, 3]'' LIMIT 5');
SELECT analyzed('SELECT id FROM t WHERE g = 7 AND tags @> ARRAY[2] ORDER BY 1 - (v <-> ''[1, 2, 3]'') DESC, id LIMIT 5');
-- the distance is not computed where nobody looks at it
EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM t WHERE g = 7 ORDER BY v <-> '[1, 2, 3]' LIMIT 5;
SET hnsw.filtered_scan = off;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE g = 7 ORDER BY v <-> '[1, 2, 3]' LIMIT 5;
RESET hnsw.filtered_scan;

-- a bitmap that is not exact
SET work_mem = '64kB';
CREATE TABLE wide (id int, v vector(3), g int, filler text) WITH (fillfactor = 10);
INSERT INTO wide SELECT i, a_point(i), i % 6, repeat('x', 100)
	FROM generate_series(1, 12000) i;
CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops);
CREATE INDEX wide_g ON wide (g);
ANALYZE wide;
CREATE FUNCTION numbers(query text) RETURNS TABLE (strategy text, lossy bool, dropped bool) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
	plan := jsonb_path_query_first(plan::jsonb, '$.**?(@."Custom Plan Provider" == "HNSW Filtered Scan")');
	RETURN QUERY SELECT plan->>'Strategy', (plan->>'Lossy Heap Blocks')::int > 0, (plan->>'Rows Removed by Index Recheck')::int > 0;
END $$;
SELECT * FROM numbers('SELECT id FROM wide WHERE g = 1 ORDER BY v <-> ''[500, 400, 300]'' LIMIT 1000');
WITH all_rows AS MATERIALIZED (SELECT v <-> '[500, 400, 300]' AS d FROM wide WHERE g = 1)
SELECT array_agg(d) = (SELECT array_agg(d) FROM (SELECT d FROM all_rows ORDER BY d LIMIT 1000) s) AS exact
	FROM (SELECT v <-> '[500, 400, 300]' AS d FROM wide WHERE g = 1 ORDER BY v <-> '[500, 400, 300]' LIMIT 1000) s;
RESET work_mem;

-- Many rows: the scan begins without the bitmap, which is made where hardly any around the query pass. Where it is not known how
-- many rows are wanted the graph is walked with the bitmap; where hardly any pass the walk is given up and the set measured.
CREATE TABLE w (id int, v vector(3), g int);
INSERT INTO w SELECT i, a_point(i), i % 3 FROM generate_series(1, 9000) i;
INSERT INTO w SELECT i, a_point(i) + '[1100, 1100, 1100]', 3 FROM generate_series(9001, 12000) i;
CREATE INDEX w_v ON w USING hnsw (v vector_l2_ops);
CREATE INDEX w_g ON w (g);
CREATE INDEX w_id ON w (id);
ANALYZE w;
SET jit = off;
SET hnsw.filtered_scan = force;
CREATE FUNCTION walk(condition text, query text, rows int, known bool) RETURNS TABLE (strategy text, n bigint, in_order bool, recall numeric)
	LANGUAGE plpgsql AS $$
DECLARE
	sql text := format(CASE WHEN known THEN 'SELECT id, v <-> %L AS d FROM w WHERE %s ORDER BY v <-> %L LIMIT %s'
		ELSE '(SELECT id, v <-> %L AS d FROM w WHERE %s ORDER BY v <-> %L) UNION ALL SELECT -1, NULL LIMIT %s' END,
		query, condition, query, rows);
BEGIN
	SELECT w.strategy FROM numbers(sql) w INTO strategy;
	RETURN QUERY EXECUTE format('WITH all_rows AS MATERIALIZED (SELECT id, v <-> %L AS d FROM w WHERE %s),
		nearest AS (SELECT * FROM all_rows ORDER BY d LIMIT %s), found AS (SELECT *, row_number() OVER () AS place FROM (%s) s)
		SELECT %L, count(DISTINCT id), bool_and(before IS NULL OR before <= d), round(count(*) FILTER (WHERE d <= farthest) * 1.0 / %s, 1)
		FROM (SELECT *, lag(d) OVER (ORDER BY place) AS before, (SELECT max(d) FROM nearest) AS farthest FROM found) s',
		query, condition, rows, sql, strategy, rows);
END $$;
SELECT * FROM walk('g IN (1, 2)', '[500, 400, 300]', 5000, true);
SELECT * FROM walk('g = 3', '[1600, 1500, 1400]', 40, true);
SELECT * FROM walk('g = 3', '[500, 400, 300]', 40, true);
-- rows that have been returned before the bitmap is made are returned once
SELECT * FROM walk('(g = 3 OR id <= 30)', '[500, 400, 300]', 40, true);
SELECT * FROM walk('g IN (1, 2)', '[500, 400, 300]', 5000, false);
SELECT * FROM walk('g = 3', '[1600, 1500, 1400]', 40, false);
SELECT * FROM walk('g = 3', '[500, 400, 300]', 40, false);
-- a cursor that goes on where its walk ends: each row once
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM w WHERE g = 3 ORDER BY v <-> '[1600, 1500, 1400]';
CREATE FUNCTION fetch_all() RETURNS TABLE (n int, distinct_rows int) LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'c';
	row int;
	ids int[] := '{}';
BEGIN
	LOOP
		FETCH c INTO row;
		EXIT WHEN NOT FOUND;
		ids := ids || row;
	END LOOP;
	RETURN QUERY SELECT cardinality(ids), (SELECT count(DISTINCT i)::int FROM unnest(ids) i);
END $$;
SELECT * FROM fetch_all();
ROLLBACK;
RESET hnsw.filtered_scan;

-- parameters, generic plans, nested loops with the outer row in the condition or as the query, LATERAL
SET plan_cache_mode = force_generic_plan;
PREPARE p(int, vector) AS SELECT id FROM t WHERE g = $1 ORDER BY v <-> $2 LIMIT 3;
EXPLAIN (COSTS OFF) EXECUTE p(1, '[1, 2, 3]');
EXECUTE p(1, '[1, 2, 3]');
EXECUTE p(2, '[1, 2, 3]');
EXECUTE p(NULL, '[1, 2, 3]');
RESET plan_cache_mode;
CREATE TABLE q (id int, g int, v vector(3));
INSERT INTO q VALUES (1, 3, '[1, 2, 3]'), (2, 4, '[900, 900, 900]'), (3, 3, '[500, 500, 500]'), (4, NULL, '[1, 1, 1]'), (5, 5, NULL);
EXPLAIN (COSTS OFF) SELECT q.id, s.id FROM q, LATERAL (SELECT id FROM t WHERE t.g = q.g ORDER BY t.v <-> q.v LIMIT 2) s;
SELECT q.id, count(s.d), bool_and(s.d = w.d) AS exact FROM q,
	LATERAL (SELECT row_number() OVER () AS n, d FROM (SELECT t.v <-> q.v AS d FROM t WHERE t.g = q.g ORDER BY t.v <-> q.v LIMIT 20) s) s,
	LATERAL (SELECT row_number() OVER () AS n, d FROM (WITH a AS MATERIALIZED (SELECT t.v <-> q.v AS d FROM t WHERE t.g = q.g)
		SELECT d FROM a ORDER BY 1 LIMIT 20) s) w
	WHERE s.n = w.n GROUP BY q.id ORDER BY q.id;
-- the same bitmap for another query
SELECT q.id, (SELECT t.v <-> q.v FROM t WHERE g = 12 ORDER BY t.v <-> q.v LIMIT 1) = (SELECT min(t.v <-> q.v) FROM t WHERE g = 12) AS exact
	FROM q WHERE q.v IS NOT NULL ORDER BY q.id;

-- conditions on other tables that give a few keys
CREATE TABLE docs (id int PRIMARY KEY, owner int, kind text);
INSERT INTO docs SELECT i, i % 50, 'k' || i % 3 FROM generate_series(1, 2000) i;
INSERT INTO docs VALUES (0, NULL, NULL);
CREATE INDEX docs_owner ON docs (owner);
CREATE TABLE chunks (id int, doc_id int, v vector(3));
INSERT INTO chunks SELECT i, i / 10, a_point(i) FROM generate_series(10, 20009) i;
INSERT INTO chunks VALUES (1, NULL, '[1, 2, 3]');
CREATE INDEX chunks_v ON chunks USING hnsw (v vector_l2_ops);
CREATE INDEX chunks_doc ON chunks (doc_id);
VACUUM ANALYZE docs, chunks;
RESET enable_seqscan;
RESET enable_sort;
-- the plan, and whether the answer is that of the same query without rewriting and without the index
CREATE FUNCTION keys(query text, OUT plan text, OUT same bool, OUT n int) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	found float8[];
	wanted float8[];
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := concat_ws(', ', plan, substring(line from 'HNSW Filtered Scan|Index Scan using chunks_v|Sort$|InitPlan|Semi Join|Index Cond: \(doc_id = ANY'));
	END LOOP;
	EXECUTE 'SELECT array_agg(d ORDER BY d) FROM (' || query || ') s' INTO found;
	SET LOCAL hnsw.rewrite = off;
	SET LOCAL enable_indexscan = off;
	EXECUTE 'SELECT array_agg(d ORDER BY d) FROM (' || query || ') s' INTO wanted;
	RESET hnsw.rewrite;
	RESET enable_indexscan;
	same := found IS NOT DISTINCT FROM wanted;
	n := cardinality(found);
END $$;
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = 5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks c WHERE EXISTS (SELECT 1 FROM docs WHERE docs.id = c.doc_id AND owner = 5 AND kind <> ''k1'') ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks c JOIN docs ON docs.id = c.doc_id WHERE owner = 5 ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM docs, chunks c WHERE owner IN (5, 6) AND c.doc_id = docs.id AND c.id % 2 = 0 ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
-- nulls among the keys; no keys; keys of another type
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT nullif(id, 55) FROM docs WHERE owner = 5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = -5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id::bigint FROM docs WHERE owner = 5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
-- left alone: NOT IN, many keys, keys that depend on the row, volatile ones, outer joins, OR
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id NOT IN (SELECT id FROM docs WHERE owner = 5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner > 5) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks c WHERE doc_id IN (SELECT id FROM docs WHERE owner = c.id % 50) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = 5 AND random() >= 0) ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks c LEFT JOIN docs ON docs.id = c.doc_id AND owner = 5 ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
SELECT * FROM keys('SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = 5) OR id = 77 ORDER BY v <-> ''[500, 400, 300]'' LIMIT 10');
-- in subqueries, with WITH queries, prepared
SELECT * FROM keys('SELECT d FROM (SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = 5) ORDER BY d LIMIT 10) s');
SELECT * FROM keys('WITH mine AS (SELECT id FROM docs WHERE owner = 5) SELECT v <-> ''[500, 400, 300]'' AS d FROM chunks WHERE doc_id IN (SELECT id FROM mine) ORDER BY d LIMIT 10');
PREPARE mine(int) AS SELECT count(*) FROM (SELECT id FROM chunks WHERE doc_id IN (SELECT id FROM docs WHERE owner = $1) ORDER BY v <-> '[500, 400, 300]' LIMIT 1000) s;
EXECUTE mine(5);
EXECUTE mine(NULL);
SET enable_seqscan = off;
SET enable_sort = off;

-- partitions and inheritance
CREATE TABLE p (id int, v vector(3), g int) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (2000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (2000) TO (9000);
INSERT INTO p SELECT id, v, g FROM t;
CREATE INDEX ON p USING hnsw (v vector_l2_ops);
CREATE INDEX ON p (g);
ANALYZE p;
RESET enable_seqscan;
RESET enable_sort;
EXPLAIN (COSTS OFF) SELECT id FROM p WHERE g = 9 ORDER BY v <-> '[1, 2, 3]' LIMIT 5;
SELECT array_agg(id) = (SELECT array_agg(id) FROM (SELECT id FROM t WHERE g = 9 ORDER BY v <-> '[1, 2, 3]' LIMIT 5) s) AS same
	FROM (SELECT id FROM p WHERE g = 9 ORDER BY v <-> '[1, 2, 3]' LIMIT 5) s;

SET enable_seqscan = off;
SET enable_sort = off;
-- row level security: the policy's condition is the bitmap's, and functions that leak see no other rows
CREATE FUNCTION leak(id int, g int) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
	BEGIN IF g <> 6 THEN RAISE EXCEPTION 'leaked %', id; END IF; RETURN true; END $$;
CREATE ROLE filtered_reader;
GRANT SELECT ON t TO filtered_reader;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON t FOR SELECT TO filtered_reader USING (g = 6);
SET ROLE filtered_reader;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE leak(id, g) ORDER BY v <-> '[1, 2, 3]' LIMIT 3;
SELECT id FROM t WHERE leak(id, g) ORDER BY v <-> '[1, 2, 3]' LIMIT 3;
RESET ROLE;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;

-- cursors, locked rows, changes by the same transaction, rows whose vector is null
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t WHERE g = 7 ORDER BY v <-> '[1, 2, 3]';
FETCH 2 FROM c;
MOVE 50 FROM c;
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
BEGIN;
SELECT id FROM t WHERE g = 7 ORDER BY v <-> '[1, 2, 3]' LIMIT 2 FOR UPDATE;
UPDATE t SET v = '[1, 2, 3]' WHERE id = 47;
UPDATE t SET g = 7 WHERE id = 100;
DELETE FROM t WHERE id = 87;
INSERT INTO t VALUES (9001, '[1, 2, 3]', 7), (9002, NULL, 7);
SELECT ask('g = 7 AND v IS NOT NULL', 200, '[1, 2, 3]');
SELECT id FROM t WHERE g = 7 ORDER BY v <-> '[1, 2, 3]' LIMIT 2;
ROLLBACK;

-- a query that is null, a vector without direction, other kinds of index, none but the bits, no row map
SELECT count(*) FROM (SELECT id FROM t WHERE g = 7 ORDER BY v <-> NULL LIMIT 20) s;
CREATE TABLE k (id int, h halfvec(4), b bit(16), s sparsevec(50), g int);
INSERT INTO k SELECT i, ARRAY[i % 17, i % 29, i % 31, i % 5]::vector::halfvec, (i * 2654435761 % 65536)::int::bit(16),
	format('{%s:1,%s:2}/50', i % 40 + 1, i % 9 + 41)::sparsevec, i % 20 FROM generate_series(1, 2000) i;
CREATE INDEX k_g ON k (g);
CREATE FUNCTION exact(index text, expression text, value text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	same bool;
BEGIN
	EXECUTE 'CREATE INDEX k_i ON k USING hnsw ' || index;
	EXECUTE format('SELECT (SELECT array_agg(round(d::numeric, 4)) FROM (SELECT %s %s AS d FROM k WHERE g = 3 ORDER BY %s %s LIMIT 15) s) =
		(WITH a AS MATERIALIZED (SELECT %s %s AS d FROM k WHERE g = 3)
			SELECT array_agg(round(d::numeric, 4)) FROM (SELECT d FROM a ORDER BY d LIMIT 15) s)',
		expression, value, expression, value, expression, value) INTO same;
	DROP INDEX k_i;
	RETURN same;
END $$;
SELECT exact('(h halfvec_cosine_ops)', 'h <=>', '''[1,2,3,4]'''), exact('(h halfvec_ip_ops) WITH (bits = 1)', 'h <#>', '''[1,2,3,4]'''),
	exact('(h halfvec_l2_ops) WITH (rerank = table)', 'h <->', '''[1,2,3,4]'''), exact('(h halfvec_l1_ops)', 'h <+>', '''[1,2,3,4]'''),
	exact('(b bit_hamming_ops)', 'b <~>', 'B''1010101010101010'''), exact('(b bit_jaccard_ops) WITH (row_map = off)', 'b <%>', 'B''1010101010101010'''),
	exact('(s sparsevec_l2_ops)', 's <->', '''{1:1,45:2}/50'''), exact('(h halfvec_l2_ops) WITH (row_map = off)', 'h <->', '''[1,2,3,4]'''),
	exact('((h::vector(4)) vector_l2_ops) WITH (bits = 32)', 'h::vector(4) <->', '''[1,2,3,4]''');
SELECT exact('(h halfvec_l2_ops) WITH (row_map = off, rerank = half)', 'h <->', '''[1,2,3,4]'''), exact('(h halfvec_l2_ops) WHERE id % 2 = 0', 'h <->', '''[1,2,3,4]'''),
	exact('(s sparsevec_ip_ops) WITH (row_map = off)', 's <#>', '''{1:1,45:2}/50''');

DROP TABLE docs, chunks, t, w, wide, q, p, k;
DROP FUNCTION keys, removed, analyzed, a_point, ask, numbers, walk, leak, exact;
DROP ROLE filtered_reader;
