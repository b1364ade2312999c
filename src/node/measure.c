/*
 * measure.c: measures how wide searches have to be, by searches for some of an index's own
 * elements.
 *
 * Elements are chosen at random, and each is searched for as if it were not there (graph/recall.c).
 * The widest search knows nearly all of the nearest, and so says which they are. What it may have
 * missed is looked for on a random sample of the pages: each of their elements that is nearer than
 * the search's rank-th was missed. All pages would take longer than all searches; but misses of the
 * widest search are few, and a sample shows if they are not.
 *
 * Distances are those of the vectors, where the index has them; otherwise of the codes.
 *
 * Locks: none.  Elements that are inserted meanwhile may be met or not.
 */
#include "postgres.h"

#include <math.h>

#include "code/metric.h"
#include "code/width.h"
#include "common/pg_prng.h"
#include "distance/distance.h"
#include "memory.h"
#include "miscadmin.h"
#include "node/node.h"

/* An index of fewer elements needs no measuring: any search finds nearly all. */
#define LEAST_ELEMENTS 1000
/*
 * Searches: one for so many elements, within limits. With 128 a miss of .02 is off by a fourth,
 * with 400 by a seventh.
 */
#define ELEMENTS_PER_QUERY 200
#define LEAST_QUERIES 128
#define MOST_QUERIES 400
/* How many blocks are looked at for an element: most have vectors. */
#define TRIES 200
/* So many queries are compared with all elements, or more with a share of them. */
#define EXACT_QUERIES 40
/* The nearest that are known, at least, or the element does not count. */
#define LEAST_NEAREST 100

typedef struct MeasureQuery
{
	NodeId node; /* the element */
	float norm;
	CodeQuery *query;
	CodeQuery *vector_query; /* NULL: distances are those of codes */
	float limit;             /* estimates of what may be missed are below */
	GraphNearest nearest;
} MeasureQuery;

typedef struct Measure
{
	PageStore *pages;
	IndexState *state;
	BlockNumber nblocks;
	void *scratch;
	char *bytes; /* room for a code or a vector */
	float *vector;
	MeasureQuery *queries;
	int nqueries;
	double missed[GRAPH_RECALL_RANKS]; /* by the widest search, as far as was looked */
} Measure;

/* Makes an element a query. */
static void
query_init(Measure *measure, MeasureQuery *query, const Candidate *element)
{
	IndexState *state = measure->state;
	PageReader *reader = &measure->pages->reader;
	const Coder *coder = state->coder;
	ElementRef ref;

	if (state->layout.vector_size > 0)
	{
		coder = state->vector_coder;
		page_store_elements(reader, NULL, element, 1, &ref);
		vector_read(reader, ref.vector_block, ref.vector_offset, measure->bytes);
	}
	coder_decode(coder, measure->bytes, measure->vector, measure->scratch);
	query->node = element->node;
	query->norm = 0;
	if (code_metric(state->shape.spec.metric)->is_product)
		query->norm =
			sqrtf(distance->ip_f32(measure->vector, measure->vector, state->shape.spec.dims));
	query->query = coder_query(state->coder, palloc_on_line(code_query_size(state->coder)),
							   measure->vector, measure->scratch);
	code_query_relative(query->query);
	query->vector_query = NULL;
	if (state->layout.vector_size > 0)
		query->vector_query = coder_query(coder, palloc_on_line(code_query_size(coder)),
										  measure->vector, measure->scratch);
}

/* Looks for an element in a block at random, and copies its code; false if there is none. */
static bool
pick_element(Measure *measure, Candidate *element)
{
	const PageLayout *layout = &measure->state->layout;
	PageReader *reader = &measure->pages->reader;
	BlockNumber block = (BlockNumber) pg_prng_uint64_range(
		&pg_global_prng_state, HNSWC_META_BLOCK + 1, measure->nblocks - 1);
	Buffer buffer = reader_pin_any(reader, block, NULL);
	Page page = BufferGetPage(buffer);
	bool found = false;

	if (!PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID &&
		page_tail(page)->kind == PAGE_ELEMENT)
	{
		uint32 slot_number =
			(uint32) pg_prng_uint64_range(&pg_global_prng_state, 0, layout->slots_per_page - 1);
		Slot *slot = page_slot(layout, page, slot_number);

		found = slot_number < page_tail(page)->used && slot_is_live(slot);
		if (found)
		{
			memset(element, 0, sizeof(*element));
			element->node = node_address(layout, block, slot_number);
			element->generation = slot->generation;
			memcpy(measure->bytes, slot_code(layout, slot), layout->code_size);
		}
	}
	reader_unpin(reader, buffer);
	return found;
}

