-- Turns a database with pgvector 0.8 into one with hnswc, in place: tables stay as they are, hnsw indexes are built anew.
--
--   psql -X -d DATABASE -f pgvector_to_hnswc.sql                    does it, in one transaction
--   psql -X -d DATABASE -v dry_run=1 -f pgvector_to_hnswc.sql       says what it would do, and does nothing
--   psql -X -d DATABASE -v name=vector -f pgvector_to_hnswc.sql     the extension keeps its name (see make install-vector)
--
-- As superuser, with hnswc installed in the server (make install) but not created in the database, and nobody else connected
-- to it: sessions that have pgvector's library loaded cannot load hnswc's and have to connect anew. Whatever is not as
-- expected is refused, by an error that names it, and nothing has happened.
--
-- How: hnswc is created for a moment in a schema of its own. Each object of pgvector's has to have a counterpart there of the same
-- definition; its functions get the counterpart's code, and its hnsw operator classes the counterpart's support function.
-- What hnswc does not have (ivfflat) is dropped, unless something uses it; what only hnswc has moves over. Then that copy is
-- dropped, and the extension, with all that belongs to it, takes the name hnswc. No object that a table, a view or an
-- index can refer to changes its OID. There is no DDL for some of this, so it edits the catalogs, as the comments say.

\set ON_ERROR_STOP 1
\set QUIET 1
\if :{?dry_run}
\else
	\set dry_run 0
\endif
\if :{?name}
\else
	\set name hnswc
\endif

\connect -

BEGIN;
SET LOCAL client_min_messages = notice;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL check_function_bodies = on;
SELECT set_config('hnswc_migration.dry_run', (:'dry_run' NOT IN ('0', 'off', 'false', 'no', ''))::text, true),
	set_config('hnswc_migration.name', :'name', true) \g /dev/null

-- 1. What can be told beforehand. Nothing here may call a function of pgvector's or open an hnsw index: that would load its library.

DO $$
DECLARE
	version text := (SELECT extversion FROM pg_extension WHERE extname = 'vector');
	names text;
