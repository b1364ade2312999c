/*
 * link.c: links from the neighbours of a node back to it.
 *
 * A neighbour with a full list selects anew from what the list holds and the new link, and may
 * reject the new one. A node whose neighbours all reject it could not be reached: then the nearest
 * is made to link to it, and it to the node that had to make room, so that this can be reached as
 * well.
 *
 * What callers may rely on: no lock is held. A list is decided from a copy and written only if it
 * has not changed since; otherwise it is read and decided anew.
 */
#include "postgres.h"

#include "graph/graph.h"
#include "graph/insert_internal.h"
#include "miscadmin.h"

/* A list of neighbours that is being changed. */
typedef struct BackLink
{
	NodeId node;
	int layer;
	NodeId created;
	bool force;
	NodeId old[GRAPH_MAX_LINKS + 1];
	int nold;
	int nselected; /* see GraphStore.selected; of the old list, then of the new one */
	NodeId wanted[GRAPH_MAX_LINKS + 1];
	int nwanted;
	bool linked;
	NodeId evicted; /* to make room for the new node, though the selection kept it */
} BackLink;

/* The list is full: selects anew from what it had and the new node.  False if the node is gone. */
static bool
back_link_select(GraphInsert *insert, BackLink *link, int capacity)
{
	GraphStore *store = insert->store;
	SelectAround around = {.base = link->node,
						   .layer = link->layer,
						   .nodes = link->old,
						   .n = link->nold + 1,
						   .nselected = link->nselected,
						   .limit = capacity};

	Assert(link->nold == capacity && link->old[link->nold] == link->created);
	store->codes(store, link->layer, &link->node, 1, &around.code);
	if (around.code == NULL)
		return false;
	link->nwanted = graph_select_around(insert->select, &around, link->wanted);
	link->nselected = insert->select->nselected;
	Assert(link->nselected <= link->nwanted && link->nwanted <= capacity);
	link->linked = false;
	for (int i = 0; i < link->nwanted; i++)
		link->linked |= link->wanted[i] == link->created;
	if (!link->linked && link->force)
	{
		link->evicted = link->nwanted == capacity ? link->wanted[--link->nwanted] : NODE_NONE;
		link->nselected = Min(link->nselected, link->nwanted);
		link->wanted[link->nwanted++] = link->created;
		link->linked = true;
	}
	Assert(link->nwanted > 0 && link->nwanted <= capacity && (link->linked || !link->force));
	return true;
}

/*
 * Links from the new node to one that had to make room for it, which may have been the only way
 * there; unless the list is full. Like all that is linked to, it has to be alive for certain.
 */
static void
back_link_adopt(GraphStore *store, const BackLink *link)
{
	int capacity = GRAPH_CAPACITY(store->m, link->layer);
	NodeId evicted = link->evicted;
	NodeId links[GRAPH_MAX_LINKS + 1];
	int n;

	if (store->confirm && store->confirm(store, link->layer, &evicted, 1) == 0)
		return;
	do
	{
		CHECK_FOR_INTERRUPTS();
		n = store->neighbours(store, link->created, link->layer, GENERATION_ANY, links);
		Assert(n <= capacity);
		for (int i = 0; i < n; i++)
			if (links[i] == evicted)
				return;
		if (n == capacity)
			return;
		links[n] = evicted;
	} while (!store->relink(store, link->created, link->layer, links, n, links, n + 1));
}

bool
graph_link_back(GraphInsert *insert, int layer, NodeId node, NodeId created, bool force)
{
	GraphStore *store = insert->store;
	int capacity = GRAPH_CAPACITY(store->m, layer);
	BackLink link = {.node = node, .layer = layer, .created = created, .force = force};
	uint8 *selected = store->selected ? store->selected(store, node, layer) : NULL;

	Assert(node != created && created != NODE_NONE && layer >= 0 && layer <= GRAPH_MAX_LAYER);
	for (;;)
	{
		link.evicted = NODE_NONE;
		link.nselected = selected ? *(volatile uint8 *) selected : 0;
		link.nold = store->neighbours(store, node, layer, GENERATION_ANY, link.old);
		Assert(link.nold <= capacity);
		for (int i = 0; i < link.nold; i++)
			if (link.old[i] == created)
				return true;
		link.old[link.nold] = created;
		if (link.nold < capacity)
		{
			memcpy(link.wanted, link.old, (link.nold + 1) * sizeof(NodeId));
			link.nwanted = link.nold + 1;
			link.linked = true;
		}
		else if (!back_link_select(insert, &link, capacity))
			return false;
		if (store->relink(store, node, layer, link.old, link.nold, link.wanted, link.nwanted))
		{
			if (selected && link.nold == capacity)
				*selected = (uint8) link.nselected;
			if (link.evicted != NODE_NONE)
				back_link_adopt(store, &link);
			return link.linked;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

void
graph_link_all_back(GraphInsert *insert, int layer, NodeId created)
{
	bool reachable = false;

	Assert(insert->nlinks[layer] <= graph_new_links(insert->store, layer));
	for (int i = 0; i < insert->nlinks[layer]; i++)
		reachable |= graph_link_back(insert, layer, insert->links[layer][i], created, false);
	for (int i = 0; i < insert->nlinks[layer] && !reachable; i++)
		reachable = graph_link_back(insert, layer, insert->links[layer][i], created, true);
}
