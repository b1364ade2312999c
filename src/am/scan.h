/*
 * scan.h: an ordered scan: a queue of what the graph search found, in order of estimated distance, and a heap of what
 * has been measured exactly, from which rows are returned.
 */
#ifndef HNSWC_SCAN_H
#define HNSWC_SCAN_H

#include "postgres.h"

#include "am/am.h"
#include "planner/cutoff.h"
#include "am/element.h"
#include "planner/running.h"
#include "executor/executor.h"
#include "lib/pairingheap.h"
#include "nodes/execnodes.h"

/* Where the next candidates come from when the queue is empty. */
typedef enum ScanStage
{
	SCAN_START,
	SCAN_GRAPH,      /* the search, resumed for more */
	SCAN_SWEEP,      /* elements the search has not met, in physical order */
	SCAN_STRAGGLERS, /* strict order: rows that were found too late for their place */
	SCAN_DONE,
} ScanStage;

/* A row, or all rows of an element, with its exact distance. */
typedef struct ScanResult
{
	pairingheap_node heap_node;
	float dist;
	ItemPointerData heap_tid; /* invalid for a shell */
	NodeId element;
	NodeId duplicates; /* lists of further rows at the same distance, or none */
} ScanResult;

/* Measuring rows of the table: rerank = table. */
typedef struct TableMeasure
{
	Relation heap;
	struct IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	IndexInfo *index_info;
	EState *estate;
	MemoryContext cxt; /* per row */
	float *vector;
} TableMeasure;

/* In which buffer a block of the heap was last met. */
typedef struct RowHint
{
	BlockNumber block;
	Buffer buffer; /* InvalidBuffer: none yet */
} RowHint;

/* Where rows were met: see rows.c. */
typedef struct RowHints
{
	struct IndexFetchHeapData *fetch; /* the executor's, to hand pages over to; NULL where that is not done */
	RowHint *hints;                   /* by block; kept from scan to scan */
	uint32 mask;
	bool is_heap;        /* the table's blocks are a file's */
	BlockNumber nblocks; /* the table had at least so many */
} RowHints;

typedef struct HnswScan
{
	IndexScanDesc scan;
	const ElementType *type;
	IndexState *state;
	PageStore *pages;
	GraphSearch *search;
	MemoryContext cxt;         /* lives as long as the scan's state */
	MemoryContext results_cxt; /* results: emptied by a rescan */

	bool has_query; /* false: NULL or a zero vector under cosine; every distance is the same then */
	float *query_vector;
	struct varlena *query_value; /* the query itself, for types that are kept as a sketch */
	void *query_memory;
	void *vector_query_memory;
	void *scratch;
	CodeQuery *query;        /* against codes */
	CodeQuery *vector_query; /* against what is re-ranked; prepared when first needed */

	ScanNodes nodes;    /* where the scan stands in the query */
	Cutoff *cutoff;     /* what bounds the distance of rows that pass the query's filter; NULL: nothing */
	double cutoff_dist; /* so much; NAN: not known yet */
	ScanStage stage;
	int ef;
	/*
	 * The search answers for its nearest `due` candidates.  What it met beyond that competes with them, but is not
	 * known to be all there is at its distance.  `allowance` of them may still be turned into results before the
	 * search has to go on.
	 */
	int due;
	int allowance;

	/* candidates in order of estimated distance; those before `next` have been measured */
	Candidate *queue;
	int nqueue;
	int next;
	int queue_size;
	int nbounded;         /* those before this have their bounds */
	float *least;         /* no candidate from here to nbounded is nearer than this */
	float greatest_bound; /* of those of the present pool that are known; INFINITY: none is */
	int nrunners_up;      /* so many that just missed the pool may be queued, too */
	float farthest;       /* none of these is estimated to be nearer */

	pairingheap *measured; /* ScanResult, nearest first */
	pairingheap *stragglers;
	float last_dist; /* of the last row returned in order */

	ItemPointerData *tids; /* rows to return now */
	int ntids;
	int next_tid;
	int tids_size;
	uint64 nreturned; /* rows since the scan began */

	BlockNumber sweep_block;
	BlockNumber sweep_end;
	BufferAccessStrategy sweep_strategy;

	TableMeasure *table;
	RowHints rows;
	char *vector_copy;
} HnswScan;

/* margin.c */

/* Farther than this, by the scan's measure (ScanResult.dist), no row passes the filter; INFINITY if that is not so. */
extern double scan_cutoff_dist(HnswScan *so);

/* rows.c */

/* To be called when a scan starts. */
extern void rows_begin(HnswScan *so);
/* Makes sure that a row of the index is within the table: an error if not. */
extern void rows_check(HnswScan *so, ItemPointer tid);
/* A row may be returned soon: starts fetching its page, and when that is under way its tuple. */
extern void rows_expect(HnswScan *so, ItemPointer tid);
extern void rows_expect_tuple(HnswScan *so, ItemPointer tid);
/* A row is being returned: gives the executor its page. */
extern void rows_hand_over(HnswScan *so, ItemPointer tid);

/* rerank.c */

/* Measures the next few candidates of the queue exactly and moves them to the heap. */
extern void scan_measure(HnswScan *so);
extern void scan_table_end(HnswScan *so);

/* sweep.c */

/* Fills the queue with elements that the search has not met; false when there are no more. */
extern bool scan_sweep(HnswScan *so);

/* queue.c */

extern void scan_queue_create(HnswScan *so);
extern void scan_queue_reset(HnswScan *so);
/* Moves what is left of the queue to its front and makes room for n more. */
extern void scan_queue_begin(HnswScan *so, int n);
/* The queue has been filled with candidates that have their bounds: sorts it and makes it ready. */
extern void scan_queue_ready(HnswScan *so);
/* Queues the live candidates of the search's pool that it has not queued before, and those that just missed it. */
extern void scan_queue_pool(HnswScan *so);
/* Is there nothing left to be measured? */
extern bool scan_queue_is_empty(HnswScan *so);
/* Is none of what is left nearer than this, by the bounds of the estimates? */
extern bool scan_queue_is_beyond(HnswScan *so, float dist);

#endif /* HNSWC_SCAN_H */
