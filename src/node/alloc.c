/*
 * alloc.c: slots and vector space, taken, freed and found again.
 *
 * New slots of a kind come from its fill page, which the meta page names: a free slot that is old
 * enough, else one never used. When the fill page has none, the next is the head of the kind's free
 * list (pages on which vacuum has freed slots, in the order in which it did), if its slots may be
 * reused already, else a new page. So the meta page is locked once a page, not once a slot.
 *
 * Vector space belongs to slots: a new element page gets a run of the vector stream for all of its
 * slots at once. Runs lie behind each other in extents of consecutive blocks.
 *
 * The file grows under the meta page's exclusive lock alone, a block at a time, and each block is
 * in the meta page with the edit that makes it a page. So an extension that fails, on a full disk,
 * holds nobody up and loses nothing: what was appended before is used by the next.
 *
 * A slot may be reused when no transaction is left that was running when it was freed
 * (slot_freed()): whoever holds its address from before, a scan or an insert, was. The page's
 * free_xid is that of the first it freed: a hint that saves looking at the slots, and the order of
 * the free list.
 *
 * Locks: the fill page's exclusive lock while a slot is taken; to change pages, the meta page's and
 * then the page's. None of them is waited for by who holds it: see reader_lock_page().
 */
#include "postgres.h"

#include "miscadmin.h"
#include "node/node.h"
#include "utils/snapmgr.h"

static bool
may_reuse(uint64 free_xid)
{
	return GlobalVisCheckRemovableFullXid(NULL, FullTransactionIdFromU64(free_xid));
}

/* Finds a slot to use on a locked page; false if there is none. */
static bool
find_slot(const PageLayout *layout, Page page, uint32 *slot)
{
	PageTail *tail = page_tail(page);

	if (tail->nfree > 0 && may_reuse(tail->free_xid))
		for (uint32 i = 0; i < tail->used; i++)
		{
			Slot *free_slot = page_slot(layout, page, i);

			if (free_slot->state == SLOT_FREE && may_reuse(slot_freed(tail->kind, free_slot)))
			{
				*slot = i;
				return true;
			}
		}
	*slot = tail->used;
	return tail->used < layout->slots_per_page;
}

