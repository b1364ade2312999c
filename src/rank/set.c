/*
 * set.c: a scan's set of rows, measured in full.
 *
 * Every row of the set is looked up in the row map, and its node's code is measured as a walk
 * measures nodes: in batches that are on their way from memory while the one before is measured.
 * All of them become candidates with their bounds, of which the nearest are queued, and measured
 * exactly as they are needed. The rest waits, and its least bound says from which distance on it
 * matters.
 *
 * An entry of the map counts if the node is live and has the row (src/node/README). Elements with
 * duplicates are looked at afterwards, once for all of their rows in the set; they are queued once.
 * Rows without an entry that counts are measured from the table, unless an element that is queued
 * turns out to have them. So each row of the set is returned once, with its own distance.
 *
 * Of a block that the bitmap is not exact about, all rows are tried that the map has, and all
 * others that the block might have.
 *
 * Locks: none; see rowmap.c and duplicates.c.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relscan.h"
#include "miscadmin.h"
#include "rank/scan.h"

/* Nodes that are fetched together. */
#define BATCH 64
/* Candidates that are queued first, at least; each time after that twice as many. */
#define FIRST_QUEUED 256
/* As many for each row of a LIMIT. */
#define QUEUED_PER_ROW 4

/* Rows whose nodes are being fetched. */
typedef struct RowBatch
{
	int n;
	NodeId nodes[BATCH];
	ItemPointerData tids[BATCH];
	NodePlace places[BATCH];
} RowBatch;

/* A row of the set whose entry leads to an element with duplicates. */
typedef struct SharedRow
{
	Candidate candidate;
	NodeId duplicates;
	ItemPointerData tid;
	bool found; /* the element has it */
} SharedRow;

typedef struct SetMeasure
{
	HnswScan *so;
	RowFilter *filter;
	MapCursor cursor;
	RowBatch batches[2];
	int filling; /* the batch that is filled; the other one is being fetched, if it has nodes */
	NodeRow rows[BATCH];
	Candidate found[BATCH];
	Candidate *candidates;
	uint32 ncandidates;
	uint32 size;
	SharedRow *shared;
	uint32 nshared;
	uint32 shared_size;
	ItemPointerData *lost; /* rows that no node was found for */
	uint32 nlost;
	uint32 lost_size;
	SharedRow *group; /* shared_note(): the element's first row in `shared` */
	uint32 ngroup;
	ItemPointerData *tids; /* room for those of a list of duplicates */
} SetMeasure;

/* Makes room for one more in an array. */
#define RESERVE(array, n, size)                                                                 \
	do                                                                                          \
	{                                                                                           \
		if ((n) == (size))                                                                      \
		{                                                                                       \
			(size) = Max(2 * (size), 64);                                                       \
			(array) = (array)                                                                   \
						  ? repalloc_huge((array), (Size) (size) * sizeof(*(array)))            \
						  : palloc_extended((Size) (size) * sizeof(*(array)), MCXT_ALLOC_HUGE); \
		}                                                                                       \
	} while (0)

static void
add_lost(SetMeasure *set, const ItemPointerData *tid)
{
	RESERVE(set->lost, set->nlost, set->lost_size);
	set->lost[set->nlost++] = *tid;
}

static void
add_candidate(SetMeasure *set, const Candidate *candidate)
{
	RESERVE(set->candidates, set->ncandidates, set->size);
	set->candidates[set->ncandidates++] = *candidate;
}

/* Measures a batch that is being fetched. */
static void
measure_batch(SetMeasure *set, RowBatch *batch)
{
	HnswScan *so = set->so;
	PageReader *reader = &so->pages->reader;

	reader->rows = set->rows;
	nodes_measure(reader, so->query.by_code, 0, batch->nodes, batch->places, batch->n, true,
				  set->found);
	reader->rows = NULL;
	for (int i = 0; i < batch->n; i++)
	{
		Candidate *found = &set->found[i];
		bool live = found->node != NODE_NONE && !(found->flags & CANDIDATE_DEAD);

		if (so->type->sketch_dims > 0)
			found->bound = INFINITY; /* a sketch has none */
		else if (so->state->vector_coder == NULL)
			found->bound =
				code_rounding(so->query.by_code, found->dist); /* the distance, but for rounding */
		if (live && set->rows[i].duplicates != NODE_NONE)
		{
			RESERVE(set->shared, set->nshared, set->shared_size);
			set->shared[set->nshared++] =
				(SharedRow){*found, set->rows[i].duplicates, batch->tids[i],
							ItemPointerEquals(&set->rows[i].heap_tid, &batch->tids[i])};
		}
		else if (live && ItemPointerEquals(&set->rows[i].heap_tid, &batch->tids[i]))
			add_candidate(set, found);
		else
			add_lost(set, &batch->tids[i]);
	}
	set->filter->nodes += batch->n;
	so->counters.nodes += batch->n;
	batch->n = 0;
}

