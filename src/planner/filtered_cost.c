/*
 * filtered_cost.c: what a filtered scan costs, for the planner.
 *
 * The bitmap, and then what the scan will do with it by rank/filter_model.h: each of its rows is
 * measured, or the graph is walked. All of that comes before the first row. A row that is returned
 * is measured exactly and fetched from the table, like that of a plain scan. Or what a plain scan
 * costs, if that is less: a filtered scan begins as one where a LIMIT takes few rows.
 */
#include "postgres.h"

#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "planner/cost.h"
#include "planner/filtered.h"
#include "rank/filter_model.h"
#include "utils/spccache.h"

/*
 * Making the bitmap of a row whose page has no other, and taking it from there, beyond what
 * PostgreSQL charges for the index that it is from, in cpu_index_tuple_cost: 0.2 us.
 */
#define BITMAP_TUPLES 8.0

/*
 * A scan that begins without the bitmap is a plain one with a way out, which is worth so much: the
 * estimate of a plain one takes rows that pass to be as many around the query as elsewhere.
 */
#define PLAIN_SHARE 0.95
/*
 * Estimates of a few rows are often too low by far. A sort of many takes several times as long as a
 * filtered scan, which takes as long for a few. So it counts for so much.
 */
#define BITMAP_SHARE 0.9

/* The nodes that the scan visits before its first row. */
static double
filtered_visits(const PlannerInfo *root, const ScanModel *scan, double rows)
{
	FilterModel model = {.rows = scan->rows,
						 .wanted = rows,
						 .m = scan->m,
						 .ef_search = scan->ef_search,
						 .mapped = scan->mapped};

	if (root->limit_tuples > 0)
		model.limit = root->limit_tuples;
	return filter_walks(&model) ? filter_walk_visits(&model) : filter_measure_visits(&model);
}

/* Of a scan that begins with the bitmap. */
static void
bitmap_way_cost(PlannerInfo *root, const IndexPath *plain, Path *bitmap, Cost *startup, Cost *total)
{
	const RelOptInfo *rel = plain->indexinfo->rel;
	Selectivity selectivity;
	Cost bitmap_cost;
	ScanModel model;
	double rows;
	double visits;
	double pages;
	double random_cost;
	double heap_pages;

	scan_model_read(&model, plain->indexinfo);
	cost_bitmap_tree_node(bitmap, &bitmap_cost, &selectivity);
	rows = clamp_row_est(selectivity * rel->tuples);
	visits = filtered_visits(root, &model, rows);
	get_tablespace_page_costs(plain->indexinfo->reltablespace, &random_cost, NULL);
	pages = index_pages_fetched(visits, model.pages, model.pages, root);

	*startup = bitmap_cost + rows * BITMAP_TUPLES * cpu_index_tuple_cost +
			   scan_prepare_cost(root, plain) + pages * scan_page_cost(&model, random_cost) +
			   visits * model.visit_cost + Min(rows, model.ef_search) * scan_rerank_cost();
	get_tablespace_page_costs(rel->reltablespace, &random_cost, NULL);
	heap_pages = index_pages_fetched(rows, rel->pages, rel->pages, root);
	*total = *startup + rel->baserestrictcost.startup + heap_pages * random_cost +
			 rows * (scan_rerank_cost() + cpu_tuple_cost + rel->baserestrictcost.per_tuple);
}

/* What the first rows of so many cost that a LIMIT takes. */
static Cost
cost_at_limit(const PlannerInfo *root, double rows, Cost startup, Cost total)
{
	return startup + (total - startup) * Min(root->limit_tuples / Max(rows, 1), 1);
}

void
filtered_cost(PlannerInfo *root, const IndexPath *plain, Path *bitmap, Cost penalty, Path *path)
{
	Cost startup;
	Cost total;

	bitmap_way_cost(root, plain, bitmap, &startup, &total);
	path->startup_cost = startup * BITMAP_SHARE + penalty;
	path->total_cost = total * BITMAP_SHARE + penalty;
	startup = plain->path.startup_cost * PLAIN_SHARE;
	total = plain->path.total_cost * PLAIN_SHARE;
	if (root->limit_tuples > 0 &&
		cost_at_limit(root, path->rows, startup, total) <
			cost_at_limit(root, path->rows, path->startup_cost, path->total_cost))
	{
		path->startup_cost = startup;
		path->total_cost = total;
	}
}
