/*
 * queue.c: the candidates of a scan that have not been measured exactly, and what is certain about
 * them.
 *
 * They stand in the order of their estimates. A measured row may be returned once no candidate left
 * can be nearer: an estimate is hardly ever above the distance by more than its bound. To learn a
 * bound costs as much as to visit the node, and most queries end after a few rows. So bounds are
 * asked for a few candidates at a time, for the rest it is assumed that they are not much greater
 * than those known; and what just missed the search's pool is looked for only when it may matter.
 * When the search has ended, what is left of the index comes sorted by estimates (sweep.c), and is
 * queued some at a time.
 */
#include "postgres.h"

#include <math.h>

#include "code/width.h"
#include "rank/scan.h"

#define FIRST_QUEUE_SIZE 256
/* Candidates that are queued at a time when all that is left is sorted. */
#define REST_BATCH 256
/* Candidates that are given their bounds at a time. */
#define BOUND_BATCH 16
/*
 * Of the greatest bound known, what no other is taken to exceed. Bounds follow the lengths of the
 * query's and the candidate's residuals and the angle between them, which are much the same for
 * candidates of one query.
 */
#define BOUND_MARGIN 1.5f

/* Makes the queue's arrays at least so large, keeping the queue. */
static void
queue_reserve(HnswScan *so, int n)
{
	if (n <= so->queue.size)
		return;
	so->queue.size = Max(n, 2 * so->queue.size);
	if (so->queue.candidates)
		so->queue.candidates =
			repalloc_huge(so->queue.candidates, so->queue.size * sizeof(Candidate));
	else
		so->queue.candidates = MemoryContextAllocHuge(so->cxt, so->queue.size * sizeof(Candidate));
	if (so->queue.least)
		pfree(so->queue.least);
	so->queue.least = MemoryContextAllocHuge(so->cxt, so->queue.size * sizeof(float));
}

void
scan_queue_create(HnswScan *so)
{
	queue_reserve(so, FIRST_QUEUE_SIZE);
}

void
scan_queue_reset(HnswScan *so)
{
	so->queue.n = so->queue.next = so->queue.nbounded = 0;
	so->queue.nrunners_up = 0;
	so->queue.rest_is_left = false;
}

void
scan_queue_begin(HnswScan *so, int n)
{
	int left = so->queue.n - so->queue.next;

	Assert(so->queue.next <= so->queue.n);
	memmove(so->queue.candidates, so->queue.candidates + so->queue.next, left * sizeof(Candidate));
	so->queue.next = so->queue.nbounded = 0;
	so->queue.n = left;
	queue_reserve(so, left + n);
}

/*
 * Makes least[] right for the candidates that have their bounds, when those from `from` on have
 * come to have them.
 */
static void
queue_set_least(HnswScan *so, int from)
{
	float least = INFINITY;

	Assert(so->queue.next <= so->queue.n && so->queue.nbounded <= so->queue.n &&
		   so->queue.n <= so->queue.size);
	for (int i = so->queue.nbounded - 1; i >= so->queue.next; i--)
	{
		/* what is before has less anyway */
		if (i < from && so->queue.least[i] <= least)
			break;
		if (i >= from)
			least = Min(least, so->queue.candidates[i].dist - so->queue.candidates[i].bound);
		so->queue.least[i] = least;
	}
}

/* Sorts what has been queued. */
static void
queue_sort(HnswScan *so)
{
	bool sorted = true;

	for (int i = 1; i < so->queue.n && sorted; i++)
		sorted = so->queue.candidates[i - 1].dist <= so->queue.candidates[i].dist;
	if (!sorted)
		candidates_sort(so->queue.candidates, so->queue.n);
}

void
scan_queue_ready(HnswScan *so)
{
	queue_sort(so);
	so->queue.nbounded = so->queue.n;
	so->queue.nrunners_up = 0;
	queue_set_least(so, 0);
}

/*
 * How many candidates beyond the pool are looked at: see CodeWidth. Exact codes have those of the
 * coarsest.
 */
static int
runners_up(const HnswScan *so)
{
	const CodeWidth *width = code_width(so->state->shape.spec.bits);

	if (so->type->sketch_dims > 0)
		return 64 + so->ef; /* a sketch errs more than its codes do */
	return (width != NULL ? width : code_width(1))->runners_up + so->ef / 8;
}

/* Queues what just missed the pool and is estimated to be nearer than `limit`. */
static void
queue_runners_up(HnswScan *so, float limit)
{
	int n = graph_search_runners_up(so->search, so->queue.nrunners_up, limit,
									so->queue.candidates + so->queue.n);

	Assert(n <= so->queue.nrunners_up && so->queue.n + n <= so->queue.size);
	so->queue.n += n;
	so->queue.nrunners_up = isinf(limit) ? 0 : so->queue.nrunners_up - n;
	so->queue.farthest = limit;
}

