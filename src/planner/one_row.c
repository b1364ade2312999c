/*
 * one_row.c: tables of a query's FROM that have one row at most; see one_row.h.
 *
 * These are
 * - subqueries and WITH queries that aggregate without groups, have nothing in their FROM or LIMIT
 *   1, or fix all columns of a unique index of the only table there;
 * - tables of which the query fixes all columns of a unique index: they equal a constant, the only
 *   element of an array, what a subquery returns, or a column of another table that has one row at
 *   most;
 * - functions that return one row, and unnest() of one element.
 *
 * Where an outer join may put nulls in the row's place, that is so if the join's own condition
 * leaves one row, and speaks of no other table: then its columns are null if there is none, as a
 * subquery's value is. Tables with row level security are left alone.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "planner/expression.h"
#include "planner/one_row.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Tables whose keys are known from each other, at most: a.id = b.key AND b.id = c.key ... */
#define MAX_KEY_DEPTH 4

static bool find_row(QueryLevel *level, Index table, int depth, OneRow *row);

/*
 * A table of which conditions fix all columns of a unique index, for the functions that look for
 * these.
 */
typedef struct Fixing
{
	QueryLevel *level;
	Index table;
	int depth;
	List *keys; /* OneRow: see there */
} Fixing;

/* Where a table stands in a query's FROM, and the conditions that its rows have to meet there. */
typedef struct Place
{
	List *conditions;
	bool is_outer;
} Place;

/*
 * Looks for a table below a join that adds its condition to what rows of one side have to meet; or
 * only to one side.
 */
static bool find_in_join(const JoinExpr *join, Index table, Place *place);

static bool
find_place(Node *node, Index table, Place *place)
{
	ListCell *cell;

	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == table;
	if (IsA(node, JoinExpr))
		return find_in_join((JoinExpr *) node, table, place);
	if (!IsA(node, FromExpr))
		return false;
	foreach (cell, ((FromExpr *) node)->fromlist)
		if (find_place(lfirst(cell), table, place))
		{
			if (!place->is_outer)
				place->conditions =
					list_concat(place->conditions, conjuncts(((FromExpr *) node)->quals));
			return true;
		}
	return false;
}

/*
 * Is the table itself the side of an outer join that may be null, by a condition that speaks of no
 * other?
 */
static bool
is_outer_table(const JoinExpr *join, Node *side, Index table, Place *place)
{
	Bitmapset *tables = pull_varnos(NULL, join->quals);

	if (!IsA(side, RangeTblRef) || ((RangeTblRef *) side)->rtindex != table ||
		!bms_is_subset(tables, bms_make_singleton(table)))
		return false;
	place->is_outer = true;
	place->conditions = conjuncts(join->quals);
	return true;
}

static bool
find_in_join(const JoinExpr *join, Index table, Place *place)
{
	switch (join->jointype)
	{
		case JOIN_INNER:
			if (!find_place(join->larg, table, place) && !find_place(join->rarg, table, place))
				return false;
			if (!place->is_outer)
				place->conditions = list_concat(place->conditions, conjuncts(join->quals));
			return true;
		case JOIN_LEFT:
			return find_place(join->larg, table, place) ||
				   is_outer_table(join, join->rarg, table, place);
		case JOIN_RIGHT:
			return find_place(join->rarg, table, place) ||
				   is_outer_table(join, join->larg, table, place);
		default:
			return false;
	}
}

/* What an expression is, but for its type's name: varchar as text. */
static void *
relabeled(Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return expr;
}

static bool
is_column(Node *expr, Index table, AttrNumber column)
{
	const Var *var = relabeled(expr);

	return IsA(var, Var) && var->varno == table && var->varlevelsup == 0 && var->varattno == column;
}

/*
 * Is that a subquery for a value that is the same for all rows of the query, and that may be asked
 * for at any time?
 */
static bool
is_independent_subquery(const QueryLevel *level, Node *expr)
{
	int depth = 0;

	if (!IsA(expr, SubLink) || ((SubLink *) expr)->subLinkType != EXPR_SUBLINK ||
		contain_volatile_functions(expr))
		return false;
	for (; level != NULL; level = level->outer)
		if (contain_vars_of_level(expr, depth++))
			return false;
	return true;
}

/* Is that a column of another table that has one row at most?  Notes the table. */
static bool
is_key_of_row(Fixing *fixing, Node *expr)
{
	const Var *var = relabeled(expr);
	OneRow *row = palloc(sizeof(OneRow));

	if (fixing->depth == MAX_KEY_DEPTH || !IsA(var, Var) || var->varlevelsup != 0 ||
		var->varno == fixing->table || var->varattno < 1 ||
		!find_row(fixing->level, var->varno, fixing->depth + 1, row) || row->is_outer)
		return false;
	fixing->keys = lappend(fixing->keys, row);
	return true;
}

