-- rows that an index leaves out: which plans may do without them.  Each query's answer is that of a sequential scan.
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
CREATE TABLE item (id int PRIMARY KEY, kind int, v vector(3), h vector(3));
INSERT INTO item SELECT i, i % 5, v, v FROM (SELECT i, CASE WHEN i % 10 <> 0 THEN ARRAY[i % 31, i % 17, i / 100.0]::vector END AS v FROM generate_series(1, 3000) i) s;
CREATE INDEX item_l2 ON item USING hnsw (v vector_l2_ops);
CREATE INDEX item_half ON item USING hnsw ((h::halfvec(3)) halfvec_l2_ops);
VACUUM ANALYZE item;
CREATE TABLE target AS SELECT '[7.3,2,1]'::vector AS v;
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT v FROM target LIMIT 1 $$;
-- The scan of a query's plan, and whether its answer, in any order, is that without the index.
CREATE FUNCTION ask(query text, OUT scan text, OUT n bigint, OUT is_right boolean) LANGUAGE plpgsql AS $$
DECLARE
	line text;
	hash text;
	expected text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		scan := coalesce(scan, substring(line FROM '(?:Index|Seq) Scan'));
	END LOOP;
	EXECUTE 'SELECT count(*), md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (' || query || ') x' INTO n, hash;
	PERFORM set_config('enable_indexscan', 'off', true);
	EXECUTE 'SELECT md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (' || query || ') x' INTO expected;
	PERFORM set_config('enable_indexscan', 'on', true);
	is_right := hash IS NOT DISTINCT FROM expected;
END $$;
CREATE FUNCTION ask_all() RETURNS TABLE (query text, scan text, n bigint, is_right boolean) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH query IN ARRAY ARRAY[
		-- windows that see all rows
		'SELECT id, count(*) OVER () FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, ntile(4) OVER (ORDER BY v <-> target()) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, cume_dist() OVER (ORDER BY v <-> target()) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, percent_rank() OVER (ORDER BY v <-> target()) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, sum(id) OVER (ORDER BY v <-> target() ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, count(*) OVER (PARTITION BY kind) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, rank() OVER (ORDER BY v <-> target()) FROM item ORDER BY id DESC LIMIT 3',
		'SELECT id, rank() OVER (ORDER BY v <-> target()), count(*) OVER () FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, rank() OVER (ORDER BY v <-> target()) FROM item',
		-- and those that look back
		'SELECT id, rank() OVER (ORDER BY v <-> target()) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, row_number() OVER (ORDER BY v <-> target(), id), sum(id) OVER (ORDER BY v <-> target(), id) FROM item ORDER BY v <-> target(), id LIMIT 3',
		'SELECT id, count(*) OVER (ORDER BY v <-> target() ROWS UNBOUNDED PRECEDING) FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id, avg(id) OVER (ORDER BY v <-> target() ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM item ORDER BY v <-> target() LIMIT 3',
		-- groups of equal distance
		'SELECT DISTINCT ON (v <-> target()) v <-> target() FROM item ORDER BY v <-> target()',
		'SELECT DISTINCT ON (v <-> target()) v <-> target() FROM item ORDER BY v <-> target() LIMIT 3',
		'SELECT id FROM item ORDER BY v <-> target() FETCH FIRST 3 ROWS WITH TIES',
		'SELECT id FROM item WHERE id > 2850 ORDER BY v <-> target() FETCH FIRST 140 ROWS WITH TIES',
		'SELECT id FROM item ORDER BY v <-> target() FETCH FIRST 2750 ROWS WITH TIES',
		'SELECT id FROM (SELECT id, rank() OVER (ORDER BY v <-> target()) AS n FROM item WHERE id > 2850) s WHERE n <= 136',
		'SELECT v <-> target(), count(*) FROM item GROUP BY 1',
		'SELECT v <-> target(), count(*) FROM item GROUP BY 1 ORDER BY 1 LIMIT 3',
		'SELECT array_agg(id ORDER BY v <-> target()) FROM item',
		-- filters that ask for rows without a vector
		'SELECT id FROM item WHERE (v <-> target() < 1) IS NOT FALSE ORDER BY v <-> target() LIMIT 400',
		'SELECT id FROM item WHERE v IS NULL ORDER BY v <-> target() LIMIT 3',
		'SELECT id FROM item WHERE v IS NULL OR kind = 3 ORDER BY v <-> target() LIMIT 1000',
		'SELECT id FROM item WHERE coalesce(v <-> target(), 0) < 1 ORDER BY v <-> target() LIMIT 400',
		'SELECT id FROM item WHERE h IS NULL ORDER BY h::halfvec(3) <-> target()::halfvec(3) LIMIT 3',
		'SELECT id FROM item WHERE (h::halfvec(3) <-> target()::halfvec(3) < 1) IS NOT FALSE ORDER BY h::halfvec(3) <-> target()::halfvec(3) LIMIT 400',
		-- and those that exclude them
		'SELECT id, count(*) OVER () FROM item WHERE v <-> target() < 5 ORDER BY v <-> target(), id LIMIT 3',
		'SELECT id FROM item WHERE v IS NOT NULL ORDER BY v <-> target(), id FETCH FIRST 3 ROWS WITH TIES',
		'SELECT id FROM item WHERE h IS NOT NULL AND kind < 4 ORDER BY h::halfvec(3) <-> target()::halfvec(3), id LIMIT 3',
		-- a LIMIT that is met, one that is not, and none
		'SELECT id FROM item ORDER BY v <-> target(), id LIMIT 3',
		'SELECT id FROM item WHERE kind = 3 ORDER BY v <-> target(), id LIMIT 3',
		'SELECT id FROM item ORDER BY v <-> target() LIMIT 2900',
		'SELECT id FROM item WHERE id % 1000 < 3 ORDER BY v <-> target() LIMIT 1000',
		'SELECT id FROM item ORDER BY v <-> target()',
		'SELECT * FROM (SELECT id FROM item ORDER BY v <-> target(), id OFFSET 0) s LIMIT 3'] LOOP
		SELECT a.scan, a.n, a.is_right FROM ask(query) a INTO scan, n, is_right;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM ask_all();
