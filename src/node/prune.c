/*
 * prune.c: removing heap TIDs from the lists of duplicates.
 *
 * Vacuum does it in three steps, none of which needs more than two locks however long a chain is:
 * it prunes the lists page by page (duplicates_prune_page); it takes the lists that are empty out
 * of their element's chain (duplicates_settle), which is also when an element without a row turns
 * out to be dead; and it frees empty lists (duplicates_free). It may stop between any two changes:
 * an empty list is found again by the next vacuum, whether it still is on a chain or not.
 *
 * Invariant: only vacuum makes a list empty or frees one that was on a chain, and one vacuum works
 * on an index at a time.
 *
 * Locks: one duplicate page at a time, exclusively where it changes; under the element page's
 * exclusive lock for the first list of a chain.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "node/node.h"

static inline DuplicateSlot *
duplicate_slot(PageReader *reader, Buffer buffer, uint32 slot)
{
	return (DuplicateSlot *) page_slot(&reader->state->layout, BufferGetPage(buffer), slot);
}

/*
 * Copies the TIDs of a list that stay; returns how many. *first is the first place that changes.
 */
static int
tids_left(PageReader *reader, BlockNumber block, const DuplicateSlot *list,
		  const DuplicatePrune *prune, ItemPointer left, int *first)
{
	int nleft = 0;

	*first = list->count;
	for (int i = 0; i < list->count; i++)
	{
		ItemPointerData tid = list->tids[i];

		if (!ItemPointerIsValid(&tid))
			page_corrupted(reader->index, block, "a list of duplicates has a row that cannot be");
		if (prune->callback == NULL || !prune->callback(&tid, prune->callback_state))
			left[nleft++] = tid;
		else if (*first == list->count)
			*first = i;
	}
	return nleft;
}

/*
 * Looks at a page's lists; with an edit, removes what is to be removed. False if there is something
 * to remove.
 */
static bool
prune_lists(PageReader *reader, Buffer buffer, DuplicatePrune *prune, PageEdit *edit)
{
	const PageLayout *layout = &reader->state->layout;
	BlockNumber block = BufferGetBlockNumber(buffer);
	uint32 used = page_used(reader, block, BufferGetPage(buffer));
	ItemPointerData left[BLCKSZ / sizeof(ItemPointerData)];

	Assert(used <= lengthof(prune->empty_owners));
	prune->left = prune->removed = prune->nempty = 0;
	for (uint32 i = 0; i < used; i++)
	{
		DuplicateSlot *list = duplicate_slot(reader, buffer, i);
		int nleft;
		int first;

		if (list->state != SLOT_LIVE)
			continue;
		if (list->count > layout->duplicates_per_slot)
			page_corrupted(reader->index, block, "a list of duplicates is too long");
		nleft = tids_left(reader, block, list, prune, left, &first);
		if (nleft < list->count && edit == NULL)
			return false;
		prune->left += nleft;
		prune->removed += list->count - nleft;
		Assert(nleft <= list->count && first <= nleft);
		if (nleft == 0)
			prune->empty_owners[prune->nempty++] = list->owner;
		if (nleft == list->count)
			continue;
		if (nleft > first)
			edit_write(edit, 0, &list->tids[first], &left[first],
					   (nleft - first) * sizeof(ItemPointerData));
		edit_set(edit, 0, &list->count, nleft);
	}
	return true;
}

