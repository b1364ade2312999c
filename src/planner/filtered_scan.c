/*
 * filtered_scan.c: the node of the executor that returns rows in the order of a distance, of those
 * that a bitmap has.
 *
 * When the first row is asked for, the child makes its bitmap, as it does for a bitmap heap scan.
 * The bitmap is copied to a set of rows, and a scan of the index of ours is begun that returns rows
 * of that set only (rank/filter.h). Rows come from there as they do for an index scan: those that
 * the snapshot sees. Where the bitmap is not exact, the conditions that it is for are checked once
 * more; then come the filter and the columns, which are the executor's own.
 *
 * A rescan begins the index's scan anew, and has a new bitmap made if the child's parameters have
 * changed. The scan goes forward only, and its place is neither marked nor restored.
 *
 * Locks: the index is locked as the table is, for as long as the query runs.
 */
#include "postgres.h"

#include <float.h>

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "commands/explain.h"
#include "compat.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "planner/filtered.h"
#include "rank/filter.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

typedef struct FilteredScanState
{
	CustomScanState css; /* first: the executor sees this */
	Relation index;
	ExprState *query; /* what the distance is from */
	ScanKeyData order;
	ExprState *conditions; /* what the bitmap is for */
	IndexScanDesc scan;    /* NULL until the first row is asked for */
	bool started;          /* the scan has been begun since the last rescan */
	MemoryContext set_cxt;
	RowFilter filter; /* its rows are NULL until there is a bitmap */
	/* for EXPLAIN */
	double rows; /* in bitmaps */
	int64 lossy; /* blocks that a bitmap was not exact about */
	int64 nbitmaps;
	int64 dropped; /* rows that did not meet the conditions */
} FilteredScanState;

static Node *filtered_create(CustomScan *plan);
static void filtered_begin(CustomScanState *css, EState *estate, int eflags);
static TupleTableSlot *filtered_exec(CustomScanState *css);
static void filtered_end(CustomScanState *css);
static void filtered_rescan(CustomScanState *css);
static void filtered_explain(CustomScanState *css, List *ancestors, ExplainState *es);
static void make_bitmap(RowFilter *filter);

const CustomScanMethods filtered_scan_methods = {
	.CustomName = "HNSW Filtered Scan",
	.CreateCustomScanState = filtered_create,
};

static const CustomExecMethods filtered_exec_methods = {
	.CustomName = "HNSW Filtered Scan",
	.BeginCustomScan = filtered_begin,
	.ExecCustomScan = filtered_exec,
	.EndCustomScan = filtered_end,
	.ReScanCustomScan = filtered_rescan,
	.ExplainCustomScan = filtered_explain,
};

void
filtered_init(void)
{
	RegisterCustomScanMethods(&filtered_scan_methods);
}

/* The node as ours; NULL if it is another's. */
static FilteredScanState *
filtered_state(PlanState *node)
{
	if (!IsA(node, CustomScanState) ||
		((CustomScanState *) node)->methods != &filtered_exec_methods)
		return NULL;
	return (FilteredScanState *) node;
}

static inline CustomScan *
filtered_node_plan(FilteredScanState *node)
{
	return (CustomScan *) node->css.ss.ps.plan;
}

IndexScanDesc
filtered_scan_desc(PlanState *node)
{
	FilteredScanState *state = filtered_state(node);

	return state != NULL ? state->scan : NULL;
}

static Node *
filtered_create(CustomScan *plan)
{
	FilteredScanState *node = palloc0(sizeof(FilteredScanState));

	NodeSetTag(node, T_CustomScanState);
	node->css.methods = &filtered_exec_methods;
	return (Node *) node;
}

/*
 * The executor has prepared the node for virtual tuples. Rows come from the table, so their slot,
 * the filter and the columns are prepared once more.
 */
static void
init_slot(FilteredScanState *node, EState *estate)
{
	ScanState *ss = &node->css.ss;
	Relation heap = ss->ss_currentRelation;

	ExecInitScanTupleSlot(estate, ss, RelationGetDescr(heap), table_slot_callbacks(heap));
	ExecAssignScanProjectionInfo(ss);
	ss->ps.qual = ExecInitQual(ss->ps.plan->qual, &ss->ps);
}

/*
 * Prepares the order: the strategy and types of its operator, but not yet the value that the
 * distance is from.
 */
