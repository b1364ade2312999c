/*
 * repair.c: closing the gaps that removed nodes leave.
 *
 * A node that links to removed ones keeps its other neighbours and gets some in place of the
 * removed, selected as always from those that the removed ones lead to. Where nearly all around a
 * node is removed, the way goes on through removed nodes until it has met enough live ones. No
 * search is needed, so that removing a fifth of an index costs a fraction of building it. Only a
 * node that meets few others however far it goes is left to be searched for anew.
 *
 * So is a node of bit strings that has lost half of its links. Their distances tie, and walks end
 * at many nodes that have no nearer neighbour. Neighbours of neighbours do not change that, however
 * near; links to a node from where the search for it ends do. To search for all that have lost a
 * link would cost more than a build.
 *
 * The neighbours it keeps are not selected anew: many have come as links back to nodes that were
 * inserted later, which a selection would reject, and are the only way to these.
 *
 * Removed nodes keep their links until their slots are reused, and they are still linked while this
 * goes on: searches pass through them. No lock is held; a list that was changed meanwhile (by an
 * insert) is read and decided anew.
 *
 * Source: Singh et al., "FreshDiskANN" (2021), algorithm 4, consolidates deletes in this way.
 */
#include "postgres.h"

#include "graph/graph.h"
#include "miscadmin.h"

/* Room for candidates, in lists of layer 0; it also limits how far a repair goes. */
#define REPAIR_LISTS 8
/* Candidates there can be a use for, in lists of the node's layer. */
#define USEFUL_LISTS 2
/*
 * A list may get so many links longer. What takes a removed neighbour's place is farther away: with
 * lists of the length they had, recall is up to .007 below that of a graph built anew; with three
 * more links it is the same. Lists that are near their capacity after many vacuums are no harm: a
 * search needs a smaller ef then, and takes as long for the same recall.
 */
#define SPARE_LINKS 3

GraphRepair *
graph_repair_create(GraphStore *store, GraphDeadTest is_dead, void *arg)
{
	GraphRepair *repair = palloc0(sizeof(GraphRepair));

	repair->store = store;
	repair->size = REPAIR_LISTS * GRAPH_CAPACITY(store->m, 0);
	repair->select = graph_select_create(store, repair->size);
	repair->is_dead = is_dead;
	repair->arg = arg;
	visited_init(&repair->met);
	repair->nodes = palloc(repair->size * sizeof(NodeId));
	repair->dead = palloc(repair->size * sizeof(NodeId));
	return repair;
}

/* Sorts nodes not met before into candidates and removed ones. */
static void
repair_meet(GraphRepair *repair, const NodeId *nodes, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!visited_add(&repair->met, nodes[i]))
			continue;
		if (!repair->is_dead(nodes[i], repair->arg))
		{
			if (repair->nnodes < repair->size)
				repair->nodes[repair->nnodes++] = nodes[i];
		}
		else if (repair->ndead < repair->size)
			repair->dead[repair->ndead++] = nodes[i];
	}
}

/*
 * Collects the candidates of a node with that list; false if none of its links leads to a removed
 * node.
 */
static bool
repair_collect(GraphRepair *repair, NodeId node, int layer, const NodeId *list, int n)
{
	GraphStore *store = repair->store;
	int capacity = GRAPH_CAPACITY(store->m, layer);
	int nlinked;

	visited_reset(&repair->met, (USEFUL_LISTS + 1) * capacity);
	visited_add(&repair->met, node);
	repair->nnodes = repair->ndead = 0;
	repair_meet(repair, list, n);
	nlinked = repair->ndead;
	repair->nkept = repair->nnodes;
	/* each of the list is one or the other, but what is there twice */
	Assert(nlinked + repair->nkept <= n);
	for (int i = 0; i < repair->ndead; i++)
	{
		NodeId links[GRAPH_MAX_LINKS];

		/* farther than the neighbours' neighbours only as long as there is no choice yet */
		if (repair->nnodes >= (i < nlinked ? USEFUL_LISTS : 1) * capacity)
			break;
		repair_meet(repair, links,
					store->neighbours(store, repair->dead[i], layer, GENERATION_ANY, links));
	}
	return nlinked > 0;
}

bool
graph_repair_node(GraphRepair *repair, NodeId node, int layer)
{
	GraphStore *store = repair->store;
	int capacity = GRAPH_CAPACITY(store->m, layer);
	NodeId old[GRAPH_MAX_LINKS];
	NodeId wanted[GRAPH_MAX_LINKS];

	for (;;)
	{
		int nold = store->neighbours(store, node, layer, GENERATION_ANY, old);
		SelectAround around;
		int nwanted;
		const void *code;

		if (!repair_collect(repair, node, layer, old, nold))
			return false;
		store->codes(store, layer, &node, 1, &code);
		if (code == NULL)
			return false;
		around = (SelectAround){.base = node,
								.code = code,
								.layer = layer,
								.nodes = repair->nodes,
								.n = repair->nnodes,
								.nkept = repair->nkept,
								.limit = Min(Max(nold + SPARE_LINKS, store->m), capacity)};
		Assert(around.limit >= Min(nold, capacity) && repair->nkept <= around.limit);
		nwanted = graph_select_around(repair->select, &around, wanted);
		Assert(nwanted <= around.limit);
		repair->poor = repair->nnodes < capacity / 2;
		/* where distances tie, what is around a node is no way to it; see above */
		repair->poor |= store->wide && 2 * repair->nkept <= nold;
		if (store->relink(store, node, layer, old, nold, wanted, nwanted))
			return true;
		CHECK_FOR_INTERRUPTS();
	}
}
