-- rows that are numbered by distance: only the first ones are looked for, and they have the numbers they would have
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_ask :srcdir '/test_ask.sql'
\i :test_ask
SET max_parallel_workers_per_gather = 0;
CREATE TABLE item (id int, kind int, v vector(64));
INSERT INTO item SELECT i, i % 10, test_vector(i / 4, 64) FROM generate_series(4, 12003) i;
CREATE INDEX item_idx ON item USING hnsw (v vector_cosine_ops);
CREATE TABLE target AS SELECT v FROM item WHERE id = 77;
VACUUM ANALYZE item, target;
SET hnsw.ef_search = 200;
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE COST 0.0001 AS $$ SELECT v FROM target LIMIT 1 $$;

-- How a query is planned, and its answer.  The same query with distances that a subquery has made is one of which
-- nothing is known: its answer is what is right.
CREATE FUNCTION ask(query text, OUT plan text, OUT answer text, OUT is_right boolean) LANGUAGE sql AS $$
	SELECT * FROM ask(query, replace(regexp_replace(query, 'v <=> target\(\)|cosine_distance\(.*?\)\)?(?=,| DESC)', 'd', 'g'), 'item',
		'(SELECT id, kind, v <=> target() AS d FROM item OFFSET 0) item'), '(Limit|Incremental Sort|(?:Index|Seq) Scan.*? on item)')
$$;

-- ordered by their number
SELECT * FROM ask('SELECT row_number() OVER (ORDER BY v <=> target()) AS rank, v <=> target() < 0.01 AS near FROM item ORDER BY rank LIMIT 6');
SELECT * FROM ask('SELECT rank() OVER (ORDER BY v <=> target(), id) AS rank, id FROM item WHERE kind > 2 ORDER BY 1 LIMIT 3 OFFSET 2');
SELECT * FROM ask('SELECT dense_rank() OVER (ORDER BY v <=> target()) AS rank, id FROM item ORDER BY rank, id LIMIT 6');
SELECT * FROM ask('SELECT id, rank() OVER (ORDER BY 1 - (v <=> target()) DESC NULLS LAST) AS rank FROM item ORDER BY rank, id LIMIT 6');
SELECT * FROM ask('WITH semantic AS (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS rank FROM item ORDER BY rank LIMIT least(10, 2) * 2),
	other AS (SELECT id, row_number() OVER (ORDER BY id DESC) AS rank FROM item WHERE id BETWEEN 70 AND 78 ORDER BY rank LIMIT 4)
	SELECT coalesce(semantic.id, other.id) AS id, coalesce(1.0 / (50 + semantic.rank), 0) + coalesce(1.0 / (50 + other.rank), 0) AS score
	FROM semantic FULL JOIN other USING (id) ORDER BY score DESC, id LIMIT 5');
-- the first numbers
SELECT * FROM ask('SELECT id, n FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= 3');
SELECT * FROM ask('SELECT id, n FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n BETWEEN 2 AND 4 AND id > 5');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE 3 = n');
SELECT * FROM ask('SELECT count(*) FROM (SELECT id, row_number() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE 30 > n');
SELECT * FROM ask('WITH s AS (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) SELECT id FROM s WHERE n < 3::smallint');
SELECT * FROM ask('WITH s AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) SELECT id FROM s WHERE n < 3');
SELECT * FROM ask('SELECT array_agg(id ORDER BY id) FROM (SELECT id, rank() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE n <= 6');
SELECT * FROM ask('SELECT g, id FROM generate_series(74, 78) g LEFT JOIN (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s ON g = id WHERE n <= 3');
SELECT * FROM ask('SELECT k, (SELECT max(id) FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= 2) FROM generate_series(1, 2) k');
-- none
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE n <= -5');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE n <= NULL::bigint');

-- by the operator's function, and by a similarity
SELECT * FROM ask('SELECT row_number() OVER (ORDER BY cosine_distance(v, target()), id) AS rank, id FROM item ORDER BY rank LIMIT 3');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY 1 - cosine_distance(target(), v) DESC NULLS LAST, id) AS n FROM item) s WHERE n <= 3');
SELECT * FROM ask('SELECT id FROM (SELECT id, rank() OVER (ORDER BY 1 / (1 + (v <=> target())) DESC NULLS LAST, id) AS n FROM item) s WHERE n <= 3');

-- where the first rows are not all that is looked at
SELECT * FROM ask('SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n >= 3');
SELECT * FROM ask('SELECT id FROM (SELECT id, dense_rank() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE n <= 2 ORDER BY id');
SELECT * FROM ask('SELECT row_number() OVER (ORDER BY v <=> target()) AS rank FROM item ORDER BY rank DESC LIMIT 2');
SELECT * FROM ask('SELECT kind, n FROM (SELECT kind, row_number() OVER (PARTITION BY kind ORDER BY v <=> target()) AS n FROM item) s WHERE n <= 1 ORDER BY kind');
SELECT * FROM ask('SELECT id, rank() OVER (ORDER BY kind, id), row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item ORDER BY n LIMIT 2');
SELECT * FROM ask('SELECT count(*) FROM (SELECT DISTINCT kind, rank() OVER (ORDER BY v <=> target()) AS n FROM item) s WHERE n <= 4');
SELECT * FROM ask('SELECT kind, n FROM (SELECT kind, row_number() OVER (ORDER BY min(v <=> target()), kind) AS n FROM item GROUP BY kind) s WHERE n <= 3');
SELECT * FROM ask('SELECT id, g FROM (SELECT id, generate_series(1, 2) AS g, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= 2');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item ORDER BY id) s WHERE n <= 4');
SELECT * FROM ask('WITH s AS (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) SELECT count(*) FROM s WHERE n <= 2 UNION ALL SELECT count(*) FROM s');
SELECT * FROM ask('SELECT count(*) FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= id / 20');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= 2 OR id = 4');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY kind, id) AS n FROM item) s WHERE n <= 2');
SELECT * FROM ask('SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= 1 + (random() < 1)::int');

-- prepared, for any plan
PREPARE first(bigint) AS SELECT array_agg(id) FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE first(3);
EXECUTE first(5);
EXECUTE first(-1);
EXECUTE first(NULL);
-- and in functions and views
CREATE FUNCTION nearest(k int) RETURNS SETOF int LANGUAGE sql AS $$
	SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item) s WHERE n <= k
$$;
SELECT array_agg(n) FROM nearest(4) n;
CREATE VIEW numbered AS SELECT id, row_number() OVER (ORDER BY v <=> target(), id) AS n FROM item;
SELECT * FROM ask('SELECT id FROM numbered WHERE n <= 3');
DROP VIEW numbered;
DROP TABLE item, target;
DROP FUNCTION nearest, ask(text), ask(text, text, text), target(), test_vector;
