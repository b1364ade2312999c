/*
 * exact.c: a scan that becomes the exact plan.
 *
 * A filter that hardly any row passes would send a search through the whole graph, and each row on
 * the way through the executor, to be dropped there. When that has cost as much as to read the
 * table from its first page to its last, the scan does just that: it applies the query's filter
 * itself, measures the rows that pass, and returns them nearest first. So a query takes about twice
 * as long as the better of the two plans would have, whatever the planner believed.
 *
 * Where it is a join above the scan that drops rows, the scan does the same with all rows. That
 * takes longer than the exact plan, which measures those only that the join lets pass, but less
 * than going on. Not where vectors are in the TOAST table: to fetch all of them costs as much as
 * the walk.
 *
 * What may be relied upon: what has been returned before is not returned again; rows that are in no
 * index, since they have no vector or do not satisfy its predicate, are left out as in the index.
 * The executor fetches each row again and applies the filter once more, so nothing wrong is
 * returned if a filter is not what it seems. One with volatile functions is left to the executor
 * alone, which calls them once a row.
 *
 * The filter is applied as the executor would, by the same state in the same order, to rows that
 * the snapshot sees: what policies and security barriers hide stays hidden from the functions
 * behind them.
 *
 * Locks: a heap page's share lock, to find out which line pointer the index knows a row by.
 */
#include "postgres.h"

#include <math.h>

#include "access/heapam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "rank/scan.h"
#include "storage/bufmgr.h"

/* What a page and a row of the table cost to read, in nodes measured by a walk. */
#define TABLE_PAGE_COST 2.5
#define TABLE_ROW_COST 0.2
/* What it costs to measure a row there and to sort it. */
#define TABLE_MEASURE_COST 3

/*
 * Is there something that drops rows: the scan's filter, or what stands between the scan and its
 * LIMIT?
 */
static bool
is_selective(const ScanNodes *nodes)
{
	return nodes->scan->ss.ps.qual != NULL ||
		   (nodes->limit != NULL &&
			outerPlanState(nodes->limit) != (const PlanState *) nodes->scan);
}

bool
exact_may_follow(const HnswScan *so)
{
	const IndexScanState *node = so->nodes.scan;
	Relation heap = so->scan->heapRelation;

	return node != NULL && is_selective(&so->nodes) && so->query.given &&
		   so->settings.iterative_scan != ITERATIVE_SCAN_OFF && heap != NULL &&
		   heap->rd_tableam == GetHeapamTableAmRoutine() &&
		   node->ss.ps.state->es_epq_active == NULL;
}

/*
 * The expressions of a node of a plan that are not its target list and filter; *known is cleared
 * for other kinds of nodes.
 */
static List *
other_expressions(const Plan *plan, bool *known)
{
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_BitmapIndexScan:
		case T_BitmapAnd:
		case T_BitmapOr:
		case T_SubqueryScan:
		case T_CteScan:
		case T_Append:
		case T_MergeAppend:
		case T_Hash:
		case T_Material:
		case T_Memoize:
		case T_Sort:
		case T_IncrementalSort:
		case T_Agg:
		case T_Group:
		case T_Unique:
		case T_SetOp:
		case T_ProjectSet:
			return NIL;
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			return ((const Join *) plan)->joinqual;
		case T_Result:
			return (List *) ((const Result *) plan)->resconstantqual;
		case T_FunctionScan:
			return ((const FunctionScan *) plan)->functions;
		case T_ValuesScan:
			return ((const ValuesScan *) plan)->values_lists;
		case T_Limit:
			return list_make2(((const Limit *) plan)->limitOffset,
							  ((const Limit *) plan)->limitCount);
		default:
			*known = false;
			return NIL;
	}
}

/* May a plan that belongs to a filter do something that is not to be done twice? */
static bool
is_volatile_plan(PlanState *node, void *arg)
{
	const Plan *plan = node->plan;
	bool known = true;
	List *others = other_expressions(plan, &known);

	return !known || contain_volatile_functions((Node *) plan->targetlist) ||
		   contain_volatile_functions((Node *) plan->qual) ||
		   contain_volatile_functions((Node *) others) ||
		   planstate_tree_walker(node, is_volatile_plan, arg);
}

/* May the filter be applied to rows that the executor will apply it to as well? */
static bool
is_filter_repeatable(const HnswScan *so)
{
	const PlanState *node = &so->nodes.scan->ss.ps;
	ListCell *cell;

	if (contain_volatile_functions((Node *) node->plan->qual))
		return false;
	foreach (cell, node->subPlan)
		if (is_volatile_plan(lfirst_node(SubPlanState, cell)->planstate, NULL))
			return false;
	return true;
}

/*
 * Are vectors in the pages of the table? Then its rows are no smaller than these, in half
 * precision.
 */
static bool
are_vectors_inline(const HnswScan *so, double pages, double tuples)
{
	return pages * BLCKSZ >= tuples * so->state->shape.spec.dims * sizeof(uint16);
}

ExactCost
exact_cost(HnswScan *so)
{
	Relation heap = so->scan->heapRelation;
	bool filters = so->nodes.scan != NULL && so->nodes.scan->ss.ps.qual != NULL;
	double pages;
	double tuples;
	ExactCost cost = {INFINITY, INFINITY};

	if (!exact_may_follow(so) || !is_filter_repeatable(so))
		return cost;
	pages = RelationGetNumberOfBlocks(heap);
	tuples = Max(heap->rd_rel->reltuples, so->state->tuples);
	/* no more rows are looked at than the user allows */
	if (so->settings.max_scan_tuples < tuples)
		return cost;
	/* without a filter every row would have to be fetched from the TOAST table */
	if (!filters && !are_vectors_inline(so, pages, tuples))
		return cost;
	cost.read = cost.total = pages * TABLE_PAGE_COST + tuples * TABLE_ROW_COST + 1;
	if (!filters)
		cost.total += tuples * (TABLE_MEASURE_COST + RETURN_COST);
	return cost;
}

