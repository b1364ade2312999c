/*
 * build.c: CREATE INDEX, from the training of the codes to the WAL.
 *
 * Pages are not logged while they are built; the whole file is, once, at the end. Until then nobody
 * else can see the index, and after a crash the file is gone.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xloginsert.h"
#include "am/am.h"
#include "build/build.h"
#include "memory.h"
#include "miscadmin.h"

/*
 * Writes the pages of an index without rows, with parameters learned from the table's rows, or from
 * nothing where `info` is NULL. Returns the sample.
 */
static BuildSample *
create_pages(Relation heap, Relation index, IndexInfo *info, ForkNumber fork, bool wal)
{
	IndexShape shape;
	BuildSample *sample;
	void *params;

	options_shape(index, &shape);
	params = palloc_on_line(code_params_size(&shape.spec));
	sample = build_sample(info != NULL ? heap : NULL, index, info, &shape);
	build_train(sample, &shape, params);
	shape.map_stride = options_row_map(index) ? build_map_stride(sample, heap, index) : 0;
	index_create_pages(index, fork, &shape, params, wal);
	return sample;
}

/* The table's rows cannot be more than this. */
static double
max_rows(Relation heap)
{
	return Max((double) RelationGetNumberOfBlocks(heap) * MaxHeapTuplesPerPage,
			   MaxHeapTuplesPerPage);
}

static void
make_plan(Relation heap, Relation index, const BuildSample *sample, ArenaPlan *plan)
{
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);

	plan->memory_limit = (Size) maintenance_work_mem * 1024;
	plan->max_rows = max_rows(heap);
	plan->side_size = build_side_size(&state->shape.spec);
	build_place(sample, state, plan);
}

static void
build_serial(Relation heap, Relation index, IndexInfo *info, const ArenaPlan *plan,
			 IndexBuildResult *result)
{
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);
	ArenaShared *shared = palloc_on_line(arena_shared_size(&state->layout, plan));
	BuildRows *rows;

	arena_shared_init(shared, &state->layout, plan);
	rows = build_rows_create(heap, index, info, shared, NULL);
	rows->report = true;
	result->heap_tuples = build_rows_scan(rows, NULL);
	result->index_tuples = pg_atomic_read_u64(&shared->tuples);
	build_rows_finish(rows);
	progress_phase(PHASE_LOG);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
}

IndexBuildResult *
hnswbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BuildSample *sample;
	ArenaPlan plan;
	IndexStatistics statistics;
	int nworkers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	progress_phase(PHASE_TRAIN);
	sample = create_pages(heap, index, info, MAIN_FORKNUM, false);
	make_plan(heap, index, sample, &plan);
	build_sample_free(sample);
	progress_expect(plan.rows);
	progress_phase(PHASE_INSERT);
	nworkers = build_workers(heap, index, info);
	if (nworkers == 0 || !build_parallel(heap, index, info, nworkers, &plan, result, &statistics))
	{
		build_serial(heap, index, info, &plan, result);
		progress_phase(PHASE_MEASURE);
		statistics_measure(index, result->index_tuples, &statistics);
	}
	index_set_statistics(index, &statistics);
	index_set_built(index);
	progress_end((uint64) result->index_tuples);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

void
hnswbuildempty(Relation index)
{
	/* the table is locked by who creates the index */
	Relation heap = table_open(index->rd_index->indrelid, NoLock);

	build_sample_free(create_pages(heap, index, NULL, INIT_FORKNUM, true));
	table_close(heap, NoLock);
}
