/*
 * check.c: hnsw_check(index, heapallindexed, searches): one look at a whole index.
 *
 * Raises ERRCODE_INDEX_CORRUPTED (XX002) for the first thing that is wrong, naming the index, the
 * block and the slot, or returns a row with what was counted.  See check.h for what is proved, and
 * how while others write.
 *
 * Who owns the index may call it, superusers, and roles that EXECUTE on the function has been
 * granted to by name. Expressions of the index are evaluated as the table's owner, as when it was
 * built.
 *
 * Locks: AccessShareLock on the table and the index until the end of the transaction.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/am.h"
#include "catalog/index.h"
#include "catalog/pg_proc.h"
#include "check/check.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

void
check_failed(HnswCheck *check, NodeId node, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" is damaged at block %u, slot %u: %s",
						   RelationGetRelationName(check->index), node_block(check->layout, node),
						   node_slot(check->layout, node), what),
					errhint("REINDEX the index.")));
}

/*
 * Was EXECUTE granted to the user, or to a role of the user's, by name?  What PUBLIC has does not
 * count.
 */
static bool
may_execute_any(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool granted;
	bool isnull;
	Datum datum;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	granted = has_privs_of_role(GetUserId(), ((Form_pg_proc) GETSTRUCT(tuple))->proowner);
	datum = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	if (!isnull)
	{
		Acl *acl = DatumGetAclP(datum);
		const AclItem *items = ACL_DAT(acl);

		for (int i = 0; i < ACL_NUM(acl) && !granted; i++)
			granted = items[i].ai_grantee != ACL_ID_PUBLIC &&
					  (ACLITEM_GET_PRIVS(items[i]) & ACL_EXECUTE) &&
					  has_privs_of_role(GetUserId(), items[i].ai_grantee);
	}
	ReleaseSysCache(tuple);
	return granted;
}

/* Raises an error for what is no index of ours, or one that cannot be checked. */
static void
check_index_kind(Relation index)
{
	const char *name = RelationGetRelationName(index);

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("index \"%s\" is partitioned", name),
				 errhint("Check the indexes of its partitions: SELECT hnsw_check(relid) FROM "
						 "pg_partition_tree('%s') WHERE isleaf.",
						 name)));
	if (index->rd_indam->ambuild != hnswbuild)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not an hnsw index", name),
				 errhint("The extension amcheck checks indexes of some other access methods.")));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("index \"%s\" is a temporary one of another session", name)));
	if (!index->rd_index->indisvalid)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" is not valid", name),
			 errhint("It is being built, or that has failed: then REINDEX or drop the index.")));
	if (index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is unlogged, and so does not exist during recovery", name)));
}

/*
 * Opens an index and its table, the table first, as everybody does.  Raises an error if the user
 * may not check it.
 */
static void
open_index(HnswCheck *check, Oid index, Oid function)
{
	Oid heap = IndexGetRelation(index, true);

	if (!OidIsValid(heap) && get_rel_name(index) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", index)));
	if (!OidIsValid(heap))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("relation \"%s\" is not an index", get_rel_name(index))));
	check->heap = table_open(heap, AccessShareLock);
	check->index = relation_open(index, AccessShareLock);
	/* another index may have got the number before the table was locked */
	if (heap != IndexGetRelation(index, true))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("could not open the table of index \"%s\"",
							   RelationGetRelationName(check->index))));
	if (!RELATION_OWNERCHECK(index, GetUserId()) && !may_execute_any(function))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(check->index));
	check_index_kind(check->index);
}

