/*
 * shards.c: which queries are split into one for each shard, and what they become; see shards.h.
 *
 * A query is split if it takes the first rows by a distance from one partitioned table, or from a
 * view or subquery that only selects from one, and nothing stands between the order and the LIMIT
 * (is_plain).
 *
 * It stays as it is where rows are locked, where ties are asked for, where the table has row level
 * security, where anything is volatile, where a condition has a subquery for each row, and where a
 * row is used as a whole. The planner then merges sorted partitions, as it always did.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "planner/chain.h"
#include "planner/rewrite.h"
#include "planner/shards.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"

/* Greater LIMITs and OFFSETs are taken to be this much, so that their sum is no overflow. */
#define MOST_ROWS (INT64CONST(1) << 61)

typedef struct Split
{
	ParamListInfo params;
	bool done; /* for one query at least */
} Split;

/* The number of the only table of a query's FROM; 0 if there are several. */
static Index
only_table(const Query *query)
{
	const Node *from = query->jointree == NULL || list_length(query->jointree->fromlist) != 1
						   ? NULL
						   : linitial(query->jointree->fromlist);

	return from != NULL && IsA(from, RangeTblRef) ? ((const RangeTblRef *) from)->rtindex : 0;
}

/* Does a table of FROM only select from another one? */
static bool
is_selection(const RangeTblEntry *rte)
{
	const Query *query = rte->subquery;

	return rte->rtekind == RTE_SUBQUERY && !rte->security_barrier && is_plain(query) &&
		   !query->hasWindowFuncs && query->sortClause == NIL && query->limitCount == NULL &&
		   query->limitOffset == NULL && query->cteList == NIL && only_table(query) != 0 &&
		   !contain_volatile_functions((Node *) query->targetList);
}

/* Is a table partitioned, or a selection from one? */
static bool
is_partitioned(const RangeTblEntry *rte)
{
	while (is_selection(rte))
		rte = rt_fetch(only_table(rte->subquery), rte->subquery->rtable);
	return rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_PARTITIONED_TABLE && rte->inh &&
		   rte->tablesample == NULL && rte->securityQuals == NIL;
}

/* May a query be one to split?  There is more to look at. */
static bool
is_candidate(const Query *query)
{
	Index table = only_table(query);

	return table != 0 && query->limitOption == LIMIT_OPTION_COUNT && sorted_by(query) != NULL &&
		   is_partitioned(rt_fetch(table, query->rtable));
}

static bool
has_candidate(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, has_candidate, arg);
	return is_candidate((Query *) node) || query_tree_walker((Query *) node, has_candidate, arg, 0);
}

/*
 * Puts what a query selects from in the place of the selection. The planner does the same, but
 * later.
 */
static void
pull_up_selection(Query *query)
{
	Index number = only_table(query);
	RangeTblEntry *rte = rt_fetch(number, query->rtable);
	Query *selection = rte->subquery;

	OffsetVarNodes((Node *) selection, list_length(query->rtable), 0);
	IncrementVarSublevelsUp((Node *) selection, -1, 1);
	COMBINE_TABLES(query, selection);
	query->targetList = (List *) REPLACE_VARS((Node *) query->targetList, number, rte,
											  selection->targetList, &query->hasSubLinks);
	query->jointree->quals = REPLACE_VARS(query->jointree->quals, number, rte,
										  selection->targetList, &query->hasSubLinks);
	query->jointree->quals =
		(Node *) make_and_qual(selection->jointree->quals, query->jointree->quals);
	query->jointree->fromlist = selection->jointree->fromlist;
	query->hasSubLinks |= selection->hasSubLinks;
	query->hasRowSecurity |= selection->hasRowSecurity;
	/*
	 * as where the planner has pulled one up: what it needs rights for is in the query's tables now
	 */
	rte->subquery = NULL;
}

static Node *
int8_const(int64 value)
{
	return (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(value), false,
							  FLOAT8PASSBYVAL);
}

/* LEAST(value, MOST_ROWS) */
static Node *
at_most(Node *value)
{
	MinMaxExpr *least = makeNode(MinMaxExpr);

	least->minmaxtype = INT8OID;
	least->op = IS_LEAST;
	least->args = list_make2(value, int8_const(MOST_ROWS));
	least->location = -1;
	return (Node *) least;
}

static Node *
sum(Node *a, Node *b, Oid type)
{
	Oid plus = OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString("+")), type, type);

	return (Node *) make_opclause(plus, type, false, (Expr *) a, (Expr *) b, InvalidOid,
								  InvalidOid);
}

/*
 * How many rows a query wants of each shard: those that it skips as well. NULL if that is not to be
 * bounded.
 */
static Node *
shard_limit(const Shards *shards)
{
	Node *count = eval_const_expressions(shards->root, copyObject(shards->query->limitCount));
	Node *offset = eval_const_expressions(shards->root, copyObject(shards->query->limitOffset));
	const Const *number = (Const *) count;
	CoalesceExpr *skipped;

	/* an error is left to the query itself */
	if (IsA(count, Const) && (number->constisnull || DatumGetInt64(number->constvalue) < 0))
		return NULL;
	number = (Const *) offset;
	if (offset == NULL || (IsA(offset, Const) && number->constisnull))
		return copyObject(shards->query->limitCount);
	if (IsA(offset, Const) && DatumGetInt64(number->constvalue) < 0)
		return NULL;
	skipped = makeNode(CoalesceExpr);
	skipped->coalescetype = INT8OID;
	skipped->args = list_make2(copyObject(shards->query->limitOffset), int8_const(0));
	skipped->location = -1;
	return sum(at_most(copyObject(shards->query->limitCount)), at_most((Node *) skipped), INT8OID);
}

