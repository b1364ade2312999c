/*
 * reach.c: how far beyond its nearest a search has to look, measured.
 *
 * A pool of fixed size treats all queries alike. Where the nearest stand out from the rest the
 * search could have ended long before; where everything is about as far it ends too soon. So a
 * search goes by distance: it ends when the nearest candidate left is farther than `reach` times
 * the rank-th nearest found (Al-Jazzazi, Diwan, Gou, Musco, Musco and Suel, "Distance Adaptive Beam
 * Search for Provably Accurate Graph-Based Nearest Neighbor Search", 2025). The same reach means
 * little work in one set of vectors and all of it in another. Therefore it is not chosen but
 * measured: such that searches for random elements expand ef nodes each, on average. Distances grow
 * about as a power of the rank, so reach is kept for a few proportions of ef to rank, as a
 * logarithm, and interpolated.
 */
#include "postgres.h"

#include <math.h>

#include "code/metric.h"
#include "common/pg_prng.h"
#include "distance/distance.h"
#include "graph/graph.h"
#include "memory.h"
#include "miscadmin.h"

/*
 * Searches that are made to measure: one for so many elements, within limits. What 64 searches come
 * to is off by a tenth, 512 by a thirtieth. One takes about as long as ten inserts.
 */
#define ELEMENTS_PER_SAMPLE 400
#define LEAST_SAMPLES 64
#define MOST_SAMPLES 512
/* How often a walk may fail to give one, of so many. */
#define TRIES 2
/* Steps of a random walk on each layer. */
#define WALK_STEPS 8
#define REACH_RANK 10
#define WIDEST_EF (REACH_RANK << GRAPH_REACH_OCTAVES)
/* What is kept of each: the neighbours of an element, but not itself. */
#define SAMPLE_SIZE (GRAPH_REACH_MOST * WIDEST_EF)
/*
 * The logarithm of reach is no greater for each octave; distances that grow faster are those of
 * duplicates.
 */
#define STEEPEST 2.0f
#define BISECTIONS 24
/*
 * Distances that are whole numbers are at the very reach that was measured: rounding may not leave
 * them out.
 */
#define SLACK 1e-5f
/* Vectors are of one length if their norms, taken from codes, differ by no more than this share. */
#define NORM_SPREAD 0.05f

typedef struct ReachSample
{
	float norm; /* the element's */
	int n;
	float dist[SAMPLE_SIZE]; /* nearest first */
} ReachSample;

/* Everything a measurement needs. */
typedef struct ReachMeasure
{
	GraphStore *store;
	int dims;
	CodeMetric metric;
	GraphSearch *search;
	void *query_memory;
	void *scratch;
	float *vector;
	ReachSample *samples;
	int nsamples;
} ReachMeasure;

/*
 * An element at random: from the entry point by random steps on every layer. NODE_NONE if that led
 * nowhere.
 */
static NodeId
random_element(GraphStore *store)
{
	int top;
	NodeId node = store->entry(store, &top);

	for (int layer = top; layer >= 0 && node != NODE_NONE; layer--)
	{
		for (int step = 0; step < WALK_STEPS; step++)
		{
			NodeId links[GRAPH_MAX_LINKS];
			int n = store->neighbours(store, node, layer, GENERATION_ANY, links);

			if (n == 0)
				break;
			node = links[pg_prng_uint64_range(&pg_global_prng_state, 0, n - 1)];
		}
		if (layer > 0)
			node = store->down(store, node, layer);
	}
	return node;
}

/* The element as a query, and its norm; NULL if it has gone. */
static CodeQuery *
element_query(ReachMeasure *measure, NodeId node, float *norm)
{
	GraphStore *store = measure->store;
	const void *code;

	store->codes(store, 0, &node, 1, &code);
	if (code == NULL)
		return NULL;
	*norm = 0;
	if (code_metric(measure->metric)->is_product || store->select_coder != store->coder)
		coder_decode(store->select_coder, code, measure->vector, measure->scratch);
	if (code_metric(measure->metric)->is_product)
		*norm = sqrtf(distance->ip_f32(measure->vector, measure->vector, measure->dims));
	if (store->select_coder == store->coder)
		return coder_query_code(store->coder, measure->query_memory, code, measure->scratch);
	return coder_query(store->coder, measure->query_memory, measure->vector, measure->scratch);
}

