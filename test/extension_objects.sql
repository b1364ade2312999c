-- Every object of an extension and all that the catalogs say of it, with names for OIDs: one line an object.
--   test_objects(extension)  -> line
CREATE FUNCTION test_named(class text, value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	reference record;
	name text;
BEGIN
	-- pg_get_catalog_foreign_keys() knows what each column of OIDs refers to
	FOR reference IN SELECT fkcols[1] AS fkcol, pktable, is_array FROM pg_get_catalog_foreign_keys()
		WHERE fktable = class::regclass AND cardinality(fkcols) = 1 AND value ? fkcols[1] LOOP
		IF reference.is_array THEN
			SELECT string_agg(i.identity, ' ' ORDER BY at) INTO name
				FROM regexp_matches(value ->> reference.fkcol, '\d+', 'g') WITH ORDINALITY m (number, at),
					pg_identify_object(reference.pktable, number[1]::oid, 0) i;
		ELSIF value ->> reference.fkcol !~ '^\d+$' THEN
			CONTINUE; -- a regproc, which is a name already
		ELSIF value ->> reference.fkcol = '0' THEN
			name := '-';
		ELSIF reference.pktable = 'pg_authid'::regclass THEN
			name := (value ->> reference.fkcol)::oid::regrole;
		ELSE
			SELECT i.identity INTO name FROM pg_identify_object(reference.pktable, (value ->> reference.fkcol)::oid, 0) i;
		END IF;
		value := jsonb_set(value, ARRAY[reference.fkcol], coalesce(to_jsonb(name), 'null'));
	END LOOP;
	-- where a default stood in the script's text is of no interest
	IF value ? 'proargdefaults' THEN
		value := jsonb_set(value, '{proargdefaults}', coalesce(to_jsonb(regexp_replace(value ->> 'proargdefaults', ':location \d+', '', 'g')), 'null'));
	END IF;
	RETURN value - 'oid';
END $$;

-- The rows of a catalog whose column is the object, named; as text, in an order that is no order of OIDs.
CREATE FUNCTION test_rows(class text, col text, object oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(line, '' '' ORDER BY line COLLATE "C") FROM
		(SELECT test_named(%L, to_jsonb(c))::text AS line FROM %I c WHERE %I = $1) s', class, class, col)
		INTO result USING object;
	RETURN result;
END $$;

CREATE FUNCTION test_objects(extension text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' | ', i.type, i.identity,
		test_rows(c.relname, 'oid', d.objid),
		CASE c.relname
			WHEN 'pg_proc' THEN concat_ws(' | ', test_rows('pg_aggregate', 'aggfnoid', d.objid),
				(SELECT pg_get_functiondef(oid) FROM pg_proc WHERE oid = d.objid AND prokind <> 'a'))
			WHEN 'pg_opfamily' THEN concat_ws(' | ', test_rows('pg_amop', 'amopfamily', d.objid),
				test_rows('pg_amproc', 'amprocfamily', d.objid))
			WHEN 'pg_class' THEN concat_ws(' | ', test_rows('pg_attribute', 'attrelid', d.objid),
				CASE WHEN i.type = 'view' THEN pg_get_viewdef(d.objid) END)
		END,
		'comment: ' || obj_description(d.objid, c.relname),
		(SELECT 'initial privileges: ' || initprivs::text FROM pg_init_privs p WHERE p.classoid = d.classid AND p.objoid = d.objid),
		(SELECT 'depends on: ' || string_agg(concat(deptype, ' ', pg_describe_object(refclassid, refobjid, refobjsubid)), ', '
			ORDER BY pg_describe_object(refclassid, refobjid, refobjsubid) COLLATE "C", deptype)
			FROM pg_depend p WHERE p.classid = d.classid AND p.objid = d.objid AND p.deptype <> 'e'),
		(SELECT 'depended on by: ' || string_agg(concat(deptype, ' ', pg_describe_object(p.classid, objid, objsubid)), ', '
			ORDER BY pg_describe_object(p.classid, objid, objsubid) COLLATE "C", deptype)
			FROM pg_depend p WHERE p.refclassid = d.classid AND p.refobjid = d.objid
				AND p.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)))
	FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
		JOIN pg_class c ON c.oid = d.classid, LATERAL pg_identify_object(d.classid, d.objid, 0) i
	WHERE e.extname = extension
$$;
