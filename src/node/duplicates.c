/*
 * duplicates.c: rows whose vectors are equal share one element; the further heap TIDs hang on it in
 * lists, each a slot on a duplicate page, without limit.
 *
 * Invariants: a list belongs to one element (its owner) for as long as it is in use; a list is
 * reachable from its owner or, for a moment, from nowhere; a TID never moves from one list to
 * another, so that a reader that takes the lists one after the other meets each TID once. Only the
 * first list of a chain takes new TIDs. A freed list keeps its owner and its next until it is
 * reused, so that a reader that stands on it goes on.
 *
 * Locks: an element's first list changes, or gets a TID, under the exclusive lock of the element's
 * page, taken before that of the duplicate page; what is behind it is changed by vacuum alone
 * (prune.c), under the exclusive lock of the list's page. A list is read under its page's share
 * lock.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "node/node.h"

/* Tries to put a TID into the first list of an element whose page is locked. */
static bool
first_list_add(PageReader *reader, NodeId owner, NodeId list, ItemPointer tid, bool wal)
{
	const PageLayout *layout = &reader->state->layout;
	Buffer buffer;
	DuplicateSlot *slot;
	bool added = false;

	if (list == NODE_NONE)
		return false;
	buffer =
		reader_lock_page(reader, node_block(layout, list), PAGE_DUPLICATE, BUFFER_LOCK_EXCLUSIVE);
	slot = (DuplicateSlot *) page_slot(layout, BufferGetPage(buffer), node_slot(layout, list));
	if (slot->state == SLOT_LIVE && slot->owner == owner &&
		slot->count < layout->duplicates_per_slot)
	{
		PageEdit edit;

		edit_init(&edit, reader->index, wal);
		edit_page(&edit, buffer);
		edit_write(&edit, 0, &slot->tids[slot->count], tid, sizeof(*tid));
		edit_set(&edit, 0, &slot->count, slot->count + 1);
		edit_commit(&edit);
		edit_free(&edit);
		added = true;
	}
	UnlockReleaseBuffer(buffer);
	return added;
}

/* Writes a new list of one TID that nothing points to yet. */
static NodeId
new_list(PageReader *reader, NodeId owner, NodeId next, ItemPointer tid, bool wal)
{
	PageEdit edit;
	SlotPlace place;
	DuplicateSlot head = {0};

	edit_init(&edit, reader->index, wal);
	alloc_slot(reader, &edit, PAGE_DUPLICATE, &place);
	head.owner = owner;
	head.count = 1;
	head.generation = place.generation;
	head.state = SLOT_LIVE;
	head.next = next;
	edit_write(&edit, place.page, place.target, &head, offsetof(DuplicateSlot, tids));
	edit_write(&edit, place.page, ((DuplicateSlot *) place.target)->tids, tid, sizeof(*tid));
	edit_commit(&edit);
	edit_free(&edit);
	UnlockReleaseBuffer(place.buffer);
	return place.node;
}

/* Changes the `next` of a list that nothing points to, or frees it. */
static void
change_new_list(PageReader *reader, NodeId list, NodeId next, bool discard, bool wal)
{
	const PageLayout *layout = &reader->state->layout;
	Buffer buffer =
		reader_lock_page(reader, node_block(layout, list), PAGE_DUPLICATE, BUFFER_LOCK_EXCLUSIVE);
	Page page = BufferGetPage(buffer);
	DuplicateSlot *slot = (DuplicateSlot *) page_slot(layout, page, node_slot(layout, list));
	PageEdit edit;

	Assert(slot->state == SLOT_LIVE && slot->count == 1);
	edit_init(&edit, reader->index, wal);
	edit_page(&edit, buffer);
	edit_set(&edit, 0, &slot->next, next);
	if (discard)
	{
		uint16 freed[3] = {0};

		edit_set(&edit, 0, &slot->state, SLOT_FREE);
		/* nobody else has ever seen its address: it can be reused at once */
		edit_write(&edit, 0, slot_freed_words(PAGE_DUPLICATE, (Slot *) slot), freed, sizeof(freed));
		edit_set(&edit, 0, &page_tail(page)->nfree, page_tail(page)->nfree + 1);
	}
	edit_commit(&edit);
	edit_free(&edit);
	UnlockReleaseBuffer(buffer);
	if (discard)
		alloc_list_page(reader, node_block(layout, list), PAGE_DUPLICATE);
}