BEGIN
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'only a superuser can do this';
	END IF;
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'hnswc') THEN
		RAISE EXCEPTION 'the extension hnswc is in this database already';
	END IF;
	IF version IS NULL THEN
		RAISE EXCEPTION 'the extension vector is not in this database: nothing to do';
	END IF;
	IF version !~ '^0\.8\.\d+$' THEN
		RAISE EXCEPTION 'the extension vector is of version %, and only 0.8 is known here', version
			USING HINT = 'ALTER EXTENSION vector UPDATE brings it to the version installed.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hnswc') THEN
		RAISE EXCEPTION 'hnswc is not installed in this server';
	END IF;
	IF current_setting('hnswc_migration.name') NOT IN ('hnswc', 'vector') THEN
		RAISE EXCEPTION 'the extension can be called hnswc or vector, not %', current_setting('hnswc_migration.name');
	END IF;
	IF current_setting('hnswc_migration.name') = 'vector'
		AND NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector' AND comment LIKE 'hnswc %') THEN
		RAISE EXCEPTION 'hnswc is not installed in this server under the name vector'
			USING HINT = 'make install-vector does that, after pgvector''s files have been removed.';
	END IF;
	IF EXISTS (SELECT FROM pg_settings WHERE name = 'hnsw.ef_search')
		AND NOT EXISTS (SELECT FROM pg_settings WHERE name = 'hnswc.simd_level') THEN
		RAISE EXCEPTION 'pgvector''s library is loaded when a session starts'
			USING HINT = 'Take it out of shared_preload_libraries, session_preload_libraries and local_preload_libraries.';
	END IF;

	FOR attempt IN 1..50 LOOP -- sessions that have just ended take a moment to disappear
		PERFORM pg_stat_clear_snapshot();
		SELECT string_agg(format('%s (%s)', pid, coalesce(usename, '?')), ', ') INTO names
			FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();
		EXIT WHEN names IS NULL;
		PERFORM pg_sleep(0.1);
	END LOOP;
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'others are connected to this database: %', names;
	END IF;

	SELECT string_agg(c.oid::regclass::text, ', ') INTO names
		FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'ivfflat';
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'hnswc has no ivfflat, which is the access method of: %', names
			USING HINT = 'Drop these indexes, or make them hnsw.';
	END IF;

	SELECT string_agg(quote_ident(e.extname), ', ') INTO names
		FROM pg_depend d JOIN pg_extension e ON e.oid = d.objid JOIN pg_extension v ON v.oid = d.refobjid AND v.extname = 'vector'
		WHERE d.classid = 'pg_extension'::regclass AND d.refclassid = 'pg_extension'::regclass;
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'other extensions require the extension vector: %', names;
	END IF;

	SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ') INTO names
		FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
			AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector')
			AND p.prokind = 'f' AND (p.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c') OR p.probin !~ '(^|/)vector$');
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'not functions of pgvector''s library: %', names;
	END IF;
END $$;

-- 2. A copy of hnswc in a schema of its own. An access method has no schema: pgvector's makes way.

UPDATE pg_am SET amname = 'hnsw_of_pgvector' WHERE amname = 'hnsw';
CREATE SCHEMA hnswc_migration;
CREATE EXTENSION hnswc SCHEMA hnswc_migration;

-- 3. Which object is whose counterpart.

-- A name without schemas, which is where the two differ.
CREATE FUNCTION pg_temp.plain(name text, schema text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT replace(regexp_replace(name, '(^|[ (,])(pg_catalog|' || regexp_replace(quote_ident(schema), '([^[:alnum:]_])', '\\\1', 'g') || ')\.', '\1', 'g'),
		'hnsw_of_pgvector', 'hnsw')
$$;

-- The members of both extensions.
CREATE TEMP TABLE member ON COMMIT DROP AS
	SELECT e.extname, d.classid, d.objid, i.type, n.nspname AS schema, pg_temp.plain(i.identity, n.nspname) AS name
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e',
		LATERAL pg_identify_object(d.classid, d.objid, 0) i
	WHERE e.extname IN ('vector', 'hnswc');

CREATE TEMP TABLE matched ON COMMIT DROP AS
	SELECT classid, type, name, o.objid AS old, n.objid AS new, o.schema AS old_schema, n.schema AS new_schema
	FROM (SELECT * FROM member WHERE extname = 'vector') o
		FULL JOIN (SELECT * FROM member WHERE extname = 'hnswc') n USING (classid, type, name);

-- How an object is defined, but for its code and for the support functions of hnsw, which are what is to change.
CREATE FUNCTION pg_temp.definition(class oid, object oid, schema text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT pg_temp.plain(CASE class
		WHEN 'pg_type'::regclass THEN (
			SELECT concat_ws(' ', typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typalign, typstorage, typnotnull,
				typinput::regprocedure, typoutput::regprocedure, typreceive::regprocedure, typsend::regprocedure, typmodin::regprocedure,
				typmodout::regprocedure, typanalyze::regprocedure, typcollation)
			FROM pg_type WHERE oid = object)
		WHEN 'pg_proc'::regclass THEN (
			SELECT concat_ws(' ', prokind, prorettype::regtype, proretset, proisstrict, provolatile, proparallel, pronargdefaults, prosecdef,
				(SELECT concat_ws(' ', aggkind, aggtransfn::regprocedure, aggfinalfn::regprocedure, aggcombinefn::regprocedure,
					aggserialfn::regprocedure, aggdeserialfn::regprocedure, aggtranstype::regtype, agginitval)
				FROM pg_aggregate WHERE aggfnoid = object))
			FROM pg_proc WHERE oid = object)
		WHEN 'pg_operator'::regclass THEN (
			SELECT concat_ws(' ', oprkind, oprcanmerge, oprcanhash, oprresult::regtype, oprcode::regprocedure, oprcom::regoperator,
				oprnegate::regoperator, oprrest::regprocedure, oprjoin::regprocedure)
			FROM pg_operator WHERE oid = object)
		WHEN 'pg_cast'::regclass THEN (
			SELECT concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast WHERE oid = object)
		WHEN 'pg_opclass'::regclass THEN (
			SELECT concat_ws(' ', opcintype::regtype, opcdefault, opckeytype::regtype, pg_describe_object('pg_opfamily'::regclass, opcfamily, 0))
			FROM pg_opclass WHERE oid = object)
		WHEN 'pg_opfamily'::regclass THEN (
			SELECT concat_ws(' ',
				(SELECT string_agg(concat_ws(' ', amopstrategy, amoppurpose, amopopr::regoperator, amopsortfamily::text), ', ' ORDER BY amopstrategy, amopopr::regoperator::text)
				FROM pg_amop WHERE amopfamily = object),
				(SELECT string_agg(concat_ws(' ', amprocnum, amproc::regprocedure), ', ' ORDER BY amprocnum)
				FROM pg_amproc WHERE amprocfamily = object AND amname NOT LIKE 'hnsw%'))
			FROM pg_opfamily f JOIN pg_am a ON a.oid = opfmethod WHERE f.oid = object)
		WHEN 'pg_am'::regclass THEN (SELECT concat_ws(' ', amtype, amhandler::regprocedure) FROM pg_am WHERE oid = object)
	END, schema)
$$;

DO $$
DECLARE
	names text;
BEGIN
	-- pgvector's that hnswc does not have and does not need
	CREATE TEMP TABLE obsolete ON COMMIT DROP AS
		SELECT * FROM matched WHERE new IS NULL AND (type, name) IN (
			SELECT 'function', unnest(ARRAY['ivfflathandler(internal)', 'ivfflat_bit_support(internal)', 'ivfflat_halfvec_support(internal)',
				'hnsw_bit_support(internal)', 'hnsw_halfvec_support(internal)', 'hnsw_sparsevec_support(internal)'])
			UNION ALL SELECT 'access method', 'ivfflat'
			UNION ALL SELECT kind, format('%s USING ivfflat', class) FROM unnest(ARRAY['operator class', 'operator family']) kind,
				unnest(ARRAY['vector_l2_ops', 'vector_ip_ops', 'vector_cosine_ops', 'halfvec_l2_ops', 'halfvec_ip_ops', 'halfvec_cosine_ops',
					'bit_hamming_ops']) class);
	SELECT string_agg(type || ' ' || name, ', ') INTO names FROM matched m
		WHERE new IS NULL AND NOT EXISTS (SELECT FROM obsolete o WHERE o.classid = m.classid AND o.old = m.old);
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'the extension vector has what hnswc does not: %', names;
	END IF;

	-- hnswc's that pgvector does not have: all of it has names with hnsw
	SELECT string_agg(type || ' ' || name, ', ') INTO names FROM matched WHERE old IS NULL AND name !~ '^hnsw';
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'the extension vector lacks what hnswc has: %', names;
	END IF;

	SELECT string_agg(format(E'\n%s %s: %s, not %s', type, name, coalesce(was, 'nothing'), coalesce(wanted, 'nothing')), '') INTO names
		FROM matched, pg_temp.definition(classid, old, old_schema) was, pg_temp.definition(classid, new, new_schema) wanted
		WHERE old IS NOT NULL AND new IS NOT NULL AND (was IS NULL OR was IS DISTINCT FROM wanted);
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'objects of the extension vector are defined otherwise than hnswc''s:%', names;
	END IF;

	-- members would go with their extension, others that hang on what is dropped would stop it
	SELECT string_agg(pg_describe_object(a.oid, c.oid, 0), ', ') INTO names
		FROM pg_opclass c JOIN pg_am m ON m.oid = opcmethod AND amname = 'hnsw_of_pgvector', (SELECT 'pg_opclass'::regclass::oid) a (oid)
		WHERE NOT EXISTS (SELECT FROM matched WHERE classid = a.oid AND old = c.oid);
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'operator classes for hnsw that are not pgvector''s: %', names;
	END IF;

	RAISE NOTICE 'functions that get hnswc''s code: %', (SELECT count(*) FROM matched JOIN pg_proc p ON p.oid = old
		WHERE classid = 'pg_proc'::regclass AND new IS NOT NULL AND prokind = 'f');
	RAISE NOTICE 'hnsw operator classes that get hnswc''s support function: %', (SELECT count(*) FROM matched
		WHERE type = 'operator class' AND name LIKE '% USING hnsw' AND old IS NOT NULL AND new IS NOT NULL);
	RAISE NOTICE 'objects that are added: %', (SELECT coalesce(string_agg(type || ' ' || name, ', ' ORDER BY type, name), 'none')
		FROM matched WHERE old IS NULL);
	RAISE NOTICE 'objects that are dropped: %', (SELECT coalesce(string_agg(type || ' ' || name, ', ' ORDER BY type, name), 'none') FROM obsolete);
END $$;

-- 4. The functions take hnswc's code. (CREATE OR REPLACE FUNCTION does the same, to one function at a time.)

UPDATE pg_proc p SET prosrc = n.prosrc, probin = n.probin
	FROM matched m JOIN pg_proc n ON n.oid = m.new
	WHERE m.classid = 'pg_proc'::regclass AND p.oid = m.old AND p.prokind = 'f';

-- The hnsw operator classes take hnswc's support function, number 1, and lose the others. (ALTER OPERATOR FAMILY cannot replace
-- what an operator class was created with.)

CREATE TEMP TABLE support ON COMMIT DROP AS
	SELECT o.oid, n.oid AS model, o.amprocnum, o.amproc AS was, n.amproc AS becomes
	FROM matched m JOIN pg_amproc o ON o.amprocfamily = m.old JOIN pg_amproc n ON n.amprocfamily = m.new AND n.amprocnum = 1
	WHERE m.classid = 'pg_opfamily'::regclass AND m.name LIKE '% USING hnsw';

UPDATE pg_amproc p SET amproc = becomes FROM support s WHERE s.oid = p.oid AND s.amprocnum = 1;
UPDATE pg_depend d SET refobjid = becomes FROM support s
	WHERE classid = 'pg_amproc'::regclass AND objid = s.oid AND refclassid = 'pg_proc'::regclass AND refobjid = was AND s.amprocnum = 1;
INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype) -- on the type, which pgvector's functions mention
	SELECT d.classid, s.oid, 0, d.refclassid, t.old, 0, d.deptype
	FROM support s JOIN pg_depend d ON d.classid = 'pg_amproc'::regclass AND d.objid = s.model AND d.refclassid = 'pg_type'::regclass
		JOIN matched t ON t.classid = d.refclassid AND t.new = d.refobjid
	WHERE s.amprocnum = 1;
DELETE FROM pg_depend USING support s WHERE classid = 'pg_amproc'::regclass AND objid = s.oid AND s.amprocnum <> 1;
DELETE FROM pg_amproc p USING support s WHERE s.oid = p.oid AND s.amprocnum <> 1;

-- What only hnswc has of operator classes, those of key columns, changes over to the access method that stays, with its families.

CREATE TEMP TABLE moving ON COMMIT DROP AS
	SELECT o.classid, o.new AS oid, a.old AS method, a.new AS was FROM matched o, matched a
	WHERE o.classid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass) AND o.old IS NULL
		AND a.classid = 'pg_am'::regclass AND a.old IS NOT NULL AND a.new IS NOT NULL;