/* Adds the distances from a random element. */
static void
take_sample(ReachMeasure *measure)
{
	GraphSearch *search = measure->search;
	ReachSample *sample = &measure->samples[measure->nsamples];
	NodeId node;
	CodeQuery *query;
	double constant;
	int nentries;
	int top;

	if (measure->store->wander != NULL)
		measure->store->wander(measure->store);
	node = random_element(measure->store);
	query = node == NODE_NONE ? NULL : element_query(measure, node, &sample->norm);
	if (query == NULL)
		return;
	code_query_relative(query);
	constant = code_query_constant(query);
	nentries = graph_search_descend(search, query, 0, SAMPLE_SIZE + 1, &top);
	if (nentries == 0)
		return;
	graph_search_layer(search, query, 0, SAMPLE_SIZE + 1, nentries);
	sample->n = 0;
	for (int i = 0; i < search->npool && sample->n < SAMPLE_SIZE; i++)
		if (search->pool[i].node != node && !(search->pool[i].flags & CANDIDATE_DEAD))
			sample->dist[sample->n++] = search->pool[i].dist + constant;
	/* fewer than that are the whole graph */
	if (sample->n >= WIDEST_EF)
		measure->nsamples++;
}

/*
 * Inner products of vectors of one length are distances that count from where the vectors have one
 * direction: makes them so. Returns that length; 0 if there is none.
 */
static float
shift_samples(ReachMeasure *measure)
{
	float least = INFINITY;
	float greatest = 0;
	float norm;

	for (int s = 0; s < measure->nsamples; s++)
	{
		least = Min(least, measure->samples[s].norm);
		greatest = Max(greatest, measure->samples[s].norm);
	}
	norm = (least + greatest) / 2;
	if (!(greatest - least <= NORM_SPREAD * norm))
		return 0;
	for (int s = 0; s < measure->nsamples; s++)
		for (int i = 0; i < measure->samples[s].n; i++)
			measure->samples[s].dist[i] += norm * measure->samples[s].norm;
	return norm;
}

/* How many nodes a search expands that looks so far, among `most`. */
static int
expanded_within(const ReachSample *sample, float reach, int most)
{
	float nearest = sample->dist[REACH_RANK - 1];
	float farthest = Max(nearest, reach * nearest);
	int n = REACH_RANK;

	most = Min(most, sample->n);
	while (n < most && sample->dist[n] <= farthest)
		n++;
	return n;
}

/* The logarithm of the reach with which ef nodes are expanded on average, from `least` on. */
static float
reach_for(const ReachMeasure *measure, int ef, float least)
{
	float below = least;
	float above = least + STEEPEST;

	for (int i = 0; i < BISECTIONS; i++)
	{
		float middle = (below + above) / 2;
		int64 expanded = 0;

		for (int s = 0; s < measure->nsamples; s++)
			expanded += expanded_within(&measure->samples[s], exp2f(middle), GRAPH_REACH_MOST * ef);
		if (expanded < (int64) ef * measure->nsamples)
			below = middle;
		else
			above = middle;
	}
	return above;
}

void
graph_reach_measure(GraphStore *store, int dims, CodeMetric metric, double elements,
					GraphReach *reach)
{
	int wanted = (int) Max(LEAST_SAMPLES, Min(MOST_SAMPLES, elements / ELEMENTS_PER_SAMPLE));
	ReachMeasure measure = {.store = store, .dims = dims, .metric = metric};
	float least = 0;

	measure.search = graph_search_create(store, false);
	measure.query_memory = palloc_on_line(code_query_size(store->coder));
	measure.scratch = palloc_on_line(
		Max(coder_scratch_size(store->coder), coder_scratch_size(store->select_coder)));
	measure.vector = palloc_on_line(dims * sizeof(float));
	measure.samples = palloc(wanted * sizeof(ReachSample));
	for (int i = 0; i < TRIES * wanted && measure.nsamples < wanted; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_sample(&measure);
	}
	memset(reach, 0, sizeof(*reach));
	if (measure.nsamples < wanted)
		return;
	if (code_metric(metric)->is_product)
	{
		reach->norm = shift_samples(&measure);
		if (reach->norm == 0)
			return;
	}
	for (int i = 0; i < GRAPH_REACH_OCTAVES; i++)
		least = reach->octaves[i] = reach_for(&measure, REACH_RANK << (i + 1), least);
}

void
graph_bound(const GraphReach *reach, int ef, int rank, float norm, GraphBound *bound)
{
	float octave = log2f((float) ef / rank);
	int at = Min((int) Max(octave, 0.0f), GRAPH_REACH_OCTAVES - 1);
	float below = at > 0 ? reach->octaves[at - 1] : 0;
	float logarithm = below + (octave - at) * (reach->octaves[at] - below);

	bound->rank = bound->least = 0;
	/* what a page says may be anything */
	if (octave <= 0 || !(reach->octaves[0] > 0) ||
		!(logarithm >= 0 && logarithm <= STEEPEST * (octave + 1)) ||
		!(reach->norm >= 0 && norm * reach->norm < INFINITY))
		return;
	bound->rank = rank;
	bound->reach = (1.0f + SLACK) * exp2f(logarithm);
	bound->base = -norm * reach->norm;
}
