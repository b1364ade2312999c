/*
 * filtered.c: scans for the rows of a set: which way they take, and when they give one up.
 *
 * A set takes time to be made, more than anything else where it is large. So a scan that expects a
 * large one, or needs few rows, begins without: it is then a scan as any (rounds.c), but for a
 * larger hnsw.ef_search. After each round the rows that have passed tell how many more it takes.
 * Where they come to more than the set, or where far fewer pass than was expected, the set is made,
 * and measured. Rows that have been returned are remembered, and not returned again.
 *
 * A set may be measured in full, which takes a time in proportion to its rows and finds what an
 * exact search finds (set.c). Or the graph is walked with nodes of other rows as bridges,
 * until there are so many of the set as the LIMIT takes: the pool is then as much larger as the set
 * is smaller than the index. Both are estimated in nodes visited by a walk.
 *
 * The estimate of a walk takes the set to be spread evenly. Where hardly any rows around the query
 * are in it, a walk takes longer, in the worst case through the whole graph. So a walk has a limit,
 * and is given up there: then the set is measured after all. Rows returned before are remembered,
 * and not returned again.
 *
 * Locks: none.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "rank/filter_model.h"
#include "rank/scan.h"

/*
 * A walk is given up when it has taken a share of what measuring takes, or such a multiple of what
 * was expected.
 */
#define WALK_PATIENCE 1.5
/*
 * A scan without the set gives up if so many rows should have passed, and less than such a share of
 * them has: then the planner may be wrong about the set as well, which may be smaller. But not
 * before it has cost such a share of the set, nor unless what is left is such a share of it.
 */
#define EXPECTED_TO_TELL 5
#define SHARE_TO_TELL 0.25
#define COST_TO_TELL 0.125
#define LEFT_TO_TELL 0.5

static bool
is_wanted(const NodeRow *row, void *arg)
{
	const RowFilter *filter = arg;

	/* which rows an element with duplicates has is looked at when it is returned */
	return row->duplicates != NODE_NONE ||
		   (ItemPointerIsValid(&row->heap_tid) && rowset_has(filter->rows, &row->heap_tid));
}

/* Rows of the index. */
static double
index_rows(const HnswScan *so)
{
	double tuples = so->scan->indexRelation->rd_rel->reltuples;

	return Max(Max(tuples, so->state->tuples), 1);
}

/* Rows of the set; of a block that is not known in full as many as there is room for. */
static double
set_rows(const HnswScan *so)
{
	const RowSet *rows = so->filter->rows;

	return rows->nrows + (double) rows->nlossy * Max(so->state->shape.map_stride, 1);
}

/* What the scan is estimated by. */
static FilterModel
filter_model(const HnswScan *so)
{
	return (FilterModel){.rows = index_rows(so),
						 .wanted = so->filter->rows != NULL ? set_rows(so) : so->filter->expected,
						 .limit = scan_filter_limit(so),
						 .bitmap = so->filter->cost,
						 .m = so->state->shape.m,
						 .ef_search = round_width(so, Max(scan_filter_limit(so), 1)),
						 .mapped = so->state->shape.map_stride > 0};
}

