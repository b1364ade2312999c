/*
 * build_parallel.c: a build by several processes.
 *
 * The leader takes part like a worker. All insert into one arena in a DSA area, reading the table
 * by one parallel scan; when the last is done the leader writes the arena to the file. Then all log
 * the pages, a piece at a time: with long vectors that is the better part of what is not building
 * the graph. Before it joins them the leader measures what searches need, which only reads; it is
 * written when all is logged.
 *
 * The segment holds: BuildShared, the parallel table scan, the arena's ArenaShared, the DSA area's
 * control, the query text, and each worker's WAL and buffer usage.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xloginsert.h"
#include "build/build.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

#define KEY_SHARED UINT64CONST(0xA500000000000001)
#define KEY_SCAN UINT64CONST(0xA500000000000002)
#define KEY_ARENA UINT64CONST(0xA500000000000003)
#define KEY_AREA UINT64CONST(0xA500000000000004)
#define KEY_QUERY_TEXT UINT64CONST(0xA500000000000005)
#define KEY_WAL_USAGE UINT64CONST(0xA500000000000006)
#define KEY_BUFFER_USAGE UINT64CONST(0xA500000000000007)

/* The part of the area that lies in the segment; the rest comes when it is needed. */
#define AREA_INITIAL_SIZE (256 * 1024)
/* What a process of a build needs at least, as for other parallel index builds. */
#define MIN_MEMORY_PER_PROCESS_KB (32 * 1024)
/* Blocks that a process logs at a time. */
#define LOG_BLOCKS 256

typedef struct BuildShared
{
	Oid heap;
	Oid index;
	bool concurrent;
	ConditionVariable done_cv;    /* a process has inserted its rows */
	ConditionVariable written_cv; /* the leader has written all pages */
	pg_atomic_uint64 log_next;    /* the first block that no process has taken to log */
	slock_t mutex;
	/* under the mutex */
	int ndone;
	double heap_tuples;
	bool broken_hot_chain;
	BlockNumber log_end; /* blocks to log; InvalidBlockNumber until all are written */
} BuildShared;

typedef struct BuildLeader
{
	ParallelContext *pcxt;
	Snapshot snapshot;
	BuildShared *shared;
	ArenaShared *arena;
	dsa_area *area;
	char *area_place;
	ParallelTableScanDesc scan;
	WalUsage *wal_usage;
	BufferUsage *buffer_usage;
	int nprocesses;
} BuildLeader;

/* May any process evaluate the index's expressions?  What has none, every process can build. */
static bool
is_plain_index(IndexInfo *info)
{
	return info->ii_Expressions == NIL && info->ii_Predicate == NIL;
}

/*
 * What plan_create_index_workers() would say if the vectors lay in the table itself: it only looks
 * at the table's own pages, and long vectors are out of line.
 */
static int
workers_for_toast(Relation heap)
{
	int64 blocks = RelationGetNumberOfBlocks(heap);
	int64 threshold = Max(min_parallel_table_scan_size, 1);
	int workers = 0;

	if (OidIsValid(heap->rd_rel->reltoastrelid))
	{
		Relation toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);

		blocks += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	for (; blocks >= threshold && workers < max_parallel_maintenance_workers; threshold *= 3)
		workers++;
	while (workers > 0 && maintenance_work_mem / (workers + 1) < MIN_MEMORY_PER_PROCESS_KB)
		workers--;
	return workers;
}

int
build_workers(Relation heap, Relation index, IndexInfo *info)
{
	int workers;

	/* a temporary table's buffers are this backend's own, and so is the catalog at bootstrap */
	if (heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP || !IsNormalProcessingMode() ||
		max_parallel_maintenance_workers == 0)
		return 0;
	workers = plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
	if (workers == 0 && is_plain_index(info) && RelationGetParallelWorkers(heap, -1) == -1)
		workers = workers_for_toast(heap);
	return workers;
}

/* Inserts this process's share of the rows and adds its counts to the shared ones. */
static void
participate(BuildRows *rows, BuildShared *shared, ParallelTableScanDesc scan)
{
	double heap_tuples = build_rows_scan(rows, table_beginscan_parallel(rows->heap, scan));

	SpinLockAcquire(&shared->mutex);
	shared->ndone++;
	shared->heap_tuples += heap_tuples;
	if (rows->info->ii_BrokenHotChain)
		shared->broken_hot_chain = true;
	SpinLockRelease(&shared->mutex);
	ConditionVariableSignal(&shared->done_cv);
}

