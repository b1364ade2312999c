/*
 * visit.c: measuring a batch of nodes, which is what a search does nearly all the time.
 *
 * The places of all nodes are found first, and their buffer descriptors and slots are fetched into the CPU's cache
 * (nodes_fetch); then, when something else has been done, they are measured (nodes_measure).
 *
 * To pin and release a page costs as much as to measure a code of it.  So neither is done, see glance.h; during recovery
 * and in temporary tables nodes are pinned.
 *
 * Pages are kept in shared buffers by how often they are pinned, so a node is still pinned now and then.
 *
 * Locks: none.
 */
#include "postgres.h"

#include <math.h>

#include "executor/instrument.h"
#include "graph/memory.h"
#include "page/glance.h"
#include "page/page.h"

/* Nodes measured in one call. */
#define CHUNK 16
/*
 * Of so many nodes measured without a pin, one is pinned when a page had to be looked for lately, for then others want the
 * buffers.  As long as all pages are where they were it is twice as many after each pin, up to this number of doublings.
 */
#define GLANCES_PER_PIN 64
#define MOST_DOUBLINGS 6

Buffer
pin_slot(PageReader *reader, NodeId node, PageKind kind, Slot **slot)
{
	const PageLayout *layout = &reader->state->layout;
	BlockNumber block = node_block(layout, node);
	Buffer buffer = reader_pin(reader, block, kind);

	*slot = page_slot(layout, BufferGetPage(buffer), node - block * layout->slots_per_page);
	return buffer;
}

/* Finds out where a node is, and starts fetching the buffer's descriptor. */
static inline void
place_find(PageReader *reader, NodeId node, PageKind kind, NodePlace *place)
{
	const PageLayout *layout = &reader->state->layout;
	Page page;

	place->block = node_block(layout, node);
	place->buffer = glance_find(reader, place->block, kind, &page);
	if (place->buffer != NULL)
	{
		place->slot = page_slot(layout, page, node - place->block * layout->slots_per_page);
		prefetch_line(place->buffer);
	}
}

static inline bool
place_holds(const PageReader *reader, const NodePlace *place)
{
	return glance_holds(reader, place->buffer, place->block);
}

/* What is read of a slot beside its code; false if it is not on the layer. */
static inline bool
candidate_read(Candidate *candidate, const Slot *slot, int layer)
{
	if (!slot_is_on(slot, layer))
		return false;
	candidate->generation = slot->generation;
	candidate->flags = slot->state == SLOT_DEAD ? CANDIDATE_DEAD : 0;
	return true;
}

static inline void
candidate_set(Candidate *candidate, NodeId node, float dist, float bound)
{
	candidate->node = node;
	candidate->dist = unlikely(isnan(dist)) ? INFINITY : dist;
	candidate->bound = bound;
}

static void
measure_pinned(PageReader *reader, const CodeQuery *query, int layer, NodeId node, bool bounds, Candidate *out)
{
	Slot *slot;
	Buffer buffer = pin_slot(reader, node, layer_kind(layer), &slot);

	out->node = NODE_NONE;
	if (candidate_read(out, slot, layer))
	{
		float bound = 0;
		float dist = code_distance(query, slot_code(&reader->state->layout, slot), bounds ? &bound : NULL);

		candidate_set(out, node, dist, bound);
	}
	reader_unpin(reader, buffer);
}

/* Measures a chunk without pins; adds those for which that did not work to `missed`. */
static void
measure_chunk(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes, const NodePlace *places,
			  int n, bool bounds, Candidate *out, int base, int *missed, int *nmissed)
{
	const PageLayout *layout = &reader->state->layout;
	const void *codes[CHUNK];
	float dist[CHUNK];
	float bound[CHUNK] = {0};
	int which[CHUNK];
	int ncodes = 0;

	for (int i = 0; i < n; i++)
	{
		out[i].node = NODE_NONE;
		if (!place_holds(reader, &places[i]))
		{
			missed[(*nmissed)++] = base + i;
			continue;
		}
		pg_read_barrier();
		if (candidate_read(&out[i], places[i].slot, layer))
		{
			codes[ncodes] = slot_code(layout, places[i].slot);
			which[ncodes++] = i;
		}
	}
	code_distances(query, codes, ncodes, dist, bounds ? bound : NULL);
	pg_read_barrier();
	for (int i = 0; i < ncodes; i++)
	{
		int at = which[i];

		if (likely(place_holds(reader, &places[at])))
			candidate_set(&out[at], nodes[at], dist[i], bound[i]);
		else
			missed[(*nmissed)++] = base + at;
	}
}

