/*
 * select.c: which of its candidates a node takes as neighbours (Algorithm 4 of the paper).
 *
 * Rejected candidates stay rejected, but for inner products and bit strings: filling the list up
 * with them costs more in the walk than it brings. Distances between candidates are measured from
 * code to code, by the store's select_coder.
 */
#include "postgres.h"

#include "code/metric.h"
#include "graph/graph.h"
#include "graph/order.h"
#include "memory.h"

/*
 * How far selection prunes is a fact of the metric (code/metric.c). Inner products do not obey a
 * triangle inequality: a long vector is nearer to everything than its base is and rejects nearly
 * all of it, so there the list is filled up.
 *
 * Distances of bit strings take few values, and ties reject. So lists are short unless they are
 * filled up, and what is near is not found by way of them. A new node there takes as many links on
 * layer 0 as it has room for.
 */
void
graph_select_rules(GraphStore *store, CodeMetric metric)
{
	const CodeMetricFacts *facts = code_metric(metric);

	store->alpha = facts->alpha;
	store->fill = facts->fill;
	store->wide = facts->wide;
}

GraphSelect *
graph_select_create(GraphStore *store, int max_candidates)
{
	GraphSelect *select = palloc0(sizeof(GraphSelect));

	select->store = store;
	select->query_memory = palloc_on_line(code_query_size(store->select_coder));
	select->scratch = palloc_on_line(coder_scratch_size(store->select_coder));
	select->size = max_candidates;
	select->candidates = palloc(max_candidates * sizeof(Candidate));
	select->sorted = palloc(max_candidates * sizeof(Candidate));
	select->nodes = palloc(max_candidates * sizeof(NodeId));
	select->codes = palloc(max_candidates * sizeof(void *));
	select->sorted_codes = palloc(max_candidates * sizeof(void *));
	select->chosen_codes = palloc(max_candidates * sizeof(void *));
	select->fresh_codes = palloc(max_candidates * sizeof(void *));
	select->distances = palloc(max_candidates * sizeof(float));
	select->rejected = palloc(max_candidates * sizeof(NodeId));
	return select;
}

/*
 * Neighbours already chosen that a candidate is held against at once: most candidates pass, and one
 * by one is slow.
 */
#define BATCH 8

/* Is a candidate farther from all these than from the base, by the factor alpha? */
static bool
passes(GraphSelect *select, float dist, const void *code, const void **others, int n)
{
	const GraphStore *store = select->store;
	CodeQuery *query;
	bool pass = true;

	if (n == 0)
		return true;
	query = coder_query_code(store->select_coder, select->query_memory, code, select->scratch);
	for (int from = 0; from < n && pass; from += BATCH)
	{
		float between[BATCH];
		int nbatch = Min(BATCH, n - from);

		code_distances(query, others + from, nbatch, between, NULL);
		for (int i = 0; i < nbatch; i++)
			pass &= store->alpha * between[i] > dist;
	}
	return pass;
}

/*
 * The selection proper: `codes[i]` is the code of candidates[i], or NULL when it is gone. The first
 * nchosen are chosen already. Of two candidates that were selected together before neither rejects
 * the other, so that those are held against the others only: a list which one node joined costs a
 * row of the matrix of distances and not all of it.
 */
static int
select_from(GraphSelect *select, const Candidate *candidates, const void **codes, int n,
			int nchosen, int limit, NodeId *chosen)
{
	int nfresh = nchosen;
	int nrejected = 0;

	memcpy(select->fresh_codes, select->chosen_codes, nchosen * sizeof(void *));
	for (int i = 0; i < n && nchosen < limit; i++)
	{
		bool before = (candidates[i].flags & CANDIDATE_SELECTED) != 0;
		float dist = code_compressed(candidates[i].dist + select->constant);

		if (codes[i] == NULL)
			continue;
		if (!passes(select, dist, codes[i], before ? select->fresh_codes : select->chosen_codes,
					before ? nfresh : nchosen))
		{
			select->rejected[nrejected++] = candidates[i].node;
			continue;
		}
		if (!before)
			select->fresh_codes[nfresh++] = codes[i];
		select->chosen_codes[nchosen] = codes[i];
		chosen[nchosen++] = candidates[i].node;
	}
	select->nselected = nchosen;
	for (int i = 0; select->store->fill && i < nrejected && nchosen < limit; i++)
		chosen[nchosen++] = select->rejected[i];
	return nchosen;
}

/*
 * Measures candidates, whose codes are in select->codes, anew by `query`, and sorts them with their
 * codes. Those that are gone are left out; returns how many there still are.
 */
