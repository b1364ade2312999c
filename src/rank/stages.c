/*
 * stages.c: where the rows of a scan come from, one after the other.
 *
 * A search of the graph gives candidates in rounds, by estimated distance (rounds.c). Their exact
 * distances are measured as they are needed: the nearest measured row is returned as soon as no
 * candidate left can be nearer, by the lower bounds of the estimates. When the executor wants more
 * rows than a round was for, the search goes on where it stood. When the graph is exhausted, or the
 * memory for a search, what is left in the index comes in order of distance (sweep.c); when a
 * search has cost as much as reading the table would, the same of the table's rows that pass the
 * filter (exact.c). So a query with a LIMIT is short of rows only when the table is, or when
 * hnsw.iterative_scan or hnsw.max_scan_tuples says so.
 *
 * The rows and their order depend on the index, the query and the settings, but not on how many
 * rows are asked for.
 *
 * In strict order a row that is found after a farther one has been returned cannot be returned in
 * its place any more: it is kept back and returned last, when there is nothing else, rather than
 * lost.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "rank/scan.h"

/* Forgets what has been queued and measured. */
static void
scan_forget(HnswScan *so)
{
	scan_queue_reset(so);
	so->set.n = 0;
	pairingheap_reset(so->results.measured);
}

/* Goes on without the search: what it has met is as good as any now. */
static void
scan_enter(HnswScan *so, ScanStage stage)
{
	Assert(stage > so->stage);
	so->stage = stage;
	so->due = PG_INT64_MAX;
	if (stage == SCAN_STRAGGLERS)
	{
		pairingheap *empty = so->results.measured;

		Assert(pairingheap_is_empty(empty));
		so->results.measured = so->results.stragglers;
		so->results.stragglers = empty;
		so->results.last_dist = -INFINITY;
	}
}

/* The search is at its end, or may not go on. */
static void
scan_leave_graph(HnswScan *so)
{
	Assert(so->stage == SCAN_GRAPH);
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
		scan_enter(so, SCAN_DONE);
	else if (round_at_limit(so) && so->due < PG_INT64_MAX)
		so->due = PG_INT64_MAX; /* what has been met may be returned, but no more */
	else if (round_at_limit(so))
		scan_enter(so, SCAN_STRAGGLERS);
	else if (round_prefers_table(so))
	{
		scan_enter(so, SCAN_TABLE);
		so->counters.by_table = true;
		scan_forget(so);
		/* the table has these, too */
		pairingheap_reset(so->results.stragglers);
		exact_begin(so);
	}
	else if (scan_met_all(so))
		scan_enter(so, SCAN_STRAGGLERS);
	else
	{
		scan_enter(so, SCAN_REST);
		scan_rest_begin(so);
	}
}

void
scan_begin(HnswScan *so)
{
	if (so->state->shape.nkeys > 0 && so->ngraphs == 0)
		scan_enter(so, SCAN_DONE);
	else if (!so->query.given)
	{
		scan_enter(so, SCAN_SWEEP);
		visited_reset(&so->search->visited, 0);
	}
	else if (so->filter != NULL)
		scan_filter_begin(so);
	else
	{
		so->stage = SCAN_GRAPH;
		round_first(so);
	}
	so->results.remembers = so->filter != NULL ? so->stage == SCAN_GRAPH : exact_may_follow(so);
}

/* Looks for more; false when there is nothing more to return. */
static bool
scan_more(HnswScan *so)
{
	switch (so->stage)
	{
		case SCAN_FILTERED:
			if (scan_filter_more(so))
				return true;
			break;
		case SCAN_GRAPH:
			if (so->filter != NULL)
				return scan_filter_more(so);
			if (round_next(so))
				return true;
			scan_leave_graph(so);
			return so->stage != SCAN_DONE;
		case SCAN_TABLE:
			if (exact_next(so))
				return true;
			break;
		case SCAN_SWEEP:
			if (scan_sweep(so))
				return true;
			break;
		case SCAN_REST:
			break;
		default:
			return false;
	}
	/* nothing is left but rows that were found too late */
	scan_enter(so, SCAN_STRAGGLERS);
	return true;
}

