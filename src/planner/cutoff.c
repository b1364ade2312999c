/*
 * cutoff.c: how far rows may be that pass a query's filter.
 *
 * WHERE v <-> $1 < 0.5 ORDER BY v <-> $1 LIMIT 10: rows come nearest first, so after the first that is too far none
 * passes.  The executor does not know that.  It drops row after row, and where fewer than ten are near enough a scan
 * goes through the whole index.  So the filter of the scan is looked through for what bounds the distance from above,
 * and the scan ends there.
 *
 * Found are comparisons of the distance that the scan orders by with what does not depend on the row; also of sums,
 * differences and products of the distance and such values, since similarities are written like that: 1 - (v <=> $1) >
 * 0.8, (v <#> $1) * -1 > 0.8.  The executor still applies the filter, so the scan may return a few rows more than pass.
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "planner/expression.h"
#include "planner/cutoff.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

/* float_ops of btree, which compares float8 with float8 and float4; it has no name in the headers. */
#define FLOAT_BTREE_FAMILY 1970
#define MAX_STEPS 4

/* What is done to the distance before it is compared. */
typedef struct Step
{
	StepKind kind;
	ExprState *operand;
} Step;

/* A comparison that bounds the distance. */
typedef struct CutoffClause
{
	bool is_less; /* the side with the distance is the lesser one; else the greater */
	ExprState *bound;
	bool bound_is_float4;
	ExprState *query;      /* what the distance is from, where that is not the very expression of ORDER BY; or NULL */
	Step steps[MAX_STEPS]; /* the last to be done comes first */
	int nsteps;
} CutoffClause;

struct Cutoff
{
	IndexScanState *node;
	List *clauses;
};

/* Is the expression the distance that the scan orders by, from a query that is the same or may turn out to be? */
static bool
match_distance(CutoffClause *clause, Node *expr, const OpExpr *ordering, PlanState *parent)
{
	Node *row = linitial(ordering->args);
	Node *query = lsecond(ordering->args);
	DistanceCall call;
	OwnFunction own;
	Node *other;

	if (!distance_call(expr, &call) || !own_function(ordering->opfuncid, &own) || call.function.role != OWN_DISTANCE ||
		call.function.element != own.element || call.function.type != own.type)
		return false;
	if (!contain_var_clause(row))
	{
		row = lsecond(ordering->args);
		query = linitial(ordering->args);
	}
	if (equal(call.left, row))
		other = call.right;
	else if (equal(call.right, row))
		other = call.left;
	else
		return false;
	if (equal(other, query))
		return true;
	if (!is_fixed(other))
		return false;
	clause->query = ExecInitExpr((Expr *) other, parent);
	return true;
}

/* Takes the last step off an expression; NULL if it is none that is known. */
static Node *
note_step(CutoffClause *clause, Node *expr, PlanState *parent)
{
	Step *step = &clause->steps[clause->nsteps];
	Node *operand;
	Node *inner = clause->nsteps == MAX_STEPS ? NULL : take_step(expr, &step->kind, &operand);

	if (inner == NULL)
		return NULL;
	step->operand = ExecInitExpr((Expr *) operand, parent);
	clause->nsteps++;
	return inner;
}

/* The clause of a filter as a bound of the distance; NULL if it is none. */
static CutoffClause *
match_clause(Node *expr, const OpExpr *ordering, PlanState *parent)
{
	OpExpr *op = (OpExpr *) expr;
	CutoffClause *clause;
	Node *side;
	Node *bound;
	int strategy;

	if (!IsA(expr, OpExpr) || list_length(op->args) != 2)
		return NULL;
	strategy = get_op_opfamily_strategy(op->opno, FLOAT_BTREE_FAMILY);
	if (strategy == InvalidStrategy || strategy == BTEqualStrategyNumber)
		return NULL;
	clause = palloc0(sizeof(CutoffClause));
	clause->is_less = strategy < BTEqualStrategyNumber;
	side = linitial(op->args);
	bound = lsecond(op->args);
	if (is_fixed(side))
	{
		side = lsecond(op->args);
		bound = linitial(op->args);
		clause->is_less = !clause->is_less;
	}
	if (!is_fixed(bound))
		return NULL;
	while (!match_distance(clause, side, ordering, parent))
	{
		side = note_step(clause, side, parent);
		if (side == NULL)
			return NULL;
	}
	clause->bound_is_float4 = exprType(bound) == FLOAT4OID;
	clause->bound = ExecInitExpr((Expr *) bound, parent);
	return clause;
}

Cutoff *
cutoff_find(IndexScanState *node)
{
	IndexScan *plan;
	OpExpr *ordering;
	Cutoff *cutoff = NULL;
	MemoryContext old;
	ListCell *cell;

	if (node == NULL)
		return NULL;
	plan = (IndexScan *) node->ss.ps.plan;
	if (plan->scan.plan.qual == NIL || plan->indexorderbyorig == NIL || !IsA(linitial(plan->indexorderbyorig), OpExpr))
		return NULL;
	ordering = linitial_node(OpExpr, plan->indexorderbyorig);
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	foreach (cell, plan->scan.plan.qual)
	{
		CutoffClause *clause = match_clause(lfirst(cell), ordering, &node->ss.ps);

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
	return ExecEvalExprSwitchContext(expr, cutoff->node->ss.ps.ps_ExprContext, isnull);
}

/* Undoes a step on both sides of the comparison; false where the operand is null. */
static bool
undo_step(const Cutoff *cutoff, const Step *step, double *bound, bool *is_less)
{
	bool isnull;
	double operand = DatumGetFloat8(evaluate(cutoff, step->operand, &isnull));

	switch (step->kind)
	{
		case STEP_ADD:
			*bound -= operand;
			break;
		case STEP_SUBTRACT:
			*bound += operand;
			break;
		case STEP_SUBTRACT_FROM:
			*bound = operand - *bound;
			*is_less = !*is_less;
			break;
		case STEP_MULTIPLY:
			/* by 0 it is no bound: NaN */
			*bound = operand != 0 ? *bound / operand : NAN;
			*is_less ^= operand < 0;
			break;
	}
	return !isnull;
}

/* The greatest distance that a clause lets pass. */
static double
clause_distance(const Cutoff *cutoff, const CutoffClause *clause, Datum query)
{
	bool is_less = clause->is_less;
	bool isnull;
	Datum value;
	double bound;

	/* what is compared with a null never passes */
	if (clause->query != NULL)
	{
		value = evaluate(cutoff, clause->query, &isnull);
		if (isnull)
			return -INFINITY;
		if (!datum_image_eq(value, query, false, -1))
			return INFINITY;
	}
	value = evaluate(cutoff, clause->bound, &isnull);
	if (isnull)
		return -INFINITY;
	bound = clause->bound_is_float4 ? DatumGetFloat4(value) : DatumGetFloat8(value);
	for (int i = 0; i < clause->nsteps; i++)
		if (!undo_step(cutoff, &clause->steps[i], &bound, &is_less))
			return -INFINITY;
	return is_less && !isnan(bound) ? bound : INFINITY;
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
