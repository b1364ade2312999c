/*
 * build_train.c: a sample of the table, from which the codes learn their centroid and the build its
 * clusters.
 *
 * Random blocks, as ANALYZE takes them, read through the index build's own scan so that predicates
 * and expressions of the index hold. They are read in random order, so that a sample that is full
 * early is one of the whole table. An empty table gives a centroid of zero: its codes are correct,
 * with larger errors.
 *
 * A few rows may be anywhere that float32 reaches. Nothing is learned from what is far from nearly
 * all of the sample: it would move the centroid away from all others, and have clusters of its own.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "build/build.h"
#include "code/metric.h"
#include "common/pg_prng.h"
#include "memory.h"
#include "miscadmin.h"
#include "utils/sampling.h"

#define SAMPLE_ROWS 2000
#define MIN_SAMPLE_ROWS 16
/* The part of maintenance_work_mem that the sample may take. */
#define SAMPLE_MEMORY_SHARE 4
/* Rows taken of one block, at least: the next may be like them. */
#define BLOCK_ROWS 16
/* The sample is to have so many rows for each cluster. */
#define CLUSTER_SAMPLE_ROWS 8
/*
 * Of element pages there are to be so many for each cluster: half a page of each may stay unused, a
 * hundredth of all.
 */
#define CLUSTER_PAGES 48
/* Finding a row's cluster is to cost little beside inserting the row. */
#define MAX_CLUSTERS 4096
/* The part of the estimated rows that a build is sure to have. */
#define SURE_ROWS 0.99
/* The row map has places for the offsets met, and for a part of so many more. */
#define SPARE_OFFSETS 8
/*
 * The part of shared buffers that vectors of pages being filled may take: they are written row by
 * row.
 */
#define BUFFERS_SHARE 4

struct BuildSample
{
	MemoryContext cxt;
	MemoryContext row_cxt;
	const ElementType *type;
	int dims;
	float *vectors;
	uint32 n; /* read */
	/* of them those to learn from, which come first; set when all have been read */
	uint32 nordinary;
	uint32 size;             /* room for so many */
	uint32 most;             /* memory allows so many */
	double seen;             /* rows to be indexed in the blocks read so far */
	OffsetNumber max_offset; /* the greatest of theirs */
	BlockNumber heap_blocks;
	BlockNumber *blocks; /* chosen, in random order */
	uint32 nblocks;
	uint32 nread;      /* the first of them */
	uint32 block_rows; /* rows to take of a block */
	uint32 block_end;  /* no more rows of this block when n gets there */
};

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	BuildSample *sample = arg;
	float *vector = sample->vectors + (Size) sample->n * sample->dims;
	MemoryContext old;

	if (isnull[index_vector_column(index)])
		return;
	sample->seen++;
	sample->max_offset = Max(sample->max_offset, ItemPointerGetOffsetNumberNoCheck(tid));
	if (sample->n == sample->block_end)
		return;
	old = MemoryContextSwitchTo(sample->row_cxt);
	if (element_read(sample->type, sample->dims, values[index_vector_column(index)], vector))
	{
		if (code_metric(sample->type->metric)->is_angular)
			(void) code_normalise(vector, sample->dims);
		sample->n++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(sample->row_cxt);
}

/* Chooses the blocks, in random order. */
static void
choose_blocks(BuildSample *sample, uint32 most)
{
	BlockSamplerData sampler;

	BlockSampler_Init(&sampler, sample->heap_blocks, most, pg_prng_uint32(&pg_global_prng_state));
	sample->blocks = palloc(most * sizeof(BlockNumber));
	while (BlockSampler_HasMore(&sampler))
	{
		uint32 place = (uint32) pg_prng_uint64_range(&pg_global_prng_state, 0, sample->nblocks);

		sample->blocks[sample->nblocks] = sample->blocks[place];
		sample->blocks[place] = BlockSampler_Next(&sampler);
		sample->nblocks++;
	}
}

/*
 * Reads blocks until the sample has `wanted` rows, as far as memory and the table allow, but no
 * more blocks than that.
 */
static void
sample_extend(BuildSample *sample, Relation heap, Relation index, IndexInfo *info, uint32 wanted)
{
	wanted = Min(wanted, sample->most);
	if (wanted > sample->size)
	{
		sample->vectors =
			repalloc_huge(sample->vectors, (Size) wanted * sample->dims * sizeof(float));
		sample->size = wanted;
	}
	while (sample->n < sample->size && sample->nread < Min(sample->nblocks, sample->size))
	{
		CHECK_FOR_INTERRUPTS();
		sample->block_end = Min(sample->n + sample->block_rows, sample->size);
		/*
		 * rows that are not visible to all are as good, but a concurrent build goes by its snapshot
		 */
		table_index_build_range_scan(heap, index, info, false, !info->ii_Concurrent, false,
									 sample->blocks[sample->nread++], 1, sample_row, sample, NULL);
	}
}

