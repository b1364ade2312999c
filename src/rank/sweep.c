/*
 * sweep.c: the elements that a scan's search has not met, read in physical order.
 *
 * A graph search may end before a query has got its rows: nodes can be unreachable, and the memory
 * of a search is limited. Then the element pages are read from the first to the last. What has not
 * been queued yet is sorted by its estimated distance, together with what the search has met but
 * left, so that the rest of the scan's rows come nearest first.
 *
 * With no query (NULL, or a zero vector under the cosine metric) all rows are as far. Then they are
 * queued page by page.
 *
 * What may be relied upon: an element is queued once, since the search has marked what it has met.
 *
 * Locks: none but the share lock during recovery.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "rank/scan.h"

/* Elements that are queued at a time where there is no query. */
#define SWEEP_BATCH 4096

/* Queues a page's elements that have not been visited, measured if there is a query. */
static void
sweep_page(HnswScan *so, BlockNumber block, Page page)
{
	const PageLayout *layout = &so->state->layout;
	uint32 used = Min(page_tail(page)->used, layout->slots_per_page);

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		Candidate candidate = {.node = node_address(layout, block, i)};

		if (!slot_is_live(slot) || visited_has(&so->search->visited, candidate.node) ||
			(layout->key_offset > 0 && !scan_has_key(so, *slot_key(layout, slot))))
			continue;
		candidate.generation = slot->generation;
		if (so->query.given)
			candidate.dist = code_distance(so->query.by_code, slot_code(layout, slot), NULL);
		if (isnan(candidate.dist))
			candidate.dist = INFINITY;
		Assert(so->queue.n < so->queue.size);
		so->queue.candidates[so->queue.n++] = candidate;
		so->counters.swept++;
	}
}

/* Reads the next page, for which the queue has room; false when there is none. */
static bool
sweep_next_page(HnswScan *so)
{
	Relation index = so->scan->indexRelation;
	Buffer buffer;
	Page page;

	if (so->sweep_end == InvalidBlockNumber)
	{
		so->sweep_end = RelationGetNumberOfBlocks(index);
		if (so->sweep_strategy == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(so->cxt);

			so->sweep_strategy = GetAccessStrategy(BAS_BULKREAD);
			MemoryContextSwitchTo(old);
		}
	}
	if (so->sweep_block >= so->sweep_end)
		return false;
	buffer = reader_pin_any(&so->pages->reader, so->sweep_block, so->sweep_strategy);
	page = BufferGetPage(buffer);
	if (!PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID &&
		page_tail(page)->kind == PAGE_ELEMENT)
		sweep_page(so, so->sweep_block, page);
	reader_unpin(&so->pages->reader, buffer);
	so->sweep_block++;
	CHECK_FOR_INTERRUPTS();
	return true;
}

bool
scan_sweep(HnswScan *so)
{
	Assert(!so->query.given);
	scan_queue_begin(so, SWEEP_BATCH + so->state->layout.slots_per_page);
	while (so->queue.n < SWEEP_BATCH && sweep_next_page(so))
		;
	if (so->queue.n == 0)
		return false;
	scan_queue_ready(so);
	return true;
}

/* A candidate as a number, and back. */
static int64
candidate_number(const Candidate *candidate)
{
	return (int64) ((uint64) candidate->generation << 32 | candidate->node);
}

static Candidate
numbered_candidate(double dist, int64 number)
{
	return (Candidate){
		.dist = (float) dist, .node = (NodeId) number, .generation = (uint16) (number >> 32)};
}

/* Sorts candidates that have not been queued. */
static void
sort_candidates(HnswScan *so, const Candidate *candidates, int n)
{
	for (int i = 0; i < n; i++)
		if (!(candidates[i].flags & (CANDIDATE_DEAD | CANDIDATE_TAKEN)))
			sorted_add(so->rest, candidates[i].dist, candidate_number(&candidates[i]));
}

/* Sorts what is queued and empties the queue. */
static void
sort_queue(HnswScan *so)
{
	for (int i = so->queue.next; i < so->queue.n; i++)
		sorted_add(so->rest, so->queue.candidates[i].dist,
				   candidate_number(&so->queue.candidates[i]));
	scan_queue_reset(so);
}

void
scan_rest_begin(HnswScan *so)
{
	MemoryContext old = MemoryContextSwitchTo(so->cxt);
	GraphSearch *search = so->search;

	Assert(so->rest == NULL && so->query.given);
	so->rest = sorted_create(so->settings.scan_mem_multiplier);
	MemoryContextSwitchTo(old);
	sort_candidates(so, search->pool, search->npool);
	sort_candidates(so, search->discarded, search->ndiscarded);
	do
	{
		sort_queue(so); /* while no page is locked */
		scan_queue_begin(so, so->state->layout.slots_per_page);
	} while (sweep_next_page(so));
	Assert(so->queue.n == 0);
	sorted_finish(so->rest);
	scan_queue_rest(so);
}

int
scan_rest_read(HnswScan *so, Candidate *out, int n)
{
	double dist;
	int64 number;
	int read = 0;

	Assert(so->stage == SCAN_REST && n > 0);
	while (read < n && sorted_next(so->rest, &dist, &number))
		out[read++] = numbered_candidate(dist, number);
	return read;
}
