/*
 * alloc.c: slots and vector space, taken, freed and found again.
 *
 * New slots of a kind come from its fill page, which the meta page names: a free slot that is old enough, else one never
 * used.  When the fill page has none, the next is the head of the kind's free list (pages on which vacuum has freed
 * slots, in the order in which it did), if its slots may be reused already, else a new page.  So the meta page is locked
 * once a page, not once a slot.
 *
 * Vector space belongs to slots: a new element page gets a run of the vector stream for all of its slots at once.  Runs
 * lie behind each other in extents of consecutive blocks.
 *
 * A slot may be reused when no transaction is left that was running when it was freed (slot_freed()): whoever holds its
 * address from before, a scan or an insert, was.  The page's free_xid is that of the first it freed: a hint that saves
 * looking at the slots, and the order of the free list.
 *
 * Locks: the fill page's exclusive lock while a slot is taken; to change pages, the meta page's and then the page's.
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "miscadmin.h"
#include "page/page.h"
#include "storage/lmgr.h"
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

	place->buffer = ReadBuffer(reader->index, block);
	LockBuffer(place->buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(place->buffer);
	page_check(reader->index, block, page, kind);
	tail = page_tail(page);
	if (tail->used > layout->slots_per_page)
		page_corrupted(reader->index, block, "more slots in use than fit");
	if (!find_slot(layout, page, &place->slot))
	{
		UnlockReleaseBuffer(place->buffer);
		return false;
	}
	place->target = page_slot(layout, page, place->slot);
	place->node = node_address(layout, block, place->slot);
	place->page = edit_page(edit, place->buffer);
	if (place->slot < tail->used)
	{
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
		vector_place(layout, tail->vector_block, tail->vector_offset, place->slot, &place->vector_block,
					 &place->vector_offset);
	return true;
}

BlockNumber
alloc_extend(Relation index, int n, PageKind kind, bool wal)
{
	BlockNumber first = InvalidBlockNumber;

	/* consecutive blocks: nobody else may extend in between */
	LockRelationForExtension(index, ExclusiveLock);
	for (int i = 0; i < n; i++)
	{
		Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (i == 0)
			first = BufferGetBlockNumber(buffer);
		START_CRIT_SECTION();
		page_init(BufferGetPage(buffer), kind);
		MarkBufferDirty(buffer);
		if (wal && RelationNeedsWAL(index))
			log_newpage_buffer(buffer, true);
		END_CRIT_SECTION();
		UnlockReleaseBuffer(buffer);
	}
	UnlockRelationForExtension(index, ExclusiveLock);
	return first;
}

void
alloc_vector_run(PageReader *reader, PageEdit *edit, int meta_page, MetaPage *meta, BlockNumber *block, uint32 *offset)
{
	const PageLayout *layout = &reader->state->layout;
	uint64 run = (uint64) layout->slots_per_page * layout->vector_size;
	uint64 left = (uint64) (meta->vector_end - meta->vector_block) * PAGE_STREAM_SIZE;
	BlockNumber next_block;
	uint32 next_offset;

	*block = meta->vector_block;
	*offset = meta->vector_offset;
	if (left < meta->vector_offset + run)
	{
		uint32 pages = page_extent(layout, meta->vector_end);

		*block = alloc_extend(reader->index, pages, PAGE_VECTOR, edit->wal);
		*offset = 0;
		edit_set(edit, meta_page, &meta->vector_end, *block + pages);
	}
	vector_place(layout, *block, *offset, layout->slots_per_page, &next_block, &next_offset);
	edit_set(edit, meta_page, &meta->vector_block, next_block);
	edit_set(edit, meta_page, &meta->vector_offset, next_offset);
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
	buffer = ReadBuffer(reader->index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_check(reader->index, block, BufferGetPage(buffer), kind);
	tail = page_tail(BufferGetPage(buffer));
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
		edit_set(&edit, n, &tail->next_page, InvalidBlockNumber);
		edit_set(&edit, n, &tail->flags, tail->flags & ~PAGE_ON_FREE_LIST);
		edit_commit(&edit);
		edit_free(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return old_enough;
}

/* Appends a node page and makes it the fill page; the meta page is locked. */
static void
add_node_page(PageReader *reader, PageKind kind, Buffer meta_buffer, bool wal)
{
	const PageLayout *layout = &reader->state->layout;
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	PageEdit edit;
	Buffer buffer;
	BlockNumber block;
	PageTail *tail;
	int m;
	int n;

	edit_init(&edit, reader->index, wal);
	m = edit_page(&edit, meta_buffer);
	block = alloc_extend(reader->index, 1, kind, wal);
	if (block > page_max_block(layout))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("index \"%s\" has reached its largest size", RelationGetRelationName(reader->index)),
						errhint("Partition the table.")));
	buffer = ReadBuffer(reader->index, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	n = edit_page(&edit, buffer);
	tail = page_tail(BufferGetPage(buffer));
	if (kind == PAGE_ELEMENT && layout->vector_size > 0)
	{
		BlockNumber run_block;
		uint32 run_offset;

		alloc_vector_run(reader, &edit, m, meta, &run_block, &run_offset);
		edit_set(&edit, n, &tail->vector_block, run_block);
		edit_set(&edit, n, &tail->vector_offset, (uint16) run_offset);
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
	Buffer meta_buffer = ReadBuffer(reader->index, HNSWC_META_BLOCK);
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	BlockNumber fill;

	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
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
	BlockNumber fill = *(volatile BlockNumber *) &page_meta(BufferGetPage(meta_buffer))->fill_page[kind];

	reader_unpin(reader, meta_buffer);
	Assert(kind < PAGE_NODE_KINDS);
	while (fill == InvalidBlockNumber || !take_slot(reader, edit, kind, fill, place))
	{
		CHECK_FOR_INTERRUPTS();
		fill = next_fill_page(reader, kind, fill, edit->wal);
	}
}

void
alloc_list_page(PageReader *reader, BlockNumber block, PageKind kind)
{
	Buffer meta_buffer = ReadBuffer(reader->index, HNSWC_META_BLOCK);
	MetaPage *meta = page_meta(BufferGetPage(meta_buffer));
	Buffer buffer = ReadBuffer(reader->index, block);
	Buffer last = InvalidBuffer;
	PageTail *tail = page_tail(BufferGetPage(buffer));

	LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page_check(reader->index, block, BufferGetPage(buffer), kind);
	if (!(tail->flags & PAGE_ON_FREE_LIST) && tail->nfree > 0)
	{
		PageEdit edit;
		int m;
		int n;

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

			last = ReadBuffer(reader->index, meta->free_tail[kind]);
			LockBuffer(last, BUFFER_LOCK_EXCLUSIVE);
			page_check(reader->index, meta->free_tail[kind], BufferGetPage(last), kind);
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
