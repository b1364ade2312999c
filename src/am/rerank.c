/*
 * rerank.c: measuring a scan's candidates exactly.
 *
 * The candidates come in order of their estimates, a few at a time, so that a query for few rows measures few.  Their
 * slots are looked up in one batch, their vectors in another: from the index's vector pages or, with rerank = table,
 * from the rows themselves, fetched under the scan's snapshot (rows that it does not see are left out here already).
 * Where the code in the node is the exact vector, there is nothing to do but look up the rows.
 *
 * Locks: none; a heap page is pinned while its row is measured.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "am/scan.h"
#include "catalog/index.h"
#include "graph/memory.h"
#include "miscadmin.h"

/*
 * Candidates measured at a time: about enough for LIMIT 10 at first, then fewer.  A round more costs less than a few
 * large vectors in vain.
 */
#define FIRST_BATCH 16
#define NEXT_BATCH 8
#define FIRST_BATCH_LARGE 12
#define NEXT_BATCH_LARGE 4
#define LARGE_VECTOR 1024

static void
add_result(HnswScan *so, NodeId element, float dist, ItemPointer heap_tid, NodeId duplicates)
{
	ScanResult *result = MemoryContextAlloc(so->results_cxt, sizeof(ScanResult));

	result->dist = isnan(dist) ? INFINITY : dist;
	result->heap_tid = *heap_tid;
	result->element = element;
	result->duplicates = duplicates;
	pairingheap_add(so->measured, &result->heap_node);
	rows_expect(so, heap_tid);
}

static TableMeasure *
table_begin(HnswScan *so)
{
	MemoryContext old = MemoryContextSwitchTo(so->cxt);
	TableMeasure *table = palloc0(sizeof(TableMeasure));
	IndexScanDesc scan = so->scan;

	table->heap = scan->heapRelation;
	table->fetch = table_index_fetch_begin(table->heap);
	table->slot = table_slot_create(table->heap, NULL);
	table->index_info = BuildIndexInfo(scan->indexRelation);
	table->estate = CreateExecutorState();
	GetPerTupleExprContext(table->estate)->ecxt_scantuple = table->slot;
	table->cxt = AllocSetContextCreate(so->cxt, "hnsw scan row", ALLOCSET_DEFAULT_SIZES);
	table->vector = palloc_on_line(so->state->spec.dims * sizeof(float));
	MemoryContextSwitchTo(old);
	return table;
}

void
scan_table_end(HnswScan *so)
{
	TableMeasure *table = so->table;

	if (table == NULL)
		return;
	table_index_fetch_end(table->fetch);
	ExecDropSingleTupleTableSlot(table->slot);
	FreeExecutorState(table->estate);
	so->table = NULL;
}

