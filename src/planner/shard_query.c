/*
 * shard_query.c: the subquery for one partition; see shards.h.
 *
 * What a shard returns are columns, the expressions of the order, and the distance in it: whatever
 * else a query shows is computed from these where the shards' rows are merged. So a server that
 * does the order can do all that is returned.
 *
 * A value that is the same for all rows, but that no foreign server would compute (a subquery,
 * now()), is computed once, in a table of one row that the shards are joined to.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parse_clause.h"
#include "parser/parsetree.h"
#include "planner/chain.h"
#include "planner/shards.h"
#include "rewrite/rewriteManip.h"

/* What an expression of a subquery is made for. */
typedef struct Place
{
	const Shards *shards;
	const ShardTable *table;
	int depth;
} Place;

/* The column of a subquery that returns an expression. */
static Var *
shipped_var(Shards *shards, Node *expr, Index levelsup)
{
	int column = 0;
	ListCell *cell;

	foreach (cell, shards->shipped)
	{
		column++;
		if (equal(lfirst(cell), expr))
			break;
	}
	if (cell == NULL)
	{
		shards->shipped = lappend(shards->shipped, copyObject(expr));
		column++;
	}
	return makeVar(shards->rows_rti, column, exprType(expr), exprTypmod(expr), exprCollation(expr),
				   levelsup);
}

/* A column of the partitioned table, as one of what shards return. */
static Node *
ship_column(const Var *var, Shards *shards)
{
	Var *column = copyObject((Var *) var);

	/* a row as a whole has another type on each shard */
	if (var->varattno <= 0 && var->varattno != TableOidAttributeNumber)
		shards->failed = true;
	column->varlevelsup = 0;
	return (Node *) shipped_var(shards, (Node *) column, var->varlevelsup);
}

static Node *
ship_column_inside(Var *var, replace_rte_variables_context *context)
{
	return ship_column(var, context->callback_arg);
}

/* Is a node the distance by which rows come, perhaps by another name? */
static bool
is_order_distance(const Shards *shards, Node *node)
{
	DistanceCall order;
	DistanceCall call;

	return distance_call(node, &call) && distance_call(shards->distance, &order) &&
		   call.function.element == order.function.element &&
		   call.function.type == order.function.type && call.function.role == order.function.role &&
		   ((equal(call.left, order.left) && equal(call.right, order.right)) ||
			(equal(call.left, order.right) && equal(call.right, order.left)));
}

static Node *
ship(Node *node, void *arg)
{
	Shards *shards = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return replace_rte_variables(node, shards->table, 1, ship_column_inside, shards, NULL);
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
		return ship_column((Var *) node, shards);
	if (list_member(shards->order, node))
		return (Node *) shipped_var(shards, node, 0);
	if (is_order_distance(shards, node))
		return (Node *) shipped_var(shards, shards->distance, 0);
	return expression_tree_mutator(node, ship, arg);
}

Node *
shard_ship(Node *node, Shards *shards)
{
	return ship(node, shards);
}

/* May a node be a value by itself? */
static bool
is_operation(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_FuncExpr:
		case T_SubLink:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_ArrayExpr:
		case T_SubscriptingRef:
		case T_CaseExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_SQLValueFunction:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
			return true;
		default:
			return false;
	}
}

static Node *
hoist(Node *node, void *arg)
{
	Shards *shards = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, Aggref) || IsA(node, GroupingFunc) || IsA(node, WindowFunc))
	{
		shards->failed = true; /* of a query around this one */
		return node;
	}
	if (is_operation(node) && !contain_vars_of_level(node, 0))
	{
		/* the planner will fold it by itself */
		if (IsA(eval_const_expressions(shards->root, copyObject(node)), Const))
			return node;
		shards->values = lappend(shards->values, copyObject(node));
		return (Node *) makeVar(shards->values_rti, list_length(shards->values), exprType(node),
								exprTypmod(node), exprCollation(node), 0);
	}
	if (IsA(node, SubLink))
	{
		shards->failed = true; /* one for each row */
		return node;
	}
	return expression_tree_mutator(node, hoist, arg);
}

Node *
shard_hoist(Node *node, Shards *shards)
{
	return hoist(node, shards);
}

RangeTblEntry *
shard_subquery(Query *query, const char *name)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	ListCell *cell;

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->inFromCl = true;
	rte->eref = makeAlias(name, NIL);
	foreach (cell, query->targetList)
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(pstrdup(lfirst_node(TargetEntry, cell)->resname)));
	return rte;
}

