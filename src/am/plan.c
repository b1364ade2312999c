/*
 * plan.c: leaves out of a plan a distance that nobody looks at.
 *
 * SELECT id FROM t ORDER BY v <-> $1 LIMIT k has the distance in its target list as a hidden column, because the planner
 * sorts by columns.  When an index delivers the order no sort is left, but the column is still computed for each row that
 * is returned, which means fetching its vector, mostly from the TOAST table: a good part of a fast query.  So where an
 * index scan of ours stands directly below a LIMIT, hidden columns that equal what the scan orders by become NULL.
 *
 * Why nobody misses it: a LIMIT is the last step of its query level, and a hidden column belongs to its own level, where
 * only steps below the LIMIT could have used it; there is none between it and the scan.  WITH TIES, where the LIMIT
 * itself compares rows by their sort columns, is left alone.
 */
#include "postgres.h"

#include "access/genam.h"
#include "am/am.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/rel.h"

static planner_hook_type previous_planner_hook = NULL;

static bool
is_hnsw_index(Oid index)
{
	/* the planner holds a lock on it */
	Relation rel = index_open(index, NoLock);
	bool ours = rel->rd_indam->ambuild == hnswbuild;

	index_close(rel, NoLock);
	return ours;
}

/* The scan's own entry for a column of the LIMIT, if that is just passed on. */
static TargetEntry *
passed_entry(const TargetEntry *entry, const Plan *scan)
{
	const Var *var = (const Var *) entry->expr;

	if (!IsA(var, Var) || var->varno != OUTER_VAR || var->varattno < 1 || var->varattno > list_length(scan->targetlist))
		return NULL;
	return list_nth_node(TargetEntry, scan->targetlist, var->varattno - 1);
}

static void
drop_hidden_distance(Limit *limit)
{
	IndexScan *scan = (IndexScan *) limit->plan.lefttree;
	ListCell *cell;

	if (limit->limitOption != LIMIT_OPTION_COUNT || scan == NULL || !IsA(scan, IndexScan) ||
		scan->indexorderbyorig == NIL || !is_hnsw_index(scan->indexid))
		return;
	foreach (cell, limit->plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		TargetEntry *scanned = entry->resjunk ? passed_entry(entry, &scan->scan.plan) : NULL;

		if (scanned != NULL && scanned->resjunk && list_member(scan->indexorderbyorig, scanned->expr))
			scanned->expr = (Expr *) makeNullConst(exprType((Node *) scanned->expr), -1, InvalidOid);
	}
}

static void drop_hidden_distances(Plan *plan);

static void
drop_in_list(List *plans)
{
	ListCell *cell;

	foreach (cell, plans)
		drop_hidden_distances((Plan *) lfirst(cell));
}

static void
drop_hidden_distances(Plan *plan)
{
	if (plan == NULL)
		return;
	if (IsA(plan, Limit))
		drop_hidden_distance((Limit *) plan);
	else if (IsA(plan, Append))
		drop_in_list(((Append *) plan)->appendplans);
	else if (IsA(plan, MergeAppend))
		drop_in_list(((MergeAppend *) plan)->mergeplans);
	else if (IsA(plan, SubqueryScan))
		drop_hidden_distances(((SubqueryScan *) plan)->subplan);
	drop_hidden_distances(plan->lefttree);
	drop_hidden_distances(plan->righttree);
}

static PlannedStmt *
plan_query(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	PlannedStmt *stmt = previous_planner_hook ? previous_planner_hook(parse, query_string, cursor_options, params)
											  : standard_planner(parse, query_string, cursor_options, params);

	drop_hidden_distances(stmt->planTree);
	drop_in_list(stmt->subplans);
	return stmt;
}

void
plan_init(void)
{
	previous_planner_hook = planner_hook;
	planner_hook = plan_query;
}
