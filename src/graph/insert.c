/*
 * insert.c: adding an element to the graph (Algorithm 1 of the paper), for builds and for single inserts alike.
 *
 * Order: search all layers, select the new element's neighbours on each, write its nodes from layer 0 upwards, each
 * complete with its links, then link back to it from its neighbours, last make it the entry point if it is on a new top
 * layer.  So whatever is reachable is complete, and whoever stops anywhere in between (an error, a crash) leaves a graph
 * that is as good as before.
 *
 * No lock is held across calls of the store.  Back-links are decided from a copy of the list and written only if the
 * list has not changed since.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "graph/graph.h"
#include "miscadmin.h"

GraphInsert *
graph_insert_create(GraphStore *store, int ef_construction)
{
	GraphInsert *insert = palloc0(sizeof(GraphInsert));

	insert->store = store;
	insert->ef_construction = ef_construction;
	insert->search = graph_search_create(store, false);
	insert->select = graph_select_create(store, Max(ef_construction, GRAPH_MAX_LINKS + 1));
	return insert;
}

int
graph_random_layer(int m)
{
	/* pg_prng_double is in [0, 1): 1 minus it is never 0 */
	double u = 1.0 - pg_prng_double(&pg_global_prng_state);
	int layer = (int) floor(-log(u) / log(1.5 * m));

	return Min(layer, GRAPH_MAX_LAYER);
}

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

	store->codes(store, link->layer, &link->node, 1, &around.code);
	if (around.code == NULL)
		return false;
	link->nwanted = graph_select_around(insert->select, &around, link->wanted);
	link->nselected = insert->select->nselected;
	link->linked = false;
	for (int i = 0; i < link->nwanted; i++)
		link->linked |= link->wanted[i] == link->created;
	if (!link->linked && link->force)
	{
		if (link->nwanted == capacity)
			link->nwanted--;
		link->nselected = Min(link->nselected, link->nwanted);
		link->wanted[link->nwanted++] = link->created;
		link->linked = true;
	}
	return true;
}

/*
 * Adds a link from `node` to the new node.  When the list is full it is selected anew from what it had and the new one.
 * With `force` the new node gets in whatever the selection says.  Returns whether `node` links to it now.
 */
static bool
insert_back_link(GraphInsert *insert, int layer, NodeId node, NodeId created, bool force)
{
	GraphStore *store = insert->store;
	int capacity = GRAPH_CAPACITY(store->m, layer);
	BackLink link = {.node = node, .layer = layer, .created = created, .force = force};
	uint8 *selected = store->selected ? store->selected(store, node, layer) : NULL;

	for (;;)
	{
		link.nselected = selected ? *(volatile uint8 *) selected : 0;
		link.nold = store->neighbours(store, node, layer, GENERATION_ANY, link.old);
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
			return link.linked;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* Links all neighbours of a new node back to it; at least one of them, the nearest that can, so that it is reachable. */
static void
insert_back_links(GraphInsert *insert, int layer, NodeId created)
{
	bool reachable = false;

	for (int i = 0; i < insert->nlinks[layer]; i++)
		reachable |= insert_back_link(insert, layer, insert->links[layer][i], created, false);
	for (int i = 0; i < insert->nlinks[layer] && !reachable; i++)
		reachable = insert_back_link(insert, layer, insert->links[layer][i], created, true);
}

/* Leaves those in the search's pool that are alive, but for one node. */
static void
insert_keep_live(GraphSearch *search, NodeId but)
{
	int n = 0;

	for (int i = 0; i < search->npool; i++)
		if (!(search->pool[i].flags & CANDIDATE_DEAD) && search->pool[i].node != but)
			search->pool[n++] = search->pool[i];
	search->npool = n;
}

/* Selects the new node's neighbours on a layer from the search's pool; returns how many. */
static int
insert_select(GraphInsert *insert, int layer)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	NodeId *links = insert->links[layer];
	int n = graph_select(insert->select, layer, search->pool, search->npool, store->m, links);

	insert->nlinks[layer] = store->confirm ? store->confirm(store, layer, links, n) : n;
	return insert->nlinks[layer];
}

/*
 * Is the new element equal to one of the found?  Equal codes have equal estimates, so only those that are as far as the
 * element's own code is from it need a look.
 */
static bool
insert_absorbed(GraphInsert *insert, const CodeQuery *query, const void *code)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	float own = code_distance(query, code, NULL);

	for (int i = 0; i < search->npool; i++)
	{
		Candidate *candidate = &search->pool[i];

		if (candidate->dist == own && store->absorb(store, candidate->node, candidate->generation))
			return true;
	}
	return false;
}

/* The entry point's own node on layer 0. */
static NodeId
insert_entry_element(GraphStore *store)
{
	int layer;
	NodeId node = store->entry(store, &layer);

	for (; node != NODE_NONE && layer > 0; layer--)
		node = store->down(store, node, layer);
	return node;
}

