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

#include "am/scan.h"
#include "code/width.h"

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
	if (n <= so->queue_size)
		return;
	so->queue_size = Max(n, 2 * so->queue_size);
	if (so->queue)
		so->queue = repalloc_huge(so->queue, so->queue_size * sizeof(Candidate));
	else
		so->queue = MemoryContextAllocHuge(so->cxt, so->queue_size * sizeof(Candidate));
	if (so->least)
		pfree(so->least);
	so->least = MemoryContextAllocHuge(so->cxt, so->queue_size * sizeof(float));
}

void
scan_queue_create(HnswScan *so)
{
	queue_reserve(so, FIRST_QUEUE_SIZE);
}

void
scan_queue_reset(HnswScan *so)
{
	so->nqueue = so->next = so->nbounded = 0;
	so->nrunners_up = 0;
	so->rest_is_left = false;
}

void
scan_queue_begin(HnswScan *so, int n)
{
	int left = so->nqueue - so->next;

	Assert(so->next <= so->nqueue);
	memmove(so->queue, so->queue + so->next, left * sizeof(Candidate));
	so->next = so->nbounded = 0;
	so->nqueue = left;
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

	Assert(so->next <= so->nqueue && so->nbounded <= so->nqueue && so->nqueue <= so->queue_size);
	for (int i = so->nbounded - 1; i >= so->next; i--)
	{
		/* what is before has less anyway */
		if (i < from && so->least[i] <= least)
			break;
		if (i >= from)
			least = Min(least, so->queue[i].dist - so->queue[i].bound);
		so->least[i] = least;
	}
}

/* Sorts what has been queued. */
static void
queue_sort(HnswScan *so)
{
	bool sorted = true;

	for (int i = 1; i < so->nqueue && sorted; i++)
		sorted = so->queue[i - 1].dist <= so->queue[i].dist;
	if (!sorted)
		candidates_sort(so->queue, so->nqueue);
}

void
scan_queue_ready(HnswScan *so)
{
	queue_sort(so);
	so->nbounded = so->nqueue;
	so->nrunners_up = 0;
	queue_set_least(so, 0);
}

/*
 * How many candidates beyond the pool are looked at: see CodeWidth. Exact codes have those of the
 * coarsest.
 */
static int
runners_up(const HnswScan *so)
{
	const CodeWidth *width = code_width(so->state->spec.bits);

	if (so->type->sketch_dims > 0)
		return 64 + so->ef; /* a sketch errs more than its codes do */
	return (width != NULL ? width : code_width(1))->runners_up + so->ef / 8;
}

/* Queues what just missed the pool and is estimated to be nearer than `limit`. */
static void
queue_runners_up(HnswScan *so, float limit)
{
	int n = graph_search_runners_up(so->search, so->nrunners_up, limit, so->queue + so->nqueue);

	Assert(n <= so->nrunners_up && so->nqueue + n <= so->queue_size);
	so->nqueue += n;
	so->nrunners_up = isinf(limit) ? 0 : so->nrunners_up - n;
	so->farthest = limit;
}

/* Queues some of the rest, the nearest by their estimates. */
static void
queue_rest(HnswScan *so)
{
	bool measured = so->state->vector_coder != NULL;
	int n;

	Assert(so->stage == SCAN_REST);
	scan_queue_begin(so, REST_BATCH);
	n = scan_rest_read(so, so->queue + so->nqueue, REST_BATCH);
	so->rest_is_left = n == REST_BATCH;
	Assert(n == 0 || so->nqueue == 0 ||
		   so->queue[so->nqueue].dist >= so->queue[so->nqueue - 1].dist);
	for (int i = so->nqueue; i < so->nqueue + n; i++)
		so->queue[i].bound = !measured ? code_rounding(so->query, so->queue[i].dist)
							 : so->type->sketch_dims > 0 ? INFINITY
														 : 0;
	so->nqueue += n;
	so->farthest = so->nqueue > 0 ? so->queue[so->nqueue - 1].dist : INFINITY;
	if (!measured || so->type->sketch_dims > 0)
	{
		so->nbounded = so->nqueue;
		queue_set_least(so, 0);
	}
}

