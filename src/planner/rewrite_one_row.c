/*
 * rewrite_one_row.c: orders by the distance from what a table of one row has.
 *
 *   WITH taste AS (SELECT avg(v) AS v FROM liked) SELECT id FROM t, taste ORDER BY t.v <=> taste.v LIMIT 20
 *   SELECT b.id FROM t a JOIN t b ON b.id <> a.id WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 20
 *
 * An index can deliver the order of distances from a value, but for the planner these are distances between the columns of
 * two tables: it would join, measure and sort all rows.  With one row at most there is one value, which a query can be
 * asked for beforehand:
 *
 *   ... ORDER BY t.v <=> (SELECT v FROM taste) LIMIT 20
 *   ... ORDER BY (SELECT v FROM t WHERE id = 7) <=> b.v LIMIT 20
 *
 * If there is no row the value is null, and nothing is to be sorted.  Since a scan for the distance from null would go
 * through the whole index all the same, it becomes a condition of the query that there is a row.  A subquery in FROM
 * becomes a WITH query first, so that it still is evaluated once.
 *
 * A query has one row at most if it aggregates without groups, has nothing in its FROM or LIMIT 1, or fixes all columns of
 * a unique index of the only table there; a table, if the query that it is in does.  Nothing is done where an outer join
 * may put nulls in the row's place, or for tables with row level security.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "planner/expression.h"
#include "planner/rewrite.h"
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
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A table in FROM that has one row at most, and how its value is asked for. */
typedef struct OneRow
{
	Query *query;
	Index table;
	List *conditions; /* a table's own: what makes it one row */
	bool may_be_none; /* no row, even */
	Var *column;      /* of it, that has been asked for */
} OneRow;

/* What an expression is, but for its type's name: varchar as text. */
static void *
relabeled(Node *expr)
{
	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return expr;
}

/* Is a condition that a column of a table equals a constant, by this operator family? */
static bool
fixes_column(Node *condition, Index table, AttrNumber column, Oid family, Oid collation)
{
	OpExpr *op = (OpExpr *) condition;
	Var *var;
	Node *value;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2 ||
		get_op_opfamily_strategy(op->opno, family) != BTEqualStrategyNumber || op->inputcollid != collation)
		return false;
	var = relabeled(linitial(op->args));
	value = lsecond(op->args);
	if (!IsA(var, Var))
	{
		var = relabeled(lsecond(op->args));
		value = linitial(op->args);
	}
	return IsA(var, Var) && var->varno == table && var->varlevelsup == 0 && var->varattno == column &&
		   is_constant(value);
}

/* The conditions by which a unique index allows one row of a table at most; NIL if it does not. */
static List *
fixed_by_index(Relation index, const List *conditions, Index table)
{
	const Form_pg_index form = index->rd_index;
	List *fixing = NIL;

	/* others are unique in ways of their own: periods that do not overlap */
	if (index->rd_rel->relam != BTREE_AM_OID || !form->indisunique || !form->indisvalid || !form->indimmediate ||
		RelationGetIndexPredicate(index) != NIL)
		return NIL;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		ListCell *cell;
		Node *found = NULL;

		foreach (cell, conditions)
			if (form->indkey.values[i] != 0 && fixes_column(lfirst(cell), table, form->indkey.values[i],
															index->rd_opfamily[i], index->rd_indcollation[i]))
				found = lfirst(cell);
		if (found == NULL)
			return NIL;
		fixing = lappend(fixing, found);
	}
	return fixing;
}

/* The conditions by which a query allows one row of one of its tables at most; NIL if it does not. */
static List *
fixed_by_any_index(const Query *query, Index table)
{
	const RangeTblEntry *rte = rt_fetch(table, query->rtable);
	List *conditions = conditions_of(query);
	List *fixing = NIL;
	Relation relation;
	ListCell *cell;

	/* the rows of tables that inherit are in indexes of their own */
	if (rte->tablesample != NULL || rte->securityQuals != NIL || conditions == NIL ||
		(rte->inh && rte->relkind != RELKIND_PARTITIONED_TABLE && has_subclass(rte->relid)))
		return NIL;
	/* whoever has the query holds a lock */
	relation = table_open(rte->relid, NoLock);
	foreach (cell, RelationGetIndexList(relation))
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		fixing = fixed_by_index(index, conditions, table);
		index_close(index, AccessShareLock);
		if (fixing != NIL)
			break;
	}
	table_close(relation, NoLock);
	return fixing;
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

