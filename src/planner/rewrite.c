/*
 * rewrite.c: puts queries in other words, which mean the same, before they are planned.
 *
 * Each kind has its file; here is what they share, and the smallest one: ORDER BY round((1 - (v <=> $1))::numeric, 4) DESC
 * LIMIT 20 leaves the order of rows that are equal after rounding open; so it may be that of 1 - (v <=> $1), if nothing
 * else comes after it.
 *
 * Nothing is done where another step comes between an order and the LIMIT (DISTINCT, grouping, set operations, functions
 * that return sets), or where the order has nothing to do with a distance that hnsw knows.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "am/am.h"
#include "planner/expression.h"
#include "planner/rewrite.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_oper.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

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

bool
is_plain(const Query *query)
{
	return query->commandType == CMD_SELECT && query->distinctClause == NIL && query->groupClause == NIL &&
		   query->groupingSets == NIL && query->havingQual == NULL && query->setOperations == NULL &&
		   query->rowMarks == NIL && !query->hasAggs && !query->hasTargetSRFs;
}

static List *
flatten(Node *condition)
{
	List *flat = NIL;
	ListCell *cell;

	if (condition == NULL)
		return NIL;
	if (!is_andclause(condition))
		return list_make1(condition);
	foreach (cell, ((BoolExpr *) condition)->args)
		flat = list_concat(flat, flatten(lfirst(cell)));
	return flat;
}

List *
conditions_of(const Query *query)
{
	return query->jointree == NULL ? NIL : flatten(query->jointree->quals);
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
		entry = makeTargetEntry((Expr *) copyObject(expr), list_length(query->targetList) + 1, NULL, true);
		query->targetList = lappend(query->targetList, entry);
	}
	return entry;
}

/* The strategy of a clause in its type's default order; an order that somebody has made up is not that of numbers. */
static int
strategy_of(const Query *query, const SortGroupClause *clause)
{
	Oid type = exprType(get_sortgroupclause_expr((SortGroupClause *) clause, query->targetList));

	return get_op_opfamily_strategy(clause->sortop, lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf);
}

Node *
sorted_by(const Query *query)
{
	SortGroupClause *first;

	if (!is_plain(query) || query->hasWindowFuncs || query->limitCount == NULL || query->sortClause == NIL)
		return NULL;
	first = linitial_node(SortGroupClause, query->sortClause);
	return strategy_of(query, first) == InvalidStrategy ? NULL : get_sortgroupclause_expr(first, query->targetList);
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
	get_sort_group_operators(exprType(expr), ascending, true, !ascending, ascending ? sortop : NULL, &first->eqop,
							 ascending ? NULL : sortop, &first->hashable);
}

/* What an expression rounds; itself if it does not. */
static Node *
unrounded(Node *expr)
{
	while (IsA(expr, FuncExpr))
	{
		List *args = ((FuncExpr *) expr)->args;

		switch (((FuncExpr *) expr)->funcid)
		{
			case F_NUMERIC_FLOAT8:
			case F_NUMERIC_NUMERIC_INT4:
			case F_ROUND_NUMERIC:
			case F_ROUND_NUMERIC_INT4:
			case F_TRUNC_NUMERIC:
			case F_TRUNC_NUMERIC_INT4:
			case F_ROUND_FLOAT8:
				break;
			default:
				return expr;
		}
		if (list_length(args) > 1 && !is_fixed(lsecond(args)))
			return expr;
		expr = linitial(args);
	}
	return expr;
}

/* ORDER BY round(distance) LIMIT k */
static void
order_by_unrounded(Query *query)
{
	Node *rounded = sorted_by(query);
	Node *expr;

	if (rounded == NULL || query->limitOption != LIMIT_OPTION_COUNT || list_length(query->sortClause) != 1)
		return;
	expr = unrounded(rounded);
	if (expr != rounded && exprType(expr) == FLOAT8OID && has_distance(expr) && !contain_volatile_functions(expr))
		sort_by(query, expr);
}

static bool
rewrite_query(Node *node, void *arg)
{
	Query *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, rewrite_query, arg);
	limit_ranks(query);
	order_by_distance(query);
	order_by_unrounded(query);
	order_by_value(query);
	return query_tree_walker(query, rewrite_query, arg, 0);
}

void
rewrite_queries(Query *parse)
{
	(void) rewrite_query((Node *) parse, NULL);
}
