/*
 * expression.c: what is asked of expressions in a query.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "planner/expression.h"
#include "utils/typcache.h"

bool
is_fixed(Node *expr)
{
	return !contain_var_clause(expr) && !contain_volatile_functions(expr) &&
		   !contain_subplans(expr);
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

Oid
default_order(Node *expr)
{
	return lookup_type_cache(exprType(expr), TYPECACHE_BTREE_OPFAMILY)->btree_opf;
}
