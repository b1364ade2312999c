-- hnsw_stats(): what an index consists of; hnsw_estimate(): what one is going to be
SET client_min_messages = warning;
\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector
CREATE TABLE t (id int, v vector(64));
-- ten rows of each of a hundred vectors, and as many other rows
INSERT INTO t SELECT i, test_vector(i % 100, 64) FROM generate_series(1, 1000) i;
INSERT INTO t SELECT i, test_vector(i, 64) FROM generate_series(1001, 2900) i;
CREATE INDEX t_idx ON t USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32, bits = 8, rerank = half);
ALTER INDEX t_idx SET (m = 12, ef_search = 77);

-- as it was built, not as its options are now
SELECT format_version, type, dims, m, ef_construction, bits, rerank, index_rows, elements, dead, free, ef_search FROM hnsw_stats('t_idx', true);
-- by a sample of all its pages it is the same
SELECT e.* IS NOT DISTINCT FROM s.* AS same FROM
	(SELECT index_rows, elements, nodes, links, bytes, node_bytes, upper_bytes, added FROM hnsw_stats('t_idx', true)) e,
	(SELECT index_rows, elements, nodes, links, bytes, node_bytes, upper_bytes, added FROM hnsw_stats('t_idx')) s;
SELECT nodes[1] = elements AS layer_0, nodes[2] BETWEEN 80 AND 280 AS layer_1, links[1] BETWEEN 4 AND 16 AS links_0, links[2] BETWEEN 2 AND 8 AS links_1,
	cardinality(nodes) = cardinality(links) AS layers, cardinality(reach) AS reach, measured_rows FROM hnsw_stats('t_idx', true);
SELECT bytes = pg_relation_size('t_idx') AS bytes, node_bytes + upper_bytes + vector_bytes + duplicate_bytes + other_bytes = bytes AS sum,
	node_bytes > 0 AND upper_bytes > 0 AND vector_bytes > 0 AND duplicate_bytes > 0 AND other_bytes > 0 AS all_kinds FROM hnsw_stats('t_idx', true);
SELECT lacks_nulls, lacks_zeros, added, drift < 0.1 AS drift, reindex FROM hnsw_stats('t_idx', true);
INSERT INTO t VALUES (0, NULL);
SELECT lacks_nulls, lacks_zeros FROM hnsw_stats('t_idx');

-- what comes after the build is added, in new slots and in slots used again
INSERT INTO t SELECT i, test_vector(i, 64) FROM generate_series(3001, 5000) i;
SELECT elements, round(added::numeric, 1) AS added FROM hnsw_stats('t_idx', true);
DELETE FROM t WHERE id BETWEEN 1001 AND 2900;
VACUUM t;
SELECT index_rows, elements, dead, free BETWEEN 1900 AND 2300 AS free, round(added::numeric, 2) AS added, measured_rows, reindex FROM hnsw_stats('t_idx', true);
DELETE FROM t WHERE id > 3000;
VACUUM t;
SELECT index_rows, elements, free > 3900 AS free, reindex FROM hnsw_stats('t_idx', true);
REINDEX INDEX t_idx;
SELECT m, index_rows, elements, free, added, reindex FROM hnsw_stats('t_idx', true);

-- rows unlike those that the codes were made for
CREATE TABLE far (v vector(64));
CREATE INDEX far_idx ON far USING hnsw (v vector_l2_ops);
SELECT index_rows, elements, nodes, links, added, drift, reindex FROM hnsw_stats('far_idx');
INSERT INTO far SELECT test_vector(i, 64) + array_fill(20, ARRAY[64])::vector FROM generate_series(1, 1000) i;
SELECT array_agg(test_vector(-i, 64) + array_fill(20, ARRAY[64])::vector) AS questions FROM generate_series(1, 20) i \gset
SELECT round(drift::numeric, 1) AS drift, reindex FROM hnsw_stats('far_idx');
SELECT recall < 0.9 AS low FROM hnsw_recall('far_idx', :'questions'::vector[], ef => '{40}');
REINDEX INDEX far_idx;
SELECT round(drift::numeric, 1) AS drift, reindex FROM hnsw_stats('far_idx');
SELECT recall > 0.95 AS high FROM hnsw_recall('far_idx', :'questions'::vector[], ef => '{40}');
-- L1 and bits have no centroid
CREATE INDEX far_l1 ON far USING hnsw (v vector_l1_ops);
CREATE INDEX far_bit ON far USING hnsw ((binary_quantize(v)::bit(64)) bit_hamming_ops);
SELECT i, type, bits, rerank, index_rows, drift FROM unnest('{far_l1,far_bit}'::regclass[]) i, hnsw_stats(i);

