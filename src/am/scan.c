/*
 * scan.c: ORDER BY embedding <-> query.
 *
 * A search of the graph gives the ef best by estimated distance; or first what matters for the rows of the LIMIT, where
 * it is known how far to look (hnsw.adaptive_search).  ef is hnsw.ef_search or, if that is more, the LIMIT.  The exact
 * distances of what it found are measured as they are needed: the nearest measured row is returned as soon as no
 * candidate left can be nearer, by the lower bounds of the estimates.  When the executor wants more rows than that, the
 * search goes on where it stood, for as many as the LIMIT is expected to take, or for twice as many each time; when the
 * graph is exhausted, the elements that it did not reach are swept up.  So a query with a LIMIT is short of rows only
 * when the table is, or when hnsw.iterative_scan or hnsw.max_scan_tuples says so.
 *
 * In strict order a row that is found after a farther one has been returned cannot be returned in its place any more: it
 * is kept back and returned last, when there is nothing else, rather than lost.
 *
 * Under an MVCC snapshot it is harmless to return the TID of a row that vacuum has removed meanwhile: whatever took its
 * place is not visible to the snapshot.  Other snapshots are refused.
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
#include "utils/float.h"
#include "utils/snapmgr.h"

#define MAX_RESUME_EF 2000
/*
 * A search is for as many rows as a LIMIT says, at least for so many; when more are wanted, for as many as are expected,
 * or at least for so many times as many; where there is no expectation so many times, until it comes to hnsw.ef_search.
 */
#define LEAST_RANK 10
#define LEAST_RANK_GROWTH 1.5
#define RANK_GROWTH 4
/*
 * Of the pool of a search that goes on, or probably will because of a filter, what it answers for.  Towards its end a
 * pool is not complete, and what is missing there is found later: too late for its place, in strict order.  The rest waits
 * for the next time.
 */
#define ANSWERED_SHARE 0.8
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
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw scan", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	HnswScan *so = palloc0(sizeof(HnswScan));

	so->cxt = cxt;
	so->results_cxt = AllocSetContextCreate(cxt, "hnsw scan results", ALLOCSET_SMALL_SIZES);
	so->state = state;
	so->type = element_type(index);
	so->pages = page_store_open(index, state, true);
	so->search = graph_search_create(&so->pages->store, true);
	so->query_vector = palloc_on_line(state->spec.dims * sizeof(float));
	so->query_memory = palloc_on_line(code_query_size(state->coder));
	so->scratch = palloc_on_line(coder_scratch_size(state->coder));
	if (state->vector_coder)
	{
		so->vector_query_memory = palloc_on_line(code_query_size(state->vector_coder));
		so->vector_copy = palloc_on_line(state->layout.vector_size);
	}
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
	so->vector_query = NULL;
}

/* Begins a scan, in the memory of the last one of the index in this session if nobody else uses that. */
static HnswScan *
scan_create(IndexScanDesc scan, IndexState *state)
{
	HnswScan *so = state->spare_scan;

	if (so != NULL)
	{
		state->spare_scan = NULL;
		MemoryContextSetParent(so->cxt, CurrentMemoryContext);
		scan_reset(so);
	}
	else
		so = scan_allocate(scan->indexRelation, state);
	so->scan = scan;
	reader_init(&so->pages->reader, scan->indexRelation, state);
	so->nodes = running_nodes(scan);
	so->cutoff = cutoff_find(so->nodes.scan);
	rows_begin(so);
	return so;
}

/* Ends a scan; ordinary amounts of memory are left to the next one. */
static void
scan_free(HnswScan *so)
{
	scan_table_end(so);
	if (so->state->spare_scan == NULL && MemoryContextMemAllocated(so->cxt, true) <= MAX_SPARE_MEMORY)
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
		scan_reset(so);
}

void
hnswendscan(IndexScanDesc scan)
{
	if (scan->opaque)
		scan_free((HnswScan *) scan->opaque);
	scan->opaque = NULL;
}

