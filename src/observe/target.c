/*
 * target.c: an index that a function is asked to look at, and the queries that it serves.
 *
 * A function may be called with any relation's name.  What is not an index of this access method,
 * what is only the head of partitions' indexes, and what queries cannot use is an error, each with
 * its own message.
 *
 * Locks: AccessShareLock on the table and the index, from target_open() to the end of the
 * transaction.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "am/am.h"
#include "catalog/index.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_operator.h"
#include "column/element.h"
#include "column/own.h"
#include "compat.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The table of an index; an error if the relation is no index at all. */
static Oid
table_of(Oid index)
{
	Oid table = IndexGetRelation(index, true);
	const char *name = get_rel_name(index);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("there is no relation with OID %u", index)));
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an index", name)));
	return table;
}

static void
check_index(Relation index)
{
	const char *name = RelationGetRelationName(index);

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" is the index of a partitioned table", name),
			 errhint("Ask for the partitions' indexes: SELECT relid FROM pg_partition_tree('%s') "
					 "WHERE isleaf.",
					 name)));
	if (!own_index_oid(RelationGetRelid(index)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not an hnsw index", name)));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot look at temporary index \"%s\" of another session", name)));
	if (!index->rd_index->indisvalid)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" is not valid", name),
						errhint("It is being built, or its build has failed: then REINDEX it.")));
	if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is unlogged, and so does not exist during recovery", name)));
}

/*
 * May the user look at an index's pages: its owner, who may read the table, and who may read all
 * statistics.
 */
static void
check_reader(const IndexTarget *target)
{
	Oid user = GetUserId();
	Oid table = RelationGetRelid(target->table);

	if (target->is_owner || pg_class_aclcheck(table, user, ACL_SELECT) == ACLCHECK_OK ||
		has_privs_of_role(user, ROLE_PG_READ_ALL_STATS))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for index \"%s\"", RelationGetRelationName(target->index)),
			 errhint("It takes SELECT on the table, or the role pg_read_all_stats.")));
}

void
target_open(IndexTarget *target, Oid index, bool for_pages)
{
	Oid table = table_of(index);

	target->table = table_open(table, AccessShareLock);
	target->index = relation_open(index, AccessShareLock);
	/* it may have been dropped and its OID given to another one before it was locked */
	if (IndexGetRelation(index, true) != table)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("there is no relation with OID %u", index)));
	target->is_owner = RELATION_OWNERCHECK(table, GetUserId());
	check_index(target->index);
	if (for_pages)
		check_reader(target);
	target->type = element_type(target->index);
}

void
target_refuse_keys(const IndexTarget *target, const char *function)
{
	if (index_vector_column(target->index) > 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("%s is not supported for index \"%s\"", function,
							   RelationGetRelationName(target->index)),
						errdetail("The index has key columns before the vector.")));
}

void
target_close(IndexTarget *target)
{
	relation_close(target->index, NoLock);
	table_close(target->table, NoLock);
}

/* The index's predicate as text; NULL if it has none. */
static char *
predicate_text(Relation index)
{
	bool isnull;
	Datum predicate =
		SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indpred, &isnull);

	if (isnull)
		return NULL;
	return TextDatumGetCString(
		DirectFunctionCall2(pg_get_expr, predicate, ObjectIdGetDatum(index->rd_index->indrelid)));
}

void
target_describe(const IndexTarget *target, TargetSql *sql)
{
	Relation index = target->index;
	int column = index_vector_column(index);
	Oid type = index->rd_opcintype[column];
	Oid distance =
		get_opfamily_member(index->rd_opfamily[column], type, type, HNSWC_DISTANCE_STRATEGY);
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(distance));
	Form_pg_operator form;
	char *predicate = predicate_text(index);
	StringInfoData buffer;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", distance);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql->type = type;
	sql->distance = form->oprcode;
	sql->op = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	sql->element = TextDatumGetCString(
		DirectFunctionCall3(pg_get_indexdef_ext, ObjectIdGetDatum(RelationGetRelid(index)),
							Int32GetDatum(column + 1), BoolGetDatum(false)));
	initStringInfo(&buffer);
	appendStringInfo(
		&buffer, "FROM ONLY %s WHERE (%s) IS NOT NULL",
		quote_qualified_identifier(get_namespace_name(RelationGetNamespace(target->table)),
								   RelationGetRelationName(target->table)),
		sql->element);
	if (predicate != NULL)
		appendStringInfo(&buffer, " AND (%s)", predicate);
	sql->from = buffer.data;
}

void
target_assume_owner(const IndexTarget *target, SavedUser *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->context);
	saved->nest_level = NewGUCNestLevel();
	if (target->is_owner)
	{
		SetUserIdAndSecContext(target->table->rd_rel->relowner,
							   saved->context | SECURITY_RESTRICTED_OPERATION);
		RESTRICT_SEARCH_PATH();
	}
}

void
target_resume_user(const SavedUser *saved)
{
	AtEOXact_GUC(false, saved->nest_level);
	SetUserIdAndSecContext(saved->user, saved->context);
}
