/*
 * rewrite_rank.c: queries that number rows by their distance and look at the first numbers only.
 *
 *   SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t ORDER BY rank LIMIT 20
 *   SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t) s
 *     WHERE rank <= 20
 *
 * is how searches by several criteria are merged. PostgreSQL does not see that rows that are
 * numbered in an order are in the order of their numbers, nor that it can stop numbering: it would
 * measure and sort the whole table. Instead:
 *
 *   SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t
 *     ORDER BY v <=> $1, rank LIMIT 20
 *   SELECT id FROM (SELECT id, row_number() OVER (ORDER BY v <=> $1) AS rank FROM t
 *     ORDER BY v <=> $1, rank LIMIT 20) s WHERE rank <= 20
 *
 * Rows that are farther have no smaller number, so a leading sort by the distance changes nothing.
 * Of numbers that differ (row_number) no more than k are k or less, those of the first k rows;
 * where equally far rows share a number (rank) the rows of the numbers to k are the first k and
 * those that are as far as the last of them: WITH TIES. The condition stays, and what it is
 * compared with is the same for all rows. Nothing is done where rows are numbered by partition or
 * in several ways.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_oper.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "planner/chain.h"
#include "planner/expression.h"
#include "planner/rewrite.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

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
		   has_distance(get_sortgroupclause_expr(linitial(window->orderClause), query->targetList));
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
void
order_by_distance(Query *query)
{
	SortGroupClause *first;

	if (!is_numbering(query) || query->limitCount == NULL || query->sortClause == NIL)
		return;
	first = linitial_node(SortGroupClause, query->sortClause);
	if (first->sortop == Int8LessOperator &&
		is_rank(get_sortgroupclause_tle(first, query->targetList), query))
		query->sortClause = order_with_distance(query, query->sortClause);
}

/*
 * The number that a condition allows at most, var that which is compared with it; NULL if it does
 * not.
 */
static Node *
greatest_number(Node *condition, Var **var)
{
	OpExpr *op = (OpExpr *) condition;
	Oid opno;
	Node *number;
	int strategy;

	if (condition == NULL || !IsA(condition, OpExpr) || list_length(op->args) != 2)
		return NULL;
	opno = op->opno;
	*var = linitial(op->args);
	number = lsecond(op->args);
	if (!IsA(*var, Var))
	{
		opno = get_commutator(opno);
		*var = lsecond(op->args);
		number = linitial(op->args);
	}
	if (!IsA(*var, Var) || (*var)->varlevelsup != 0 || (*var)->vartype != INT8OID ||
		!OidIsValid(opno))
		return NULL;
	strategy = get_op_opfamily_strategy(opno, INTEGER_BTREE_FAM_OID);
	if (strategy != BTLessStrategyNumber && strategy != BTLessEqualStrategyNumber &&
		strategy != BTEqualStrategyNumber)
		return NULL;
	/* not asked for any earlier than it would be, if that can be noticed */
	return is_constant(number) && !contain_mutable_functions(number) ? number : NULL;
}

/* The query that a table of a query's FROM stands for, if nobody else reads it; NULL for others. */
static Query *
query_of(const Query *outer, const RangeTblEntry *rte)
{
	const CommonTableExpr *cte = cte_of(outer, rte);

	if (cte != NULL && cte->cterefcount == 1 && !cte->cterecursive && IsA(cte->ctequery, Query))
		return (Query *) cte->ctequery;
	return rte->rtekind == RTE_SUBQUERY ? rte->subquery : NULL;
}

/* LIMIT greatest(number, 0) */
static Node *
limit_of(Node *number)
{
	MinMaxExpr *limit = makeNode(MinMaxExpr);
	Const *least =
		makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	Node *count = coerce_to_target_type(NULL, copyObject(number), exprType(number), INT8OID, -1,
										COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);

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
	if (query == NULL || !is_numbering(query) || query->sortClause != NIL ||
		query->limitCount != NULL || query->limitOffset != NULL)
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

void
limit_ranks(Query *query)
{
	ListCell *cell;

	if (query->commandType == CMD_SELECT)
		foreach (cell, conjuncts(query->jointree == NULL ? NULL : query->jointree->quals))
			limit_rank(query, lfirst(cell));
}
