-- Gives the extension its other name: hnswc becomes vector, or vector becomes hnswc. Nothing else changes.
--
--   psql -X -d DATABASE -v name=vector -f rename_extension.sql      for clients that look for the extension "vector"
--   psql -X -d DATABASE -v name=hnswc -f rename_extension.sql
--
-- As superuser. Both names have to be installed in the server (make install-vector) in the same release. There is no
-- ALTER EXTENSION ... RENAME, so this edits pg_extension, in one transaction. It refuses what it does not know.

\set ON_ERROR_STOP 1
\set QUIET 1
\if :{?name}
\else
	\echo 'Say which name the extension gets: psql -v name=vector, or -v name=hnswc.'
	\quit
\endif

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT set_config('hnswc_rename.name', :'name', true) \g /dev/null

DO $$
DECLARE
	target text := current_setting('hnswc_rename.name');
	source text := CASE target WHEN 'vector' THEN 'hnswc' WHEN 'hnswc' THEN 'vector' END;
	new record;
	old record;
BEGIN
	IF source IS NULL THEN
		RAISE EXCEPTION 'the extension can be called hnswc or vector, not %', target;
	END IF;
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE EXCEPTION 'only a superuser can do this';
	END IF;
	SELECT * INTO old FROM pg_available_extensions WHERE name = source;
	SELECT * INTO new FROM pg_available_extensions WHERE name = target;
	IF new.installed_version IS NOT NULL THEN
		RAISE EXCEPTION 'this database has an extension % already', target;
	END IF;
	IF old.installed_version IS NULL THEN
		RAISE EXCEPTION 'this database has no extension %', source;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_proc p ON p.oid = d.objid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.classid = 'pg_proc'::regclass AND e.extname = source
			AND p.probin = '$libdir/hnswc') THEN
		RAISE EXCEPTION 'the extension % in this database is not hnswc', source
			USING HINT = 'pgvector_to_hnswc.sql turns a database with pgvector into one with hnswc.';
	END IF;
	IF new.name IS NULL OR new.name = 'vector' AND new.comment NOT LIKE 'hnswc %' THEN
		RAISE EXCEPTION 'hnswc is not installed in this server under the name %', target
			USING HINT = 'make install, or make install-vector, does that.';
	END IF;
	IF old.installed_version <> old.default_version THEN
		RAISE EXCEPTION 'the extension % is of version %, and % is installed', source, old.installed_version, old.default_version
			USING HINT = format('First run ALTER EXTENSION %I UPDATE.', source);
	END IF;
	UPDATE pg_extension SET extname = target, extversion = new.default_version WHERE extname = source;
	EXECUTE format('COMMENT ON EXTENSION %I IS %L', target, new.comment);
	RAISE NOTICE 'the extension % is called % now, version %', source, target, new.default_version;
END $$;
COMMIT;