/* Bytes that a vector takes in its row, as far as can be told. */
static Size
vector_width(const BuildSample *sample)
{
	Size size = (Size) sample->dims * (sample->type->is_half ? sizeof(uint16) : sizeof(float));

	if (code_metric(sample->type->metric)->is_binary)
		size = sample->dims / BITS_PER_BYTE;
	if (sample->type->sketch_dims > 0 || size > TOAST_TUPLE_TARGET)
		return TOAST_POINTER_SIZE;
	return size;
}

/*
 * How many rows will a page of an empty table have at most? Values of unknown length are taken to
 * be short.
 */
static int
expected_offsets(const BuildSample *sample, Relation heap, Relation index)
{
	TupleDesc columns = RelationGetDescr(heap);
	Oid type = TupleDescAttr(RelationGetDescr(index), index_vector_column(index))->atttypid;
	Size width = MAXALIGN(SizeofHeapTupleHeader);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped)
			continue;
		if (column->attlen > 0)
			width += column->attlen;
		else
			width += column->atttypid == type ? vector_width(sample) : 1;
	}
	return (BLCKSZ - SizeOfPageHeaderData) / (MAXALIGN(width) + sizeof(ItemIdData));
}

int
build_map_stride(const BuildSample *sample, Relation heap, Relation index)
{
	int most = sample->max_offset > 0 ? sample->max_offset : expected_offsets(sample, heap, index);

	return Min(most + Max(most / SPARE_OFFSETS, 1), MaxHeapTuplesPerPage);
}

/* Rows to be indexed, as far as can be told. */
static double
sample_table_rows(const BuildSample *sample)
{
	return sample->nread > 0 ? sample->seen / sample->nread * sample->heap_blocks : 0.0;
}

/* How many clusters to place rows by. */
static uint32
count_clusters(const BuildSample *sample, const PageLayout *layout)
{
	double pages = sample_table_rows(sample) / layout->slots_per_page;
	/* rows beyond are not placed */
	double in_memory = (double) maintenance_work_mem * 1024 / BLCKSZ;
	double run = (double) layout->slots_per_page * layout->vector_size / PAGE_STREAM_SIZE + 1;
	double most = Min(NBuffers / BUFFERS_SHARE / run, MAX_CLUSTERS);

	/* a page with one slot has no place for a neighbour */
	if (layout->slots_per_page < 2)
		return 1;
	return (uint32) Min(Min(pages, in_memory) / CLUSTER_PAGES, most);
}

BuildSample *
build_sample(Relation heap, Relation index, IndexInfo *info, const IndexShape *shape)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw sample", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BuildSample *sample = palloc0(sizeof(BuildSample));
	Size row_size = shape->spec.dims * sizeof(float);
	Size memory = (Size) maintenance_work_mem * 1024 / SAMPLE_MEMORY_SHARE;

	sample->cxt = cxt;
	sample->row_cxt = AllocSetContextCreate(cxt, "hnsw sample row", ALLOCSET_DEFAULT_SIZES);
	sample->type = element_type(index);
	sample->dims = shape->spec.dims;
	sample->most =
		(uint32) Min(Max(memory / row_size, MIN_SAMPLE_ROWS), MAX_CLUSTERS * CLUSTER_SAMPLE_ROWS);
	sample->size = Min(SAMPLE_ROWS, sample->most);
	sample->vectors = MemoryContextAllocHuge(cxt, sample->size * row_size);
	if (heap != NULL)
	{
		PageLayout layout;

		index_shape_layout(shape, &layout);
		sample->heap_blocks = RelationGetNumberOfBlocks(heap);
		choose_blocks(sample, sample->most);
		sample->block_rows = Max(BLOCK_ROWS, 4 * sample->size / Max(sample->heap_blocks, 1));
		sample_extend(sample, heap, index, info, sample->size);
		sample_extend(sample, heap, index, info,
					  count_clusters(sample, &layout) * CLUSTER_SAMPLE_ROWS);
	}
	sample->nordinary = sample->n;
	if (!code_metric(shape->spec.metric)->is_binary)
		sample->nordinary = code_ordinary(sample->vectors, sample->n, sample->dims,
										  palloc(sample->dims * sizeof(float)));
	Assert(sample->nordinary <= sample->n && (sample->nordinary > 0) == (sample->n > 0));
	MemoryContextSwitchTo(old);
	return sample;
}

void
build_train(const BuildSample *sample, const IndexShape *shape, void *params)
{
	code_train(&shape->spec, pg_prng_uint64(&pg_global_prng_state), sample->vectors,
			   sample->nordinary, params);
}

void
build_place(const BuildSample *sample, const IndexState *state, ArenaPlan *plan)
{
	CodeSpec spec = build_spec(&state->shape.spec);
	MemoryContext old = MemoryContextSwitchTo(sample->cxt);
	Clusters *clusters = clusters_train(build_coder(state), &spec, sample->vectors,
										sample->nordinary, count_clusters(sample, &state->layout));

	MemoryContextSwitchTo(old);
	plan->rows = SURE_ROWS * sample_table_rows(sample);
	plan->clusters = memcpy(palloc(clusters->size), clusters, clusters->size);
}

void
build_sample_free(BuildSample *sample)
{
	MemoryContextDelete(sample->cxt);
}
