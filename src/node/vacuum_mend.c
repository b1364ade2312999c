/*
 * vacuum_mend.c: what a repair leaves hard to find is found again.
 *
 * After the repair no live node links to a dead one, but some live nodes may have become hard to
 * reach:
 *
 *   poor       Nodes around which nearly all is dead have too few links to choose from: they are
 *              searched for anew. So are bit strings that lost half of their links; and all nodes
 *              above layer 0 that lost neighbours: they are few, and it is they that lead from
 *              cluster to cluster.
 *   orphans    A dead node was the way down into a cluster. A live neighbour of the node below
 *              inherits: if searches begin far from it, it gets an upper node. In the long run as
 *              many upper nodes die as are inserted, so layers keep the density that a build gives;
 *              the heirs fill the holes that chance makes.
 *   unreached  Nobody links to a node any more, or only others that nobody links to. A pass over
 *              the links, with a bit a node, finds all that cannot be reached from the entry point.
 *              They are linked as if they were inserted.
 *
 * What callers may rely on: what is changed is changed as an insert changes it, so that it may stop
 * anywhere. Only nodes that were live when the run marked are looked at: the inserts that made them
 * have ended, so all their upper nodes are known, and nobody but this run could remove them.
 *
 * Locks: the share lock of a page while its links are read; for changes what the page store takes.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "compat.h"
#include "miscadmin.h"
#include "node/vacuum.h"
#include "port/pg_bitutils.h"

typedef struct Mender
{
	HnswVacuum *vacuum;
	GraphInsert *insert;
	GraphProbe *probe;
	char *code;
	GraphElement element; /* that may get upper nodes, with `code` */
	NodeSet reached;      /* from the entry point */
	NodeSet expanded;     /* of these, those whose links have been followed */
	uint64 nmended;       /* that were not reached */
} Mender;

/*
 * A node that is linked to again may take the place of another in a full list, and that may have
 * been the only way to the other. So links are followed again until all is reached, but at most so
 * many times: an insert may go on beside it.
 */
#define REACH_PASSES 3

/* Calls mend() for the nodes of a set that are alive. */
static void
mend_each(Mender *mender, const NodeSet *set, void (*mend)(Mender *mender, NodeId node))
{
	const NodeSet *dead = &mender->vacuum->dead;

	for (uint64 word = 0; word <= set->size / 64; word++)
		for (uint64 left = set->words[word] & ~dead->words[word]; left != 0; left &= left - 1)
		{
			VACUUM_DELAY_POINT();
			mend(mender, (NodeId) (word * 64 + pg_rightmost_one_pos64(left)));
		}
}

/*
 * Makes a live node the probe, and its element the one that gets nodes. False if it is gone.
 */
static bool
mender_take(Mender *mender, NodeId node, int *layer)
{
	HnswVacuum *vacuum = mender->vacuum;
	const PageLayout *layout = vacuum->layout;
	Buffer buffer = reader_lock_page(vacuum->reader, node_block(layout, node), PAGE_ANY_NODE,
									 BUFFER_LOCK_SHARE);
	Slot *slot = page_slot(layout, BufferGetPage(buffer), node_slot(layout, node));
	bool live = slot_is_live(slot);

	*layer = slot->layer;
	memcpy(mender->code, slot_code(layout, slot), layout->code_size);
	mender->element.base = slot->layer == 0 ? node : slot_base(slot);
	if (layout->key_offset > 0)
		vacuum->pages->key = *slot_key(layout, slot);
	UnlockReleaseBuffer(buffer);
	return live && graph_probe(mender->probe, node, *layer);
}

static void
reach(Mender *mender, NodeId node)
{
	HnswVacuum *vacuum = mender->vacuum;

	/* what has come since is reached by the insert that made it */
	if (node >= mender->reached.size || node_set_has(&mender->reached, node))
		return;
	Assert(node_block(vacuum->layout, node) < vacuum->nblocks);
	node_set_add(&mender->reached, node);
	vacuum->blocks[node_block(vacuum->layout, node)] |= BLOCK_PENDING;
}

/*
 * Follows the links of all reached nodes of a page, also of those that are reached from the page
 * itself.
 */
static void
reach_from_page(Mender *mender, BlockNumber block)
{
	HnswVacuum *vacuum = mender->vacuum;
	const PageLayout *layout = vacuum->layout;
	Buffer buffer = reader_lock_page(vacuum->reader, block, PAGE_ANY_NODE, BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);
	uint32 used = page_used(vacuum->reader, block, page);

	Assert(block < vacuum->nblocks && used <= layout->slots_per_page);
	while (vacuum->blocks[block] & BLOCK_PENDING)
	{
		vacuum->blocks[block] &= ~BLOCK_PENDING;
		for (uint32 i = 0; i < used; i++)
		{
			NodeId node = node_address(layout, block, i);
			Slot *slot = page_slot(layout, page, i);
			NodeId links[GRAPH_MAX_LINKS];
			int n;

			if (!node_set_has(&mender->reached, node) || node_set_has(&mender->expanded, node) ||
				!slot_is_live(slot))
				continue;
			node_set_add(&mender->expanded, node);
			if (slot->layer > 0)
				reach(mender, slot->next);
			n = links_read(slot_links(layout, slot), GRAPH_CAPACITY(layout->m, slot->layer), links);
			for (int k = 0; k < n; k++)
				reach(mender, links[k]);
		}
	}
	UnlockReleaseBuffer(buffer);
}

