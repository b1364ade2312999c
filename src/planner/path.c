/*
 * path.c: index paths for orders that are the distance's in other words.
 *
 * The planner asks an index for the order of a query where that is the bare distance, ascending.  Many queries say it in
 * another way, for which it would sort the whole table:
 *
 * - by a similarity: ORDER BY 1 - (v <=> $1) DESC.  Any row that is nearer is at least as similar, as each step from the
 *   distance to the similarity keeps the order or turns it around, rounding included.
 * - by a function: ORDER BY cosine_distance(v, $1), which is what the operator calls, or inner_product(v, $1) DESC.
 * - by more than the distance: ORDER BY v <-> $1, id.  An index that delivers the first part leaves an incremental sort of
 *   the rows that are equally far.  From 17 on the planner sees that itself, for the bare distance.
 *
 * So where a table has an index of ours and the first part of the order is such an expression, a path is added that says
 * so.  It competes with the others by its cost; the scan is the same.
 *
 * An index has no rows whose vector is null, nor, for cosine, those without a direction, whose distance is NaN.  As for the
 * planner's own paths these may be missing at the end of an order, but not where they would come first, as they do in a
 * descending order.  There the vector has to be known not to be null, by the column's definition, by the query's filter, or
 * because the index has never left out such a row; and it must never have left out one without a direction.
 */
#include "postgres.h"

#include <math.h>

#include "am/am.h"
#include "planner/expression.h"
#include "planner/missing.h"
#include "planner/planner.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* The sign of a constant: -1, 0 where it is none that is known and finite, or 1. */
static int
sign_of(const Node *expr)
{
	const Const *constant = (const Const *) expr;
	double value;

	if (!IsA(expr, Const) || constant->constisnull || constant->consttype != FLOAT8OID)
		return 0;
	value = DatumGetFloat8(constant->constvalue);
	return isfinite(value) ? (value > 0) - (value < 0) : 0;
}

/*
 * Is that the distance of an index's rows from something, or the similarity?  Returns the distance by the operator that
 * the index delivers the order of; NULL if the expression is something else.
 */
static OpExpr *
match_call(Node *expr, IndexOptInfo *info, OwnRole role)
{
	const char *fault;
	DistanceCall call;
	Oid opno;
	OpExpr *distance;

	if (!distance_call(expr, &call) || call.function.role != role || call.function.type != info->opcintype[0] ||
		call.function.element != own_class(info->opfamily[0], info->opcintype[0], &fault))
		return NULL;
	if (!match_index_to_operand(call.left, 0, info))
	{
		Node *right = call.right;

		call.right = call.left;
		call.left = right;
	}
	if (!match_index_to_operand(call.left, 0, info) || !is_fixed(call.right))
		return NULL;
	opno = get_opfamily_member(info->opfamily[0], info->opcintype[0], info->opcintype[0], HNSWC_DISTANCE_STRATEGY);
	distance = (OpExpr *) make_opclause(opno, FLOAT8OID, false, (Expr *) call.left, (Expr *) call.right, InvalidOid,
										call.collation);
	distance->opfuncid = get_opcode(opno);
	return distance;
}

/* Are all distances of an index positive or 0?  Negative inner products need not be. */
static bool
is_never_negative(const IndexOptInfo *info)
{
	const char *fault;
	const ElementType *type = own_class(info->opfamily[0], info->opcintype[0], &fault);

	return type != NULL && type->metric != CODE_IP;
}

/* Is that a distance and a positive constant? */
static bool
is_positive(Node *expr, IndexOptInfo *info)
{
	OpExpr *op = (OpExpr *) expr;

	if (!IsA(expr, OpExpr) || op->opfuncid != F_FLOAT8PL || !is_never_negative(info))
		return false;
	return (sign_of(linitial(op->args)) > 0 && match_call(lsecond(op->args), info, OWN_DISTANCE) != NULL) ||
		   (sign_of(lsecond(op->args)) > 0 && match_call(linitial(op->args), info, OWN_DISTANCE) != NULL);
}

/* What a quotient is a monotonic function of: what a constant divides, or the positive thing that a constant is divided by. */
static Node *
take_quotient(Node *expr, IndexOptInfo *info, bool *reversed)
{
	Node *left = linitial(((OpExpr *) expr)->args);
	Node *right = llast(((OpExpr *) expr)->args);
	bool divides = sign_of(right) != 0;
	int sign = divides ? sign_of(right) : -sign_of(left);

	if (sign == 0 || (!divides && !is_positive(right, info)))
		return NULL;
	*reversed ^= sign < 0;
	return divides ? left : right;
}