/* Queues some of the rest, the nearest by their estimates. */
static void
queue_rest(HnswScan *so)
{
	bool measured = so->state->vector_coder != NULL;
	int n;

	Assert(so->stage == SCAN_REST);
	scan_queue_begin(so, REST_BATCH);
	n = scan_rest_read(so, so->queue.candidates + so->queue.n, REST_BATCH);
	so->queue.rest_is_left = n == REST_BATCH;
	Assert(n == 0 || so->queue.n == 0 ||
		   so->queue.candidates[so->queue.n].dist >= so->queue.candidates[so->queue.n - 1].dist);
	for (int i = so->queue.n; i < so->queue.n + n; i++)
		so->queue.candidates[i].bound =
			!measured ? code_rounding(so->query.by_code, so->queue.candidates[i].dist)
			: so->type->sketch_dims > 0 ? INFINITY
										: 0;
	so->queue.n += n;
	so->queue.farthest = so->queue.n > 0 ? so->queue.candidates[so->queue.n - 1].dist : INFINITY;
	if (!measured || so->type->sketch_dims > 0)
	{
		so->queue.nbounded = so->queue.n;
		queue_set_least(so, 0);
	}
}

/* Is there more that can be queued than the queue has? */
static bool
queue_is_short(const HnswScan *so)
{
	return so->queue.nrunners_up > 0 || so->queue.rest_is_left;
}

/* Queues more of that, as much as is estimated to be nearer than `limit`, or some more. */
static void
queue_more(HnswScan *so, float limit)
{
	if (so->queue.nrunners_up > 0)
		queue_runners_up(so, limit);
	else
		queue_rest(so);
}

void
scan_queue_rest(HnswScan *so)
{
	scan_queue_reset(so);
	so->queue.rest_is_left = true;
	so->queue.greatest_bound =
		so->state->vector_coder != NULL ? INFINITY : code_rounding(so->query.by_code, 0);
	so->queue.farthest = -INFINITY;
}

void
scan_queue_pool(HnswScan *so, int missing)
{
	GraphSearch *search = so->search;
	bool measured = so->state->vector_coder != NULL;

	Assert(!so->queue.rest_is_left);
	so->queue.nrunners_up = Min((measured ? runners_up(so) : 0) + missing, GRAPH_MAX_RUNNERS_UP);
	scan_queue_begin(so, search->npool + so->queue.nrunners_up);
	for (int i = 0; i < search->npool; i++)
		if (!(search->pool[i].flags & (CANDIDATE_BRIDGE | CANDIDATE_TAKEN)))
		{
			so->queue.candidates[so->queue.n++] = search->pool[i];
			search->pool[i].flags |= CANDIDATE_TAKEN;
		}
	if (measured && so->type->sketch_dims == 0)
	{
		queue_sort(so);
		so->queue.greatest_bound = INFINITY;
		so->queue.farthest = search->npool > 0 ? search->pool[search->npool - 1].dist : -INFINITY;
		return;
	}
	/*
	 * the distances but for rounding; or estimates of a sketch, of which all are measured before
	 * one is returned
	 */
	if (so->queue.nrunners_up > 0)
		queue_runners_up(so, INFINITY);
	for (int i = so->queue.next; i < so->queue.n; i++)
		so->queue.candidates[i].bound =
			measured ? INFINITY : code_rounding(so->query.by_code, so->queue.candidates[i].dist);
	scan_queue_ready(so);
}

/*
 * Gives the candidates from `from` on their bounds, a few at a time. Some may have had them when
 * they were queued again.
 */
static void
queue_bound(HnswScan *so, int from)
{
	int end = Min(so->queue.n, from + BOUND_BATCH);
	Candidate unknown[BOUND_BATCH];
	float greatest = 0;
	int n = 0;

	for (int i = from; i < end; i++)
		if (so->queue.candidates[i].bound == 0)
			unknown[n++] = so->queue.candidates[i];
	page_store_bounds(&so->pages->reader, so->query.by_code, unknown, n);
	for (int i = end - 1; i >= from; i--)
	{
		if (so->queue.candidates[i].bound == 0)
			so->queue.candidates[i].bound = unknown[--n].bound;
		greatest = Max(greatest, so->queue.candidates[i].bound);
	}
	Assert(n == 0);
	/* 0: all of them have gone since */
	if (greatest > 0 && (isinf(so->queue.greatest_bound) || greatest > so->queue.greatest_bound))
		so->queue.greatest_bound = greatest;
	so->queue.nbounded = end;
	queue_set_least(so, from);
}

bool
scan_queue_is_empty(HnswScan *so)
{
	if (so->queue.next == so->queue.n && queue_is_short(so))
		queue_more(so, INFINITY);
	return so->queue.next == so->queue.n;
}

bool
scan_queue_is_beyond(HnswScan *so, double measured)
{
	float dist = so->query.given ? code_query_estimate(so->query.by_code, measured) : 0;

	for (;;)
	{
		float margin = BOUND_MARGIN * so->queue.greatest_bound;
		int from = Max(so->queue.nbounded, so->queue.next);

		if (so->queue.next < so->queue.nbounded && so->queue.least[so->queue.next] < dist)
			return false;
		if (from < so->queue.n)
		{
			if (so->queue.candidates[from].dist - margin >= dist)
				return true;
			queue_bound(so, from);
		}
		else if (!queue_is_short(so) || so->queue.farthest - margin >= dist)
			return true;
		else
			queue_more(so, dist + 2 * margin); /* so that some of the next rows need no more */
	}
}
