CREATE TABLE vector_btree (id serial, v vector);
INSERT INTO vector_btree (v) VALUES ('[1,2,3]'), ('[1,2]'), ('[-1]'), (NULL), ('[1,3]'), ('[0,9,9]'), ('[1,2,-3]'), ('[1]');
INSERT INTO vector_btree (v) VALUES ('[1,2]'), ('[1,2,3]');

-- order by sorting

SELECT v FROM vector_btree ORDER BY v;
SELECT v FROM vector_btree ORDER BY v DESC NULLS LAST;
SELECT DISTINCT v FROM vector_btree ORDER BY v;
SELECT v, count(*) FROM vector_btree GROUP BY v ORDER BY v;
SELECT min(id), max(id) FROM vector_btree WHERE v BETWEEN '[1]' AND '[1,2]';
SELECT a.id, b.id FROM vector_btree a JOIN vector_btree b ON a.v = b.v AND a.id < b.id ORDER BY 1;

-- order by an index

CREATE INDEX vector_btree_v ON vector_btree (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM vector_btree WHERE v > '[1,2]' ORDER BY v;
SELECT v FROM vector_btree WHERE v > '[1,2]' ORDER BY v;
SELECT v FROM vector_btree WHERE v >= '[1,2]' ORDER BY v;
SELECT v FROM vector_btree WHERE v < '[1,2]' ORDER BY v;
SELECT v FROM vector_btree WHERE v <= '[1,2]' ORDER BY v DESC;
SELECT id FROM vector_btree WHERE v = '[1,2,3]' ORDER BY id;
SELECT id FROM vector_btree WHERE v = '[1,2,4]';
SELECT id FROM vector_btree WHERE v IS NULL;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;

-- uniqueness

DELETE FROM vector_btree WHERE id = 10;
CREATE UNIQUE INDEX vector_btree_unique ON vector_btree (v);
DELETE FROM vector_btree WHERE id > 8;
CREATE UNIQUE INDEX vector_btree_unique ON vector_btree (v);
INSERT INTO vector_btree (v) VALUES ('[1,2]');
INSERT INTO vector_btree (v) VALUES ('[1.0,2e0]') ON CONFLICT (v) DO NOTHING;
INSERT INTO vector_btree (v) VALUES ('[1,2.5]') ON CONFLICT (v) DO NOTHING;
SELECT v FROM vector_btree ORDER BY v;

-- an index of some size, short headers included

CREATE TABLE vector_btree_many (id int, v vector(5));
INSERT INTO vector_btree_many SELECT i, ARRAY[i * 37 % 1009, i % 7, 1, 2, 3] FROM generate_series(1, 5000) i;
CREATE INDEX ON vector_btree_many (v);
SET enable_seqscan = off;
SELECT count(*) FROM vector_btree_many WHERE v >= '[100,0,0,0,0]' AND v < '[200,0,0,0,0]';
SELECT count(*) FROM vector_btree_many a JOIN vector_btree_many b ON a.v = b.v;
RESET enable_seqscan;
SELECT count(*) FROM vector_btree_many WHERE (v::real[])[1] >= 100 AND (v::real[])[1] < 200;

DROP TABLE vector_btree, vector_btree_many;
