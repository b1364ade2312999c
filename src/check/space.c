/*
 * space.c: where new slots and new vectors come from.
 *
 * Proved here:
 *
 * - A free list consists of pages of its kind that say they are on it, each once, from the meta
 *   page's head to its tail; and each page that says so is on it.
 * - The page that is being filled is one of its kind.
 * - The vectors of no two pages of elements share a byte, all lie on pages of vectors, and none
 *   where the stream goes on.
 * - The meta page's numbers are such as can be.
 *
 * Free lists change while they are read: pages are taken off the front and put to the end.  A list
 * that seems wrong is read once more while the meta page is locked, without which nobody changes
 * it.
 *
 * Locks: the share lock of one page at a time.  A list that is read again: the share lock of the
 * meta page, and under it that of one node page.
 */
#include "postgres.h"

#include <math.h>

#include "check/check.h"
#include "miscadmin.h"

/* How often a free list is read that changes all the time, before the meta page is locked. */
#define LIST_TRIES 3

/* A free list as it was read. */
typedef struct FreeList
{
	PageKind kind;
	BlockNumber head;
	BlockNumber tail;
	BlockNumber nblocks; /* of the file */
	uint8 *on;           /* by block: the page is on it */
	const char *problem;
	BlockNumber block; /* where */
} FreeList;

void
check_read_meta(HnswCheck *check, MetaPage *meta)
{
	Buffer buffer = check_lock(check, HNSWC_META_BLOCK);

	memcpy(meta, page_meta(BufferGetPage(buffer)), sizeof(*meta));
	UnlockReleaseBuffer(buffer);
	if (meta->uid != check->state->uid)
		page_corrupted(check->index, HNSWC_META_BLOCK, "the meta page is that of another build");
}

bool
check_read_tail(HnswCheck *check, BlockNumber block, PageTail *tail)
{
	Buffer buffer = check_lock(check, block);
	bool empty;

	empty = PageIsNew(BufferGetPage(buffer));
	memcpy(tail, page_tail(BufferGetPage(buffer)), sizeof(*tail));
	UnlockReleaseBuffer(buffer);
	return !empty;
}

/* Reads a free list from its head on; list->problem tells what is wrong with it as it was read. */
static void
read_list(HnswCheck *check, FreeList *list)
{
	BlockNumber from = HNSWC_META_BLOCK;
	BlockNumber block = list->head;

	list->problem = NULL;
	memset(list->on, 0, list->nblocks);
	while (block != InvalidBlockNumber && list->problem == NULL)
	{
		PageTail tail;

		list->block = from;
		if (block == HNSWC_META_BLOCK || block >= list->nblocks)
			list->problem = "the file has no such block";
		else if (list->on[block])
			list->problem = "it is on the list already";
		else if (!check_read_tail(check, block, &tail) || tail.page_id != HNSWC_PAGE_ID ||
				 tail.kind != list->kind)
			list->problem = "it is of another kind";
		else if (!(tail.flags & PAGE_ON_FREE_LIST))
			list->problem = "it is on no list";
		else
		{
			list->on[block] = true;
			from = block;
			block = tail.next_page;
		}
	}
	if (list->problem != NULL)
		list->problem = psprintf("block %u follows on a free list, but %s", block, list->problem);
	else if (list->tail != (from == HNSWC_META_BLOCK ? InvalidBlockNumber : from))
	{
		list->block = HNSWC_META_BLOCK;
		list->problem = psprintf("the last block of a free list is %u, but the meta page has %u",
								 from, list->tail);
	}
}

/* A page that is not on the list, though it says so. */
static void
find_missing(HnswCheck *check, FreeList *list)
{
	for (BlockNumber block = 0; block < check->nblocks && list->problem == NULL; block++)
	{
		PageTail tail;

		if (check->kinds[block] != list->kind || !(check->flags[block] & PAGE_ON_FREE_LIST) ||
			list->on[block])
			continue;
		if (check_read_tail(check, block, &tail) && (tail.flags & PAGE_ON_FREE_LIST))
		{
			list->block = block;
			list->problem = "the page is on a free list, but the list does not have it";
		}
	}
}

static void
read_whole_list(HnswCheck *check, FreeList *list, const MetaPage *meta)
{
	list->head = meta->free_head[list->kind];
	list->tail = meta->free_tail[list->kind];
	read_list(check, list);
	find_missing(check, list);
}

/* A free list as it is now, in memory of its own. */
static void
begin_list(HnswCheck *check, FreeList *list, PageKind kind)
{
	list->kind = kind;
	list->nblocks = RelationGetNumberOfBlocks(check->index);
	list->on = palloc_extended(list->nblocks, MCXT_ALLOC_HUGE);
}

static void
check_free_list(HnswCheck *check, PageKind kind)
{
	FreeList list;
	MetaPage meta;
	Buffer buffer;

	for (int i = 0; i < LIST_TRIES; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_read_meta(check, &meta);
		begin_list(check, &list, kind);
		read_whole_list(check, &list, &meta);
		pfree(list.on);
		if (list.problem == NULL)
			return;
	}
	buffer = check_lock(check, HNSWC_META_BLOCK);
	begin_list(check, &list, kind);
	read_whole_list(check, &list, page_meta(BufferGetPage(buffer)));
	UnlockReleaseBuffer(buffer);
	if (list.problem != NULL)
		page_corrupted(check->index, list.block, list.problem);
	pfree(list.on);
}

