/*
 * rerank.c: measuring a scan's candidates exactly.
 *
 * The candidates come in order of their estimates, a few at a time, so that a query for few rows
 * measures few. Their slots are looked up in one batch, their vectors in another: from the index's
 * vector pages or, with rerank = table, from the rows themselves, fetched under the scan's snapshot
 * (rows that it does not see are left out here already). Where the code in the node is the vector,
 * it is measured there.
 *
 * But for copies in half precision, the distance is what the operator returns for the row, bit for
 * bit (for L2 its square, which orders alike): rows come in the order that the operator gives them.
 *
 * Locks: none; a heap page is pinned while its row is measured.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "code/metric.h"
#include "memory.h"
#include "miscadmin.h"
#include "rank/scan.h"

/*
 * Candidates measured at a time: about enough for LIMIT 10 at first, then fewer. A round more costs
 * less than a few large vectors in vain.
 */
#define FIRST_BATCH 16
#define NEXT_BATCH 8
#define FIRST_BATCH_LARGE 12
#define NEXT_BATCH_LARGE 4
#define LARGE_VECTOR 1024

void
scan_add_result(HnswScan *so, NodeId element, double dist, ItemPointer heap_tid, NodeId duplicates)
{
	ScanResult *result = MemoryContextAlloc(so->results.cxt, sizeof(ScanResult));

	result->dist = isnan(dist) ? INFINITY : dist;
	result->heap_tid = *heap_tid;
	result->element = element;
	result->duplicates = duplicates;
	pairingheap_add(so->results.measured, &result->heap_node);
	rows_expect(so, heap_tid);
}