/*
 * The nearest row not yet returned, once it is certain that it is; NULL when the search has to go
 * on for more.
 */
static ScanResult *
scan_next_result(HnswScan *so)
{
	for (;;)
	{
		ScanResult *nearest = NULL;

		if (so->answered >= so->due)
			return NULL;
		if (!pairingheap_is_empty(so->results.measured))
			nearest = pairingheap_container(ScanResult, heap_node,
											pairingheap_first(so->results.measured));
		if (nearest != NULL && scan_queue_is_beyond(so, nearest->dist))
		{
			if (!scan_set_is_beyond(so, nearest->dist))
				continue;
			(void) pairingheap_remove_first(so->results.measured);
			return nearest;
		}
		if (scan_queue_is_empty(so))
			return NULL;
		scan_measure(so);
	}
}

/* Lines up the rows of a result to be returned, or keeps it back. */
static void
scan_return(HnswScan *so, ScanResult *result)
{
	Assert(!isnan(result->dist));
	Assert(so->results.next_tid == so->results.ntids && so->results.duplicates.list == NODE_NONE);
	so->answered++;
	if (result->dist < so->results.last_dist &&
		so->settings.iterative_scan != ITERATIVE_SCAN_RELAXED)
	{
		pairingheap_add(so->results.stragglers, &result->heap_node);
		so->counters.kept_back++;
		return;
	}
	so->results.last_dist = result->dist;
	so->results.ntids = so->results.next_tid = 0;
	if (ItemPointerIsValid(&result->heap_tid))
		so->results.tids[so->results.ntids++] = result->heap_tid;
	so->results.duplicates = (DuplicateCursor){result->element, result->duplicates};
	scan_filter_rows(so);
	pfree(result);
}

/* Is no row so far away one that passes the query's filter? */
static bool
scan_is_cut_off(HnswScan *so, double dist)
{
	if (so->cutoff == NULL || so->stage >= SCAN_STRAGGLERS || !so->query.given)
		return false;
	/* not before there is a row for which the executor would want to know, too */
	if (isnan(so->cutoff_dist))
		so->cutoff_dist = scan_cutoff_dist(so);
	return dist > so->cutoff_dist;
}

/* Remembers that a row has been returned. */
static void
scan_remember(HnswScan *so, ItemPointer tid)
{
	Assert(so->stage != SCAN_TABLE || so->rest != NULL);
	if (so->results.nreturned >= so->results.returned_size)
	{
		so->results.returned_size = Max(256, 2 * so->results.returned_size);
		if (so->results.returned != NULL)
			so->results.returned = repalloc_huge(so->results.returned, so->results.returned_size *
																		   sizeof(ItemPointerData));
		else
			so->results.returned = MemoryContextAllocHuge(so->cxt, so->results.returned_size *
																	   sizeof(ItemPointerData));
	}
	so->results.returned[so->results.nreturned] = *tid;
}

bool
scan_next_row(HnswScan *so)
{
	IndexScanDesc scan = so->scan;

	for (;;)
	{
		ScanResult *result;

		if (so->results.next_tid < so->results.ntids)
		{
			scan->xs_heaptid = so->results.tids[so->results.next_tid++];
			Assert(ItemPointerIsValid(&scan->xs_heaptid));
			rows_hand_over(so, &scan->xs_heaptid);
			if (so->results.remembers)
				scan_remember(so, &scan->xs_heaptid);
			so->results.nreturned++;
			scan->xs_recheck = false;
			scan->xs_recheckorderby = false;
			return true;
		}
		CHECK_FOR_INTERRUPTS();
		if (so->results.duplicates.list != NODE_NONE)
		{
			so->results.next_tid = 0;
			so->results.ntids =
				duplicates_next(&so->pages->reader, &so->results.duplicates, so->results.tids);
			scan_filter_rows(so);
			continue;
		}
		result = scan_next_result(so);
		if (result != NULL && scan_is_cut_off(so, result->dist))
		{
			/* nothing more but rows that were found too late */
			scan_forget(so);
			scan_enter(so, SCAN_STRAGGLERS);
		}
		else if (result != NULL)
			scan_return(so, result);
		else if (!scan_more(so))
			return false;
	}
}