/*
 * Searches a layer from the search's entries and selects the new node's neighbours there.  The nearest nodes found, dead
 * or alive, are the entries then; returns how many.  *absorbed: see insert_find_links().
 */
static int
insert_search_layer(GraphInsert *insert, const CodeQuery *query, const void *code, int layer, int nentries,
					bool *absorbed)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;

	do
	{
		CHECK_FOR_INTERRUPTS();
		graph_search_layer(search, query, layer, insert->ef_construction, nentries);
		if (layer == 0 && search->nlive == 0)
		{
			/* the descent may have ended among removed nodes that lead nowhere, but a live entry point is always found */
			search->entries[0] = insert_entry_element(store);
			if (search->entries[0] == NODE_NONE)
				return 0;
			nentries = 1;
			graph_search_layer(search, query, layer, insert->ef_construction, nentries);
		}
		if (search->npool > 0)
			nentries = graph_search_keep_entries(search, GRAPH_MAX_ENTRIES);
		insert_keep_live(search, NODE_NONE);
		if (layer == 0 && absorbed != NULL && (*absorbed = insert_absorbed(insert, query, code)))
			return nentries;
		/* if all that were selected have died meanwhile, the next search knows */
	} while (search->npool > 0 && insert_select(insert, layer) == 0);
	return nentries;
}

/*
 * Searches all layers from min(layer, top) down and selects the element's neighbours on each.  False if there is nothing
 * to link to: the graph is empty, or all of it that can be reached from the entry point is removed.  *absorbed tells
 * that the element was hung on an equal one, which ends the matter; NULL: do not try.
 */
static bool
insert_find_links(GraphInsert *insert, const CodeQuery *query, const void *code, int layer, bool *absorbed)
{
	int nentries;
	int top;

	memset(insert->nlinks, 0, sizeof(insert->nlinks));
	nentries = graph_search_descend(insert->search, query, layer, insert->ef_construction, &top);
	for (int on = Min(layer, top); on >= 0 && nentries > 0; on--)
	{
		nentries = insert_search_layer(insert, query, code, on, nentries, absorbed);
		if (absorbed != NULL && *absorbed)
			return true;
		if (on > 0)
			nentries = graph_search_down(insert->search, on, nentries);
	}
	return insert->nlinks[0] > 0;
}

/* Makes the new element the entry point unless there is one on its layer or above. */
static void
insert_raise_entry(GraphStore *store, NodeId created, int layer)
{
	for (;;)
	{
		int top;
		NodeId entry = store->entry(store, &top);

		if (entry != NODE_NONE && top >= layer)
			return;
		/* another insert may do the same at this moment: then look again */
		if (store->set_entry(store, entry, created, layer))
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

void
graph_insert(GraphInsert *insert, const CodeQuery *query, const void *code, int layer)
{
	GraphStore *store = insert->store;
	NodeId created[GRAPH_MAX_LAYER + 1] = {NODE_NONE};
	bool absorbed = false;
	int top;
	NodeId entry = store->entry(store, &top);
	bool found = insert_find_links(insert, query, code, layer, &absorbed);

	if (absorbed)
		return;
	for (int on = 0; on <= layer; on++)
		created[on] =
			store->create(store, on, on == 0 ? NODE_NONE : created[on - 1], insert->links[on], insert->nlinks[on]);
	while (!found)
	{
		/* Nothing to link to: then the element is the entry point, in place of one that is removed, if any. */
		if (store->set_entry(store, entry, created[layer], layer))
			return;
		/* the entry point is another one meanwhile: link to what is there now */
		entry = store->entry(store, &top);
		found = insert_find_links(insert, query, code, layer, NULL);
		for (int on = 0; on <= layer && found; on++)
			store->relink(store, created[on], on, NULL, 0, insert->links[on], insert->nlinks[on]);
		CHECK_FOR_INTERRUPTS();
	}
	for (int on = 0; on <= layer; on++)
		insert_back_links(insert, on, created[on]);
	insert_raise_entry(store, created[layer], layer);
}

/* The neighbours that the node would get if it were inserted now. */
static void
reconnect_find_links(GraphInsert *insert, const CodeQuery *query, NodeId node, int layer)
{
	GraphSearch *search = insert->search;
	int top;
	int nentries = graph_search_descend(search, query, layer, insert->ef_construction, &top);

	insert->nlinks[layer] = 0;
	if (nentries == 0 || top < layer)
		return;
	graph_search_layer(search, query, layer, insert->ef_construction, nentries);
	insert_keep_live(search, node);
	insert_select(insert, layer);
}

void
graph_reconnect(GraphInsert *insert, const CodeQuery *query, NodeId node, int layer)
{
	reconnect_find_links(insert, query, node, layer);
	for (int i = 0; i < insert->nlinks[layer]; i++)
		(void) insert_back_link(insert, layer, node, insert->links[layer][i], false);
	insert_back_links(insert, layer, node);
}