/* Measures one row of the table; false if the snapshot does not see it. */
static bool
table_distance(HnswScan *so, ItemPointer heap_tid, float *dist)
{
	TableMeasure *table = so->table;
	ItemPointerData tid = *heap_tid;
	bool call_again = false;
	bool all_dead;
	bool found;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	MemoryContext old;

	rows_check(so, &tid);
	do
		found = table_index_fetch_tuple(table->fetch, &tid, so->scan->xs_snapshot, table->slot, &call_again, &all_dead);
	while (!found && call_again);
	if (!found)
		return false;
	old = MemoryContextSwitchTo(table->cxt);
	FormIndexDatum(table->index_info, table->slot, table->estate, values, isnull);
	found = !isnull[0];
	if (found && so->type->distance != NULL)
		*dist = (float) so->type->distance(so->query_value, PG_DETOAST_DATUM(values[0]));
	else if (found)
	{
		found = element_read(so->type, so->state->spec.dims, values[0], table->vector);
		if (found)
			*dist = code_distance(so->vector_query, table->vector, NULL);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(table->cxt);
	ResetPerTupleExprContext(table->estate);
	ExecClearTuple(table->slot);
	return found;
}

/* The element whose duplicates are being measured. */
typedef struct TableArg
{
	HnswScan *so;
	NodeId element;
} TableArg;

static void
table_measure(ItemPointer tid, void *arg)
{
	TableArg *element = arg;
	float dist;

	if (table_distance(element->so, tid, &dist))
		add_result(element->so, element->element, dist, tid, NODE_NONE);
	else
		element->so->allowance--; /* not to be made up for from beyond the pool */
}

static void
measure_in_table(HnswScan *so, const Candidate *candidates, const ElementRef *refs, int n)
{
	if (so->table == NULL)
		so->table = table_begin(so);
	for (int i = 0; i < n; i++)
		if (refs[i].valid && ItemPointerIsValid(&refs[i].heap_tid))
		{
			rows_check(so, (ItemPointer) &refs[i].heap_tid);
			PrefetchBuffer(so->table->heap, MAIN_FORKNUM, ItemPointerGetBlockNumber(&refs[i].heap_tid));
		}
	for (int i = 0; i < n; i++)
	{
		TableArg arg = {so, candidates[i].node};
		ItemPointerData tid = refs[i].heap_tid;

		if (!refs[i].valid)
		{
			so->allowance--;
			continue;
		}
		if (ItemPointerIsValid(&tid))
			table_measure(&tid, &arg);
		if (refs[i].duplicates != NODE_NONE)
			duplicates_read(&so->pages->reader, candidates[i].node, refs[i].duplicates, table_measure, &arg);
		CHECK_FOR_INTERRUPTS();
	}
	table_index_fetch_reset(so->table->fetch);
}

static void
measure_in_index(HnswScan *so, const Candidate *candidates, const ElementRef *refs, int n)
{
	BlockNumber blocks[FIRST_BATCH];
	uint32 offsets[FIRST_BATCH];
	float dist[FIRST_BATCH];

	for (int i = 0; i < n; i++)
	{
		blocks[i] = refs[i].vector_block;
		offsets[i] = refs[i].vector_offset;
	}
	vector_distances(&so->pages->reader, so->vector_query, blocks, offsets, n, dist, so->vector_copy);
	for (int i = 0; i < n; i++)
		if (refs[i].valid)
			add_result(so, candidates[i].node, dist[i], (ItemPointer) &refs[i].heap_tid, refs[i].duplicates);
		else
			so->allowance--;
}

/* How many candidates to measure now. */
static int
measure_batch(const HnswScan *so)
{
	bool large = so->state->layout.vector_size >= LARGE_VECTOR;
	int batch = large ? NEXT_BATCH_LARGE : NEXT_BATCH;

	if (so->next == 0)
		batch = large ? FIRST_BATCH_LARGE : FIRST_BATCH;
	return Min(so->nqueue - so->next, batch);
}

void
scan_measure(HnswScan *so)
{
	const Candidate *candidates = &so->queue[so->next];
	int n = measure_batch(so);
	ElementRef refs[FIRST_BATCH];

	Assert(n > 0);
	so->next += n;
	if (!so->has_query || so->state->vector_coder == NULL)
	{
		page_store_elements(&so->pages->reader, so->has_query ? so->query : NULL, candidates, n, refs);
		for (int i = 0; i < n; i++)
			if (refs[i].valid)
				add_result(so, candidates[i].node, refs[i].dist, &refs[i].heap_tid, refs[i].duplicates);
	}
	else
	{
		page_store_elements(&so->pages->reader, NULL, candidates, n, refs);
		if (so->vector_query == NULL)
			so->vector_query =
				coder_query(so->state->vector_coder, so->vector_query_memory, so->query_vector, so->scratch);
		if (so->state->layout.vector_size > 0)
			measure_in_index(so, candidates, refs, n);
		else
			measure_in_table(so, candidates, refs, n);
	}
	for (int i = 0; i < n; i++)
		rows_expect_tuple(so, &refs[i].heap_tid);
}
