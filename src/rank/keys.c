/*
 * scan_keys.c: scans of an index with key columns.
 *
 * Each key has a graph of its own. A scan is told by its conditions which keys it is for, mostly
 * one, and searches their graphs: each by itself, as if there were no other, so that recall is that
 * of an index of the key's rows. What has been found is put together, in order of distance, to what
 * one search might have found in a graph of several parts. From there on the search goes on like
 * any other.
 *
 * What may be relied upon: rows of other keys are never returned, whatever a link leads to: the key
 * that an element's slot names is compared when the element is looked up (rerank.c).
 *
 * Locks: none but those of reading keys.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "rank/scan.h"
#include "miscadmin.h"

void
scan_find_graphs(HnswScan *so)
{
	IndexScanDesc scan = so->scan;
	MemoryContext old = MemoryContextSwitchTo(so->results.cxt);

	so->ngraphs = key_columns_find(so->key_columns, &so->pages->reader, scan->indexRelation,
								   scan->keyData, scan->numberOfKeys, &so->graphs);
	MemoryContextSwitchTo(old);
	so->nelements = 0;
	for (int i = 0; i < so->ngraphs; i++)
		so->nelements += so->graphs[i].count;
}

bool
scan_has_key(const HnswScan *so, NodeId key)
{
	int from = 0;
	int end = so->ngraphs;

	while (from < end)
	{
		int middle = from + (end - from) / 2;

		if (so->graphs[middle].key == key)
			return true;
		if (so->graphs[middle].key < key)
			from = middle + 1;
		else
			end = middle;
	}
	return false;
}

/* Searches one of the graphs; false if it is empty. */
static bool
search_graph(HnswScan *so, GraphSearch *search, const KeyRef *graph, const GraphBound *bound)
{
	int top;
	int nentries;

	so->pages->key = graph->key;
	so->pages->known_entry = graph->entry;
	nentries = graph_search_descend(search, so->query.by_code, 0, so->ef, &top);
	if (nentries == 0)
		return false;
	if (bound->rank > 0)
		graph_search_within(search, so->query.by_code, so->ef, bound, nentries);
	else
		graph_search_layer(search, so->query.by_code, 0, so->ef, nentries);
	return true;
}

bool
scan_search_graphs(HnswScan *so, const GraphBound *bound)
{
	Assert(so->ngraphs > 0);
	if (so->ngraphs == 1)
		return search_graph(so, so->search, &so->graphs[0], bound);
	if (so->part == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(so->cxt);

		so->part = graph_search_create(&so->pages->store, true);
		MemoryContextSwitchTo(old);
	}
	graph_search_begin_union(so->search);
	for (int i = 0; i < so->ngraphs; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (search_graph(so, so->part, &so->graphs[i], bound))
			graph_search_add(so->search, so->part);
	}
	graph_search_end_union(so->search);
	return so->search->npool > 0;
}

bool
scan_met_all(const HnswScan *so)
{
	return so->state->shape.nkeys > 0 && !so->search->limited &&
		   (double) so->search->nvisited >= so->nelements;
}
