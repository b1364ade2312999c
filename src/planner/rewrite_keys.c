/*
 * rewrite_keys.c: conditions on other tables that give a few keys.
 *
 *   WHERE doc_id IN (SELECT id FROM docs WHERE owner = 5) ORDER BY embedding <-> $1 LIMIT 10
 *   WHERE EXISTS (SELECT 1 FROM docs d WHERE d.id = doc_id AND d.owner = 5) ...
 *   FROM chunks c JOIN docs d ON d.id = c.doc_id WHERE d.owner = 5 ...
 *
 * To the planner these are joins, and a filtered scan (filtered_path.c) wants a condition on its
 * own table. So the first two become, and the third one gets in addition
 *
 *   doc_id = ANY (ARRAY(SELECT id FROM docs WHERE owner = 5))
 *
 * whose subquery is run once, and whose keys an index on doc_id takes.
 *
 * Why that means the same. In WHERE, null is as good as false. x IN (query) and EXISTS with x = key
 * are true if x equals one of the keys, by the same operator; so is x = ANY (array of the keys), be
 * there nulls among them or not. The operator is strict. A row of an inner join has a partner that
 * meets all conditions on the partner's table alone, whose key is among those of all such partners.
 * Queries that are volatile, that refer to what is around them in any other way, or to tables under
 * row level security (in joins; the other two keep their query as it is) are left alone. The keys
 * have the very type that the operator takes.
 *
 * When it is done. The order has to be a distance of the table, and the table to have an index of
 * ours and one on the column that a bitmap can be made of: otherwise the array would be searched
 * for each row. By the planner's own estimate the query must give no more than MOST_KEYS rows. If
 * that is wrong, all keys are collected all the same, as a hash join would, and each is looked up
 * in the index, which is what the nested loop does that is the alternative.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "am/am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "column/own.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "planner/chain.h"
#include "planner/filtered.h"
#include "planner/rewrite.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * Keys that are collected, by the planner's estimate: looking them up takes a millisecond or two.
 */
#define MOST_KEYS 1000

/* A table that is searched by distance, in its query. */
typedef struct SearchedTable
{
	Query *query;
	int number;
	RangeTblEntry *rte;
} SearchedTable;

/*
 * Refers a part of a query to what is around it, so many levels of queries farther out? WITH
 * queries count, too.
 */
static bool
reaches_out(Node *node, void *arg)
{
	int depth = *(int *) arg;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varlevelsup > depth;
	if (IsA(node, Aggref))
	{
		if (((Aggref *) node)->agglevelsup > depth)
			return true;
	}
	else if (IsA(node, GroupingFunc))
	{
		if (((GroupingFunc *) node)->agglevelsup > depth)
			return true;
	}
	else if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_CTE &&
			   ((RangeTblEntry *) node)->ctelevelsup > depth;
	else if (IsA(node, Query))
	{
		int inner = depth + 1;

		return query_tree_walker((Query *) node, reaches_out, &inner, QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, reaches_out, arg);
}

/* May the query be run by itself, once, and are its keys few? */
static bool
gives_few_keys(Query *keys)
{
	int depth = -1;
	PlannedStmt *plan;

	if (keys->commandType != CMD_SELECT || keys->hasModifyingCTE || keys->rowMarks != NIL ||
		reaches_out((Node *) keys, &depth) || contain_volatile_functions((Node *) keys))
		return false;
	plan = standard_planner(copyObject(keys), NULL, 0, NULL);
	return plan->planTree->plan_rows <= MOST_KEYS;
}

/* Is there an index that a bitmap of a column's values can be made of; and one of ours? */
static bool
has_indexes(const SearchedTable *table, AttrNumber column)
{
	Relation relation = table_open(table->rte->relid, NoLock);
	List *indexes = RelationGetIndexList(relation);
	bool on_column = false;
	bool ours = false;
	ListCell *cell;

	foreach (cell, indexes)
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (own_index_oid(lfirst_oid(cell)))
			ours = true;
		else if (index->indisvalid && index->indkey.values[0] == column &&
				 heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		{
			HeapTuple class = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));

			if (HeapTupleIsValid(class))
			{
				Oid am = ((Form_pg_class) GETSTRUCT(class))->relam;

				on_column |= GetIndexAmRoutineByAmId(am, false)->amgetbitmap != NULL;
				ReleaseSysCache(class);
			}
		}
		ReleaseSysCache(tuple);
	}
	list_free(indexes);
	table_close(relation, NoLock);
	return on_column && ours;
}

/* The column if the expression is one of the table's, so many levels farther out. */
static Var *
column_of(const SearchedTable *table, Node *expr, int levels)
{
	Var *var = (Var *) expr;

	if (!IsA(expr, Var) || var->varno != table->number || var->varlevelsup != levels ||
		var->varattno <= 0)
		return NULL;
	return var;
}

