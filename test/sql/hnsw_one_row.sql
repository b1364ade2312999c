-- the distance from what a table of one row has: by the index, as from a value
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_ask :srcdir '/test_ask.sql'
\i :test_ask
SET max_parallel_workers_per_gather = 0;
CREATE TABLE item (id int PRIMARY KEY, name varchar UNIQUE, kind int, rank int, v vector(64), UNIQUE (kind, rank));
INSERT INTO item SELECT i, 'item ' || i, i % 10, i / 10, test_vector(i, 64) FROM generate_series(1, 10000) i;
CREATE INDEX item_idx ON item USING hnsw (v vector_cosine_ops);
CREATE TABLE liked (item int, v vector(64));
INSERT INTO liked SELECT id, v FROM item WHERE id IN (5, 205, 3005);
VACUUM ANALYZE item, liked;
SET hnsw.ef_search = 200;
SET hnsw.filtered_scan = off; -- what a distance is from is the same question for those

-- How a query is planned, and its answer.  Of a distance that a function hides nothing is known: that answer is right.
CREATE FUNCTION hidden_distance(a vector, b vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a <=> b; END $$;
CREATE FUNCTION target() RETURNS vector LANGUAGE sql STABLE AS $$ SELECT v FROM item WHERE id = 7 $$;
CREATE FUNCTION ask(query text, OUT plan text, OUT answer text, OUT is_right boolean) LANGUAGE sql AS $$
	SELECT * FROM ask(query, regexp_replace(query, '(\w+\.v) <=> (\w+\.v|\(.*?\))', 'hidden_distance(\1, \2)', 'g'),
		'(One-Time Filter|(?:Incremental )?Sort$|Merge Append|Index Scan using (?:item_idx|part_\d_v_idx)|Seq Scan on item)')
$$;

-- by a unique index
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id, a.v <=> b.v < 0.1 AS near FROM item a JOIN item b ON b.id <> a.id WHERE 7::bigint = a.id ORDER BY b.v <=> a.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item b JOIN item a ON b.kind = a.kind WHERE a.name = ''item 7'' AND a.rank < 100 ORDER BY 1 - (a.v <=> b.v) DESC, b.id LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE (a.kind = 7 AND a.rank = 0) AND b.id > 7 ORDER BY round((a.v <=> b.v)::numeric, 9) LIMIT 4');
SELECT * FROM ask('SELECT b.id, c.item FROM item a CROSS JOIN item b LEFT JOIN liked c ON c.item = b.id WHERE a.id = 5 ORDER BY a.v <=> b.v LIMIT 2');
SELECT * FROM ask('SELECT c.item, (SELECT string_agg(id::text, '','') FROM (SELECT b.id FROM item a, item b WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 2) x) FROM liked c');
-- that the key equals the only element of an array, what a subquery returns, a column of another table of one row
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = ANY(''{7}'') ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.name = ANY(ARRAY[''item 7'']) ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id IN (7) ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = (SELECT min(item) + 2 FROM liked) ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('WITH l AS (SELECT min(item) + 2 AS i FROM liked) SELECT b.id, (SELECT i FROM l) FROM item a, item b WHERE a.id = (SELECT i FROM l) ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item c JOIN item a ON a.id = c.kind JOIN item b ON b.id <> a.id WHERE c.id = 17 ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item c, item a, item b WHERE c.name = ''item 3'' AND a.kind = c.id + 0 AND a.rank = c.rank ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item d, item c, item a, item b WHERE d.id = 27 AND c.id = d.kind AND c.kind = a.kind AND c.rank = a.rank ORDER BY b.v <=> a.v, b.id LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM (SELECT max(item) - 2998 AS i FROM liked) c, item a, item b WHERE a.id = c.i ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item c, item a, item b WHERE a.id = c.kind AND c.id = a.rank AND b.id < 9 ORDER BY a.v <=> b.v, 1 LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = ANY(''{7,8}'') AND b.id < 9 ORDER BY a.v <=> b.v, 1 LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = ALL(''{7}'') AND b.id < 9 ORDER BY a.v <=> b.v, 1 LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = (SELECT l.item + b.kind * 0 FROM liked l LIMIT 1) AND b.id < 9 ORDER BY a.v <=> b.v, 1 LIMIT 4');
-- two such rows, and functions
SELECT * FROM ask('SELECT b.id FROM item a, item c, item b WHERE a.id = 7 AND c.id = 8 ORDER BY b.v <=> (a.v - c.v) LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item c, item d, item b WHERE a.id = 7 AND c.id = 8 AND d.id = 9 ORDER BY b.v <=> (a.v - c.v + d.v), b.id LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM unnest(ARRAY[target()]) AS a(v), item b ORDER BY b.v <=> a.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item b, target() AS a(v) ORDER BY b.v <=> a.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM unnest(ARRAY[target(), target()]) AS a(v), item b WHERE b.id < 9 ORDER BY b.v <=> a.v, 1 LIMIT 4');
-- a bound of the distance ends the scan
SELECT * FROM ask('SELECT count(*) FROM (SELECT b.id FROM item a, item b WHERE a.id = 7 AND a.v <=> b.v < 0.01 ORDER BY a.v <=> b.v LIMIT 100) x');
SELECT plan, is_right FROM ask('SELECT b.id FROM item a, item b WHERE a.id = 7 AND 1 - (a.v <=> b.v) > 0.99 ORDER BY a.v <=> b.v LIMIT 100',
	'SELECT b.id FROM item a, item b WHERE a.id = 7 AND 1 - hidden_distance(a.v, b.v) > 0.99 ORDER BY hidden_distance(a.v, b.v) LIMIT 100',
	'(Index Scan using item_idx|(?:Join |One-Time )?Filter)');
-- no such row, or one without a vector
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = -7 ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = 7 AND a.name = ''item 8'' ORDER BY a.v <=> b.v LIMIT 4');
BEGIN;
UPDATE item SET v = NULL WHERE id = 7;
SELECT count(*) FROM (SELECT b.id FROM item a, item b WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 4) x;
ROLLBACK;
-- subqueries and WITH
SELECT * FROM ask('WITH taste AS (SELECT avg(v) AS v FROM liked) SELECT b.id FROM item b, taste WHERE b.kind <> 5 ORDER BY b.v <=> taste.v LIMIT 3');
SELECT * FROM ask('SELECT b.id, n FROM (SELECT count(*) AS n, avg(v) AS v FROM liked HAVING count(*) > 2) a, item b ORDER BY a.v <=> b.v, 1 LIMIT 3');
SELECT * FROM ask('SELECT b.id, n FROM (SELECT count(*) AS n, avg(v) AS v FROM liked HAVING count(*) > 9) a, item b ORDER BY a.v <=> b.v, 1 LIMIT 3');
SELECT * FROM ask('WITH a AS NOT MATERIALIZED (SELECT v, id FROM item WHERE name = ''item 7'') SELECT b.id, a.id FROM a JOIN item b ON a.id < b.id ORDER BY a.v <=> b.v LIMIT 3');
SELECT * FROM ask('WITH a AS (SELECT v FROM item WHERE id = 7) SELECT (SELECT count(*) FROM a), x.id FROM (SELECT b.id, b.v FROM item b) x, a ORDER BY a.v <=> x.v LIMIT 3');
SELECT * FROM ask('SELECT b.id FROM item b, (SELECT v FROM item WHERE kind = 3 AND rank < 2 ORDER BY id LIMIT 1) a ORDER BY a.v <=> b.v LIMIT 3');
SELECT * FROM ask('SELECT b.id FROM item b, (SELECT v FROM item WHERE id = 7) a ORDER BY a.v <=> b.v FETCH FIRST 3 ROWS WITH TIES');
SELECT * FROM ask('WITH a AS MATERIALIZED (SELECT v FROM item WHERE id = 7) SELECT b.id FROM item b, a ORDER BY b.v <=> a.v LIMIT 3');
SELECT * FROM ask('WITH a AS MATERIALIZED (SELECT target() AS v) SELECT b.id FROM item b, a ORDER BY b.v <=> a.v LIMIT 3');
SELECT * FROM ask('WITH a AS (SELECT target() AS v, 3 AS k), near AS (SELECT b.id FROM item b, a ORDER BY b.v <=> a.v LIMIT 3),
	other AS (SELECT b.id FROM item b, a WHERE b.kind = a.k ORDER BY b.v <=> a.v LIMIT 3) SELECT * FROM near UNION ALL SELECT * FROM other');
SELECT * FROM ask('WITH a AS (SELECT target() AS v) SELECT k, (SELECT string_agg(id::text, '','') FROM (SELECT b.id FROM item b, a WHERE b.kind = k ORDER BY b.v <=> a.v LIMIT 2) x)
	FROM generate_series(1, 2) k, a a2');
-- joined from outside: nulls stand for a row that is not there
SELECT * FROM ask('WITH a AS MATERIALIZED (SELECT target() AS v) SELECT b.id FROM item b LEFT JOIN a ON true ORDER BY b.v <=> a.v LIMIT 3');
SELECT * FROM ask('SELECT b.id FROM item b LEFT JOIN item a ON a.id = 7 ORDER BY b.v <=> a.v LIMIT 3');
SELECT * FROM ask('SELECT b.id FROM item a RIGHT JOIN item b ON a.id = 7 AND a.kind = 7 ORDER BY b.v <=> a.v LIMIT 3');
SELECT * FROM ask('SELECT count(*), count(d) FROM (SELECT b.v <=> a.v AS d FROM item b LEFT JOIN item a ON a.id = -7 ORDER BY b.v <=> a.v LIMIT 3) x');
SELECT * FROM ask('SELECT count(*), count(d) FROM (SELECT b.v <=> a.v AS d FROM item b LEFT JOIN item a ON a.id = 7 AND a.kind = 8 ORDER BY b.v <=> a.v LIMIT 3) x');
SELECT * FROM ask('SELECT b.id FROM item b LEFT JOIN (item a JOIN liked c ON c.item = a.id - 2) ON a.id = 7 WHERE b.id < 9 ORDER BY b.v <=> a.v, 1 LIMIT 3');
-- what is volatile is asked for once
CREATE SEQUENCE asked;
CREATE FUNCTION embedding(i int) RETURNS vector LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM nextval('asked');
	RETURN (SELECT v FROM item WHERE id = i);
END $$;
SELECT b.id FROM item b, (SELECT embedding(7) AS v) a ORDER BY a.v <=> b.v LIMIT 3;
WITH a AS (SELECT embedding(7) AS v) SELECT b.id FROM item b, a ORDER BY a.v <=> b.v LIMIT 3;
SELECT last_value FROM asked;

-- more rows, or that cannot be said
SELECT * FROM ask('SELECT a.id, b.id FROM item a, item b WHERE a.rank = 0 AND b.kind = 1 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE a.id = b.kind AND b.id < 30 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item a, item b WHERE (a.id = 7 OR a.id = 8) AND b.kind = 1 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b LEFT JOIN item a ON a.id = 7 AND b.kind = 3 WHERE b.id < 30 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b LEFT JOIN item a ON b.kind = 3 WHERE a.id = 7 AND b.id < 30 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b, liked a WHERE a.item = 5 ORDER BY a.v <=> b.v LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b, (SELECT avg(v) AS v FROM liked GROUP BY item LIMIT 2) a ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b CROSS JOIN LATERAL (SELECT v FROM item i WHERE i.id = b.id - 1) a WHERE b.id < 9 ORDER BY a.v <=> b.v LIMIT 2');
SELECT * FROM ask('SELECT b.kind, min(b.id) FROM item a, item b WHERE a.id = 7 AND b.id < 99 GROUP BY 1 ORDER BY min(a.v <=> b.v) LIMIT 2');
CREATE UNIQUE INDEX liked_few ON liked (item) WHERE item > 100;
CREATE UNIQUE INDEX liked_twice ON liked ((2 * item));
SELECT * FROM ask('SELECT b.id FROM item b, liked a WHERE a.item = 5 AND 2 * a.item = 10 ORDER BY a.v <=> b.v LIMIT 2');
DROP INDEX liked_twice;
ALTER TABLE liked ADD UNIQUE (item) DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO liked SELECT 5, v FROM item WHERE id = 8;
SELECT * FROM ask('SELECT b.id FROM item b, liked a WHERE a.item = 5 ORDER BY a.v <=> b.v LIMIT 2');
ROLLBACK;
CREATE TABLE liked_child (UNIQUE (item)) INHERITS (liked);
ALTER TABLE liked DROP CONSTRAINT liked_item_key, ADD UNIQUE (item);
INSERT INTO liked_child SELECT 5, v FROM item WHERE id = 8;
SELECT * FROM ask('SELECT b.id FROM item b, liked a WHERE a.item = 5 ORDER BY a.v <=> b.v, 1 LIMIT 2');
SELECT * FROM ask('SELECT b.id FROM item b, ONLY liked a WHERE a.item = 5 ORDER BY a.v <=> b.v LIMIT 2');

-- a table of one row for whom it may be none: row level security; columns that may not be read
CREATE ROLE one_row_user;
GRANT SELECT ON item TO one_row_user;
GRANT SELECT (item) ON liked TO one_row_user;
SET ROLE one_row_user;
SELECT b.id FROM item b, ONLY liked a WHERE a.item = 5 ORDER BY a.v <=> b.v LIMIT 2;
RESET ROLE;
GRANT SELECT ON liked TO one_row_user;
ALTER TABLE liked ENABLE ROW LEVEL SECURITY;
CREATE POLICY most ON liked TO one_row_user USING (item <> 5);
SET ROLE one_row_user;
SELECT b.id FROM item b, ONLY liked a WHERE a.item = 5 ORDER BY a.v <=> b.v LIMIT 2;
SELECT b.id FROM item b, ONLY liked a WHERE a.item = 205 ORDER BY a.v <=> b.v LIMIT 2;
RESET ROLE;

-- prepared, for any plan; partitions
PREPARE like_this AS SELECT array_agg(id) FROM (SELECT b.id FROM item a JOIN item b ON b.id <> a.id WHERE a.id = $1 ORDER BY a.v <=> b.v LIMIT $2) x;
SET plan_cache_mode = force_generic_plan;
EXECUTE like_this(7, 3);
EXECUTE like_this(8, 2);
EXECUTE like_this(-8, 2);
RESET plan_cache_mode;
CREATE TABLE part (id int PRIMARY KEY, v vector(64)) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (5000);
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (5000) TO (10001);
INSERT INTO part SELECT id, v FROM item;
CREATE INDEX ON part USING hnsw (v vector_cosine_ops);
VACUUM ANALYZE part;
SELECT * FROM ask('SELECT b.id FROM (SELECT avg(v) AS v FROM ONLY liked) a, part b ORDER BY a.v <=> b.v LIMIT 4');
SELECT * FROM ask('SELECT b.id FROM part a, part b WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 4');
DROP TABLE item, liked, liked_child, part;
DROP SEQUENCE asked;
DROP ROLE one_row_user;
DROP FUNCTION ask(text), ask(text, text, text), embedding, target, hidden_distance, test_vector;
