CREATE TABLE halfvec_btree (id serial, v halfvec);
INSERT INTO halfvec_btree (v) VALUES ('[1,2,3]'), ('[1,2]'), ('[-1]'), (NULL), ('[1,3]'), ('[0,9,9]'), ('[1,2,-3]'), ('[1]');
INSERT INTO halfvec_btree (v) VALUES ('[1,2]'), ('[1,2,3]');

-- order by sorting

SELECT v FROM halfvec_btree ORDER BY v;
SELECT v FROM halfvec_btree ORDER BY v DESC NULLS LAST;
SELECT DISTINCT v FROM halfvec_btree ORDER BY v;
SELECT v, count(*) FROM halfvec_btree GROUP BY v ORDER BY v;
SELECT min(id), max(id) FROM halfvec_btree WHERE v BETWEEN '[1]' AND '[1,2]';
SELECT a.id, b.id FROM halfvec_btree a JOIN halfvec_btree b ON a.v = b.v AND a.id < b.id ORDER BY 1;

-- order by an index

CREATE INDEX halfvec_btree_v ON halfvec_btree (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM halfvec_btree WHERE v > '[1,2]' ORDER BY v;
SELECT v FROM halfvec_btree WHERE v > '[1,2]' ORDER BY v;
SELECT v FROM halfvec_btree WHERE v >= '[1,2]' ORDER BY v;
SELECT v FROM halfvec_btree WHERE v < '[1,2]' ORDER BY v;
SELECT v FROM halfvec_btree WHERE v <= '[1,2]' ORDER BY v DESC;
SELECT id FROM halfvec_btree WHERE v = '[1,2,3]' ORDER BY id;
SELECT id FROM halfvec_btree WHERE v = '[1,2,4]';
SELECT id FROM halfvec_btree WHERE v IS NULL;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;

-- uniqueness

DELETE FROM halfvec_btree WHERE id = 10;
CREATE UNIQUE INDEX halfvec_btree_unique ON halfvec_btree (v);
DELETE FROM halfvec_btree WHERE id > 8;
CREATE UNIQUE INDEX halfvec_btree_unique ON halfvec_btree (v);
INSERT INTO halfvec_btree (v) VALUES ('[1,2]');
INSERT INTO halfvec_btree (v) VALUES ('[1.0,2e0]') ON CONFLICT (v) DO NOTHING;
INSERT INTO halfvec_btree (v) VALUES ('[1,2.5]') ON CONFLICT (v) DO NOTHING;
SELECT v FROM halfvec_btree ORDER BY v;

-- an index of some size, short headers included

CREATE TABLE halfvec_btree_many (id int, v halfvec(5));
INSERT INTO halfvec_btree_many SELECT i, ARRAY[i * 37 % 1009, i % 7, 1, 2, 3] FROM generate_series(1, 5000) i;
CREATE INDEX ON halfvec_btree_many (v);
SET enable_seqscan = off;
SELECT count(*) FROM halfvec_btree_many WHERE v >= '[100,0,0,0,0]' AND v < '[200,0,0,0,0]';
SELECT count(*) FROM halfvec_btree_many a JOIN halfvec_btree_many b ON a.v = b.v;
RESET enable_seqscan;
SELECT count(*) FROM halfvec_btree_many WHERE (v::real[])[1] >= 100 AND (v::real[])[1] < 200;

DROP TABLE halfvec_btree, halfvec_btree_many;
