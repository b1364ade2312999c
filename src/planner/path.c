/*
 * path.c: index paths for orders that are the distance's in other words.
 *
 * The planner asks an index for the order of a query where that is the bare distance, ascending.
 * Many queries say it in another way, for which it would sort the whole table:
 *
 * - by a value that goes by the distance (chain.h): ORDER BY 1 - (v <=> $1) DESC,
 *   cosine_distance(v, $1), inner_product(v, $1) DESC, round((1 / (1 + (v <-> $1)))::numeric, 3)
 *   DESC.
 * - by more than the distance: ORDER BY v <-> $1, id. An index that delivers the first part leaves
 *   an incremental sort of the rows that are equally far. From 17 on the planner sees that itself,
 *   for the bare distance.
 *
 * So where a table has an index of ours and the first part of the order is such an expression, a
 * path is added that says so. It competes with the others by its cost; the scan is the same.
 *
 * Values that many rows share (rounded ones) are left to the index only if nothing comes after them
 * and a LIMIT takes the first: else all rows of a value would have to be read before the first is
 * returned.
 *
 * An index has no rows whose vector is null, nor, for cosine, those without a direction, whose
 * distance is NaN. As for the planner's own paths these may be missing at the end of an order, but
 * not where they would come first or in between, as they do in a descending order or by coalesce(v
 * <=> $1, 0). There the vector has to be known not to be null, by the column's definition, by the
 * query's filter, or because the index has never left out such a row; and it must never have left
 * out one without a direction. Rows with values computed from NaN come after all others in
 * ascending order.
 */
#include "postgres.h"

#include "am/am.h"
#include "catalog/pg_type.h"
#include "column/own.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "planner/chain.h"
#include "planner/expression.h"
#include "planner/key_paths.h"
#include "planner/missing.h"
#include "planner/path.h"
#include "utils/lsyscache.h"

OpExpr *
path_distance(const DistanceCall *call, IndexOptInfo *info)
{
	const char *fault;
	Node *row = call->left;
	Node *query = call->right;
	Oid opno;
	int column = own_vector_column(info);
	Oid type = info->opcintype[column];
	OpExpr *distance;

	if (call->function.type != type ||
		call->function.element != own_class(info->opfamily[column], type, &fault))
		return NULL;
	if (!match_index_to_operand(row, column, info))
	{
		row = call->right;
		query = call->left;
	}
	if (!match_index_to_operand(row, column, info) || contain_volatile_functions(query) ||
		contain_subplans(query) || bms_is_member(info->rel->relid, pull_varnos(NULL, query)))
		return NULL;
	opno = get_opfamily_member(info->opfamily[column], type, type, HNSWC_DISTANCE_STRATEGY);
	distance = (OpExpr *) make_opclause(opno, FLOAT8OID, false, (Expr *) row, (Expr *) query,
										InvalidOid, call->collation);
	distance->opfuncid = get_opcode(opno);
	return distance;
}

/* Are no rows missing from an index that would not come last in an order? */
static bool
is_complete(PlannerInfo *root, const IndexOptInfo *info, const OpExpr *distance, const Shape *shape,
			bool nulls_first)
{
	bool needs_nulls =
		shape->nulls == NULLS_ANYWHERE || (shape->nulls == NULLS_STAY && nulls_first);
	MissingRows missing;

	if (!needs_nulls && !shape->decreasing)
		return true;
	missing = missing_rows(root, info, linitial(distance->args));
	return !(needs_nulls && missing.nulls) && !(shape->decreasing && missing.zeros);
}

/* Does a query level take the first rows of its order, of which there is nothing more to say? */
static bool
takes_first(const PlannerInfo *root)
{
	const Query *query = root->parse;

	return list_length(root->query_pathkeys) == 1 && list_length(root->sort_pathkeys) == 1 &&
		   query->limitCount != NULL && query->limitOption == LIMIT_OPTION_COUNT &&
		   !query->hasWindowFuncs && query->distinctClause == NIL && query->groupClause == NIL;
}

