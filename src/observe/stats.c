/*
 * stats.c: hnsw_stats(), what an index consists of.
 *
 * Pages are counted one by one: all of them, or a random sample of them whose numbers are scaled
 * up.  What is on the meta page is exact in both cases.
 *
 * Two numbers tell what has become of an index since it was built.  `added`: a build leaves slots
 * of the first generation on its own blocks, whose number the meta page keeps; whatever is on later
 * blocks or in reused slots came by INSERT.  `drift`: how far the mean of a sample of elements is
 * from the centroid that the codes were trained with, in mean distances from it.  The error of a
 * code grows with the vector's distance from the centroid: with a drift of d it is 1 / sqrt(1 -
 * d^2) times what it would be after a REINDEX.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "code/code.h"
#include "code/metric.h"
#include "column/element.h"
#include "common/pg_prng.h"
#include "memory.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

/* Of a slot that has not been used before. */
#define FIRST_GENERATION 1
/* Blocks read by the cheap form. */
#define SAMPLE_BLOCKS 1000
/*
 * Elements whose mean is compared with the centroid.  Without drift that comes to 1 / sqrt(2000) =
 * 0.02.
 */
#define DRIFT_SAMPLE 2000
/* From this drift on a REINDEX is advised: codes are as coarse as with a bit less, sqrt(3) / 2. */
#define REINDEX_DRIFT 0.866
/* So it is from this share of slots on that are free, for the space that they take. */
#define REINDEX_FREE 0.5

typedef struct LayerCounts
{
	double nodes; /* live */
	double links; /* of them */
} LayerCounts;

/* What was counted on pages. */
typedef struct PageCounts
{
	double pages[PAGE_KINDS];
	double empty_pages;
	double rows;
	double elements;
	double dead;
	double free;  /* slots of any kind that are to be reused */
	double lists; /* of duplicates, in use */
	double added;
	LayerCounts layers[GRAPH_MAX_LAYER + 1];
} PageCounts;

/* Elements for the drift: codes, since decoding takes longer than a page should be locked. */
typedef struct CodeSample
{
	int n;
	int64 seen;
	char *codes;
} CodeSample;

typedef struct Stats
{
	Relation index;
	IndexState *state;
	PageReader reader;
	BlockNumber nblocks;
	PageCounts counts;
	CodeSample sample;
} Stats;

/* An element's code becomes one of the sample, or not: as likely as any other's. */
static void
sample_code(Stats *stats, const void *code)
{
	CodeSample *sample = &stats->sample;
	uint64 place = sample->n < DRIFT_SAMPLE
					   ? sample->n
					   : pg_prng_uint64_range(&pg_global_prng_state, 0, sample->seen);

	sample->seen++;
	if (place >= DRIFT_SAMPLE)
		return;
	memcpy(sample->codes + place * stats->state->layout.code_size, code,
		   stats->state->layout.code_size);
	sample->n = Max(sample->n, (int) place + 1);
}

static void
count_nodes(Stats *stats, BlockNumber block, Page page)
{
	const PageLayout *layout = &stats->state->layout;
	PageCounts *counts = &stats->counts;
	uint32 used = page_used(&stats->reader, block, page);

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		NodeId links[GRAPH_MAX_LINKS];

		counts->dead += slot->state == SLOT_DEAD;
		counts->free += slot->state == SLOT_FREE;
		if (!slot_is_live(slot) || slot->layer > GRAPH_MAX_LAYER)
			continue;
		counts->layers[slot->layer].nodes++;
		counts->layers[slot->layer].links +=
			links_read(slot_links(layout, slot), GRAPH_CAPACITY(layout->m, slot->layer), links);
		if (slot->layer > 0)
			continue;
		counts->elements++;
		counts->rows += slot->state == SLOT_LIVE;
		counts->added += block >= stats->state->built_blocks || slot->generation > FIRST_GENERATION;
		sample_code(stats, slot_code(layout, slot));
	}
}

static void
count_duplicates(Stats *stats, BlockNumber block, Page page)
{
	uint32 used = page_used(&stats->reader, block, page);

	for (uint32 i = 0; i < used; i++)
	{
		DuplicateSlot *slot = (DuplicateSlot *) page_slot(&stats->state->layout, page, i);

		stats->counts.lists += slot->state == SLOT_LIVE;
		if (slot->state == SLOT_LIVE)
			stats->counts.rows += Min(slot->count, stats->state->layout.duplicates_per_slot);
		else
			stats->counts.free += slot->state == SLOT_FREE;
	}
}