/* The search has gone on: what it has found is queued.  It answers for its bound's rank, without one for such a share. */
static void
scan_queue_due(HnswScan *so, double share)
{
	GraphSearch *search = so->search;
	int due = search->bound.rank > 0 ? search->bound.rank : Max((int) (so->ef * share), 1);

	due = Min(due, search->nlive);
	scan_queue_pool(so);
	so->allowance += due - so->due;
	so->due = due;
}

/* How far to search for so many rows; without a bound if that is not known, or if hnsw.ef_search is not more. */
static GraphBound
scan_bound(HnswScan *so, int rank)
{
	const float *query = so->query_vector;
	GraphBound bound = {0};

	if (hnsw_adaptive_search && rank < so->ef)
	{
		bool product = so->state->spec.metric == CODE_IP;
		float norm = product ? sqrtf(distance->ip_f32(query, query, so->state->spec.dims)) : 0;

		graph_bound(&so->state->reach, so->ef, rank, norm, &bound);
	}
	return bound;
}

/* How many rows a query asks for; 0 if that is not known, or if its filter bounds their distance: mostly few pass then. */
static double
rows_wanted(const HnswScan *so)
{
	return so->cutoff != NULL ? 0 : limit_rows(&so->nodes);
}

/* What a search for so many candidates may be for: hnsw.ef_search at least, but no more nodes than a scan may visit. */
static int
ef_within_limits(const HnswScan *so, double candidates)
{
	int most = hnsw_max_scan_tuples / GRAPH_CAPACITY(so->state->m, 0);

	return (int) Max(hnsw_ef_search, Min(candidates, most));
}

/*
 * How many candidates a search is for: all rows of a LIMIT, since going on for them takes up to twice as long, and finds
 * less.  But a scan that may not go on ends after hnsw.ef_search.
 */
static int
scan_ef(const HnswScan *so)
{
	if (hnsw_iterative_scan == ITERATIVE_SCAN_OFF)
		return hnsw_ef_search;
	return ef_within_limits(so, Min(rows_wanted(so), HNSWC_MAX_EF_SEARCH));
}

/* How many rows will be asked for, the one that is wanted now included, by what has been dropped so far; 0: not known. */
static double
rows_expected(const HnswScan *so)
{
	double tuples = so->scan->indexRelation->rd_rel->reltuples;

	if (hnsw_iterative_scan == ITERATIVE_SCAN_OFF || rows_wanted(so) == 0)
		return 0;
	return limit_rows_expected(&so->nodes, (double) so->nreturned, tuples > 0 ? tuples : so->state->tuples);
}

/* Does the query drop rows by a filter?  By a join it may, too. */
static bool
has_filter(const HnswScan *so)
{
	return so->nodes.scan != NULL && so->nodes.scan->ss.ps.qual != NULL;
}

static void
first_search(HnswScan *so)
{
	GraphSearch *search = so->search;
	GraphBound bound = scan_bound(so, (int) Max(Min(rows_wanted(so), so->ef), LEAST_RANK));
	bool all = hnsw_iterative_scan == ITERATIVE_SCAN_OFF || (rows_wanted(so) <= so->ef && !has_filter(so));
	int nentries;
	int top;

	so->query = coder_query(so->state->coder, so->query_memory, so->query_vector, so->scratch);
	search->memory_limit = 0;
	search->visit_limit = 0;
	nentries = graph_search_descend(search, so->query, 0, so->ef, &top);
	if (nentries == 0)
		return;
	search->memory_limit = (Size) (work_mem * 1024.0 * hnsw_scan_mem_multiplier);
	so->due = so->allowance = 0;
	if (bound.rank > 0)
		graph_search_within(search, so->query, so->ef, &bound, nentries);
	else
		graph_search_layer(search, so->query, 0, so->ef, nentries);
	scan_queue_due(so, all ? 1 : ANSWERED_SHARE);
}

/*
 * More rows are wanted than a search was for that is bounded by distance.  Those that the query drops come on top of
 * hnsw.ef_search: among a thousand rows the ten that pass a filter are found as well as ten without one.
 */