/*
 * column = ANY (ARRAY(keys)); NULL if there is no such array, or if there is nothing to be gained.
 */
static Node *
any_of(const SearchedTable *table, Oid equal, Oid collation, Var *column, Query *keys)
{
	Oid type = exprType((Node *) linitial_node(TargetEntry, keys->targetList)->expr);
	ScalarArrayOpExpr *any;
	SubLink *link;
	Oid left;
	Oid right;

	op_input_types(equal, &left, &right);
	if (left != column->vartype || right != type || !OidIsValid(get_array_type(type)) ||
		OidIsValid(get_element_type(type)) || !op_strict(equal) ||
		!has_indexes(table, column->varattno) || !gives_few_keys(keys))
		return NULL;
	link = makeNode(SubLink);
	link->subLinkType = ARRAY_SUBLINK;
	link->subselect = (Node *) keys;
	link->location = -1;
	any = makeNode(ScalarArrayOpExpr);
	any->opno = equal;
	any->opfuncid = get_opcode(equal);
	any->useOr = true;
	any->inputcollid = collation;
	any->args = list_make2(column, link);
	any->location = -1;
	return (Node *) any;
}

/* column IN (query) */
static Node *
from_in(const SearchedTable *table, const SubLink *link)
{
	OpExpr *equal = (OpExpr *) link->testexpr;
	Query *keys = castNode(Query, link->subselect);
	Var *column;

	if (equal == NULL || !IsA(equal, OpExpr) || list_length(equal->args) != 2 ||
		!IsA(lsecond(equal->args), Param))
		return NULL;
	column = column_of(table, linitial(equal->args), 0);
	if (column == NULL || count_nonjunk_tlist_entries(keys->targetList) != 1)
		return NULL;
	return any_of(table, equal->opno, equal->inputcollid, copyObject(column), copyObject(keys));
}

/*
 * An equality between a column of the table and a key: the operator with the column to the left;
 * InvalidOid if it is none.
 */
static Oid
key_equality(const SearchedTable *table, Node *condition, int levels, Var **column, Node **key)
{
	OpExpr *equal = (OpExpr *) condition;
	Oid opno;

	if (!IsA(condition, OpExpr) || list_length(equal->args) != 2 ||
		!op_mergejoinable(equal->opno, exprType(linitial(equal->args))))
		return InvalidOid;
	opno = equal->opno;
	*column = column_of(table, linitial(equal->args), levels);
	*key = lsecond(equal->args);
	if (*column == NULL)
	{
		opno = get_commutator(opno);
		*column = column_of(table, lsecond(equal->args), levels);
		*key = linitial(equal->args);
	}
	return *column != NULL ? opno : InvalidOid;
}

/* EXISTS (SELECT FROM ... WHERE key = column AND conditions) */
static Node *
from_exists(const SearchedTable *table, const SubLink *link)
{
	Query *query = castNode(Query, link->subselect);
	List *conditions;
	ListCell *cell;

	if (!is_plain(query) || query->hasWindowFuncs || query->cteList != NIL ||
		query->limitCount != NULL || query->limitOffset != NULL)
		return NULL;
	conditions = conjuncts(query->jointree->quals);
	foreach (cell, conditions)
	{
		Var *column;
		Node *key;
		Oid equal = key_equality(table, lfirst(cell), 1, &column, &key);
		int depth = 0;
		Query *keys;

		if (!OidIsValid(equal) || reaches_out(key, &depth))
			continue;
		keys = copyObject(query);
		keys->jointree->quals = (Node *) make_ands_explicit(
			copyObject(list_delete_ptr(list_copy(conditions), lfirst(cell))));
		keys->targetList =
			list_make1(makeTargetEntry(copyObject((Expr *) key), 1, pstrdup("key"), false));
		keys->sortClause = NIL;
		column = copyObject(column);
		column->varlevelsup = 0;
		return any_of(table, equal, ((OpExpr *) lfirst(cell))->inputcollid, column, keys);
	}
	return NULL;
}

/* The tables that are joined by inner joins only, and the conditions of these joins. */
static void
find_inner(Node *node, Bitmapset **tables, List **conditions)
{
	ListCell *cell;

	if (IsA(node, RangeTblRef))
		*tables = bms_add_member(*tables, ((RangeTblRef *) node)->rtindex);
	else if (IsA(node, FromExpr))
	{
		foreach (cell, ((FromExpr *) node)->fromlist)
			find_inner(lfirst(cell), tables, conditions);
		*conditions = list_concat(*conditions, conjuncts(((FromExpr *) node)->quals));
	}
	else if (IsA(node, JoinExpr) && ((JoinExpr *) node)->jointype == JOIN_INNER)
	{
		find_inner(((JoinExpr *) node)->larg, tables, conditions);
		find_inner(((JoinExpr *) node)->rarg, tables, conditions);
		*conditions = list_concat(*conditions, conjuncts(((JoinExpr *) node)->quals));
	}
}