SELECT scan, n, is_right FROM ask('SELECT id FROM item WHERE id NOT IN (SELECT id FROM item i ORDER BY i.v <-> target())');
-- where nothing else is allowed, but never for a wrong answer
SET enable_seqscan = off;
SELECT query, scan, is_right FROM ask_all() WHERE NOT is_right OR query ~ 'target\(\)$';
-- cursors stop
EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT id FROM item ORDER BY v <-> target();
RESET enable_seqscan;
-- a scan that ends early has not seen all rows either
CREATE TABLE whole AS SELECT id, v FROM item WHERE v IS NOT NULL;
CREATE INDEX ON whole USING hnsw (v vector_l2_ops);
VACUUM ANALYZE whole;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM whole ORDER BY v <-> target(), id LIMIT 3');
SELECT scan, n, is_right FROM ask('SELECT id, rank() OVER (ORDER BY v <-> target()) FROM whole ORDER BY v <-> target(), id LIMIT 3');
SET enable_seqscan = off;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM whole ORDER BY v <-> target(), id LIMIT 3');
SET hnsw.iterative_scan = off;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM whole ORDER BY v <-> target(), id LIMIT 3');
RESET hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 100;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM whole ORDER BY v <-> target(), id LIMIT 3');
RESET hnsw.max_scan_tuples;
-- vectors without a direction
CREATE TABLE zero (id int, v vector(3) NOT NULL);
INSERT INTO zero SELECT i, ARRAY[i % 31, i % 17, CASE WHEN i % 100 = 0 THEN 0 ELSE 1 END]::vector FROM generate_series(1, 2000) i;
UPDATE zero SET v = '[0,0,0]' WHERE id % 100 = 0;
CREATE INDEX zero_cosine ON zero USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE zero;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM zero ORDER BY v <=> target(), id LIMIT 3');
SELECT scan, n, is_right FROM ask('SELECT DISTINCT ON (v <=> target()) v <=> target() FROM zero ORDER BY v <=> target()');
SELECT scan, n, is_right FROM ask('SELECT id FROM zero ORDER BY v <=> target(), id LIMIT 3');
-- partitions, of which one has nulls
CREATE TABLE part (id int, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (1000);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (1000) TO (2000);
INSERT INTO part SELECT i, CASE WHEN i < 1990 THEN ARRAY[i % 31, i % 17, i / 100.0]::vector END FROM generate_series(1, 1999) i;
CREATE INDEX ON part USING hnsw (v vector_l2_ops);
VACUUM ANALYZE part;
SET enable_sort = off;
SELECT scan, n, is_right FROM ask('SELECT id, count(*) OVER () FROM part ORDER BY v <-> target(), id LIMIT 3');
SELECT scan, n, is_right FROM ask('SELECT id FROM part ORDER BY v <-> target(), id LIMIT 3');
DROP TABLE item, whole, target, zero, part;
DROP FUNCTION ask, ask_all, target;