/*
 * What an expression is a monotonic function of, *reversed turned around if it is a decreasing one; NULL if it is not
 * known to be one of anything.
 */
static Node *
take_monotonic_step(Node *expr, IndexOptInfo *info, bool *reversed)
{
	StepKind kind;
	Node *operand;
	Node *inner;

	if (IsA(expr, FuncExpr) && (arguments_of(expr, F_FLOAT4_FLOAT8) || arguments_of(expr, F_FLOAT8_FLOAT4)))
		return linitial(((FuncExpr *) expr)->args);
	if (IsA(expr, OpExpr) && ((OpExpr *) expr)->opfuncid == F_FLOAT8DIV)
		return take_quotient(expr, info, reversed);
	inner = take_step(expr, &kind, &operand);
	if (inner == NULL || (kind == STEP_MULTIPLY && sign_of(operand) == 0))
		return NULL;
	*reversed ^= kind == STEP_SUBTRACT_FROM || (kind == STEP_MULTIPLY && sign_of(operand) < 0);
	return inner;
}

/* The distance that an expression goes by; *reversed is set if the expression is the less, the greater that is. */
static OpExpr *
distance_within(Node *expr, IndexOptInfo *info, bool *reversed)
{
	*reversed = false;
	while (expr != NULL)
	{
		OpExpr *distance = match_call(expr, info, OWN_DISTANCE);

		if (distance != NULL)
			return distance;
		distance = match_call(expr, info, OWN_SIMILARITY);
		if (distance != NULL)
		{
			*reversed = !*reversed;
			return distance;
		}
		expr = take_monotonic_step(expr, info, reversed);
	}
	return NULL;
}

/* Are no rows missing from an index that would come first in an order? */
static bool
is_complete(PlannerInfo *root, const IndexOptInfo *info, const OpExpr *distance, bool nulls_first, bool reversed)
{
	MissingRows missing;

	if (!nulls_first && !reversed)
		return true;
	missing = missing_rows(root, info, linitial(distance->args));
	return !(nulls_first && missing.nulls) && !(reversed && missing.zeros);
}

/*
 * Has the planner made the path by itself?  Before 17 it does so for the whole of an order only, and later for as many
 * parts as are distances, of which a scan can deliver the first alone (hnswcostestimate).
 */
static bool
is_native(const PlannerInfo *root, const PathKey *key, const Node *expr, const OpExpr *distance)
{
	return IsA(expr, OpExpr) && ((const OpExpr *) expr)->opno == distance->opno && !key->pk_nulls_first &&
		   list_length(root->query_pathkeys) == 1;
}

static void
add_path_of(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *info)
{
	PathKey *key = linitial_node(PathKey, root->query_pathkeys);
	MEMBER_ITERATOR members;
	EquivalenceMember *member;

	MEMBERS_BEGIN(&members, key->pk_eclass, rel);
	while ((member = MEMBERS_NEXT(&members, key->pk_eclass)) != NULL)
	{
		Node *expr = (Node *) member->em_expr;
		bool reversed;
		OpExpr *distance = bms_equal(member->em_relids, rel->relids) ? distance_within(expr, info, &reversed) : NULL;

		if (distance == NULL || reversed == PATHKEY_IS_ASCENDING(key) || is_native(root, key, expr, distance))
			continue;
		/* its order is that of float8 and float4, not one that somebody has made up */
		if (get_op_opfamily_sortfamily(distance->opno, info->opfamily[0]) != key->pk_opfamily)
			continue;
		if (!is_complete(root, info, distance, key->pk_nulls_first, reversed))
			continue;
		add_path(rel, (Path *) create_index_path(root, info, NIL, list_make1(distance), list_make1_int(0),
												 list_make1(key), ForwardScanDirection, false, NULL, 1.0, false));
		return;
	}
}

void
paths_add(PlannerInfo *root, RelOptInfo *rel, const RangeTblEntry *rte)
{
	ListCell *cell;

	if (!enable_indexscan || root->query_pathkeys == NIL || rte->rtekind != RTE_RELATION || rte->tablesample != NULL ||
		IS_DUMMY_REL(rel) || !bms_is_empty(rel->lateral_relids))
		return;
	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, cell);

		if (own_index(info) && (info->indpred == NIL || info->predOK))
			add_path_of(root, rel, info);
	}
}