/* Of these conditions, those on one table alone, which may be moved. */
static List *
conditions_on(List *conditions, int number)
{
	List *own = NIL;
	ListCell *cell;

	foreach (cell, conditions)
	{
		Node *condition = lfirst(cell);
		Bitmapset *tables = pull_varnos(NULL, condition);
		int depth = 0;

		if (bms_membership(tables) == BMS_SINGLETON && bms_is_member(number, tables) &&
			!reaches_out(condition, &depth) && !contain_subplans(condition) &&
			!contain_volatile_functions(condition))
			own = lappend(own, condition);
	}
	return own;
}

/* SELECT key FROM table WHERE conditions */
static Query *
partner_query(const Query *outer, int number, const Node *key, const List *conditions)
{
	RangeTblEntry *rte = copyObject(rt_fetch(number, outer->rtable));
	RangeTblRef *reference = makeNode(RangeTblRef);
	Query *query = makeNode(Query);

	reference->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	COPY_PERMISSIONS(rte, outer, query);
	query->jointree = makeFromExpr(list_make1(reference),
								   (Node *) make_ands_explicit(copyObject((List *) conditions)));
	query->targetList =
		list_make1(makeTargetEntry((Expr *) copyObject(key), 1, pstrdup("key"), false));
	ChangeVarNodes(query->jointree->quals, number, 1, 0);
	ChangeVarNodes((Node *) query->targetList, number, 1, 0);
	return query;
}

/*
 * What an inner join with a table that has conditions of its own implies for the table that is
 * searched; NULL if nothing.
 */
static Node *
from_join(const SearchedTable *table)
{
	Bitmapset *tables = NULL;
	List *conditions = NIL;
	ListCell *cell;

	find_inner((Node *) table->query->jointree, &tables, &conditions);
	if (!bms_is_member(table->number, tables))
		return NULL;
	foreach (cell, conditions)
	{
		Var *column;
		Node *key;
		Oid equal = key_equality(table, lfirst(cell), 0, &column, &key);
		const RangeTblEntry *partner;
		List *own;
		int number;

		if (!OidIsValid(equal) || !IsA(key, Var) || ((Var *) key)->varlevelsup != 0)
			continue;
		number = ((Var *) key)->varno;
		partner = rt_fetch(number, table->query->rtable);
		if (number == table->number || !bms_is_member(number, tables) ||
			partner->rtekind != RTE_RELATION || partner->securityQuals != NIL ||
			partner->tablesample != NULL || ((Var *) key)->varattno <= 0)
			continue;
		own = conditions_on(conditions, number);
		if (own != NIL)
			return any_of(table, equal, ((OpExpr *) lfirst(cell))->inputcollid, copyObject(column),
						  partner_query(table->query, number, key, own));
	}
	return NULL;
}

/*
 * The table whose distance a query is ordered by; false if it is none, or that of several tables.
 */
static bool
find_searched(Query *query, SearchedTable *table)
{
	Node *expr = sorted_by(query);
	Bitmapset *tables;

	if (expr == NULL || !has_distance(expr))
		return false;
	tables = pull_varnos(NULL, expr);
	if (!bms_get_singleton_member(tables, &table->number))
		return false;
	table->query = query;
	table->rte = rt_fetch(table->number, query->rtable);
	return table->rte->rtekind == RTE_RELATION;
}

void
filter_by_keys(Query *query)
{
	SearchedTable table;
	List *conditions;
	Node *added;
	bool changed = false;
	ListCell *cell;

	if (hnsw_filtered_scan == FILTERED_SCAN_OFF || !find_searched(query, &table))
		return;
	conditions = list_copy(conjuncts(query->jointree->quals));
	foreach (cell, conditions)
	{
		SubLink *link = lfirst(cell);
		Node *any = NULL;

		if (!IsA(link, SubLink))
			continue;
		if (link->subLinkType == ANY_SUBLINK)
			any = from_in(&table, link);
		else if (link->subLinkType == EXISTS_SUBLINK)
			any = from_exists(&table, link);
		if (any == NULL)
			continue;
		lfirst(cell) = any;
		changed = true;
	}
	added = list_length(query->rtable) > 1 ? from_join(&table) : NULL;
	if (added != NULL)
	{
		conditions = lappend(conditions, added);
		query->hasSubLinks = changed = true;
	}
	if (changed)
		query->jointree->quals = (Node *) make_ands_explicit(conditions);
}
