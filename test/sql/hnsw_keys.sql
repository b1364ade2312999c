-- Key columns: an index on (tenant, v) has a graph for each tenant. Queries that say which tenant go by it and find that
-- tenant's rows; others do not use it.

CREATE TABLE keys (id int PRIMARY KEY, tenant int, kind text, v vector(3));
INSERT INTO keys SELECT i, nullif(i % 20, 19), (ARRAY['a', 'b', 'c'])[i % 3 + 1], ARRAY[i % 7, i % 11, i % 13]
	FROM generate_series(1, 2000) i;
CREATE INDEX keys_tenant ON keys USING hnsw (tenant, v vector_l2_ops);
ANALYZE keys;

-- The same rows by the index as without: how many of the nearest LIMIT are missing or too many.
CREATE FUNCTION differences(condition text, rows int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT v <-> ''[3,5,6]'' FROM keys WHERE %s ORDER BY v <-> ''[3,5,6]'' LIMIT %s', condition, rows);
	plan text;
	n int;
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_indexscan = on;
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	IF plan !~ 'Order By' THEN
		RAISE EXCEPTION 'not by the index: %', condition;
	END IF;
	EXECUTE format('CREATE TEMP TABLE by_index AS %s', query);
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('CREATE TEMP TABLE by_table AS %s', query);
	SELECT count(*) INTO n FROM ((TABLE by_index EXCEPT ALL TABLE by_table) UNION ALL (TABLE by_table EXCEPT ALL TABLE by_index)) d;
	DROP TABLE by_index, by_table;
	RETURN n;
END $$;

-- queries

SELECT condition, rows, differences(condition, rows) FROM unnest(ARRAY['tenant = 3', '4 = tenant', 'tenant = 5::bigint',
	'tenant = 6::smallint', 'tenant IN (7, 8, 7, NULL, 1000)', 'tenant IS NULL', 'tenant = 3 AND tenant IN (3, 4)',
	'tenant = 3 AND tenant IS NOT NULL AND v IS NOT NULL', 'tenant = 3 AND kind = ''b''', 'tenant = 1000', 'tenant = ANY (''{}'')',
	'tenant = ANY (NULL::int[])', 'tenant IN (3, 4) AND tenant = 4']) condition, unnest(ARRAY[10, 1000]) rows;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant = 3 ORDER BY v <-> '[1,2,3]' LIMIT 3;
-- in other words
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant IN (3, 4) ORDER BY 1 / (1 + (v <-> '[1,2,3]')) DESC LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant = 3 ORDER BY v <-> '[1,2,3]', id LIMIT 3;
-- which tenant is not said
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM keys ORDER BY v <-> '[1,2,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant < 3 ORDER BY v <-> '[1,2,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant IS NOT NULL ORDER BY v <-> '[1,2,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant = 3 OR kind = 'a' ORDER BY v <-> '[1,2,3]' LIMIT 3;
-- in no order, by a null vector, and with a condition that the index cannot answer
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant = 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant = 3 AND v IS NULL ORDER BY v <-> '[1,2,3]' LIMIT 3;
RESET enable_seqscan;
-- what the query is not known for
SELECT count(*) FROM (SELECT tenant FROM keys WHERE tenant = 3 ORDER BY v <-> NULL LIMIT 1000) s WHERE tenant = 3;

-- a parameter of a nested loop, of a prepared statement, of a policy

SET enable_seqscan = off;
SELECT t, array_agg(id ORDER BY id), bool_and(tenant = t) FROM generate_series(1, 3) t, LATERAL
	(SELECT id, tenant FROM keys WHERE tenant = t ORDER BY v <-> '[3,5,6]' LIMIT 2) s GROUP BY t;
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(int) AS SELECT id FROM keys WHERE tenant = $1 ORDER BY v <-> '[3,5,6]' LIMIT 2;
EXPLAIN (COSTS OFF) EXECUTE nearest(3);
EXECUTE nearest(3);
EXECUTE nearest(4);
EXECUTE nearest(NULL);
RESET plan_cache_mode;
CREATE ROLE hnsw_keys_user;
GRANT SELECT ON keys TO hnsw_keys_user;
ALTER TABLE keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON keys USING (tenant = current_setting('keys.tenant')::int);
SET ROLE hnsw_keys_user;
SET keys.tenant = 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys ORDER BY v <-> '[3,5,6]' LIMIT 2;
SELECT id FROM keys ORDER BY v <-> '[3,5,6]' LIMIT 2;
RESET ROLE;
ALTER TABLE keys DISABLE ROW LEVEL SECURITY;
DROP OWNED BY hnsw_keys_user;
DROP ROLE hnsw_keys_user;
RESET enable_seqscan;

-- a filter that hardly anything passes: the scan may become the exact plan, of this tenant's rows

SELECT count(*), bool_and(tenant = 3) FROM (SELECT tenant FROM keys WHERE tenant = 3 AND id % 100 = 3
	ORDER BY v <-> '[3,5,6]' LIMIT 1000) s;

-- changes: equal vectors in different tenants, new tenants, rows that move, tenants that go

INSERT INTO keys SELECT 3000 + i, 100 + i % 50, 'x', '[3,5,6]' FROM generate_series(1, 500) i;
SELECT sum(differences('tenant = ' || t, 1000)) FROM generate_series(100, 149) t;
UPDATE keys SET tenant = 200 WHERE tenant BETWEEN 100 AND 109;
SELECT differences('tenant = 200', 1000), differences('tenant = 105', 1000), differences('tenant IN (105, 110, 200)', 1000);
SELECT elements, index_rows, unreachable FROM hnsw_check('keys_tenant', true);
DELETE FROM keys WHERE tenant >= 100 OR tenant < 5;
VACUUM keys;
SELECT elements, index_rows, unreachable FROM hnsw_check('keys_tenant', true);
SELECT condition, differences(condition, 1000) FROM unnest(ARRAY['tenant = 3', 'tenant = 7', 'tenant = 200', 'tenant IS NULL',
	'tenant IN (3, 120, 7)']) condition;
INSERT INTO keys SELECT 4000 + i, i % 10, 'y', ARRAY[i % 7, i % 5, i % 3] FROM generate_series(1, 200) i;
SELECT sum(differences('tenant = ' || t, 1000)) FROM generate_series(0, 9) t;
SELECT elements, index_rows, unreachable FROM hnsw_check('keys_tenant', true);
DELETE FROM keys;
VACUUM keys;
SELECT elements, index_rows, dead FROM hnsw_check('keys_tenant', true);
DROP INDEX keys_tenant;

-- several columns, and what cannot be fixed

INSERT INTO keys SELECT i, nullif(i % 20, 19), nullif((ARRAY['a', 'b', 'c'])[i % 3 + 1], 'c'), ARRAY[i % 7, i % 11, i % 13]
	FROM generate_series(1, 2000) i;
CREATE INDEX keys_both ON keys USING hnsw (kind, (tenant % 5), (id % 2 = 0), v vector_l2_ops);
ANALYZE keys;
SELECT condition, differences(condition, 1000) FROM unnest(ARRAY['kind = ''a'' AND tenant % 5 = 2 AND id % 2 = 0',
	'kind IN (''a'', ''b'', ''z'') AND tenant % 5 IN (1, 2) AND id % 2 = 0',
	'kind IS NULL AND tenant % 5 IS NULL AND id % 2 = 0']) condition;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE kind = 'a' AND tenant % 5 = 1 ORDER BY v <-> '[1,2,3]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT id FROM keys WHERE tenant % 5 = 1 AND id % 2 = 0 ORDER BY v <-> '[1,2,3]' LIMIT 3;
RESET enable_seqscan;
SELECT elements, index_rows, unreachable FROM hnsw_check('keys_both', true);
REINDEX INDEX keys_both;
SELECT differences('kind = ''a'' AND tenant % 5 = 2 AND id % 2 = 0', 1000);
SELECT hnsw_prewarm('keys_both', 'nodes') > 10 AS prewarmed;
SELECT elements, lacks_nulls FROM hnsw_stats('keys_both', true);

-- a boolean by itself

CREATE TABLE flags AS SELECT i % 2 = 0 AS flag, ARRAY[i, i, i]::vector(3) v FROM generate_series(1, 100) i;
CREATE INDEX ON flags USING hnsw (flag, v vector_l2_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT v FROM flags WHERE flag ORDER BY v <-> '[7,7,7]' LIMIT 2;
SELECT v FROM flags WHERE flag ORDER BY v <-> '[7.1,7,7]' LIMIT 2;
SELECT v FROM flags WHERE NOT flag ORDER BY v <-> '[7.1,7,7]' LIMIT 2;
RESET enable_seqscan;

-- each type

CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION try_type(type text, one text, other text, same text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	one_rows int;
	other_rows int;
	null_rows int;
	plan text;
	query text := 'SELECT count(*) FROM (SELECT FROM typed WHERE k %s ORDER BY v <-> ''[1,2,3]'' LIMIT 100) s';
BEGIN
	EXECUTE format('CREATE TEMP TABLE typed (k %s, v vector(3))', type);
	EXECUTE format('CREATE INDEX ON typed USING hnsw (k, v vector_l2_ops)');
	EXECUTE format('INSERT INTO typed SELECT (ARRAY[%L, %L, NULL])[1 + i %% 3]::%s, ARRAY[i, i, i] FROM generate_series(1, 30) i',
		one, other, split_part(type, ' COLLATE', 1));
	SET LOCAL enable_seqscan = off;
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || format(query, format('= %L', coalesce(same, one))) INTO plan;
	IF plan !~ 'Order By' THEN
		RAISE EXCEPTION 'not by the index: %', plan;
	END IF;
	EXECUTE format(query, format('= %L', coalesce(same, one))) INTO one_rows;
	EXECUTE format(query, format('IN (%L)', other)) INTO other_rows;
	EXECUTE format(query, 'IS NULL') INTO null_rows;
	PERFORM hnsw_check('typed_k_v_idx', true);
	DROP TABLE typed;
	RETURN format('%s %s %s', one_rows, other_rows, null_rows);
END $$;
SELECT type, try_type(type, one, other, same) FROM (VALUES ('int2', '1', '-1', NULL), ('int4', '1', '2', NULL), ('int8', '1', '10000000000', NULL),
	('oid', '1', '4000000000', NULL), ('bool', 'true', 'false', NULL), ('date', '2024-01-01', 'infinity', NULL),
	('timestamp', '2024-01-01 12:00', '2024-01-02', NULL), ('timestamptz', '2024-01-01 12:00+0', '2024-01-02 00:00+0', '2024-01-01 13:00+1'),
	('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', NULL), ('text', 'a', '', NULL),
	('varchar(10)', 'a', 'b', NULL), ('char(10)', 'a', 'b', 'a  '), ('"char"', 'a', 'b', NULL), ('mood', 'sad', 'glad', NULL),
	('numeric', '1.0', '2', '1.00'), ('macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:04', NULL),
	('inet', '10.0.0.1', '10.0.0.1/8', '10.0.0.1/32'), ('text COLLATE ignore_case', 'a', 'b', 'A')) t (type, one, other, same);
SELECT bool_and(amvalidate(oid)) FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw');

-- errors

CREATE INDEX ON keys USING hnsw (tenant);
CREATE INDEX ON keys USING hnsw (v vector_l2_ops, v vector_cosine_ops);
CREATE INDEX ON keys USING hnsw (v vector_l2_ops, tenant);
CREATE INDEX ON keys USING hnsw (v vector_l2_ops) INCLUDE (tenant);
CREATE TABLE others (j jsonb, wide text, v vector(3));
CREATE INDEX ON others USING hnsw (j, v vector_l2_ops);
CREATE INDEX wide_v ON others USING hnsw (wide, v vector_l2_ops) WITH (m = 4, ef_construction = 8);
INSERT INTO others VALUES ('{}', repeat('x', 70), '[1,2,3]');
INSERT INTO others VALUES ('{}', repeat('x', 100), '[1,2,3]');
SELECT length(wide) FROM others WHERE wide = repeat('x', 70) ORDER BY v <-> '[1,2,3]' LIMIT 1;
INSERT INTO others SELECT '{}', repeat('x', 1000), '[1,2,3]' FROM generate_series(1, 2);
DROP INDEX wide_v;
INSERT INTO others VALUES ('{}', repeat('x', 1000), '[1,2,3]');
CREATE INDEX wide_v ON others USING hnsw (wide, v vector_l2_ops);
CREATE INDEX wide_v ON others USING hnsw (md5(wide), v vector_l2_ops);
SELECT hnsw_recall('keys_both');
CREATE TABLE parts (tenant int, v vector(3)) PARTITION BY HASH (tenant);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON parts USING hnsw (tenant, v vector_l2_ops);
INSERT INTO parts SELECT i % 10, ARRAY[i, i, i] FROM generate_series(1, 100) i;
SELECT tenant, v FROM parts WHERE tenant IN (3, 4) ORDER BY v <-> '[50.1,50,50]' LIMIT 4;

DROP TABLE keys, flags, others, parts;
DROP FUNCTION differences, try_type;
DROP TYPE mood;
DROP COLLATION ignore_case;