UPDATE pg_opclass c SET opcmethod = method FROM moving m WHERE m.classid = 'pg_opclass'::regclass AND m.oid = c.oid AND opcmethod = was;
UPDATE pg_opfamily f SET opfmethod = method FROM moving m WHERE m.classid = 'pg_opfamily'::regclass AND m.oid = f.oid AND opfmethod = was;
UPDATE pg_amop o SET amopmethod = method FROM moving m
	WHERE m.classid = 'pg_opfamily'::regclass AND m.oid = amopfamily AND amopmethod = was;
UPDATE pg_depend d SET refobjid = method FROM moving m
	WHERE d.classid = m.classid AND d.objid = m.oid AND refclassid = 'pg_am'::regclass AND refobjid = was;

-- 5. Comments are hnswc's. What only hnswc has leaves the copy, which is dropped; what only pgvector has is dropped too; and
-- the extension changes its name. (There is no ALTER EXTENSION ... RENAME.)

DELETE FROM pg_description d USING matched m WHERE d.classoid = m.classid AND d.objoid = m.old AND m.new IS NOT NULL;
INSERT INTO pg_description (objoid, classoid, objsubid, description)
	SELECT m.old, d.classoid, d.objsubid, d.description
	FROM matched m JOIN pg_description d ON d.classoid = m.classid AND d.objoid = m.new WHERE m.old IS NOT NULL;