typedef struct Near
{
	double dist;
	NodeId node;
} Near;

static int
compare_near(const void *a, const void *b)
{
	double x = ((const Near *) a)->dist;
	double y = ((const Near *) b)->dist;

	return (x > y) - (x < y);
}

/* The exact distances of candidates. */
static void
measure_candidates(Measure *measure, const MeasureQuery *query, const Candidate *candidates, int n,
				   double *dist)
{
	PageReader *reader = &measure->pages->reader;
	ElementRef refs[GRAPH_NEAREST];
	BlockNumber blocks[GRAPH_NEAREST];
	uint32 offsets[GRAPH_NEAREST];

	Assert(n <= GRAPH_NEAREST);
	for (int i = 0; i < n; i++)
		dist[i] = candidates[i].dist;
	if (query->vector_query == NULL || n == 0)
		return;
	page_store_elements(reader, NULL, candidates, n, refs);
	for (int i = 0; i < n; i++)
	{
		blocks[i] = refs[i].vector_block;
		offsets[i] = refs[i].vector_offset;
	}
	vector_distances(reader, query->vector_query, blocks, offsets, n, dist, measure->bytes);
	for (int i = 0; i < n; i++)
		if (isnan(dist[i]))
			dist[i] = INFINITY;
}

/* Orders what the widest search has found by exact distances. */
static void
order_nearest(Measure *measure, MeasureQuery *query, const Candidate *candidates, int n)
{
	double dist[GRAPH_NEAREST];
	Near near[GRAPH_NEAREST] = {{0}};

	measure_candidates(measure, query, candidates, n, dist);
	for (int i = 0; i < n; i++)
		near[i] = (Near){dist[i], candidates[i].node};
	qsort(near, n, sizeof(Near), compare_near);
	query->nearest.n = n;
	for (int i = 0; i < n; i++)
	{
		query->nearest.dist[i] = near[i].dist;
		query->nearest.nodes[i] = near[i].node;
	}
	query->limit = n > 0 ? candidates[n - 1].dist : 0;
}

/* Searches for an element as the next query; it counts unless too little is near it. */
static void
search_element(Measure *measure, RecallSearch *search, const Candidate *element, GraphRecall *found)
{
	MeasureQuery *query = &measure->queries[measure->nqueries];
	Candidate candidates[GRAPH_NEAREST];
	int n;

	query_init(measure, query, element);
	n = graph_recall_search(search, query->query, query->norm, query->node, candidates);
	if (n < LEAST_NEAREST)
		return;
	order_nearest(measure, query, candidates, n);
	graph_recall_count(search, &query->nearest, found);
	measure->nqueries++;
}

/* An element of a page that no search has met, and may be nearer than what it has. */
static void
check_missed(Measure *measure, const MeasureQuery *query, const Candidate *element)
{
	double dist;

	if (element->node == query->node || graph_nearest_has(&query->nearest, element->node))
		return;
	measure_candidates(measure, query, element, 1, &dist);
	for (int r = 0; r < GRAPH_RECALL_RANKS; r++)
	{
		int from;
		int to;

		graph_recall_ranks(r, &from, &to);
		if (dist < query->nearest.dist[to - 1] &&
			(from == 0 || dist >= query->nearest.dist[from - 1]))
			measure->missed[r]++;
	}
}