static int
tid_compare(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

void
scan_filter_rows(HnswScan *so)
{
	int n = 0;

	if (so->filter == NULL || so->filter->rows == NULL)
		return;
	for (int i = 0; i < so->results.ntids; i++)
	{
		const ItemPointerData *tid = &so->results.tids[i];

		if (so->results.ngiven > 0 && bsearch(tid, so->results.returned, so->results.ngiven,
											  sizeof(ItemPointerData), tid_compare) != NULL)
			continue;
		if (rowset_has(so->filter->rows, tid))
			so->results.tids[n++] = *tid;
	}
	so->results.ntids = n;
}

double
scan_filter_limit(const HnswScan *so)
{
	const LimitState *limit = so->nodes.limit;

	if (limit == NULL)
		return so->filter->limit;
	return limit->noCount ? 0 : (double) limit->count + (double) limit->offset + so->nodes.beyond;
}

/* Measures the set.  What a walk has found is forgotten, but for the rows that it has returned. */
static void
measure_set(HnswScan *so)
{
	if (so->results.remembers)
	{
		so->results.ngiven = so->results.nreturned;
		qsort(so->results.returned, so->results.ngiven, sizeof(ItemPointerData), tid_compare);
		so->results.remembers = false;
	}
	so->stage = SCAN_FILTERED;
	scan_queue_reset(so);
	pairingheap_reset(so->results.measured);
	pairingheap_reset(so->results.stragglers);
	so->due = PG_INT64_MAX;
	scan_set_measure(so);
}

/* A walk has ended or gone as far as it may: queues what it has found, or gives it up. */
static void
settle_walk(HnswScan *so, int64 visited)
{
	so->filter->nodes += so->search->nvisited - visited;
	if (so->search->limited || so->search->nlive < so->ef)
	{
		so->filter->nswitches++;
		measure_set(so);
	}
	else
	{
		so->due = so->answered + Max((int64) (so->ef * FILTER_ANSWERED_SHARE), 1);
		scan_queue_pool(so, 0);
	}
}

/*
 * A walk's pool is as large as for rows that are spread evenly. Where more of those around the
 * query are in the set it is too small: it lacks of the neighbourhood what the search of few nodes
 * lacks.
 */
static void
widen_walk(HnswScan *so)
{
	const GraphBound unbounded = {0};
	GraphSearch *search = so->search;
	FilterModel model = filter_model(so);
	double ef;

	if (search->limited || search->nlive < so->ef)
		return;
	ef = filter_walk_ef(&model, (double) search->nlive / search->npool);
	if (ef <= so->ef)
		return;
	so->ef = (int) Min(ef, PG_INT32_MAX / 4);
	graph_search_widen(search, so->ef, &unbounded);
}

static void
begin_walk(HnswScan *so, double ef, double limit)
{
	GraphSearch *search = so->search;
	int nentries;
	int top;

	so->stage = SCAN_GRAPH;
	so->filter->nwalks++;
	so->counters.rounds++;
	so->ef = (int) ef;
	so->pages->wanted = is_wanted;
	so->pages->wanted_arg = so->filter;
	rowset_index(so->filter->rows);
	visited_reset(&search->visited, 0);
	search->memory_limit = 0;
	search->visit_limit = 0;
	nentries = graph_search_descend(search, so->query.by_code, 0, round_width(so, 1), &top);
	search->memory_limit = (Size) (work_mem * 1024.0 * so->settings.scan_mem_multiplier);
	search->visit_limit = (int64) Max(limit, 1);
	if (nentries > 0)
		graph_search_layer(search, so->query.by_code, 0, so->ef, nentries);
	widen_walk(so);
	settle_walk(so, 0);
}

/* Begins without the set. */
static void
begin_plain(HnswScan *so)
{
	so->filter->nplain++;
	so->settings.ef_search = (int) Min(so->settings.ef_search * FILTER_EF, HNSWC_MAX_EF_SEARCH);
	/* its end is the set, not a limit of a search that has none */
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
		so->settings.iterative_scan = ITERATIVE_SCAN_STRICT;
	so->settings.max_scan_tuples = PG_INT32_MAX;
	so->stage = SCAN_GRAPH;
	round_first(so);
	so->filter->nodes += so->search->nvisited;
}

bool
scan_filter_goes_on(const HnswScan *so, double passed, double share, double wanted, double *rows)
{
	FilterModel model = filter_model(so);
	double set = filter_set_visits(&model);
	double returned = (double) so->results.nreturned;
	double spent = so->search->nvisited + filter_plain_rows_visits(returned, 1);
	double expected = returned * share;
	double seen = (passed + share * PLANNED_ROWS) / (returned + PLANNED_ROWS);
	double left = filter_plain_rows_visits(wanted - passed, seen);

	if (left > set)
		return false;
	if (left > set * LEFT_TO_TELL &&
		(spent > set || (expected >= EXPECTED_TO_TELL && passed < expected * SHARE_TO_TELL &&
						 spent > set * COST_TO_TELL)))
		return false;
	/* not far beyond where that is asked next */
	if (expected < EXPECTED_TO_TELL)
		*rows = Min(*rows, Max(2 * returned, ceil(EXPECTED_TO_TELL / share)));
	return true;
}

/* A scan without the set goes on, or goes over to measuring the set. */
static void
plain_more(HnswScan *so)
{
	int64 visited = so->search->nvisited;
	bool found = round_next(so);

	so->filter->nodes += so->search->nvisited - visited;
	if (found)
		return;
	so->filter->make(so->filter);
	so->filter->nswitches++;
	measure_set(so);
}

void
scan_filter_begin(HnswScan *so)
{
	FilterModel model = filter_model(so);
	double measure;
	double walk;

	if (so->filter->rows == NULL && so->nodes.node != NULL && filter_begins_plain(&model))
	{
		begin_plain(so);
		return;
	}
	if (so->filter->rows == NULL)
	{
		so->filter->make(so->filter);
		model = filter_model(so);
	}
	measure = filter_measure_visits(&model);
	walk = filter_walk_visits(&model);
	so->query.by_code =
		coder_query(so->state->coder, so->query.memory, so->query.vector, so->query.scratch);
	code_query_relative(so->query.by_code);
	so->answered = 0;
	so->results.remembers = false;
	if (filter_walks(&model))
	{
		begin_walk(so, filter_walk_ef(&model, filter_share(&model)),
				   Max(measure * FILTER_WALK_SHARE, walk * WALK_PATIENCE));
		return;
	}
	so->filter->nmeasures++;
	measure_set(so);
}

/* The walk goes on, for twice as many rows. */
static void
resume_walk(HnswScan *so)
{
	int64 visited = so->search->nvisited;

	so->counters.rounds++;
	so->ef = Min(2 * so->ef, PG_INT32_MAX / 4);
	if (so->search->limited || !graph_search_resume(so->search, so->ef))
		so->search->limited = true;
	settle_walk(so, visited);
}

bool
scan_filter_more(HnswScan *so)
{
	if (so->stage == SCAN_FILTERED)
		return scan_set_more(so);
	if (so->filter->rows == NULL)
		plain_more(so);
	else
		resume_walk(so);
	return true;
}
