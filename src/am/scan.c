/*
 * scan.c: ORDER BY embedding <-> query: the callbacks, the memory of a scan, and its query.  How it
 * comes by its rows is rank/stages.c's.
 *
 * A scan's memory is kept from one to the next of the same index. Opening an index and reading the
 * query wait until the first row is asked for.
 *
 * Under an MVCC snapshot it is harmless to return the TID of a row that vacuum has removed
 * meanwhile: whatever took its place is not visible to the snapshot. Other snapshots are refused.
 *
 * Locks: none.  See src/node/README for why pins are enough.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "am/am.h"
#include "memory.h"
#include "pgstat.h"
#include "rank/scan.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Bytes that a scan may leave to the next one. */
#define MAX_SPARE_MEMORY (2 * 1024 * 1024)

IndexScanDesc
hnswbeginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);

	scan->opaque = NULL;
	return scan;
}

static int
result_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const ScanResult *x = pairingheap_const_container(ScanResult, heap_node, a);
	const ScanResult *y = pairingheap_const_container(ScanResult, heap_node, b);

	if (x->dist != y->dist)
		return x->dist < y->dist ? 1 : -1;
	return (x->element < y->element) - (x->element > y->element);
}

/* Memory for scans of an index: everything that depends on it alone. */
static HnswScan *
scan_allocate(Relation index, IndexState *state)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	HnswScan *so = palloc0(sizeof(HnswScan));
	size_t scratch;

	so->cxt = cxt;
	so->results.cxt = AllocSetContextCreate(cxt, "hnsw scan results", ALLOCSET_SMALL_SIZES);
	so->state = state;
	so->type = element_type(index);
	so->pages = page_store_open(index, state, true);
	so->search = graph_search_create(&so->pages->store, true);
	so->query.vector = palloc_on_line(state->shape.spec.dims * sizeof(float));
	so->query.memory = palloc_on_line(code_query_size(state->coder));
	scratch = coder_scratch_size(state->coder);
	if (state->vector_coder)
	{
		scratch = Max(scratch, coder_scratch_size(state->vector_coder));
		so->query.vector_memory = palloc_on_line(code_query_size(state->vector_coder));
		so->vector_copy = palloc_on_line(state->layout.vector_size);
	}
	so->query.scratch = palloc_on_line(scratch);
	so->key_columns = key_columns_open(index, state);
	so->results.tids = palloc(Max(state->layout.duplicates_per_slot, 1) * sizeof(ItemPointerData));
	so->results.measured = pairingheap_allocate(result_compare, NULL);
	so->results.stragglers = pairingheap_allocate(result_compare, NULL);
	scan_queue_create(so);
	MemoryContextSwitchTo(old);
	return so;
}

/* Makes a scan ready to start. */
static void
scan_reset(HnswScan *so)
{
	MemoryContextReset(so->results.cxt);
	pairingheap_reset(so->results.measured);
	pairingheap_reset(so->results.stragglers);
	so->stage = SCAN_START;
	scan_queue_reset(so);
	so->results.ntids = so->results.next_tid = 0;
	so->results.duplicates.list = NODE_NONE;
	so->query.by_vector = NULL;
	if (so->rest != NULL)
		sorted_free(so->rest);
	so->rest = NULL;
	so->set.n = 0;
	so->results.ngiven = 0;
	so->graphs = NULL;
	so->ngraphs = 0;
}

/*
 * Begins a scan, in the memory of the last one of the index in this session if nobody else uses
 * that.
 */
static HnswScan *
scan_create(IndexScanDesc scan, IndexState *state)
{
	HnswScan *so = state->spare_scan;

	if (so != NULL)
	{
		state->spare_scan = NULL;
		MemoryContextSetParent(so->cxt, CurrentMemoryContext);
	}
	else
		so = scan_allocate(scan->indexRelation, state);
	Assert(so->rest == NULL && so->table == NULL && so->stage == SCAN_START);
	so->scan = scan;
	reader_init(&so->pages->reader, scan->indexRelation, state);
	so->nodes = running_nodes(scan);
	so->cutoff = cutoff_find(so->nodes.node);
	counters_forget(so);
	rows_begin(so);
	return so;
}

/* Ends a scan; ordinary amounts of memory are left to the next one. */
static void
scan_free(HnswScan *so)
{
	scan_reset(so);
	scan_table_end(so);
	so->filter = NULL;
	so->pages->wanted = NULL;
	if (so->state->spare_scan == NULL &&
		MemoryContextMemAllocated(so->cxt, true) <= MAX_SPARE_MEMORY)
	{
		so->state->spare_scan = so;
		MemoryContextSetParent(so->cxt, so->state->cxt);
	}
	else
		MemoryContextDelete(so->cxt);
}