/* Has a query's answer one row at most, and is it planned apart from the query around it? */
static bool
has_one_row(const Query *query)
{
	const FromExpr *from = query->jointree;
	const RangeTblRef *only;

	if (query->commandType != CMD_SELECT || query->setOperations != NULL || query->hasTargetSRFs ||
		query->groupClause != NIL || query->groupingSets != NIL || query->rowMarks != NIL)
		return false;
	if (query->hasAggs || is_limited_to_one(query))
		return true;
	/* without volatile functions the planner does it by itself */
	if (from->fromlist == NIL)
		return contain_volatile_functions((Node *) query);
	only = linitial(from->fromlist);
	return list_length(from->fromlist) == 1 && IsA(only, RangeTblRef) &&
		   rt_fetch(only->rtindex, query->rtable)->rtekind == RTE_RELATION &&
		   fixed_by_any_index(query, only->rtindex) != NIL;
}

/* May the answer of has_one_row() be none? */
static bool
may_be_none(const Query *query)
{
	return query->havingQual != NULL || query->limitCount != NULL || query->limitOffset != NULL ||
		   (!query->hasAggs && (query->jointree->fromlist != NIL || query->jointree->quals != NULL));
}

/* Is a table of a query's FROM one whose columns no outer join makes null? */
static bool
is_joined_inside(Node *node, Index table)
{
	const JoinExpr *join = (const JoinExpr *) node;
	ListCell *cell;

	if (IsA(node, RangeTblRef))
		return ((RangeTblRef *) node)->rtindex == table;
	if (IsA(node, FromExpr))
	{
		foreach (cell, ((FromExpr *) node)->fromlist)
			if (is_joined_inside(lfirst(cell), table))
				return true;
		return false;
	}
	if (!IsA(node, JoinExpr))
		return false;
	return ((join->jointype == JOIN_INNER || join->jointype == JOIN_LEFT) && is_joined_inside(join->larg, table)) ||
		   ((join->jointype == JOIN_INNER || join->jointype == JOIN_RIGHT) && is_joined_inside(join->rarg, table));
}

/* Has a table of a query's FROM one row at most? */
static bool
find_one_row(Query *query, Index table, OneRow *found)
{
	const RangeTblEntry *rte = rt_fetch(table, query->rtable);
	const CommonTableExpr *cte = cte_of(query, rte);
	const Query *from = NULL;

	*found = (OneRow){.query = query, .table = table, .may_be_none = true};
	if (rte->securityQuals != NIL || !is_joined_inside((Node *) query->jointree, table))
		return false;
	if (rte->rtekind == RTE_RELATION)
	{
		found->conditions = fixed_by_any_index(query, table);
		return found->conditions != NIL;
	}
	if (rte->rtekind == RTE_SUBQUERY && !rte->lateral && !rte->security_barrier && !OidIsValid(rte->relid))
		from = rte->subquery;
	else if (cte != NULL && !cte->cterecursive && !rte->self_reference && IsA(cte->ctequery, Query))
		from = (const Query *) cte->ctequery;
	if (from == NULL || !has_one_row(from))
		return false;
	found->may_be_none = may_be_none(from);
	return true;
}

