/*
 * build_train.c: a sample of the table, from which the codes learn their centroid.
 *
 * Random blocks, as ANALYZE takes them, read through the index build's own scan so that predicates and expressions of the
 * index hold.  An empty table gives a centroid of zero: its codes are correct, with larger errors.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "am/am.h"
#include "am/build.h"
#include "common/pg_prng.h"
#include "graph/memory.h"
#include "miscadmin.h"
#include "utils/sampling.h"

#define SAMPLE_ROWS 2000
#define MIN_SAMPLE_ROWS 16
/* The part of maintenance_work_mem that the sample may take. */
#define SAMPLE_MEMORY_SHARE 4

typedef struct Sample
{
	const ElementType *type;
	int dims;
	float *vectors;
	int n;
	int size;
	MemoryContext row_cxt;
} Sample;

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	Sample *sample = arg;
	MemoryContext old;

	if (isnull[0] || sample->n == sample->size)
		return;
	old = MemoryContextSwitchTo(sample->row_cxt);
	if (element_read(sample->type, sample->dims, values[0], sample->vectors + (Size) sample->n * sample->dims))
		sample->n++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(sample->row_cxt);
}

static void
sample_blocks(Relation heap, Relation index, IndexInfo *info, Sample *sample)
{
	BlockSamplerData blocks;

	BlockSampler_Init(&blocks, RelationGetNumberOfBlocks(heap), sample->size, pg_prng_uint32(&pg_global_prng_state));
	while (BlockSampler_HasMore(&blocks) && sample->n < sample->size)
	{
		CHECK_FOR_INTERRUPTS();
		/* rows that are not visible to all are as good, but a concurrent build goes by its snapshot */
		table_index_build_range_scan(heap, index, info, false, !info->ii_Concurrent, false, BlockSampler_Next(&blocks),
									 1, sample_row, sample, NULL);
	}
}

void
build_train(Relation heap, Relation index, IndexInfo *info, const IndexShape *shape, void *params)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw training", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Size row_size = shape->spec.dims * sizeof(float);
	Size memory = (Size) maintenance_work_mem * 1024 / SAMPLE_MEMORY_SHARE;
	Sample sample = {0};

	sample.type = element_type(index);
	sample.dims = shape->spec.dims;
	sample.size = Min(SAMPLE_ROWS, Max(memory / row_size, MIN_SAMPLE_ROWS));
	sample.vectors = MemoryContextAllocHuge(cxt, sample.size * row_size);
	sample.row_cxt = AllocSetContextCreate(cxt, "hnsw training row", ALLOCSET_DEFAULT_SIZES);
	if (heap != NULL)
		sample_blocks(heap, index, info, &sample);
	code_train(&shape->spec, pg_prng_uint64(&pg_global_prng_state), sample.vectors, sample.n, params);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
