/*
 * visit.c: measuring a batch of nodes, which is what a search does nearly all the time.
 *
 * The places of all nodes are found first, and their buffer descriptors and slots are fetched into
 * the CPU's cache (nodes_fetch); then, when something else has been done, they are measured
 * (nodes_measure).
 *
 * To pin and release a page costs as much as to measure a code of it. So neither is done, see
 * glance.h; during recovery and in temporary tables nodes are pinned. Pages whose usage count the
 * clock sweep has lowered are pinned afterwards (reader_raise).
 *
 * Locks: none.
 */
#include "postgres.h"

#include <math.h>

#include "memory.h"
#include "node/node.h"
#include "store/glance.h"

/* Nodes measured in one call. */
#define CHUNK 16

/* Nodes that are measured together. */
typedef struct Batch
{
	PageReader *reader;
	const CodeQuery *query;
	int layer;
	bool bounds;
	const NodeId *nodes;
	const NodePlace *places;
	Candidate *out;
	/* of them, without pins: */
	int missed[GRAPH_MAX_LINKS]; /* those that are not where they were */
	int nmissed;
	int cooling[GRAPH_MAX_LINKS]; /* those on pages that are to be raised */
	int ncooling;
} Batch;

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

/* What is read of a slot beside its code; false if it is not on the layer. */
static inline bool
candidate_read(Candidate *candidate, NodeRow *row, const Slot *slot, int layer)
{
	if (row != NULL)
	{
		row->heap_tid = slot->u.heap_tid;
		row->duplicates = *(const volatile NodeId *) &slot->next;
		/* a slot that is freed loses its heap TID after its state */
		pg_read_barrier();
		if (slot->state == SLOT_SHELL)
			ItemPointerSetInvalid(&row->heap_tid);
	}
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
measure_pinned(Batch *batch, int i)
{
	PageReader *reader = batch->reader;
	Candidate *out = &batch->out[i];
	Slot *slot;
	Buffer buffer = pin_slot(reader, batch->nodes[i], layer_kind(batch->layer), &slot);

	out->node = NODE_NONE;
	if (candidate_read(out, reader->rows ? &reader->rows[i] : NULL, slot, batch->layer))
	{
		float bound = 0;
		float dist = code_distance(batch->query, slot_code(&reader->state->layout, slot),
								   batch->bounds ? &bound : NULL);

		candidate_set(out, batch->nodes[i], dist, bound);
	}
	reader_unpin(reader, buffer);
}

/*
 * Measures [from, from + n) without pins; notes those for which that did not work, and those that
 * are to be raised.
 */
static void
measure_chunk(Batch *batch, int from, int n)
{
	PageReader *reader = batch->reader;
	const void *codes[CHUNK];
	float dist[CHUNK];
	float bound[CHUNK] = {0};
	int which[CHUNK];
	bool cooling[CHUNK];
	int ncodes = 0;

	Assert(n <= CHUNK && reader->optimistic);
	for (int i = from; i < from + n; i++)
	{
		const NodePlace *place = &batch->places[i];
		uint32 state;

		batch->out[i].node = NODE_NONE;
		if (!glance_begin(reader, place->buffer, place->block, &state))
		{
			batch->missed[batch->nmissed++] = i;
			continue;
		}
		if (candidate_read(&batch->out[i], reader->rows ? &reader->rows[i] : NULL, place->slot,
						   batch->layer))
		{
			cooling[ncodes] = glance_is_cooling(state);
			codes[ncodes] = slot_code(&reader->state->layout, place->slot);
			which[ncodes++] = i;
		}
	}
	code_distances(batch->query, codes, ncodes, dist, batch->bounds ? bound : NULL);
	for (int i = 0; i < ncodes; i++)
	{
		int at = which[i];

		if (unlikely(!glance_end(reader, batch->places[at].buffer, batch->places[at].block)))
		{
			batch->missed[batch->nmissed++] = at;
			continue;
		}
		candidate_set(&batch->out[at], batch->nodes[at], dist[i], bound[i]);
		if (unlikely(cooling[i]))
			batch->cooling[batch->ncooling++] = at;
	}
}

/* Has what is not in shared buffers read at once. */
static void
missed_read_ahead(Batch *batch)
{
	BlockNumber blocks[GRAPH_MAX_LINKS];

	for (int i = 0; i < batch->nmissed; i++)
		blocks[i] = batch->places[batch->missed[i]].block;
	if (batch->nmissed > 1)
		reader_read_ahead(batch->reader, blocks, batch->nmissed);
}

/* Measures a batch with a pin for each. */
static void
measure_with_pins(Batch *batch, int n)
{
	for (int i = 0; i < n; i++)
	{
		const NodePlace *place = &batch->places[i];
		uint32 state;

		if (!batch->reader->local &&
			!glance_begin(batch->reader, place->buffer, place->block, &state))
			batch->missed[batch->nmissed++] = i;
	}
	missed_read_ahead(batch);
	for (int i = 0; i < n; i++)
		measure_pinned(batch, i);
}

/* Measures a batch without pins, but for those that are not where they were. */
static void
measure_without_pins(Batch *batch, int n)
{
	for (int from = 0; from < n; from += CHUNK)
		measure_chunk(batch, from, Min(CHUNK, n - from));
	/* what is read with a pin is counted there */
	glance_count(batch->reader, n - batch->nmissed - batch->ncooling);
	missed_read_ahead(batch);
	for (int i = 0; i < batch->nmissed; i++)
		measure_pinned(batch, batch->missed[i]);
	for (int i = 0; i < batch->ncooling; i++)
		reader_raise(batch->reader, batch->places[batch->cooling[i]].block,
					 layer_kind(batch->layer));
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
nodes_measure(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes,
			  const NodePlace *places, int n, bool bounds, Candidate *out)
{
	Batch batch;
	int nfound = 0;

	Assert(n <= GRAPH_MAX_LINKS && layer >= 0 && layer <= GRAPH_MAX_LAYER);
	Assert(!page_lock_is_held());
	batch.reader = reader;
	batch.query = query;
	batch.layer = layer;
	batch.bounds = bounds;
	batch.nodes = nodes;
	batch.places = places;
	batch.out = out;
	batch.nmissed = batch.ncooling = 0;
	if (reader->optimistic)
		measure_without_pins(&batch, n);
	else
		measure_with_pins(&batch, n);
	Assert(batch.nmissed <= n && batch.ncooling <= n);
	for (int i = 0; i < n; i++)
		nfound += out[i].node != NODE_NONE;
	return nfound;
}
