/*
 * rounds.c: how far the search of a scan goes, round by round.
 *
 * The rows that a scan returns are the same whatever LIMIT and OFFSET say: a longer answer begins
 * with the shorter one, so that pages of one answer neither repeat rows nor leave any out.
 * Therefore the search goes by fixed steps: it is for the nearest 10, and when more are wanted for
 * the nearest 20, 50, 100 and so on, with hnsw.ef_search among them. Each round goes on where the
 * one before has stopped, and its rows come behind those that have been returned.
 *
 * With hnsw.recall the steps are for 1, 10, 20, 50 and so on, and each is as wide as the index says
 * that it takes to find such a share of the rows that it adds (widths.c). So the share is found for
 * every LIMIT, a little more for one between two steps, and pages of one answer still agree.
 *
 * How far a round goes decides what is found in time for its place. So hnsw.ef_search counts for
 * all steps below it. Rows that a filter or a join drops come on top: their number is estimated
 * from the share of rows that have passed so far, and at first from what the planner expects.
 *
 * The search ends when nothing is left to be found, when a limit of time or memory is met, or when
 * it has cost as much as to read the whole table would.
 *
 * Locks: none.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/relscan.h"
#include "code/metric.h"
#include "distance/distance.h"
#include "miscadmin.h"
#include "rank/scan.h"

/* The first step.  For fewer rows the distance that a search goes by would be too uncertain. */
#define FIRST_STEP 10
/* Steps nearer to hnsw.ef_search than by this factor are left out. */
#define NEAR_EF 1.25
/*
 * Of hnsw.ef_search, for the steps after the first: the rounds before have looked at most of what
 * they need.
 */
#define LATER_SHARE 0.85
/* So many more candidates than rows for steps beyond hnsw.ef_search. */
#define EF_PER_ROW 1.15
/* Runners-up fill a pool up by so many at most. */
#define MOST_FILLED 100
/*
 * Rows that pass may come in clumps: a round is for at most so many times the rows that have been
 * returned.
 */
#define MOST_GROWTH 32
/* And for at least so many times where some were dropped. */
#define LEAST_GROWTH 1.5
/* Candidates that one pool is for at most.  For more the pool is emptied and filled again. */
#define MOST_POOL 2000
/*
 * Of such a pool, or of the first one where a filter drops rows, what it answers for. Towards its
 * end a pool is not complete, and what is missing there is found later, too late for its place.
 */
#define ANSWERED_SHARE 0.8
/*
 * A round whose pool has run out before it has answered is followed by one for so many times its
 * candidates.
 */
#define LEAST_WIDENING 1.25
/* The cost of a row that is measured, returned and dropped, in nodes measured by a walk. */
#define ROW_COST 8
/*
 * A round for fewer rows than so many times those returned is not worth while when the table may be
 * read.
 */
#define LEAST_AFFORDED 1.1

/* Does a recall say how wide the steps are? */
static bool
by_recall(const HnswScan *so)
{
	return so->settings.recall > 0 || so->settings.width > 0;
}

int
round_width(const HnswScan *so, double rows)
{
	if (so->settings.width > 0)
	{
		/* as a root of the rows is what widths for 10 and 100 rows differ by, about */
		double before = Min(1.0, rows / so->settings.rank);

		return (int) Max(rint(so->settings.width * sqrt(before)), rows);
	}
	if (so->settings.recall > 0)
		return recall_width(&so->widths, so->settings.recall, rows);
	return so->settings.ef_search;
}

/* Bytes that a search may take. */
static Size
round_memory(const HnswScan *so)
{
	return (Size) (work_mem * 1024.0 * so->settings.scan_mem_multiplier);
}

/*
 * The least step above a number of rows. Below hnsw.ef_search there are none but the first, unless
 * rows are dropped: then each row takes many candidates.
 */
static double
step_above(double ef, double rows, bool dropping)
{
	static const int digits[] = {1, 2, 5};
	double least = rows < ef ? ef : INFINITY;

	Assert(rows >= 0 && ef >= 1);
	for (double unit = FIRST_STEP;; unit *= 10)
		for (int i = 0; i < lengthof(digits); i++)
		{
			double step = unit * digits[i];

			if (step >= least)
				return least;
			if (step > rows &&
				(step >= ef * NEAR_EF || (step * NEAR_EF <= ef && (rows == 0 || dropping))))
				return step;
		}
}

