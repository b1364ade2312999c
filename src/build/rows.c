/*
 * build_rows.c: the way of a heap tuple into the graph, the same in every process of a build.
 *
 * As long as there is memory a row goes into the arena; the first process that finds none left
 * writes the arena to the file, and from then on all insert through the page store, as INSERT does.
 *
 * Locks: the arena's flush lock is held shared while a row is inserted into the arena, exclusively
 * to write it out.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "build/build.h"
#include "memory.h"
#include "miscadmin.h"

/* Codes of fewer bits than this are too coarse to choose neighbours by. */
#define MIN_BUILD_BITS 4
#define SIDE_BITS 8
/* Rows between two reports of progress. */
#define REPORT_ROWS 256

CodeSpec
build_spec(const CodeSpec *stored)
{
	CodeSpec spec = *stored;

	if (spec.bits < MIN_BUILD_BITS)
		spec.bits = SIDE_BITS;
	return spec;
}

Size
build_side_size(const CodeSpec *stored)
{
	CodeSpec spec = build_spec(stored);

	return spec.bits != stored->bits ? code_size(&spec) : 0;
}

const Coder *
build_coder(const IndexState *state)
{
	CodeSpec spec = build_spec(&state->shape.spec);

	if (spec.bits == state->shape.spec.bits)
		return state->coder;
	return coder_init(palloc_on_line(coder_size(&spec)), &spec, state->params);
}

static Size
scratch_size(const BuildRows *rows)
{
	Size size = Max(coder_scratch_size(rows->state->coder), coder_scratch_size(rows->build_coder));

	if (rows->state->vector_coder)
		size = Max(size, coder_scratch_size(rows->state->vector_coder));
	return size;
}

BuildRows *
build_rows_create(Relation heap, Relation index, IndexInfo *info, ArenaShared *shared,
				  dsa_area *area)
{
	BuildRows *rows = palloc0(sizeof(BuildRows));
	NodeId entry;

	rows->heap = heap;
	rows->index = index;
	rows->info = info;
	rows->state = index_state_get(index, &entry);
	rows->type = element_type(index);
	rows->shared = shared;
	rows->row_cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw build row", ALLOCSET_DEFAULT_SIZES);
	rows->build_coder = build_coder(rows->state);
	rows->arena = arena_attach(shared, area, index, rows->state, rows->build_coder);
	rows->insert = graph_insert_create(&rows->arena->store, rows->state->shape.ef_construction);
	rows->query = palloc_on_line(code_query_size(rows->build_coder));
	rows->vector = palloc_on_line(rows->state->shape.spec.dims * sizeof(float));
	rows->code = palloc_on_line(rows->state->layout.code_size);
	if (shared->side_size > 0)
		rows->side_code = palloc_on_line(shared->side_size);
	if (rows->state->layout.vector_size > 0)
		rows->stored = palloc_on_line(rows->state->layout.vector_size);
	rows->scratch = palloc_on_line(scratch_size(rows));
	rows->key_columns = key_columns_open(index, rows->state);
	return rows;
}

/* Encodes rows->vector in all the forms that are kept. */
static void
encode_row(BuildRows *rows)
{
	coder_encode(rows->state->coder, rows->vector, rows->code, rows->scratch);
	if (rows->side_code)
		coder_encode(rows->build_coder, rows->vector, rows->side_code, rows->scratch);
	if (rows->stored)
		coder_encode(rows->state->vector_coder, rows->vector, rows->stored, rows->scratch);
}

static void
insert_element(BuildRows *rows, GraphInsert *insert, const CodeQuery *query, const void *code,
			   ItemPointer tid, int layer)
{
	NewElement stored = {*tid, rows->code, rows->stored};
	GraphElement element = {code, &stored, NODE_NONE};

	graph_insert(insert, query, &element, layer);
}

