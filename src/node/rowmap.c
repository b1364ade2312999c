/*
 * rowmap.c: from a row of the table to its node.
 *
 * The entry of the row at offset o of block b is word (b % blocks) * stride + o - 1 of leaf b /
 * blocks: stride entries for each block of the table, and as many blocks on a leaf as fit. Rows at
 * greater offsets than stride have no entry. Above the leaves are inner pages of block numbers. The
 * meta page has a root for each number of inner pages that there can be on the way to a leaf: root
 * 0 is the first leaf, root 1 leads to the next ones by one page, and so on. So a root that is set
 * never changes.
 *
 * Invariants:
 * - An entry is a hint. It counts only if the node is live and its row, or one of its duplicates,
 *   is that row. So nobody clears entries: vacuum leaves those of rows that are gone, a row without
 *   an entry is measured from the table.
 * - A row that a snapshot sees, and that has a node, has that node's entry, unless the map has no
 *   place for it or the server stopped between the row and its entry: a new node comes with its
 *   entry in one edit, a duplicate gets it afterwards.
 * - A word of an inner page and a root is set once.
 *
 * Locks: a leaf's exclusive lock to set an entry, taken after all others. The map grows under the
 * meta page's exclusive lock; the lock of an inner page is taken behind it. Readers hold a pin of
 * one page at a time, and during recovery the share lock while they copy what they read.
 */
#include "postgres.h"

#include "node/node.h"

static inline uint32
map_leaf(const IndexState *state, BlockNumber heap_block)
{
	return heap_block / map_leaf_blocks(state->shape.map_stride);
}

/* The first word of a block's entries. */
static inline uint32
map_first_word(const IndexState *state, BlockNumber heap_block)
{
	return heap_block % map_leaf_blocks(state->shape.map_stride) * state->shape.map_stride;
}

/* The kind of page that is `level` steps above the leaves. */
static inline PageKind
map_kind(int level)
{
	return level == 0 ? PAGE_MAP_LEAF : PAGE_MAP_INNER;
}

/* A word of an inner page. */
static BlockNumber
read_inner(PageReader *reader, BlockNumber block, uint32 word)
{
	Buffer buffer = reader_pin(reader, block, PAGE_MAP_INNER);
	BlockNumber below = *(volatile uint32 *) &map_words(BufferGetPage(buffer))[word];

	reader_unpin(reader, buffer);
	return below;
}

/* Where a leaf is, by these roots; InvalidBlockNumber if there is none. */
static BlockNumber
find_leaf(PageReader *reader, const BlockNumber *roots, uint32 leaf)
{
	int level = map_leaf_level(leaf);
	BlockNumber block = roots[level];

	for (; level > 0 && block != 0; level--)
		block = read_inner(reader, block, map_inner_word(leaf, level));
	return block == 0 ? InvalidBlockNumber : block;
}

/*
 * Appends a page of the map, `level` steps above the leaves, and sets the word that leads to it: of
 * the inner page `parent`, or the root if that is 0. The meta page is locked.
 */
static BlockNumber
add_page(PageReader *reader, Buffer meta_buffer, BlockNumber parent, uint32 word, int level,
		 bool wal)
{
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	Buffer buffer = alloc_block(reader);
	BlockNumber block = BufferGetBlockNumber(buffer);
	Buffer parent_buffer = InvalidBuffer;
	PageEdit edit;

	edit_init(&edit, reader->index, wal);
	edit_fresh_page(&edit, buffer, map_kind(level));
	if (parent == 0)
		edit_set(&edit, edit_page(&edit, meta_buffer), &meta->map_roots[level], block);
	else
	{
		parent_buffer = reader_lock_page(reader, parent, PAGE_MAP_INNER, BUFFER_LOCK_EXCLUSIVE);
		edit_set(&edit, edit_page(&edit, parent_buffer),
				 &map_words(BufferGetPage(parent_buffer))[word], block);
	}
	edit_commit(&edit);
	edit_free(&edit);
	if (BufferIsValid(parent_buffer))
		UnlockReleaseBuffer(parent_buffer);
	UnlockReleaseBuffer(buffer);
	return block;
}

