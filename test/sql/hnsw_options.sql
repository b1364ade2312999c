-- reloptions and settings: limits, defaults, messages
CREATE TABLE t (v vector(3));
INSERT INTO t VALUES ('[1,2,3]');

CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 101);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 3);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (rerank = elsewhere);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (lists = 100);
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 1000, bits = 1, rerank = half);
\d t
ALTER INDEX t_idx SET (m = 8);
REINDEX INDEX t_idx;
SELECT v FROM t ORDER BY v <-> '[1,2,3]';
ALTER INDEX t_idx SET (ef_construction = 4);
REINDEX INDEX t_idx;
DROP TABLE t;

-- what does not fit a page
CREATE TABLE t (v vector(16000));
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 8);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 1, m = 100, ef_construction = 200);
DROP TABLE t;
CREATE TABLE t (v vector(2000));
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 32);
DROP TABLE t;

SHOW hnsw.ef_search;
SET hnsw.ef_search = 0;
SET hnsw.ef_search = 1001;
SHOW hnsw.adaptive_search;
SET hnsw.adaptive_search = 2;
SHOW hnsw.iterative_scan;
SET hnsw.iterative_scan = on;
SHOW hnsw.max_scan_tuples;
SET hnsw.max_scan_tuples = 0;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.scan_mem_multiplier = 0;
SET hnsw.scan_mem_multiplier = 1001;
SET hnsw.unknown = 1;
SET hnswc.simd_level = portable;
SHOW hnswc.simd_level;
SET hnswc.simd_level = best;
RESET hnswc.simd_level;

-- what has no effect is said to have none
CREATE TABLE t (v vector(3), b bit(4), s sparsevec(4), plain vector);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 32, rerank = half);
CREATE INDEX ON t USING hnsw (b bit_hamming_ops) WITH (rerank = index);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 32, rerank = table);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (bits = 32);
-- and what cannot be done, how it can
CREATE INDEX ON t USING hnsw (plain vector_l2_ops);
CREATE INDEX ON t USING hnsw ((plain::vector(3)) vector_l2_ops);
DROP TABLE t;
-- a domain's dimensions are the column's
CREATE DOMAIN embedding AS vector(3);
CREATE TABLE of_domain (v embedding);
INSERT INTO of_domain SELECT ARRAY[i, i % 7, 1]::vector FROM generate_series(1, 50) i;
CREATE INDEX of_domain_idx ON of_domain USING hnsw (v vector_l2_ops);
INSERT INTO of_domain VALUES ('[3,3,2]');
SELECT dims FROM hnsw_stats('of_domain_idx');
SET enable_seqscan = off;
SELECT v FROM of_domain ORDER BY v <-> '[3,3,2]' LIMIT 1;
RESET enable_seqscan;
DROP TABLE of_domain;
DROP DOMAIN embedding;
-- more bits than a code can have; a column whose declaration is not what its values are
CREATE TABLE wide (b bit(64001), v vector);
CREATE INDEX ON wide USING hnsw (b bit_hamming_ops);
INSERT INTO wide (v) VALUES ('[1,2,3]');
UPDATE pg_attribute SET atttypmod = 2 WHERE attrelid = 'wide'::regclass AND attname = 'v';
CREATE INDEX ON wide USING hnsw (v vector_l2_ops);
DROP TABLE wide;
