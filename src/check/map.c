/*
 * map.c: the row map.
 *
 * Every page of the map is reached from the roots by one way, and is of the kind that the way says.
 * An entry is a hint, so there is little to be said of it: it is the address of a slot on a page of
 * elements. How many elements have theirs is counted.
 *
 * Words are set once and pages come with the word that leads to them, so what the map was when the
 * check began holds; pages that came later are passed over.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "check/check.h"
#include "miscadmin.h"

/* An entry is the address of an element, or of what was one. */
static void
look_at_leaf(HnswCheck *check, BlockNumber block, const uint32 *words)
{
	for (uint32 i = 0; i < MAP_PAGE_WORDS; i++)
	{
		BlockNumber at = node_block(check->layout, words[i]);

		if (words[i] == NODE_NONE || at >= check->nblocks)
			continue;
		/* a page that has been lost is told of by what is linked to it */
		if (check->kinds[at] != PAGE_ELEMENT && check->kinds[at] != BLOCK_EMPTY)
			page_corrupted(
				check->index, block,
				psprintf("entry %u of the row map leads to block %u, which has no elements", i,
						 at));
	}
}

/* Follows the map from a page that is `level` steps above the leaves. */
static void
follow_map(HnswCheck *check, BlockNumber from, BlockNumber block, int level)
{
	PageKind wanted = level == 0 ? PAGE_MAP_LEAF : PAGE_MAP_INNER;
	PageKind kind;
	char *page;

	if (block == 0 || block >= check->nblocks)
		return;
	CHECK_FOR_INTERRUPTS();
	page = palloc(BLCKSZ);
	if (!check_copy(check, block, page, &kind) || kind != wanted)
		page_corrupted(check->index, from,
					   psprintf("the row map leads to block %u, which is no such page", block));
	if (check->flags[block] != 0)
		page_corrupted(check->index, from,
					   psprintf("block %u of the row map is reached a second time", block));
	check->flags[block] = 1;
	for (uint32 i = 0; i < MAP_PAGE_WORDS && level > 0; i++)
		follow_map(check, block, map_words(page)[i], level - 1);
	if (level == 0)
		look_at_leaf(check, block, map_words(page));
	pfree(page);
}

void
check_map(HnswCheck *check)
{
	if (check->meta.reserved != 0)
		page_corrupted(check->index, HNSWC_META_BLOCK,
					   "the reserved bytes of the page are not zero");
	for (int level = 0; level < MAP_LEVELS; level++)
	{
		if (check->meta.map_stride == 0 && check->meta.map_roots[level] != 0)
			page_corrupted(check->index, HNSWC_META_BLOCK,
						   "an index without a row map has a root of one");
		follow_map(check, HNSWC_META_BLOCK, check->meta.map_roots[level], level);
	}
	for (BlockNumber block = 0; block < check->nblocks; block++)
		if ((check->kinds[block] == PAGE_MAP_LEAF || check->kinds[block] == PAGE_MAP_INNER) &&
			check->flags[block] == 0)
			page_corrupted(check->index, block, "nothing leads to this page of the row map");
}

void
check_map_entry(HnswCheck *check, NodeId node, const Slot *slot)
{
	const volatile NodeId *nodes;
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&slot->u.heap_tid);

	if (slot->state != SLOT_LIVE || offset > check->state->shape.map_stride || offset == 0)
		return;
	nodes = rowmap_read(&check->reader, &check->cursor,
						ItemPointerGetBlockNumberNoCheck(&slot->u.heap_tid));
	check->counts.mapped += nodes != NULL && nodes[offset - 1] == node;
}
