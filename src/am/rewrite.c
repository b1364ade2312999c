/*
 * rewrite.c: queries in other words, which mean the same, and for which the planner can use an index.
 *
 * Numbers.  Searches by several criteria are merged by numbers:
 *
 *   SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t ORDER BY rank LIMIT 20
 *   SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t) s WHERE rank <= 20
 *
 * PostgreSQL does not see that rows that are numbered in an order are in the order of their numbers, nor that it can stop
 * numbering: it would measure and sort the whole table.  Instead:
 *
 *   SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t ORDER BY v <=> $1, rank LIMIT 20
 *   SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t
 *     ORDER BY v <=> $1, rank LIMIT 20) s WHERE rank <= 20
 *
 * Rows that are farther have no smaller number, so a leading sort by the distance changes nothing.  Of numbers that differ
 * (row_number) no more than k are k or less, those of the first k rows; where equally far rows share a number (rank) the
 * rows of the numbers to k are the first k and those that are as far as the last of them: WITH TIES.  The condition stays,
 * and what it is compared with is the same for all rows.  Nothing is done where rows are numbered by partition or in
 * several ways.
 *
 * Rounding.  ORDER BY round((1 - (v <=> $1))::numeric, 4) DESC LIMIT 20 leaves the order of rows that are equal after
 * rounding open; so it may be that of 1 - (v <=> $1), if nothing else comes after it.
 *
 * Nothing is done where another step comes between these orders and the LIMIT (DISTINCT, grouping, set operations,
 * functions that return sets), or where the order has nothing to do with a distance that hnsw knows.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/stratnum.h"
#include "am/am.h"
#include "am/expression.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_oper.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Is that an operator that one of our indexes can deliver the order of? */
static bool
is_distance_operator(Oid operator)
{
	CatCList *entries = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator));
	bool found = false;

	for (int i = 0; i < entries->n_members && !found; i++)
	{
		Form_pg_amop entry = (Form_pg_amop) GETSTRUCT(&entries->members[i]->tuple);

		if (entry->amoppurpose == AMOP_ORDER)
		{
			IndexAmRoutine *routine = GetIndexAmRoutineByAmId(entry->amopmethod, true);

			found = routine != NULL && routine->ambuild == hnswbuild;
		}
	}
	ReleaseSysCacheList(entries);
	return found;
}

static bool
has_distance(Node *expr, void *arg)
{
	if (expr == NULL)
		return false;
	if (IsA(expr, OpExpr) && is_distance_operator(((OpExpr *) expr)->opno))
		return true;
	return expression_tree_walker(expr, has_distance, arg);
}

/* Do a query's rows go from what reads and numbers them to its LIMIT, if it has one, without another step? */
static bool
is_plain(const Query *query)
{
	return query->commandType == CMD_SELECT && query->distinctClause == NIL && query->groupClause == NIL &&
		   query->groupingSets == NIL && query->havingQual == NULL && query->setOperations == NULL &&
		   query->rowMarks == NIL && !query->hasAggs && !query->hasTargetSRFs;
}

/* Are rows numbered, in one way only? */
static bool
is_numbering(const Query *query)
{
	return is_plain(query) && query->hasWindowFuncs && list_length(query->windowClause) == 1;
}

/* Is that a number that rows are given in order of distance? */
static bool
is_rank(const TargetEntry *entry, const Query *query)
{
	const WindowFunc *function = (const WindowFunc *) entry->expr;
	const WindowClause *window = linitial_node(WindowClause, query->windowClause);

	return IsA(function, WindowFunc) &&
		   (function->winfnoid == F_ROW_NUMBER || function->winfnoid == F_RANK_ ||
			function->winfnoid == F_DENSE_RANK_) &&
		   window->partitionClause == NIL && window->orderClause != NIL &&
		   has_distance(get_sortgroupclause_expr(linitial(window->orderClause), query->targetList), NULL);
}

/* An order by distance and then by what was there, without what is said twice. */
static List *
order_with_distance(const Query *query, List *order)
{
	const WindowClause *window = linitial_node(WindowClause, query->windowClause);
	List *joined = copyObject(window->orderClause);
	ListCell *cell;

	foreach (cell, order)
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, cell);

		if (get_sortgroupref_clause_noerr(clause->tleSortGroupRef, window->orderClause) == NULL)
			joined = lappend(joined, clause);
	}
	return joined;
}

