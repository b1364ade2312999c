/*
 * chains.c: the lists of rows whose vectors equal an element's.
 *
 * A live element leads to its first list, each list to the next.  Proved here:
 *
 * - Whatever a live element, or a list in use, leads to is a list in use of that element.  A list
 *   that was taken off its chain and freed while it was read leads on to the rest.
 * - A chain has an end.
 * - A list in use with a row that was complete when the check began is on the chain of its owner,
 *   which is live.  Others may be on none: an insert is about to hang them up or has failed, or
 *   vacuum has emptied them.
 *
 * That no row is in two places is proved in heap.c.
 *
 * Locks: those of slots.c.
 */
#include "postgres.h"

#include "check/check.h"
#include "miscadmin.h"

/* How often a chain is read that changes all the time. */
#define CHAIN_TRIES 5

typedef enum ChainResult
{
	CHAIN_ENDS,
	CHAIN_MEETS,   /* the list that was looked for is on it */
	CHAIN_CHANGES, /* it changed while it was read */
	CHAIN_TURNS,   /* it comes back to where it was */
} ChainResult;

static NodeId
chain_owner(const SlotCopy *from)
{
	return from->kind == PAGE_ELEMENT ? from->node : ((const DuplicateSlot *) from->slot)->owner;
}

static bool
chain_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	return slot_is_live(from->slot) && from->slot->next == to;
}

static const char *
chain_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	if (to->slot->state != SLOT_LIVE)
		return "a list that is free";
	return ((const DuplicateSlot *) to->slot)->owner == chain_owner(from)
			   ? NULL
			   : "a list of another element";
}

/* Is the list one that a chain of the element leads through? */
static bool
list_belongs(const SlotCopy *list, NodeId owner)
{
	return list->problem == NULL &&
		   (list->slot->state == SLOT_LIVE || list->slot->state == SLOT_FREE) &&
		   ((const DuplicateSlot *) list->slot)->owner == owner;
}

/*
 * Follows the chain of an element from its first list, marking the lists, to its end or to the list
 * `wanted`. Raises an error if a list leads to what it may not lead to.
 */
static ChainResult
follow_chain(HnswCheck *check, NodeId element, NodeId first, NodeId wanted)
{
	SlotCopy *list = check->chain;
	CheckWay way = {element,
					PAGE_ELEMENT,
					first,
					PAGE_DUPLICATE,
					chain_starts,
					chain_problem,
					"the way to a list of duplicates"};
	NodeId landmark = NODE_NONE;

	for (uint64 n = 1; way.to != NODE_NONE; n++)
	{
		if (way.to == wanted)
			return CHAIN_MEETS;
		if (way.to == landmark)
			return CHAIN_TURNS;
		if ((n & (n - 1)) == 0)
			/* Brent's way to find a circle: the landmark is moved at each power of two */
			landmark = way.to;
		(void) slot_copy_read(check, list, way.to, PAGE_DUPLICATE);
		if (!list_belongs(list, element) || list->slot->state == SLOT_FREE)
		{
			(void) check_way(check, &way);
			if (!list_belongs(list, element))
				return CHAIN_CHANGES;
		}
		if (way.to < check->nnodes)
			check->marks[way.to] |= MARK_CHAINED;
		way.from = way.to;
		way.from_kind = PAGE_DUPLICATE;
		way.to = list->slot->next;
	}
	return CHAIN_ENDS;
}

/* The same, again and again until it is certain; CHAIN_CHANGES if it never is. */
static ChainResult
search_chain(HnswCheck *check, NodeId element, NodeId wanted)
{
	ChainResult result = CHAIN_ENDS;

	for (int i = 0; i < CHAIN_TRIES; i++)
	{
		if (!slot_copy_read(check, check->chain, element, PAGE_ELEMENT) ||
			!slot_is_live(check->chain->slot))
			return CHAIN_ENDS;
		result = follow_chain(check, element, check->chain->slot->next, wanted);
		if (result == CHAIN_ENDS || result == CHAIN_MEETS)
			break;
	}
	return result;
}

void
check_chain(HnswCheck *check, NodeId node, const Slot *slot)
{
	if (!slot_is_live(slot) || slot->next == NODE_NONE)
		return;
	if (follow_chain(check, node, slot->next, NODE_NONE) != CHAIN_ENDS &&
		search_chain(check, node, NODE_NONE) == CHAIN_TURNS)
		check_failed(check, node, "its lists of duplicates have no end");
}

/* A list that was on no chain. */
static void
look_at_stray(HnswCheck *check, NodeId node)
{
	SlotCopy *list = check->stray;
	NodeId owner;
	ChainResult result;

	if (!slot_copy_read(check, list, node, PAGE_DUPLICATE) || !check_slot_visible(check, list))
		return;
	owner = ((DuplicateSlot *) list->slot)->owner;
	result = search_chain(check, owner, node);
	if (result != CHAIN_ENDS || !slot_copy_read(check, list, node, PAGE_DUPLICATE) ||
		((DuplicateSlot *) list->slot)->owner != owner || !check_slot_visible(check, list))
		return;
	check_failed(check, node,
				 "the list of duplicates is not on the chain of its element at block %u, slot %u",
				 node_block(check->layout, owner), node_slot(check->layout, owner));
}

void
check_strays(HnswCheck *check)
{
	for (uint64 node = 0; node < check->nnodes; node++)
		if (node_was(check->nodes[node], NODE_LIVE) && !(check->marks[node] & MARK_CHAINED) &&
			check->kinds[node_block(check->layout, (NodeId) node)] == PAGE_DUPLICATE)
			look_at_stray(check, (NodeId) node);
}
