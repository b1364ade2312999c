/*
 * probe.c: a node of the graph as a query, to look for what is near it.
 *
 * Codes of few bits cannot stand for an element as a query: then the vector that neighbours are
 * selected by is the query, where the index has it.
 *
 * What callers may rely on: the query is a copy, and stays as it is until the next call. No lock is
 * held.
 */
#include "postgres.h"

#include "graph/graph.h"
#include "memory.h"

GraphProbe *
graph_probe_create(GraphStore *store, int dims)
{
	GraphProbe *probe = palloc0(sizeof(GraphProbe));
	Size scratch_size =
		Max(coder_scratch_size(store->coder), coder_scratch_size(store->select_coder));

	probe->store = store;
	probe->query_memory = palloc_on_line(code_query_size(store->coder));
	probe->select_memory = palloc_on_line(code_query_size(store->select_coder));
	probe->scratch = palloc_on_line(scratch_size);
	probe->vector = palloc_on_line(dims * sizeof(float));
	return probe;
}

bool
graph_probe(GraphProbe *probe, NodeId node, int layer)
{
	GraphStore *store = probe->store;
	const void *code;

	Assert(node != NODE_NONE);
	probe->query = probe->select_query = NULL;
	store->codes(store, layer, &node, 1, &code);
	if (code == NULL)
		return false;
	if (store->select_coder == store->coder)
	{
		probe->query = coder_query_code(store->coder, probe->query_memory, code, probe->scratch);
		code_query_relative(probe->query);
		return true;
	}
	coder_decode(store->select_coder, code, probe->vector, probe->scratch);
	probe->select_query =
		coder_query(store->select_coder, probe->select_memory, probe->vector, probe->scratch);
	probe->query = coder_query(store->coder, probe->query_memory, probe->vector, probe->scratch);
	code_query_relative(probe->query);
	return true;
}
