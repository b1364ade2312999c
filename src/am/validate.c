/*
 * validate.c: is an operator class what the access method expects? For amvalidate(); says in INFO
 * messages what is not.
 *
 * An operator class for vectors has one ordering operator, strategy 1, which is one of our
 * distances between two values of its type, and one support function, number 1, which is the one of
 * that distance. One for key columns has equality, strategy 2, and a hash function, number 2; its
 * family may have equality of two types, each of which has its hash function then. What the hash
 * function takes is not looked at: a value of the type is handed to it as it is.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "am/am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "column/own.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

static bool
complain(const char *format, const char *family, const char *object, int number)
{
	ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				   errmsg_internal(format, family, object, number)));
	return false;
}

static bool
validate_function(Form_pg_amproc proc, const char *family)
{
	const char *name = format_procedure(proc->amproc);

	if (proc->amproclefttype != proc->amprocrighttype)
		return complain("hnsw operator family \"%s\" contains support function %s with different "
						"left and right input types",
						family, name, 0);
	if (proc->amprocnum == HNSWC_HASH_PROC)
	{
		if (get_func_rettype(proc->amproc) == INT4OID && get_func_nargs(proc->amproc) == 1)
			return true;
		return complain("hnsw operator family \"%s\" contains function %s with wrong signature for "
						"support number %d",
						family, name, proc->amprocnum);
	}
	if (proc->amprocnum != HNSWC_TYPE_PROC)
		return complain(
			"hnsw operator family \"%s\" contains function %s with invalid support number %d",
			family, name, proc->amprocnum);
	if (!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		return complain("hnsw operator family \"%s\" contains function %s with wrong signature for "
						"support number %d",
						family, name, proc->amprocnum);
	return true;
}

static bool
validate_equality(Form_pg_amop amop, const char *family, const char *name)
{
	if (amop->amoppurpose != AMOP_SEARCH ||
		!check_amop_signature(amop->amopopr, BOOLOID, amop->amoplefttype, amop->amoprighttype))
		return complain("hnsw operator family \"%s\" contains operator %s with wrong signature",
						family, name, 0);
	if (!OidIsValid(get_opfamily_proc(amop->amopfamily, amop->amoplefttype, amop->amoplefttype,
									  HNSWC_HASH_PROC)) ||
		!OidIsValid(get_opfamily_proc(amop->amopfamily, amop->amoprighttype, amop->amoprighttype,
									  HNSWC_HASH_PROC)))
		return complain("hnsw operator family \"%s\" has operator %s without support function %d "
						"for both of its types",
						family, name, HNSWC_HASH_PROC);
	return true;
}

static bool
validate_operator(Form_pg_amop amop, const char *family)
{
	const char *name = format_operator(amop->amopopr);

	if (amop->amopstrategy == HNSWC_EQUAL_STRATEGY)
		return validate_equality(amop, family, name);
	/* an index is asked for values like those that it has */
	if (amop->amoplefttype != amop->amoprighttype)
		return complain("hnsw operator family \"%s\" contains operator %s with different left and "
						"right input types",
						family, name, 0);
	if (amop->amopstrategy != HNSWC_DISTANCE_STRATEGY)
		return complain(
			"hnsw operator family \"%s\" contains operator %s with invalid strategy number %d",
			family, name, amop->amopstrategy);
	if (amop->amoppurpose != AMOP_ORDER || !opfamily_can_sort_type(amop->amopsortfamily, FLOAT8OID))
		return complain(
			"hnsw operator family \"%s\" contains invalid ORDER BY specification for operator %s",
			family, name, 0);
	if (!check_amop_signature(amop->amopopr, FLOAT8OID, amop->amoplefttype, amop->amoprighttype))
		return complain("hnsw operator family \"%s\" contains operator %s with wrong signature",
						family, name, 0);
	return true;
}

/* Has the operator class itself all it needs?  The lists are its family's. */
static bool
validate_complete(Oid type, const char *opclass, CatCList *operators, CatCList *functions)
{
	OpFamilyOpFuncGroup *own = NULL;
	ListCell *cell;
	bool valid = true;

	foreach (cell, identify_opfamily_groups(operators, functions))
	{
		OpFamilyOpFuncGroup *group = lfirst(cell);

		if (group->lefttype == type && group->righttype == type)
			own = group;
	}
	if (own != NULL && (own->operatorset & (UINT64CONST(1) << HNSWC_EQUAL_STRATEGY)) != 0 &&
		(own->functionset & (UINT64CONST(1) << HNSWC_HASH_PROC)) != 0)
		return true;
	if (own == NULL || (own->operatorset & (UINT64CONST(1) << HNSWC_DISTANCE_STRATEGY)) == 0)
		valid = complain("hnsw operator class \"%s\" is missing operator(s)%s", opclass, "", 0);
	if (own == NULL || (own->functionset & (UINT64CONST(1) << HNSWC_TYPE_PROC)) == 0)
		valid = complain("hnsw operator class \"%s\" is missing support function %s%d", opclass, "",
						 HNSWC_TYPE_PROC);
	return valid;
}

/* Do the operator and the support function for each of a family's types belong together? */
static bool
validate_pairs(Oid family, const char *name, CatCList *functions)
{
	bool valid = true;

	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);
		const char *fault;

		if (proc->amprocnum == HNSWC_HASH_PROC ||
			own_class(family, proc->amproclefttype, &fault) != NULL)
			continue;
		ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					   errmsg_internal("hnsw operator family \"%s\" is not valid for type %s", name,
									   format_type_be(proc->amproclefttype)),
					   errdetail_internal("%s", fault)));
		valid = false;
	}
	return valid;
}

static bool
validate_family(Oid family, Oid type, const char *opclass)
{
	HeapTuple tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
	CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	CatCList *functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family));
	const char *name;
	bool valid = true;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator family %u", family);
	name = NameStr(((Form_pg_opfamily) GETSTRUCT(tuple))->opfname);
	for (int i = 0; i < functions->n_members; i++)
		valid &= validate_function((Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple), name);
	for (int i = 0; i < operators->n_members; i++)
		valid &= validate_operator((Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple), name);
	if (valid)
		valid = validate_pairs(family, name, functions);
	valid &= validate_complete(type, opclass, operators, functions);
	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(tuple);
	return valid;
}

bool
hnswvalidate(Oid opclassoid)
{
	HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;
	bool valid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(tuple);
	valid = validate_family(opclass->opcfamily, opclass->opcintype, NameStr(opclass->opcname));
	ReleaseSysCache(tuple);
	return valid;
}