static void
check_fill_page(HnswCheck *check, const MetaPage *meta, PageKind kind)
{
	BlockNumber block = meta->fill_page[kind];
	PageTail tail;

	if (block == InvalidBlockNumber || (block < check->nblocks && check->kinds[block] == kind))
		return;
	if (block == HNSWC_META_BLOCK || block >= RelationGetNumberOfBlocks(check->index) ||
		!check_read_tail(check, block, &tail) || tail.page_id != HNSWC_PAGE_ID || tail.kind != kind)
		page_corrupted(
			check->index, HNSWC_META_BLOCK,
			psprintf("block %u is to be filled with slots of kind %d, but has none", block, kind));
}

static int
run_compare(const void *a, const void *b)
{
	uint64 x = ((const VectorRun *) a)->start;
	uint64 y = ((const VectorRun *) b)->start;

	return (x > y) - (x < y);
}

/* Are the blocks of a run pages of vectors? */
static void
check_run_blocks(HnswCheck *check, const VectorRun *run, uint64 size)
{
	BlockNumber end = (BlockNumber) ((run->start + size + PAGE_STREAM_SIZE - 1) / PAGE_STREAM_SIZE);

	for (BlockNumber block = (BlockNumber) (run->start / PAGE_STREAM_SIZE); block < end; block++)
	{
		PageTail tail;

		if (block < check->nblocks && check->kinds[block] == PAGE_VECTOR)
			continue;
		if (block >= RelationGetNumberOfBlocks(check->index) ||
			!check_read_tail(check, block, &tail) || tail.page_id != HNSWC_PAGE_ID ||
			tail.kind != PAGE_VECTOR)
			page_corrupted(
				check->index, run->owner,
				psprintf("vectors of its elements are to be on block %u, which has none", block));
	}
}

/*
 * The runs of vectors that were found, against each other and against where the stream goes on now.
 */
static void
check_runs(HnswCheck *check, const MetaPage *meta)
{
	uint64 size = (uint64) check->layout->slots_per_page * check->layout->vector_size;
	uint64 next = (uint64) meta->vector_block * PAGE_STREAM_SIZE + meta->vector_offset;
	uint64 end = (uint64) meta->vector_end * PAGE_STREAM_SIZE;

	qsort(check->runs, check->nruns, sizeof(VectorRun), run_compare);
	for (int64 i = 0; i < check->nruns; i++)
	{
		VectorRun *run = &check->runs[i];

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && run->start < check->runs[i - 1].start + size)
			page_corrupted(check->index, run->owner,
						   psprintf("vectors of its elements are where those of block %u are",
									check->runs[i - 1].owner));
		if (run->start < end && next < run->start + size)
			page_corrupted(check->index, run->owner,
						   "vectors of its elements are where new ones are to be written");
		check_run_blocks(check, run, size);
	}
}

/* What the meta page says that nothing else does. */
static void
check_meta(HnswCheck *check, const MetaPage *meta)
{
	const GraphReach *reach = &meta->reach;

	if ((meta->flags & ~(META_NO_NULL | META_NO_ZERO)) != 0)
		page_corrupted(check->index, HNSWC_META_BLOCK, "the reserved flags are not zero");
	if (!(meta->tuples >= 0 && meta->tuples < INFINITY) ||
		!(reach->norm >= 0 && reach->norm < INFINITY))
		page_corrupted(check->index, HNSWC_META_BLOCK, "the statistics are no numbers");
	for (int i = 0; i < GRAPH_REACH_OCTAVES; i++)
		if (!(reach->octaves[i] >= 0 && reach->octaves[i] < INFINITY) ||
			(i > 0 && reach->octaves[i] < reach->octaves[i - 1]))
			page_corrupted(check->index, HNSWC_META_BLOCK, "the statistics are no numbers");
	if (meta->recall.source > RECALL_CALIBRATED ||
		(meta->recall.source != RECALL_UNKNOWN &&
		 recall_width(&meta->recall, RECALL_MOST_SHARE, 1) == 0))
		page_corrupted(check->index, HNSWC_META_BLOCK, "the statistics are no numbers");
	if (meta->vector_offset >= PAGE_STREAM_SIZE || meta->vector_block > meta->vector_end ||
		meta->vector_end > RelationGetNumberOfBlocks(check->index))
		page_corrupted(check->index, HNSWC_META_BLOCK,
					   "new vectors are to be written where none can be");
}

void
check_space(HnswCheck *check)
{
	MetaPage meta;

	check_read_meta(check, &meta);
	check_meta(check, &meta);
	for (int kind = 0; kind < PAGE_NODE_KINDS; kind++)
	{
		check_fill_page(check, &meta, kind);
		check_free_list(check, kind);
	}
	check_runs(check, &meta);
}