/* Where a leaf is, having appended what was missing of it. */
static BlockNumber
make_leaf(PageReader *reader, uint32 leaf, bool wal)
{
	Buffer meta_buffer =
		reader_lock_page(reader, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	BlockNumber *roots = page_meta(BufferGetPage(meta_buffer))->map_roots;
	int level = map_leaf_level(leaf);
	BlockNumber block = roots[level];

	if (block == 0)
		block = add_page(reader, meta_buffer, 0, 0, level, wal);
	for (; level > 0; level--)
	{
		BlockNumber parent = block;
		uint32 word = map_inner_word(leaf, level);

		block = read_inner(reader, parent, word);
		if (block == 0)
			block = add_page(reader, meta_buffer, parent, word, level - 1, wal);
	}
	memcpy(reader->state->map_roots, roots, sizeof(reader->state->map_roots));
	UnlockReleaseBuffer(meta_buffer);
	return block;
}

void
rowmap_reserve(PageReader *reader, const ItemPointerData *tid, bool wal, MapPlace *place)
{
	IndexState *state = reader->state;
	BlockNumber heap_block = ItemPointerGetBlockNumber(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumber(tid);
	uint32 leaf;

	Assert(!page_lock_is_held() && !reader->lock);
	place->leaf = InvalidBlockNumber;
	if (offset > state->shape.map_stride)
		return;
	leaf = map_leaf(state, heap_block);
	place->word = map_first_word(state, heap_block) + offset - 1;
	if (state->map_leaf_block == 0 || state->map_leaf != leaf)
	{
		BlockNumber block = find_leaf(reader, state->map_roots, leaf);

		state->map_leaf_block = 0;
		if (block == InvalidBlockNumber)
			block = make_leaf(reader, leaf, wal);
		state->map_leaf = leaf;
		state->map_leaf_block = block;
	}
	place->leaf = state->map_leaf_block;
}

Buffer
rowmap_edit(PageReader *reader, PageEdit *edit, const MapPlace *place, NodeId node)
{
	Buffer buffer;

	Assert(node != NODE_NONE);
	if (place->leaf == InvalidBlockNumber)
		return InvalidBuffer;
	Assert(place->word < MAP_PAGE_WORDS);
	buffer = reader_lock_page(reader, place->leaf, PAGE_MAP_LEAF, BUFFER_LOCK_EXCLUSIVE);
	edit_set(edit, edit_page(edit, buffer), &map_words(BufferGetPage(buffer))[place->word], node);
	return buffer;
}

void
rowmap_set(PageReader *reader, ItemPointer tid, NodeId node, bool wal)
{
	MapPlace place;
	PageEdit edit;
	Buffer buffer;

	rowmap_reserve(reader, tid, wal, &place);
	if (place.leaf == InvalidBlockNumber)
		return;
	edit_init(&edit, reader->index, wal);
	buffer = rowmap_edit(reader, &edit, &place, node);
	edit_commit(&edit);
	edit_free(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Goes to the leaf of a block of the table. */
static void
go_to_leaf(PageReader *reader, MapCursor *cursor, uint32 leaf)
{
	rowmap_done(reader, cursor);
	cursor->leaf = leaf;
	cursor->block = find_leaf(reader, reader->state->map_roots, leaf);
	cursor->valid = true;
	if (cursor->block != InvalidBlockNumber && !reader->lock)
		cursor->buffer = reader_pin(reader, cursor->block, PAGE_MAP_LEAF);
}

const volatile NodeId *
rowmap_read(PageReader *reader, MapCursor *cursor, BlockNumber heap_block)
{
	IndexState *state = reader->state;
	const volatile NodeId *words;
	uint32 leaf;
	Buffer buffer;

	Assert(!page_lock_is_held());
	if (state->shape.map_stride == 0)
		return NULL;
	leaf = map_leaf(state, heap_block);
	if (!cursor->valid || cursor->leaf != leaf)
		go_to_leaf(reader, cursor, leaf);
	if (cursor->block == InvalidBlockNumber)
		return NULL;
	if (BufferIsValid(cursor->buffer))
		return map_words(BufferGetPage(cursor->buffer)) + map_first_word(state, heap_block);
	buffer = reader_pin(reader, cursor->block, PAGE_MAP_LEAF);
	words = map_words(BufferGetPage(buffer)) + map_first_word(state, heap_block);
	for (int i = 0; i < state->shape.map_stride; i++)
		cursor->copy[i] = words[i];
	reader_unpin(reader, buffer);
	return cursor->copy;
}

void
rowmap_done(PageReader *reader, MapCursor *cursor)
{
	if (BufferIsValid(cursor->buffer))
		ReleaseBuffer(cursor->buffer);
	cursor->buffer = InvalidBuffer;
	cursor->valid = false;
}
