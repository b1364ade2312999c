/*
 * shard_tables.c: the partitions that a query needs.
 *
 * The planner prunes partitions of the tables that it expands itself; of a query that names them
 * one by one it prunes none. So its pruning is asked here, for each level of partitions, with the
 * values of parameters if they are known.
 *
 * A condition that could leave out partitions when the query runs, by a value that is not known
 * yet, is worth more than anything else: such a query stays as it is.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "compat.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"
#include "partitioning/partdesc.h"
#include "partitioning/partprune.h"
#include "planner/shards.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

typedef struct Search
{
	Relation top; /* the table that the query names */
	ParamListInfo params;
	List *tables;
	bool has_remote;
	bool waits; /* more is known when the query runs */
} Search;

PlannerInfo *
shard_root(RangeTblEntry *rte, ParamListInfo params)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->parse = makeNode(Query);
	root->parse->commandType = CMD_SELECT;
	root->parse->rtable = list_make1(rte);
	root->glob = makeNode(PlannerGlobal);
	root->glob->boundParams = params;
	root->query_level = 1;
	root->planner_cxt = CurrentMemoryContext;
	return root;
}

static bool
is_later_known(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) || IsA(node, SubLink) ||
		(IsA(node, Var) && ((Var *) node)->varlevelsup > 0))
		return true;
	return expression_tree_walker(node, is_later_known, arg);
}

/*
 * May a comparison leave out partitions? x <> y leaves out next to nothing, and hashes tell equal
 * values only.
 */
static bool
may_prune(Node *condition, char strategy)
{
	Oid opno = IsA(condition, OpExpr) ? ((OpExpr *) condition)->opno : InvalidOid;
	Oid type = OidIsValid(opno) ? exprType(linitial(((OpExpr *) condition)->args)) : InvalidOid;
	Oid negator = OidIsValid(opno) ? get_negator(opno) : InvalidOid;

	if (!OidIsValid(opno))
		return true;
	if (strategy == PARTITION_STRATEGY_HASH)
		return op_hashjoinable(opno, type);
	return !OidIsValid(negator) || !op_mergejoinable(negator, type);
}

/* Is one of these columns of the partition key?  Of a key that has an expression any may be. */
static bool
has_key(PartitionKey key, List *vars)
{
	ListCell *cell;

	foreach (cell, vars)
		for (int i = 0; i < key->partnatts; i++)
			if (key->partattrs[i] == 0 || key->partattrs[i] == lfirst_node(Var, cell)->varattno)
				return true;
	return false;
}

/* Does a condition compare a partition key with what is not known before the query runs? */
static bool
may_prune_later(Relation rel, List *conditions)
{
	PartitionKey key = RelationGetPartitionKey(rel);
	ListCell *cell;

	foreach (cell, conditions)
	{
		Node *condition = lfirst(cell);

		if (may_prune(condition, key->strategy) &&
			(is_later_known(condition, NULL) || contain_mutable_functions(condition)) &&
			has_key(key, pull_vars_of_level(condition, 0)))
			return true;
	}
	return false;
}

static ShardTable *
table_of(Relation rel, Relation top)
{
	TupleDesc desc = RelationGetDescr(rel);
	ShardTable *table = palloc0(sizeof(ShardTable));

	table->relid = RelationGetRelid(rel);
	table->relkind = rel->rd_rel->relkind;
	table->map = BUILD_ATTRMAP(desc, RelationGetDescr(top));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		table->columns =
			lappend(table->columns,
					makeString(pstrdup(column->attisdropped ? "" : NameStr(column->attname))));
	}
	return table;
}

/* Adds the partitions of a table.  conditions are on its columns, as number 1. */
static void
add_partitions(Search *search, Relation rel, List *conditions)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	PlannerInfo *root = shard_root(rte, search->params);
	RelOptInfo *info;
	PartitionDesc desc;
	Bitmapset *live;
	int i = -1;

	check_stack_depth();
	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = AccessShareLock;
	rte->inh = true;
	SET_CHECKED_USER(root->parse, rte, InvalidOid);
	setup_simple_rel_arrays(root);
	info = build_simple_rel(root, 1, NULL);
	conditions = make_ands_implicit((Expr *) canonicalize_qual(
		(Expr *) eval_const_expressions(root, (Node *) make_ands_explicit(conditions)), false));
	if (may_prune_later(rel, conditions))
		search->waits = true;
	info->baserestrictinfo = conditions;
	live = prune_append_rel_partitions(info);
	desc = PartitionDirectoryLookup(root->glob->partition_directory, rel);
	while ((i = bms_next_member(live, i)) >= 0)
	{
		Relation child = table_open(desc->oids[i], AccessShareLock);

		if (child->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
			add_partitions(search, child,
						   map_partition_varattnos(copyObject(conditions), 1, child, rel));
		else
			search->tables = lappend(search->tables, table_of(child, search->top));
		search->has_remote |= child->rd_rel->relkind == RELKIND_FOREIGN_TABLE;
		/* the lock stays, as the planner's would */
		table_close(child, NoLock);
	}
	DestroyPartitionDirectory(root->glob->partition_directory);
}

List *
shard_tables(const Query *query, Index table, ParamListInfo params)
{
	Relation rel = table_open(rt_fetch(table, query->rtable)->relid, AccessShareLock);
	Search search = {.top = rel, .params = params};
	Node *condition = copyObject(query->jointree->quals);

	ChangeVarNodes(condition, table, 1, 0);
	add_partitions(&search, rel, condition == NULL ? NIL : list_make1(condition));
	table_close(rel, NoLock);
	return search.has_remote && !search.waits ? search.tables : NIL;
}