static void
widen_search(HnswScan *so)
{
	GraphSearch *search = so->search;
	double rank = (double) search->bound.rank * RANK_GROWTH;
	double expected = rows_expected(so);
	GraphBound bound;

	if (expected > 0)
	{
		double ef = hnsw_ef_search + expected - rows_wanted(so);

		rank = Max(expected, search->bound.rank * LEAST_RANK_GROWTH);
		so->ef = Max(so->ef, ef_within_limits(so, Min(ef, MAX_RESUME_EF)));
	}
	bound = scan_bound(so, (int) Min(rank, so->ef));
	graph_search_widen(search, so->ef, &bound);
	scan_queue_due(so, expected > 0 ? ANSWERED_SHARE : 1);
}

/* More rows are wanted than a search found that is not bounded; false if the graph has none. */
static bool
resume_search(HnswScan *so)
{
	double expected = rows_expected(so);
	double ef = expected > 0 ? hnsw_ef_search + expected - so->nreturned : 2.0 * so->ef;

	so->ef = (int) Min(ef, MAX_RESUME_EF);
	so->search->visit_limit = hnsw_max_scan_tuples == INT_MAX ? 0 : hnsw_max_scan_tuples;
	if (!graph_search_resume(so->search, so->ef))
		return false;
	so->due = so->allowance = 0;
	scan_queue_due(so, ANSWERED_SHARE);
	return true;
}

/* A superuser may have added operators to the family whose right side is of another type than an index's values. */
static void
check_query_type(IndexScanDesc scan)
{
	Oid type = scan->orderByData[0].sk_subtype;

	if (OidIsValid(type) && type != scan->indexRelation->rd_opcintype[0])
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("index \"%s\" cannot be ordered by the distance from a value of type %s",
							   RelationGetRelationName(scan->indexRelation), format_type_be(type))));
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
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot scan hnsw index without order"),
						errhint("Order by the distance of the index's operator class.")));
	check_query_type(scan);
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("non-MVCC snapshots are not supported with hnsw")));

	PGSTAT_COUNT_INDEX_SCAN(scan);
	state = index_state_get(scan->indexRelation, &entry);
	if (so != NULL && so->state != state)
	{
		scan_free(so);
		so = NULL;
	}
	if (so == NULL)
		scan->opaque = so = scan_create(scan, state);
	so->pages->known_entry = entry;
	so->nreturned = 0;
	so->ef = scan_ef(so);
	so->allowance = INT_MAX;
	so->last_dist = -get_float4_infinity();
	so->cutoff_dist = NAN;
	query = scan->orderByData[0].sk_argument;
	so->has_query = !(scan->orderByData[0].sk_flags & SK_ISNULL) &&
					element_read_query(so->type, state->spec.dims, query, so->query_vector);
	if (so->has_query && so->type->distance != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(so->cxt);

		if (so->query_value)
			pfree(so->query_value);
		so->query_value = PG_DETOAST_DATUM_COPY(query);
		MemoryContextSwitchTo(old);
	}
	so->sweep_block = HNSWC_META_BLOCK + 1;
	so->sweep_end = InvalidBlockNumber;
	if (so->has_query)
	{
		so->stage = SCAN_GRAPH;
		first_search(so);
	}
	else
	{
		so->stage = SCAN_SWEEP;
		visited_reset(&so->search->visited, 0);
	}
}

/* Looks for more; false when there is nothing more to return. */
static bool
scan_more(HnswScan *so)
{
	GraphSearch *search = so->search;

	if (so->stage == SCAN_GRAPH)
	{
		if (search->bound.rank > 0)
		{
			widen_search(so);
			return true;
		}
		if (hnsw_iterative_scan == ITERATIVE_SCAN_OFF)
		{
			so->stage = SCAN_DONE;
			return false;
		}
		if (resume_search(so))
			return true;
		if (search->visit_limit > 0 && search->nvisited >= search->visit_limit)
			so->stage = SCAN_STRAGGLERS;
		else
			so->stage = SCAN_SWEEP;
		/* the graph has no more: what was met beyond the pool is as good as any */
		so->allowance = INT_MAX;
		if (!scan_queue_is_empty(so) || !pairingheap_is_empty(so->measured))
			return true;
	}
	if (so->stage == SCAN_SWEEP)
	{
		if (scan_sweep(so))
			return true;
		so->stage = SCAN_STRAGGLERS;
	}
	if (so->stage == SCAN_STRAGGLERS)
	{
		pairingheap *empty = so->measured;

		so->stage = SCAN_DONE;
		so->measured = so->stragglers;
		so->stragglers = empty;
		so->last_dist = -get_float4_infinity();
		return !pairingheap_is_empty(so->measured);
	}
	return false;
}