/*
 * Adds a TID to an element's first list or, where that is not possible, hangs `*list` before it, a
 * new list of that TID alone. *first is the element's first list then. Returns 1 when done, 0 when
 * a (new) list is needed that points to *first, -1 when the element is gone.
 */
static int
try_add(PageReader *reader, NodeId element, int generation, ItemPointer tid, NodeId list,
		NodeId *first, bool wal)
{
	const PageLayout *layout = &reader->state->layout;
	Buffer buffer =
		reader_lock_page(reader, node_block(layout, element), PAGE_ELEMENT, BUFFER_LOCK_EXCLUSIVE);
	Slot *slot = page_slot(layout, BufferGetPage(buffer), node_slot(layout, element));
	int result = 0;

	if (slot->generation != generation || !slot_is_live(slot))
		result = -1;
	else if (list == NODE_NONE)
		result = first_list_add(reader, element, slot->next, tid, wal) ? 1 : 0;
	else if (slot->next == *first)
	{
		edit_field(reader->index, buffer, &slot->next, list, wal);
		result = 1;
	}
	*first = slot->next;
	UnlockReleaseBuffer(buffer);
	return result;
}

bool
duplicates_add(PageReader *reader, NodeId element, int generation, ItemPointer tid, bool wal)
{
	NodeId first = NODE_NONE;
	NodeId list = NODE_NONE;
	int result;

	Assert(ItemPointerIsValid(tid) && !reader->lock && !page_lock_is_held());
	while ((result = try_add(reader, element, generation, tid, list, &first, wal)) == 0)
	{
		/*
		 * The new list is written while no lock is held, for finding a place may need the meta
		 * page's.
		 */
		if (list == NODE_NONE)
			list = new_list(reader, element, first, tid, wal);
		else
			change_new_list(reader, list, first, false, wal);
		CHECK_FOR_INTERRUPTS();
	}
	if (result < 0 && list != NODE_NONE)
		change_new_list(reader, list, NODE_NONE, true, wal);
	return result > 0;
}

/*
 * A list is not what it was reached as. While a transaction runs that may be on its way to a list,
 * the list is not reused; only replay does not wait for the transactions of a standby.
 */
static void
list_is_not(PageReader *reader, BlockNumber block, const char *what)
{
	if (!RecoveryInProgress())
		page_corrupted(reader->index, block, what);
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("canceling statement due to conflict with recovery"),
					errdetail("Rows of index \"%s\" that the query was reading have been replaced.",
							  RelationGetRelationName(reader->index))));
}

void
chain_guard(ChainGuard *guard, PageReader *reader, NodeId list)
{
	if (list != NODE_NONE && list == guard->remembered)
		list_is_not(reader, node_block(&reader->state->layout, list),
					"a list of duplicates has no end");
	if (guard->steps++ == guard->most)
	{
		guard->remembered = list;
		guard->steps = 0;
		guard->most = 2 * guard->most + 1;
	}
}

int
duplicates_next(PageReader *reader, DuplicateCursor *cursor, ItemPointerData *tids)
{
	const PageLayout *layout = &reader->state->layout;
	BlockNumber block = node_block(layout, cursor->list);
	Buffer buffer = reader_pin(reader, block, PAGE_DUPLICATE);
	DuplicateSlot *slot =
		(DuplicateSlot *) page_slot(layout, BufferGetPage(buffer), node_slot(layout, cursor->list));
	int n = 0;

	Assert(cursor->list != NODE_NONE && cursor->owner != NODE_NONE);
	if (!reader->lock)
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	chain_guard(&cursor->guard, reader, cursor->list);
	if (slot->count > layout->duplicates_per_slot)
		page_corrupted(reader->index, block, "a list of duplicates is too long");
	if (slot->owner != cursor->owner || (slot->state != SLOT_LIVE && slot->state != SLOT_FREE))
		list_is_not(reader, block, "a list of duplicates belongs to another element");
	cursor->list = slot->next;
	if (slot->state == SLOT_LIVE)
	{
		n = slot->count;
		memcpy(tids, slot->tids, n * sizeof(ItemPointerData));
		for (int i = 0; i < n; i++)
			if (!ItemPointerIsValid(&tids[i]))
				page_corrupted(reader->index, block,
							   "a list of duplicates has a row that cannot be");
	}
	if (!reader->lock)
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	reader_unpin(reader, buffer);
	return n;
}