-- Objects that hang on others of the extension go with them, such as a view's row type.
CREATE FUNCTION pg_temp.moves(class oid, object oid) RETURNS bool LANGUAGE sql STABLE AS $$
	SELECT NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = object AND deptype = 'i')
$$;

DO $$
DECLARE
	o record;
	target text := (SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'vector');
	version text := (SELECT default_version FROM pg_available_extensions
		WHERE pg_available_extensions.name = current_setting('hnswc_migration.name'));
	what text := (SELECT comment FROM pg_available_extensions
		WHERE pg_available_extensions.name = current_setting('hnswc_migration.name'));
BEGIN
	FOR o IN SELECT i.type, i.identity FROM matched m, pg_identify_object(m.classid, m.new, 0) i
		WHERE m.old IS NULL AND pg_temp.moves(m.classid, m.new) LOOP
		EXECUTE format('ALTER EXTENSION hnswc DROP %s %s', o.type, o.identity);
		EXECUTE format('ALTER %s %s SET SCHEMA %I', o.type, o.identity, target);
	END LOOP;
	DROP EXTENSION hnswc;
	DROP SCHEMA hnswc_migration;
	UPDATE pg_am SET amname = 'hnsw' WHERE amname = 'hnsw_of_pgvector';

	FOR o IN SELECT b.type, i.identity FROM obsolete b, pg_identify_object(b.classid, b.old, 0) i
		ORDER BY array_position(ARRAY['operator class', 'operator family', 'access method', 'function'], b.type) LOOP
		EXECUTE format('ALTER EXTENSION vector DROP %s %s', o.type, o.identity);
	END LOOP;
	FOR o IN SELECT b.type, i.identity FROM obsolete b, pg_identify_object(b.classid, b.old, 0) i
		ORDER BY array_position(ARRAY['operator class', 'operator family', 'access method', 'function'], b.type) LOOP
		EXECUTE format('DROP %s %s', o.type, o.identity);
	END LOOP;

	UPDATE pg_extension SET extname = current_setting('hnswc_migration.name'), extversion = version WHERE extname = 'vector';
	EXECUTE format('COMMENT ON EXTENSION %I IS %L', current_setting('hnswc_migration.name'), what);
	FOR o IN SELECT i.type, i.identity FROM matched m, pg_identify_object(m.classid, m.new, 0) i
		WHERE m.old IS NULL AND pg_temp.moves(m.classid, m.new) LOOP
		EXECUTE format('ALTER EXTENSION %I ADD %s %s', current_setting('hnswc_migration.name'), o.type, o.identity);
	END LOOP;
	RAISE NOTICE 'the extension vector becomes % %', current_setting('hnswc_migration.name'), version;
END $$;

-- 6. All is in its place; the indexes are built anew.

DO $$
DECLARE
	i record;
	names text;
BEGIN
	SELECT string_agg(opcname, ', ') INTO names FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
		WHERE amname = 'hnsw' AND NOT amvalidate(c.oid);
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'operator classes that are not right now: %', names;
	END IF;

	FOR i IN SELECT c.oid::regclass AS name, pg_size_pretty(pg_relation_size(c.oid)) AS size
		FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE amname = 'hnsw' AND c.relkind = 'i' AND c.relpersistence <> 't' ORDER BY c.oid
	LOOP
		RAISE NOTICE 'index % is built anew (% now)', i.name, i.size;
		IF NOT current_setting('hnswc_migration.dry_run')::bool THEN
			EXECUTE format('REINDEX INDEX %s', i.name);
		END IF;
	END LOOP;
END $$;

SELECT current_setting('hnswc_migration.dry_run') AS dry_run \gset
\if :dry_run
	ROLLBACK;
	\echo 'Nothing was changed: this was a dry run.'
\else
	COMMIT;
	\echo 'The database has hnswc now.'
\endif
