/*
 * vacuum_repair.c: taking dead nodes out of an index's graph.
 *
 * Waits until no insert is left that has seen the dead nodes alive.  Then goes over all node pages, also those that have
 * come since the run began: a live node that links to a dead one is repaired by the graph layer.  On the way it notes
 * who is linked to.  The entry point is made a live one.  A node to which only dead ones have linked, or around which
 * nearly all is dead, would be lost though nothing of it was removed: it is linked again as if it were inserted.
 *
 * Afterwards nothing leads to a dead node any more; see src/page/README.
 *
 * Locks: the insert lock, exclusively, for a moment; the share lock of a page while its lists are looked at; for changes
 * what the page store takes.
 */
#include "postgres.h"

#include "am/vacuum.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "graph/memory.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"

static bool
is_dead(NodeId node, void *arg)
{
	return node_set_has(&((HnswVacuum *) arg)->dead, node);
}

/* What the repair of an index needs. */
typedef struct Repairer
{
	GraphRepair *repair;
	GraphInsert *insert;
	void *query_memory;
	void *scratch;
	void *code;
} Repairer;

static void
repairer_init(Repairer *repairer, HnswVacuum *vacuum)
{
	GraphStore *store = &vacuum->pages->store;

	repairer->repair = graph_repair_create(store, is_dead, vacuum);
	repairer->insert = graph_insert_create(store, vacuum->reader->state->ef_construction);
	repairer->query_memory = palloc_on_line(code_query_size(store->coder));
	repairer->scratch = palloc_on_line(coder_scratch_size(store->coder));
	repairer->code = palloc_on_line(vacuum->layout->code_size);
}

static void
note_links(NodeSet *set, const NodeId *links, int n)
{
	for (int i = 0; i < n; i++)
		if (links[i] < set->size)
			node_set_add(set, links[i]);
}

/* Does a live node link to a dead one?  Notes who links to whom, and the highest layer. */
static bool
needs_repair(HnswVacuum *vacuum, NodeId node, Slot *slot)
{
	NodeId links[GRAPH_MAX_LINKS];
	int n = links_read(slot_links(vacuum->layout, slot), GRAPH_CAPACITY(vacuum->layout->m, slot->layer), links);

	if (node_set_has(&vacuum->dead, node))
		note_links(&vacuum->lost, links, n);
	if (!slot_is_live(slot))
		return false;
	if (slot->layer > vacuum->top_layer)
	{
		vacuum->top = node;
		vacuum->top_layer = slot->layer;
	}
	for (int i = 0; i < n; i++)
		if (node_set_has(&vacuum->dead, links[i]))
			return true;
	note_links(&vacuum->linked, links, n);
	return false;
}

/* Gives a live node links from and to near ones. */
static void
reconnect_node(HnswVacuum *vacuum, Repairer *repairer, NodeId node)
{
	const PageLayout *layout = vacuum->layout;
	const Coder *coder = vacuum->pages->store.coder;
	Buffer buffer = reader_lock_page(vacuum->reader, node_block(layout, node), PAGE_ANY_NODE, BUFFER_LOCK_SHARE);
	Slot *slot = page_slot(layout, BufferGetPage(buffer), node_slot(layout, node));
	bool live = slot_is_live(slot);
	int layer = slot->layer;

	memcpy(repairer->code, slot_code(layout, slot), layout->code_size);
	UnlockReleaseBuffer(buffer);
	if (live)
		graph_reconnect(repairer->insert,
						coder_query_code(coder, repairer->query_memory, repairer->code, repairer->scratch), node,
						layer);
}

static void
repair_node(HnswVacuum *vacuum, Repairer *repairer, NodeId node, int layer)
{
	GraphStore *store = &vacuum->pages->store;
	NodeId links[GRAPH_MAX_LINKS];
	int n;
	bool poor;

	poor = graph_repair_node(repairer->repair, node, layer) && repairer->repair->poor;
	n = store->neighbours(store, node, layer, GENERATION_ANY, links);
	note_links(&vacuum->linked, links, n);
	if (poor)
		note_links(&vacuum->poor, &node, 1);
}

/* Repairs the nodes of a page. */
static void
repair_page(HnswVacuum *vacuum, Repairer *repairer, BlockNumber block)
{
	NodeId nodes[BLCKSZ / sizeof(Slot)];
	uint8 layers[BLCKSZ / sizeof(Slot)];
	int n = 0;
	Buffer buffer = reader_lock_any(vacuum->reader, block, BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);

	/* pages that have come since the run began may be of any kind */
	if (!PageIsNew(page) && (page_tail(page)->kind == PAGE_ELEMENT || page_tail(page)->kind == PAGE_UPPER))
	{
		uint32 used;

		page_check(vacuum->info->index, block, page, PAGE_ANY_NODE);
		used = page_used(vacuum->reader, block, page);
		for (uint32 i = 0; i < used; i++)
		{
			Slot *slot = page_slot(vacuum->layout, page, i);

			nodes[n] = node_address(vacuum->layout, block, i);
			layers[n] = slot->layer;
			if (needs_repair(vacuum, nodes[n], slot))
				n++;
		}
	}
	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < n; i++)
	{
		repair_node(vacuum, repairer, nodes[i], layers[i]);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Nodes to which nobody links any more, or that have too few links.  They come last: now a search does not get lost among
 * the dead, and each that is linked to again is reached by the searches for the next.
 */
static void
repair_lost(HnswVacuum *vacuum, Repairer *repairer)
{
	for (uint64 word = 0; word <= vacuum->lost.size / 64; word++)
	{
		uint64 lost = vacuum->lost.words[word] & ~vacuum->linked.words[word] & ~vacuum->dead.words[word];

		for (uint64 left = lost | vacuum->poor.words[word]; left != 0; left &= left - 1)
		{
			VACUUM_DELAY_POINT();
			reconnect_node(vacuum, repairer, (NodeId) (word * 64 + pg_rightmost_one_pos64(left)));
		}
	}
}

/* Makes a live node the entry point if that is dead, or lower than it could be. */
static void
repair_entry(HnswVacuum *vacuum)
{
	GraphStore *store = &vacuum->pages->store;

	for (;;)
	{
		int layer;
		NodeId entry = store->entry(store, &layer);
		bool dead = entry != NODE_NONE && node_set_has(&vacuum->dead, entry);

		/* what an insert has made the entry point meanwhile is alive */
		if (!dead && layer >= vacuum->top_layer)
			return;
		if (store->set_entry(store, entry, vacuum->top, Max(vacuum->top_layer, 0)))
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

void
vacuum_repair(HnswVacuum *vacuum)
{
	Repairer repairer;
	BlockNumber nblocks;

	repairer_init(&repairer, vacuum);
	index_insert_barrier(vacuum->info->index);
	nblocks = RelationGetNumberOfBlocks(vacuum->info->index);
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < nblocks; block++)
	{
		uint8 kind = block < vacuum->nblocks ? vacuum->blocks[block] & BLOCK_KIND : PAGE_ANY_NODE;

		if (kind == BLOCK_OTHER || kind == PAGE_DUPLICATE)
			continue;
		VACUUM_DELAY_POINT();
		repair_page(vacuum, &repairer, block);
	}
	repair_entry(vacuum);
	repair_lost(vacuum, &repairer);
}