/* x + 0 */
static Node *
plus_zero(Node *expr)
{
	Oid type = exprType(expr);
	Datum zero = type == FLOAT8OID   ? Float8GetDatum(0)
				 : type == FLOAT4OID ? Float4GetDatum(0)
									 : DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
	int16 length = type == FLOAT8OID ? sizeof(float8) : type == FLOAT4OID ? sizeof(float4) : -1;

	return sum(expr,
			   (Node *) makeConst(type, -1, InvalidOid, length, zero, false, type != NUMERICOID),
			   type);
}

/*
 * The expressions of an order, and the distance in the first of them; false if there is none of
 * ours.
 */
static bool
find_order(Shards *shards)
{
	ListCell *cell;
	Chain chain;
	Node *first;

	shards->clauses = copyObject(shards->query->sortClause);
	foreach (cell, shards->clauses)
		shards->order =
			lappend(shards->order,
					copyObject(get_sortgroupclause_expr(lfirst(cell), shards->query->targetList)));
	first = linitial(shards->order);
	if (!chain_find(first, &chain) || !contain_vars_of_level(first, 0))
		return false;
	shards->distance = chain.nsteps == 0 ? first : chain.steps[chain.nsteps - 1].source;
	return !contain_volatile_functions((Node *) shards->order) &&
		   !contain_volatile_functions(shards->query->jointree->quals) &&
		   !contain_volatile_functions(shards->query->limitCount) &&
		   !contain_volatile_functions(shards->query->limitOffset);
}

/* (shard1 UNION ALL shard2 UNION ALL ...), or the only one. */
static Query *
union_of(List *queries)
{
	Query *all = makeNode(Query);
	Node *tree = NULL;
	ListCell *cell;

	if (list_length(queries) == 1)
		return linitial(queries);
	all->commandType = CMD_SELECT;
	all->canSetTag = true;
	all->jointree = makeFromExpr(NIL, NULL);
	foreach (cell, linitial_node(Query, queries)->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		all->targetList =
			lappend(all->targetList, makeTargetEntry((Expr *) makeVarFromTargetEntry(1, entry),
													 entry->resno, pstrdup(entry->resname), false));
	}
	foreach (cell, queries)
	{
		RangeTblRef *ref = makeNode(RangeTblRef);
		SetOperationStmt *both;
		ListCell *column;

		all->rtable = lappend(all->rtable, shard_subquery(lfirst(cell), "shard"));
		ref->rtindex = list_length(all->rtable);
		if (tree == NULL)
		{
			tree = (Node *) ref;
			continue;
		}
		both = makeNode(SetOperationStmt);
		both->op = SETOP_UNION;
		both->all = true;
		both->larg = tree;
		both->rarg = (Node *) ref;
		foreach (column, all->targetList)
		{
			Node *expr = (Node *) lfirst_node(TargetEntry, column)->expr;

			both->colTypes = lappend_oid(both->colTypes, exprType(expr));
			both->colTypmods = lappend_int(both->colTypmods, exprTypmod(expr));
			both->colCollations = lappend_oid(both->colCollations, exprCollation(expr));
		}
		tree = (Node *) both;
	}
	all->setOperations = tree;
	return all;
}

static void
add_table(Query *query, RangeTblEntry *rte, bool lateral)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	rte->lateral = lateral;
	query->rtable = lappend(query->rtable, rte);
	ref->rtindex = list_length(query->rtable);
	query->jointree->fromlist = lappend(query->jointree->fromlist, ref);
}

/* The subqueries for the partitions; NIL if the query cannot be split. */
static List *
shard_queries(Shards *shards, List *parts)
{
	Query *query = shards->query;
	int depth = list_length(parts) > 1 ? 2 : 1;
	List *entries = (List *) shard_ship((Node *) query->targetList, shards);
	List *queries = NIL;
	ListCell *cell;

	shards->limit = shard_hoist(shard_limit(shards), shards);
	shards->returned = (List *) shard_hoist((Node *) shards->shipped, shards);
	shards->condition = shard_hoist(query->jointree->quals, shards);
	if (shards->failed || shards->limit == NULL)
		return NIL;
	foreach (cell, parts)
		queries = lappend(queries, shard_query(shards, lfirst(cell), depth));
	query->targetList = entries;
	return queries;
}

static void
split_query(Query *query, Split *split)
{
	Shards shards = {.query = query};
	List *parts;
	List *queries;

	if (!is_candidate(query))
		return;
	while (is_selection(rt_fetch(only_table(query), query->rtable)))
		pull_up_selection(query);
	shards.table = only_table(query);
	shards.rows_rti = list_length(query->rtable) + 1;
	shards.values_rti = shards.rows_rti + 1;
	shards.root = shard_root(rt_fetch(shards.table, query->rtable), split->params);
	if (!find_order(&shards))
		return;
	parts = shard_tables(query, shards.table, split->params);
	if (parts == NIL)
		return;
	queries = shard_queries(&shards, parts);
	if (queries == NIL)
		return;
	query->jointree = makeFromExpr(NIL, NULL);
	add_table(query, shard_subquery(union_of(queries), "shards"), shards.values != NIL);
	if (shards.values != NIL)
		add_table(query, shard_values(&shards), false);
	if (list_length(parts) > 1)
		sort_by(query, plus_zero(sorted_by(query)));
	split->done = true;
}

static bool
split_queries(Node *node, void *split)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, split_queries, split);
	split_query((Query *) node, split);
	return query_tree_walker((Query *) node, split_queries, split, 0);
}

Query *
shards_split(Query *parse, ParamListInfo params)
{
	Split split = {.params = params};

	if (!has_candidate((Node *) parse, NULL))
		return NULL;
	parse = copyObject(parse);
	(void) split_queries((Node *) parse, &split);
	return split.done ? parse : NULL;
}
