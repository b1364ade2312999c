/*
 * within.c: how many rows of an index are within a distance, roughly.  For the planner.
 *
 * The nearest rows are searched for as a scan would, but by the codes alone. If the farthest of
 * them is beyond the distance, those that are not are all there are. If not, the number is
 * extrapolated: around a point distances grow with a power of the rank, which the distances found
 * tell.
 *
 * Locks: none.
 */
#include "postgres.h"

#include <math.h>

#include "am/am.h"
#include "column/element.h"
#include "memory.h"
#include "utils/memutils.h"

/*
 * Rows that are looked for. More make the estimate better and planning longer: this many take about
 * as long as a query.
 */
#define WITHIN_EF 100
/* The power is that between the distances of the farthest of these and of one in so many. */
#define INNER_SHARE 8

/* The number of rows within a distance by the distances of the nearest n, all of which are. */
static double
extrapolate(const Candidate *pool, int n, double dist, double tuples)
{
	double inner = pool[n / INNER_SHARE].dist;
	double outer = pool[n - 1].dist;

	/* products are no distances, and equal rows tell nothing */
	if (n < INNER_SHARE || !(inner > 0) || !(outer > inner))
		return tuples;
	return Min(tuples, n * pow(dist / outer, log(INNER_SHARE) / log(outer / inner)));
}

static double
count_within(PageStore *pages, const ElementType *type, const IndexState *state,
			 const float *vector, double dist)
{
	GraphSearch *search = graph_search_create(&pages->store, true);
	CodeQuery *query = coder_query(state->coder, palloc_on_line(code_query_size(state->coder)),
								   vector, palloc_on_line(coder_scratch_size(state->coder)));
	int top;
	int n = 0;
	int nentries = graph_search_descend(search, query, 0, WITHIN_EF, &top);

	if (nentries == 0)
		return 0;
	graph_search_layer(search, query, 0, WITHIN_EF, nentries);
	if (type->is_squared)
		dist *= fabs(dist);
	while (n < search->npool && search->pool[n].dist <= dist)
		n++;
	if (n < search->npool || n < WITHIN_EF)
		return n;
	return extrapolate(search->pool, n, dist, Max(state->tuples, n));
}

double
index_rows_within(Relation index, Datum query, double distance)
{
	const ElementType *type = element_type(index);
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw rows within", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);
	float *vector = palloc_on_line(state->shape.spec.dims * sizeof(float));
	double rows = 0;

	if (element_read_query(type, state->shape.spec.dims, query, vector))
		rows = count_within(page_store_open(index, state, true), type, state, vector, distance);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return rows;
}