/* Is that the condition that a column of the table equals one value? */
static bool
is_equality(Fixing *fixing, const OpExpr *op, AttrNumber column)
{
	Node *value = lsecond(op->args);

	if (!is_column(linitial(op->args), fixing->table, column))
	{
		if (!is_column(value, fixing->table, column))
			return false;
		value = linitial(op->args);
	}
	return is_constant(value) || is_independent_subquery(fixing->level, value) ||
		   is_key_of_row(fixing, value);
}

/* Has an array, given as a constant or by its elements, one element? */
static bool
is_one_element(Node *array)
{
	const Const *constant = (const Const *) array;
	ArrayType *value;

	if (IsA(array, ArrayExpr))
		return !((ArrayExpr *) array)->multidims &&
			   list_length(((ArrayExpr *) array)->elements) == 1;
	if (!IsA(array, Const) || constant->constisnull ||
		!OidIsValid(get_element_type(constant->consttype)))
		return false;
	value = DatumGetArrayTypeP(constant->constvalue);
	return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value)) == 1;
}

/*
 * Is that a condition by which a column of the table has one value, by an operator family's
 * equality?
 */
static bool
fixes_column(Fixing *fixing, Node *condition, AttrNumber column, Oid family, Oid collation)
{
	if (IsA(condition, OpExpr))
	{
		OpExpr *op = (OpExpr *) condition;

		return list_length(op->args) == 2 && op->inputcollid == collation &&
			   get_op_opfamily_strategy(op->opno, family) == BTEqualStrategyNumber &&
			   is_equality(fixing, op, column);
	}
	if (IsA(condition, ScalarArrayOpExpr))
	{
		ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) condition;

		return op->useOr && op->inputcollid == collation &&
			   get_op_opfamily_strategy(op->opno, family) == BTEqualStrategyNumber &&
			   is_column(linitial(op->args), fixing->table, column) &&
			   is_constant(lsecond(op->args)) && is_one_element(lsecond(op->args));
	}
	return false;
}

/*
 * The conditions by which a unique index allows one row of the table at most; NIL if it does not.
 */
static List *
fixed_by_index(Fixing *fixing, Relation index, const List *conditions)
{
	const Form_pg_index form = index->rd_index;
	List *found = NIL;

	/* others are unique in ways of their own: periods that do not overlap */
	if (index->rd_rel->relam != BTREE_AM_OID || !form->indisunique || !form->indisvalid ||
		!form->indimmediate || RelationGetIndexPredicate(index) != NIL)
		return NIL;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		AttrNumber column = form->indkey.values[i];
		ListCell *cell;

		foreach (cell, conditions)
			if (column != 0 && fixes_column(fixing, lfirst(cell), column, index->rd_opfamily[i],
											index->rd_indcollation[i]))
				break;
		if (cell == NULL)
			return NIL;
		found = lappend(found, lfirst(cell));
	}
	return found;
}

/* Do conditions allow one row of a table at most?  Notes which. */
static bool
is_fixed_by_any_index(QueryLevel *level, const List *conditions, int depth, OneRow *row)
{
	const RangeTblEntry *rte = rt_fetch(row->table, level->query->rtable);
	Relation relation;
	ListCell *cell;

	/* the rows of tables that inherit are in indexes of their own */
	if (rte->tablesample != NULL || rte->securityQuals != NIL || conditions == NIL ||
		(rte->inh && rte->relkind != RELKIND_PARTITIONED_TABLE && has_subclass(rte->relid)))
		return false;
	/* whoever has the query holds a lock */
	relation = table_open(rte->relid, NoLock);
	foreach (cell, RelationGetIndexList(relation))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Fixing fixing = {.level = level, .table = row->table, .depth = depth};

		row->conditions = fixed_by_index(&fixing, index, conditions);
		row->keys = fixing.keys;
		index_close(index, AccessShareLock);
		if (row->conditions != NIL)
			break;
	}
	table_close(relation, NoLock);
	return row->conditions != NIL;
}

/* LIMIT 1? */
static bool
is_limited_to_one(const Query *query)
{
	const Const *limit;

	if (query->limitCount == NULL || query->limitOption != LIMIT_OPTION_COUNT)
		return false;
	limit = (const Const *) eval_const_expressions(NULL, copyObject(query->limitCount));
	return IsA(limit, Const) && !limit->constisnull && DatumGetInt64(limit->constvalue) == 1;
}

/*
 * Has a query's answer one row at most, and is it planned apart from the query around it? If it has
 * nothing in its FROM, and is not `kept` apart, that depends on what the planner does by itself.
 */