/* The least step above a number of rows, where a recall says how wide the steps are. */
static double
recall_step_above(double rows)
{
	return rows < 1 ? 1 : step_above(1, rows, false);
}

/* Does the scan have a filter? */
static bool
has_filter(const HnswScan *so)
{
	return so->nodes.node != NULL && (so->nodes.node->qual != NULL || so->filter != NULL);
}

/*
 * The share of rows that the planner expects to pass from the scan to the LIMIT above it; if that
 * is not known, from the scan's filter.
 */
static double
planned_share(const HnswScan *so)
{
	const Plan *scan = so->nodes.node->plan;
	double passing = so->nodes.limit != NULL ? outerPlanState(so->nodes.limit)->plan->plan_rows
											 : scan->plan_rows;
	double rows = scan->plan_rows;
	double tuples = so->scan->indexRelation->rd_rel->reltuples;

	/* of a filter on the distance all rows pass until the scan ends */
	if (so->filter != NULL || (has_filter(so) && so->cutoff == NULL))
		rows = so->state->shape.nkeys > 0 ? so->nelements : tuples > 0 ? tuples : so->state->tuples;
	return rows > 0 ? Min(1.0, passing / rows) : 1.0;
}

/*
 * How many of the rows that have been returned have passed to the LIMIT; -1: not known. What stands
 * between may have read some and kept them back; then all have passed, if there is nothing to drop
 * them.
 */
static double
rows_passed(const HnswScan *so)
{
	if (so->nodes.node == NULL)
		return -1;
	if (so->nodes.limit != NULL && so->nodes.beyond == 0)
		return Min((double) so->nodes.limit->position, (double) so->results.nreturned);
	if (so->filter != NULL)
		return Min((double) so->filter->passed, (double) so->results.nreturned);
	if (so->nodes.limit == NULL)
		return -1;
	return !has_filter(so) && planned_share(so) == 1.0 ? (double) so->results.nreturned : -1;
}

/* What a round is for: rows that pass, and all rows that will have been returned by then. */
typedef struct RoundAim
{
	double passing;
	double rows;
} RoundAim;

/* What the next round is for. */
static RoundAim
next_aim(const HnswScan *so)
{
	double returned = (double) so->results.nreturned;
	double passed = rows_passed(so);
	double share;
	RoundAim aim;

	if (by_recall(so))
		aim.passing = aim.rows = recall_step_above(passed < 0 ? returned : passed);
	else
		aim.passing = aim.rows = step_above(so->settings.ef_search, passed < 0 ? returned : passed,
											passed < 0 ? has_filter(so) : passed < returned);
	if (passed < 0)
		return aim;
	share = (passed + planned_share(so) * PLANNED_ROWS) / (returned + PLANNED_ROWS);
	aim.rows = returned + (aim.passing - passed) / share;
	if (passed < returned)
		aim.rows = Max(aim.rows, returned * LEAST_GROWTH);
	aim.rows = Min(aim.rows, Max(1.0, returned) * MOST_GROWTH);
	aim.passing = Min(aim.passing, aim.rows);
	Assert(aim.passing > passed && aim.rows > returned);
	return aim;
}

/* The same in candidates: one may stand for many rows with equal vectors. */
static RoundAim
aim_in_candidates(const HnswScan *so, RoundAim aim)
{
	double per_row = so->results.nreturned > so->answered
						 ? (double) so->answered / (double) so->results.nreturned
						 : 1;
	double rows = so->answered + ceil((aim.rows - (double) so->results.nreturned) * per_row);

	/* a round is for more than the one before, or nothing would come of it */
	if (rows <= so->due)
		rows = so->due * LEAST_WIDENING + 1;
	return (RoundAim){Min(aim.passing, rows), rows};
}

/*
 * How far to search for so many candidates; without a bound if that is not known, or if the search
 * is not for more.
 */
static GraphBound
round_bound(HnswScan *so, double rank)
{
	const float *query = so->query.vector;
	GraphBound bound = {0};

	if ((so->settings.adaptive_search || by_recall(so)) && rank < so->ef)
	{
		bool product = code_metric(so->state->shape.spec.metric)->is_product;
		float norm =
			product ? sqrtf(distance->ip_f32(query, query, so->state->shape.spec.dims)) : 0;

		graph_bound(&so->state->reach, so->ef, (int) rank, norm, &bound);
		bound.base += code_query_estimate(so->query.by_code, 0);
		/*
		 * whole numbers: the next distance is a step away, and with it perhaps all that there is to
		 * find
		 */
		if (code_metric(so->state->shape.spec.metric)->is_binary)
			bound.least = so->ef;
	}
	return bound;
}

