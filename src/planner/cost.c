/*
 * cost.c: what a scan costs, for the planner.
 *
 * The unit is PostgreSQL's, in which visiting a tuple of a cached page costs cpu_tuple_cost = 0.01.
 * Measuring one node takes about as long (some 100 ns), so the estimate is honest where it is about
 * the CPU.
 *
 * Startup is a whole search: the rows of the first hnsw.ef_search candidates cost hardly more. Each
 * row beyond them makes the search go on, at a cost that hardly depends on how many there were
 * before. So the total is startup plus a constant per row, and the planner's interpolation for a
 * LIMIT (over k rows of n, with a filter that keeps a share s: k / (s * n) of the way from startup
 * to total) asks for just the rows that will be fetched. Thus
 * - a LIMIT of a few rows costs the startup: less than reading a table of a thousand vectors,
 * - a filter that keeps few rows makes the index dear, and another index on the filter's column
 *   wins,
 * - ordering the whole table costs more than a sort, which is also exact.
 */
#include "postgres.h"

#include <math.h>

#include "access/detoast.h"
#include "access/genam.h"
#include "access/sysattr.h"
#include "am/am.h"
#include "column/element.h"
#include "compat.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "planner/chain.h"
#include "planner/cost.h"
#include "planner/key_paths.h"
#include "planner/missing.h"
#include "planner/range.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/*
 * Preparing the query and opening the index, in cpu_operator_cost: some 10 us. Lets tiny tables be
 * read as they are.
 */
#define PREPARE_OPERATORS 400
/* How many bytes of a code are measured in the time of an operator (25 ns in these units). */
#define BYTES_PER_OPERATOR 256
/*
 * Re-ranking a candidate from the vectors in the index, in cpu_tuple_cost: 0.4 to 0.7 us when
 * cached.
 */
#define RERANK_TUPLES 4
/*
 * A cached page against one that is read at random: pinning it is all there is to do, and the visit
 * includes most of that.
 */
#define CACHED_PAGE_SHARE 0.005
/* Nodes measured for a row that a search goes on for, in shares of m: 9 to 15 with m = 16. */
#define ROW_VISITS 0.75
/*
 * Values that are wider than this on average are in the table's pages; those in its TOAST table
 * leave a pointer.
 */
#define OUT_OF_LINE_WIDTH (2 * TOAST_POINTER_SIZE)
/* Of a path that is a last resort: more than any plan costs, less than what a user has disabled. */
#define LAST_RESORT_COST 1.0e9
/*
 * Of a path that is good for nothing: above what users have disabled. Not infinity, which sorts
 * would make NaN of.
 */
#define REFUSED_COST 1.0e30
/* Where an index chooses how wide searches are, it is taken to be asked for so many rows. */
#define PLANNED_RANK 10

void
scan_model_read(ScanModel *model, IndexOptInfo *info)
{
	/* the planner holds a lock already */
	Relation index = index_open(info->indexoid, NoLock);
	int dims = Max(element_typmod(index), 1);
	const ElementType *type = element_type(index);
	ScanSettings settings;
	CodeSpec spec = {.dims = type->sketch_dims > 0 ? type->sketch_dims : dims,
					 .metric = type->metric};

	spec.bits = options_bits(index, spec.dims, spec.metric);
	model->rows = Max(info->tuples, 1.0);
	model->pages = Max(info->pages, 1);
	model->m = options_m(index);
	settings = settings_of(index);
	model->ef_search = settings_width(index, &settings, PLANNED_RANK);
	model->mapped = options_row_map(index);
	model->visit_cost = cpu_index_tuple_cost +
						cpu_operator_cost * (1.0 + (double) code_size(&spec) / BYTES_PER_OPERATOR);
	index_close(index, NoLock);
}

/*
 * Nodes that a search measures. It expands ef nodes of up to 2m neighbours each, but in a small
 * graph most have been seen before: the more of the graph they are, the fewer are new.
 */
static double
search_visits(const ScanModel *model)
{
	double links = 2.0 * model->m * model->ef_search;
	double descent = model->m * log(model->rows) / log(model->m);

	return links * model->rows / (links + model->rows) + Min(descent, model->rows);
}

/*
 * A page of the index, on average. Node pages are small and what every search reads, so as many as
 * the cache holds are in it; a table's pages are charged in full though they are often cached too,
 * but its TOASTed vectors not at all, and those would cost a sequential scan ten times what it is
 * charged.
 */
Cost
scan_page_cost(const ScanModel *model, double random_cost)
{
	double cached = Min(1.0, (double) effective_cache_size / model->pages);

	return random_cost * (1.0 - cached + cached * CACHED_PAGE_SHARE);
}

/* The columns of the table that an index is on, as pull_varattnos has them. */
static Bitmapset *
indexed_columns(const IndexOptInfo *info)
{
	Bitmapset *columns = NULL;

	pull_varattnos((Node *) info->indextlist, info->rel->relid, &columns);
	return columns;
}

/* Is there another index on what the table is filtered by? */
static bool
is_filter_indexed(const IndexOptInfo *info)
{
	const RelOptInfo *rel = info->rel;
	Bitmapset *filtered = NULL;
	ListCell *cell;

	if (rel->baserestrictinfo == NIL)
		return false;
	foreach (cell, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &filtered);
	foreach (cell, rel->indexlist)
	{
		const IndexOptInfo *other = lfirst_node(IndexOptInfo, cell);

		if (other->relam != info->relam && bms_overlap(filtered, indexed_columns(other)))
			return true;
	}
	return false;
}

