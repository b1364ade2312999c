-- Says what to do where pgvector, or this extension under its other name, is in the database.
DO $$
DECLARE
	other pg_catalog.pg_extension%ROWTYPE;
	library text;
BEGIN
	-- the one that has the access method, or the type in the schema where ours would go
	SELECT e.* INTO other FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' AND (
			d.classid = 'pg_catalog.pg_am'::pg_catalog.regclass
				AND d.objid = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'hnsw')
			OR d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
				AND d.objid = (SELECT t.oid FROM pg_catalog.pg_type t
					JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
					WHERE t.typname = 'vector' AND n.nspname = pg_catalog.current_schema()))
		LIMIT 1;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT p.probin INTO library FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid = d.objid
		WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.deptype = 'e'
			AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.refobjid = other.oid
			AND p.probin IS NOT NULL
		LIMIT 1;
	IF library OPERATOR(pg_catalog.=) 'MODULE_PATHNAME' THEN
		RAISE EXCEPTION 'type "vector" already exists'
			USING ERRCODE = 'duplicate_object',
			DETAIL = pg_catalog.format('This database has hnswc already, as the extension "%s".', other.extname),
			HINT = 'Nothing more is needed: "hnswc" and "vector" are two names of one extension. '
				'To change the name, see docs/MIGRATION.md.';
	ELSE
		RAISE EXCEPTION 'type "vector" already exists'
			USING ERRCODE = 'duplicate_object',
			DETAIL = pg_catalog.format('This database has pgvector, as the extension "%s", version %s.',
				other.extname, other.extversion),
			HINT = 'To turn it into one with hnswc, with all its tables in place, run '
				'migrate/pgvector_to_hnswc.sql: see docs/MIGRATION.md.';
	END IF;
END $$;