/* The nearest row not yet returned, once it is certain that it is; NULL when the search has to go on for more. */
static ScanResult *
scan_next_result(HnswScan *so)
{
	for (;;)
	{
		ScanResult *nearest = NULL;

		if (so->allowance <= 0)
			return NULL;
		if (!pairingheap_is_empty(so->measured))
			nearest = pairingheap_container(ScanResult, heap_node, pairingheap_first(so->measured));
		if (nearest != NULL && scan_queue_is_beyond(so, nearest->dist))
		{
			(void) pairingheap_remove_first(so->measured);
			so->allowance--;
			return nearest;
		}
		if (scan_queue_is_empty(so))
			return NULL;
		scan_measure(so);
	}
}

static void
add_tid(ItemPointer tid, void *arg)
{
	HnswScan *so = arg;

	if (so->ntids == so->tids_size)
	{
		so->tids_size = Max(16, 2 * so->tids_size);
		if (so->tids == NULL)
			so->tids = MemoryContextAlloc(so->cxt, so->tids_size * sizeof(ItemPointerData));
		else
			so->tids = repalloc_huge(so->tids, so->tids_size * sizeof(ItemPointerData));
	}
	so->tids[so->ntids++] = *tid;
}

/* Lines up the rows of a result to be returned, or keeps it back. */
static void
scan_return(HnswScan *so, ScanResult *result)
{
	if (result->dist < so->last_dist && hnsw_iterative_scan != ITERATIVE_SCAN_RELAXED)
	{
		pairingheap_add(so->stragglers, &result->heap_node);
		return;
	}
	so->last_dist = result->dist;
	so->ntids = so->next_tid = 0;
	if (ItemPointerIsValid(&result->heap_tid))
		add_tid(&result->heap_tid, so);
	if (result->duplicates != NODE_NONE)
		duplicates_read(&so->pages->reader, result->element, result->duplicates, add_tid, so);
	pfree(result);
}

/* Is no row so far away one that passes the query's filter? */
static bool
scan_is_cut_off(HnswScan *so, float dist)
{
	if (so->cutoff == NULL || so->stage >= SCAN_STRAGGLERS || !so->has_query)
		return false;
	/* not before there is a row for which the executor would want to know, too */
	if (isnan(so->cutoff_dist))
		so->cutoff_dist = scan_cutoff_dist(so);
	return dist > so->cutoff_dist;
}

/* Ends a scan but for the rows that were found too late. */
static void
scan_cut_off(HnswScan *so)
{
	scan_queue_reset(so);
	pairingheap_reset(so->measured);
	so->allowance = INT_MAX;
	so->stage = SCAN_STRAGGLERS;
}

bool
hnswgettuple(IndexScanDesc scan, ScanDirection dir)
{
	HnswScan *so = (HnswScan *) scan->opaque;

	Assert(ScanDirectionIsForward(dir));
	if (so == NULL || so->stage == SCAN_START)
	{
		scan_start(scan);
		so = (HnswScan *) scan->opaque;
	}
	for (;;)
	{
		ScanResult *result;

		if (so->next_tid < so->ntids)
		{
			scan->xs_heaptid = so->tids[so->next_tid++];
			rows_hand_over(so, &scan->xs_heaptid);
			so->nreturned++;
			scan->xs_recheck = false;
			scan->xs_recheckorderby = false;
			return true;
		}
		CHECK_FOR_INTERRUPTS();
		result = scan_next_result(so);
		if (result != NULL && scan_is_cut_off(so, result->dist))
			scan_cut_off(so);
		else if (result != NULL)
			scan_return(so, result);
		else if (!scan_more(so))
			return false;
	}
}