/* Notes all that can be reached from the nodes that are noted. */
static void
reach_on(Mender *mender)
{
	HnswVacuum *vacuum = mender->vacuum;
	uint64 before;

	do
	{
		before = mender->expanded.count;
		for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
			if (vacuum->blocks[block] & BLOCK_PENDING)
			{
				VACUUM_DELAY_POINT();
				reach_from_page(mender, block);
			}
	} while (mender->expanded.count > before);
}

/* Notes all that can be reached from a node. */
static void
reach_all(Mender *mender, NodeId from)
{
	HnswVacuum *vacuum = mender->vacuum;
	BlockNumber first = node_block(vacuum->layout, from);

	reach(mender, from);
	if (first < vacuum->nblocks && (vacuum->blocks[first] & BLOCK_PENDING))
		reach_on(mender);
}

/* The entry point of a key's graph is reached. */
static void
reach_entry(NodeId key, const KeySlot *slot, void *arg)
{
	if ((slot->state == SLOT_LIVE || slot->state == SLOT_DEAD) && slot->entry != NODE_NONE)
		reach((Mender *) arg, slot->entry);
}

/* Notes all that can be reached from entry points. */
static void
reach_from_entries(Mender *mender)
{
	GraphStore *store = &mender->vacuum->pages->store;
	int layer;

	if (mender->vacuum->graphs == NULL)
		reach_all(mender, store->entry(store, &layer));
	else
	{
		vacuum_each_key(mender->vacuum, reach_entry, mender);
		reach_on(mender);
	}
}

static void
mend_unreached(Mender *mender, NodeId node)
{
	int layer;

	if (node_set_has(&mender->reached, node) || !mender_take(mender, node, &layer))
		return;
	graph_reconnect(mender->insert, mender->probe, node, layer);
	mender->nmended++;
	reach_all(mender, node);
}

/* Follows all links and reconnects what is not reached. */
static void
mend_reach(Mender *mender)
{
	HnswVacuum *vacuum = mender->vacuum;
	int passes = 0;

	do
	{
		node_set_clear(&mender->reached);
		node_set_clear(&mender->expanded);
		mender->nmended = 0;
		reach_from_entries(mender);
		mend_each(mender, &vacuum->live, mend_unreached);
	} while (mender->nmended > 0 && ++passes < REACH_PASSES);
}

static void
mend_poor(Mender *mender, NodeId node)
{
	int layer;

	if (mender_take(mender, node, &layer))
		graph_reconnect(mender->insert, mender->probe, node, layer);
}

/* A live neighbour of a dead node; NODE_NONE if there is none. */
static NodeId
find_heir(HnswVacuum *vacuum, NodeId dead)
{
	const PageLayout *layout = vacuum->layout;
	Buffer buffer = reader_lock_page(vacuum->reader, node_block(layout, dead), PAGE_ANY_NODE,
									 BUFFER_LOCK_SHARE);
	Slot *slot = page_slot(layout, BufferGetPage(buffer), node_slot(layout, dead));
	NodeId links[GRAPH_MAX_LINKS];
	int n = links_read(slot_links(layout, slot), GRAPH_CAPACITY(layout->m, slot->layer), links);

	UnlockReleaseBuffer(buffer);
	for (int i = 0; i < n; i++)
		if (node_set_has(&vacuum->live, links[i]) && !node_set_has(&vacuum->dead, links[i]))
			return links[i];
	return NODE_NONE;
}

/* An orphan's heir is mended in its place. */
static void
mend_heir(Mender *mender, NodeId orphan)
{
	HnswVacuum *vacuum = mender->vacuum;
	NodeId heir = find_heir(vacuum, orphan);
	bool may_raise;
	int layer;

	if (heir == NODE_NONE || !mender_take(mender, heir, &layer))
		return;
	may_raise = !node_set_has(&vacuum->raised, heir);
	Assert(node_set_has(&vacuum->live, heir) && !node_set_has(&vacuum->dead, heir));
	if (graph_mend(mender->insert, mender->probe, &mender->element, heir, layer, may_raise) &&
		may_raise)
		node_set_add(&vacuum->raised, heir);
}

static void
mend_orphans(Mender *mender)
{
	NodeSet *orphans = &mender->vacuum->orphans;

	for (uint64 word = 0; word <= orphans->size / 64; word++)
		for (uint64 left = orphans->words[word]; left != 0; left &= left - 1)
		{
			VACUUM_DELAY_POINT();
			mend_heir(mender, (NodeId) (word * 64 + pg_rightmost_one_pos64(left)));
		}
}

void
vacuum_mend(HnswVacuum *vacuum, GraphInsert *insert, GraphProbe *probe)
{
	char *code = palloc(vacuum->layout->code_size);
	Mender mender = {vacuum, insert, probe, code, {.code = code}};

	Assert(vacuum->live.size == vacuum->dead.size && vacuum->poor.size == vacuum->dead.size);
	node_set_init(&mender.reached, vacuum->live.size);
	node_set_init(&mender.expanded, vacuum->live.size);
	mend_each(&mender, &vacuum->poor, mend_poor);
	mend_orphans(&mender);
	mend_reach(&mender);
}
