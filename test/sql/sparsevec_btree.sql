CREATE TABLE sparsevec_btree (id serial, v sparsevec);
INSERT INTO sparsevec_btree (v) VALUES ('{1:1,2:2,3:3}/3'), ('{1:1,2:2}/2'), ('{1:-1}/1'), (NULL), ('{2:3}/2'), ('{2:9,3:9}/3'), ('{3:-3}/3'), ('{}/3');
INSERT INTO sparsevec_btree (v) VALUES ('{1:1,2:2}/2'), ('{2:2,3:3,1:1}/3');

-- order by sorting

SELECT v FROM sparsevec_btree ORDER BY v;
SELECT v FROM sparsevec_btree ORDER BY v DESC NULLS LAST;
SELECT v, count(*) FROM sparsevec_btree GROUP BY v ORDER BY v;
SELECT a.id, b.id FROM sparsevec_btree a JOIN sparsevec_btree b ON a.v = b.v AND a.id < b.id ORDER BY 1;

-- order by an index

CREATE INDEX sparsevec_btree_v ON sparsevec_btree (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM sparsevec_btree WHERE v > '{}/3' ORDER BY v;
SELECT v FROM sparsevec_btree WHERE v > '{}/3' ORDER BY v;
SELECT v FROM sparsevec_btree WHERE v >= '{1:1,2:2}/2' ORDER BY v;
SELECT v FROM sparsevec_btree WHERE v < '{2:3}/2' ORDER BY v;
SELECT v FROM sparsevec_btree WHERE v <= '{2:3}/2' ORDER BY v DESC;
SELECT id FROM sparsevec_btree WHERE v = '{1:1,2:2,3:3}/3' ORDER BY id;
SELECT id FROM sparsevec_btree WHERE v = '{1:1,2:2,3:3}/4';
SELECT id FROM sparsevec_btree WHERE v IS NULL;
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_sort;

-- uniqueness: zeros that are written out are the same value

CREATE UNIQUE INDEX sparsevec_btree_unique ON sparsevec_btree (v);
DELETE FROM sparsevec_btree WHERE id > 8;
CREATE UNIQUE INDEX sparsevec_btree_unique ON sparsevec_btree (v);
INSERT INTO sparsevec_btree (v) VALUES ('{1:1,2:2}/2');
INSERT INTO sparsevec_btree (v) VALUES ('{1:0,2:3.0}/2') ON CONFLICT (v) DO NOTHING;
INSERT INTO sparsevec_btree (v) VALUES ('{2:3}/4') ON CONFLICT (v) DO NOTHING;
SELECT v FROM sparsevec_btree ORDER BY v;

-- the order of the dense vectors that they stand for, of random ones of up to six dimensions

CREATE TABLE sparsevec_random AS
SELECT i, (SELECT array_agg(CASE WHEN hashint4(i * 10 + j) % 2 = 0 THEN 0 ELSE hashint4(i * 10 + j) % 3 END)
	FROM generate_series(1, 1 + abs(hashint4(i)) % 6) j)::vector AS v
FROM generate_series(1, 300) i;
SELECT count(*), count(*) FILTER (WHERE sparsevec_cmp(a.v::sparsevec, b.v::sparsevec) = vector_cmp(a.v, b.v)
	AND (a.v::sparsevec < b.v::sparsevec) = (a.v < b.v) AND (a.v::sparsevec <= b.v::sparsevec) = (a.v <= b.v)
	AND (a.v::sparsevec = b.v::sparsevec) = (a.v = b.v) AND (a.v::sparsevec <> b.v::sparsevec) = (a.v <> b.v)
	AND (a.v::sparsevec >= b.v::sparsevec) = (a.v >= b.v) AND (a.v::sparsevec > b.v::sparsevec) = (a.v > b.v)) AS same
FROM sparsevec_random a, sparsevec_random b;

-- an index of some size, short headers included

CREATE TABLE sparsevec_btree_many (id int, v sparsevec(5));
INSERT INTO sparsevec_btree_many SELECT i, ARRAY[i * 37 % 1009, i % 7, 0, 2, 0]::sparsevec FROM generate_series(1, 5000) i;
CREATE INDEX ON sparsevec_btree_many (v);
SET enable_seqscan = off;
SELECT count(*) FROM sparsevec_btree_many WHERE v >= '{1:100}/5' AND v < '{1:200}/5';
SELECT count(*) FROM sparsevec_btree_many a JOIN sparsevec_btree_many b ON a.v = b.v;
RESET enable_seqscan;
SELECT count(*) FROM sparsevec_btree_many WHERE (v::vector::real[])[1] >= 100 AND (v::vector::real[])[1] < 200;

DROP TABLE sparsevec_btree, sparsevec_btree_many, sparsevec_random;
