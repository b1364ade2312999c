/*
 * build.c: CREATE INDEX, from the training of the codes to the WAL.
 *
 * Pages are not logged while they are built; the whole file is, once, at the end.  Until then nobody else can see the
 * index, and after a crash the file is gone.
 */
#include "postgres.h"

#include "access/xloginsert.h"
#include "am/am.h"
#include "am/build.h"
#include "commands/progress.h"
#include "graph/memory.h"
#include "miscadmin.h"
#include "pgstat.h"

char *
hnswbuildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case PHASE_LOAD:
			return "loading tuples";
		case PHASE_WRITE:
			return "writing pages";
		default:
			return NULL;
	}
}

/* Writes the pages of an index without rows, with parameters learned from the table if there is one. */
static void
create_pages(Relation heap, Relation index, IndexInfo *info, ForkNumber fork, bool wal)
{
	IndexShape shape;
	void *params;

	options_shape(index, &shape);
	params = palloc_aligned(code_params_size(&shape.spec));
	build_train(heap, index, info, &shape, params);
	index_create_pages(index, fork, &shape, params, wal);
}

/* The table's rows cannot be more than this. */
static double
max_rows(Relation heap)
{
	return Max((double) RelationGetNumberOfBlocks(heap) * MaxHeapTuplesPerPage, MaxHeapTuplesPerPage);
}

static void
build_serial(Relation heap, Relation index, IndexInfo *info, double *heap_tuples, double *index_tuples)
{
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);
	Size memory = (Size) maintenance_work_mem * 1024;
	double most = max_rows(heap);
	ArenaShared *shared = palloc_aligned(arena_shared_size(&state->layout, memory, most));
	BuildRows *rows;

	arena_shared_init(shared, &state->layout, memory, most, build_side_size(state));
	rows = build_rows_create(heap, index, info, shared, NULL);
	rows->report = true;
	*heap_tuples = build_rows_scan(rows, NULL);
	*index_tuples = pg_atomic_read_u64(&shared->tuples);
	build_rows_finish(rows);
}

IndexBuildResult *
hnswbuild(Relation heap, Relation index, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int nworkers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE);
	create_pages(heap, index, info, MAIN_FORKNUM, false);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, PHASE_LOAD);
	nworkers = build_workers(heap, index, info);
	if (nworkers == 0 || !build_parallel(heap, index, info, nworkers, &result->heap_tuples, &result->index_tuples))
		build_serial(heap, index, info, &result->heap_tuples, &result->index_tuples);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) result->index_tuples);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

void
hnswbuildempty(Relation index)
{
	create_pages(NULL, index, NULL, INIT_FORKNUM, true);
}
