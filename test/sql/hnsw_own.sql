-- what is recognised is the extension's own, and nothing that is only called like it
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET enable_seqscan = off;
CREATE TABLE item (id int, v vector(3) NOT NULL, h halfvec(3) NOT NULL, b bit(8) NOT NULL);
INSERT INTO item SELECT i, v, v, i::bit(8) FROM (SELECT i, ARRAY[i % 13, i % 17, i / 100.0]::vector AS v FROM generate_series(1, 2000) i) s;
CREATE INDEX item_ip ON item USING hnsw (v vector_ip_ops);
CREATE INDEX item_l2 ON item USING hnsw (v vector_l2_ops);
CREATE INDEX item_half_ip ON item USING hnsw (h halfvec_ip_ops);
CREATE INDEX item_hamming ON item USING hnsw (b bit_hamming_ops);
VACUUM ANALYZE item;
-- whether a query's plan has an index scan
CREATE FUNCTION is_by_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Index Scan' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- functions and operators of users, in the extension's schema
SELECT nspname AS extension_schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'hnswc' \gset
CREATE ROLE hnsw_own_role;
GRANT CREATE, USAGE ON SCHEMA :extension_schema TO hnsw_own_role;
GRANT SELECT ON item TO hnsw_own_role;
SET ROLE hnsw_own_role;
CREATE DOMAIN direction AS vector;
CREATE TYPE pair AS (x real, y real);
CREATE FUNCTION to_vector(pair) RETURNS vector LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[$1.x, $1.y, 0]::vector $$;
CREATE CAST (pair AS vector) WITH FUNCTION to_vector AS IMPLICIT;
CREATE FUNCTION inner_product(vector, bigint) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $2; END $$;
CREATE FUNCTION inner_product(vector, bytea) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN length($2); END $$;
CREATE FUNCTION inner_product(vector, direction) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION inner_product(vector, pair) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $2.x; END $$;
CREATE FUNCTION inner_product(bigint, vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
CREATE FUNCTION inner_product(vector, halfvec) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN 1; END $$;
CREATE FUNCTION l2_distance(vector, bigint) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $2; END $$;
CREATE OPERATOR <-> (LEFTARG = vector, RIGHTARG = bigint, FUNCTION = l2_distance);
CREATE OPERATOR <#> (LEFTARG = vector, RIGHTARG = bytea, FUNCTION = inner_product);
SELECT query, is_by_index(query) FROM (SELECT 'SELECT id FROM item ORDER BY ' || orders || ' LIMIT 1' AS query FROM unnest(ARRAY[
	'inner_product(v, 4096::bigint) DESC NULLS LAST', 'inner_product(4096::bigint, v) DESC', 'inner_product(v, ''\x0102''::bytea) DESC',
	'inner_product(v, ''[1,2,3]''::direction) DESC', 'inner_product(v, (1, 2)::pair) DESC', 'inner_product(v, ''[1,2,3]''::halfvec) DESC',
	'-inner_product(v, 4096::bigint)', 'l2_distance(v, 4096::bigint)', 'v <-> 4096::bigint', '1 - (v <-> 4096::bigint) DESC', 'v <#> ''\x0102''::bytea',
	'1 / (1 + (v <-> 4096::bigint)) DESC', 'round((v <-> 4096::bigint)::numeric, 2)']) orders) s;
SELECT count(*) FROM (SELECT id FROM item ORDER BY inner_product(v, 4096::bigint) DESC NULLS LAST LIMIT 5) s;
SELECT count(*) FROM (SELECT id FROM item ORDER BY v <-> 4096::bigint LIMIT 5) s;
SELECT count(*) FROM (SELECT id FROM item WHERE v <-> 4096::bigint < 5000 ORDER BY v <-> '[1,2,3]' LIMIT 5) s;
SELECT count(*) FROM (SELECT id, rank() OVER (ORDER BY v <-> 4096::bigint) AS r FROM item) s WHERE r <= 2;
-- in another schema, with the same arguments and another answer
RESET ROLE;
CREATE SCHEMA hnsw_own_schema AUTHORIZATION hnsw_own_role;
SET ROLE hnsw_own_role;
CREATE FUNCTION hnsw_own_schema.inner_product(vector, vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1 <#> $2; END $$;
CREATE FUNCTION hnsw_own_schema.vector_negative_inner_product(vector, vector) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN -($1 <#> $2); END $$;
CREATE OPERATOR hnsw_own_schema.<#> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = hnsw_own_schema.vector_negative_inner_product);
SELECT query, is_by_index(query) FROM (SELECT 'SELECT id FROM item ORDER BY ' || orders || ' LIMIT 1' AS query FROM unnest(ARRAY[
	'hnsw_own_schema.inner_product(v, ''[1,2,3]'') DESC', 'v OPERATOR(hnsw_own_schema.<#>) ''[1,2,3]''']) orders) s;
SELECT id FROM item ORDER BY hnsw_own_schema.inner_product(v, '[1,2,3]') DESC, id LIMIT 1;
SELECT id FROM item ORDER BY v <#> '[1,2,3]' DESC, id LIMIT 1;
-- one of SQL that is the distance, and another operator for the function of ours: these are the distance
CREATE FUNCTION hnsw_own_schema.nearness(a vector, b vector) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT a <-> b $$;
CREATE OPERATOR hnsw_own_schema.<<->> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = l2_distance, COMMUTATOR = OPERATOR(hnsw_own_schema.<<<->>>));
SELECT query, is_by_index(query) FROM (SELECT 'SELECT id FROM item ORDER BY ' || orders || ' LIMIT 1' AS query FROM unnest(ARRAY[
	'hnsw_own_schema.nearness(v, ''[1,2,3]'')', 'v OPERATOR(hnsw_own_schema.<<->>) ''[1,2,3]''', 'inner_product(''[1,2,3]''::vector, v) DESC', 'inner_product(h, ''[1,2,3]''::halfvec) DESC',
	'hamming_distance(b, 5::bit(8))', '1 - inner_product(v, ''[1,2,3]''::vector)']) orders) s;
-- what the commutator has left is an operator without a function
SELECT id FROM item ORDER BY v OPERATOR(hnsw_own_schema.<<<->>>) '[1,2,3]' LIMIT 1;
RESET ROLE;

-- what a function is may change
SELECT is_by_index($$SELECT id FROM item ORDER BY l2_distance(v, '[1,2,3]') LIMIT 1$$);
ALTER FUNCTION l2_distance(vector, vector) SET search_path = pg_catalog;
SELECT is_by_index($$SELECT id FROM item ORDER BY l2_distance(v, '[1,2,3]') LIMIT 1$$);
ALTER FUNCTION l2_distance(vector, vector) RESET ALL;
ALTER FUNCTION inner_product(vector, vector) RENAME TO dot;
SELECT is_by_index($$SELECT id FROM item ORDER BY dot(v, '[1,2,3]') DESC LIMIT 1$$);
ALTER FUNCTION dot(vector, vector) RENAME TO inner_product;

-- operator classes that superusers make
CREATE OPERATOR CLASS hnsw_own_sparse FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_sparsevec_l2_support(internal);
CREATE OPERATOR CLASS hnsw_own_bit FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_bit_hamming_support(internal);
CREATE OPERATOR CLASS hnsw_own_metric FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_cosine_support(internal);
CREATE OPERATOR CLASS hnsw_own_jaccard FOR TYPE bit USING hnsw AS
	OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops, FUNCTION 1 hnsw_bit_hamming_support(internal);
CREATE OPERATOR CLASS hnsw_own_foreign FOR TYPE vector USING hnsw AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 int8_avg_serialize(internal);
CREATE OPERATOR CLASS hnsw_own_user FOR TYPE vector USING hnsw AS
	OPERATOR 1 hnsw_own_schema.<#> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_ip_support(internal);
CREATE OPERATOR CLASS hnsw_own_shell FOR TYPE vector USING hnsw AS
	OPERATOR 1 hnsw_own_schema.<<<->>> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_l2_support(internal);
CREATE OPERATOR CLASS hnsw_own_alias FOR TYPE vector USING hnsw AS
	OPERATOR 1 hnsw_own_schema.<<->> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 hnsw_vector_l2_support(internal);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname ~ '^hnsw_own' ORDER BY opcname COLLATE "C";
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_sparse);
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_bit);
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_metric);
CREATE INDEX item_own ON item USING hnsw (b hnsw_own_jaccard);
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_foreign);
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_user);
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_shell);
DROP INDEX item_l2;
CREATE INDEX item_own ON item USING hnsw (v hnsw_own_alias);
SELECT is_by_index($$SELECT id FROM item ORDER BY v <-> '[1,2,3]' LIMIT 1$$);
SELECT is_by_index($$SELECT id FROM item ORDER BY l2_distance(v, '[1,2,3]') LIMIT 1$$);
SELECT is_by_index($$SELECT id FROM item ORDER BY v OPERATOR(hnsw_own_schema.<<->>) '[1,2,3]' LIMIT 1$$);
-- and what they add to one: the right side of an operator has another type, the support function is exchanged
ALTER OPERATOR FAMILY vector_ip_ops USING hnsw ADD OPERATOR 1 <-> (vector, bigint) FOR ORDER BY float_ops;
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'vector_ip_ops';
SELECT is_by_index('SELECT id FROM item ORDER BY v <-> 4096::bigint LIMIT 1');
SELECT count(*) FROM (SELECT id FROM item ORDER BY v <-> 4096::bigint LIMIT 5) s;
ALTER OPERATOR FAMILY vector_ip_ops USING hnsw DROP OPERATOR 1 (vector, bigint);
SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = 'vector_ip_ops';
CREATE OPERATOR FAMILY hnsw_own_family USING hnsw;
CREATE OPERATOR CLASS hnsw_own_exchanged FOR TYPE vector USING hnsw FAMILY hnsw_own_family AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
ALTER OPERATOR FAMILY hnsw_own_family USING hnsw ADD FUNCTION 1 (vector, vector) hnsw_vector_l2_support(internal);
CREATE INDEX item_exchanged ON item USING hnsw (v hnsw_own_exchanged);
ALTER OPERATOR FAMILY hnsw_own_family USING hnsw DROP FUNCTION 1 (vector, vector);
ALTER OPERATOR FAMILY hnsw_own_family USING hnsw ADD FUNCTION 1 (vector, vector) hnsw_sparsevec_l2_support(internal);
\c -
SET client_min_messages = warning;
SET enable_seqscan = off;
DROP INDEX item_own;
SELECT is_by_index($$SELECT id FROM item ORDER BY v <-> '[1,2,3]' LIMIT 1$$);
INSERT INTO item VALUES (0, '[1,2,3]', '[1,2,3]', 0::bit(8));
DROP INDEX item_exchanged;
DROP OPERATOR FAMILY hnsw_own_family USING hnsw;