static int
select_measure(GraphSelect *select, const CodeQuery *query, Candidate *candidates, int n)
{
	int nfound = 0;

	for (int i = 0; i < n; i++)
	{
		if (select->codes[i] == NULL)
			continue;
		candidates[nfound] = candidates[i];
		/* generation says where the code is; what is selected is confirmed by its address */
		candidates[nfound].generation = (uint16) nfound;
		select->codes[nfound++] = select->codes[i];
	}
	code_distances(query, select->codes, nfound, select->distances, NULL);
	for (int i = 0; i < nfound; i++)
		candidates[i].dist = select->distances[i];
	candidates_sort(candidates, nfound);
	for (int i = 0; i < nfound; i++)
		select->sorted_codes[i] = select->codes[candidates[i].generation];
	memcpy(select->codes, select->sorted_codes, nfound * sizeof(void *));
	return nfound;
}

int
graph_select(GraphSelect *select, int layer, Candidate *candidates, int n, double constant,
			 const CodeQuery *query, NodeId *chosen)
{
	GraphStore *store = select->store;
	int limit = graph_new_links(store, layer);

	Assert(n <= select->size && n <= UINT16_MAX);
	for (int i = 0; i < n; i++)
		select->nodes[i] = candidates[i].node;
	store->codes(store, layer, select->nodes, n, select->codes);
	if (query != NULL)
		n = select_measure(select, query, candidates, n);
	select->constant = constant;
	return select_from(select, candidates, select->codes, n, 0, limit, chosen);
}

#define ST_SORT candidates_sort
#define ST_ELEMENT_TYPE Candidate
#define ST_COMPARE(a, b) (((a)->dist > (b)->dist) - ((a)->dist < (b)->dist))
#define ST_SCOPE extern
#define ST_DEFINE
#include "lib/sort_template.h"

/* Measures the nodes from the base into select->candidates; returns how many there are. */
static int
measure_around(GraphSelect *select, const SelectAround *around)
{
	GraphStore *store = select->store;
	CodeQuery *query;
	int nfound = 0;

	/* first, since the base's code may be where the next ones are copied to */
	query =
		coder_query_code(store->select_coder, select->query_memory, around->code, select->scratch);
	store->codes(store, around->layer, around->nodes, around->n, select->codes);
	for (int i = 0; i < around->n; i++)
	{
		Candidate *candidate = &select->candidates[nfound];

		if (around->nodes[i] == around->base || select->codes[i] == NULL)
			continue;
		candidate->node = around->nodes[i];
		/* generation is of no use here, and says where the code is */
		candidate->generation = (uint16) i;
		candidate->flags = i < around->nselected ? CANDIDATE_SELECTED : 0;
		select->sorted_codes[nfound++] = select->codes[i];
	}
	code_distances(query, select->sorted_codes, nfound, select->distances, NULL);
	for (int i = 0; i < nfound; i++)
		select->candidates[i].dist = select->distances[i];
	return nfound;
}

/*
 * Is a candidate among n sorted ones, of which none is farther? Only those as near as it can be the
 * same node.
 */
static bool
is_repeated(const Candidate *sorted, int n, const Candidate *candidate)
{
	while (n > 0 && sorted[n - 1].dist == candidate->dist)
		if (sorted[--n].node == candidate->node)
			return true;
	return false;
}

int
graph_select_around(GraphSelect *select, const SelectAround *around, NodeId *chosen)
{
	int order[ORDER_MOST];
	int nfound;
	int nsorted = 0;
	int nchosen = 0;
	bool few;

	Assert(around->n <= select->size);
	nfound = measure_around(select, around);
	few = nfound <= ORDER_MOST;
	if (few)
		candidates_order(select->candidates, nfound, order);
	else
		candidates_sort(select->candidates, nfound);
	for (int i = 0; i < nfound; i++)
	{
		const Candidate *candidate = &select->candidates[few ? order[i] : i];

		if (candidate->generation < around->nkept)
		{
			/* nearest first, as they are the most likely to reject others */
			select->chosen_codes[nchosen] = select->codes[candidate->generation];
			chosen[nchosen++] = candidate->node;
		}
		else if (!is_repeated(select->sorted, nsorted, candidate))
		{
			select->sorted_codes[nsorted] = select->codes[candidate->generation];
			select->sorted[nsorted++] = *candidate;
		}
	}
	select->constant = 0;
	return select_from(select, select->sorted, select->sorted_codes, nsorted, nchosen,
					   around->limit, chosen);
}