/* Are the vectors in the table's own pages?  False where ANALYZE has not told. */
static bool
are_vectors_inline(const PlannerInfo *root, const IndexOptInfo *info)
{
	Oid table = planner_rt_fetch(info->rel->relid, root)->relid;
	Bitmapset *columns = indexed_columns(info);
	int column = -1;
	int32 width = 0;

	while ((column = bms_next_member(columns, column)) >= 0)
		width += get_attavgwidth(table, column + FirstLowInvalidHeapAttributeNumber);
	return width > OUT_OF_LINE_WIDTH;
}

/*
 * What a row's page of the table is to be charged beyond what the planner will. The planner takes
 * the pages for all rows, and of that the share of rows that will be fetched; as if the first rows'
 * pages held those of later rows, too, which is not so. That matters where an index on the filter's
 * column is the alternative, whose rows are charged a page each: it would lose where measuring all
 * that it finds takes less time. Where vectors are out of line the other index's rows have to be
 * fetched from the TOAST table as well. Nothing is charged for that, and the two errors cancel.
 */
static double
heap_page_cost(const PlannerInfo *root, const IndexOptInfo *info)
{
	const RelOptInfo *rel = info->rel;
	double random_cost;

	if (!is_filter_indexed(info) || !are_vectors_inline(root, info))
		return 0;
	get_tablespace_page_costs(rel->reltablespace, &random_cost, NULL);
	return random_cost * Max(0.0, 1.0 - rel->pages / Max(rel->tuples, 1.0));
}

/*
 * Is a path one that a scan can follow: in the order of one distance, that of the index's operator
 * class?
 */
static bool
is_by_distance(const IndexPath *path)
{
	const IndexOptInfo *info = path->indexinfo;
	int column = own_vector_column(info);
	const char *fault;
	DistanceCall call;

	/* where a query orders by several distances, the planner takes the index for all of them */
	return list_length(path->indexorderbys) == 1 &&
		   distance_call(linitial(path->indexorderbys), &call) &&
		   call.function.role == OWN_DISTANCE && call.function.type == info->opcintype[column] &&
		   call.function.element ==
			   own_class(info->opfamily[column], info->opcintype[column], &fault);
}

Cost
scan_prepare_cost(PlannerInfo *root, const IndexPath *path)
{
	return cpu_operator_cost * PREPARE_OPERATORS +
		   index_other_operands_eval_cost(root, path->indexorderbys);
}

Cost
scan_rerank_cost(void)
{
	return RERANK_TUPLES * cpu_tuple_cost;
}

/* Of the IndexPath's costs, those of a path that is good for nothing. */
static void
refuse(IndexPath *path, Cost *startup, Cost *total)
{
	*startup = REFUSED_COST;
	*total = REFUSED_COST;
	PATH_DISABLE(&path->path);
}

void
hnswcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *indexStartupCost,
				 Cost *indexTotalCost, Selectivity *indexSelectivity, double *indexCorrelation,
				 double *indexPages)
{
	GenericCosts generic;
	ScanModel model;
	PathUse use;
	double visits;
	double pages;
	double random_cost;
	double row_cost;
	double reads;
	double graphs = 1;

	memset(&generic, 0, sizeof(generic));
	*indexCorrelation = 0.0;
	use =
		is_by_distance(path) && key_columns_are_fixed(path) ? missing_use(root, path) : PATH_NEVER;
	if (use == PATH_NEVER)
	{
		/* there is no other way to scan than from near to far */
		*indexSelectivity = 0.0;
		*indexPages = 0.0;
		refuse(path, indexStartupCost, indexTotalCost);
		return;
	}
	genericcostestimate(root, path, loop_count, &generic);
	scan_model_read(&model, path->indexinfo);
	if (own_vector_column(path->indexinfo) > 0)
	{
		/* each key has a graph of its own, and the same share of the rows */
		graphs = Max(generic.num_sa_scans, 1.0);
		model.rows = Max(generic.indexSelectivity * path->indexinfo->rel->tuples / graphs, 1.0);
	}
	visits = graphs * search_visits(&model);
	/* in a nested loop later searches find the pages of the earlier ones */
	pages = index_pages_fetched(visits * loop_count, model.pages, model.pages, root) / loop_count;
	get_tablespace_page_costs(path->indexinfo->reltablespace, &random_cost, NULL);

	*indexStartupCost = scan_prepare_cost(root, path) + visits * model.visit_cost +
						pages * scan_page_cost(&model, random_cost) +
						model.ef_search * scan_rerank_cost() +
						(use == PATH_LAST_RESORT ? LAST_RESORT_COST : 0);
	model.rows *= graphs;
	reads = range_ends(root, path) ? range_rows(root, path) : model.rows;
	row_cost = model.m * ROW_VISITS * (model.visit_cost + scan_page_cost(&model, random_cost)) +
			   scan_rerank_cost() + heap_page_cost(root, path->indexinfo);
	*indexTotalCost = *indexStartupCost + reads * row_cost;
	*indexSelectivity = generic.indexSelectivity * Min(reads / model.rows, 1.0);
	*indexPages = pages;
}