static void
wait_for_workers(BuildShared *shared, ArenaShared *arena, int nprocesses)
{
	for (;;)
	{
		bool done;

		SpinLockAcquire(&shared->mutex);
		done = shared->ndone == nprocesses;
		Assert(shared->ndone <= nprocesses);
		SpinLockRelease(&shared->mutex);
		if (done)
			break;
		progress_rows(pg_atomic_read_u64(&arena->tuples));
		ConditionVariableTimedSleep(&shared->done_cv, 1000, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

/* Logs pages until all are taken.  When they are written. */
static void
log_share(Relation index, BuildShared *shared)
{
	Assert(shared->log_end != InvalidBlockNumber);
	for (;;)
	{
		uint64 block = pg_atomic_fetch_add_u64(&shared->log_next, LOG_BLOCKS);

		CHECK_FOR_INTERRUPTS();
		if (block >= shared->log_end)
			break;
		log_newpage_range(index, MAIN_FORKNUM, (BlockNumber) block,
						  (BlockNumber) Min(block + LOG_BLOCKS, shared->log_end), true);
	}
}

/* The leader has written all pages: the workers begin to log them. */
static void
let_log(Relation index, BuildShared *shared)
{
	BlockNumber end = RelationNeedsWAL(index) ? RelationGetNumberOfBlocks(index) : 0;

	Assert(shared->log_end == InvalidBlockNumber);
	SpinLockAcquire(&shared->mutex);
	shared->log_end = end;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->written_cv);
}

/* A worker's part. */
static void
wait_and_log(Relation index, BuildShared *shared)
{
	for (;;)
	{
		bool written;

		SpinLockAcquire(&shared->mutex);
		written = shared->log_end != InvalidBlockNumber;
		SpinLockRelease(&shared->mutex);
		if (written)
			break;
		ConditionVariableSleep(&shared->written_cv, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
	log_share(index, shared);
}

static void
estimate_chunk(ParallelContext *pcxt, Size size)
{
	shm_toc_estimate_chunk(&pcxt->estimator, size);
	shm_toc_estimate_keys(&pcxt->estimator, 1);
}

static void *
add_chunk(ParallelContext *pcxt, uint64 key, Size size)
{
	void *chunk = shm_toc_allocate(pcxt->toc, size);

	shm_toc_insert(pcxt->toc, key, chunk);
	return chunk;
}

static void
leader_fill(BuildLeader *leader, Relation heap, Relation index, IndexInfo *info,
			const IndexState *state, const ArenaPlan *plan)
{
	ParallelContext *pcxt = leader->pcxt;

	leader->shared = add_chunk(pcxt, KEY_SHARED, sizeof(BuildShared));
	memset(leader->shared, 0, sizeof(BuildShared));
	leader->shared->heap = RelationGetRelid(heap);
	leader->shared->index = RelationGetRelid(index);
	leader->shared->concurrent = info->ii_Concurrent;
	ConditionVariableInit(&leader->shared->done_cv);
	ConditionVariableInit(&leader->shared->written_cv);
	pg_atomic_init_u64(&leader->shared->log_next, 0);
	leader->shared->log_end = InvalidBlockNumber;
	SpinLockInit(&leader->shared->mutex);

	leader->scan = add_chunk(pcxt, KEY_SCAN, table_parallelscan_estimate(heap, leader->snapshot));
	table_parallelscan_initialize(heap, leader->scan, leader->snapshot);
	leader->arena = add_chunk(pcxt, KEY_ARENA, arena_shared_size(&state->layout, plan));
	arena_shared_init(leader->arena, &state->layout, plan);
	leader->area_place = add_chunk(pcxt, KEY_AREA, AREA_INITIAL_SIZE);
	leader->area = dsa_create_in_place(leader->area_place, AREA_INITIAL_SIZE,
									   leader->arena->flush_lock.tranche, pcxt->seg);
	arena_bound_area(leader->arena, leader->area);
	leader->wal_usage = add_chunk(pcxt, KEY_WAL_USAGE, mul_size(sizeof(WalUsage), pcxt->nworkers));
	leader->buffer_usage =
		add_chunk(pcxt, KEY_BUFFER_USAGE, mul_size(sizeof(BufferUsage), pcxt->nworkers));
	if (debug_query_string)
	{
		Size size = strlen(debug_query_string) + 1;

		memcpy(add_chunk(pcxt, KEY_QUERY_TEXT, size), debug_query_string, size);
	}
}

static void
leader_end(BuildLeader *leader)
{
	if (leader->area)
		dsa_detach(leader->area);
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(leader->pcxt);
	ExitParallelMode();
}

/* Sets up the segment and starts workers; false, with everything undone, if there are none. */
static bool
leader_begin(BuildLeader *leader, Relation heap, Relation index, IndexInfo *info, int nworkers,
			 const ArenaPlan *plan)
{
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);
	Size shared_size = arena_shared_size(&state->layout, plan);
	ParallelContext *pcxt;

	if (!arena_shm_fits(shared_size))
		return false;
	EnterParallelMode();
	pcxt = leader->pcxt =
		CreateParallelContext("$libdir/hnswc", "hnsw_parallel_build_main", nworkers);
	leader->snapshot =
		info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	estimate_chunk(pcxt, sizeof(BuildShared));
	estimate_chunk(pcxt, table_parallelscan_estimate(heap, leader->snapshot));
	estimate_chunk(pcxt, shared_size);
	estimate_chunk(pcxt, AREA_INITIAL_SIZE);
	estimate_chunk(pcxt, mul_size(sizeof(WalUsage), pcxt->nworkers));
	estimate_chunk(pcxt, mul_size(sizeof(BufferUsage), pcxt->nworkers));
	if (debug_query_string)
		estimate_chunk(pcxt, strlen(debug_query_string) + 1);
	InitializeParallelDSM(pcxt);
	if (pcxt->seg == NULL)
	{
		leader_end(leader);
		return false;
	}
	leader_fill(leader, heap, index, info, state, plan);
	LaunchParallelWorkers(pcxt);
	if (pcxt->nworkers_launched == 0)
	{
		leader_end(leader);
		return false;
	}
	leader->nprocesses = pcxt->nworkers_launched + 1;
	return true;
}

bool
build_parallel(Relation heap, Relation index, IndexInfo *info, int nworkers, const ArenaPlan *plan,
			   IndexBuildResult *result, IndexStatistics *statistics)
{
	BuildLeader leader = {0};
	BuildRows *rows;

	if (!leader_begin(&leader, heap, index, info, nworkers, plan))
		return false;
	rows = build_rows_create(heap, index, info, leader.arena, leader.area);
	rows->report = true;
	participate(rows, leader.shared, leader.scan);
	/* a worker that could not even start is an error here, not an endless wait below */
	WaitForParallelWorkersToAttach(leader.pcxt);
	wait_for_workers(leader.shared, leader.arena, leader.nprocesses);
	result->heap_tuples = leader.shared->heap_tuples;
	result->index_tuples = pg_atomic_read_u64(&leader.arena->tuples);
	info->ii_BrokenHotChain |= leader.shared->broken_hot_chain;
	build_rows_finish(rows);
	let_log(index, leader.shared);
	progress_phase(PHASE_MEASURE);
	statistics_measure(index, result->index_tuples, statistics);
	progress_phase(PHASE_LOG);
	log_share(index, leader.shared);
	WaitForParallelWorkersToFinish(leader.pcxt);
	for (int i = 0; i < leader.pcxt->nworkers_launched; i++)
		InstrAccumParallelQuery(&leader.buffer_usage[i], &leader.wal_usage[i]);
	leader_end(&leader);
	return true;
}

void
hnsw_parallel_build_main(dsm_segment *seg, shm_toc *toc)
{
	BuildShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	ArenaShared *arena = shm_toc_lookup(toc, KEY_ARENA, false);
	WalUsage *wal_usage = shm_toc_lookup(toc, KEY_WAL_USAGE, false);
	BufferUsage *buffer_usage = shm_toc_lookup(toc, KEY_BUFFER_USAGE, false);
	LOCKMODE heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	LOCKMODE index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
	dsa_area *area;
	Relation heap;
	Relation index;
	IndexInfo *info;

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	heap = table_open(shared->heap, heap_lock);
	index = index_open(shared->index, index_lock);
	info = BuildIndexInfo(index);
	info->ii_Concurrent = shared->concurrent;
	area = dsa_attach_in_place(shm_toc_lookup(toc, KEY_AREA, false), seg);
	InstrStartParallelQuery();
	participate(build_rows_create(heap, index, info, arena, area), shared,
				shm_toc_lookup(toc, KEY_SCAN, false));
	wait_and_log(index, shared);
	InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);
	dsa_detach(area);
	index_close(index, index_lock);
	table_close(heap, heap_lock);
}