/* Starts fetching the batch that has been filled, and measures the one before. */
static void
next_batch(SetMeasure *set)
{
	RowBatch *filled = &set->batches[set->filling];

	if (filled->n > 0)
		nodes_fetch(&set->so->pages->reader, 0, filled->nodes, filled->n, filled->places);
	set->filling = 1 - set->filling;
	if (set->batches[set->filling].n > 0)
		measure_batch(set, &set->batches[set->filling]);
}

/* Takes a row of the set with what the map says of it. */
static void
take_row(SetMeasure *set, BlockNumber block, OffsetNumber offset, NodeId node)
{
	RowBatch *batch = &set->batches[set->filling];
	ItemPointerData tid;

	ItemPointerSet(&tid, block, offset);
	if (node == NODE_NONE)
	{
		add_lost(set, &tid);
		return;
	}
	node_expect(&set->so->pages->reader, node);
	batch->nodes[batch->n] = node;
	batch->tids[batch->n++] = tid;
	if (batch->n == BATCH)
		next_batch(set);
}

/* Takes the rows of a word of the set, whose block has these entries; NULL: none. */
static void
take_word(SetMeasure *set, const RowWord *word, const volatile NodeId *nodes)
{
	int stride = nodes != NULL ? set->so->state->shape.map_stride : 0;

	if (word->all)
		for (OffsetNumber offset = FirstOffsetNumber; offset <= MaxHeapTuplesPerPage; offset++)
			take_row(set, word->block, offset, offset <= stride ? nodes[offset - 1] : NODE_NONE);
	for (uint64 rows = word->all ? 0 : word->rows; rows != 0; rows &= rows - 1)
	{
		OffsetNumber offset = word->number * 64 + pg_rightmost_one_pos64(rows) + 1;

		take_row(set, word->block, offset, offset <= stride ? nodes[offset - 1] : NODE_NONE);
	}
}

static int
shared_compare(const void *a, const void *b)
{
	const SharedRow *x = a;
	const SharedRow *y = b;

	if (x->candidate.node != y->candidate.node)
		return x->candidate.node < y->candidate.node ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);
}