RangeTblEntry *
shard_values(Shards *shards)
{
	Query *query = makeNode(Query);
	ListCell *cell;

	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->jointree = makeFromExpr(NIL, NULL);
	/* so that it is not pulled up, and each shard computes a value by itself */
	query->limitOffset = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
											Int64GetDatum(0), false, FLOAT8PASSBYVAL);
	foreach (cell, shards->values)
	{
		int column = foreach_current_index(cell) + 1;

		query->targetList =
			lappend(query->targetList, makeTargetEntry(copyObject(lfirst(cell)), column,
													   psprintf("value%d", column), false));
	}
	/* they are one level farther in */
	IncrementVarSublevelsUp((Node *) query->targetList, 1, 0);
	query->hasSubLinks = checkExprHasSubLink((Node *) query->targetList);
	return shard_subquery(query, "given");
}

/* A column in a subquery: of its table, of the given values, or of a query farther out. */
static Node *
place_var(const Var *var, const Place *place)
{
	const Shards *shards = place->shards;
	Var *placed = copyObject((Var *) var);

	if (var->varlevelsup > 0 || var->varno == shards->values_rti)
	{
		placed->varlevelsup += place->depth;
		return (Node *) placed;
	}
	Assert(var->varno == shards->table);
	if (var->varattno == TableOidAttributeNumber)
		return (Node *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid),
								  ObjectIdGetDatum(place->table->relid), false, true);
	Assert(var->varattno > 0 && var->varattno <= place->table->map->maplen);
	return (Node *) makeVar(1, place->table->map->attnums[var->varattno - 1], var->vartype,
							var->vartypmod, var->varcollid, 0);
}

static Node *
place_expr(Node *node, void *place)
{
	if (node == NULL)
		return NULL;
	Assert(!IsA(node, SubLink));
	if (IsA(node, Var))
		return place_var((Var *) node, place);
	return expression_tree_mutator(node, place_expr, place);
}

static RangeTblEntry *
table_entry(Query *query, const Shards *shards, const ShardTable *table)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = table->relid;
	rte->relkind = table->relkind;
	rte->rellockmode = AccessShareLock;
	rte->inFromCl = true;
	rte->eref = makeAlias("shard", copyObject(table->columns));
	SET_CHECKED_USER(query, rte,
					 CHECKED_USER(shards->query, rt_fetch(shards->table, shards->query->rtable)));
	return rte;
}

/* What the column is called that returns an expression. */
static char *
column_name(const Shards *shards, const Node *expr)
{
	const Var *var = (const Var *) expr;

	if (!IsA(expr, Var) || var->varattno <= 0)
		return pstrdup("distance");
	return pstrdup(
		get_rte_attribute_name(rt_fetch(shards->table, shards->query->rtable), var->varattno));
}

/* Has a subquery sort by the columns that return the query's order. */
static void
add_order(Query *query, const Shards *shards)
{
	ListCell *cell;
	ListCell *clause;

	forboth(cell, shards->order, clause, shards->clauses)
	{
		SortGroupClause *sort = copyObject(lfirst_node(SortGroupClause, clause));
		int column = 0;

		while (!equal(list_nth(shards->shipped, column), lfirst(cell)))
			column++;
		sort->tleSortGroupRef =
			assignSortGroupRef(list_nth(query->targetList, column), query->targetList);
		query->sortClause = lappend(query->sortClause, sort);
	}
}

Query *
shard_query(const Shards *shards, const ShardTable *table, int depth)
{
	Query *query = makeNode(Query);
	Place place = {shards, table, depth};
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell *cell;
	ListCell *original;

	query->commandType = CMD_SELECT;
	query->queryId = SHARD_QUERY_ID;
	query->canSetTag = true;
	query->rtable = list_make1(table_entry(query, shards, table));
	ref->rtindex = 1;
	query->jointree = makeFromExpr(list_make1(ref), place_expr(shards->condition, &place));
	forboth(cell, shards->returned, original, shards->shipped)
	{
		Expr *expr = (Expr *) place_expr(lfirst(cell), &place);
		int column = foreach_current_index(cell) + 1;

		query->targetList =
			lappend(query->targetList,
					makeTargetEntry(expr, column, column_name(shards, lfirst(original)), false));
	}
	add_order(query, shards);
	query->limitCount = place_expr(shards->limit, &place);
	query->limitOption = LIMIT_OPTION_COUNT;
	return query;
}