/* Takes a slot from a block, if it is a page of that kind with one. */
static bool
take_slot(PageReader *reader, PageEdit *edit, PageKind kind, BlockNumber block, SlotPlace *place)
{
	const PageLayout *layout = &reader->state->layout;
	Page page;
	PageTail *tail;

	place->buffer = reader_lock_page(reader, block, kind, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(place->buffer);
	tail = page_tail(page);
	(void) page_used(reader, block, page);
	if (!find_slot(layout, page, &place->slot))
	{
		UnlockReleaseBuffer(place->buffer);
		return false;
	}
	Assert(place->slot < layout->slots_per_page && place->slot <= tail->used);
	place->target = page_slot(layout, page, place->slot);
	place->node = node_address(layout, block, place->slot);
	place->page = edit_page(edit, place->buffer);
	if (place->slot < tail->used)
	{
		Assert(place->target->state == SLOT_FREE && tail->nfree > 0);
		place->generation = place->target->generation + 1;
		edit_set(edit, place->page, &tail->nfree, tail->nfree - 1);
	}
	else
	{
		place->generation = 1;
		edit_set(edit, place->page, &tail->used, tail->used + 1);
		edit_set(edit, place->page, &((PageHeader) page)->pd_lower,
				 layout->slot_start + (place->slot + 1) * layout->slot_size);
	}
	if (kind == PAGE_ELEMENT && layout->vector_size > 0)
		vector_place(layout, tail->vector_block, tail->vector_offset, place->slot,
					 &place->vector_block, &place->vector_offset);
	return true;
}

/*
 * Locks the meta page exclusively and makes sure that what it says of the vector stream is
 * possible.
 */
static Buffer
lock_meta(PageReader *reader)
{
	Buffer buffer;
	MetaPage *meta;

	Assert(!page_lock_is_held());
	buffer = reader_lock_page(reader, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = page_meta(BufferGetPage(buffer));
	if (meta->vector_block > meta->vector_end || meta->vector_offset >= PAGE_STREAM_SIZE)
		page_corrupted(reader->index, HNSWC_META_BLOCK, "the vector stream ends before it begins");
	return buffer;
}

/* Bytes of the extent that no run has taken. */
static uint64
stream_left(const MetaPage *meta)
{
	return (uint64) (meta->vector_end - meta->vector_block) * PAGE_STREAM_SIZE -
		   meta->vector_offset;
}

/* Makes sure that the extent has room for a run of `size` bytes; the meta page is locked. */
static void
extend_stream(PageReader *reader, Buffer meta_buffer, uint64 size, bool wal)
{
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	uint32 pages =
		stream_left(meta) < size ? page_extent(&reader->state->layout, meta->vector_end) : 0;

	for (uint32 i = 0; i < pages; i++)
	{
		Buffer buffer = page_append(reader->index, MAIN_FORKNUM);
		BlockNumber block = BufferGetBlockNumber(buffer);
		PageEdit edit;
		int m;

		edit_init(&edit, reader->index, wal);
		m = edit_page(&edit, meta_buffer);
		edit_fresh_page(&edit, buffer, PAGE_VECTOR);
		/* the next one of an extent, unless the file has grown by something else */
		if (block != meta->vector_end)
		{
			edit_set(&edit, m, &meta->vector_block, block);
			edit_set(&edit, m, &meta->vector_offset, 0);
		}
		edit_set(&edit, m, &meta->vector_end, block + 1);
		edit_commit(&edit);
		edit_free(&edit);
		UnlockReleaseBuffer(buffer);
	}
	Assert(stream_left(meta) >= size);
}

/* Takes the head off a kind's free list if its slots may be reused; the meta page is locked. */
static bool
pop_free_page(PageReader *reader, PageKind kind, Buffer meta_buffer, bool wal)
{
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	BlockNumber block = meta->free_head[kind];
	Buffer buffer;
	PageTail *tail;
	bool old_enough;

	if (block == InvalidBlockNumber)
		return false;
	buffer = reader_lock_page(reader, block, kind, BUFFER_LOCK_EXCLUSIVE);
	tail = page_tail(BufferGetPage(buffer));
	if (!(tail->flags & PAGE_ON_FREE_LIST))
		page_corrupted(reader->index, block,
					   "the page is on the free list and says that it is not");
	old_enough = may_reuse(tail->free_xid);
	if (old_enough)
	{
		PageEdit edit;
		int m;
		int n;

		edit_init(&edit, reader->index, wal);
		m = edit_page(&edit, meta_buffer);
		n = edit_page(&edit, buffer);
		edit_set(&edit, m, &meta->free_head[kind], tail->next_page);
		if (tail->next_page == InvalidBlockNumber)
			edit_set(&edit, m, &meta->free_tail[kind], InvalidBlockNumber);
		edit_set(&edit, m, &meta->fill_page[kind], block);
		/* so a list that leads into itself has an end */
		edit_set(&edit, n, &tail->next_page, InvalidBlockNumber);
		edit_set(&edit, n, &tail->flags, tail->flags & ~PAGE_ON_FREE_LIST);
		edit_commit(&edit);
		edit_free(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return old_enough;
}

Buffer
alloc_block(PageReader *reader)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(reader->index);

	if (nblocks > HNSWC_META_BLOCK + 1)
	{
		Buffer buffer = reader_lock_any(reader, nblocks - 1, BUFFER_LOCK_EXCLUSIVE);

		if (PageIsNew(BufferGetPage(buffer)))
			return buffer;
		UnlockReleaseBuffer(buffer);
	}
	if (nblocks > page_max_block(&reader->state->layout))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" has reached its largest size",
							   RelationGetRelationName(reader->index)),
						errhint("Partition the table.")));
	return page_append(reader->index, MAIN_FORKNUM);
}

/* Appends a node page and makes it the fill page; the meta page is locked. */
static void
add_node_page(PageReader *reader, PageKind kind, Buffer meta_buffer, bool wal)
{
	const PageLayout *layout = &reader->state->layout;
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	uint32 run = kind == PAGE_ELEMENT ? layout->slots_per_page * layout->vector_size : 0;
	Buffer buffer = alloc_block(reader);
	BlockNumber block = BufferGetBlockNumber(buffer);
	PageTail *tail;
	PageEdit edit;
	int m;
	int n;

	/*
	 * the node page comes before its vectors, for vacuum then knows where they are; it stays empty
	 * until all is there
	 */
	if (run > 0)
		extend_stream(reader, meta_buffer, run, wal);
	edit_init(&edit, reader->index, wal);
	m = edit_page(&edit, meta_buffer);
	n = edit_fresh_page(&edit, buffer, kind);
	tail = page_tail(BufferGetPage(buffer));
	if (run > 0)
	{
		BlockNumber next_block;
		uint32 next_offset;

		edit_set(&edit, n, &tail->vector_block, meta->vector_block);
		edit_set(&edit, n, &tail->vector_offset, (uint16) meta->vector_offset);
		vector_place(layout, meta->vector_block, meta->vector_offset, layout->slots_per_page,
					 &next_block, &next_offset);
		edit_set(&edit, m, &meta->vector_block, next_block);
		edit_set(&edit, m, &meta->vector_offset, next_offset);
	}
	edit_set(&edit, m, &meta->fill_page[kind], block);
	edit_commit(&edit);
	edit_free(&edit);
	UnlockReleaseBuffer(buffer);
}

