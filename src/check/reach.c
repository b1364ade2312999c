/*
 * reach.c: what searches get to.
 *
 * Two things are counted.  An element is unreachable if no links lead from the entry point to it,
 * however long the way: then no search finds it, whatever its ef.  And some elements, or all, are
 * searched for by their own vectors, as a query would search.  Neither is damage: graphs are
 * approximate, and a scan that runs dry sweeps up what it has not met.  But much of either costs
 * recall, and REINDEX mends it.
 *
 * Damage is an entry point that is missing, free, or lower than a node that was complete when the
 * check began.
 *
 * The walk takes the pages in their order, again and again until nothing new is met, so that it
 * needs two bits a node and reads forwards.  Links that others change meanwhile may make it count a
 * few elements more.
 *
 * Locks: the share lock of one page at a time; a search takes what searches take.
 */
#include "postgres.h"

#include "am/am.h"
#include "check/check.h"
#include "common/pg_prng.h"
#include "memory.h"
#include "miscadmin.h"

void
check_meet(HnswCheck *check, NodeId node)
{
	if (check_node(check, node) != 0 && !(check->marks[node] & MARK_MET))
		check->marks[node] |= MARK_MET | MARK_NEXT;
}

/* Goes on from a node. */
static void
expand(HnswCheck *check, Slot *slot)
{
	NodeId links[GRAPH_MAX_LINKS];
	int n = links_read(slot_links(check->layout, slot),
					   GRAPH_CAPACITY(check->layout->m, slot->layer), links);

	for (int i = 0; i < n; i++)
		check_meet(check, links[i]);
	if (slot->layer > 0)
		check_meet(check, slot->next);
}

/* Goes on from the nodes of a page from which that is still to do; false if there are none. */
static bool
expand_page(HnswCheck *check, BlockNumber block)
{
	const PageLayout *layout = check->layout;
	NodeId first = node_address(layout, block, 0);
	bool copied = false;
	PageKind kind;

	for (uint32 i = 0; i < layout->slots_per_page; i++)
	{
		if (!(check->marks[first + i] & MARK_NEXT))
			continue;
		Assert(check->marks[first + i] & MARK_MET);
		check->marks[first + i] &= ~MARK_NEXT;
		/* without a check of slots in use: what is noted of an address was on the page */
		if (!copied &&
			(!check_copy(check, block, check->page, &kind) || kind != check->kinds[block]))
			page_corrupted(check->index, block, "the page has changed its kind");
		copied = true;
		expand(check, page_slot(layout, check->page, i));
	}
	return copied;
}

/* Marks all that links lead to from the entry point that there was when the check began. */
static void
walk(HnswCheck *check)
{
	bool more = true;

	if (check->key_columns != NULL)
		check_meet_entries(check);
	else
		check_meet(check, check->meta.entry);
	while (more)
	{
		more = false;
		for (BlockNumber block = HNSWC_META_BLOCK + 1; block < check->nblocks; block++)
		{
			CHECK_FOR_INTERRUPTS();
			if (check->kinds[block] == PAGE_ELEMENT || check->kinds[block] == PAGE_UPPER)
				more |= expand_page(check, block);
		}
	}
}

/* Is there an element, or one of its duplicates, that was complete when the check began? */
static bool
element_complete(HnswCheck *check, NodeId element)
{
	SlotCopy *list = check->chain;
	NodeId next;

	if (!slot_copy_read(check, check->before, element, PAGE_ELEMENT) ||
		!slot_is_live(check->before->slot))
		return false;
	if (check_slot_visible(check, check->before))
		return true;
	next = check->before->slot->next;
	for (uint64 n = 0; next != NODE_NONE && n < check->nnodes; n++)
	{
		if (!slot_copy_read(check, list, next, PAGE_DUPLICATE))
			return false;
		if (check_slot_visible(check, list))
			return true;
		next = list->slot->next;
	}
	return false;
}

static bool
is_live_on(const HnswCheck *check, NodeId node, PageKind kind)
{
	return node_was(check->nodes[node], NODE_LIVE) &&
		   check->kinds[node_block(check->layout, node)] == kind;
}

