/*
 * vacuum_repair.c: taking dead nodes out of an index's graph.
 *
 * Waits until no insert is left that has seen the dead nodes alive. Then goes over all node pages,
 * also those that have come since the run began: a live node that links to a dead one is repaired
 * by the graph layer. On the way it notes who has, and who had, a node above it. The entry point is
 * made a live one on the highest layer. What is hard to find then, though nothing of it was
 * removed, is vacuum_mend.c's.
 *
 * Afterwards nothing leads to a dead node any more, and no node is above the entry point; see
 * src/node/README.
 *
 * Locks: the insert lock, exclusively, for a moment, once more where the entry point was dead; the
 * share lock of a page while its lists are looked at; for changes what the page store takes.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "compat.h"
#include "memory.h"
#include "miscadmin.h"
#include "node/vacuum.h"

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
	GraphProbe *probe;
} Repairer;

static void
repairer_init(Repairer *repairer, HnswVacuum *vacuum)
{
	GraphStore *store = &vacuum->pages->store;

	repairer->repair = graph_repair_create(store, is_dead, vacuum);
	repairer->insert = graph_insert_create(store, vacuum->reader->state->shape.ef_construction);
	repairer->probe = graph_probe_create(store, vacuum->reader->state->shape.spec.dims);
}

/* Adds a node to a set, unless it has come since the run began. */
static void
note_node(NodeSet *set, NodeId node)
{
	if (node < set->size)
		node_set_add(set, node);
}

/*
 * Does a live node link to a dead one? Notes who has, or had, a node above it, and the highest
 * layer.
 */
static bool
needs_repair(HnswVacuum *vacuum, NodeId node, Slot *slot)
{
	NodeId links[GRAPH_MAX_LINKS];
	int n = links_read(slot_links(vacuum->layout, slot),
					   GRAPH_CAPACITY(vacuum->layout->m, slot->layer), links);

	if (slot->layer > 0 && slot->state == SLOT_DEAD)
		note_node(&vacuum->orphans, slot->next);
	if (!slot_is_live(slot))
		return false;
	Assert(!node_set_has(&vacuum->dead, node));
	if (slot->layer > 0)
		note_node(&vacuum->raised, slot->next);
	if (vacuum->graphs != NULL)
		vacuum_note_top(vacuum, node, slot);
	else if (slot->layer > vacuum->top_layer)
	{
		vacuum->top = node;
		vacuum->top_layer = slot->layer;
	}
	for (int i = 0; i < n; i++)
		if (node_set_has(&vacuum->dead, links[i]))
			return true;
	return false;
}

/*
 * Repairs a node. If nearly all around it is dead, or if it is above layer 0, where few nodes have
 * to lead everywhere, it is searched for anew later.
 */
static void
repair_node(HnswVacuum *vacuum, Repairer *repairer, NodeId node, int layer)
{
	if (graph_repair_node(repairer->repair, node, layer) && (layer > 0 || repairer->repair->poor))
		note_node(&vacuum->poor, node);
}

/* Most nodes of a page. */
#define PAGE_NODES (BLCKSZ / sizeof(Slot))

/* Collects the nodes of a page that link to dead ones; returns how many. */
static int
find_broken(HnswVacuum *vacuum, BlockNumber block, NodeId *nodes, uint8 *layers)
{
	int n = 0;
	Buffer buffer = reader_lock_any(vacuum->reader, block, BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);

	/* pages that have come since the run began may be of any kind */
	if (!PageIsNew(page) &&
		(page_tail(page)->kind == PAGE_ELEMENT || page_tail(page)->kind == PAGE_UPPER))
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
	return n;
}

/* Repairs the nodes of a page. */
static void
repair_page(HnswVacuum *vacuum, Repairer *repairer, BlockNumber block)
{
	NodeId nodes[PAGE_NODES];
	uint8 layers[PAGE_NODES];
	int n = find_broken(vacuum, block, nodes, layers);

	for (int i = 0; i < n; i++)
	{
		repair_node(vacuum, repairer, nodes[i], layers[i]);
		CHECK_FOR_INTERRUPTS();
	}
}

