/*
 * insert.c: adding an element to the graph (Algorithm 1 of the paper), for builds and for single
 * inserts alike.
 *
 * Order: search all layers, select the new element's neighbours on each, write its nodes from layer
 * 0 upwards, each complete with its links, then link back to it from its neighbours, last make it
 * the entry point if it is on a new top layer. So whatever is reachable is complete, and whoever
 * stops anywhere in between (an error, a crash) leaves a graph that is as good as before.
 *
 * No lock is held across calls of the store. Back-links are decided from a copy of the list and
 * written only if the list has not changed since.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "graph/graph.h"
#include "graph/insert_internal.h"
#include "miscadmin.h"

/*
 * The entries of a search are far from what it found if they are so many times farther from the
 * query than its 2m-th nearest is, counted from the nearest. In uniform data the entries of a layer
 * are as near as the upper layers are dense, less than twice; in a cluster that no entry is in,
 * more than ten times.
 */
#define COVER_SPREAD 3

GraphInsert *
graph_insert_create(GraphStore *store, int ef_construction)
{
	GraphInsert *insert = palloc0(sizeof(GraphInsert));

	insert->store = store;
	insert->ef_construction = ef_construction;
	insert->search = graph_search_create(store, false);
	insert->select =
		graph_select_create(store, Max(ef_construction + GRAPH_MAX_M, GRAPH_MAX_LINKS + 1));
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

/* Leaves those in the search's pool that are alive, but for one node. */
void
insert_keep_live(GraphSearch *search, NodeId but)
{
	int n = 0;

	Assert(search->npool <= search->pool_size);
	for (int i = 0; i < search->npool; i++)
		if (!(search->pool[i].flags & CANDIDATE_DEAD) && search->pool[i].node != but)
			search->pool[n++] = search->pool[i];
	search->npool = n;
}

/* Selects the new node's neighbours on a layer from the search's pool; returns how many. */
int
insert_select(GraphInsert *insert, int layer)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	NodeId *links = insert->links[layer];
	const CodeQuery *query = insert->select_query;
	double constant = code_query_constant(query != NULL ? query : search->query);
	int n =
		graph_select(insert->select, layer, search->pool, search->npool, constant, query, links);

	insert->nlinks[layer] = store->confirm ? store->confirm(store, layer, links, n) : n;
	Assert(insert->nlinks[layer] <= n && n <= graph_new_links(store, layer));
	return insert->nlinks[layer];
}

bool
insert_is_covered(const GraphSearch *search)
{
	float nearest;
	float spread;

	Assert(search->npool <= search->pool_size);
	if (search->npool < search->ef)
		return true;
	nearest = search->pool[0].dist;
	spread =
		search->pool[Min(GRAPH_CAPACITY(search->store->m, 0), search->npool) - 1].dist - nearest;
	/*
	 * the entries may all have been removed: then their distance is infinite; and all found may be
	 * equal
	 */
	return spread <= 0 || search->nearest_entry - nearest <= COVER_SPREAD * spread;
}

/*
 * Is the new element equal to one of the found? Equal codes have equal estimates, so only those
 * that are as far as the element's own code is from it need a look.
 */
static bool
insert_absorbed(GraphInsert *insert, const CodeQuery *query, const GraphElement *element)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	float own = code_distance(query, element->code, NULL);

	for (int i = 0; i < search->npool; i++)
	{
		Candidate *candidate = &search->pool[i];

		if (candidate->dist == own &&
			store->absorb(store, element, candidate->node, candidate->generation))
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
 * Collects the nodes on `layer` of the neighbours selected one layer higher that the search has not
 * found itself.
 */
static int
insert_far_nodes(GraphInsert *insert, int layer, NodeId *far)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	int n = 0;

	for (int i = 0; i < insert->nlinks[layer + 1]; i++)
	{
		NodeId below = store->down(store, insert->links[layer + 1][i], layer + 1);

		for (int k = 0; k < search->npool && below != NODE_NONE; k++)
			if (search->pool[k].node == below)
				below = NODE_NONE;
		if (below != NODE_NONE)
			far[n++] = below;
	}
	Assert(n <= GRAPH_MAX_M);
	return n;
}

/*
 * Adds the neighbours selected one layer higher to what the search found on this one. Of those near
 * it there are only nodes of its own cluster, if that is large; these lead into others.
 */
static void
insert_add_far(GraphInsert *insert, const CodeQuery *query, int layer)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;
	NodeId *far = search->batches[0];
	int n;
	int nfound;

	if (layer == GRAPH_MAX_LAYER || insert->nlinks[layer + 1] == 0)
		return;
	n = insert_far_nodes(insert, layer, far);
	if (n == 0)
		return;
	store->fetch(store, layer, far, n);
	nfound = store->visit(store, query, layer, far, n, search->found);
	if (search->npool + nfound > search->pool_size)
	{
		search->pool_size = search->npool + nfound;
		search->pool = repalloc(search->pool, search->pool_size * sizeof(Candidate));
	}
	for (int i = 0; i < nfound; i++)
		if (!(search->found[i].flags & CANDIDATE_DEAD))
			search->pool[search->npool++] = search->found[i];
	candidates_sort(search->pool, search->npool);
}

