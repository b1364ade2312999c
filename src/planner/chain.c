/*
 * chain.c: takes expressions apart into a distance and steps; see chain.h.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "planner/chain.h"
#include "planner/expression.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

/*
 * PostgreSQL's functions that are steps. Of two arguments the second is the operand; the first one
 * may be, too.
 */
typedef struct StepFunction
{
	Oid function;
	StepKind kind;
	StepKind swapped; /* where the first argument is the operand; STEP_CAST if that is no step */
} StepFunction;

static const StepFunction step_functions[] = {
	{F_FLOAT8PL, STEP_ADD, STEP_ADD},
	{F_FLOAT4PL, STEP_ADD, STEP_ADD},
	{F_FLOAT48PL, STEP_ADD, STEP_ADD},
	{F_FLOAT84PL, STEP_ADD, STEP_ADD},
	{F_NUMERIC_ADD, STEP_ADD, STEP_ADD},
	{F_FLOAT8MI, STEP_SUBTRACT, STEP_SUBTRACT_FROM},
	{F_FLOAT4MI, STEP_SUBTRACT, STEP_SUBTRACT_FROM},
	{F_FLOAT48MI, STEP_SUBTRACT, STEP_SUBTRACT_FROM},
	{F_FLOAT84MI, STEP_SUBTRACT, STEP_SUBTRACT_FROM},
	{F_NUMERIC_SUB, STEP_SUBTRACT, STEP_SUBTRACT_FROM},
	{F_FLOAT8MUL, STEP_MULTIPLY, STEP_MULTIPLY},
	{F_FLOAT4MUL, STEP_MULTIPLY, STEP_MULTIPLY},
	{F_FLOAT48MUL, STEP_MULTIPLY, STEP_MULTIPLY},
	{F_FLOAT84MUL, STEP_MULTIPLY, STEP_MULTIPLY},
	{F_NUMERIC_MUL, STEP_MULTIPLY, STEP_MULTIPLY},
	/* not of numeric, which rounds to more or fewer digits, depending on both */
	{F_FLOAT8DIV, STEP_DIVIDE, STEP_DIVIDE_INTO},
	{F_FLOAT4DIV, STEP_DIVIDE, STEP_DIVIDE_INTO},
	{F_FLOAT48DIV, STEP_DIVIDE, STEP_DIVIDE_INTO},
	{F_FLOAT84DIV, STEP_DIVIDE, STEP_DIVIDE_INTO},
	{F_FLOAT8UM, STEP_NEGATE},
	{F_FLOAT4UM, STEP_NEGATE},
	{F_NUMERIC_UMINUS, STEP_NEGATE},
	{F_FLOAT8UP, STEP_CAST},
	{F_FLOAT4UP, STEP_CAST},
	{F_NUMERIC_UPLUS, STEP_CAST},
	{F_FLOAT4_FLOAT8, STEP_CAST},
	{F_FLOAT8_FLOAT4, STEP_CAST},
	{F_NUMERIC_FLOAT8, STEP_CAST},
	{F_NUMERIC_FLOAT4, STEP_CAST},
	{F_FLOAT8_NUMERIC, STEP_CAST},
	{F_FLOAT4_NUMERIC, STEP_CAST},
	{F_NUMERIC_NUMERIC_INT4, STEP_ROUND, STEP_CAST},
	{F_ROUND_NUMERIC_INT4, STEP_ROUND, STEP_CAST},
	{F_TRUNC_NUMERIC_INT4, STEP_ROUND, STEP_CAST},
	{F_ROUND_NUMERIC, STEP_ROUND},
	{F_TRUNC_NUMERIC, STEP_ROUND},
	{F_ROUND_FLOAT8, STEP_ROUND},
	{F_DROUND, STEP_ROUND},
	{F_TRUNC_FLOAT8, STEP_ROUND},
	{F_DTRUNC, STEP_ROUND},
	{F_SQRT_FLOAT8, STEP_SQRT},
	{F_DSQRT, STEP_SQRT},
	{F_POWER_FLOAT8_FLOAT8, STEP_POWER, STEP_CAST},
	{F_POW_FLOAT8_FLOAT8, STEP_POWER, STEP_CAST},
	{F_DPOW, STEP_POWER, STEP_CAST},
	{F_EXP_FLOAT8, STEP_EXP},
	{F_DEXP, STEP_EXP},
	{F_LN_FLOAT8, STEP_LN},
	{F_DLOG1, STEP_LN},
};

/* The function that an expression calls, and with what; InvalidOid for other expressions. */
static Oid
function_of(Node *expr, List **args)
{
	if (IsA(expr, OpExpr))
	{
		OpExpr *op = (OpExpr *) expr;

		*args = op->args;
		/* what has been read from a view's definition has its operator only */
		return OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
	}
	if (IsA(expr, FuncExpr))
	{
		*args = ((FuncExpr *) expr)->args;
		return ((FuncExpr *) expr)->funcid;
	}
	return InvalidOid;
}

