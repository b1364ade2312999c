/*
 * expression.c: what is asked of expressions in a query.
 */
#include "postgres.h"

#include "planner/expression.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

bool
is_fixed(Node *expr)
{
	return !contain_var_clause(expr) && !contain_volatile_functions(expr) && !contain_subplans(expr);
}

static bool
is_any_var(Node *expr, void *arg)
{
	if (expr == NULL)
		return false;
	return IsA(expr, Var) || expression_tree_walker(expr, is_any_var, arg);
}

bool
is_constant(Node *expr)
{
	return is_fixed(expr) && !is_any_var(expr, NULL);
}

bool
distance_call(Node *expr, DistanceCall *call)
{
	List *args;
	Oid function;

	if (expr == NULL)
		return false;
	if (IsA(expr, OpExpr))
	{
		OpExpr *op = (OpExpr *) expr;

		/* what has been read from a view's definition has its operator only */
		function = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
		args = op->args;
		call->collation = op->inputcollid;
	}
	else if (IsA(expr, FuncExpr))
	{
		function = ((FuncExpr *) expr)->funcid;
		args = ((FuncExpr *) expr)->args;
		call->collation = ((FuncExpr *) expr)->inputcollid;
	}
	else
		return false;
	if (list_length(args) != 2 || !own_function(function, &call->function) || call->function.role == OWN_SUPPORT)
		return false;
	call->left = linitial(args);
	call->right = lsecond(args);
	return true;
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

Node *
take_step(Node *expr, StepKind *kind, Node **operand)
{
	OpExpr *op = (OpExpr *) expr;
	Node *inner;

	if (!IsA(expr, OpExpr))
		return NULL;
	inner = linitial(op->args);
	*operand = llast(op->args);
	switch (op->opfuncid)
	{
		case F_FLOAT8PL:
			*kind = STEP_ADD;
			break;
		case F_FLOAT8MI:
			*kind = is_fixed(*operand) ? STEP_SUBTRACT : STEP_SUBTRACT_FROM;
			break;
		case F_FLOAT8MUL:
			*kind = STEP_MULTIPLY;
			break;
		case F_FLOAT8UM:
			*kind = STEP_MULTIPLY;
			*operand = (Node *) makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8), Float8GetDatum(-1), false,
										  FLOAT8PASSBYVAL);
			break;
		default:
			return NULL;
	}
	if (is_fixed(*operand))
		return inner;
	*operand = inner;
	return is_fixed(*operand) ? llast(op->args) : NULL;
}