/* What a block holds: a PageKind, PAGE_ANY_NODE for one that came later, or BLOCK_OTHER. */
static uint8
kind_of_block(const HnswVacuum *vacuum, BlockNumber block)
{
	return block < vacuum->nblocks ? vacuum->blocks[block] & BLOCK_KIND : PAGE_ANY_NODE;
}

/*
 * Makes a live node the entry point if that is dead, or lower than it could be. Returns whether it
 * was dead.
 */
static bool
repair_entry(HnswVacuum *vacuum, NodeId top, int top_layer)
{
	GraphStore *store = &vacuum->pages->store;

	for (;;)
	{
		int layer;
		NodeId entry = store->entry(store, &layer);
		bool dead = entry != NODE_NONE && node_set_has(&vacuum->dead, entry);

		/* what an insert has made the entry point meanwhile is alive */
		if (!dead && layer >= top_layer)
			return false;
		Assert(!node_set_has(&vacuum->dead, top));
		if (store->set_entry(store, entry, top, Max(top_layer, 0)))
			return dead;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Is the top of a graph that loses elements not known? */
static bool
lacks_top(const HnswVacuum *vacuum)
{
	/* each graph has its own, and all nodes are looked at once more */
	return vacuum->graphs != NULL || vacuum->top == NODE_NONE;
}

/* The same of a key's graph. */
static bool
repair_graph_entry(HnswVacuum *vacuum, const GraphLoss *loss)
{
	vacuum->pages->key = loss->key;
	return repair_entry(vacuum, loss->top, loss->top_layer);
}

/* The same of all graphs that lose elements. */
static bool
repair_entries(HnswVacuum *vacuum)
{
	return vacuum->graphs != NULL ? vacuum_each_graph(vacuum, repair_graph_entry)
								  : repair_entry(vacuum, vacuum->top, vacuum->top_layer);
}

/*
 * Finds the highest layer once more, after the entry point was dead. Until it was replaced an
 * insert may have left a node there that is above the new one, since it was not above the dead one,
 * on a page that had been looked at. Those inserts are waited for; later ones go by the new entry
 * point.
 */
static void
look_again(HnswVacuum *vacuum)
{
	NodeId nodes[PAGE_NODES];
	uint8 layers[PAGE_NODES];
	BlockNumber nblocks;

	index_insert_barrier(vacuum->info->index);
	nblocks = RelationGetNumberOfBlocks(vacuum->info->index);
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < nblocks; block++)
	{
		uint8 kind = kind_of_block(vacuum, block);
		int n PG_USED_FOR_ASSERTS_ONLY;

		/* elements matter only where there is nothing else */
		if (kind == BLOCK_OTHER || kind == PAGE_DUPLICATE || kind == PAGE_KEY ||
			(kind == PAGE_ELEMENT && !lacks_top(vacuum)))
			continue;
		VACUUM_DELAY_POINT();
		n = find_broken(vacuum, block, nodes, layers);
		Assert(n == 0);
	}
}

void
vacuum_repair(HnswVacuum *vacuum)
{
	Repairer repairer;
	BlockNumber nblocks;

	Assert(vacuum->dead.count > 0 && vacuum->top == NODE_NONE);
	repairer_init(&repairer, vacuum);
	index_insert_barrier(vacuum->info->index);
	nblocks = RelationGetNumberOfBlocks(vacuum->info->index);
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < nblocks; block++)
	{
		uint8 kind = kind_of_block(vacuum, block);

		if (kind == BLOCK_OTHER || kind == PAGE_DUPLICATE || kind == PAGE_KEY)
			continue;
		VACUUM_DELAY_POINT();
		repair_page(vacuum, &repairer, block);
	}
	if (repair_entries(vacuum))
	{
		look_again(vacuum);
		(void) repair_entries(vacuum);
	}
	vacuum_mend(vacuum, repairer.insert, repairer.probe);
}