/* Compares the elements of a page with all queries. */
static void
check_page(Measure *measure, BlockNumber block, Page page)
{
	const PageLayout *layout = &measure->state->layout;
	uint32 used = Min(page_tail(page)->used, layout->slots_per_page);
	const void *codes[BLCKSZ / sizeof(Slot)];
	Candidate elements[BLCKSZ / sizeof(Slot)];
	float dist[BLCKSZ / sizeof(Slot)];
	int n = 0;

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);

		if (!slot_is_live(slot))
			continue;
		codes[n] = slot_code(layout, slot);
		elements[n++] =
			(Candidate){.node = node_address(layout, block, i), .generation = slot->generation};
	}
	for (int q = 0; q < measure->nqueries; q++)
	{
		const MeasureQuery *query = &measure->queries[q];

		code_distances(query->query, codes, n, dist, NULL);
		for (int i = 0; i < n; i++)
			if (dist[i] < query->limit)
			{
				elements[i].dist = dist[i];
				check_missed(measure, query, &elements[i]);
			}
	}
}

/*
 * Looks for what the widest searches have missed; returns the share of the pages that it looked at.
 */
static double
check_pages(Measure *measure)
{
	PageReader *reader = &measure->pages->reader;
	double share = Min(1.0, (double) EXACT_QUERIES / Max(measure->nqueries, 1));

	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < measure->nblocks; block++)
	{
		Buffer buffer;
		Page page;

		if (pg_prng_double(&pg_global_prng_state) >= share)
			continue;
		CHECK_FOR_INTERRUPTS();
		buffer = reader_pin_any(reader, block, NULL);
		page = BufferGetPage(buffer);
		if (!PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID &&
			page_tail(page)->kind == PAGE_ELEMENT)
			check_page(measure, block, page);
		reader_unpin(reader, buffer);
	}
	return share;
}

/* What was found is less where others are nearer. */
static void
allow_for_missed(Measure *measure, double share, GraphRecall *found)
{
	for (int r = 0; r < GRAPH_RECALL_RANKS; r++)
	{
		double missed = Min(measure->missed[r] / share / (double) found->wanted[r], 1.0);

		for (int i = 0; i < GRAPH_RECALL_WIDTHS; i++)
			found->found[r][i] -= (int64) rint((double) found->found[r][i] * missed);
	}
}

void
recall_measure(PageStore *pages, double elements, const GraphReach *reach, RecallWidths *widths)
{
	IndexState *state = pages->reader.state;
	const CodeWidth *width = code_width(state->shape.spec.bits);
	int wanted = (int) Max(LEAST_QUERIES, Min(MOST_QUERIES, elements / ELEMENTS_PER_QUERY));
	Measure measure = {.pages = pages, .state = state};
	GraphRecall found;
	RecallSearch *search;
	int searches = 0;

	memset(widths, 0, sizeof(*widths));
	memset(&found, 0, sizeof(found));
	/* codes of few bits cannot stand for elements */
	if (elements < LEAST_ELEMENTS ||
		(state->shape.spec.bits < STORE_MIN_SELECT_BITS && state->layout.vector_size == 0))
		return;
	measure.nblocks = RelationGetNumberOfBlocks(pages->reader.index);
	measure.scratch = palloc_on_line(
		Max(coder_scratch_size(state->coder),
			state->vector_coder != NULL ? coder_scratch_size(state->vector_coder) : 0));
	measure.bytes = palloc_on_line(Max(state->layout.vector_size, state->layout.code_size));
	measure.vector = palloc_on_line(state->shape.spec.dims * sizeof(float));
	measure.queries = palloc(wanted * sizeof(MeasureQuery));
	search = graph_recall_create(
		&pages->store, reach, state->shape.spec.metric,
		state->vector_coder == NULL ? 0 : (width != NULL ? width : code_width(1))->runners_up);
	for (int i = 0; i < TRIES * wanted && measure.nqueries < wanted && searches < 2 * wanted; i++)
	{
		Candidate element;

		CHECK_FOR_INTERRUPTS();
		if (!pick_element(&measure, &element))
			continue;
		searches++;
		search_element(&measure, search, &element, &found);
	}
	if (measure.nqueries < wanted)
		return;
	allow_for_missed(&measure, check_pages(&measure), &found);
	recall_fit(&found, RECALL_MEASURED, widths);
}
