/*
 * filtered_path.c: when the planner is offered a filtered scan, and the plan of one.
 *
 * Most queries for the nearest rows have a WHERE, and other indexes know which rows meet it.
 * PostgreSQL can make a bitmap of these rows out of indexes of any kind, ANDed and ORed, but a
 * bitmap has no order. A filtered scan has both: the rows of the bitmap, in the order of an index
 * of ours.
 *
 * The bitmap is the one that PostgreSQL itself would scan the table by. It is not among the table's
 * paths any more if another path was cheaper, so it is asked for once more, for a copy of the table
 * without other paths and with plain index scans disabled. Conditions on columns of other tables
 * are no part of it: what is in the order of a distance is of no use on the inner side of a join.
 *
 * The plan of the bitmap heap scan is made by PostgreSQL, too. Of it the filtered scan takes the
 * bitmap, the conditions to recheck, and the filter that is left: which has all that the bitmap
 * does not imply, in the order in which security barriers want it.
 */
#include "postgres.h"

#include "am/am.h"
#include "column/own.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "planner/filtered.h"
#include "planner/missing.h"
#include "planner/path.h"

int hnsw_filtered_scan = FILTERED_SCAN_ON;

/* Cost that is added to a last resort: see cost.c. */
#define LAST_RESORT_COST 1.0e9

OpExpr *
filtered_distance(const CustomScan *plan)
{
	return linitial_node(OpExpr, plan->custom_exprs);
}

List *
filtered_conditions(const CustomScan *plan)
{
	return (List *) lsecond(plan->custom_exprs);
}

Oid
filtered_index(const CustomScan *plan)
{
	return linitial_oid(linitial(plan->custom_private));
}

double
filtered_limit(const CustomScan *plan)
{
	return floatVal(lsecond(plan->custom_private));
}

bool
is_filtered_scan(const Plan *plan)
{
	return plan != NULL && IsA(plan, CustomScan) &&
		   ((const CustomScan *) plan)->methods == &filtered_scan_methods;
}

/* The table's indexes that a bitmap can be made of. */
static List *
bitmap_indexes(const RelOptInfo *rel)
{
	List *indexes = NIL;
	ListCell *cell;

	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, cell);

		if (info->amhasgetbitmap && !own_index(info))
			indexes = lappend(indexes, info);
	}
	return indexes;
}

/* The bitmap by which PostgreSQL would scan a table; NULL if there is none. */
static Path *
find_bitmap(PlannerInfo *root, RelOptInfo *rel, List *indexes)
{
	RelOptInfo *copy = makeNode(RelOptInfo);
	bool saved = enable_indexscan;
	ListCell *cell;

	*copy = *rel;
	copy->indexlist = indexes;
	copy->pathlist = NIL;
	copy->partial_pathlist = NIL;
	copy->consider_parallel = false;
	copy->joininfo = NIL;
	copy->has_eclass_joins = false;
	PG_TRY();
	{
		enable_indexscan = false;
		create_index_paths(root, copy);
	}
	PG_FINALLY();
	{
		enable_indexscan = saved;
	}
	PG_END_TRY();
	foreach (cell, copy->pathlist)
	{
		Path *path = lfirst(cell);

		if (IsA(path, BitmapHeapPath) && path->param_info == NULL)
			return ((BitmapHeapPath *) path)->bitmapqual;
	}
	return NULL;
}

/* The plan of a bitmap heap scan, below what PostgreSQL has put on it. */
static BitmapHeapScan *
bitmap_plan(Plan *plan)
{
	/*
	 * a condition that is the same for all rows is asked above, and will be above the filtered scan
	 * as well
	 */
	while (IsA(plan, Result) && plan->lefttree != NULL)
		plan = plan->lefttree;
	return castNode(BitmapHeapScan, plan);
}

static Plan *
filtered_plan(PlannerInfo *root, RelOptInfo *rel, struct CustomPath *path, List *tlist,
			  List *clauses, List *plans)
{
	CustomScan *scan = makeNode(CustomScan);
	BitmapHeapScan *bitmap = bitmap_plan(linitial(plans));

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = bitmap->scan.plan.qual;
	scan->scan.scanrelid = rel->relid;
	scan->flags = path->flags;
	scan->custom_plans = list_make1(bitmap->scan.plan.lefttree);
	scan->custom_exprs = list_make2(linitial(path->custom_private), bitmap->bitmapqualorig);
	scan->custom_private = lsecond(path->custom_private);
	scan->methods = &filtered_scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods filtered_path_methods = {
	.CustomName = "HNSW Filtered Scan",
	.PlanCustomPath = filtered_plan,
};

static void
add_filtered_path(PlannerInfo *root, RelOptInfo *rel, IndexPath *plain, Path *bitmap)
{
	CustomPath *path = makeNode(CustomPath);
	PathUse use = missing_use(root, plain);
	Path *heap;

	if (use == PATH_NEVER)
		return;
	heap = (Path *) create_bitmap_heap_path(root, rel, bitmap, NULL, 1.0, 0);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.rows = rel->rows;
	path->path.pathkeys = plain->path.pathkeys;
	filtered_cost(root, plain, bitmap, use == PATH_LAST_RESORT ? LAST_RESORT_COST : 0, &path->path);
	if (hnsw_filtered_scan == FILTERED_SCAN_FORCE)
		path->path.startup_cost = path->path.total_cost = 0;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(heap);
	path->custom_private =
		list_make2(linitial(plain->indexorderbys),
				   list_make2(list_make1_oid(plain->indexinfo->indexoid),
							  makeFloat(psprintf("%.0f", Max(root->limit_tuples, 0)))));
	path->methods = &filtered_path_methods;
	add_path(rel, &path->path);
}

void
filtered_paths_add(PlannerInfo *root, RelOptInfo *rel)
{
	List *indexes = NIL;
	Path *bitmap = NULL;
	ListCell *cell;

	if (hnsw_filtered_scan == FILTERED_SCAN_OFF || !enable_bitmapscan ||
		root->query_pathkeys == NIL || rel->baserestrictinfo == NIL ||
		!bms_is_empty(rel->lateral_relids))
		return;
	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, cell);
		IndexPath *plain;

		/* the rows of a key are a set already, with a graph of its own */
		if (!own_index(info) || own_vector_column(info) > 0 ||
			(info->indpred != NIL && !info->predOK))
			continue;
		plain = path_by_distance(root, rel, info);
		if (plain == NULL)
			continue;
		if (indexes == NIL)
			indexes = bitmap_indexes(rel);
		if (indexes != NIL && bitmap == NULL)
			bitmap = find_bitmap(root, rel, indexes);
		if (bitmap == NULL)
			return;
		add_filtered_path(root, rel, plain, bitmap);
	}
}
