/*
 * keys.c: the keys of an index with key columns, and the graphs that they lead to.
 *
 * Proved here:
 *
 * - A key in use is written as the index's columns are, and its hash is that of its value. The way
 *   that its hash says leads to it, if it has a graph; what it leads on to is a key.
 * - The entry point of a graph is a node of that graph, which is not free.
 * - A live node names a key in use. (That its links stay within the graph is links.c's.)
 * - Elements that were complete when the check began are in graphs that have an entry point.
 * - If all rows of the table are looked at, each is in its key's graph.
 *
 * Memory: four bytes for each address of a node.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "node/key_columns.h"
#include "check/check.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* How often a key is looked at whose entry point changes all the time. */
#define KEY_TRIES 5

void
check_keys_begin(HnswCheck *check)
{
	check->key_columns = key_columns_open(check->index, check->state);
	if (check->key_columns == NULL)
		return;
	check->node_keys =
		palloc_extended(check->nnodes * sizeof(NodeId), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->key_copy = palloc(check->layout->slot_size);
	check->key_cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw check key", ALLOCSET_DEFAULT_SIZES);
}

static bool
key_is_used(const KeySlot *slot)
{
	return slot->state == SLOT_LIVE || slot->state == SLOT_DEAD;
}

static bool
entry_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	const KeySlot *key = (const KeySlot *) from->slot;

	return key_is_used(key) && key->entry == to;
}

static const char *
entry_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	if (!slot_is_on(to->slot, to->slot->layer))
		return "a slot that is free";
	return *slot_key(check->layout, to->slot) == from->node ? NULL : "a node of another graph";
}

static bool
key_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	return slot_is_live(from->slot) && *slot_key(check->layout, from->slot) == to;
}

static const char *
key_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	return key_is_used((const KeySlot *) to->slot) ? NULL : "a key that is gone";
}

void
check_node_key(HnswCheck *check, NodeId node, const Slot *slot, PageKind kind)
{
	NodeId key;
	CheckWay way = {node, kind, NODE_NONE, PAGE_KEY, key_starts, key_problem, "its key"};

	if (check->key_columns == NULL || !slot_is_live(slot))
		return;
	key = way.to = *slot_key(check->layout, (Slot *) slot);
	if (!node_was(check_node(check, key), NODE_LIVE) ||
		check->kinds[node_block(check->layout, key)] != PAGE_KEY)
		(void) check_way(check, &way);
}

/* The value of a key and its hash. */
static void
look_at_value(HnswCheck *check, NodeId key, const KeySlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(check->key_cxt);
	uint32 hash;

	memcpy(check->key_copy, slot + 1, slot->size);
	if (!key_columns_hash(check->key_columns, check->key_copy, slot->size, &hash))
		check_failed(check, key, "a key's value is not one of the index's columns");
	if (hash != slot->hash)
		check_failed(check, key, "a key's hash is %08x, but that of its value %08x", slot->hash,
					 hash);
	MemoryContextSwitchTo(old);
	MemoryContextReset(check->key_cxt);
}

/* A key with a graph is on its way from the moment before it gets an entry point. */
static void
look_at_way(HnswCheck *check, NodeId key, const KeySlot *slot)
{
	KeyRef ref = {key, slot->entry};

	for (int i = 0; i < KEY_TRIES && ref.key != NODE_NONE && ref.entry != NODE_NONE; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (key_is_hooked(&check->reader, key, slot->hash))
			return;
		(void) key_read(&check->reader, key, &ref, NULL);
		if (ref.generation != slot->generation)
			return;
	}
	if (ref.key != NODE_NONE && ref.entry != NODE_NONE)
		check_failed(check, key, "no way leads to a key");
}

static void
look_at_key_slot(HnswCheck *check, NodeId key, const KeySlot *slot)
{
	CheckWay way = {key,          PAGE_KEY,      slot->entry,      PAGE_ELEMENT,
					entry_starts, entry_problem, "its entry point"};

	look_at_value(check, key, slot);
	look_at_way(check, key, slot);
	if (slot->entry == NODE_NONE)
		return;
	check->marks[key] |= MARK_BELOW;
	if (!slot_copy_read(check, check->end, slot->entry, PAGE_ELEMENT))
		way.to_kind = PAGE_UPPER;
	(void) check_way(check, &way);
}

/* Calls what() for the keys in use. */
static void
each_key(HnswCheck *check, void (*what)(HnswCheck *check, NodeId key, const KeySlot *slot))
{
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < check->nblocks; block++)
	{
		PageKind kind;

		if (check->kinds[block] != PAGE_KEY)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (!check_copy(check, block, check->page, &kind) || kind != PAGE_KEY)
			page_corrupted(check->index, block, "the page has changed its kind");
		for (uint32 i = 0; i < page_used(&check->reader, block, check->page); i++)
		{
			const KeySlot *slot = (KeySlot *) page_slot(check->layout, check->page, i);

			if (key_is_used(slot))
				what(check, node_address(check->layout, block, i), slot);
		}
	}
}

void
check_keys(HnswCheck *check)
{
	if (check->key_columns == NULL)
		return;
	if (check->meta.entry != NODE_NONE)
		page_corrupted(check->index, HNSWC_META_BLOCK,
					   "the meta page has an entry point, but each key has its own");
	each_key(check, look_at_key_slot);
}

static void
meet_entry(HnswCheck *check, NodeId key, const KeySlot *slot)
{
	if (slot->entry != NODE_NONE)
		check_meet(check, slot->entry);
}

void
check_meet_entries(HnswCheck *check)
{
	each_key(check, meet_entry);
}

bool
check_key_has_entry(HnswCheck *check, NodeId node)
{
	NodeId key = check->node_keys[node];
	KeyRef ref;

	if (check_node(check, key) != 0 && (check->marks[key] & MARK_BELOW))
		return true;
	(void) key_read(&check->reader, key, &ref, NULL);
	return ref.entry != NODE_NONE;
}

bool
check_row_key(HnswCheck *check, NodeId element, Datum *values, bool *isnull)
{
	KeyRef ref;
	Size size;
	bool same;
	MemoryContext old;

	if (check->key_columns == NULL)
		return true;
	if (!slot_copy_read(check, check->before, element, PAGE_ELEMENT))
		return false;
	size = key_read(&check->reader, *slot_key(check->layout, check->before->slot), &ref,
					check->key_copy);
	old = MemoryContextSwitchTo(check->key_cxt);
	same = ref.key != NODE_NONE &&
		   key_columns_are(check->key_columns, values, isnull, check->key_copy, size);
	MemoryContextSwitchTo(old);
	MemoryContextReset(check->key_cxt);
	return same;
}
