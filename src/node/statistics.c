/*
 * statistics.c: what an index keeps on its meta page about the rows that are in it: their number,
 * and how searches among them have to go. Brought up to date at the end of a build and of
 * each run of vacuum.
 *
 * Locks: the exclusive lock on the meta page for the change itself; none while it is found out.
 */
#include "postgres.h"

#include <math.h>

#include "node/node.h"
#include "utils/memutils.h"

/*
 * What searches need is measured again when the number of rows has changed by this share of it: it
 * changes slowly, and what is measured differs from time to time.
 */
#define CHANGED_SHARE 0.5

/*
 * A search can go by distance where estimates tell how near a node is, and not just that it is
 * near. Their error falls with the square root of the dimensions and with every bit: measured, one
 * bit is too coarse for 32 and 128 dimensions, and good from 384 on; two are too coarse for 32, and
 * good for 128.
 */
#define COARSEST 32

static bool
codes_are_fine(const CodeSpec *spec)
{
	return sqrt(spec->dims) * exp2(spec->bits) >= COARSEST;
}

/*
 * Besides, codes of few bits cannot stand for the elements: without the vectors there is nothing to
 * search for.
 */
static bool
reach_is_measurable(const IndexState *state)
{
	return codes_are_fine(&state->shape.spec) &&
		   (state->shape.spec.bits >= STORE_MIN_SELECT_BITS || state->layout.vector_size > 0);
}

/* Is what is known of so many rows out of date? */
static bool
has_changed(const IndexState *state, double tuples)
{
	return fabs(tuples - state->tuples) > CHANGED_SHARE * state->tuples;
}

void
statistics_measure(Relation index, double tuples, IndexStatistics *statistics)
{
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);
	GraphReach *reach = &statistics->reach;
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw statistics", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PageStore *pages = page_store_open(index, state, true);
	bool changed = has_changed(state, tuples);

	Assert(tuples >= 0);
	statistics->tuples = tuples;
	*reach = state->reach;
	statistics->recall = state->recall;
	if (!reach_is_measurable(state))
		memset(reach, 0, sizeof(*reach));
	else if (!(reach->octaves[0] > 0) || changed)
		graph_reach_measure(&pages->store, state->shape.spec.dims, state->shape.spec.metric, tuples,
							reach);
	/* one width for graphs of all sizes would say nothing */
	if (state->shape.nkeys == 0 && (state->recall.source == RECALL_UNKNOWN ||
									(state->recall.source == RECALL_MEASURED && changed)))
		recall_measure(pages, tuples, reach, &statistics->recall);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