/* Is there more that can be queued than the queue has? */
static bool
queue_is_short(const HnswScan *so)
{
	return so->nrunners_up > 0 || so->rest_is_left;
}

/* Queues more of that, as much as is estimated to be nearer than `limit`, or some more. */
static void
queue_more(HnswScan *so, float limit)
{
	if (so->nrunners_up > 0)
		queue_runners_up(so, limit);
	else
		queue_rest(so);
}

void
scan_queue_rest(HnswScan *so)
{
	scan_queue_reset(so);
	so->rest_is_left = true;
	so->greatest_bound = so->state->vector_coder != NULL ? INFINITY : code_rounding(so->query, 0);
	so->farthest = -INFINITY;
}

void
scan_queue_pool(HnswScan *so, int missing)
{
	GraphSearch *search = so->search;
	bool measured = so->state->vector_coder != NULL;

	Assert(!so->rest_is_left);
	so->nrunners_up = Min((measured ? runners_up(so) : 0) + missing, GRAPH_MAX_RUNNERS_UP);
	scan_queue_begin(so, search->npool + so->nrunners_up);
	for (int i = 0; i < search->npool; i++)
		if (!(search->pool[i].flags & (CANDIDATE_BRIDGE | CANDIDATE_TAKEN)))
		{
			so->queue[so->nqueue++] = search->pool[i];
			search->pool[i].flags |= CANDIDATE_TAKEN;
		}
	if (measured && so->type->sketch_dims == 0)
	{
		queue_sort(so);
		so->greatest_bound = INFINITY;
		so->farthest = search->npool > 0 ? search->pool[search->npool - 1].dist : -INFINITY;
		return;
	}
	/*
	 * the distances but for rounding; or estimates of a sketch, of which all are measured before
	 * one is returned
	 */
	if (so->nrunners_up > 0)
		queue_runners_up(so, INFINITY);
	for (int i = so->next; i < so->nqueue; i++)
		so->queue[i].bound = measured ? INFINITY : code_rounding(so->query, so->queue[i].dist);
	scan_queue_ready(so);
}

/*
 * Gives the candidates from `from` on their bounds, a few at a time. Some may have had them when
 * they were queued again.
 */
static void
queue_bound(HnswScan *so, int from)
{
	int end = Min(so->nqueue, from + BOUND_BATCH);
	Candidate unknown[BOUND_BATCH];
	float greatest = 0;
	int n = 0;

	for (int i = from; i < end; i++)
		if (so->queue[i].bound == 0)
			unknown[n++] = so->queue[i];
	page_store_bounds(&so->pages->reader, so->query, unknown, n);
	for (int i = end - 1; i >= from; i--)
	{
		if (so->queue[i].bound == 0)
			so->queue[i].bound = unknown[--n].bound;
		greatest = Max(greatest, so->queue[i].bound);
	}
	Assert(n == 0);
	/* 0: all of them have gone since */
	if (greatest > 0 && (isinf(so->greatest_bound) || greatest > so->greatest_bound))
		so->greatest_bound = greatest;
	so->nbounded = end;
	queue_set_least(so, from);
}

bool
scan_queue_is_empty(HnswScan *so)
{
	if (so->next == so->nqueue && queue_is_short(so))
		queue_more(so, INFINITY);
	return so->next == so->nqueue;
}

bool
scan_queue_is_beyond(HnswScan *so, double measured)
{
	float dist = so->has_query ? code_query_estimate(so->query, measured) : 0;

	for (;;)
	{
		float margin = BOUND_MARGIN * so->greatest_bound;
		int from = Max(so->nbounded, so->next);

		if (so->next < so->nbounded && so->least[so->next] < dist)
			return false;
		if (from < so->nqueue)
		{
			if (so->queue[from].dist - margin >= dist)
				return true;
			queue_bound(so, from);
		}
		else if (!queue_is_short(so) || so->farthest - margin >= dist)
			return true;
		else
			queue_more(so, dist + 2 * margin); /* so that some of the next rows need no more */
	}
}