/* Gives the kind a fill page other than `full`. */
static BlockNumber
next_fill_page(PageReader *reader, PageKind kind, BlockNumber full, bool wal)
{
	Buffer meta_buffer = lock_meta(reader);
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	BlockNumber fill;

	if (meta->fill_page[kind] == full && !pop_free_page(reader, kind, meta_buffer, wal))
		add_node_page(reader, kind, meta_buffer, wal);
	fill = meta->fill_page[kind];
	UnlockReleaseBuffer(meta_buffer);
	return fill;
}

void
alloc_slot(PageReader *reader, PageEdit *edit, PageKind kind, SlotPlace *place)
{
	Buffer meta_buffer = reader_pin(reader, HNSWC_META_BLOCK, PAGE_META);
	BlockNumber fill =
		*(volatile BlockNumber *) &page_meta(BufferGetPage(meta_buffer))->fill_page[kind];

	reader_unpin(reader, meta_buffer);
	Assert(kind < PAGE_NODE_KINDS && !reader->lock && !page_lock_is_held());
	while (fill == InvalidBlockNumber || !take_slot(reader, edit, kind, fill, place))
	{
		CHECK_FOR_INTERRUPTS();
		fill = next_fill_page(reader, kind, fill, edit->wal);
	}
}

void
alloc_list_page(PageReader *reader, BlockNumber block, PageKind kind)
{
	Buffer meta_buffer = lock_meta(reader);
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	Buffer buffer = reader_lock_page(reader, block, kind, BUFFER_LOCK_EXCLUSIVE);
	Buffer last = InvalidBuffer;
	PageTail *tail = page_tail(BufferGetPage(buffer));

	if (!(tail->flags & PAGE_ON_FREE_LIST) && tail->nfree > 0)
	{
		PageEdit edit;
		int m;
		int n;

		if (meta->free_tail[kind] == block)
			page_corrupted(reader->index, block,
						   "the page ends the free list and says that it is not on it");
		edit_init(&edit, reader->index, true);
		m = edit_page(&edit, meta_buffer);
		n = edit_page(&edit, buffer);
		edit_set(&edit, n, &tail->flags, tail->flags | PAGE_ON_FREE_LIST);
		edit_set(&edit, n, &tail->next_page, InvalidBlockNumber);
		if (meta->free_tail[kind] == InvalidBlockNumber)
			edit_set(&edit, m, &meta->free_head[kind], block);
		else
		{
			PageTail *last_tail;

			last = reader_lock_page(reader, meta->free_tail[kind], kind, BUFFER_LOCK_EXCLUSIVE);
			last_tail = page_tail(BufferGetPage(last));
			edit_set(&edit, edit_page(&edit, last), &last_tail->next_page, block);
		}
		edit_set(&edit, m, &meta->free_tail[kind], block);
		edit_commit(&edit);
		edit_free(&edit);
	}
	if (BufferIsValid(last))
		UnlockReleaseBuffer(last);
	UnlockReleaseBuffer(buffer);
	UnlockReleaseBuffer(meta_buffer);
}

int
alloc_free_slots(PageReader *reader, BlockNumber block, PageKind kind, FullTransactionId free_xid,
				 bool (*test)(NodeId node, const Slot *slot, void *arg), void *arg)
{
	const PageLayout *layout = &reader->state->layout;
	Buffer buffer = reader_lock_page(reader, block, kind, BUFFER_LOCK_EXCLUSIVE);
	Page page = BufferGetPage(buffer);
	PageTail *tail = page_tail(page);
	uint32 used = page_used(reader, block, page);
	uint64 xid = U64FromFullTransactionId(free_xid);
	uint64 first = tail->nfree > 0 ? Min(tail->free_xid, xid) : xid;
	uint16 words[3] = {(uint16) xid, (uint16) (xid >> 16), (uint16) (xid >> 32)};
	int nfree = tail->nfree;
	bool listed;
	PageEdit edit;

	edit_init(&edit, reader->index, true);
	edit_page(&edit, buffer);
	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);

		if (!test(node_address(layout, block, i), slot, arg))
			continue;
		Assert(slot->state == (kind == PAGE_DUPLICATE ? SLOT_LIVE
							   : kind == PAGE_KEY     ? SLOT_SHELL
													  : SLOT_DEAD));
		edit_set(&edit, 0, &slot->state, SLOT_FREE);
		edit_write(&edit, 0, slot_freed_words(kind, slot), words, sizeof(words));
		nfree++;
	}
	if (nfree > tail->nfree)
	{
		edit_set(&edit, 0, &tail->nfree, nfree);
		edit_set(&edit, 0, &tail->free_xid, first);
		edit_commit(&edit);
	}
	edit_free(&edit);
	listed = nfree == 0 || (tail->flags & PAGE_ON_FREE_LIST);
	UnlockReleaseBuffer(buffer);
	if (!listed)
		alloc_list_page(reader, block, kind);
	return used - nfree;
}
