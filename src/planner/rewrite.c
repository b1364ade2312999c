/*
 * rewrite.c: puts queries in other words, which mean the same, before they are planned.
 *
 * Each kind has its file; here is what they share, and the smallest one: ORDER BY round((1 - (v <=>
 * $1))::numeric, 4) DESC LIMIT 20 leaves the order of rows that are equal after rounding open; so
 * it may be that of 1 - (v <=> $1), if nothing else comes after it. An index path cannot be in the
 * order of a numeric, and not well in one of coarse values.
 *
 * Nothing is done where another step comes between an order and the LIMIT (DISTINCT, grouping, set
 * operations, functions that return sets), or where the order has nothing to do with a distance
 * that hnsw knows.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "am/am.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "planner/chain.h"
#include "planner/expression.h"
#include "planner/rewrite.h"
#include "utils/lsyscache.h"

bool
is_plain(const Query *query)
{
	return query->commandType == CMD_SELECT && query->distinctClause == NIL &&
		   query->groupClause == NIL && query->groupingSets == NIL && query->havingQual == NULL &&
		   query->setOperations == NULL && query->rowMarks == NIL && !query->hasAggs &&
		   !query->hasTargetSRFs;
}

List *
conjuncts(Node *condition)
{
	List *flat = NIL;
	ListCell *cell;

	if (condition == NULL)
		return NIL;
	if (!is_andclause(condition))
		return list_make1(condition);
	foreach (cell, ((BoolExpr *) condition)->args)
		flat = list_concat(flat, conjuncts(lfirst(cell)));
	return flat;
}

CommonTableExpr *
cte_named(const Query *query, const char *name)
{
	ListCell *cell;

	foreach (cell, query->cteList)
		if (strcmp(lfirst_node(CommonTableExpr, cell)->ctename, name) == 0)
			return lfirst(cell);
	return NULL;
}

CommonTableExpr *
cte_of(const Query *query, const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_CTE && rte->ctelevelsup == 0 ? cte_named(query, rte->ctename) : NULL;
}

/* The entry of a query that computes an expression, hidden if it is a new one. */
static TargetEntry *
entry_of(Query *query, Node *expr)
{
	TargetEntry *entry = tlist_member((Expr *) expr, query->targetList);

	if (entry == NULL)
	{
		entry = makeTargetEntry((Expr *) copyObject(expr), list_length(query->targetList) + 1, NULL,
								true);
		query->targetList = lappend(query->targetList, entry);
	}
	return entry;
}

/*
 * The strategy of a clause in its type's default order; an order that somebody has made up is not
 * that of numbers.
 */
static int
strategy_of(const Query *query, const SortGroupClause *clause)
{
	Node *expr = get_sortgroupclause_expr((SortGroupClause *) clause, query->targetList);

	return get_op_opfamily_strategy(clause->sortop, default_order(expr));
}

Node *
sorted_by(const Query *query)
{
	SortGroupClause *first;

	if (!is_plain(query) || query->hasWindowFuncs || query->limitCount == NULL ||
		query->sortClause == NIL)
		return NULL;
	first = linitial_node(SortGroupClause, query->sortClause);
	return strategy_of(query, first) == InvalidStrategy
			   ? NULL
			   : get_sortgroupclause_expr(first, query->targetList);
}

void
sort_by(Query *query, Node *expr)
{
	SortGroupClause *first = linitial_node(SortGroupClause, query->sortClause);
	bool ascending = strategy_of(query, first) == BTLessStrategyNumber;
	TargetEntry *entry = get_sortgroupclause_tle(first, query->targetList);
	Oid *sortop = &first->sortop;

	/* nobody else has a use for a hidden one */
	if (entry->resjunk)
		entry->expr = (Expr *) expr;
	else
		first->tleSortGroupRef = assignSortGroupRef(entry_of(query, expr), query->targetList);
	get_sort_group_operators(exprType(expr), ascending, true, !ascending, ascending ? sortop : NULL,
							 &first->eqop, ascending ? NULL : sortop, &first->hashable);
}

/* Is that a step to a number that has no order of an index, or that many others are rounded to? */
static bool
is_rounding(const Step *step)
{
	return step->type == NUMERICOID || step->kind == STEP_ROUND;
}

/*
 * What a chain's value is rounded from, if both have the same order but for values that are equal
 * then; NULL if not. A value that shrinks with it would have rows without a direction on the other
 * side.
 */
static Node *
unrounded(Chain *chain)
{
	double operands[CHAIN_MAX_STEPS];
	Chain inner = *chain;
	Shape shape;
	Shape inner_shape;
	int innermost = chain->nsteps - 1;

	while (innermost >= 0 && !is_rounding(&chain->steps[innermost]))
		innermost--;
	if (innermost < 0)
		return NULL;
	inner.nsteps = chain->nsteps - innermost - 1;
	memmove(inner.steps, &chain->steps[innermost + 1], inner.nsteps * sizeof(Step));
	chain_constants(chain, operands);
	if (!chain_shape(chain, operands, &shape) ||
		!chain_shape(&inner, &operands[innermost + 1], &inner_shape) || shape.nulls != NULLS_STAY ||
		shape.decreasing != inner_shape.decreasing)
		return NULL;
	return chain->steps[innermost].source;
}

/* ORDER BY round(distance) LIMIT k */
static void
order_by_unrounded(Query *query)
{
	Node *rounded = sorted_by(query);
	Node *expr;
	Chain chain;

	if (rounded == NULL || query->limitOption != LIMIT_OPTION_COUNT ||
		list_length(query->sortClause) != 1 || !has_distance(rounded) ||
		contain_volatile_functions(rounded))
		return;
	rounded = eval_const_expressions(NULL, copyObject(rounded));
	if (!chain_find(rounded, &chain))
		return;
	expr = unrounded(&chain);
	if (expr != NULL)
		sort_by(query, expr);
}

static bool
rewrite_query(Node *node, void *outer)
{
	Query *query = (Query *) node;
	QueryLevel level = {query, outer};

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, rewrite_query, outer);
	limit_ranks(query);
	order_by_distance(query);
	order_by_unrounded(query);
	order_by_value(&level);
	filter_by_keys(query);
	return query_tree_walker(query, rewrite_query, &level, 0);
}

void
rewrite_queries(Query *parse)
{
	(void) rewrite_query((Node *) parse, NULL);
}
