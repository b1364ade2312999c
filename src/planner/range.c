/*
 * range.c: queries for all rows within a distance.
 *
 *   SELECT count(*) FROM t WHERE v <-> $1 < 0.5
 *   SELECT id FROM t WHERE 1 - (v <=> $1) > 0.9 ORDER BY created DESC LIMIT 10
 *   SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE a.v <=> b.v < 0.05)
 *
 * No order asks for an index here, and rightly so: a scan returns the nearest rows and ends behind
 * the bound (cutoff.c), but rows that it does not find are missing. A count would be approximate in
 * silence. So these queries read the whole table, unless hnsw.range_scan is on. Then each condition
 * that bounds a distance from above gets a path in the order of that distance. Its cost is that of
 * the rows expected within the bound, which are counted by a search (within.c) where the vector and
 * the bound are known, so that bounds which many rows pass are left to a sequential scan.
 *
 * Where the bound is a condition of a join the path is one for the inner side of a nested loop.
 */
#include "postgres.h"

#include "access/genam.h"
#include "am/am.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "column/own.h"
#include "compat.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "planner/bound.h"
#include "planner/expression.h"
#include "planner/missing.h"
#include "planner/path.h"
#include "planner/range.h"
#include "utils/float.h"

/*
 * The share of rows expected within a bound that is not known yet: what the planner takes for a
 * range of values.
 */
#define UNKNOWN_SHARE 0.005
/* Of the rows of all tables, more than this are not expected to be joined with. */
#define MAX_LOOPS 1.0e6

bool hnsw_range_scan = false;

/* A condition that bounds the distance of an index's rows from above. */
typedef struct RangeBound
{
	Bound bound;
	OpExpr *distance;
	double operands[CHAIN_MAX_STEPS];
	bool lets_nulls_pass;
	bool lets_zeros_pass; /* as NaN, which is greater than any number */
} RangeBound;

/*
 * Is a condition such a bound? What the distance is from and what it is compared with may be
 * columns of other tables.
 */
static bool
find_range(Node *condition, IndexOptInfo *index, RangeBound *range)
{
	Shape shape;

	if (!bound_find(condition, &range->bound) || contain_volatile_functions(condition) ||
		contain_subplans(range->bound.value) ||
		bms_is_member(index->rel->relid, pull_varnos(NULL, range->bound.value)))
		return false;
	range->distance = path_distance(&range->bound.chain.call, index);
	if (range->distance == NULL)
		return false;
	chain_constants(&range->bound.chain, range->operands);
	if (!chain_shape(&range->bound.chain, range->operands, &shape) ||
		range->bound.is_less == shape.decreasing)
		return false;
	range->lets_nulls_pass = shape.nulls != NULLS_STAY;
	range->lets_zeros_pass = shape.decreasing;
	return true;
}

/*
 * What a path by a distance says its order is, where nobody asks for that: a constant, which any
 * rows are in the order of. A plan needs some order of a float8 for the scan's. Its own would be
 * the distance from what may be a column of another table, or of a partition, and the planner would
 * try to keep it above, where it cannot be computed.
 */
static PathKey *
order_of_nothing(PlannerInfo *root)
{
	Const *constant = makeConst(FLOAT8OID, -1, InvalidOid, sizeof(float8),
								Float8GetDatum(get_float8_nan()), false, FLOAT8PASSBYVAL);

	return linitial_node(
		PathKey, BUILD_EXPRESSION_PATHKEY(root, (Expr *) constant, Float8LessOperator, NULL));
}

/* How often the inner side of a join with tables is asked for, at most. */
static double
loops_of(const PlannerInfo *root, const Bitmapset *outer)
{
	double loops = 1;
	int table = -1;

	while ((table = bms_next_member(outer, table)) >= 0)
		if (root->simple_rel_array[table] != NULL)
			loops *= Max(root->simple_rel_array[table]->rows, 1.0);
	return Min(loops, MAX_LOOPS);
}

/*
 * The planner takes a third of all rows to be within a bound. It would hope to meet one soon by
 * reading the table: whether there is any is then asked by a sequential scan. So what is expected
 * of an index's path is told of the table's others.
 */
static void
correct_rows(RelOptInfo *rel, RestrictInfo *rinfo, double share)
{
	double factor;
	ListCell *cell;

	if (!(rinfo->norm_selec > share))
		return;
	factor = share / rinfo->norm_selec;
	rinfo->norm_selec = share;
	rel->rows = clamp_row_est(rel->rows * factor);
	foreach (cell, rel->pathlist)
		((Path *) lfirst(cell))->rows = clamp_row_est(((Path *) lfirst(cell))->rows * factor);
	foreach (cell, rel->partial_pathlist)
		((Path *) lfirst(cell))->rows = clamp_row_est(((Path *) lfirst(cell))->rows * factor);
}