void
hnswrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	HnswScan *so = (HnswScan *) scan->opaque;

	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	if (so != NULL)
	{
		counters_end(so);
		scan_reset(so);
	}
}

void
hnswendscan(IndexScanDesc scan)
{
	if (scan->opaque)
	{
		counters_end((HnswScan *) scan->opaque);
		scan_free((HnswScan *) scan->opaque);
	}
	scan->opaque = NULL;
}

/*
 * A superuser may have added operators to the family whose right side is of another type than an
 * index's values.
 */
static void
check_query_type(IndexScanDesc scan)
{
	Oid type = scan->orderByData[0].sk_subtype;

	if (OidIsValid(type) &&
		type != scan->indexRelation->rd_opcintype[index_vector_column(scan->indexRelation)])
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" cannot be ordered by the distance from a value of type %s",
						RelationGetRelationName(scan->indexRelation), format_type_be(type))));
}

/* Opens the index, in the memory of the scan as it was; returns the entry point. */
static NodeId
scan_open(IndexScanDesc scan)
{
	HnswScan *so = (HnswScan *) scan->opaque;
	RowFilter *filter = so != NULL ? so->filter : NULL;
	NodeId entry;
	IndexState *state = index_state_get(scan->indexRelation, &entry);

	if (so != NULL && so->state != state)
	{
		scan->opaque = NULL;
		scan_free(so);
		so = NULL;
	}
	if (so == NULL)
		scan->opaque = so = scan_create(scan, state);
	so->filter = filter;
	return entry;
}

void
scan_set_filter(IndexScanDesc scan, RowFilter *filter)
{
	(void) scan_open(scan);
	((HnswScan *) scan->opaque)->filter = filter;
}

/* Opens the index and reads the query when the first row is asked for. */
static void
scan_start(IndexScanDesc scan)
{
	HnswScan *so = (HnswScan *) scan->opaque;
	NodeId entry;
	IndexState *state;
	Datum query;

	if (scan->numberOfOrderBys == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot scan hnsw index without order"),
						errhint("Order by the distance of the index's operator class.")));
	check_query_type(scan);
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("non-MVCC snapshots are not supported with hnsw")));

	PGSTAT_COUNT_INDEX_SCAN(scan);
	entry = scan_open(scan);
	so = (HnswScan *) scan->opaque;
	state = so->state;
	so->pages->known_entry = entry;
	so->results.nreturned = 0;
	so->nelements = Max(scan->indexRelation->rd_rel->reltuples, state->tuples);
	if (state->shape.nkeys > 0)
		scan_find_graphs(so);
	so->settings = settings_of(scan->indexRelation);
	so->widths = state->recall;
	if (recall_width(&so->widths, RECALL_MOST_SHARE, 1) == 0)
		so->settings.recall = 0; /* it is not known how */
	so->results.last_dist = -INFINITY;
	so->cutoff_dist = NAN;
	query = scan->orderByData[0].sk_argument;
	so->query.given = !(scan->orderByData[0].sk_flags & SK_ISNULL) &&
					  element_read_query(so->type, state->shape.spec.dims, query, so->query.vector);
	if (so->query.given && scan_measures_in_table(so))
	{
		MemoryContext old = MemoryContextSwitchTo(so->cxt);

		if (so->query.value)
			pfree(so->query.value);
		so->query.value = PG_DETOAST_DATUM_COPY(query);
		MemoryContextSwitchTo(old);
	}
	Assert(so->rest == NULL && so->results.ntids == 0 && so->queue.n == 0 &&
		   pairingheap_is_empty(so->results.measured));
	counters_begin(so);
	so->sweep_block = HNSWC_META_BLOCK + 1;
	so->sweep_end = InvalidBlockNumber;
	scan_begin(so);
}

bool
hnswgettuple(IndexScanDesc scan, ScanDirection dir)
{
	HnswScan *so = (HnswScan *) scan->opaque;
	ScanStep step;
	bool found;

	Assert(ScanDirectionIsForward(dir));
	step_begin(&step);
	if (so == NULL || so->stage == SCAN_START)
	{
		scan_start(scan);
		so = (HnswScan *) scan->opaque;
	}
	found = scan_next_row(so);
	step_end(&step, &so->counters);
	return found;
}

bool
scan_counters(IndexScanDesc scan, ScanCounters *counters)
{
	if (scan == NULL || scan->indexRelation->rd_indam->amgettuple != hnswgettuple ||
		scan->opaque == NULL)
		return false;
	return counters_of((const HnswScan *) scan->opaque, counters);
}