TableMeasure *
scan_table(HnswScan *so)
{
	IndexScanDesc scan = so->scan;
	MemoryContext cxt;
	MemoryContext old;
	TableMeasure *table = so->table;

	if (table != NULL)
		return table;
	/* ends with the scan: what is left to the next scan is memory for any query */
	cxt = AllocSetContextCreate(so->cxt, "hnsw scan table", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	table = palloc0(sizeof(TableMeasure));
	table->cxt = cxt;
	table->heap = scan->heapRelation;
	table->fetch = table_index_fetch_begin(table->heap);
	table->slot = table_slot_create(table->heap, NULL);
	table->index_info = BuildIndexInfo(scan->indexRelation);
	table->estate = CreateExecutorState();
	GetPerTupleExprContext(table->estate)->ecxt_scantuple = table->slot;
	table->predicate = ExecPrepareQual(table->index_info->ii_Predicate, table->estate);
	table->tids = palloc(Max(so->state->layout.duplicates_per_slot, 1) * sizeof(ItemPointerData));
	table->row_cxt = AllocSetContextCreate(cxt, "hnsw scan row", ALLOCSET_DEFAULT_SIZES);
	table->coder = so->state->vector_coder ? so->state->vector_coder : so->state->coder;
	table->vector = palloc_on_line(so->state->shape.spec.dims * sizeof(float));
	table->code = palloc_on_line(Max(so->state->layout.vector_size, so->state->layout.code_size));
	MemoryContextSwitchTo(old);
	so->table = table;
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
	MemoryContextDelete(table->cxt);
	so->table = NULL;
}

/* The query, to be measured against what is re-ranked: prepared when it is first needed. */
static CodeQuery *
vector_query(HnswScan *so)
{
	if (so->state->vector_coder == NULL)
		return so->query.by_code;
	if (so->query.by_vector == NULL)
		so->query.by_vector = coder_query(so->state->vector_coder, so->query.vector_memory,
										  so->query.vector, so->query.scratch);
	return so->query.by_vector;
}

bool
scan_table_row_distance(HnswScan *so, double *dist)
{
	TableMeasure *table = so->table;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	int vector = index_vector_column(so->scan->indexRelation);
	MemoryContext old = MemoryContextSwitchTo(table->row_cxt);
	bool found;

	Assert(!TupIsNull(table->slot));
	FormIndexDatum(table->index_info, table->slot, table->estate, values, isnull);
	found = !isnull[vector];
	if (found && scan_measures_in_table(so))
	{
		*dist = so->type->distance(PG_DETOAST_DATUM(values[vector]), so->query.value);
		/* a zero vector is in no index for the cosine */
		found = !code_metric(so->type->metric)->is_angular || !isnan(*dist);
	}
	else if (found)
	{
		found = element_read(so->type, so->state->shape.spec.dims, values[vector], table->vector);
		if (found)
		{
			coder_encode(table->coder, table->vector, table->code, so->query.scratch);
			*dist = code_measure(vector_query(so), table->code);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(table->row_cxt);
	ResetPerTupleExprContext(table->estate);
	return found;
}

/* Measures one row of the table; false if the snapshot does not see it. */
static bool
table_distance(HnswScan *so, ItemPointer heap_tid, double *dist)
{
	TableMeasure *table = so->table;
	ItemPointerData tid = *heap_tid;
	bool call_again = false;
	bool all_dead;
	bool found;

	rows_check(so, &tid);
	so->counters.table_rows++;
	do
		found = table_index_fetch_tuple(table->fetch, &tid, so->scan->xs_snapshot, table->slot,
										&call_again, &all_dead);
	while (!found && call_again);
	if (!found)
		return false;
	found = scan_table_row_distance(so, dist);
	ExecClearTuple(table->slot);
	return found;
}

/* Measures a row of an element and adds it. */
static void
measure_row(HnswScan *so, NodeId element, ItemPointer tid)
{
	double dist;

	if (table_distance(so, tid, &dist))
		scan_add_result(so, element, dist, tid, NODE_NONE);
	else
		so->answered++; /* not to be made up for from beyond the pool */
}

/* The same with all rows of a list of duplicates and those behind it. */
static void
measure_duplicates(HnswScan *so, NodeId element, NodeId list)
{
	DuplicateCursor cursor = {element, list};

	while (cursor.list != NODE_NONE)
	{
		int n = duplicates_next(&so->pages->reader, &cursor, so->table->tids);

		for (int i = 0; i < n; i++)
			measure_row(so, element, &so->table->tids[i]);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
measure_in_table(HnswScan *so, const Candidate *candidates, const ElementRef *refs, int n)
{
	TableMeasure *table = scan_table(so);

	for (int i = 0; i < n; i++)
		if (refs[i].valid && ItemPointerIsValid(&refs[i].heap_tid))
		{
			rows_check(so, (ItemPointer) &refs[i].heap_tid);
			PrefetchBuffer(table->heap, MAIN_FORKNUM, ItemPointerGetBlockNumber(&refs[i].heap_tid));
		}
	for (int i = 0; i < n; i++)
	{
		ItemPointerData tid = refs[i].heap_tid;

		if (!refs[i].valid)
		{
			so->answered++;
			continue;
		}
		if (ItemPointerIsValid(&tid))
			measure_row(so, candidates[i].node, &tid);
		measure_duplicates(so, candidates[i].node, refs[i].duplicates);
		CHECK_FOR_INTERRUPTS();
	}
	table_index_fetch_reset(table->fetch);
}

int
scan_measure_rows(HnswScan *so, const ItemPointerData *tids, int n)
{
	TableMeasure *table = scan_table(so);
	int nvisible = 0;

	for (int i = 0; i < n; i++)
	{
		ItemPointerData tid = tids[i];
		double dist;

		CHECK_FOR_INTERRUPTS();
		if (!table_distance(so, &tid, &dist))
			continue;
		scan_add_result(so, NODE_NONE, dist, &tid, NODE_NONE);
		nvisible++;
	}
	table_index_fetch_reset(table->fetch);
	return nvisible;
}

static void
measure_in_index(HnswScan *so, const Candidate *candidates, const ElementRef *refs, int n)
{
	BlockNumber blocks[FIRST_BATCH];
	uint32 offsets[FIRST_BATCH];
	double dist[FIRST_BATCH];

	for (int i = 0; i < n; i++)
	{
		blocks[i] = refs[i].vector_block;
		offsets[i] = refs[i].vector_offset;
	}
	vector_distances(&so->pages->reader, vector_query(so), blocks, offsets, n, dist,
					 so->vector_copy);
	for (int i = 0; i < n; i++)
		if (refs[i].valid)
			scan_add_result(so, candidates[i].node, dist[i], (ItemPointer) &refs[i].heap_tid,
							refs[i].duplicates);
		else
			so->answered++;
}

/* How many candidates to measure now. */
static int
measure_batch(const HnswScan *so)
{
	bool large = so->state->layout.vector_size >= LARGE_VECTOR;
	int batch = large ? NEXT_BATCH_LARGE : NEXT_BATCH;

	if (so->queue.next == 0)
		batch = large ? FIRST_BATCH_LARGE : FIRST_BATCH;
	return Min(so->queue.n - so->queue.next, batch);
}

/*
 * Looks up the elements of candidates. An index with key columns never gives rows of other keys, be
 * the links or a standby's slots what they may.
 */
static void
look_up(HnswScan *so, const CodeQuery *query, const Candidate *candidates, int n, ElementRef *refs)
{
	page_store_elements(&so->pages->reader, query, candidates, n, refs);
	for (int i = 0; i < n && so->state->shape.nkeys > 0; i++)
		refs[i].valid &= scan_has_key(so, refs[i].key);
}

void
scan_measure(HnswScan *so)
{
	const Candidate *candidates = &so->queue.candidates[so->queue.next];
	int n = measure_batch(so);
	ElementRef refs[FIRST_BATCH];

	Assert(n > 0);
	so->queue.next += n;
	so->counters.reranked += n;
	if (so->filter != NULL)
		so->filter->reranked += n;
	if (!so->query.given || so->state->vector_coder == NULL)
	{
		look_up(so, so->query.given ? so->query.by_code : NULL, candidates, n, refs);
		for (int i = 0; i < n; i++)
			if (refs[i].valid)
				scan_add_result(so, candidates[i].node, refs[i].dist, &refs[i].heap_tid,
								refs[i].duplicates);
	}
	else
	{
		look_up(so, NULL, candidates, n, refs);
		if (scan_measures_in_table(so))
			measure_in_table(so, candidates, refs, n);
		else
			measure_in_index(so, candidates, refs, n);
	}
	for (int i = 0; i < n; i++)
		rows_expect_tuple(so, &refs[i].heap_tid);
}
