-- Every object of the extension, as clients and dumps rely on it: names, signatures, properties.  What belongs to the
-- access method itself (its handler and support functions) is left out.
CREATE TEMP VIEW own AS SELECT classid, objid FROM pg_depend
WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'hnswc');

-- types, but for those of arrays, which belong to extensions since 17: length, storage, alignment, category, typmod function
SELECT typname, typlen, typstorage, typalign, typcategory, typmodin FROM pg_type
WHERE oid IN (SELECT objid FROM own WHERE classid = 'pg_type'::regclass) AND typcategory <> 'A' ORDER BY typname COLLATE "C";

-- functions and aggregates: result, volatility, strictness, parallel safety, kind
SELECT p.oid::regprocedure AS function, prorettype::regtype AS result, provolatile AS v, proisstrict AS s, proparallel AS p, prokind AS k
FROM pg_proc p WHERE oid IN (SELECT objid FROM own WHERE classid = 'pg_proc'::regclass) AND proname !~ '^hnsw'
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- aggregates: transition, final and combine functions, state
SELECT aggfnoid::regprocedure AS aggregate, aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype AS state, agginitval
FROM pg_aggregate WHERE aggfnoid IN (SELECT objid FROM own WHERE classid = 'pg_proc'::regclass) ORDER BY aggfnoid::regprocedure::text COLLATE "C";

-- operators: function, commutator, negator, selectivity
SELECT o.oid::regoperator AS operator, o.oprresult::regtype AS result, o.oprcode, c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin
FROM (SELECT * FROM pg_operator WHERE oid IN (SELECT objid FROM own WHERE classid = 'pg_operator'::regclass)) o
LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator n ON n.oid = o.oprnegate
ORDER BY o.oid::regoperator::text COLLATE "C";

-- casts: function, context
SELECT castsource::regtype AS source, casttarget::regtype AS target, castfunc::regprocedure AS function, castcontext AS context
FROM pg_cast WHERE oid IN (SELECT objid FROM own WHERE classid = 'pg_cast'::regclass)
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

-- operator classes, their operators and sort families
SELECT amname, opcname, opcintype::regtype AS type, opcdefault, amopstrategy AS strategy, amopopr::regoperator AS operator, amoppurpose AS purpose,
	s.opfname AS sorts_by
FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod JOIN pg_amop ON amopfamily = opcfamily AND amoplefttype = opcintype
LEFT JOIN pg_opfamily s ON s.oid = amopsortfamily
WHERE pg_opclass.oid IN (SELECT objid FROM own WHERE classid = 'pg_opclass'::regclass)
ORDER BY amname COLLATE "C", opcname COLLATE "C", amopstrategy;

SELECT amname, amtype FROM pg_am WHERE oid IN (SELECT objid FROM own WHERE classid = 'pg_am'::regclass);

-- what has no comment: nothing
SELECT type, identity FROM own, pg_identify_object(classid, objid, 0)
WHERE type IN ('function', 'aggregate', 'procedure', 'type', 'composite type', 'operator', 'operator class', 'access method', 'view', 'table')
	AND NOT (type = 'type' AND (SELECT typcategory FROM pg_type WHERE oid = objid) = 'A')
	AND obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)) IS NULL;
