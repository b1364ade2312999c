/*
 * missing.c: rows that an index leaves out, and which paths may do without them.
 *
 * The planner takes a path of ours for one that delivers all rows.  If some may be missing, that is
 * made up for here:
 *
 * - A query level with a LIMIT, or a cursor, takes the nearest rows and stops. It may go by the
 *   index. Where fewer rows than it asks for have a vector, those without one are missing from the
 *   end of its answer. That is said in the documentation, and is so with pgvector, too. If the
 *   planner expects that the LIMIT is not met, the path is a last resort.
 * - So it is for a level that sorts all its rows and does not stop. A sort finds all of them and is
 *   cheaper.
 * - Steps that look at more rows than are near would give wrong answers for the rows that are
 *   there: window functions that see what comes behind a row (count(*) OVER (), ntile), WITH TIES,
 *   DISTINCT, grouping. They never get the path, unless they only look back and a LIMIT stops them.
 *   If nothing is missing it is right for them, too, but a last resort where they look at all rows.
 * - A filter that speaks of the vector and lets nulls pass (v IS NULL, (v <-> $1 < 1) IS NOT FALSE)
 *   asks for rows that are not in the index. The path is never for it.
 *
 * - With hnsw.range_scan, a path that ends at a bound of the distance has all that is asked for.
 *
 * An index is taken to leave out none if its meta page says so, and nulls are also excluded by the
 * column's definition or by the filter. By its settings a scan may also end before it has returned
 * all rows of the index: then the steps that look at more rows do without any.
 */
#include "postgres.h"

#include <limits.h>

#include "access/genam.h"
#include "access/table.h"
#include "am/am.h"
#include "code/metric.h"
#include "column/element.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "parser/parsetree.h"
#include "planner/expression.h"
#include "planner/missing.h"
#include "planner/range.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

/* An indexed expression, and a column that stands for it where it is not one. */
typedef struct Element
{
	Node *expr;
	Var *column;
} Element;

static Node *
with_column(Node *expr, void *arg)
{
	Element *element = arg;

	if (expr == NULL)
		return NULL;
	if (equal(expr, element->expr))
		return (Node *) copyObject(element->column);
	return expression_tree_mutator(expr, with_column, arg);
}

/*
 * The conditions on a table's rows, in which a column stands for the indexed expression: *column.
 */
static List *
filter_of(const RelOptInfo *rel, Node *expr, Var **column)
{
	List *clauses = extract_actual_clauses(rel->baserestrictinfo, false);
	Element element;

	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (IsA(expr, Var))
	{
		*column = (Var *) expr;
		return clauses;
	}
	element.expr = expr;
	element.column = *column =
		makeVar(rel->relid, rel->max_attr + 1, exprType(expr), -1, InvalidOid, 0);
	return (List *) with_column((Node *) clauses, &element);
}

/* Is a column NOT NULL? */
static bool
is_not_null(PlannerInfo *root, const RelOptInfo *rel, const Var *column)
{
	Relation table;
	bool yes;

	if (column->varattno < 1 || column->varattno > rel->max_attr)
		return false;
	/* the planner holds a lock */
	table = table_open(planner_rt_fetch(rel->relid, root)->relid, NoLock);
	yes = IS_NOT_NULL_COLUMN(rel, table, column->varattno);
	table_close(table, NoLock);
	return yes;
}

MissingRows
missing_rows(PlannerInfo *root, const IndexOptInfo *index, Node *element)
{
	/* the planner holds a lock */
	Relation relation = index_open(index->indexoid, NoLock);
	NodeId entry;
	uint16 flags = index_state_get(relation, &entry)->flags;
	MissingRows missing = {.nulls = !(flags & META_NO_NULL),
						   .zeros = !(flags & META_NO_ZERO) &&
									code_metric(element_type(relation)->metric)->is_angular};

	index_close(relation, NoLock);
	if (missing.nulls)
	{
		Var *column;
		List *filter = filter_of(index->rel, element, &column);

		missing.nulls = !IS_NONNULLABLE(column, find_nonnullable_vars((Node *) filter)) &&
						!is_not_null(root, index->rel, column);
	}
	return missing;
}

/* Does the filter speak of a column without excluding nulls in it? */
static bool
is_let_pass(List *filter, const Var *column)
{
	Bitmapset *columns = NULL;

	pull_varattnos((Node *) filter, column->varno, &columns);
	return bms_is_member(column->varattno - FirstLowInvalidHeapAttributeNumber, columns) &&
		   !IS_NONNULLABLE(column, find_nonnullable_vars((Node *) filter));
}

/* May rows without a vector pass a filter that speaks of the vector? */
static bool
filter_wants_nulls(const IndexOptInfo *index, Node *element)
{
	Var *column;
	List *filter = filter_of(index->rel, element, &column);
	ListCell *cell;

	if (is_let_pass(filter, column))
		return true;
	/* and of the columns that it is computed from */
	foreach (cell, pull_var_clause(element, PVC_RECURSE_PLACEHOLDERS))
		if (is_let_pass(filter, lfirst(cell)))
			return true;
	return false;
}

/*
 * Is a query level read to its end at no time? Its LIMIT or that of the query around it sees to
 * that, or a cursor.
 */
static bool
is_stopped(const PlannerInfo *root)
{
	if (root->tuple_fraction <= 0)
		return false;
	/* a subquery of an expression is given a fraction that does not mean that it stops */
	return root->parse->limitCount != NULL || root->query_level == 1 || root->tuple_fraction >= 1 ||
		   (root->parent_root != NULL && root->tuple_fraction == root->parent_root->tuple_fraction);
}

