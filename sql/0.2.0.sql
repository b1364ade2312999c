-- What 0.2.0 adds to 0.1.0, each object with its COMMENT. The scripts that create and upgrade the extension both
-- contain this part. A change of an object that 0.1.0 has is made in that object's own part as well as in
-- sql/0.1.0--0.2.0.sql.

-- a look at a whole index: an error for what is damaged, else what was counted

CREATE FUNCTION hnsw_check(index regclass, heapallindexed boolean DEFAULT false, searches integer DEFAULT 1000,
	OUT element_pages bigint, OUT upper_pages bigint, OUT duplicate_pages bigint, OUT vector_pages bigint,
	OUT map_pages bigint, OUT empty_pages bigint, OUT elements bigint, OUT duplicates bigint, OUT index_rows bigint,
	OUT upper_nodes bigint, OUT upper_nodes_expected double precision, OUT mapped bigint, OUT dead bigint, OUT free bigint,
	OUT links bigint, OUT unreachable bigint, OUT searched bigint, OUT found double precision, OUT heap_rows bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION hnsw_check(regclass, boolean, integer) IS 'checks an hnsw index for damage';

-- what can be asked of an index

CREATE FUNCTION hnsw_last_scan(OUT index regclass, OUT strategy text, OUT ef_search integer, OUT recall double precision,
	OUT ef integer, OUT rounds integer, OUT nodes bigint, OUT reranked bigint, OUT returned bigint, OUT kept_back bigint,
	OUT swept bigint, OUT table_rows bigint, OUT blocks_hit bigint, OUT blocks_read bigint,
	OUT milliseconds double precision)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION hnsw_last_scan() IS 'what the session''s last scan of an hnsw index did';

CREATE FUNCTION hnsw_recall(index regclass, k integer DEFAULT 10, sample integer DEFAULT 100, queries text DEFAULT NULL,
	ef integer[] DEFAULT NULL, OUT ef_search integer, OUT recall double precision, OUT mean_us double precision,
	OUT p99_us double precision, OUT nodes double precision)
	RETURNS SETOF record AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION hnsw_recall(index regclass, queries anyarray, k integer DEFAULT 10, ef integer[] DEFAULT NULL,
	OUT ef_search integer, OUT recall double precision, OUT mean_us double precision, OUT p99_us double precision,
	OUT nodes double precision)
	RETURNS SETOF record AS 'MODULE_PATHNAME', 'hnsw_recall_array' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION hnsw_recall(regclass, integer, integer, text, integer[]) IS
	'recall and time of searches of an hnsw index, by sample rows or by the results of a query';
COMMENT ON FUNCTION hnsw_recall(regclass, anyarray, integer, integer[]) IS
	'recall and time of searches of an hnsw index, by vectors in an array';

CREATE FUNCTION hnsw_calibrate(index regclass, queries text, sample integer DEFAULT 1000,
	OUT rows integer, OUT recall double precision, OUT ef integer)
	RETURNS SETOF record AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION hnsw_calibrate(index regclass, queries anyarray,
	OUT rows integer, OUT recall double precision, OUT ef integer)
	RETURNS SETOF record AS 'MODULE_PATHNAME', 'hnsw_calibrate_array' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION hnsw_calibrate(regclass, text, integer) IS
	'measures by the results of a query how far an hnsw index is to be searched for a recall';
COMMENT ON FUNCTION hnsw_calibrate(regclass, anyarray) IS
	'measures by vectors in an array how far an hnsw index is to be searched for a recall';

CREATE FUNCTION hnsw_stats(index regclass, exact boolean DEFAULT false,
	OUT format_version integer, OUT type text, OUT dims integer, OUT m integer, OUT ef_construction integer,
	OUT bits integer, OUT rerank text, OUT index_rows bigint, OUT elements bigint, OUT dead bigint, OUT free bigint,
	OUT nodes bigint[], OUT links double precision[], OUT bytes bigint, OUT node_bytes bigint, OUT upper_bytes bigint,
	OUT vector_bytes bigint, OUT duplicate_bytes bigint, OUT other_bytes bigint, OUT lacks_nulls boolean,
	OUT lacks_zeros boolean, OUT ef_search integer, OUT reach double precision[], OUT recall_ef integer[],
	OUT recall_from text, OUT measured_rows bigint, OUT added double precision, OUT drift double precision, OUT reindex boolean)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION hnsw_stats(regclass, boolean) IS
	'what an hnsw index consists of, by a sample of its pages or by all of them';

CREATE FUNCTION hnsw_estimate(rows bigint, dims integer, opclass text DEFAULT 'vector_l2_ops', options text[] DEFAULT '{}',
	OUT node_bytes bigint, OUT vector_bytes bigint, OUT bytes bigint, OUT maintenance_work_mem text)
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION hnsw_estimate(bigint, integer, text, text[]) IS
	'how large an hnsw index of so many rows is, and the memory to build it in';

CREATE FUNCTION hnsw_prewarm(index regclass, what text DEFAULT 'all') RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION hnsw_prewarm(regclass, text) IS
	'reads an hnsw index, or its nodes or upper layers, into shared buffers; returns the number of blocks';

-- Operator classes for key columns: those before the vector, each of whose values has a graph of its own. Operator 2 is
-- equality, and function 2 a hash that goes with it. Those of varchar, cidr and domains are their base types'.

CREATE OPERATOR FAMILY hnsw_integer_ops USING hnsw;
COMMENT ON OPERATOR FAMILY hnsw_integer_ops USING hnsw IS 'integers of all widths as keys of hnsw indexes';

CREATE OPERATOR CLASS hnsw_int2_ops DEFAULT FOR TYPE smallint USING hnsw FAMILY hnsw_integer_ops AS
	OPERATOR 2 pg_catalog.= (smallint, smallint),
	FUNCTION 2 hashint2(smallint);
COMMENT ON OPERATOR CLASS hnsw_int2_ops USING hnsw IS 'smallint as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_int4_ops DEFAULT FOR TYPE integer USING hnsw FAMILY hnsw_integer_ops AS
	OPERATOR 2 pg_catalog.= (integer, integer),
	FUNCTION 2 hashint4(integer);
COMMENT ON OPERATOR CLASS hnsw_int4_ops USING hnsw IS 'integer as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_int8_ops DEFAULT FOR TYPE bigint USING hnsw FAMILY hnsw_integer_ops AS
	OPERATOR 2 pg_catalog.= (bigint, bigint),
	FUNCTION 2 hashint8(bigint);
COMMENT ON OPERATOR CLASS hnsw_int8_ops USING hnsw IS 'bigint as a key of hnsw indexes';

ALTER OPERATOR FAMILY hnsw_integer_ops USING hnsw ADD
	OPERATOR 2 pg_catalog.= (smallint, integer),
	OPERATOR 2 pg_catalog.= (smallint, bigint),
	OPERATOR 2 pg_catalog.= (integer, smallint),
	OPERATOR 2 pg_catalog.= (integer, bigint),
	OPERATOR 2 pg_catalog.= (bigint, smallint),
	OPERATOR 2 pg_catalog.= (bigint, integer);

CREATE OPERATOR CLASS hnsw_bool_ops DEFAULT FOR TYPE boolean USING hnsw AS
	OPERATOR 2 pg_catalog.= (boolean, boolean),
	FUNCTION 2 hashchar("char");
COMMENT ON OPERATOR FAMILY hnsw_bool_ops USING hnsw IS 'boolean as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_bool_ops USING hnsw IS 'boolean as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_char_ops DEFAULT FOR TYPE "char" USING hnsw AS
	OPERATOR 2 pg_catalog.= ("char", "char"),
	FUNCTION 2 hashchar("char");
COMMENT ON OPERATOR FAMILY hnsw_char_ops USING hnsw IS 'char as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_char_ops USING hnsw IS 'char as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_oid_ops DEFAULT FOR TYPE oid USING hnsw AS
	OPERATOR 2 pg_catalog.= (oid, oid),
	FUNCTION 2 hashoid(oid);
COMMENT ON OPERATOR FAMILY hnsw_oid_ops USING hnsw IS 'oid as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_oid_ops USING hnsw IS 'oid as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_date_ops DEFAULT FOR TYPE date USING hnsw AS
	OPERATOR 2 pg_catalog.= (date, date),
	FUNCTION 2 hashint4(integer);
COMMENT ON OPERATOR FAMILY hnsw_date_ops USING hnsw IS 'date as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_date_ops USING hnsw IS 'date as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_timestamp_ops DEFAULT FOR TYPE timestamp USING hnsw AS
	OPERATOR 2 pg_catalog.= (timestamp, timestamp),
	FUNCTION 2 timestamp_hash(timestamp);
COMMENT ON OPERATOR FAMILY hnsw_timestamp_ops USING hnsw IS 'timestamp as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_timestamp_ops USING hnsw IS 'timestamp as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_timestamptz_ops DEFAULT FOR TYPE timestamptz USING hnsw AS
	OPERATOR 2 pg_catalog.= (timestamptz, timestamptz),
	FUNCTION 2 timestamp_hash(timestamp);
COMMENT ON OPERATOR FAMILY hnsw_timestamptz_ops USING hnsw IS 'timestamptz as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_timestamptz_ops USING hnsw IS 'timestamptz as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_uuid_ops DEFAULT FOR TYPE uuid USING hnsw AS
	OPERATOR 2 pg_catalog.= (uuid, uuid),
	FUNCTION 2 uuid_hash(uuid);
COMMENT ON OPERATOR FAMILY hnsw_uuid_ops USING hnsw IS 'uuid as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_uuid_ops USING hnsw IS 'uuid as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_text_ops DEFAULT FOR TYPE text USING hnsw AS
	OPERATOR 2 pg_catalog.= (text, text),
	FUNCTION 2 hashtext(text);
COMMENT ON OPERATOR FAMILY hnsw_text_ops USING hnsw IS 'text as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_text_ops USING hnsw IS 'text as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_bpchar_ops DEFAULT FOR TYPE bpchar USING hnsw AS
	OPERATOR 2 pg_catalog.= (bpchar, bpchar),
	FUNCTION 2 hashbpchar(bpchar);
COMMENT ON OPERATOR FAMILY hnsw_bpchar_ops USING hnsw IS 'bpchar as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_bpchar_ops USING hnsw IS 'bpchar as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_enum_ops DEFAULT FOR TYPE anyenum USING hnsw AS
	OPERATOR 2 pg_catalog.= (anyenum, anyenum),
	FUNCTION 2 hashenum(anyenum);
COMMENT ON OPERATOR FAMILY hnsw_enum_ops USING hnsw IS 'enums as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_enum_ops USING hnsw IS 'enums as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_numeric_ops DEFAULT FOR TYPE numeric USING hnsw AS
	OPERATOR 2 pg_catalog.= (numeric, numeric),
	FUNCTION 2 hash_numeric(numeric);
COMMENT ON OPERATOR FAMILY hnsw_numeric_ops USING hnsw IS 'numeric as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_numeric_ops USING hnsw IS 'numeric as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_macaddr_ops DEFAULT FOR TYPE macaddr USING hnsw AS
	OPERATOR 2 pg_catalog.= (macaddr, macaddr),
	FUNCTION 2 hashmacaddr(macaddr);
COMMENT ON OPERATOR FAMILY hnsw_macaddr_ops USING hnsw IS 'macaddr as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_macaddr_ops USING hnsw IS 'macaddr as a key of hnsw indexes';

CREATE OPERATOR CLASS hnsw_inet_ops DEFAULT FOR TYPE inet USING hnsw AS
	OPERATOR 2 pg_catalog.= (inet, inet),
	FUNCTION 2 hashinet(inet);
COMMENT ON OPERATOR FAMILY hnsw_inet_ops USING hnsw IS 'inet as a key of hnsw indexes';
COMMENT ON OPERATOR CLASS hnsw_inet_ops USING hnsw IS 'inet as a key of hnsw indexes';