/* ORDER BY rank LIMIT k */
static void
order_by_distance(Query *query)
{
	SortGroupClause *first;

	if (!is_numbering(query) || query->limitCount == NULL || query->sortClause == NIL)
		return;
	first = linitial_node(SortGroupClause, query->sortClause);
	if (first->sortop == Int8LessOperator && is_rank(get_sortgroupclause_tle(first, query->targetList), query))
		query->sortClause = order_with_distance(query, query->sortClause);
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

/* ORDER BY round(distance) LIMIT k */
static void
order_by_unrounded(Query *query)
{
	SortGroupClause *order;
	Node *rounded;
	Node *expr;
	Oid family;
	int strategy;
	bool ascending;

	if (!is_plain(query) || query->hasWindowFuncs || query->limitCount == NULL ||
		query->limitOption != LIMIT_OPTION_COUNT || list_length(query->sortClause) != 1)
		return;
	order = linitial_node(SortGroupClause, query->sortClause);
	rounded = get_sortgroupclause_expr(order, query->targetList);
	expr = unrounded(rounded);
	if (expr == rounded || exprType(expr) != FLOAT8OID || !has_distance(expr, NULL))
		return;
	/* by default: an order that somebody has made up is not that of numbers */
	family = get_opclass_family(GetDefaultOpClass(exprType(rounded), BTREE_AM_OID));
	strategy = get_op_opfamily_strategy(order->sortop, family);
	if (strategy == InvalidStrategy)
		return;
	ascending = strategy == BTLessStrategyNumber;
	order = copyObject(order);
	order->tleSortGroupRef = assignSortGroupRef(entry_of(query, expr), query->targetList);
	get_sort_group_operators(FLOAT8OID, ascending, true, !ascending, ascending ? &order->sortop : NULL, &order->eqop,
							 ascending ? NULL : &order->sortop, &order->hashable);
	query->sortClause = list_make1(order);
}

static bool
is_any_var(Node *expr, void *arg)
{
	if (expr == NULL)
		return false;
	return IsA(expr, Var) || expression_tree_walker(expr, is_any_var, arg);
}

/* The number that a condition allows at most, var that which is compared with it; NULL if it does not. */
static Node *
greatest_number(Node *condition, Var **var)
{
	OpExpr *op = (OpExpr *) condition;
	Oid operator;
	Node *number;
	int strategy;

	if (condition == NULL || !IsA(condition, OpExpr) || list_length(op->args) != 2)
		return NULL;
	operator= op->opno;
	*var = linitial(op->args);
	number = lsecond(op->args);
	if (!IsA(*var, Var))
	{
		operator= get_commutator(operator);
		*var = lsecond(op->args);
		number = linitial(op->args);
	}
	if (!IsA(*var, Var) || (*var)->varlevelsup != 0 || (*var)->vartype != INT8OID || !OidIsValid(operator))
		return NULL;
	strategy = get_op_opfamily_strategy(operator, INTEGER_BTREE_FAM_OID);
	if (strategy != BTLessStrategyNumber && strategy != BTLessEqualStrategyNumber && strategy != BTEqualStrategyNumber)
		return NULL;
	return is_fixed(number) && !is_any_var(number, NULL) ? number : NULL;
}

/* The query that a table of a query's FROM stands for, if nobody else reads it; NULL for others. */
static Query *
query_of(const Query *outer, const RangeTblEntry *rte)
{
	ListCell *cell;

	if (rte->rtekind == RTE_SUBQUERY)
		return rte->subquery;
	if (rte->rtekind != RTE_CTE || rte->ctelevelsup > 0)
		return NULL;
	foreach (cell, outer->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return cte->cterefcount == 1 && !cte->cterecursive && IsA(cte->ctequery, Query) ? (Query *) cte->ctequery
																							: NULL;
	}
	return NULL;
}

/* LIMIT greatest(number, 0) */
static Node *
limit_of(Node *number)
{
	MinMaxExpr *limit = makeNode(MinMaxExpr);
	Const *least = makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	Node *count = coerce_to_target_type(NULL, copyObject(number), exprType(number), INT8OID, -1, COERCION_IMPLICIT,
										COERCE_IMPLICIT_CAST, -1);

	limit->minmaxtype = INT8OID;
	limit->op = IS_GREATEST;
	limit->args = list_make2(count, least);
	limit->location = -1;
	return (Node *) limit;
}

/* WHERE rank <= k */
static void
limit_rank(Query *outer, Node *condition)
{
	Var *var;
	Node *number = greatest_number(condition, &var);
	Query *query;
	TargetEntry *entry;
	Oid function;

	if (number == NULL)
		return;
	query = query_of(outer, rt_fetch(var->varno, outer->rtable));
	if (query == NULL || !is_numbering(query) || query->sortClause != NIL || query->limitCount != NULL ||
		query->limitOffset != NULL)
		return;
	entry = get_tle_by_resno(query->targetList, var->varattno);
	if (entry == NULL || !is_rank(entry, query))
		return;
	function = ((WindowFunc *) entry->expr)->winfnoid;
	if (function == F_DENSE_RANK_)
		return;
	query->limitCount = limit_of(number);
	if (function == F_ROW_NUMBER)
	{
		SortGroupClause *by_rank = makeNode(SortGroupClause);

		by_rank->tleSortGroupRef = assignSortGroupRef(entry, query->targetList);
		get_sort_group_operators(INT8OID, true, true, false, &by_rank->sortop, &by_rank->eqop, NULL,
								 &by_rank->hashable);
		query->sortClause = order_with_distance(query, list_make1(by_rank));
		query->limitOption = LIMIT_OPTION_COUNT;
	}
	else
	{
		query->sortClause = order_with_distance(query, NIL);
		query->limitOption = LIMIT_OPTION_WITH_TIES;
	}
}

/* Conditions that all have to hold: joined by AND, which may be nested (BETWEEN). */
static void
limit_ranks(Query *outer, Node *conditions)
{
	ListCell *cell;

	if (!is_andclause(conditions))
		limit_rank(outer, conditions);
	else
		foreach (cell, ((BoolExpr *) conditions)->args)
			limit_ranks(outer, lfirst(cell));
}

static bool
rewrite_query(Node *node, void *arg)
{
	Query *query = (Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, rewrite_query, arg);
	order_by_distance(query);
	order_by_unrounded(query);
	if (query->commandType == CMD_SELECT && query->jointree != NULL)
		limit_ranks(query, query->jointree->quals);
	return query_tree_walker(query, rewrite_query, arg, 0);
}

void
rewrite_queries(Query *parse)
{
	(void) rewrite_query((Node *) parse, NULL);
}