/* A subquery in FROM becomes a WITH query. */
static void
name_subquery(Query *query, RangeTblEntry *rte)
{
	CommonTableExpr *cte = makeNode(CommonTableExpr);
	ListCell *cell;

	cte->ctename = psprintf("one row %d", list_length(query->cteList) + 1);
	while (cte_named(query, cte->ctename) != NULL)
		cte->ctename = psprintf("%s'", cte->ctename);
	cte->ctematerialized = CTEMaterializeDefault;
	cte->ctequery = (Node *) rte->subquery;
	cte->location = -1;
	cte->cterefcount = 1;
	cte->ctecolnames = copyObject(rte->eref->colnames);
	foreach (cell, rte->subquery->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (entry->resjunk)
			continue;
		cte->ctecoltypes = lappend_oid(cte->ctecoltypes, exprType((Node *) entry->expr));
		cte->ctecoltypmods = lappend_int(cte->ctecoltypmods, exprTypmod((Node *) entry->expr));
		cte->ctecolcollations = lappend_oid(cte->ctecolcollations, exprCollation((Node *) entry->expr));
	}
	query->cteList = lappend(query->cteList, cte);
	rte->rtekind = RTE_CTE;
	rte->subquery = NULL;
	rte->ctename = cte->ctename;
	rte->ctelevelsup = 0;
	rte->self_reference = false;
	rte->coltypes = copyObject(cte->ctecoltypes);
	rte->coltypmods = copyObject(cte->ctecoltypmods);
	rte->colcollations = copyObject(cte->ctecolcollations);
}

/* (SELECT column FROM table WHERE conditions), as an expression or a condition */
static Node *
ask(OneRow *row, SubLinkType type)
{
	RangeTblEntry *rte = rt_fetch(row->table, row->query->rtable);
	RangeTblRef *reference = makeNode(RangeTblRef);
	SubLink *link = makeNode(SubLink);
	Query *query = makeNode(Query);
	Var *column = copyObject(row->column);

	if (rte->rtekind == RTE_SUBQUERY)
		name_subquery(row->query, rte);
	if (rte->rtekind == RTE_CTE)
	{
		/* asked twice, evaluated once */
		cte_of(row->query, rte)->ctematerialized = CTEMaterializeDefault;
		cte_of(row->query, rte)->cterefcount++;
	}
	rte = copyObject(rte);
	rte->ctelevelsup = rte->rtekind == RTE_CTE ? 1 : 0;
	reference->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	COPY_PERMISSIONS(rte, row->query, query);
	query->jointree = makeFromExpr(list_make1(reference), NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) column, 1, pstrdup("value"), false));
	if (row->conditions != NIL)
	{
		query->jointree->quals = (Node *) make_ands_explicit(copyObject(row->conditions));
		/* a snapshot may be older than the index and see rows that were gone before it */
		if (type == EXPR_SUBLINK)
			query->limitCount =
				(Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64), Int64GetDatum(1), false, FLOAT8PASSBYVAL);
	}
	ChangeVarNodes((Node *) query->jointree->quals, (int) row->table, 1, 0);
	ChangeVarNodes((Node *) query->targetList, (int) row->table, 1, 0);
	link->subLinkType = type;
	link->subselect = (Node *) query;
	link->location = -1;
	row->query->hasSubLinks = true;
	return (Node *) link;
}

static Node *
with_value(Node *expr, void *arg)
{
	OneRow *row = arg;

	if (expr == NULL)
		return NULL;
	if (IsA(expr, Var) && ((Var *) expr)->varno == row->table && ((Var *) expr)->varlevelsup == 0)
	{
		row->column = (Var *) expr;
		return ask(row, EXPR_SUBLINK);
	}
	return expression_tree_mutator(expr, with_value, arg);
}

/* The table of a query's FROM, of two, that has one row at most, where the other one may have an index. */
static bool
choose_one_row(Query *query, Bitmapset *tables, OneRow *row)
{
	int table = -1;

	while ((table = bms_next_member(tables, table)) >= 0)
	{
		Bitmapset *rest = bms_del_member(bms_copy(tables), table);
		const RangeTblEntry *other = rt_fetch(bms_singleton_member(rest), query->rtable);

		if (other->rtekind == RTE_RELATION && find_one_row(query, table, row))
			return true;
	}
	return false;
}

void
order_by_value(Query *query)
{
	Node *expr = sorted_by(query);
	Bitmapset *tables;
	OneRow row;

	if (expr == NULL || !has_distance(expr) || contain_volatile_functions(expr) || contain_subplans(expr))
		return;
	tables = pull_varnos(NULL, expr);
	if (bms_num_members(tables) != 2 || !choose_one_row(query, tables, &row))
		return;
	sort_by(query, with_value(expr, &row));
	if (row.may_be_none)
		query->jointree->quals = make_and_qual(query->jointree->quals, ask(&row, EXISTS_SUBLINK));
}
