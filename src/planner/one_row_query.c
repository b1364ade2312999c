/*
 * one_row_query.c: how the columns of a table of one row are asked for; see one_row.h.
 *
 *   (SELECT column FROM table WHERE conditions LIMIT 1)
 *
 * What is moved into the subquery is one level farther in than it was. Columns of other tables in
 * it, which have one row as well, become subqueries of their own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "planner/one_row.h"
#include "rewrite/rewriteManip.h"

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
		cte->ctecolcollations =
			lappend_oid(cte->ctecolcollations, exprCollation((Node *) entry->expr));
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

/*
 * What is moved into a subquery of its query: columns of other tables become values, and subqueries
 * see the WITH queries one level farther out.
 */
static Node *
move_inside(Node *node, void *arg)
{
	const OneRow *row = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, SubLink))
	{
		node = copyObject(node);
		IncrementVarSublevelsUp(node, 1, 0);
		return node;
	}
	if (IsA(node, Var) && ((Var *) node)->varno != row->table)
	{
		ListCell *cell;

		foreach (cell, row->keys)
			if (((OneRow *) lfirst(cell))->table == ((Var *) node)->varno)
			{
				node = one_row_value(lfirst(cell), (Var *) node);
				IncrementVarSublevelsUp(node, 1, 0);
				return node;
			}
	}
	return expression_tree_mutator(node, move_inside, arg);
}

/* SELECT column FROM table WHERE conditions */
static Query *
make_query(const OneRow *row, Node *column)
{
	Query *outer = row->level->query;
	RangeTblEntry *rte = rt_fetch(row->table, outer->rtable);
	RangeTblRef *reference = makeNode(RangeTblRef);
	Query *query = makeNode(Query);

	if (rte->rtekind == RTE_SUBQUERY)
		name_subquery(outer, rte);
	if (rte->rtekind == RTE_CTE)
	{
		/* asked twice, evaluated once */
		CommonTableExpr *cte = cte_named(level_of_cte(row->level, rte)->query, rte->ctename);

		cte->ctematerialized = CTEMaterializeDefault;
		cte->cterefcount++;
	}
	rte = copyObject(rte);
	if (rte->rtekind == RTE_CTE)
		rte->ctelevelsup++;
	reference->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	COPY_PERMISSIONS(rte, outer, query);
	query->jointree = makeFromExpr(list_make1(reference), NULL);
	query->targetList = list_make1(makeTargetEntry((Expr *) column, 1, pstrdup("value"), false));
	if (row->conditions != NIL)
	{
		query->jointree->quals = (Node *) make_ands_explicit(
			(List *) move_inside((Node *) row->conditions, (void *) row));
		query->hasSubLinks = checkExprHasSubLink(query->jointree->quals);
	}
	ChangeVarNodes(query->jointree->quals, (int) row->table, 1, 0);
	ChangeVarNodes((Node *) query->targetList, (int) row->table, 1, 0);
	return query;
}

static Node *
make_sublink(const OneRow *row, Query *query, SubLinkType type)
{
	SubLink *link = makeNode(SubLink);

	link->subLinkType = type;
	link->subselect = (Node *) query;
	link->location = -1;
	row->level->query->hasSubLinks = true;
	return (Node *) link;
}

Node *
one_row_value(const OneRow *row, const Var *column)
{
	Var *copy = castNode(Var, copyObjectImpl(column));
	Query *query;

	CLEAR_NULLING(copy);
	query = make_query(row, (Node *) copy);
	/* a snapshot may be older than the index and see rows that were gone before it */
	if (row->conditions != NIL)
		query->limitCount = (Node *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
											   Int64GetDatum(1), false, FLOAT8PASSBYVAL);
	return make_sublink(row, query, EXPR_SUBLINK);
}

Node *
one_row_exists(const OneRow *row)
{
	return make_sublink(row, make_query(row, makeBoolConst(true, false)), EXISTS_SUBLINK);
}