-- who may look: who may read the table, or all statistics
CREATE ROLE hnsw_stats_user;
SET ROLE hnsw_stats_user;
SELECT index_rows FROM hnsw_stats('far_idx');
RESET ROLE;
GRANT pg_read_all_stats TO hnsw_stats_user;
SET ROLE hnsw_stats_user;
SELECT index_rows FROM hnsw_stats('far_idx');
RESET ROLE;
REVOKE pg_read_all_stats FROM hnsw_stats_user;
GRANT SELECT ON far TO hnsw_stats_user;
SET ROLE hnsw_stats_user;
SELECT index_rows FROM hnsw_stats('far_idx');
RESET ROLE;
REVOKE ALL ON far FROM hnsw_stats_user;
DROP ROLE hnsw_stats_user;
SELECT index_rows FROM hnsw_stats('far');
SELECT index_rows FROM hnsw_stats(NULL);

-- an estimate is what comes of it, to some per cent
CREATE TABLE many (v vector(32), s sparsevec(100));
INSERT INTO many SELECT test_vector(i, 32), format('{%s:1,%s:%s}/100', 1 + i % 50, 51 + i % 49, i)::sparsevec FROM generate_series(1, 8000) i;
CREATE INDEX many_idx ON many USING hnsw (v vector_l2_ops);
CREATE INDEX many_bit ON many USING hnsw (v vector_l2_ops) WITH (bits = 1, rerank = 'table', m = 32);
CREATE INDEX many_exact ON many USING hnsw (v vector_ip_ops) WITH (bits = 32);
CREATE INDEX many_sparse ON many USING hnsw (s sparsevec_l2_ops) WITH (bits = 4);
SELECT i, e.bytes / pg_relation_size(i)::float8 BETWEEN 0.9 AND 1.1 AS bytes,
	e.node_bytes / (s.node_bytes + s.upper_bytes)::float8 BETWEEN 0.9 AND 1.1 AS node_bytes,
	e.vector_bytes = s.vector_bytes OR e.vector_bytes / s.vector_bytes::float8 BETWEEN 0.9 AND 1.1 AS vector_bytes FROM (VALUES
	('many_idx'::regclass, 32, 'vector_l2_ops', '{}'::text[]),
	('many_bit', 32, 'vector_l2_ops', '{bits=1,rerank=table,m=32}'),
	('many_exact', 32, 'vector_ip_ops', '{bits=32}'),
	('many_sparse', 100, 'sparsevec_l2_ops', '{bits=4}')) c (i, dims, class, options),
	hnsw_stats(i, true) s, hnsw_estimate(8000, c.dims, class, options) e;
-- with so much memory a build says nothing, with half of it that it is too little
SELECT maintenance_work_mem FROM hnsw_estimate(16000, 64, 'vector_l2_ops', '{bits=32}') \gset
CREATE TABLE wide AS SELECT (v || v)::vector(64) v FROM many UNION ALL SELECT (v || v + v)::vector(64) FROM many;
SET client_min_messages = notice;
SET maintenance_work_mem = :'maintenance_work_mem';
CREATE INDEX wide_idx ON wide USING hnsw (v vector_l2_ops) WITH (bits = 32, ef_construction = 32);
SELECT ceil(trim('MB' FROM :'maintenance_work_mem')::numeric / 2) || 'MB' AS half \gset
SET maintenance_work_mem = :'half';
-- its text has a number of rows that differs
\set VERBOSITY sqlstate
CREATE INDEX ON wide USING hnsw (v vector_l2_ops) WITH (bits = 32, ef_construction = 32);
\set VERBOSITY default
RESET maintenance_work_mem;
SET client_min_messages = warning;
SELECT * FROM hnsw_estimate(0, 3);
SELECT * FROM hnsw_estimate(1000000, 1536, 'public.halfvec_cosine_ops', '{rerank=table}');
SELECT * FROM hnsw_estimate(-1, 3);
SELECT * FROM hnsw_estimate(1, 0);
SELECT * FROM hnsw_estimate(1, 16001);
SELECT * FROM hnsw_estimate(1, 3, 'none_ops');
SELECT * FROM hnsw_estimate(1, 3, 'vector_l2_ops', '{m=1}');
SELECT * FROM hnsw_estimate(1, 3, 'vector_l2_ops', '{lists=100}');
SELECT * FROM hnsw_estimate(1, 16000, 'vector_l2_ops', '{bits=8}');
DROP TABLE t, far, many, wide;
DROP FUNCTION test_vector;