/* Do rows get to the end of a query level in the order in which its tables deliver them? */
static bool
keeps_order(const PlannerInfo *root)
{
	return root->sort_pathkeys == NIL || root->query_pathkeys == NIL ||
		   linitial(root->sort_pathkeys) == linitial(root->query_pathkeys);
}

/* Does a window function know no row behind the current one and those that are equal to it? */
static bool
function_looks_back(const WindowFunc *function)
{
	if (function->winagg)
		return true;
	switch (function->winfnoid)
	{
		case F_ROW_NUMBER:
		case F_RANK_:
		case F_DENSE_RANK_:
		case F_LAG_ANYELEMENT:
		case F_LAG_ANYELEMENT_INT4:
		case F_LAG_ANYCOMPATIBLE_INT4_ANYCOMPATIBLE:
		case F_LEAD_ANYELEMENT: /* by a step that is fixed */
		case F_FIRST_VALUE:
		case F_LAST_VALUE:
		case F_NTH_VALUE:
			return true;
		default:
			return false;
	}
}

static bool
find_forward_function(Node *expr, void *arg)
{
	if (expr == NULL)
		return false;
	if (IsA(expr, WindowFunc) && !function_looks_back((WindowFunc *) expr))
		return true;
	return expression_tree_walker(expr, find_forward_function, arg);
}

/*
 * Do a level's window functions look back only? Rows that are equal in a window's order are seen
 * together: so the order has to be the distance, as far as there is one, which is that of all
 * windows if there are several.
 */
static bool
windows_look_back(const Query *query)
{
	const Node *order = NULL;
	ListCell *cell;

	foreach (cell, query->windowClause)
	{
		const WindowClause *window = lfirst_node(WindowClause, cell);
		Node *first;

		if (window->partitionClause != NIL ||
			(window->frameOptions & FRAMEOPTION_END_UNBOUNDED_FOLLOWING))
			return false;
		if (window->orderClause == NIL)
		{
			if (window->frameOptions & (FRAMEOPTION_RANGE | FRAMEOPTION_GROUPS))
				return false;
			continue;
		}
		first = get_sortgroupclause_expr(linitial(window->orderClause), query->targetList);
		if (order != NULL && !equal(order, first))
			return false;
		order = first;
	}
	return !find_forward_function((Node *) query->targetList, NULL);
}

bool
is_scan_cut(const IndexOptInfo *index)
{
	/* the planner holds a lock */
	Relation relation = index_open(index->indexoid, NoLock);
	ScanSettings settings = settings_of(relation);

	index_close(relation, NoLock);
	return settings.iterative_scan == ITERATIVE_SCAN_OFF || settings.max_scan_tuples < INT_MAX;
}

/* Does a query level group its rows? */
static bool
is_grouped(const PlannerInfo *root)
{
	const Query *query = root->parse;

	return query->groupClause != NIL || query->groupingSets != NIL || query->hasAggs ||
		   root->hasHavingQual;
}

/* Does a step of the query level look at more rows than come first? */
static bool
looks_at_all(const PlannerInfo *root)
{
	const Query *query = root->parse;
	bool grouped = is_grouped(root);

	if (!grouped && query->distinctClause == NIL && !query->hasWindowFuncs)
		return false;
	return !is_stopped(root) || !keeps_order(root) || (grouped && root->group_pathkeys == NIL) ||
		   (query->hasWindowFuncs && !windows_look_back(query));
}

/* Is an index's table all that a query level reads? */
static bool
is_alone(const PlannerInfo *root, const IndexOptInfo *index)
{
	return index->rel->reloptkind == RELOPT_BASEREL &&
		   bms_equal(index->rel->relids, root->all_baserels);
}

/*
 * Is a LIMIT met, by the planner's estimate, by rows that an index has? Not known where tables are
 * joined.
 */
static bool
is_limit_met(const PlannerInfo *root, const IndexOptInfo *index)
{
	const RelOptInfo *rel = index->rel;
	double passing =
		rel->tuples > 0 ? index->tuples * Min(rel->rows / rel->tuples, 1.0) : index->tuples;

	return !is_alone(root, index) || root->limit_tuples <= passing;
}

/*
 * May the last rows of a LIMIT's WITH TIES be rows that are missing? Without a filter a table has
 * as many rows as its index, which may have been counted some time ago.
 */
static bool
has_last_ties(const PlannerInfo *root, const IndexOptInfo *index)
{
	return root->parse->limitOption == LIMIT_OPTION_WITH_TIES &&
		   !(is_alone(root, index) && index->rel->baserestrictinfo == NIL &&
			 root->limit_tuples > 0 && 2 * root->limit_tuples <= index->tuples);
}

PathUse
missing_use(PlannerInfo *root, const IndexPath *path)
{
	const IndexOptInfo *index = path->indexinfo;
	Node *element = linitial(linitial_node(OpExpr, path->indexorderbys)->args);
	bool at_all = looks_at_all(root);
	/* these may be without the rows that come last, which a LIMIT does not say */
	bool at_last = at_all || is_grouped(root) || has_last_ties(root, index);
	bool for_nulls = filter_wants_nulls(index, element);
	bool to_end = !is_stopped(root) || !is_limit_met(root, index);
	MissingRows missing = {.nulls = true, .zeros = true};

	if ((!at_last && !for_nulls && !to_end) || range_ends(root, path))
		return PATH_FREE;
	/*
	 * a user who goes without the index, perhaps because it is damaged, is not to be told of its
	 * pages
	 */
	if (enable_indexscan)
		missing = missing_rows(root, index, element);
	if (at_last && (missing.nulls || missing.zeros || is_scan_cut(index)))
		return PATH_NEVER;
	if (for_nulls && missing.nulls)
		return PATH_NEVER;
	return at_all || (to_end && (missing.nulls || missing.zeros)) ? PATH_LAST_RESORT : PATH_FREE;
}