/* Has a page slots that are dead? */
static bool
page_has_dead(HnswCheck *check, BlockNumber block)
{
	PageKind kind;
	uint32 used;

	if (!check_copy(check, block, check->page, &kind) ||
		(kind != PAGE_ELEMENT && kind != PAGE_UPPER))
		return false;
	used = page_used(&check->reader, block, check->page);
	for (uint32 i = 0; i < used; i++)
		if (page_slot(check->layout, check->page, i)->state == SLOT_DEAD)
			return true;
	return false;
}

/*
 * Is a vacuum replacing the entry point, or has it been interrupted while it did? Then there are
 * dead nodes from before until after, and an insert may have left a node above the entry point,
 * which the vacuum sees to.  If there are none, and the entry point is the same before and after,
 * it is what it should be.
 */
static bool
entry_may_change(HnswCheck *check, NodeId entry)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(check->index);
	MetaPage meta;

	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		if (page_has_dead(check, block))
			return true;
	}
	check_read_meta(check, &meta);
	return meta.entry != entry;
}

/* Without an entry point, in a graph, there may be nothing but what is being inserted. */
static void
check_no_entry(HnswCheck *check)
{
	for (uint64 node = 0; node < check->nnodes; node++)
	{
		if (!is_live_on(check, (NodeId) node, PAGE_ELEMENT) ||
			(check->key_columns != NULL && check_key_has_entry(check, (NodeId) node)) ||
			!element_complete(check, (NodeId) node))
			continue;
		if (entry_may_change(check, NODE_NONE))
			return;
		check_failed(check, (NodeId) node, "the index has elements, but no entry point");
	}
}

/* Has the insert of an upper node's element ended? A duplicate tells nothing of the element's. */
static bool
upper_complete(HnswCheck *check, NodeId node, int above)
{
	const SlotCopy *copy = check->after;

	return slot_copy_read(check, check->after, node, PAGE_UPPER) && slot_is_live(copy->slot) &&
		   copy->slot->layer > above &&
		   slot_copy_read(check, check->before, slot_base(copy->slot), PAGE_ELEMENT) &&
		   check_slot_visible(check, check->before);
}

/* Is the entry point's layer the highest that a complete node is on? */
static void
check_entry_layer(HnswCheck *check, NodeId entry, int layer)
{
	for (uint64 i = 0; i < check->nnodes; i++)
	{
		NodeId node = (NodeId) i;
		int found;

		if (!is_live_on(check, node, PAGE_UPPER) || (check->nodes[node] & NODE_LAYER) <= layer ||
			!upper_complete(check, node, layer))
			continue;
		found = check->after->slot->layer;
		if (entry_may_change(check, entry))
			return;
		check_failed(
			check, node,
			"the node is on layer %d, but the entry point, at block %u, slot %u, on layer %d",
			found, node_block(check->layout, entry), node_slot(check->layout, entry), layer);
	}
}

static void
check_entry(HnswCheck *check)
{
	MetaPage meta;
	NodeId entry;
	BlockNumber block;
	SlotCopy *copy = check->end;

	/* the graphs' own have been looked at */
	if (check->key_columns != NULL)
	{
		check_no_entry(check);
		return;
	}
	do
	{
		check_read_meta(check, &meta);
		entry = meta.entry;
		if (entry == NODE_NONE)
		{
			check_no_entry(check);
			return;
		}
		if (!slot_copy_read(check, copy, entry, PAGE_ELEMENT))
			(void) slot_copy_read(check, copy, entry, PAGE_UPPER);
		/* who frees it makes another node the entry point before */
		check_read_meta(check, &meta);
	} while (meta.entry != entry);
	block = node_block(check->layout, entry);
	if (copy->problem != NULL || !slot_is_on(copy->slot, copy->slot->layer))
		page_corrupted(check->index, HNSWC_META_BLOCK,
					   psprintf("the entry point is at block %u, slot %u: %s", block,
								node_slot(check->layout, entry),
								copy->problem != NULL ? copy->problem : "a slot that is free"));
	check_entry_layer(check, entry, copy->slot->layer);
}

void
check_reach(HnswCheck *check)
{
	check_entry(check);
	walk(check);
	for (uint64 node = 0; node < check->nnodes; node++)
		if (is_live_on(check, (NodeId) node, PAGE_ELEMENT) && !(check->marks[node] & MARK_MET) &&
			element_complete(check, (NodeId) node))
			check->counts.unreachable++;
}

