-- hnsw_check: what it counts, what it refuses, who may call it (damage: test/t/020_check.pl)
SET client_min_messages = warning;

\getenv srcdir PG_ABS_SRCDIR
\set test_vector :srcdir '/test_vector.sql'
\i :test_vector

-- every operator class; with nulls, with zero vectors and with equal ones
CREATE TABLE t (id int, v vector(24), h halfvec(24), s sparsevec(24), b bit(24));
INSERT INTO t SELECT i, v, v, v, binary_quantize(v)::bit(24) FROM (SELECT i, test_vector(i, 24) AS v FROM generate_series(1, 300) i) x;
INSERT INTO t SELECT 1000 + i, v, h, s, b FROM t, generate_series(1, 40) i WHERE id = 7;
INSERT INTO t VALUES (2000, NULL, NULL, NULL, NULL);
INSERT INTO t SELECT 2002, array_fill(0, ARRAY[24])::vector, array_fill(0, ARRAY[24])::halfvec, '{}/24', repeat('0', 24)::bit(24);
CREATE INDEX t_vector_l2 ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_vector_ip ON t USING hnsw (v vector_ip_ops);
CREATE INDEX t_vector_cosine ON t USING hnsw (v vector_cosine_ops);
CREATE INDEX t_vector_l1 ON t USING hnsw (v vector_l1_ops);
CREATE INDEX t_halfvec_l2 ON t USING hnsw (h halfvec_l2_ops);
CREATE INDEX t_halfvec_ip ON t USING hnsw (h halfvec_ip_ops);
CREATE INDEX t_halfvec_cosine ON t USING hnsw (h halfvec_cosine_ops);
CREATE INDEX t_halfvec_l1 ON t USING hnsw (h halfvec_l1_ops);
CREATE INDEX t_sparsevec_l2 ON t USING hnsw (s sparsevec_l2_ops);
CREATE INDEX t_sparsevec_ip ON t USING hnsw (s sparsevec_ip_ops);
CREATE INDEX t_sparsevec_cosine ON t USING hnsw (s sparsevec_cosine_ops);
CREATE INDEX t_sparsevec_l1 ON t USING hnsw (s sparsevec_l1_ops);
CREATE INDEX t_bit_hamming ON t USING hnsw (b bit_hamming_ops);
CREATE INDEX t_bit_jaccard ON t USING hnsw (b bit_jaccard_ops);
CREATE VIEW checks AS SELECT indexrelid::regclass AS index, index_rows AS rows, heap_rows, dead, free,
	searched = elements AS all_searched, found >= 0.95 AS found, upper_nodes BETWEEN 1 AND 3 * upper_nodes_expected AS dense,
	element_pages > 0 AND upper_pages > 0 AND (duplicate_pages > 0) = (duplicates > 0) AS pages, vector_pages > 0 AS vectors, empty_pages
FROM pg_index, hnsw_check(indexrelid, true, NULL) WHERE indrelid = 't'::regclass AND indexrelid::regclass::text ~ '^t_';
SELECT * FROM checks ORDER BY index::text COLLATE "C";

-- every width of codes, every source of exact distances
SET client_min_messages = error; -- 32 bits make rerank useless
DO $$
DECLARE
	bits int;
	rerank text;
	checked record;
BEGIN
	FOREACH bits IN ARRAY ARRAY[1, 2, 4, 8, 32] LOOP
		FOREACH rerank IN ARRAY ARRAY['index', 'half', 'table'] LOOP
			EXECUTE format('CREATE INDEX any_idx ON t USING hnsw (v vector_cosine_ops) WITH (bits = %s, rerank = %s, m = 5, ef_construction = 10)', bits, rerank);
			SELECT * INTO checked FROM hnsw_check('any_idx', true);
			IF (checked.elements, checked.duplicates, checked.heap_rows) IS DISTINCT FROM (300::bigint, 40::bigint, 342::bigint) THEN
				RAISE EXCEPTION '% %: %', bits, rerank, checked;
			END IF;
			DROP INDEX any_idx;
		END LOOP;
	END LOOP;
END $$;
SET client_min_messages = warning;

-- after removal, and again after vacuum; with the vectors of other instruction sets
DELETE FROM t WHERE id % 3 = 0;
SELECT bool_and(rows = 341 - (index::text ~ 'cosine')::int) AS rows, bool_and(heap_rows = 229) AS heap_rows FROM checks;
VACUUM t;
SELECT bool_and(rows = heap_rows - 1 - (index::text ~ 'cosine')::int) AS rows, bool_and(dead = 0) AS none_dead, bool_and(free > 0) AS some_free FROM checks;
SET hnswc.simd_level = portable;
SELECT bool_and(rows = heap_rows - 1 - (index::text ~ 'cosine')::int) AS rows FROM checks;
RESET hnswc.simd_level;

