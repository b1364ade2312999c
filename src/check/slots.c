/*
 * slots.c: slots copied from their pages, to look from one page at another while others write.
 *
 * Nothing here trusts an address.  Reading the slot of one that leads nowhere is no error: the copy
 * says why there is no such slot, and whoever has found the address knows what that means.
 *
 * A way from one slot to another (a link, a node below, the next list) is read when the page that
 * it starts on is at hand, and the page that it leads to later.  Meanwhile the start may have been
 * changed, and where it led freed: that is no damage.  So what looks wrong is looked at again by
 * check_way(): the start, the end, and the start once more. Whoever removes a slot first takes away
 * all that leads to it, so a live start that leads to the slot even after that was seen free should
 * not be there.  During recovery, when a slot may be reused at any time, the start must not have
 * changed between its two looks.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "check/check.h"
#include "miscadmin.h"

/* How often a way is looked at whose start changes all the time. */
#define WAY_TRIES 5

Buffer
check_lock(HnswCheck *check, BlockNumber block)
{
	Buffer buffer;

	Assert(block < check->nblocks || block < RelationGetNumberOfBlocks(check->index));
	buffer = ReadBufferExtended(check->index, MAIN_FORKNUM, block, RBM_NORMAL, check->strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

SlotCopy *
slot_copy_create(HnswCheck *check)
{
	SlotCopy *copy = palloc0(sizeof(SlotCopy));

	copy->slot = palloc0(check->layout->slot_size);
	return copy;
}

/* What keeps a slot from being read from its page, which is locked. */
static const char *
page_problem(HnswCheck *check, Page page, uint32 slot, PageKind kind)
{
	PageTail *tail = page_tail(page);

	if (PageIsNew(page))
		return "the page is empty";
	if (tail->page_id != HNSWC_PAGE_ID || tail->kind != kind ||
		PageGetSpecialSize(page) != page_tail_size(kind))
		return "the page is of another kind";
	if (slot >= Min(tail->used, check->layout->slots_per_page))
		return "the slot was never used";
	return NULL;
}

bool
slot_copy_read(HnswCheck *check, SlotCopy *copy, NodeId node, PageKind kind)
{
	const PageLayout *layout = check->layout;
	BlockNumber block = node_block(layout, node);
	Buffer buffer;

	CHECK_FOR_INTERRUPTS();
	copy->node = node;
	copy->kind = kind;
	copy->problem = NULL;
	memset(copy->slot, 0, layout->slot_size);
	if (block == HNSWC_META_BLOCK ||
		(block >= check->nblocks && block >= RelationGetNumberOfBlocks(check->index)))
	{
		copy->problem = "the file has no such node";
		return false;
	}
	buffer = check_lock(check, block);
	copy->problem = page_problem(check, BufferGetPage(buffer), node_slot(layout, node), kind);
	copy->lsn = PageGetLSN(BufferGetPage(buffer));
	if (copy->problem == NULL)
		memcpy(copy->slot, page_slot(layout, BufferGetPage(buffer), node_slot(layout, node)),
			   layout->slot_size);
	UnlockReleaseBuffer(buffer);
	return copy->problem == NULL;
}

bool
check_row_visible(HnswCheck *check, ItemPointer tid)
{
	IndexFetchTableData *fetch;
	ItemPointerData at = *tid;
	bool call_again = false;
	bool all_dead;
	bool found;

	/* a damaged address may be of no block of the table */
	if (ItemPointerGetBlockNumber(&at) >= RelationGetNumberOfBlocks(check->heap))
		return false;
	if (check->heap_row == NULL)
		check->heap_row = table_slot_create(check->heap, NULL);
	fetch = table_index_fetch_begin(check->heap);
	found = table_index_fetch_tuple(fetch, &at, check->snapshot, check->heap_row, &call_again,
									&all_dead);
	ExecClearTuple(check->heap_row);
	table_index_fetch_end(fetch);
	return found;
}

static bool
list_visible(HnswCheck *check, const DuplicateSlot *list)
{
	for (int i = 0; i < Min(list->count, check->layout->duplicates_per_slot); i++)
		if (check_row_visible(check, (ItemPointer) &list->tids[i]))
			return true;
	return false;
}

bool
check_slot_visible(HnswCheck *check, const SlotCopy *copy)
{
	if (copy->problem != NULL || !slot_is_live(copy->slot))
		return false;
	if (copy->kind == PAGE_DUPLICATE)
		return list_visible(check, (const DuplicateSlot *) copy->slot);
	Assert(copy->kind == PAGE_ELEMENT);
	return copy->slot->state == SLOT_LIVE && check_row_visible(check, &copy->slot->u.heap_tid);
}

bool
check_way(HnswCheck *check, const CheckWay *way)
{
	SlotCopy *before = check->before;
	SlotCopy *end = check->end;
	SlotCopy *after = check->after;
	const char *problem = NULL;

	for (int i = 0; i < WAY_TRIES; i++)
	{
		if (!slot_copy_read(check, before, way->from, way->from_kind) ||
			!way->starts(check, before, way->to))
			return false;
		if (slot_copy_read(check, end, way->to, way->to_kind))
			end->problem = way->problem(check, before, end);
		if (end->problem == NULL)
			return true;
		problem = end->problem;
		if (!slot_copy_read(check, after, way->from, way->from_kind) ||
			!way->starts(check, after, way->to))
			return false;
		if (before->lsn == after->lsn &&
			memcmp(before->slot, after->slot, check->layout->slot_size) == 0)
			break;
	}
	check_failed(check, way->from, "%s leads to block %u, slot %u: %s", way->name,
				 node_block(check->layout, way->to), node_slot(check->layout, way->to), problem);
}