/*
 * Has the planner made the path by itself? Before 17 it does so for the whole of an order only, and
 * later for as many parts as are distances, of which a scan can deliver the first alone
 * (hnswcostestimate).
 */
static bool
is_native(const PlannerInfo *root, const PathKey *key, const Node *expr, const OpExpr *distance)
{
	return IsA(expr, OpExpr) && ((const OpExpr *) expr)->opno == distance->opno &&
		   !key->pk_nulls_first && list_length(root->query_pathkeys) == 1;
}

OpExpr *
path_order(PlannerInfo *root, IndexOptInfo *info, const PathKey *key, Node *expr)
{
	double operands[CHAIN_MAX_STEPS];
	Chain chain;
	Shape shape;
	OpExpr *distance;

	if (!chain_find(expr, &chain))
		return NULL;
	distance = path_distance(&chain.call, info);
	/*
	 * its order is that of floats, not one that somebody has made up, nor that of numeric:
	 * rewrite.c sees to these
	 */
	if (distance == NULL || !is_fixed(lsecond(distance->args)) ||
		key->pk_opfamily != default_order((Node *) distance))
		return NULL;
	chain_constants(&chain, operands);
	if (!chain_shape(&chain, operands, &shape) || shape.decreasing == PATHKEY_IS_ASCENDING(key))
		return NULL;
	if ((shape.coarse && !takes_first(root)) ||
		!is_complete(root, info, distance, &shape, key->pk_nulls_first))
		return NULL;
	return distance;
}

/*
 * The distance in whose order an index's rows are in the first part of the query's; NULL if they
 * are not. *native: the planner sees that, too.
 */
static OpExpr *
first_order(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *info, bool *native)
{
	PathKey *key = linitial_node(PathKey, root->query_pathkeys);
	MEMBER_ITERATOR members;
	EquivalenceMember *member;
	OpExpr *first = NULL;

	*native = false;
	MEMBERS_BEGIN(&members, key->pk_eclass, rel);
	while ((member = MEMBERS_NEXT(&members, key->pk_eclass)) != NULL)
	{
		Node *expr = (Node *) member->em_expr;
		OpExpr *distance =
			bms_equal(member->em_relids, rel->relids) ? path_order(root, info, key, expr) : NULL;

		if (distance == NULL)
			continue;
		if (first == NULL)
			first = distance;
		*native |= is_native(root, key, expr, distance);
	}
	return first;
}

/* NULL if the query does not say what the index's key columns are. */
static IndexPath *
make_path(PlannerInfo *root, IndexOptInfo *info, OpExpr *distance)
{
	List *clauses;

	if (!key_clauses(root, info, &clauses))
		return NULL;
	return create_index_path(
		root, info, clauses, list_make1(distance), list_make1_int(own_vector_column(info)),
		list_make1(linitial(root->query_pathkeys)), ForwardScanDirection, false, NULL, 1.0, false);
}

IndexPath *
path_by_distance(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *info)
{
	bool native;
	OpExpr *distance = first_order(root, rel, info, &native);

	return distance != NULL ? make_path(root, info, distance) : NULL;
}

static void
add_path_of(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *info)
{
	bool native;
	OpExpr *distance = first_order(root, rel, info, &native);

	IndexPath *path = NULL;

	/* what the planner sees it may not see with some conditions on key columns: see key_paths.c */
	if (distance != NULL && (!native || own_vector_column(info) > 0))
		path = make_path(root, info, distance);
	if (path != NULL)
		add_path(rel, (Path *) path);
}

void
paths_add(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell *cell;

	if (root->query_pathkeys == NIL || !bms_is_empty(rel->lateral_relids))
		return;
	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, cell);

		if (own_index(info) && (info->indpred == NIL || info->predOK))
			add_path_of(root, rel, info);
	}
}