/* What searches for elements need. */
typedef struct Searcher
{
	HnswCheck *check;
	PageStore *pages;
	GraphSearch *search;
	void *query_memory;
	char *page;
} Searcher;

/* The element's vector as a query; its code, where the index has no more. */
static CodeQuery *
element_query(Searcher *searcher, const PageTail *tail, NodeId node, Slot *slot)
{
	HnswCheck *check = searcher->check;
	const Coder *coder = check->state->coder;
	CodeQuery *query;

	if (check->layout->vector_size > 0 && check_read_vector(check, tail, node))
		query =
			coder_query(coder, searcher->query_memory, check->codes.vector, check->codes.scratch);
	else
		query = coder_query_code(coder, searcher->query_memory, slot_code(check->layout, slot),
								 check->codes.scratch);
	code_query_relative(query);
	return query;
}

/*
 * Is the element among the ef nearest that a search for it finds, or is there no place for it
 * because all of these are as near?  By inner product many may be nearer to a vector than that is
 * to itself, and coarse codes are not nearest to themselves.
 */
static bool
search_finds(Searcher *searcher, const CodeQuery *query, NodeId node, Slot *slot)
{
	GraphSearch *search = searcher->search;
	int top;
	int ef = settings_of(searcher->check->index).ef_search;
	int nentries = graph_search_descend(search, query, 0, ef, &top);
	float farthest = 0;

	if (nentries == 0)
		return false;
	graph_search_layer(search, query, 0, ef, nentries);
	for (int i = 0; i < search->npool; i++)
	{
		if (search->pool[i].node == node)
			return true;
		if (!(search->pool[i].flags & CANDIDATE_DEAD))
			farthest = search->pool[i].dist;
	}
	return search->nlive >= ef &&
		   code_distance(query, slot_code(searcher->check->layout, slot), NULL) >= farthest;
}

/* Searches for an element of the page at hand, unless it has gone. */
static void
search_for(Searcher *searcher, BlockNumber block, uint32 i)
{
	HnswCheck *check = searcher->check;
	Slot *slot = page_slot(check->layout, check->page, i);
	NodeId node = node_address(check->layout, block, i);
	const PageTail *tail = page_tail(check->page);
	bool found;

	if (!slot_is_live(slot))
		return;
	if (check->key_columns != NULL)
		searcher->pages->key = *slot_key(check->layout, slot);
	found = search_finds(searcher, element_query(searcher, tail, node, slot), node, slot);
	/* one that has gone meanwhile, or is being inserted, is not missed */
	if (!found &&
		(!element_complete(check, node) || check->before->slot->generation != slot->generation))
		return;
	check->counts.searches++;
	check->counts.found += found;
}

/*
 * Takes as many elements at random as are wanted, in the order of their addresses: each with the
 * share that are still wanted of those that are left (Knuth, The Art of Computer Programming,
 * volume 2, algorithm 3.4.2 S).
 */
void
check_searches(HnswCheck *check)
{
	const PageLayout *layout = check->layout;
	Searcher searcher = {.check = check};
	int64 wanted = Min(check->searches, check->counts.elements);
	int64 left = check->counts.elements;

	if (wanted <= 0)
		return;
	searcher.pages = page_store_open(check->index, check->state, false);
	searcher.search = graph_search_create(&searcher.pages->store, false);
	searcher.query_memory = palloc_on_line(code_query_size(check->state->coder));
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < check->nblocks && wanted > 0; block++)
	{
		bool copied = false;
		PageKind kind;

		for (uint32 i = 0; i < layout->slots_per_page && check->kinds[block] == PAGE_ELEMENT; i++)
		{
			if (!node_was(check->nodes[node_address(layout, block, i)], NODE_LIVE))
				continue;
			if (pg_prng_uint64_range(&pg_global_prng_state, 0, left-- - 1) >= wanted)
				continue;
			wanted--;
			CHECK_FOR_INTERRUPTS();
			if (!copied)
				copied = check_copy(check, block, check->page, &kind);
			if (copied)
				search_for(&searcher, block, i);
		}
	}
}
