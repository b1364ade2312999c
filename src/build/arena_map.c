/*
 * arena_map.c: the row map of the nodes that a build has made in memory, written when the arena is.
 *
 * Nodes lie by their vectors, leaves by the table, so entries would come in random order. They are
 * put into leaves in memory, as many at a time as WINDOW_LEAVES, and each leaf is written once.
 * Leaves without entries are left out.
 *
 * Locks: the caller's, which keep everybody else from the file; a page's exclusive lock while it is
 * filled.
 */
#include "postgres.h"

#include "build/arena_map.h"
#include "miscadmin.h"

/* Leaves that are filled together: 32 MB, for some 8 million rows. */
#define WINDOW_LEAVES 4096

typedef struct MapWriter
{
	Arena *arena;
	uint32 leaf_blocks; /* heap blocks on a leaf */
	uint32 stride;
	uint32 first;                  /* the window */
	uint32 *leaves[WINDOW_LEAVES]; /* NULL: no entry yet */
	uint32 last;                   /* the greatest leaf that has been met */
} MapWriter;

/* Notes a row's node, if its leaf is in the window. */
static inline void
map_note(MapWriter *writer, const ItemPointerData *tid, NodeId node)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);
	uint32 leaf = block / writer->leaf_blocks;

	if (offset > writer->stride)
		return;
	writer->last = Max(writer->last, leaf);
	if (leaf < writer->first || leaf - writer->first >= WINDOW_LEAVES)
		return;
	leaf -= writer->first;
	if (writer->leaves[leaf] == NULL)
		writer->leaves[leaf] =
			MemoryContextAllocZero(writer->arena->cxt, MAP_PAGE_WORDS * sizeof(uint32));
	writer->leaves[leaf][block % writer->leaf_blocks * writer->stride + offset - 1] = node;
}

/* Notes all rows on a page of the arena. */
static void
map_note_page(MapWriter *writer, BlockNumber block, Page page)
{
	const PageLayout *layout = writer->arena->layout;
	PageKind kind = page_tail(page)->kind;

	for (uint32 i = 0; i < page_tail(page)->used && kind != PAGE_UPPER && kind != PAGE_KEY; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		DuplicateSlot *list = (DuplicateSlot *) slot;

		if (slot->state == SLOT_LIVE && kind == PAGE_ELEMENT)
			map_note(writer, &slot->u.heap_tid, node_address(layout, block, i));
		else if (slot->state == SLOT_LIVE && kind == PAGE_DUPLICATE)
			for (int j = 0; j < list->count; j++)
				map_note(writer, &list->tids[j], list->owner);
	}
}

/* Appends a page of the map; returns its block. */
static BlockNumber
append_map_page(Arena *arena, PageKind kind, const uint32 *words)
{
	Buffer buffer = page_append(arena->reader.index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buffer);

	START_CRIT_SECTION();
	page_init(BufferGetPage(buffer), kind);
	if (words != NULL)
		memcpy(map_words(BufferGetPage(buffer)), words, MAP_PAGE_WORDS * sizeof(uint32));
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
	return block;
}

/* Sets the word of an inner page that leads to a page below. */
static void
set_inner(Arena *arena, BlockNumber inner, uint32 word, BlockNumber below)
{
	Buffer buffer = reader_lock_page(&arena->reader, inner, PAGE_MAP_INNER, BUFFER_LOCK_EXCLUSIVE);

	START_CRIT_SECTION();
	map_words(BufferGetPage(buffer))[word] = below;
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

/*
 * Hangs a leaf below the roots. inner[level] is the last inner page so many steps above the leaves,
 * for leaves in order.
 */
static void
hang_leaf(Arena *arena, uint32 leaf, BlockNumber block, BlockNumber *roots, BlockNumber *inner,
		  uint32 *inner_of)
{
	int top = map_leaf_level(leaf);
	uint64 span = 1;

	for (int level = 1; level <= top; level++)
	{
		bool is_new;

		span *= MAP_PAGE_WORDS;
		is_new = inner[level] == 0 || inner_of[level] != leaf / span;
		if (is_new)
		{
			inner[level] = append_map_page(arena, PAGE_MAP_INNER, NULL);
			inner_of[level] = leaf / span;
		}
		set_inner(arena, inner[level], map_inner_word(leaf, level), block);
		if (!is_new)
			return;
		block = inner[level];
	}
	Assert(roots[top] == 0);
	roots[top] = block;
}

void
arena_write_map(Arena *arena, BlockNumber *roots)
{
	ArenaShared *shared = arena->shared;
	BlockNumber inner[MAP_LEVELS] = {0};
	uint32 inner_of[MAP_LEVELS] = {0};
	MapWriter *writer;

	memset(roots, 0, MAP_LEVELS * sizeof(BlockNumber));
	if (arena->reader.state->shape.map_stride == 0)
		return;
	writer = MemoryContextAllocZero(arena->cxt, sizeof(MapWriter));
	writer->arena = arena;
	writer->stride = arena->reader.state->shape.map_stride;
	writer->leaf_blocks = map_leaf_blocks(writer->stride);
	for (; writer->first <= writer->last; writer->first += WINDOW_LEAVES)
	{
		for (BlockNumber block = 0; block < shared->max_blocks; block++)
			if (arena->page_of_block[block] != ARENA_NO_PAGE)
				map_note_page(writer, block, arena_page(arena, arena->page_of_block[block]));
		for (uint32 i = 0; i < WINDOW_LEAVES; i++)
		{
			if (writer->leaves[i] == NULL)
				continue;
			CHECK_FOR_INTERRUPTS();
			hang_leaf(arena, writer->first + i,
					  append_map_page(arena, PAGE_MAP_LEAF, writer->leaves[i]), roots, inner,
					  inner_of);
			pfree(writer->leaves[i]);
			writer->leaves[i] = NULL;
		}
	}
	pfree(writer);
}
