/*
 * scan.c: ORDER BY embedding <-> query.
 *
 * A search of the graph gives candidates in rounds, by estimated distance (rounds.c). Their exact
 * distances are measured as they are needed: the nearest measured row is returned as soon as no
 * candidate left can be nearer, by the lower bounds of the estimates. When the executor wants more
 * rows than a round was for, the search goes on where it stood. When the graph is exhausted, or the
 * memory for a search, what is left in the index comes in order of distance (sweep.c); when a
 * search has cost as much as reading the table would, the same of the table's rows that pass the
 * filter (exact.c). So a query with a LIMIT is short of rows only when the table is, or when
 * hnsw.iterative_scan or hnsw.max_scan_tuples says so.
 *
 * The rows and their order depend on the index, the query and the settings, but not on how many
 * rows are asked for.
 *
 * In strict order a row that is found after a farther one has been returned cannot be returned in
 * its place any more: it is kept back and returned last, when there is nothing else, rather than
 * lost.
 *
 * Under an MVCC snapshot it is harmless to return the TID of a row that vacuum has removed
 * meanwhile: whatever took its place is not visible to the snapshot. Other snapshots are refused.
 *
 * Locks: none.  See src/page/README for why pins are enough.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/relscan.h"
#include "am/scan.h"
#include "distance/distance.h"
#include "graph/memory.h"
#include "miscadmin.h"
#include "pgstat.h"
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
	so->results_cxt = AllocSetContextCreate(cxt, "hnsw scan results", ALLOCSET_SMALL_SIZES);
	so->state = state;
	so->type = element_type(index);
	so->pages = page_store_open(index, state, true);
	so->search = graph_search_create(&so->pages->store, true);
	so->query_vector = palloc_on_line(state->spec.dims * sizeof(float));
	so->query_memory = palloc_on_line(code_query_size(state->coder));
	scratch = coder_scratch_size(state->coder);
	if (state->vector_coder)
	{
		scratch = Max(scratch, coder_scratch_size(state->vector_coder));
		so->vector_query_memory = palloc_on_line(code_query_size(state->vector_coder));
		so->vector_copy = palloc_on_line(state->layout.vector_size);
	}
	so->scratch = palloc_on_line(scratch);
	so->tids = palloc(Max(state->layout.duplicates_per_slot, 1) * sizeof(ItemPointerData));
	so->measured = pairingheap_allocate(result_compare, NULL);
	so->stragglers = pairingheap_allocate(result_compare, NULL);
	scan_queue_create(so);
	MemoryContextSwitchTo(old);
	return so;
}

/* Makes a scan ready to start. */
static void
scan_reset(HnswScan *so)
{
	MemoryContextReset(so->results_cxt);
	pairingheap_reset(so->measured);
	pairingheap_reset(so->stragglers);
	so->stage = SCAN_START;
	scan_queue_reset(so);
	so->ntids = so->next_tid = 0;
	so->duplicates.list = NODE_NONE;
	so->vector_query = NULL;
	if (so->rest != NULL)
		sorted_free(so->rest);
	so->rest = NULL;
	so->set.n = 0;
	so->ngiven = 0;
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
	so->cutoff = cutoff_find(so->nodes.scan);
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

/* Forgets what has been queued and measured. */
static void
scan_forget(HnswScan *so)
{
	scan_queue_reset(so);
	pairingheap_reset(so->measured);
}

/* Goes on without the search: what it has met is as good as any now. */
static void
scan_enter(HnswScan *so, ScanStage stage)
{
	Assert(stage > so->stage);
	so->stage = stage;
	so->due = PG_INT64_MAX;
	if (stage == SCAN_STRAGGLERS)
	{
		pairingheap *empty = so->measured;

		Assert(pairingheap_is_empty(empty));
		so->measured = so->stragglers;
		so->stragglers = empty;
		so->last_dist = -INFINITY;
	}
}

/* The search is at its end, or may not go on. */
static void
scan_leave_graph(HnswScan *so)
{
	Assert(so->stage == SCAN_GRAPH);
	if (so->settings.iterative_scan == ITERATIVE_SCAN_OFF)
		scan_enter(so, SCAN_DONE);
	else if (round_at_limit(so) && so->due < PG_INT64_MAX)
		so->due = PG_INT64_MAX; /* what has been met may be returned, but no more */
	else if (round_at_limit(so))
		scan_enter(so, SCAN_STRAGGLERS);
	else if (round_prefers_table(so))
	{
		scan_enter(so, SCAN_TABLE);
		so->counters.by_table = true;
		scan_forget(so);
		/* the table has these, too */
		pairingheap_reset(so->stragglers);
		exact_begin(so);
	}
	else
	{
		scan_enter(so, SCAN_REST);
		scan_rest_begin(so);
	}
}

/*
 * A superuser may have added operators to the family whose right side is of another type than an
 * index's values.
 */
static void
check_query_type(IndexScanDesc scan)
{
	Oid type = scan->orderByData[0].sk_subtype;

	if (OidIsValid(type) && type != scan->indexRelation->rd_opcintype[0])
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

/* Begins to look for the scan's rows. */
static void
scan_begin(HnswScan *so)
{
	if (!so->has_query)
	{
		scan_enter(so, SCAN_SWEEP);
		visited_reset(&so->search->visited, 0);
	}
	else if (so->filter != NULL)
		scan_filter_begin(so);
	else
	{
		so->stage = SCAN_GRAPH;
		round_first(so);
	}
	so->remembers = so->filter != NULL ? so->stage == SCAN_GRAPH : exact_may_follow(so);
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
	so->nreturned = 0;
	so->settings = settings_of(scan->indexRelation);
	so->last_dist = -INFINITY;
	so->cutoff_dist = NAN;
	query = scan->orderByData[0].sk_argument;
	so->has_query = !(scan->orderByData[0].sk_flags & SK_ISNULL) &&
					element_read_query(so->type, state->spec.dims, query, so->query_vector);
	if (so->has_query && scan_measures_in_table(so))
	{
		MemoryContext old = MemoryContextSwitchTo(so->cxt);

		if (so->query_value)
			pfree(so->query_value);
		so->query_value = PG_DETOAST_DATUM_COPY(query);
		MemoryContextSwitchTo(old);
	}
	Assert(so->rest == NULL && so->ntids == 0 && so->nqueue == 0 &&
		   pairingheap_is_empty(so->measured));
	counters_begin(so);
	so->sweep_block = HNSWC_META_BLOCK + 1;
	so->sweep_end = InvalidBlockNumber;
	scan_begin(so);
}

/* Looks for more; false when there is nothing more to return. */
static bool
scan_more(HnswScan *so)
{
	switch (so->stage)
	{
		case SCAN_FILTERED:
			if (scan_filter_more(so))
				return true;
			break;
		case SCAN_GRAPH:
			if (so->filter != NULL)
				return scan_filter_more(so);
			if (round_next(so))
				return true;
			scan_leave_graph(so);
			return so->stage != SCAN_DONE;
		case SCAN_TABLE:
			if (exact_next(so))
				return true;
			break;
		case SCAN_SWEEP:
			if (scan_sweep(so))
				return true;
			break;
		case SCAN_REST:
			break;
		default:
			return false;
	}
	/* nothing is left but rows that were found too late */
	scan_enter(so, SCAN_STRAGGLERS);
	return true;
}

/*
 * The nearest row not yet returned, once it is certain that it is; NULL when the search has to go
 * on for more.
 */
static ScanResult *
scan_next_result(HnswScan *so)
{
	for (;;)
	{
		ScanResult *nearest = NULL;

		if (so->answered >= so->due)
			return NULL;
		if (!pairingheap_is_empty(so->measured))
			nearest = pairingheap_container(ScanResult, heap_node, pairingheap_first(so->measured));
		if (nearest != NULL && scan_queue_is_beyond(so, nearest->dist))
		{
			if (!scan_set_is_beyond(so, nearest->dist))
				continue;
			(void) pairingheap_remove_first(so->measured);
			return nearest;
		}
		if (scan_queue_is_empty(so))
			return NULL;
		scan_measure(so);
	}
}

/* Lines up the rows of a result to be returned, or keeps it back. */
static void
scan_return(HnswScan *so, ScanResult *result)
{
	Assert(!isnan(result->dist));
	Assert(so->next_tid == so->ntids && so->duplicates.list == NODE_NONE);
	so->answered++;
	if (result->dist < so->last_dist && so->settings.iterative_scan != ITERATIVE_SCAN_RELAXED)
	{
		pairingheap_add(so->stragglers, &result->heap_node);
		so->counters.kept_back++;
		return;
	}
	so->last_dist = result->dist;
	so->ntids = so->next_tid = 0;
	if (ItemPointerIsValid(&result->heap_tid))
		so->tids[so->ntids++] = result->heap_tid;
	so->duplicates = (DuplicateCursor){result->element, result->duplicates};
	scan_filter_rows(so);
	pfree(result);
}

/* Is no row so far away one that passes the query's filter? */
static bool
scan_is_cut_off(HnswScan *so, double dist)
{
	if (so->cutoff == NULL || so->stage >= SCAN_STRAGGLERS || !so->has_query)
		return false;
	/* not before there is a row for which the executor would want to know, too */
	if (isnan(so->cutoff_dist))
		so->cutoff_dist = scan_cutoff_dist(so);
	return dist > so->cutoff_dist;
}

/* Remembers that a row has been returned. */
static void
scan_remember(HnswScan *so, ItemPointer tid)
{
	Assert(so->stage != SCAN_TABLE || so->rest != NULL);
	if (so->nreturned >= so->returned_size)
	{
		so->returned_size = Max(256, 2 * so->returned_size);
		if (so->returned != NULL)
			so->returned = repalloc_huge(so->returned, so->returned_size * sizeof(ItemPointerData));
		else
			so->returned =
				MemoryContextAllocHuge(so->cxt, so->returned_size * sizeof(ItemPointerData));
	}
	so->returned[so->nreturned] = *tid;
}

/* The next row, in scan->xs_heaptid; false if there is none.  The scan has started. */
static bool
scan_next_row(HnswScan *so)
{
	IndexScanDesc scan = so->scan;

	for (;;)
	{
		ScanResult *result;

		if (so->next_tid < so->ntids)
		{
			scan->xs_heaptid = so->tids[so->next_tid++];
			Assert(ItemPointerIsValid(&scan->xs_heaptid));
			rows_hand_over(so, &scan->xs_heaptid);
			if (so->remembers)
				scan_remember(so, &scan->xs_heaptid);
			so->nreturned++;
			scan->xs_recheck = false;
			scan->xs_recheckorderby = false;
			return true;
		}
		CHECK_FOR_INTERRUPTS();
		if (so->duplicates.list != NODE_NONE)
		{
			so->next_tid = 0;
			so->ntids = duplicates_next(&so->pages->reader, &so->duplicates, so->tids);
			scan_filter_rows(so);
			continue;
		}
		result = scan_next_result(so);
		if (result != NULL && scan_is_cut_off(so, result->dist))
		{
			/* nothing more but rows that were found too late */
			scan_forget(so);
			scan_enter(so, SCAN_STRAGGLERS);
		}
		else if (result != NULL)
			scan_return(so, result);
		else if (!scan_more(so))
			return false;
	}
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