/* A path by an index for a condition on its table, or on it and others. */
static void
add_range_path(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index, RestrictInfo *rinfo)
{
	Relids outer = bms_difference(rinfo->clause_relids, rel->relids);
	RangeBound range;
	IndexPath *path;

	if (rinfo->pseudoconstant || !find_range((Node *) rinfo->clause, index, &range))
		return;
	outer = bms_add_members(outer, rel->lateral_relids);
	path = create_index_path(root, index, NIL, list_make1(range.distance), list_make1_int(0),
							 list_make1(order_of_nothing(root)), ForwardScanDirection, false,
							 bms_is_empty(outer) ? NULL : outer, loops_of(root, outer), false);
	if (!range_ends(root, path))
		return;
	if (bms_is_empty(outer) && index->indpred == NIL)
	{
		double before = rel->rows;

		correct_rows(rel, rinfo, range_rows(root, path) / Max(index->tuples, 1.0));
		path->path.rows *= rel->rows / before;
	}
	add_path(rel, (Path *) path);
}

void
range_paths_add(PlannerInfo *root, RelOptInfo *rel)
{
	ListCell *cell;

	if (!hnsw_range_scan)
		return;
	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
		ListCell *condition;

		if (!own_index(index) || own_vector_column(index) > 0 ||
			(index->indpred != NIL && !index->predOK))
			continue;
		foreach (condition, rel->baserestrictinfo)
			add_range_path(root, rel, index, lfirst_node(RestrictInfo, condition));
		foreach (condition, rel->joininfo)
			if (join_clause_is_movable_to(lfirst_node(RestrictInfo, condition), rel))
				add_range_path(root, rel, index, lfirst_node(RestrictInfo, condition));
	}
}

/* Looks among conditions for one that bounds the distance that a path is in the order of. */
static bool
find_in_conditions(List *conditions, const IndexPath *path, RangeBound *range)
{
	ListCell *cell;

	foreach (cell, conditions)
		if (find_range((Node *) lfirst_node(RestrictInfo, cell)->clause, path->indexinfo, range) &&
			equal(range->distance, linitial(path->indexorderbys)))
			return true;
	return false;
}

static bool
find_bound(const IndexPath *path, RangeBound *range)
{
	const ParamPathInfo *param = path->path.param_info;

	return find_in_conditions(path->indexinfo->rel->baserestrictinfo, path, range) ||
		   (param != NULL && find_in_conditions(param->ppi_clauses, path, range));
}

bool
range_ends(PlannerInfo *root, const IndexPath *path)
{
	RangeBound range;
	MissingRows missing;

	/* a scan that may not go on would end before the bound */
	if (!hnsw_range_scan || !enable_indexscan || own_vector_column(path->indexinfo) > 0 ||
		is_scan_cut(path->indexinfo) || !find_bound(path, &range))
		return false;
	if (!range.lets_nulls_pass && !range.lets_zeros_pass)
		return true;
	missing = missing_rows(root, path->indexinfo, linitial(range.distance->args));
	return !(range.lets_nulls_pass && missing.nulls) && !(range.lets_zeros_pass && missing.zeros);
}

/* The value of an expression if it is known; NULL if not. */
static const Const *
known_value(PlannerInfo *root, Node *expr)
{
	const Const *value = (const Const *) estimate_expression_value(root, expr);

	return IsA(value, Const) && !value->constisnull ? value : NULL;
}

/* The farthest distance within a bound, as far as it is known; false if it is not. */
static bool
known_distance(PlannerInfo *root, RangeBound *range, double *distance)
{
	const Const *value = known_value(root, range->bound.value);
	const Chain *chain = &range->bound.chain;

	if (value == NULL)
		return false;
	for (int i = 0; i < chain->nsteps; i++)
	{
		const Const *operand =
			chain->steps[i].operand ? known_value(root, chain->steps[i].operand) : NULL;

		if (chain->steps[i].operand == NULL)
			continue;
		if (operand == NULL)
			return false;
		range->operands[i] = chain_operand(operand->consttype, operand->constvalue);
	}
	*distance = chain_farthest(chain, range->operands, range->bound.is_less,
							   chain_operand(value->consttype, value->constvalue));
	return true;
}

double
range_rows(PlannerInfo *root, const IndexPath *path)
{
	const IndexOptInfo *index = path->indexinfo;
	double unknown = Max(index->tuples * UNKNOWN_SHARE, 1.0);
	RangeBound range;
	const Const *query;
	double distance;
	double rows;
	Relation relation;

	if (!find_bound(path, &range))
		return index->tuples;
	query = known_value(root, lsecond(range.distance->args));
	if (query == NULL || !known_distance(root, &range, &distance))
		return unknown;
	/* the planner holds a lock */
	relation = index_open(index->indexoid, NoLock);
	rows = index_rows_within(relation, query->constvalue, distance);
	index_close(relation, NoLock);
	return Min(rows, index->tuples);
}