/*
 * What the search has found is queued; it answers for so many candidates, of which the pool may
 * lack some.
 */
static void
round_answers(HnswScan *so, int64 due, int missing)
{
	Assert(missing >= 0 && missing <= MOST_FILLED);
	Assert(due > so->answered);
	so->due = due;
	scan_queue_pool(so, missing);
}

/*
 * How many candidates the first search answers for. A pool that is bounded by distance may answer
 * for more than the step that it was for; but where a filter drops rows the search goes on anyway,
 * and finds more in time if it does so soon.
 */
static int64
first_due(const HnswScan *so)
{
	const GraphSearch *search = so->search;
	bool bounded = search->bound.rank > 0;
	int64 share = (int64) (ANSWERED_SHARE * (bounded ? search->nlive : so->ef));

	if (by_recall(so))
		return 1;
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
		return bounded ? Min(Max(share, search->bound.rank), so->settings.ef_search) : so->ef;
	if (has_filter(so))
		return bounded ? search->bound.rank : Max(share, 1);
	return bounded ? Max(share, search->bound.rank) : so->ef;
}

void
round_first(HnswScan *so)
{
	GraphSearch *search = so->search;
	double step = by_recall(so) ? FIRST_STEP : step_above(so->settings.ef_search, 0, false);
	GraphBound bound;
	int nentries;
	int top;

	Assert(so->query.given && so->stage == SCAN_GRAPH && so->results.nreturned == 0);
	so->ef = round_width(so, 1);
	so->due = so->answered = 0;
	so->resumed = false;
	so->exact_cost.read = 0;
	so->query.by_code =
		coder_query(so->state->coder, so->query.memory, so->query.vector, so->query.scratch);
	so->counters.rounds++;
	code_query_relative(so->query.by_code);
	visited_reset(&search->visited, 0);
	search->memory_limit = 0;
	search->visit_limit = 0;
	bound = round_bound(so, step);
	if (so->ngraphs > 0)
	{
		if (scan_search_graphs(so, &bound))
			round_answers(so, first_due(so), 0);
		return;
	}
	nentries = graph_search_descend(search, so->query.by_code, 0, so->ef, &top);
	if (nentries == 0)
		return;
	if (bound.rank > 0)
		graph_search_within(search, so->query.by_code, so->ef, &bound, nentries);
	else
		graph_search_layer(search, so->query.by_code, 0, so->ef, nentries);
	round_answers(so, first_due(so), 0);
}

bool
round_at_limit(const HnswScan *so)
{
	return so->settings.max_scan_tuples < INT_MAX &&
		   so->search->nvisited >= so->settings.max_scan_tuples;
}

/* What the table would cost instead. */
static ExactCost
table_cost(HnswScan *so)
{
	if (so->exact_cost.read == 0)
		so->exact_cost = exact_cost(so);
	return so->exact_cost;
}

/* Is it seen, or expected where that is not known, that something drops most rows? */
static bool
drops_most(const HnswScan *so)
{
	double passed = rows_passed(so);

	if (passed >= 0)
		return passed < so->results.nreturned / 2.0;
	return has_filter(so) ? so->cutoff == NULL : planned_share(so) < 0.5;
}

bool
round_prefers_table(HnswScan *so)
{
	double left = so->nelements - (double) so->results.nreturned;

	if (so->filter != NULL || !so->results.remembers || !drops_most(so))
		return false;
	return table_cost(so).total < left * ROW_COST;
}

/*
 * How many rows the scan may have returned before it has cost as much, in time or memory, as to
 * read the table; INFINITY if it does not compete with that.
 */
static double
affordable_rows(HnswScan *so)
{
	double returned = Max((double) so->results.nreturned, 1);
	double spent = so->search->nvisited + returned * ROW_COST;
	double rows;

	if (!round_prefers_table(so))
		return INFINITY;
	rows = returned * table_cost(so).read / spent;
	return Min(rows, (double) round_memory(so) / sizeof(ItemPointerData));
}

