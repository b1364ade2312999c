/*
 * mend.c: what has become hard to find is linked, and given upper nodes, as if it were inserted
 * now.
 *
 * A removal takes away links and upper nodes. repair.c closes the gaps among neighbours; but the
 * last link from outside into a cluster, or the only upper node in it, may have gone. Then no
 * search begins near the cluster and none walks into it, and what is inserted there later gets
 * neighbours in another one. So vacuum has those nodes mended for which that may be so
 * (node/vacuum_mend.c).
 *
 * What callers may rely on: no lock is held. Nodes are created complete with their links before any
 * other node links to them, and lists are changed as in link.c: whoever stops in between leaves a
 * graph that is as good as before.
 */
#include "postgres.h"

#include "graph/graph.h"
#include "graph/insert_internal.h"

/* Searches a layer for what is near the probe; false if nothing can be reached there. */
static bool
mend_search(GraphInsert *insert, const GraphProbe *probe, int layer, int *top)
{
	GraphSearch *search = insert->search;
	int nentries = graph_search_descend(search, probe->query, layer, insert->ef_construction, top);

	Assert(probe->query != NULL && layer >= 0);
	if (nentries == 0 || *top < layer)
		return false;
	graph_search_layer(search, probe->query, layer, insert->ef_construction, nentries);
	return true;
}

static bool
search_has(const GraphSearch *search, NodeId node)
{
	for (int i = 0; i < search->npool; i++)
		if (search->pool[i].node == node)
			return true;
	return false;
}

/* Selects neighbours from what the search has found. */
static int
mend_select(GraphInsert *insert, const GraphProbe *probe, NodeId node, int layer)
{
	Assert(insert->search->layer == layer && insert->search->query == probe->query);
	insert_keep_live(insert->search, node);
	insert->select_query = probe->select_query;
	return insert_select(insert, layer);
}

/* Links a node to and from those that the search has found. */
static void
mend_link(GraphInsert *insert, const GraphProbe *probe, NodeId node, int layer)
{
	int n = mend_select(insert, probe, node, layer);

	for (int i = 0; i < n; i++)
		(void) graph_link_back(insert, layer, node, insert->links[layer][i], false);
	graph_link_all_back(insert, layer, node);
}

void
graph_reconnect(GraphInsert *insert, const GraphProbe *probe, NodeId node, int layer)
{
	int top;

	if (mend_search(insert, probe, layer, &top))
		mend_link(insert, probe, node, layer);
}

/* Gives the element that has `node` on its highest layer one on the next; returns that. */
static NodeId
mend_raise(GraphInsert *insert, const GraphProbe *probe, const GraphElement *element, NodeId node,
		   int layer)
{
	GraphStore *store = insert->store;
	int n = mend_select(insert, probe, NODE_NONE, layer + 1);
	NodeId above = store->create(store, element, layer + 1, node, insert->links[layer + 1], n);

	Assert(above != NODE_NONE && above != node);
	graph_link_all_back(insert, layer + 1, above);
	return above;
}

bool
graph_mend(GraphInsert *insert, const GraphProbe *probe, const GraphElement *element, NodeId node,
		   int layer, bool may_raise)
{
	GraphSearch *search = insert->search;
	bool found;
	bool covered;
	int top;

	if (!mend_search(insert, probe, layer, &top))
		return false;
	found = search_has(search, node);
	covered = layer >= top || insert_is_covered(search);
	if (found && (covered || !may_raise))
		return false;
	if (!found)
		mend_link(insert, probe, node, layer);
	for (int on = layer + 1; may_raise && on <= top && mend_search(insert, probe, on, &top); on++)
	{
		covered = on >= top || insert_is_covered(search);
		node = mend_raise(insert, probe, element, node, on - 1);
		if (covered)
			break;
	}
	return true;
}