static bool
has_one_row(QueryLevel *outer, Query *query, bool kept)
{
	const FromExpr *from = query->jointree;
	const RangeTblRef *only;
	QueryLevel level = {query, outer};
	OneRow row = {0};

	if (query->commandType != CMD_SELECT || query->setOperations != NULL || query->hasTargetSRFs ||
		query->groupClause != NIL || query->groupingSets != NIL || query->rowMarks != NIL)
		return false;
	if (query->hasAggs || is_limited_to_one(query))
		return true;
	if (from->fromlist == NIL)
		return kept || contain_volatile_functions((Node *) query);
	only = linitial(from->fromlist);
	if (list_length(from->fromlist) != 1 || !IsA(only, RangeTblRef) ||
		rt_fetch(only->rtindex, query->rtable)->rtekind != RTE_RELATION)
		return false;
	row.table = only->rtindex;
	return is_fixed_by_any_index(&level, conjuncts(from->quals), 0, &row);
}

/* May the answer of has_one_row() be none? */
static bool
may_be_none(const Query *query)
{
	return query->havingQual != NULL || query->limitCount != NULL || query->limitOffset != NULL ||
		   (!query->hasAggs &&
			(query->jointree->fromlist != NIL || query->jointree->quals != NULL));
}

QueryLevel *
level_of_cte(QueryLevel *level, const RangeTblEntry *rte)
{
	for (Index up = rte->ctelevelsup; level != NULL && up > 0; up--)
		level = level->outer;
	return level;
}

/* Is a WITH query evaluated apart from those that read it? */
static bool
is_kept_apart(const CommonTableExpr *cte)
{
	return cte->ctematerialized == CTEMaterializeAlways ||
		   (cte->ctematerialized == CTEMaterializeDefault && cte->cterefcount > 1);
}

/* Does a function in FROM return one row, which is the same whenever it is asked? */
static bool
returns_one_row(RangeTblEntry *rte)
{
	const RangeTblFunction *function;
	FuncExpr *call;

	if (list_length(rte->functions) != 1 || rte->funcordinality ||
		!is_constant((Node *) rte->functions))
		return false;
	function = linitial_node(RangeTblFunction, rte->functions);
	call = (FuncExpr *) function->funcexpr;
	if (!IsA(call, FuncExpr))
		return false;
	return !call->funcretset ||
		   (call->funcid == F_UNNEST_ANYARRAY && is_one_element(linitial(call->args)));
}

/*
 * The query that a table stands for, if it is one that may be asked twice; *level is that which the
 * query is part of.
 */
static Query *
query_of_table(QueryLevel **level, RangeTblEntry *rte, bool *kept)
{
	*kept = false;
	if (rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier &&
		!OidIsValid(rte->relid))
		return rte->subquery;
	if (rte->rtekind == RTE_CTE && !rte->self_reference)
	{
		CommonTableExpr *cte;

		*level = level_of_cte(*level, rte);
		cte = *level == NULL ? NULL : cte_named((*level)->query, rte->ctename);
		if (cte == NULL || cte->cterecursive || !IsA(cte->ctequery, Query))
			return NULL;
		*kept = is_kept_apart(cte);
		return (Query *) cte->ctequery;
	}
	return NULL;
}

/*
 * Is there a row, and one at most, by what the table is? Notes what makes it one, and whether there
 * may be none.
 */
static bool
find_row_of(QueryLevel *level, RangeTblEntry *rte, const List *conditions, int depth, OneRow *row)
{
	Query *query;
	bool kept;

	row->may_be_none = rte->rtekind == RTE_RELATION;
	if (rte->rtekind == RTE_RELATION)
		return is_fixed_by_any_index(level, conditions, depth, row);
	if (rte->rtekind == RTE_FUNCTION)
		return returns_one_row(rte);
	query = query_of_table(&level, rte, &kept);
	if (query == NULL || !has_one_row(level, query, kept))
		return false;
	row->may_be_none = may_be_none(query);
	return true;
}

/*
 * May conditions on a table alone be moved into a subquery, where they are asked at another time?
 */
static bool
are_movable(const QueryLevel *level, List *conditions)
{
	int depth = 0;

	if (contain_volatile_functions((Node *) conditions) || contain_subplans((Node *) conditions))
		return false;
	for (level = level->outer; level != NULL; level = level->outer)
		if (contain_vars_of_level((Node *) conditions, ++depth))
			return false;
	return true;
}

static bool
find_row(QueryLevel *level, Index table, int depth, OneRow *row)
{
	RangeTblEntry *rte = rt_fetch(table, level->query->rtable);
	Place place = {0};

	*row = (OneRow){.level = level, .table = table};
	if (rte->securityQuals != NIL || !find_place((Node *) level->query->jointree, table, &place) ||
		!find_row_of(level, rte, place.conditions, depth, row))
		return false;
	row->is_outer = place.is_outer;
	if (!place.is_outer)
		return true;
	/* all of the join's condition decides whether the row is there */
	row->conditions = place.conditions;
	return are_movable(level, place.conditions);
}

bool
one_row_find(QueryLevel *level, Index table, OneRow *row)
{
	return find_row(level, table, 0, row);
}