/* How many candidates the search is for in a round for so many. */
static int
round_ef(const HnswScan *so, RoundAim aim)
{
	double dropped = aim.rows - aim.passing;
	double ef = by_recall(so) ? round_width(so, Max(aim.passing, 1))
				: aim.passing > so->settings.ef_search
					? EF_PER_ROW * aim.passing
					: Max(LATER_SHARE * so->settings.ef_search, aim.passing - MOST_FILLED);

	return (int) Min(ef + dropped, MOST_POOL);
}

/* Goes on with what the pool holds. */
static void
widen(HnswScan *so, RoundAim aim)
{
	GraphBound bound;
	int64 due;
	int missing;

	Assert(!so->resumed && aim.rows <= MOST_POOL && aim.passing <= aim.rows);
	so->ef = round_ef(so, aim);
	/* by the distance of a nearer one it would be too uncertain, as in the first step */
	bound = round_bound(so, by_recall(so) ? Max(aim.rows, FIRST_STEP) : aim.rows);
	if (bound.rank == 0 && aim.passing < aim.rows)
		so->ef = (int) Min(Max(so->ef, aim.rows / ANSWERED_SHARE), MOST_POOL);
	so->counters.rounds++;
	graph_search_widen(so->search, so->ef, &bound);
	/* what the pool lacks are runners-up; if it lacks more than these, it answers for less */
	missing = Min(Max((int) aim.rows - so->search->nlive, 0), MOST_FILLED);
	due = (int64) aim.rows;
	if (so->search->nlive + missing > so->answered)
		due = Min(due, so->search->nlive + missing);
	round_answers(so, due, missing);
}

/*
 * Empties the pool, whose candidates have been queued, and goes on with what is nearest of the
 * rest.
 */
static bool
resume(HnswScan *so, RoundAim aim)
{
	Assert(aim.rows > so->answered);
	so->ef = (int) Min(Max(round_width(so, 1), aim.rows - so->answered), MOST_POOL);
	if (!graph_search_resume(so->search, so->ef))
		return false;
	so->counters.rounds++;
	so->resumed = true;
	round_answers(so, so->answered + Max((int64) (so->ef * ANSWERED_SHARE), 1), 0);
	return true;
}

/* Has everything been found that can be reached? */
static bool
is_exhausted(const HnswScan *so)
{
	return so->search->ndiscarded == 0 && so->search->nlive <= so->due;
}

/* What the next round is for, within what the scan may cost; false if there is to be none. */
static bool
round_aim(HnswScan *so, RoundAim *aim)
{
	double returned = (double) so->results.nreturned;
	double affordable;

	*aim = next_aim(so);
	if (so->filter != NULL)
		return !is_exhausted(so) && scan_filter_goes_on(so, rows_passed(so), planned_share(so),
														aim->passing, &aim->rows);
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
	{
		aim->rows = Min(aim->rows, so->settings.ef_search);
		aim->passing = Min(aim->passing, aim->rows);
		return so->due < so->settings.ef_search &&
			   (by_recall(so) ? !is_exhausted(so) : so->search->bound.rank > 0);
	}
	if (is_exhausted(so))
		return false;
	affordable = affordable_rows(so);
	if (affordable < returned * LEAST_AFFORDED)
		return false;
	aim->rows = Min(aim->rows, affordable);
	aim->passing = Min(aim->passing, aim->rows);
	return true;
}

bool
round_next(HnswScan *so)
{
	GraphSearch *search = so->search;
	bool at_limit = round_at_limit(so);
	RoundAim aim;

	if (!round_aim(so, &aim))
		return false;
	aim = aim_in_candidates(so, aim);
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
		aim.rows = Min(aim.rows, so->settings.ef_search);
	search->visit_limit =
		so->settings.max_scan_tuples == INT_MAX ? 0 : so->settings.max_scan_tuples;
	/* what a search for the most candidates that can be asked for takes is not limited */
	search->memory_limit = so->resumed || aim.rows > HNSWC_MAX_EF_SEARCH ? round_memory(so) : 0;
	if (so->resumed || at_limit || aim.rows > MOST_POOL)
	{
		if (!resume(so, aim))
			return false;
	}
	else
		widen(so, aim);
	return !search->limited || round_at_limit(so);
}