-- how many searches
SELECT searched, found FROM hnsw_check('t_vector_l2', searches => 0);
SELECT searched, found > 0.5 AS found, heap_rows FROM hnsw_check('t_vector_l2', searches => 10);
SELECT hnsw_check('t_vector_l2', searches => -1);
SELECT hnsw_check(NULL);
SELECT hnsw_check('t_vector_l2', NULL);

-- an empty index, a partial one, one on an expression, a temporary one, an unlogged one
CREATE TABLE empty (v vector(3));
CREATE INDEX empty_idx ON empty USING hnsw (v vector_l2_ops);
SELECT elements, upper_nodes, links, searched, found, heap_rows FROM hnsw_check('empty_idx', true);
INSERT INTO empty VALUES (NULL);
SELECT elements, heap_rows FROM hnsw_check('empty_idx', true);
CREATE INDEX partial_idx ON t USING hnsw ((v::halfvec(24)) halfvec_l2_ops) WHERE id < 100;
SELECT elements, duplicates, heap_rows FROM hnsw_check('partial_idx', true);
CREATE TEMP TABLE temporary AS SELECT v::vector(24) FROM t WHERE id < 100;
CREATE INDEX temporary_idx ON temporary USING hnsw (v vector_l2_ops);
INSERT INTO temporary SELECT v FROM t WHERE id BETWEEN 100 AND 200;
SELECT elements, heap_rows FROM hnsw_check('temporary_idx', true);
CREATE UNLOGGED TABLE unlogged AS SELECT v::vector(24) FROM t WHERE id < 100;
CREATE INDEX unlogged_idx ON unlogged USING hnsw (v vector_l2_ops);
SELECT elements, heap_rows FROM hnsw_check('unlogged_idx', true);

-- what is no index of ours, or not to be checked
SELECT hnsw_check('t');
SELECT hnsw_check(0);
CREATE INDEX t_id ON t (id);
SELECT hnsw_check('t_id');
CREATE TABLE parts (id int, v vector(3)) PARTITION BY LIST (id);
CREATE INDEX parts_idx ON parts USING hnsw (v vector_l2_ops);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
SELECT hnsw_check('parts_idx');
SELECT elements FROM pg_partition_tree('parts_idx'), hnsw_check(relid) WHERE isleaf;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'empty_idx'::regclass;
SELECT hnsw_check('empty_idx');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'empty_idx'::regclass;

-- its owner, and whom EXECUTE is granted to by name
CREATE ROLE regress_hnsw_owner;
CREATE ROLE regress_hnsw_other;
ALTER TABLE empty OWNER TO regress_hnsw_owner;
SET ROLE regress_hnsw_owner;
SELECT elements FROM hnsw_check('empty_idx', true);
SELECT elements FROM hnsw_check('partial_idx', true);
SET ROLE regress_hnsw_other;
SELECT elements FROM hnsw_check('empty_idx', true);
RESET ROLE;
GRANT EXECUTE ON FUNCTION hnsw_check TO regress_hnsw_other;
SET ROLE regress_hnsw_other;
SELECT elements FROM hnsw_check('empty_idx', true);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION hnsw_check FROM regress_hnsw_other, PUBLIC;
SET ROLE regress_hnsw_owner;
SELECT elements FROM hnsw_check('empty_idx', true);
RESET ROLE;
GRANT EXECUTE ON FUNCTION hnsw_check TO PUBLIC;

-- expressions of the index are evaluated as the table's owner
CREATE FUNCTION who(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE WARNING 'evaluated by %', current_user;
	RETURN v;
END $$;
CREATE TABLE expressions (v vector(3));
INSERT INTO expressions VALUES ('[1,2,3]');
ALTER TABLE expressions OWNER TO regress_hnsw_owner;
CREATE INDEX expressions_idx ON expressions USING hnsw ((who(v)::vector(3)) vector_l2_ops);
SELECT elements, heap_rows FROM hnsw_check('expressions_idx', true);
SELECT current_user = session_user AS same;
DROP TABLE expressions, empty, t, temporary, unlogged, parts CASCADE;
DROP FUNCTION who, test_vector;
DROP ROLE regress_hnsw_owner, regress_hnsw_other;