static int
tid_compare(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

/* An element has that row: marks it if it is one of the set. */
static void
shared_note(SetMeasure *set, const ItemPointerData *tid)
{
	SharedRow key = {.candidate = set->group->candidate, .tid = *tid};
	SharedRow *row = bsearch(&key, set->group, set->ngroup, sizeof(SharedRow), shared_compare);

	if (row != NULL)
		row->found = true;
}

/* An element that is queued has that row: it need not be measured from the table. */
static void
lost_note(SetMeasure *set, const ItemPointerData *tid)
{
	ItemPointerData *row =
		bsearch(tid, set->lost, set->nlost, sizeof(ItemPointerData), tid_compare);

	/* an address without an offset keeps its place in the order of the block, and is none */
	if (row != NULL)
		memset(&row->ip_posid, 0, sizeof(row->ip_posid));
}

/* Notes the rows of an element's lists of duplicates. */
static void
note_duplicates(SetMeasure *set, const SharedRow *row,
				void (*note)(SetMeasure *set, const ItemPointerData *tid))
{
	DuplicateCursor cursor = {row->candidate.node, row->duplicates};

	while (cursor.list != NODE_NONE)
	{
		int n = duplicates_next(&set->so->pages->reader, &cursor, set->tids);

		for (int i = 0; i < n; i++)
			note(set, &set->tids[i]);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Elements with duplicates: which of the rows they have, and each of them once. */
static void
settle_shared(SetMeasure *set)
{
	if (set->nshared == 0)
		return;
	qsort(set->shared, set->nshared, sizeof(SharedRow), shared_compare);
	for (uint32 from = 0; from < set->nshared; from += set->ngroup)
	{
		bool any = false;
		bool all = true;

		set->group = &set->shared[from];
		set->ngroup = 1;
		while (from + set->ngroup < set->nshared &&
			   set->group[set->ngroup].candidate.node == set->group->candidate.node)
			set->ngroup++;
		for (uint32 i = 0; i < set->ngroup; i++)
			all &= set->group[i].found;
		if (!all)
			note_duplicates(set, set->group, shared_note);
		for (uint32 i = 0; i < set->ngroup; i++)
		{
			any |= set->group[i].found;
			if (!set->group[i].found)
				add_lost(set, &set->group[i].tid);
		}
		set->group->found = any;
		if (any)
			add_candidate(set, &set->group->candidate);
		/* the others of the group are done with */
		for (uint32 i = 1; i < set->ngroup; i++)
			set->group[i].found = false;
	}
}

/* Measures rows from the table that no node was found for. */
static void
measure_lost(SetMeasure *set)
{
	uint32 n = 0;

	if (set->nlost == 0)
		return;
	qsort(set->lost, set->nlost, sizeof(ItemPointerData), tid_compare);
	for (uint32 i = 0; i < set->nshared; i++)
		if (set->shared[i].found)
			note_duplicates(set, &set->shared[i], lost_note);
	for (uint32 i = 0; i < set->nlost; i++)
		if (set->lost[i].ip_posid != InvalidOffsetNumber)
			set->lost[n++] = set->lost[i];
	set->filter->fetched += scan_measure_rows(set->so, set->lost, n);
}

/* Puts the `wanted` nearest candidates of an array to its front, in no order. */
static void
select_nearest(Candidate *candidates, uint32 n, uint32 wanted)
{
	int64 from = 0;
	int64 end = (int64) n - 1;

	/* Hoare's selection */
	while (from < end)
	{
		float pivot = candidates[from + (end - from) / 2].dist;
		int64 i = from;
		int64 j = end;

		while (i <= j)
		{
			while (candidates[i].dist < pivot)
				i++;
			while (candidates[j].dist > pivot)
				j--;
			if (i <= j)
			{
				Candidate swap = candidates[i];

				candidates[i++] = candidates[j];
				candidates[j--] = swap;
			}
		}
		if ((int64) wanted <= j)
			end = j;
		else if ((int64) wanted >= i)
			from = i;
		else
			return;
	}
}

bool
scan_set_more(HnswScan *so)
{
	SetCandidates *rest = &so->set;
	uint32 n = Min(rest->chunk, rest->n);

	if (rest->n == 0)
		return false;
	select_nearest(rest->candidates, rest->n, n);
	scan_queue_begin(so, n);
	memcpy(so->queue.candidates + so->queue.n, rest->candidates, n * sizeof(Candidate));
	so->queue.n += n;
	rest->candidates += n;
	rest->n -= n;
	rest->chunk *= 2;
	rest->least = INFINITY;
	for (uint32 i = 0; i < rest->n; i++)
		rest->least = Min(rest->least, rest->candidates[i].dist - rest->candidates[i].bound);
	scan_queue_ready(so);
	return true;
}

bool
scan_set_is_beyond(HnswScan *so, double measured)
{
	if (so->set.n == 0 || so->set.least >= code_query_estimate(so->query.by_code, measured))
		return true;
	(void) scan_set_more(so);
	return false;
}

void
scan_set_measure(HnswScan *so)
{
	MemoryContext old = MemoryContextSwitchTo(so->results.cxt);
	const RowSet *rows = so->filter->rows;
	SetMeasure *set = palloc0(sizeof(SetMeasure));
	const volatile NodeId *nodes = NULL;
	BlockNumber block = InvalidBlockNumber;
	double wanted = scan_filter_limit(so) * QUEUED_PER_ROW;

	set->so = so;
	so->counters.by_set = true;
	set->filter = so->filter;
	set->tids = palloc(Max(so->state->layout.duplicates_per_slot, 1) * sizeof(ItemPointerData));
	for (uint32 i = 0; i < rows->nwords; i++)
	{
		const RowWord *word = &rows->words[i];

		if (word->block != block)
		{
			CHECK_FOR_INTERRUPTS();
			block = word->block;
			nodes = rowmap_read(&so->pages->reader, &set->cursor, block);
		}
		take_word(set, word, nodes);
	}
	rowmap_done(&so->pages->reader, &set->cursor);
	next_batch(set);
	next_batch(set);
	settle_shared(set);
	measure_lost(set);
	so->set.candidates = set->candidates;
	so->set.n = set->ncandidates;
	so->set.chunk = (uint32) Max(Min(wanted, PG_INT16_MAX), FIRST_QUEUED);
	(void) scan_set_more(so);
	MemoryContextSwitchTo(old);
}