/* Inserts into the arena; false if it is full or gone. */
static bool
insert_in_memory(BuildRows *rows, ItemPointer tid, int layer)
{
	ArenaShared *shared = rows->shared;
	bool done = false;

	if (shared->flushed)
		return false;
	coder_query(rows->build_coder, rows->query, rows->vector, rows->scratch);
	code_query_relative(rows->query);
	LWLockAcquire(&shared->flush_lock, LW_SHARED);
	if (!shared->flushed && rows->key_columns != NULL)
		arena_take_key(rows->arena, &rows->key);
	if (!shared->flushed && arena_reserve(rows->arena, rows->query))
	{
		insert_element(rows, rows->insert, rows->query,
					   rows->side_code ? rows->side_code : rows->code, tid, layer);
		arena_release(rows->arena);
		done = true;
	}
	LWLockRelease(&shared->flush_lock);
	return done;
}

/* Memory is used up: writes the arena out, unless another process has done so. */
static void
flush_full_arena(BuildRows *rows)
{
	ArenaShared *shared = rows->shared;

	if (shared->flushed)
		return;
	LWLockAcquire(&shared->flush_lock, LW_EXCLUSIVE);
	if (!shared->flushed)
	{
		ereport(NOTICE,
				(errmsg("hnsw graph no longer fits into maintenance_work_mem after " INT64_FORMAT
						" tuples",
						(int64) pg_atomic_read_u64(&shared->tuples)),
				 errdetail("Building will take significantly more time."),
				 errhint("Increase maintenance_work_mem to speed up builds.")));
		arena_flush(rows->arena);
	}
	Assert(shared->flushed);
	LWLockRelease(&shared->flush_lock);
}

static void
insert_in_pages(BuildRows *rows, ItemPointer tid, int layer)
{
	IndexState *state = rows->state;

	Assert(rows->shared->flushed && !LWLockHeldByMe(&rows->shared->flush_lock));
	if (rows->pages == NULL)
	{
		rows->pages = page_store_open(rows->index, state, false);
		rows->page_insert = graph_insert_create(&rows->pages->store, state->shape.ef_construction);
		rows->page_query = palloc_on_line(code_query_size(state->coder));
		if (rows->report)
			progress_phase(PHASE_INSERT_ON_DISK);
	}
	if (rows->key_columns != NULL)
		rows->pages->key = key_make(&rows->pages->reader, &rows->key, false);
	coder_query(state->coder, rows->page_query, rows->vector, rows->scratch);
	code_query_relative(rows->page_query);
	insert_element(rows, rows->page_insert, rows->page_query, rows->code, tid, layer);
}

static void
report_row(BuildRows *rows)
{
	uint64 tuples = pg_atomic_add_fetch_u64(&rows->shared->tuples, 1);

	if (rows->report && tuples % REPORT_ROWS == 0)
		progress_rows(tuples);
}

/* A row is not indexed.  Nobody has a plan by this index yet. */
static void
leave_out(Relation index, IndexState *state, uint16 flag)
{
	if (state->flags & flag)
		index_leave_out(index, state, flag, false);
}

static void
build_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	BuildRows *rows = arg;
	int column = index_vector_column(index);
	MemoryContext old;
	bool indexed;
	int layer;

	CHECK_FOR_INTERRUPTS();
	if (isnull[column])
	{
		leave_out(index, rows->state, META_NO_NULL);
		return;
	}
	old = MemoryContextSwitchTo(rows->row_cxt);
	indexed = element_read(rows->type, rows->state->shape.spec.dims, values[column], rows->vector);
	if (indexed && rows->key_columns != NULL)
		key_columns_probe(rows->key_columns, values, isnull, &rows->key);
	MemoryContextSwitchTo(old);
	if (!indexed)
	{
		MemoryContextReset(rows->row_cxt);
		leave_out(index, rows->state, META_NO_ZERO);
		return;
	}
	encode_row(rows);
	layer = graph_random_layer(rows->state->shape.m);
	if (!insert_in_memory(rows, tid, layer))
	{
		flush_full_arena(rows);
		insert_in_pages(rows, tid, layer);
	}
	MemoryContextReset(rows->row_cxt);
	report_row(rows);
}

double
build_rows_scan(BuildRows *rows, TableScanDesc scan)
{
	return table_index_build_scan(rows->heap, rows->index, rows->info, true, rows->report,
								  build_row, rows, scan);
}

void
build_rows_finish(BuildRows *rows)
{
	Assert(!LWLockHeldByMe(&rows->shared->flush_lock));
	progress_phase(PHASE_WRITE);
	if (!rows->shared->flushed)
		arena_flush(rows->arena);
}