bool
distance_call(Node *expr, DistanceCall *call)
{
	List *args;
	Oid function;

	if (expr == NULL)
		return false;
	function = function_of(expr, &args);
	if (!OidIsValid(function) || list_length(args) != 2 ||
		!own_function(function, &call->function) || call->function.role == OWN_SUPPORT)
		return false;
	call->left = linitial(args);
	call->right = lsecond(args);
	call->collation = exprInputCollation(expr);
	return true;
}

/* What a typmod of numeric rounds to, as an expression; NULL where it is not a constant. */
static Node *
digits_of_typmod(Node *typmod)
{
	const Const *constant = (const Const *) typmod;
	int32 digits;

	if (!IsA(typmod, Const) || constant->constisnull)
		return NULL;
	digits = ((DatumGetInt32(constant->constvalue) - VARHDRSZ) & 0x7ff);
	/* eleven bits with their sign */
	digits = (digits ^ 1024) - 1024;
	return (Node *) makeConst(INT4OID, -1, InvalidOid, sizeof(int32), Int32GetDatum(digits), false,
							  true);
}

/* What the step that a function makes is done to; NULL if it is none. */
static Node *
find_function_step(Oid function, List *args, Step *step)
{
	const StepFunction *found = NULL;

	for (int i = 0; i < lengthof(step_functions) && found == NULL; i++)
		if (step_functions[i].function == function)
			found = &step_functions[i];
	if (found == NULL)
		return NULL;
	step->kind = found->kind;
	step->operand = NULL;
	if (list_length(args) == 1)
		return linitial(args);
	if (is_fixed(lsecond(args)))
	{
		step->operand =
			function == F_NUMERIC_NUMERIC_INT4 ? digits_of_typmod(lsecond(args)) : lsecond(args);
		return step->operand != NULL ? linitial(args) : NULL;
	}
	step->kind = found->swapped;
	step->operand = linitial(args);
	return found->swapped != STEP_CAST && is_fixed(step->operand) ? lsecond(args) : NULL;
}

/* What greatest(x, c) and least(x, c), in any order, are done to. */
static Node *
find_minmax_step(MinMaxExpr *expr, Step *step)
{
	Node *first = linitial(expr->args);
	Node *second = llast(expr->args);

	if (list_length(expr->args) != 2 || is_fixed(first) == is_fixed(second))
		return NULL;
	step->kind = expr->op == IS_GREATEST ? STEP_GREATEST : STEP_LEAST;
	step->operand = is_fixed(first) ? first : second;
	return is_fixed(first) ? second : first;
}

/* What coalesce(x, c) is done to. */
static Node *
find_coalesce_step(CoalesceExpr *expr, Step *step)
{
	/* the planner has left out a null */
	if (list_length(expr->args) == 1)
		step->kind = STEP_CAST;
	else if (list_length(expr->args) == 2 && is_fixed(lsecond(expr->args)))
		step->kind = STEP_COALESCE;
	else
		return NULL;
	step->operand = step->kind == STEP_CAST ? NULL : lsecond(expr->args);
	return linitial(expr->args);
}

/* What the last step of an expression is done to; NULL if it is none. */
static Node *
find_step(Node *expr, Step *step)
{
	List *args = NIL;
	Oid type = exprType(expr);
	Oid function;

	if (type != FLOAT8OID && type != FLOAT4OID && type != NUMERICOID)
		return NULL;
	step->type = type;
	if (IsA(expr, MinMaxExpr))
		return find_minmax_step((MinMaxExpr *) expr, step);
	if (IsA(expr, CoalesceExpr))
		return find_coalesce_step((CoalesceExpr *) expr, step);
	function = function_of(expr, &args);
	return OidIsValid(function) ? find_function_step(function, args, step) : NULL;
}

bool
chain_find(Node *expr, Chain *chain)
{
	chain->nsteps = 0;
	while (expr != NULL && !distance_call(expr, &chain->call))
	{
		/* a similarity is one step more */
		if (chain->nsteps == CHAIN_MAX_STEPS - 1)
			return false;
		expr = find_step(expr, &chain->steps[chain->nsteps]);
		chain->steps[chain->nsteps++].source = expr;
	}
	if (expr != NULL && chain->call.function.role == OWN_SIMILARITY)
		chain->steps[chain->nsteps++] =
			(Step){.kind = STEP_NEGATE, .source = expr, .type = FLOAT8OID};
	return expr != NULL;
}

static bool
find_distance(Node *expr, void *arg)
{
	DistanceCall call;

	if (expr == NULL)
		return false;
	return distance_call(expr, &call) || expression_tree_walker(expr, find_distance, arg);
}

bool
has_distance(Node *expr)
{
	return find_distance(expr, NULL);
}

double
chain_operand(Oid type, Datum value)
{
	switch (type)
	{
		case FLOAT8OID:
			return DatumGetFloat8(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case INT4OID:
			return DatumGetInt32(value);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
		default:
			return NAN;
	}
}

void
chain_constants(const Chain *chain, double *operands)
{
	for (int i = 0; i < chain->nsteps; i++)
	{
		const Const *constant = (const Const *) chain->steps[i].operand;

		operands[i] = NAN;
		if (constant != NULL && IsA(constant, Const) && !constant->constisnull)
			operands[i] = chain_operand(constant->consttype, constant->constvalue);
	}
}
