/*
 * expression.c: what is asked of expressions in a query.
 */
#include "postgres.h"

#include "am/expression.h"

#include "nodes/primnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

bool
is_fixed(Node *expr)
{
	return !contain_var_clause(expr) && !contain_volatile_functions(expr) && !contain_subplans(expr);
}

List *
arguments_of(Node *expr, Oid function)
{
	if (IsA(expr, OpExpr) && ((OpExpr *) expr)->opfuncid == function)
		return ((OpExpr *) expr)->args;
	if (IsA(expr, FuncExpr) && ((FuncExpr *) expr)->funcid == function)
		return ((FuncExpr *) expr)->args;
	return NIL;
}