static void
count_page(Stats *stats, BlockNumber block)
{
	Buffer buffer;
	Page page;

	CHECK_FOR_INTERRUPTS();
	buffer = reader_lock_any(&stats->reader, block, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (PageIsNew(page))
		stats->counts.empty_pages++;
	else
	{
		PageKind kind = page_tail(page)->kind;

		page_check(stats->index, block, page, kind);
		stats->counts.pages[kind]++;
		if (kind == PAGE_ELEMENT || kind == PAGE_UPPER)
			count_nodes(stats, block, page);
		else if (kind == PAGE_DUPLICATE)
			count_duplicates(stats, block, page);
	}
	UnlockReleaseBuffer(buffer);
}

/* Makes the numbers of a sample of the blocks those of all. */
static void
scale(PageCounts *counts, double factor)
{
	double *numbers = (double *) counts;

	StaticAssertStmt(sizeof(PageCounts) % sizeof(double) == 0, "all counts are doubles");
	for (Size i = 0; i < sizeof(PageCounts) / sizeof(double); i++)
		numbers[i] *= factor;
}

/* Counts all blocks behind the meta page, or a sample of them. */
static void
count_pages(Stats *stats, bool exact)
{
	const BlockNumber first = HNSWC_META_BLOCK + 1;
	BlockNumber others = stats->nblocks - first;
	BlockSamplerData sampler;

	if (exact || others <= SAMPLE_BLOCKS)
	{
		for (BlockNumber block = first; block < stats->nblocks; block++)
			count_page(stats, block);
	}
	else
	{
		BlockSampler_Init(&sampler, others, SAMPLE_BLOCKS, pg_prng_uint32(&pg_global_prng_state));
		while (BlockSampler_HasMore(&sampler))
			count_page(stats, first + BlockSampler_Next(&sampler));
		scale(&stats->counts, (double) others / SAMPLE_BLOCKS);
	}
	stats->counts.pages[PAGE_META] = 1;
}

/*
 * How far the elements' mean is from the centroid, in mean distances from it; NAN if there is none.
 */
static double
centroid_drift(const Stats *stats)
{
	const CodeSpec *spec = &stats->state->shape.spec;
	int n = stats->sample.n;
	float *centroid;
	float *vector;
	double *mean;
	void *scratch;
	double distances = 0;
	double drift = 0;

	if (!code_metric(spec->metric)->has_centroid || n == 0)
		return NAN;
	centroid = palloc(spec->dims * sizeof(float));
	vector = palloc_on_line(spec->dims * sizeof(float));
	mean = palloc0(spec->dims * sizeof(double));
	scratch = palloc_on_line(coder_scratch_size(stats->state->coder));
	code_params_centroid(spec, stats->state->params, centroid);
	for (int i = 0; i < n; i++)
	{
		double square = 0;

		CHECK_FOR_INTERRUPTS();
		coder_decode(stats->state->coder,
					 stats->sample.codes + (Size) i * stats->state->layout.code_size, vector,
					 scratch);
		for (int d = 0; d < spec->dims; d++)
		{
			double difference = vector[d] - centroid[d];

			mean[d] += difference / n;
			square += difference * difference;
		}
		distances += sqrt(square) / n;
	}
	for (int d = 0; d < spec->dims; d++)
		drift += mean[d] * mean[d];
	return distances > 0 ? sqrt(drift) / distances : 0;
}

static void
add_count(ResultRow *row, double count)
{
	row_add(row, Int64GetDatum((int64) rint(count)));
}

static void
add_bytes(ResultRow *row, double pages)
{
	row_add(row, Int64GetDatum((int64) rint(pages) * BLCKSZ));
}

static void
add_shape(ResultRow *row, const IndexTarget *target, const IndexState *state)
{
	static const char *const sources[] = {"index", "half", "table"};

	row_add(row, Int32GetDatum(HNSWC_VERSION));
	row_add(row, CStringGetTextDatum(target->type->type_name));
	row_add(row, Int32GetDatum(state->shape.spec.dims));
	row_add(row, Int32GetDatum(state->shape.m));
	row_add(row, Int32GetDatum(state->shape.ef_construction));
	row_add(row, Int32GetDatum(state->shape.spec.bits));
	row_add(row, CStringGetTextDatum(sources[state->shape.rerank]));
}

/* Arrays of nodes and of their mean links, from layer 0 to the highest that was met. */
static void
add_layers(ResultRow *row, const PageCounts *counts)
{
	Datum nodes[GRAPH_MAX_LAYER + 1];
	Datum links[GRAPH_MAX_LAYER + 1];
	int top = GRAPH_MAX_LAYER;

	while (top >= 0 && counts->layers[top].nodes == 0)
		top--;
	for (int i = 0; i <= top; i++)
	{
		double n = counts->layers[i].nodes;

		nodes[i] = Int64GetDatum((int64) rint(n));
		links[i] = Float8GetDatum(n > 0 ? counts->layers[i].links / n : 0);
	}
	row_add(row, PointerGetDatum(construct_array(nodes, top + 1, INT8OID, sizeof(int64),
												 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	row_add(row, PointerGetDatum(construct_array(links, top + 1, FLOAT8OID, sizeof(float8),
												 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
}

static void
add_reach(ResultRow *row, const GraphReach *reach)
{
	Datum octaves[GRAPH_REACH_OCTAVES];

	if (!(reach->octaves[0] > 0))
	{
		row_add_null(row);
		return;
	}
	for (int i = 0; i < GRAPH_REACH_OCTAVES; i++)
		octaves[i] = Float8GetDatum(exp2(reach->octaves[i]));
	row_add(row,
			PointerGetDatum(construct_array(octaves, GRAPH_REACH_OCTAVES, FLOAT8OID, sizeof(float8),
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
}

/* How wide searches have to be, for 1, 10 and 100 rows, and where that is known from. */
static void
add_recall(ResultRow *row, const RecallWidths *widths)
{
	Datum values[RECALL_RANKS * RECALL_SHARES];
	int sizes[] = {RECALL_RANKS, RECALL_SHARES};
	int firsts[] = {1, 1};

	if (recall_width(widths, RECALL_MOST_SHARE, 1) == 0)
	{
		row_add_null(row);
		row_add_null(row);
		return;
	}
	for (int i = 0; i < lengthof(values); i++)
		values[i] = Int32GetDatum(widths->ef[i / RECALL_SHARES][i % RECALL_SHARES]);
	row_add(row, PointerGetDatum(construct_md_array(values, NULL, lengthof(sizes), sizes, firsts,
													INT4OID, sizeof(int32), true, TYPALIGN_INT)));
	row_add(row, CStringGetTextDatum(widths->source == RECALL_CALIBRATED ? "queries" : "rows"));
}

/* Slots of all kinds that have been used. */
static double
slots_used(const PageCounts *counts)
{
	double used = counts->lists + counts->dead + counts->free;

	for (int i = 0; i <= GRAPH_MAX_LAYER; i++)
		used += counts->layers[i].nodes;
	return used;
}

static void
add_age(ResultRow *row, const Stats *stats)
{
	const PageCounts *counts = &stats->counts;
	double added = counts->elements > 0 ? counts->added / counts->elements : 0;
	double drift = centroid_drift(stats);

	row_add(row, Int64GetDatum((int64) stats->state->tuples));
	row_add(row, Float8GetDatum(added));
	if (isnan(drift))
		row_add_null(row);
	else
		row_add(row, Float8GetDatum(drift));
	row_add(row, BoolGetDatum(drift > REINDEX_DRIFT ||
							  counts->free > REINDEX_FREE * slots_used(counts)));
}

static Datum
make_row(ResultRow *row, const IndexTarget *target, const Stats *stats)
{
	const PageCounts *counts = &stats->counts;
	const double *pages = counts->pages;

	add_shape(row, target, stats->state);
	add_count(row, counts->rows);
	add_count(row, counts->elements);
	add_count(row, counts->dead);
	add_count(row, counts->free);
	add_layers(row, counts);
	add_bytes(row, stats->nblocks);
	add_bytes(row, pages[PAGE_ELEMENT]);
	add_bytes(row, pages[PAGE_UPPER]);
	add_bytes(row, pages[PAGE_VECTOR]);
	add_bytes(row, pages[PAGE_DUPLICATE]);
	add_bytes(row, pages[PAGE_META] + pages[PAGE_PARAMS] + pages[PAGE_MAP_LEAF] +
					   pages[PAGE_MAP_INNER] + pages[PAGE_KEY] + pages[PAGE_KEY_ROOT] +
					   counts->empty_pages);
	row_add(row, BoolGetDatum(!(stats->state->flags & META_NO_NULL)));
	row_add(row, BoolGetDatum(!(stats->state->flags & META_NO_ZERO)));
	row_add(row, Int32GetDatum(settings_of(target->index).ef_search));
	add_reach(row, &stats->state->reach);
	add_recall(row, &stats->state->recall);
	add_age(row, stats);
	return row_finish(row);
}

PG_FUNCTION_INFO_V1(hnsw_stats);

Datum
hnsw_stats(PG_FUNCTION_ARGS)
{
	IndexTarget target;
	Stats stats = {0};
	NodeId entry;
	ResultRow row;
	Datum result;

	row_begin(&row, fcinfo);
	target_open(&target, PG_GETARG_OID(0), true);
	stats.index = target.index;
	stats.state = index_state_get(target.index, &entry);
	stats.nblocks = RelationGetNumberOfBlocks(target.index);
	page_cache_grow(&stats.state->cache, stats.nblocks);
	reader_init(&stats.reader, target.index, stats.state);
	stats.reader.strategy = GetAccessStrategy(BAS_BULKREAD);
	stats.sample.codes = MemoryContextAllocHuge(
		CurrentMemoryContext, (Size) DRIFT_SAMPLE * stats.state->layout.code_size);
	count_pages(&stats, PG_GETARG_BOOL(1));
	result = make_row(&row, &target, &stats);
	FreeAccessStrategy(stats.reader.strategy);
	target_close(&target);
	return result;
}