-- an order by several distances: an index delivers the first alone
CREATE INDEX item_l2 ON item USING hnsw (v vector_l2_ops);
CREATE TABLE tied (id int, v vector(2) NOT NULL);
INSERT INTO tied VALUES (1, '[0,1]'), (2, '[1,0]'), (3, '[0,-1]'), (4, '[-1,0]');
INSERT INTO tied SELECT i, ARRAY[i, i]::vector FROM generate_series(5, 1000) i;
CREATE INDEX tied_idx ON tied USING hnsw (v vector_l2_ops);
SELECT is_by_index($$SELECT id FROM tied ORDER BY v <-> '[0,0]', v <-> '[10,1]' LIMIT 4$$);
SELECT id FROM tied ORDER BY v <-> '[0,0]', v <-> '[10,1]' LIMIT 4;
SELECT id FROM tied ORDER BY v <-> '[0,0]', v <-> '[10,1]' DESC LIMIT 4;

-- dimensions that differ: the same words by index and without
SELECT id FROM item ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM item ORDER BY h <#> '[1,2]' LIMIT 1;
SELECT id FROM item ORDER BY b <~> B'11' LIMIT 1;
SET enable_indexscan = off;
SELECT id FROM item ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM item ORDER BY h <#> '[1,2]' LIMIT 1;
SELECT id FROM item ORDER BY b <~> B'11' LIMIT 1;
RESET enable_indexscan;
CREATE TABLE sparse (s sparsevec(3));
INSERT INTO sparse VALUES ('{1:1}/3');
CREATE INDEX ON sparse USING hnsw (s sparsevec_l2_ops);
SELECT s FROM sparse ORDER BY s <-> '{1:1}/2' LIMIT 1;
SET enable_indexscan = off;
SELECT s FROM sparse ORDER BY s <-> '{1:1}/2' LIMIT 1;
RESET enable_indexscan;
-- strings of bits that have no fixed length
CREATE TABLE varying (b varbit(8));
CREATE INDEX ON varying USING hnsw (b bit_hamming_ops);
CREATE DOMAIN bits AS varbit(8);
ALTER TABLE varying ADD d bits;
CREATE INDEX ON varying USING hnsw (d bit_hamming_ops);
CREATE INDEX ON varying USING hnsw ((b::bit(8)) bit_hamming_ops);
INSERT INTO varying VALUES (B'101');
SELECT b FROM varying ORDER BY b::bit(8) <~> B'10100000' LIMIT 1;

DROP TABLE item, tied, sparse, varying;
DROP DOMAIN bits;
DROP OPERATOR FAMILY hnsw_own_sparse USING hnsw;
DROP OPERATOR FAMILY hnsw_own_bit USING hnsw;
DROP OPERATOR FAMILY hnsw_own_metric USING hnsw;
DROP OPERATOR FAMILY hnsw_own_jaccard USING hnsw;
DROP OPERATOR FAMILY hnsw_own_foreign USING hnsw;
DROP OPERATOR FAMILY hnsw_own_user USING hnsw;
DROP OPERATOR FAMILY hnsw_own_shell USING hnsw;
DROP OPERATOR FAMILY hnsw_own_alias USING hnsw;
DROP OWNED BY hnsw_own_role CASCADE;
DROP ROLE hnsw_own_role;
DROP FUNCTION is_by_index;