static void
init_order(FilteredScanState *node)
{
	OpExpr *distance = filtered_distance(filtered_node_plan(node));
	int strategy;
	Oid left;
	Oid right;

	get_op_opfamily_properties(distance->opno, node->index->rd_opfamily[0], true, &strategy, &left,
							   &right);
	ScanKeyEntryInitialize(&node->order, SK_ORDER_BY, 1, strategy, right, distance->inputcollid,
						   distance->opfuncid, (Datum) 0);
	node->query = ExecInitExpr((Expr *) lsecond(distance->args), &node->css.ss.ps);
}

static void
filtered_begin(CustomScanState *css, EState *estate, int eflags)
{
	FilteredScanState *node = (FilteredScanState *) css;
	CustomScan *plan = filtered_node_plan(node);
	const Plan *bitmap = linitial(plan->custom_plans);

	Assert(!(eflags & (EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)));
	init_slot(node, estate);
	css->custom_ps = list_make1(ExecInitNode(linitial(plan->custom_plans), estate, eflags));
	node->conditions = ExecInitQual(filtered_conditions(plan), &css->ss.ps);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;
	node->index =
		index_open(filtered_index(plan), exec_rt_fetch(plan->scan.scanrelid, estate)->rellockmode);
	init_order(node);
	node->filter.make = make_bitmap;
	node->filter.expected = bitmap->plan_rows;
	node->filter.cost = bitmap->total_cost / Max(cpu_tuple_cost, DBL_MIN);
	node->filter.limit = filtered_limit(plan);
	node->set_cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw filtered scan", ALLOCSET_DEFAULT_SIZES);
}

/* Copies a bitmap to a set of rows. */
static void
read_bitmap(FilteredScanState *node, TIDBitmap *bitmap)
{
	RowSet *rows = rowset_create(node->set_cxt);
	OffsetNumber offsets[TBM_MAX_ROWS];
	BitmapPages pages;

	BITMAP_BEGIN(&pages, bitmap);
	while (BITMAP_NEXT(&pages))
	{
		int n = BITMAP_ROWS(&pages, offsets);

		rowset_add(rows, BITMAP_BLOCK(&pages), offsets, n, BITMAP_RECHECK(&pages));
		CHECK_FOR_INTERRUPTS();
	}
	BITMAP_END(&pages);
	node->filter.rows = rows;
	node->rows += rows->nrows;
	node->lossy += rows->nlossy;
	node->nbitmaps++;
}

/* Has the child make its bitmap. */
static void
make_bitmap(RowFilter *filter)
{
	FilteredScanState *node =
		(FilteredScanState *) ((char *) filter - offsetof(FilteredScanState, filter));
	MemoryContext old = MemoryContextSwitchTo(node->css.ss.ps.state->es_query_cxt);
	Node *bitmap = MultiExecProcNode(linitial(node->css.custom_ps));

	if (bitmap == NULL || !IsA(bitmap, TIDBitmap))
		elog(ERROR, "unrecognized result from subplan");
	read_bitmap(node, (TIDBitmap *) bitmap);
	tbm_free((TIDBitmap *) bitmap);
	MemoryContextSwitchTo(old);
}

/* Begins to scan the index. */
static void
start_scan(FilteredScanState *node)
{
	EState *estate = node->css.ss.ps.state;
	ExprContext *econtext = node->css.ss.ps.ps_ExprContext;
	bool isnull;
	Datum query;

	node->filter.passed = 0;
	/*
	 * lives as long as the memory of the rows that are returned does not: as the executor does for
	 * runtime keys
	 */
	query = ExecEvalExprSwitchContext(node->query, econtext, &isnull);
	if (!isnull)
	{
		int16 length;
		bool byval;
		MemoryContext old = MemoryContextSwitchTo(node->set_cxt);

		get_typlenbyval(exprType((Node *) node->query->expr), &length, &byval);
		query = datumCopy(query, byval, length);
		MemoryContextSwitchTo(old);
	}
	node->order.sk_argument = query;
	node->order.sk_flags = SK_ORDER_BY | (isnull ? SK_ISNULL : 0);
	if (node->scan == NULL)
		node->scan = INDEX_BEGINSCAN(node->css.ss.ss_currentRelation, node->index,
									 estate->es_snapshot, 0, 1);
	scan_set_filter(node->scan, &node->filter);
	index_rescan(node->scan, NULL, 0, &node->order, 1);
	node->started = true;
}

/* Does a row meet the conditions of the bitmap? */
static bool
meets_conditions(FilteredScanState *node, TupleTableSlot *slot)
{
	ExprContext *econtext = node->css.ss.ps.ps_ExprContext;
	bool met;

	econtext->ecxt_scantuple = slot;
	met = ExecQualAndReset(node->conditions, econtext);
	return met;
}