/*
 * Does the row in the table's slot pass the query's filter? What that allocates is freed before the
 * next row.
 */
static bool
row_passes(HnswScan *so)
{
	PlanState *node = &so->nodes.scan->ss.ps;
	ExprContext *context = node->ps_ExprContext;
	TupleTableSlot *kept = context->ecxt_scantuple;
	bool passes;

	Assert(!TupIsNull(so->table->slot));
	ResetExprContext(context);
	context->ecxt_scantuple = so->table->slot;
	/* first what the scan of the index has seen to: the key columns */
	passes = ExecQual(so->nodes.scan->indexqualorig, context) && ExecQual(node->qual, context);
	context->ecxt_scantuple = kept;
	return passes;
}

/* Does it satisfy the index's predicate? */
static bool
row_is_indexed(TableMeasure *table)
{
	return ExecQual(table->predicate, GetPerTupleExprContext(table->estate));
}

/* The line pointers that the rows of a page are known by in indexes. */
typedef struct PageRoots
{
	BlockNumber block;
	OffsetNumber offsets[MaxHeapTuplesPerPage];
} PageRoots;

/*
 * By which TID does an index know the row in the table's slot? The slot holds a pin of its page.
 */
static ItemPointerData
root_tid(const TableMeasure *table, PageRoots *roots)
{
	ItemPointerData tid = table->slot->tts_tid;
	Buffer buffer = ((BufferHeapTupleTableSlot *) table->slot)->buffer;
	OffsetNumber offset = ItemPointerGetOffsetNumber(&tid);
	OffsetNumber root;

	Assert(TTS_IS_BUFFERTUPLE(table->slot) &&
		   BufferGetBlockNumber(buffer) == ItemPointerGetBlockNumber(&tid));
	if (roots->block != ItemPointerGetBlockNumber(&tid))
	{
		roots->block = ItemPointerGetBlockNumber(&tid);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		heap_get_root_tuples(BufferGetPage(buffer), roots->offsets);
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	}
	Assert(offset >= FirstOffsetNumber && offset <= MaxHeapTuplesPerPage);
	root = roots->offsets[offset - 1];
	if (root == InvalidOffsetNumber)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("row (%u,%u) of table \"%s\" has no root", roots->block, offset,
							   RelationGetRelationName(table->heap))));
	ItemPointerSetOffsetNumber(&tid, root);
	return tid;
}

static int64
tid_number(const ItemPointerData *tid)
{
	return (int64) ((uint64) ItemPointerGetBlockNumber(tid) << 16 |
					ItemPointerGetOffsetNumber(tid));
}

static int
tid_compare(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static bool
was_returned(const HnswScan *so, ItemPointerData tid)
{
	return bsearch(&tid, so->results.returned, so->results.nreturned, sizeof(tid), tid_compare) !=
		   NULL;
}

/*
 * Counts a row that does not pass for EXPLAIN ANALYZE, unless the executor has counted it before.
 */
static void
count_dropped(HnswScan *so, PageRoots *roots)
{
	if (so->nodes.scan->ss.ps.instrument != NULL && !was_returned(so, root_tid(so->table, roots)))
		InstrCountFiltered1(so->nodes.scan, 1);
}

/* Sorts the rows of the table that pass and have not been returned. */
static void
sort_rows(HnswScan *so)
{
	TableMeasure *table = scan_table(so);
	TableScanDesc scan =
		table_beginscan_strat(table->heap, so->scan->xs_snapshot, 0, NULL, true, false);
	PageRoots roots = {InvalidBlockNumber};

	while (table_scan_getnextslot(scan, ForwardScanDirection, table->slot))
	{
		ItemPointerData tid;
		double dist;

		CHECK_FOR_INTERRUPTS();
		so->counters.table_rows++;
		if (!row_passes(so))
		{
			count_dropped(so, &roots);
			continue;
		}
		if (!row_is_indexed(table) || !scan_table_row_distance(so, &dist))
			continue;
		tid = root_tid(table, &roots);
		if (!was_returned(so, tid))
			sorted_add(so->rest, dist, tid_number(&tid));
	}
	ExecClearTuple(table->slot);
	table_endscan(scan);
}

void
exact_begin(HnswScan *so)
{
	MemoryContext old = MemoryContextSwitchTo(so->cxt);

	Assert(so->rest == NULL && so->results.next_tid == so->results.ntids &&
		   so->results.duplicates.list == NODE_NONE);
	Assert(so->results.remembers && exact_may_follow(so));
	so->rest = sorted_create(so->settings.scan_mem_multiplier);
	MemoryContextSwitchTo(old);
	qsort(so->results.returned, so->results.nreturned, sizeof(ItemPointerData), tid_compare);
	sort_rows(so);
	sorted_finish(so->rest);
}

bool
exact_next(HnswScan *so)
{
	double dist;
	int64 number;
	ItemPointerData tid;

	Assert(so->stage == SCAN_TABLE);
	if (!sorted_next(so->rest, &dist, &number))
		return false;
	ItemPointerSet(&tid, (BlockNumber) (number >> 16), (OffsetNumber) (number & 0xFFFF));
	Assert(ItemPointerIsValid(&tid) && tid_number(&tid) == number);
	scan_add_result(so, NODE_NONE, dist, &tid, NODE_NONE);
	return true;
}