/* Takes the snapshot, and then looks at how large the index is: what the snapshot sees is there. */
static void
begin_check(HnswCheck *check)
{
	NodeId entry;

	check->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	if (check->heapallindexed && IsolationUsesXactSnapshot() &&
		check->index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(check->index->rd_indextuple->t_data),
							   check->snapshot->xmin))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("index \"%s\" is younger than the transaction's snapshot",
							   RelationGetRelationName(check->index))));
	check->state = index_state_get(check->index, &entry);
	check->layout = &check->state->layout;
	check->m = check->state->shape.m;
	check->strategy = GetAccessStrategy(BAS_BULKREAD);
	reader_init(&check->reader, check->index, check->state);
	check_read_meta(check, &check->meta);
	check->nblocks = RelationGetNumberOfBlocks(check->index);
	check->nnodes = (uint64) Min(check->nblocks, page_max_block(check->layout) + 1) *
					check->layout->slots_per_page;
	check->kinds = palloc_extended(check->nblocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->flags = palloc_extended(check->nblocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->nodes = palloc_extended(check->nnodes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->marks = palloc_extended(check->nnodes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->runs_size = 1024;
	check->runs = palloc(check->runs_size * sizeof(VectorRun));
	check->page = palloc(BLCKSZ);
	check->before = slot_copy_create(check);
	check->end = slot_copy_create(check);
	check->after = slot_copy_create(check);
	check->chain = slot_copy_create(check);
	check->stray = slot_copy_create(check);
	visited_init(&check->list);
	check_rows_begin(check);
	check_codes_begin(check);
	check_keys_begin(check);
}

/* The nodes' ways to others, page by page. */
static void
check_ways(HnswCheck *check)
{
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < check->nblocks; block++)
	{
		PageKind kind;

		if (check->kinds[block] != PAGE_ELEMENT && check->kinds[block] != PAGE_UPPER)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (!check_copy(check, block, check->page, &kind) || kind != check->kinds[block])
			page_corrupted(check->index, block, "the page has changed its kind");
		for (uint32 i = 0; i < page_used(&check->reader, block, check->page); i++)
		{
			NodeId node = node_address(check->layout, block, i);
			Slot *slot = page_slot(check->layout, check->page, i);

			check_node_key(check, node, slot, kind);
			check_links(check, node, slot, kind);
			if (kind != PAGE_ELEMENT)
				continue;
			check_code(check, node, slot, page_tail(check->page));
			check_chain(check, node, slot);
			check_map_entry(check, node, slot);
		}
	}
	rowmap_done(&check->reader, &check->cursor);
	check_strays(check);
}

static void
end_check(HnswCheck *check)
{
	ExecDropSingleTupleTableSlot(check->rows.in);
	ExecDropSingleTupleTableSlot(check->rows.out);
	if (check->heap_row)
		ExecDropSingleTupleTableSlot(check->heap_row);
	UnregisterSnapshot(check->snapshot);
	FreeAccessStrategy(check->strategy);
}

/* Runs all steps, in a memory context of its own, as the table's owner. */
static void
run_check(HnswCheck *check)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Oid user;
	int security;
	int guc_level;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(check->heap->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
	guc_level = NewGUCNestLevel();
	RESTRICT_SEARCH_PATH();
	begin_check(check);
	check_pages(check);
	check_map(check);
	check_keys(check);
	check_ways(check);
	check_space(check);
	check_reach(check);
	check_searches(check);
	check_rows(check);
	end_check(check);
	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(user, security);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Upper nodes that a build gives to so many elements: see graph_random_layer(). */
static double
expected_upper_nodes(const HnswCheck *check)
{
	return check->counts.elements / (1.5 * check->m - 1);
}

/* The columns of the row that is returned, in their order; see sql/hnsw.sql. */
static Datum
make_row(HnswCheck *check, TupleDesc desc)
{
	const CheckCounts *counts = &check->counts;
	Datum values[] = {
		Int64GetDatum(counts->pages[PAGE_ELEMENT]),
		Int64GetDatum(counts->pages[PAGE_UPPER]),
		Int64GetDatum(counts->pages[PAGE_DUPLICATE]),
		Int64GetDatum(counts->pages[PAGE_VECTOR]),
		Int64GetDatum(counts->pages[PAGE_MAP_LEAF] + counts->pages[PAGE_MAP_INNER]),
		Int64GetDatum(counts->empty_pages),
		Int64GetDatum(counts->elements),
		Int64GetDatum(counts->duplicates),
		Int64GetDatum(counts->index_rows),
		Int64GetDatum(counts->upper_nodes),
		Float8GetDatum(expected_upper_nodes(check)),
		Int64GetDatum(counts->mapped),
		Int64GetDatum(counts->dead),
		Int64GetDatum(counts->free),
		Int64GetDatum(counts->links),
		Int64GetDatum(counts->unreachable),
		Int64GetDatum(counts->searches),
		Float8GetDatum(counts->searches > 0 ? (double) counts->found / counts->searches : 0),
		Int64GetDatum(counts->heap_rows),
	};
	bool nulls[lengthof(values)] = {false};

	if (desc->natts != lengthof(values))
		elog(ERROR, "hnsw_check has %d result columns, not %d", (int) lengthof(values),
			 desc->natts);
	nulls[lengthof(values) - 2] = counts->searches == 0;
	nulls[lengthof(values) - 1] = !check->heapallindexed;
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

PG_FUNCTION_INFO_V1(hnsw_check);

Datum
hnsw_check(PG_FUNCTION_ARGS)
{
	HnswCheck check = {0};
	TupleDesc desc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the index and heapallindexed may not be null")));
	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of searches may not be negative: %d", PG_GETARG_INT32(2)),
				 errhint("Null searches for every element.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "hnsw_check returns a row");
	desc = BlessTupleDesc(desc);
	check.heapallindexed = PG_GETARG_BOOL(1);
	check.searches = PG_ARGISNULL(2) ? PG_INT64_MAX : PG_GETARG_INT32(2);
	open_index(&check, PG_GETARG_OID(0), fcinfo->flinfo->fn_oid);
	run_check(&check);
	relation_close(check.index, NoLock);
	table_close(check.heap, NoLock);
	return make_row(&check, desc);
}