/* The next row, before the filter; an empty slot at the end. */
static TupleTableSlot *
filtered_next(ScanState *ss)
{
	FilteredScanState *node = (FilteredScanState *) ss;
	TupleTableSlot *slot = ss->ss_ScanTupleSlot;

	if (!node->started)
		start_scan(node);
	while (index_getnext_slot(node->scan, ForwardScanDirection, slot))
	{
		const RowSet *rows = node->filter.rows;

		CHECK_FOR_INTERRUPTS();
		if ((rows != NULL && !rows->recheck) || meets_conditions(node, slot))
			return slot;
		node->dropped++;
	}
	return ExecClearTuple(slot);
}

/* Does the new version of a row that has been updated meet the conditions of the bitmap? */
static bool
filtered_recheck(ScanState *ss, TupleTableSlot *slot)
{
	return meets_conditions((FilteredScanState *) ss, slot);
}

static TupleTableSlot *
filtered_exec(CustomScanState *css)
{
	TupleTableSlot *slot = ExecScan(&css->ss, filtered_next, filtered_recheck);

	((FilteredScanState *) css)->filter.passed += !TupIsNull(slot);
	return slot;
}

static void
filtered_end(CustomScanState *css)
{
	FilteredScanState *node = (FilteredScanState *) css;

	if (css->ss.ss_ScanTupleSlot)
		ExecClearTuple(css->ss.ss_ScanTupleSlot);
	ExecEndNode(linitial(css->custom_ps));
	if (node->scan)
		index_endscan(node->scan);
	if (node->index)
		index_close(node->index, NoLock);
}

static void
filtered_rescan(CustomScanState *css)
{
	FilteredScanState *node = (FilteredScanState *) css;
	PlanState *child = linitial(css->custom_ps);

	if (css->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(child, css->ss.ps.chgParam);
	/* the same bitmap otherwise: the snapshot is the same */
	if (child->chgParam != NULL)
		node->filter.rows = NULL;
	if (node->filter.rows == NULL && node->set_cxt)
		MemoryContextReset(node->set_cxt);
	node->started = false;
	ExecScanReScan(&css->ss);
}

/* Prints an expression of the plan. */
static void
explain_expression(const char *label, Node *expr, CustomScanState *css, List *ancestors,
				   ExplainState *es)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, css->ss.ps.plan, ancestors);

	ExplainPropertyText(label, deparse_expression(expr, context, es->verbose, false), es);
}

static const char *
strategy_name(const RowFilter *filter)
{
	if (filter->nplain > 0)
		return filter->nmeasures + filter->nwalks > 0 ? "Plain or Bitmap"
			   : filter->nswitches > 0                ? "Plain, then Measure"
													  : "Plain";
	if (filter->nwalks == 0)
		return filter->nmeasures > 0 ? "Measure" : "None";
	if (filter->nswitches > 0)
		return "Walk, then Measure";
	return filter->nmeasures > 0 ? "Walk or Measure" : "Walk";
}

static void
filtered_explain(CustomScanState *css, List *ancestors, ExplainState *es)
{
	FilteredScanState *node = (FilteredScanState *) css;
	CustomScan *plan = filtered_node_plan(node);
	RowFilter *filter = &node->filter;

	ExplainPropertyText("Index Name", get_rel_name(filtered_index(plan)), es);
	explain_expression("Order By", (Node *) filtered_distance(plan), css, ancestors, es);
	if (filtered_conditions(plan) != NIL)
		explain_expression("Recheck Cond", (Node *) make_ands_explicit(filtered_conditions(plan)),
						   css, ancestors, es);
	if (!es->analyze)
		return;
	ExplainPropertyText("Strategy", strategy_name(filter), es);
	ExplainPropertyFloat("Bitmap Rows", NULL, node->rows, 0, es);
	if (node->lossy > 0 || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyInteger("Lossy Heap Blocks", NULL, node->lossy, es);
	ExplainPropertyInteger("Nodes Measured", NULL, filter->nodes, es);
	ExplainPropertyInteger("Rows Reranked", NULL, filter->reranked, es);
	if (filter->fetched > 0 || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyInteger("Rows Measured from Table", NULL, filter->fetched, es);
	if (node->dropped > 0 || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyInteger("Rows Removed by Index Recheck", NULL, node->dropped, es);
}
