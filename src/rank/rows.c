/*
 * rows.c: the rows of a scan's results, where the executor finds them soonest.
 *
 * For each row that a scan returns, the executor asks for the heap page it is on, which is a lookup
 * in the buffer mapping table and half a dozen waits for memory, one after the other; ten rows make
 * a fifth of a fast query. So a scan remembers in which buffers it last met the blocks of the heap.
 * As soon as a candidate is measured, which is before it is known whether it will be returned,
 * descriptor, line pointer and tuple are fetched into the CPU's cache; when it is returned, its
 * page is pinned and left where the heap's own code keeps the page of the row before
 * (IndexFetchHeapData), which then has nothing to look up.
 *
 * What may be relied upon: a wrong memory does no harm, since ReadRecentBuffer() checks it. Tables
 * of other access methods and temporary ones are left alone.
 *
 * Locks: none.  The page of the last row stays pinned, as it does without this.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "memory.h"
#include "port/pg_bitutils.h"
#include "rank/scan.h"
#include "store/glance.h"

#define MIN_HINTS 1024
#define MAX_HINTS 131072

void
rows_begin(HnswScan *so)
{
	Relation heap = so->scan->heapRelation;
	RowHints *rows = &so->rows;

	rows->fetch = NULL;
	rows->is_heap = heap != NULL && heap->rd_tableam == GetHeapamTableAmRoutine();
	if (!rows->is_heap || so->scan->xs_heapfetch == NULL || RelationUsesLocalBuffers(heap))
		return;
	rows->fetch = (IndexFetchHeapData *) so->scan->xs_heapfetch;
	if (rows->hints == NULL)
	{
		uint32 nhints =
			pg_nextpower2_32(Max(Min(RelationGetNumberOfBlocks(heap), MAX_HINTS), MIN_HINTS));

		rows->hints = MemoryContextAllocZero(so->cxt, nhints * sizeof(RowHint));
		rows->mask = nhints - 1;
	}
}

void
rows_check(HnswScan *so, ItemPointer tid)
{
	RowHints *rows = &so->rows;
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);

	if (likely(block < rows->nblocks) || !rows->is_heap)
		return;
	rows->nblocks = RelationGetNumberOfBlocks(so->scan->heapRelation);
	if (block >= rows->nblocks)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" is damaged: it refers to block %u of table \"%s\", "
							   "which has only %u",
							   RelationGetRelationName(so->scan->indexRelation), block,
							   RelationGetRelationName(so->scan->heapRelation), rows->nblocks),
						errhint("REINDEX the index.")));
}

static inline RowHint *
row_hint(RowHints *rows, ItemPointer tid)
{
	return &rows->hints[ItemPointerGetBlockNumberNoCheck(tid) & rows->mask];
}

/* Does the hint speak of the row's block?  Its buffer is 0, which is none, in a hint never set. */
static inline bool
hint_is_for(const RowHint *hint, ItemPointer tid)
{
	return hint->buffer != InvalidBuffer && hint->block == ItemPointerGetBlockNumberNoCheck(tid);
}

/* The buffer that a row's page was last met in; InvalidBuffer if that is not known. */
static Buffer
row_buffer(HnswScan *so, ItemPointer tid)
{
	RowHints *rows = &so->rows;
	RowHint *hint;

	if (rows->fetch == NULL || !ItemPointerIsValid(tid))
		return InvalidBuffer;
	hint = row_hint(rows, tid);
	Assert(hint->buffer >= InvalidBuffer && hint->buffer <= NBuffers);
	return hint_is_for(hint, tid) ? hint->buffer : InvalidBuffer;
}

/* Where its line pointer is then. */
static const char *
row_item(Buffer buffer, ItemPointer tid)
{
	Size item =
		SizeOfPageHeaderData + (ItemPointerGetOffsetNumberNoCheck(tid) - 1) * sizeof(ItemIdData);

	return (const char *) BufferGetBlock(buffer) + Min(item, BLCKSZ - sizeof(ItemIdData));
}

void
rows_expect(HnswScan *so, ItemPointer tid)
{
	Buffer buffer = row_buffer(so, tid);

	if (buffer == InvalidBuffer)
		return;
	prefetch_line(GetBufferDescriptor(buffer - 1));
	prefetch_line(BufferGetBlock(buffer));
	prefetch_line(row_item(buffer, tid));
}

void
rows_expect_tuple(HnswScan *so, ItemPointer tid)
{
	Buffer buffer = row_buffer(so, tid);
	ItemIdData id;

	if (buffer == InvalidBuffer)
		return;
	/* whatever is in the buffer now: nothing but the CPU's cache depends on it */
	memcpy(&id, row_item(buffer, tid), sizeof(id));
	prefetch_line((const char *) BufferGetBlock(buffer) + Min(ItemIdGetOffset(&id), BLCKSZ - 1));
}

void
rows_hand_over(HnswScan *so, ItemPointer tid)
{
	RowHints *rows = &so->rows;
	Relation heap = so->scan->heapRelation;
	BlockNumber block = ItemPointerGetBlockNumber(tid);
	RowHint *hint;
	Buffer last;

	rows_check(so, tid);
	if (rows->fetch == NULL)
		return;
	last = rows->fetch->xs_cbuf;
	if (BufferIsValid(last) && BufferGetBlockNumber(last) == block)
		return;
	hint = row_hint(rows, tid);
	/* the ordinary way raises the page's usage count, if the clock sweep has lowered it */
	if (!hint_is_for(hint, tid) || buffer_is_cooling(hint->buffer) ||
		!ReadRecentBuffer(RELATION_LOCATOR(heap), MAIN_FORKNUM, block, hint->buffer))
		*hint = (RowHint){block, ReadBuffer(heap, block)};
	else
		PGSTAT_COUNT_BUFFER_HITS(heap, 1);
	if (BufferIsValid(last))
		ReleaseBuffer(last);
	rows->fetch->xs_cbuf = hint->buffer;
	/* as the heap does on the page of another row */
	heap_page_prune_opt(heap, hint->buffer);
}
