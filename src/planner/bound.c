/*
 * bound.c: conditions that bound a distance; see bound.h.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "planner/bound.h"
#include "planner/expression.h"
#include "utils/lsyscache.h"

static bool
is_number(Oid type)
{
	return type == FLOAT8OID || type == FLOAT4OID || type == NUMERICOID;
}

bool
bound_find(Node *condition, Bound *bound)
{
	OpExpr *op = (OpExpr *) condition;
	Node *side;
	int strategy;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return false;
	side = linitial(op->args);
	bound->value = lsecond(op->args);
	if (!is_number(exprType(side)) || !is_number(exprType(bound->value)))
		return false;
	/* float4 and float8 are compared by one family */
	strategy = get_op_opfamily_strategy(op->opno, default_order(side));
	if (strategy == InvalidStrategy || strategy == BTEqualStrategyNumber)
		return false;
	bound->is_less = strategy < BTEqualStrategyNumber;
	if (chain_find(side, &bound->chain))
		return true;
	bound->is_less = !bound->is_less;
	bound->value = side;
	return chain_find(lsecond(op->args), &bound->chain);
}
