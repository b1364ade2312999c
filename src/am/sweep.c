/*
 * sweep.c: the elements that a scan's search has not met, in physical order.
 *
 * A graph search may end before a query has got its rows: nodes can be unreachable, and the memory for a search is
 * limited.  Then the element pages are read from the first to the last, and what the search has not visited is measured
 * and queued, some thousand elements at a time, so that within such a batch rows still come nearest first.  With no
 * query (NULL, or a zero vector under the cosine metric) all elements are swept, in no particular order.
 *
 * Locks: none but the share lock during recovery.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "am/scan.h"
#include "miscadmin.h"

#define SWEEP_BATCH 4096

/* Queues a page's elements that have not been visited. */
static void
sweep_page(HnswScan *so, BlockNumber block, Page page)
{
	const PageLayout *layout = &so->state->layout;
	uint32 used = Min(page_tail(page)->used, layout->slots_per_page);

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		NodeId node = node_address(layout, block, i);
		Candidate *candidate = &so->queue[so->nqueue];

		if (!slot_is_live(slot) || visited_has(&so->search->visited, node))
			continue;
		candidate->node = node;
		candidate->generation = slot->generation;
		candidate->flags = 0;
		candidate->dist = candidate->bound = 0;
		if (so->has_query)
			candidate->dist = code_distance(so->query, slot_code(layout, slot), &candidate->bound);
		if (so->has_query && so->type->distance != NULL)
			candidate->bound = INFINITY;
		if (isnan(candidate->dist))
			candidate->dist = INFINITY;
		so->nqueue++;
	}
}

bool
scan_sweep(HnswScan *so)
{
	Relation index = so->scan->indexRelation;
	int slots_per_page = so->state->layout.slots_per_page;

	scan_queue_begin(so, SWEEP_BATCH + slots_per_page);
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
	while (so->sweep_block < so->sweep_end && so->nqueue < SWEEP_BATCH)
	{
		BlockNumber block = so->sweep_block++;
		Buffer buffer = reader_pin_any(&so->pages->reader, block, so->sweep_strategy);
		Page page = BufferGetPage(buffer);

		if (!PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID && page_tail(page)->kind == PAGE_ELEMENT)
			sweep_page(so, block, page);
		reader_unpin(&so->pages->reader, buffer);
		CHECK_FOR_INTERRUPTS();
	}
	if (so->nqueue == 0)
		return false;
	scan_queue_ready(so);
	return true;
}
