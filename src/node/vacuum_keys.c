/*
 * vacuum_keys.c: what vacuum does for the keys of an index with key columns.
 *
 * A key's graph loses elements: their number is noted by graph while the run marks, so that the
 * graph's count shrinks, and a graph whose entry point dies gets another one of its own. Graphs
 * that lose nothing are not remembered.
 *
 * Keys whose graphs are empty go. They are marked, inserts that may be using them are waited for,
 * and those that nobody has revived since are taken off their ways and freed, when their last nodes
 * have been; see keys.c. A run that is interrupted leaves marked keys, which the next one
 * finds.
 *
 * Memory: some 50 bytes for each graph that loses elements, 4 for each empty one.
 *
 * Locks: one page at a time, but for unhooking.
 */
#include "postgres.h"

#include "node/vacuum.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

/* Keys that may go. */
typedef struct EmptyKeys
{
	NodeId *keys;
	uint64 n;
	uint64 size;
} EmptyKeys;

void
vacuum_keys_init(HnswVacuum *vacuum)
{
	HASHCTL ctl = {0};

	vacuum->graphs = NULL;
	if (vacuum->reader->state->shape.nkeys == 0)
		return;
	ctl.keysize = sizeof(NodeId);
	ctl.entrysize = sizeof(GraphLoss);
	ctl.hcxt = CurrentMemoryContext;
	vacuum->graphs = hash_create("hnsw graphs", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
vacuum_note_loss(HnswVacuum *vacuum, Slot *element)
{
	GraphLoss *loss;
	NodeId key;
	bool found;

	if (vacuum->graphs == NULL)
		return;
	key = *slot_key(vacuum->layout, element);
	loss = hash_search(vacuum->graphs, &key, HASH_ENTER, &found);
	if (!found)
	{
		loss->nelements = 0;
		loss->top = NODE_NONE;
		loss->top_layer = -1;
	}
	loss->nelements++;
}

void
vacuum_note_dead(HnswVacuum *vacuum, NodeId element)
{
	Slot *slot;
	Buffer buffer;

	if (vacuum->graphs == NULL || node_set_has(&vacuum->dead, element))
		return;
	buffer = pin_slot(vacuum->reader, element, PAGE_ELEMENT, &slot);
	vacuum_note_loss(vacuum, slot);
	reader_unpin(vacuum->reader, buffer);
}

void
vacuum_note_top(HnswVacuum *vacuum, NodeId node, Slot *slot)
{
	GraphLoss *loss = hash_search(vacuum->graphs, slot_key(vacuum->layout, slot), HASH_FIND, NULL);

	if (loss == NULL || slot->layer <= loss->top_layer)
		return;
	loss->top = node;
	loss->top_layer = slot->layer;
}

bool
vacuum_each_graph(HnswVacuum *vacuum, bool (*what)(HnswVacuum *vacuum, const GraphLoss *loss))
{
	HASH_SEQ_STATUS seq;
	GraphLoss *loss;
	bool any = false;

	hash_seq_init(&seq, vacuum->graphs);
	while ((loss = hash_seq_search(&seq)) != NULL)
	{
		VACUUM_DELAY_POINT();
		any |= what(vacuum, loss);
	}
	return any;
}

static bool
count_loss(HnswVacuum *vacuum, const GraphLoss *loss)
{
	key_count(vacuum->reader, loss->key, -(int64) loss->nelements, true);
	return true;
}

void
vacuum_count_losses(HnswVacuum *vacuum)
{
	if (vacuum->graphs != NULL)
		(void) vacuum_each_graph(vacuum, count_loss);
}

void
vacuum_each_key(HnswVacuum *vacuum, void (*what)(NodeId key, const KeySlot *slot, void *arg),
				void *arg)
{
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		Buffer buffer;
		Page page;
		uint32 used;

		if ((vacuum->blocks[block] & BLOCK_KIND) != PAGE_KEY)
			continue;
		VACUUM_DELAY_POINT();
		buffer = reader_lock_page(vacuum->reader, block, PAGE_KEY, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buffer);
		used = page_used(vacuum->reader, block, page);
		for (uint32 i = 0; i < used; i++)
			what(node_address(vacuum->layout, block, i),
				 (KeySlot *) page_slot(vacuum->layout, page, i), arg);
		UnlockReleaseBuffer(buffer);
	}
}

static void
collect_empty(NodeId key, const KeySlot *slot, void *arg)
{
	EmptyKeys *empty = arg;

	if (slot->state != SLOT_SHELL && slot->state != SLOT_DEAD &&
		!(slot->state == SLOT_LIVE && slot->entry == NODE_NONE))
		return;
	if (empty->n == empty->size)
	{
		empty->size *= 2;
		empty->keys = repalloc_huge(empty->keys, empty->size * sizeof(NodeId));
	}
	empty->keys[empty->n++] = key;
}

static void
note_key_to_free(HnswVacuum *vacuum, NodeId key)
{
	vacuum->blocks[node_block(vacuum->layout, key)] |= BLOCK_HAS_DEAD;
}

/* Keeps those keys that `what` says true of; the page of each other one may have slots to free. */
static void
filter_empty(HnswVacuum *vacuum, EmptyKeys *empty, bool (*keep)(PageReader *reader, NodeId key))
{
	uint64 n = 0;

	for (uint64 i = 0; i < empty->n; i++)
	{
		VACUUM_DELAY_POINT();
		if (keep(vacuum->reader, empty->keys[i]))
			empty->keys[n++] = empty->keys[i];
		else
			note_key_to_free(vacuum, empty->keys[i]);
	}
	empty->n = n;
}

static bool
is_still_hooked(PageReader *reader, NodeId key)
{
	return !key_unhook(reader, key);
}

void
vacuum_keys(HnswVacuum *vacuum)
{
	EmptyKeys empty = {.size = 1024};
	uint64 before;

	if (vacuum->graphs == NULL)
		return;
	empty.keys = palloc(empty.size * sizeof(NodeId));
	vacuum_each_key(vacuum, collect_empty, &empty);
	/* what is not dead then was unhooked by an earlier run, or has got elements again */
	filter_empty(vacuum, &empty, key_mark);
	if (empty.n > 0)
		index_insert_barrier(vacuum->info->index);
	/* a key can be unhooked when those behind it have been */
	do
	{
		before = empty.n;
		filter_empty(vacuum, &empty, is_still_hooked);
	} while (empty.n > 0 && empty.n < before);
	pfree(empty.keys);
}
