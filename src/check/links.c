/*
 * links.c: from node to node.
 *
 * What is known of all addresses from their pages (pages.c) answers nearly all questions; only what
 * does not fit is looked at again (slots.c).  Proved here:
 *
 * - A live node links to nodes of its layer.  They may be dead, while vacuum is at work or when it
 *   was interrupted, but not free.  The lists of dead and of free nodes are out of date, since only
 *   walks that stand on them read them; their addresses are of pages of the right kind.
 * - A live node above layer 0 has an element, which is not free and has the same code, and leads
 *   down to the node of the same element one layer lower.  To no node leads more than one from
 *   above.
 *
 * Locks: those of slots.c.
 */
#include "postgres.h"

#include "check/check.h"
#include "miscadmin.h"

/* Are two nodes in one graph? */
static bool
is_same_graph(const HnswCheck *check, const SlotCopy *a, const SlotCopy *b)
{
	return check->node_keys == NULL ||
		   *slot_key(check->layout, a->slot) == *slot_key(check->layout, b->slot);
}

static bool
link_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	NodeId links[GRAPH_MAX_LINKS];
	int n;

	if (!slot_is_live(from->slot))
		return false;
	n = links_read(slot_links(check->layout, from->slot),
				   GRAPH_CAPACITY(check->layout->m, from->slot->layer), links);
	for (int i = 0; i < n; i++)
		if (links[i] == to)
			return true;
	return false;
}

static const char *
link_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	if (to->slot->layer != from->slot->layer)
		return "a node of another layer";
	if (!is_same_graph(check, from, to))
		return "a node of another key's graph";
	return slot_is_on(to->slot, to->slot->layer) ? NULL : "a slot that is free";
}

static bool
down_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	return slot_is_live(from->slot) && from->slot->next == to;
}

static const char *
down_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	if (to->slot->layer + 1 != from->slot->layer)
		return "a node that is not one layer lower";
	if (!slot_is_on(to->slot, to->slot->layer))
		return "a slot that is free";
	if (to->kind == PAGE_UPPER && slot_base(to->slot) != slot_base(from->slot))
		return "a node of another element";
	if (!is_same_graph(check, from, to))
		return "a node of another key's graph";
	return NULL;
}

static bool
base_starts(const HnswCheck *check, const SlotCopy *from, NodeId to)
{
	return slot_is_live(from->slot) && slot_base(from->slot) == to;
}

static const char *
base_problem(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to)
{
	const PageLayout *layout = check->layout;

	if (!slot_is_on(to->slot, 0))
		return "a slot that is free";
	if (memcmp(slot_code(layout, from->slot), slot_code(layout, to->slot), layout->code_size) != 0)
		return "an element with another code";
	return NULL;
}

/* Is the address one that a list of that kind may hold, dead or alive? */
static void
look_at_address(HnswCheck *check, NodeId node, NodeId to, PageKind kind)
{
	if (check_node(check, to) != 0 && check->kinds[node_block(check->layout, to)] == kind)
		return;
	if (!slot_copy_read(check, check->end, to, kind))
		check_failed(check, node, "a link of a node that is removed leads to block %u, slot %u: %s",
					 node_block(check->layout, to), node_slot(check->layout, to),
					 check->end->problem);
}

/* A live node's link. */
static void
look_at_link(HnswCheck *check, NodeId node, const Slot *slot, PageKind kind, NodeId to)
{
	uint8 seen = check_node(check, to);
	CheckWay way = {node, kind, to, kind, link_starts, link_problem, "a link"};

	if ((node_was(seen, NODE_LIVE) || node_was(seen, NODE_DEAD)) &&
		(seen & NODE_LAYER) == slot->layer && check->kinds[node_block(check->layout, to)] == kind &&
		(check->node_keys == NULL ||
		 check->node_keys[to] == *slot_key(check->layout, (Slot *) slot)))
		return;
	(void) check_way(check, &way);
}

/*
 * Another node, too, leads down to where this one does.  Elements are given their nodes when they
 * are inserted, so without recovery that cannot be a matter of time.
 */
static void
look_at_second_above(HnswCheck *check, NodeId node, NodeId below)
{
	SlotCopy *other = check->end;

	for (uint64 at = 0; at < check->nnodes; at++)
	{
		NodeId i = (NodeId) at;

		CHECK_FOR_INTERRUPTS();
		if (i == node || !node_was(check->nodes[i], NODE_LIVE) ||
			check->kinds[node_block(check->layout, i)] != PAGE_UPPER)
			continue;
		if (!slot_copy_read(check, other, i, PAGE_UPPER) || !down_starts(check, other, below))
			continue;
		if (slot_copy_read(check, check->before, node, PAGE_UPPER) &&
			down_starts(check, check->before, below) &&
			slot_copy_read(check, other, i, PAGE_UPPER) && down_starts(check, other, below))
			check_failed(
				check, node,
				"the node leads down to block %u, slot %u, and so does that of block %u, slot %u",
				node_block(check->layout, below), node_slot(check->layout, below),
				node_block(check->layout, i), node_slot(check->layout, i));
	}
}

/* The ways down of a live node above layer 0. */
static void
look_down(HnswCheck *check, NodeId node, const Slot *slot)
{
	CheckWay down = {node,        PAGE_UPPER,   slot->next,    layer_kind(slot->layer - 1),
					 down_starts, down_problem, "the way down"};
	CheckWay base = {node,        PAGE_UPPER,   slot_base(slot), PAGE_ELEMENT,
					 base_starts, base_problem, "its element"};

	if (!check_way(check, &base) || !check_way(check, &down) || slot->next >= check->nnodes)
		return;
	if (check->marks[slot->next] & MARK_BELOW)
		look_at_second_above(check, node, slot->next);
	check->marks[slot->next] |= MARK_BELOW;
}

void
check_links(HnswCheck *check, NodeId node, const Slot *slot, PageKind kind)
{
	NodeId links[GRAPH_MAX_LINKS];
	int n = links_read(slot_links(check->layout, (Slot *) slot),
					   GRAPH_CAPACITY(check->layout->m, slot->layer), links);

	for (int i = 0; i < n; i++)
		if (slot_is_live(slot))
			look_at_link(check, node, slot, kind, links[i]);
		else
			look_at_address(check, node, links[i], kind);
	if (kind == PAGE_UPPER && slot_is_live(slot))
		look_down(check, node, slot);
}
