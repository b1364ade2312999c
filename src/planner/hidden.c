/*
 * hidden.c: leaves out of a plan a distance that nobody looks at.
 *
 * SELECT id FROM t ORDER BY v <-> $1 LIMIT k has the distance in its target list as a hidden
 * column, because the planner sorts by columns. When an index delivers the order no sort is left,
 * but the column is still computed for each row that is returned, which means fetching its vector,
 * mostly from the TOAST table: a good part of a fast query. So where an index scan or a filtered
 * scan of ours stands directly below a LIMIT, or its rows are joined there with other tables in
 * their order (by nested loops), hidden columns that are what the scan orders by, or are computed
 * from it as a similarity is, become NULL.
 *
 * Why nobody misses it: a LIMIT is the last step of its query level, and a hidden column belongs to
 * its own level, where only steps below the LIMIT could have used it; there is none between it and
 * the step that computes the column. WITH TIES, where the LIMIT itself compares rows by their sort
 * columns, is left alone.
 */
#include "postgres.h"

#include "access/genam.h"
#include "am/am.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "planner/chain.h"
#include "planner/filtered.h"
#include "planner/planner.h"
#include "utils/rel.h"

/* Is a plan a join or a condition on the rows of the one below it, in their order? */
static bool
keeps_order(const Plan *plan)
{
	return IsA(plan, NestLoop) || (IsA(plan, Result) && plan->lefttree != NULL);
}

/*
 * The distance in whose order a plan's rows come from a scan of ours: the plan itself, or the outer
 * side of nested loops; NULL if they do not.
 */
static OpExpr *
order_below(Plan *plan)
{
	IndexScan *scan;

	while (plan != NULL && keeps_order(plan))
		plan = plan->lefttree;
	if (is_filtered_scan(plan))
		return filtered_distance((CustomScan *) plan);
	scan = (IndexScan *) plan;
	if (plan == NULL || !IsA(plan, IndexScan) || scan->indexorderbyorig == NIL ||
		!IsA(linitial(scan->indexorderbyorig), OpExpr) || !own_index_oid(scan->indexid))
		return NULL;
	return linitial_node(OpExpr, scan->indexorderbyorig);
}

/* The entry below that a column is just passed on from; NULL if there is none. */
static TargetEntry *
passed_entry(const Node *expr, const Plan *below)
{
	const Var *var = (const Var *) expr;

	if (!IsA(expr, Var) || var->varno != OUTER_VAR || var->varattno < 1 ||
		var->varattno > list_length(below->targetlist))
		return NULL;
	return list_nth_node(TargetEntry, below->targetlist, var->varattno - 1);
}

/*
 * What an expression of such a plan is in terms of the scan below; what comes from other tables
 * stays as it is.
 */
static Node *
in_terms_of_scan(Node *expr, void *join)
{
	const Plan *below = ((const Plan *) join)->lefttree;
	const TargetEntry *entry = expr == NULL ? NULL : passed_entry(expr, below);

	if (entry == NULL)
		return expression_tree_mutator(expr, in_terms_of_scan, join);
	return keeps_order(below) ? in_terms_of_scan((Node *) entry->expr, (void *) below)
							  : copyObject((Node *) entry->expr);
}

/*
 * Is what the scan orders by in an expression, as the distance or as the similarity that is its
 * negative?
 */
static bool
has_scan_distance(Node *expr, void *order)
{
	DistanceCall ordering;
	DistanceCall call;

	if (expr == NULL)
		return false;
	if (distance_call(order, &ordering) && distance_call(expr, &call) &&
		call.function.element == ordering.function.element &&
		call.function.type == ordering.function.type &&
		((equal(call.left, ordering.left) && equal(call.right, ordering.right)) ||
		 (equal(call.left, ordering.right) && equal(call.right, ordering.left))))
		return true;
	return expression_tree_walker(expr, has_scan_distance, order);
}

/* Is that what the scan's rows are in the order of? */
static bool
is_order(Expr *expr, Plan *plan, OpExpr *order)
{
	if (keeps_order(plan))
		expr = (Expr *) in_terms_of_scan((Node *) expr, plan);
	return has_scan_distance((Node *) expr, order);
}

static void
drop_hidden_distance(Limit *limit)
{
	OpExpr *order = order_below(limit->plan.lefttree);
	ListCell *cell;

	if (limit->limitOption != LIMIT_OPTION_COUNT || order == NULL)
		return;
	foreach (cell, limit->plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Plan *plan = limit->plan.lefttree;
		TargetEntry *computed = entry->resjunk ? passed_entry((Node *) entry->expr, plan) : NULL;

		/*
		 * a step that only asks or does not ask, by a condition that is the same for all rows, may
		 * pass it on
		 */
		while (computed != NULL && IsA(plan, Result) && IsA(computed->expr, Var))
		{
			plan = plan->lefttree;
			computed = passed_entry((Node *) computed->expr, plan);
		}
		if (computed != NULL && computed->resjunk && is_order(computed->expr, plan, order))
			computed->expr =
				(Expr *) makeNullConst(exprType((Node *) computed->expr), -1, InvalidOid);
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

void
hidden_drop(PlannedStmt *stmt)
{
	drop_hidden_distances(stmt->planTree);
	drop_in_list(stmt->subplans);
}