/* Counts nodes measured without a pin, or missed; is it time to pin one? */
static inline bool
glances_count(IndexState *state, int n, int nmissed)
{
	if (nmissed > 0)
		state->glance_doublings = 0;
	state->nglances += n;
	if (state->nglances < (uint32) GLANCES_PER_PIN << state->glance_doublings)
		return false;
	state->nglances = 0;
	state->glance_doublings = Min(state->glance_doublings + 1, MOST_DOUBLINGS);
	return true;
}

/* Has what is not in shared buffers read at once. */
static void
missed_read_ahead(PageReader *reader, const NodePlace *places, const int *missed, int nmissed)
{
	BlockNumber blocks[GRAPH_MAX_LINKS];

	for (int i = 0; i < nmissed; i++)
		blocks[i] = places[missed[i]].block;
	reader_read_ahead(reader, blocks, nmissed);
}

/* Measures a batch with a pin for each. */
static void
measure_with_pins(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes, const NodePlace *places,
				  int n, bool bounds, Candidate *out)
{
	int missed[GRAPH_MAX_LINKS];
	int nmissed = 0;

	for (int i = 0; i < n; i++)
		if (!reader->local && !place_holds(reader, &places[i]))
			missed[nmissed++] = i;
	if (nmissed > 1)
		missed_read_ahead(reader, places, missed, nmissed);
	for (int i = 0; i < n; i++)
		measure_pinned(reader, query, layer, nodes[i], bounds, &out[i]);
}

/* Measures a batch without pins, but for those that are not where they were and for one now and then. */
static void
measure_without_pins(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes,
					 const NodePlace *places, int n, bool bounds, Candidate *out)
{
	int missed[GRAPH_MAX_LINKS];
	int nmissed = 0;

	for (int from = 0; from < n; from += CHUNK)
		measure_chunk(reader, query, layer, nodes + from, places + from, Min(CHUNK, n - from), bounds, out + from, from,
					  missed, &nmissed);
	pgBufferUsage.shared_blks_hit += n - nmissed;
	if (glances_count(reader->state, n, nmissed))
	{
		reader_pin_counts(reader);
		measure_pinned(reader, query, layer, nodes[0], bounds, &out[0]);
	}
	if (nmissed > 1)
		missed_read_ahead(reader, places, missed, nmissed);
	for (int i = 0; i < nmissed; i++)
		measure_pinned(reader, query, layer, nodes[missed[i]], bounds, &out[missed[i]]);
}

void
nodes_fetch(PageReader *reader, int layer, const NodeId *nodes, int n, NodePlace *places)
{
	Size size = reader->state->layout.links_offset; /* head and code */

	Assert(n <= GRAPH_MAX_LINKS);
	for (int i = 0; i < n; i++)
	{
		place_find(reader, nodes[i], layer_kind(layer), &places[i]);
		if (places[i].buffer != NULL)
			prefetch_bytes(places[i].slot, size);
	}
}

int
nodes_measure(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes, const NodePlace *places,
			  int n, bool bounds, Candidate *out)
{
	int nfound = 0;

	if (reader->optimistic)
		measure_without_pins(reader, query, layer, nodes, places, n, bounds, out);
	else
		measure_with_pins(reader, query, layer, nodes, places, n, bounds, out);
	for (int i = 0; i < n; i++)
		nfound += out[i].node != NODE_NONE;
	return nfound;
}