/*
 * Searches a layer from the search's entries and selects the new node's neighbours there. The
 * nearest nodes found, dead or alive, are the entries then; returns how many. *absorbed: see
 * insert_find_links().
 */
static int
insert_search_layer(GraphInsert *insert, const CodeQuery *query, const GraphElement *element,
					int layer, int nentries, bool *absorbed)
{
	GraphStore *store = insert->store;
	GraphSearch *search = insert->search;

	do
	{
		CHECK_FOR_INTERRUPTS();
		graph_search_layer(search, query, layer, insert->ef_construction, nentries);
		if (layer == 0 && search->nlive == 0)
		{
			/*
			 * the descent may have ended among removed nodes that lead nowhere, but a live entry
			 * point is always found
			 */
			search->entries[0] = insert_entry_element(store);
			if (search->entries[0] == NODE_NONE)
				return 0;
			nentries = 1;
			graph_search_layer(search, query, layer, insert->ef_construction, nentries);
		}
		if (search->npool > 0)
			nentries = graph_search_keep_entries(search, GRAPH_MAX_ENTRIES);
		insert->lost = !insert_is_covered(search);
		insert_keep_live(search, NODE_NONE);
		if (layer == 0 && absorbed != NULL && (*absorbed = insert_absorbed(insert, query, element)))
			return nentries;
		insert_add_far(insert, query, layer);
		/* if all that were selected have died meanwhile, the next search knows */
	} while (search->npool > 0 && insert_select(insert, layer) == 0);
	return nentries;
}

/*
 * Searches all layers from min(layer, top) down and selects the element's neighbours on each. An
 * element that other searches would hardly find from the layer above gets a node there, too: then
 * *layer is raised, and all is searched anew. False if there is nothing to link to: the graph is
 * empty, or all of it that can be reached from the entry point is removed. *absorbed tells that the
 * element was hung on an equal one, which ends the matter; NULL: do not try, nor raise the element,
 * whose nodes are there already.
 */
static bool
insert_find_links(GraphInsert *insert, const CodeQuery *query, const GraphElement *element,
				  int *layer, bool *absorbed)
{
	bool raise;

	do
	{
		int top;
		int nentries =
			graph_search_descend(insert->search, query, *layer, insert->ef_construction, &top);

		memset(insert->nlinks, 0, sizeof(insert->nlinks));
		raise = false;
		for (int on = Min(*layer, top); on >= 0 && nentries > 0 && !raise; on--)
		{
			nentries = insert_search_layer(insert, query, element, on, nentries, absorbed);
			if (absorbed != NULL && *absorbed)
				return true;
			raise = absorbed != NULL && on == *layer && on < top && insert->lost;
			if (on > 0)
				nentries = graph_search_down(insert->search, on, nentries);
		}
		*layer += raise;
		Assert(*layer <= GRAPH_MAX_LAYER);
	} while (raise);
	return insert->nlinks[0] > 0;
}

/* Makes the new element the entry point unless there is one on its layer or above. */
static void
insert_raise_entry(GraphStore *store, NodeId created, int layer)
{
	Assert(created != NODE_NONE && layer <= GRAPH_MAX_LAYER);
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
graph_insert(GraphInsert *insert, const CodeQuery *query, GraphElement *element, int layer)
{
	GraphStore *store = insert->store;
	NodeId created[GRAPH_MAX_LAYER + 1] = {NODE_NONE};
	bool absorbed = false;
	int top;
	NodeId entry = store->entry(store, &top);
	bool found = insert_find_links(insert, query, element, &layer, &absorbed);

	Assert(layer >= 0 && layer <= GRAPH_MAX_LAYER && element->base == NODE_NONE);
	if (absorbed)
		return;
	for (int on = 0; on <= layer; on++)
	{
		created[on] = store->create(store, element, on, on == 0 ? NODE_NONE : created[on - 1],
									insert->links[on], insert->nlinks[on]);
		element->base = created[0];
	}
	while (!found)
	{
		/*
		 * Nothing to link to: then the element is the entry point, in place of one that is removed,
		 * if any.
		 */
		if (store->set_entry(store, entry, created[layer], layer))
			return;
		/* the entry point is another one meanwhile: link to what is there now */
		entry = store->entry(store, &top);
		found = insert_find_links(insert, query, element, &layer, NULL);
		for (int on = 0; on <= layer && found; on++)
			store->relink(store, created[on], on, NULL, 0, insert->links[on], insert->nlinks[on]);
		CHECK_FOR_INTERRUPTS();
	}
	/* complete from layer 0 up before anything leads to them */
	for (int on = 0; on <= layer; on++)
		Assert(created[on] != NODE_NONE);
	for (int on = 0; on <= layer; on++)
		graph_link_all_back(insert, on, created[on]);
	insert_raise_entry(store, created[layer], layer);
}