void
duplicates_prune_page(PageReader *reader, BlockNumber block, DuplicatePrune *prune)
{
	Buffer buffer = reader_lock_page(reader, block, PAGE_DUPLICATE, BUFFER_LOCK_SHARE);

	if (!prune_lists(reader, buffer, prune, NULL))
	{
		PageEdit edit;

		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		edit_init(&edit, reader->index, true);
		edit_page(&edit, buffer);
		(void) prune_lists(reader, buffer, prune, &edit);
		if (edit.pages[0].ndelta > 0)
			edit_commit(&edit);
		edit_free(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

/* Reads the head of a list: is it empty, and which comes next? */
static bool
list_is_empty(PageReader *reader, NodeId owner, NodeId list, NodeId *next)
{
	const PageLayout *layout = &reader->state->layout;
	BlockNumber block = node_block(layout, list);
	Buffer buffer = reader_lock_page(reader, block, PAGE_DUPLICATE, BUFFER_LOCK_SHARE);
	DuplicateSlot *slot = duplicate_slot(reader, buffer, node_slot(layout, list));
	bool empty = slot->count == 0;

	if (slot->state != SLOT_LIVE || slot->owner != owner)
		page_corrupted(reader->index, block, "a list of duplicates belongs to another element");
	*next = slot->next;
	UnlockReleaseBuffer(buffer);
	return empty;
}

/* Makes `next` follow a list that is on a chain. */
static void
list_set_next(PageReader *reader, NodeId list, NodeId next)
{
	const PageLayout *layout = &reader->state->layout;
	Buffer buffer =
		reader_lock_page(reader, node_block(layout, list), PAGE_DUPLICATE, BUFFER_LOCK_EXCLUSIVE);

	Assert(list != next);
	edit_field(reader->index, buffer,
			   &duplicate_slot(reader, buffer, node_slot(layout, list))->next, next, true);
	UnlockReleaseBuffer(buffer);
}

/*
 * Takes empty lists off the front of an element's chain; *first is the first list left. An element
 * without a row and without a list becomes dead. Returns its state.
 */
static SlotState
settle_front(PageReader *reader, NodeId element, NodeId *first)
{
	const PageLayout *layout = &reader->state->layout;
	ChainGuard guard = {NODE_NONE};
	SlotState state;
	bool again;

	do
	{
		Buffer buffer = reader_lock_page(reader, node_block(layout, element), PAGE_ELEMENT,
										 BUFFER_LOCK_EXCLUSIVE);
		Slot *slot = page_slot(layout, BufferGetPage(buffer), node_slot(layout, element));
		NodeId next;
		PageEdit edit;

		edit_init(&edit, reader->index, true);
		edit_page(&edit, buffer);
		*first = slot_is_live(slot) ? slot->next : NODE_NONE;
		state = slot->state;
		chain_guard(&guard, reader, *first);
		again = *first != NODE_NONE && list_is_empty(reader, element, *first, &next);
		if (again)
			edit_set(&edit, 0, &slot->next, next);
		else if (state == SLOT_SHELL && *first == NODE_NONE)
		{
			state = SLOT_DEAD;
			edit_set(&edit, 0, &slot->state, SLOT_DEAD);
		}
		if (edit.pages[0].ndelta > 0)
			edit_commit(&edit);
		edit_free(&edit);
		UnlockReleaseBuffer(buffer);
		CHECK_FOR_INTERRUPTS();
	} while (again);
	return state;
}

bool
duplicates_settle(PageReader *reader, NodeId element)
{
	NodeId list;
	NodeId next;
	SlotState state = settle_front(reader, element, &list);
	ChainGuard guard = {NODE_NONE};

	Assert(!page_lock_is_held());
	/* Behind the first list nobody but vacuum changes anything. */
	if (list != NODE_NONE)
		(void) list_is_empty(reader, element, list, &next);
	while (list != NODE_NONE && next != NODE_NONE)
	{
		NodeId after;

		chain_guard(&guard, reader, next);
		if (list_is_empty(reader, element, next, &after))
			list_set_next(reader, list, after);
		else
			list = next;
		next = after;
		CHECK_FOR_INTERRUPTS();
	}
	return state == SLOT_DEAD;
}

static bool
list_to_free(NodeId node, const Slot *slot, void *arg)
{
	return slot->state == SLOT_LIVE && ((const DuplicateSlot *) slot)->count == 0;
}

int
duplicates_free(PageReader *reader, BlockNumber block, FullTransactionId free_xid)
{
	return alloc_free_slots(reader, block, PAGE_DUPLICATE, free_xid, list_to_free, NULL);
}
