/*
 * cutoff.c: how far rows may be that pass a query's filter.
 *
 * WHERE v <-> $1 < 0.5 ORDER BY v <-> $1 LIMIT 10: rows come nearest first, so after the first that
 * is too far none passes. The executor does not know that. It drops row after row, and where fewer
 * than ten are near enough a scan goes through the whole index. So the filter of the scan is looked
 * through for what bounds the distance from above, and the scan ends there.
 *
 * Found are comparisons of the distance that the scan orders by, and of values that go by it
 * (chain.h), with what does not depend on the row: 1 - (v <=> $1) > 0.8, 1 / (1 + (v <-> $1)) >=
 * 0.5. The executor still applies the filter, so the scan may return a few rows more than pass.
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "planner/bound.h"
#include "planner/cutoff.h"
#include "planner/expression.h"
#include "planner/filtered.h"
#include "utils/datum.h"

/* A comparison that bounds the distance, and what it takes to know by how much. */
typedef struct CutoffClause
{
	Bound bound;
	ExprState *value;                     /* of bound.value */
	ExprState *operands[CHAIN_MAX_STEPS]; /* of the chain's steps */
	/* what the distance is from, where that is not the very expression of ORDER BY; or NULL */
	ExprState *query;
} CutoffClause;

struct Cutoff
{
	PlanState *node;
	List *clauses;
};

/*
 * Is a call the distance that the scan orders by, from a query that is the same or may turn out to
 * be?
 */
static bool
match_call(CutoffClause *clause, const OpExpr *ordering, PlanState *parent)
{
	const DistanceCall *call = &clause->bound.chain.call;
	DistanceCall order;
	Node *other;

	if (!distance_call((Node *) ordering, &order) ||
		order.function.element != call->function.element ||
		order.function.type != call->function.type)
		return false;
	/* the planner has put the row to the left */
	if (equal(call->left, order.left))
		other = call->right;
	else if (equal(call->right, order.left))
		other = call->left;
	else
		return false;
	if (equal(other, order.right))
		return true;
	if (!is_fixed(other))
		return false;
	clause->query = ExecInitExpr((Expr *) other, parent);
	return true;
}

/* The clause of a filter as a bound of the distance; NULL if it is none. */
static CutoffClause *
match_clause(Node *expr, const OpExpr *ordering, PlanState *parent)
{
	CutoffClause *clause = palloc0(sizeof(CutoffClause));
	const Chain *chain = &clause->bound.chain;

	if (!bound_find(expr, &clause->bound) || !is_fixed(clause->bound.value) ||
		!match_call(clause, ordering, parent))
		return NULL;
	clause->value = ExecInitExpr((Expr *) clause->bound.value, parent);
	for (int i = 0; i < chain->nsteps; i++)
		if (chain->steps[i].operand != NULL)
			clause->operands[i] = ExecInitExpr((Expr *) chain->steps[i].operand, parent);
	return clause;
}

/* The distance that a scan orders by; NULL if it has none. */
static OpExpr *
find_ordering(const PlanState *node)
{
	List *orders;

	if (is_filtered_scan(node->plan))
		return filtered_distance((const CustomScan *) node->plan);
	orders = castNode(IndexScan, node->plan)->indexorderbyorig;
	return orders != NIL && IsA(linitial(orders), OpExpr) ? linitial(orders) : NULL;
}

Cutoff *
cutoff_find(PlanState *node)
{
	OpExpr *ordering;
	Cutoff *cutoff = NULL;
	MemoryContext old;
	ListCell *cell;

	if (node == NULL || node->plan->qual == NIL)
		return NULL;
	ordering = find_ordering(node);
	if (ordering == NULL)
		return NULL;
	old = MemoryContextSwitchTo(node->state->es_query_cxt);
	foreach (cell, node->plan->qual)
	{
		CutoffClause *clause = match_clause(lfirst(cell), ordering, node);

		if (clause == NULL)
			continue;
		if (cutoff == NULL)
			cutoff = palloc0(sizeof(Cutoff));
		cutoff->node = node;
		cutoff->clauses = lappend(cutoff->clauses, clause);
	}
	MemoryContextSwitchTo(old);
	return cutoff;
}

static Datum
evaluate(const Cutoff *cutoff, ExprState *expr, bool *isnull)
{
	return ExecEvalExprSwitchContext(expr, cutoff->node->ps_ExprContext, isnull);
}

/* The values of a chain's operands; false where one is null that makes the value null. */
static bool
evaluate_operands(const Cutoff *cutoff, const CutoffClause *clause, double *operands)
{
	for (int i = 0; i < clause->bound.chain.nsteps; i++)
	{
		const Step *step = &clause->bound.chain.steps[i];
		bool isnull;
		Datum value;

		operands[i] = NAN;
		if (step->operand == NULL)
			continue;
		value = evaluate(cutoff, clause->operands[i], &isnull);
		if (!isnull)
			operands[i] = chain_operand(exprType(step->operand), value);
		else if (step->kind != STEP_GREATEST && step->kind != STEP_LEAST &&
				 step->kind != STEP_COALESCE)
			return false;
	}
	return true;
}

/* The greatest distance that a clause lets pass. */
static double
clause_distance(const Cutoff *cutoff, const CutoffClause *clause, Datum query)
{
	double operands[CHAIN_MAX_STEPS];
	bool isnull;
	Datum value;

	/* what is compared with a null never passes */
	if (clause->query != NULL)
	{
		value = evaluate(cutoff, clause->query, &isnull);
		if (isnull)
			return -INFINITY;
		if (!datum_image_eq(value, query, false, -1))
			return INFINITY;
	}
	value = evaluate(cutoff, clause->value, &isnull);
	if (isnull || !evaluate_operands(cutoff, clause, operands))
		return -INFINITY;
	return chain_farthest(&clause->bound.chain, operands, clause->bound.is_less,
						  chain_operand(exprType(clause->bound.value), value));
}

double
cutoff_distance(const Cutoff *cutoff, Datum query)
{
	double least = INFINITY;
	ListCell *cell;

	foreach (cell, cutoff->clauses)
	{
		double most = clause_distance(cutoff, lfirst(cell), query);

		least = Min(least, most);
	}
	return least;
}
