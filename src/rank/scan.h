/*
 * scan.h: an ordered scan: a queue of what the graph search found, in order of estimated distance,
 * and a heap of what has been measured exactly, from which rows are returned.
 */
#ifndef HNSWC_SCAN_H
#define HNSWC_SCAN_H

#include "postgres.h"

#include "access/genam.h"
#include "column/element.h"
#include "node/key_columns.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "lib/pairingheap.h"
#include "node/node.h"
#include "nodes/execnodes.h"
#include "planner/cutoff.h"
#include "planner/running.h"
#include "rank/counters.h"
#include "rank/filter.h"
#include "rank/settings.h"

/* Where the next rows come from. */
typedef enum ScanStage
{
	SCAN_START,
	SCAN_GRAPH,      /* the search, in rounds */
	SCAN_FILTERED,   /* the rows of a set, in order of distance */
	SCAN_REST,       /* all that is left in the index, in order of distance */
	SCAN_TABLE,      /* all that is left in the table and passes the filter, in order of distance */
	SCAN_SWEEP,      /* no query: all elements, in physical order */
	SCAN_STRAGGLERS, /* strict order: rows that were found too late for their place */
	SCAN_DONE,
} ScanStage;

/* A row, or all rows of an element, with its exact distance. */
typedef struct ScanResult
{
	pairingheap_node heap_node;
	double dist;              /* what the operator returns, for L2 its square; INFINITY for NaN */
	ItemPointerData heap_tid; /* invalid for a shell */
	NodeId element;
	NodeId duplicates; /* lists of further rows at the same distance, or none */
} ScanResult;

/* Measuring rows of the table: rerank = table, and exact.c. */
typedef struct TableMeasure
{
	MemoryContext cxt; /* of all this */
	Relation heap;
	struct IndexFetchTableData *fetch;
	TupleTableSlot *slot; /* the row at hand */
	IndexInfo *index_info;
	ExprState *predicate; /* the index's, or NULL */
	EState *estate;
	MemoryContext row_cxt; /* emptied after each row */
	const Coder *coder;    /* of what is measured */
	float *vector;
	void *code;
	ItemPointerData *tids; /* of one list of duplicates */
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
	/* the executor's, to hand pages over to; NULL where that is not done */
	struct IndexFetchHeapData *fetch;
	RowHint *hints; /* by block; kept from scan to scan */
	uint32 mask;
	bool is_heap;        /* the table's blocks are a file's */
	BlockNumber nblocks; /* the table had at least so many */
} RowHints;

/*
 * What the table costs instead of the search, in nodes measured by one; INFINITY if that cannot be
 * done.
 */
typedef struct ExactCost
{
	double read;  /* all its rows, to know which pass; 0: not known yet */
	double total; /* and to measure these, to sort and to return them */
} ExactCost;

/* What the executor does with a row that is returned, as a cost of the same kind. */
#define RETURN_COST 2

/* Numbers in order of distance: see sorted.c. */
typedef struct SortedSet SortedSet;

/* Candidates of a set of rows that are not queued yet. */
typedef struct SetCandidates
{
	Candidate *candidates;
	uint32 n;
	uint32 chunk; /* so many are queued next */
	float least;  /* none of them is nearer, by its bound */
} SetCandidates;

/* What is asked for. */
typedef struct ScanQuery
{
	bool given; /* false: NULL or a zero vector under cosine; every distance is the same then */
	float *vector;
	struct varlena *value; /* the query itself, where rows are measured in the table */
	void *memory;          /* of by_code and by_vector */
	void *vector_memory;
	void *scratch;
	CodeQuery *by_code;   /* against codes */
	CodeQuery *by_vector; /* against what is re-ranked; prepared when first needed */
} ScanQuery;

/* Candidates in order of estimated distance; those before `next` have been measured. */
typedef struct ScanQueue
{
	Candidate *candidates;
	int n;
	int next;
	int size;
	int nbounded;         /* those before this have their bounds */
	float *least;         /* no candidate from here to nbounded is nearer than this */
	float greatest_bound; /* of those of the present pool that are known; INFINITY: none is */
	int nrunners_up;      /* so many that just missed the pool may be queued, too */
	bool rest_is_left;    /* so may more of so->rest */
	float farthest;       /* none of these is estimated to be nearer */
} ScanQueue;

/* What has been measured exactly, and is returned in order. */
typedef struct ScanResults
{
	MemoryContext cxt;     /* emptied by a rescan */
	pairingheap *measured; /* ScanResult, nearest first */
	pairingheap *stragglers;
	double last_dist;      /* of the last row returned in order */
	ItemPointerData *tids; /* rows to return now */
	int ntids;
	int next_tid;
	DuplicateCursor duplicates; /* where further rows at their distance are read */
	uint64 nreturned;           /* rows since the scan began */
	bool remembers;             /* which these are */
	ItemPointerData *returned;
	uint64 returned_size;
	uint64 ngiven; /* of `returned`, which are sorted, those that are not to be returned again */
} ScanResults;

typedef struct HnswScan
{
	IndexScanDesc scan;
	const ElementType *type;
	IndexState *state;
	PageStore *pages;
	GraphSearch *search;
	MemoryContext cxt; /* lives as long as the scan's state */

	ScanQuery query;
	ScanQueue queue;
	ScanResults results;

	ScanSettings settings;
	RecallWidths widths; /* by which steps are made, if settings.recall is not 0 */
	ScanNodes nodes;     /* where the scan stands in the query */
	/* what bounds the distance of rows that pass the query's filter; NULL: nothing */
	Cutoff *cutoff;
	double cutoff_dist; /* so much; NAN: not known yet */
	RowFilter *filter;  /* the rows to be returned; NULL: all */
	/* of an index with key columns, the graphs that are searched, in order of their keys */
	KeyColumns *key_columns;
	KeyRef *graphs;
	int ngraphs;
	double nelements;  /* about so many have they together */
	GraphSearch *part; /* of one of several graphs */
	SetCandidates set;
	ScanStage stage;

	/*
	 * rounds.c. The search answers for its nearest `due` candidates. What it met beyond that
	 * competes with them, but is not known to be all there is at its distance. So many have been
	 * `answered`, as results in order or because they are gone, before the search has to go on.
	 */
	int ef;
	int64 due;
	int64 answered;
	bool resumed; /* the pool has been emptied for further rounds */
	ExactCost exact_cost;

	ScanCounters counters;
	ScanCounters totals; /* of the scans that have ended since the executor began this one */

	SortedSet *rest; /* SCAN_REST: candidates that are not queued; SCAN_TABLE: rows; else NULL */
	BlockNumber sweep_block;
	BlockNumber sweep_end;
	BufferAccessStrategy sweep_strategy;

	TableMeasure *table;
	RowHints rows;
	char *vector_copy;
} HnswScan;

/* stages.c */

/* Begins to look for the scan's rows.  It has its query and its settings. */
extern void scan_begin(HnswScan *so);
/* The next row, in scan->xs_heaptid; false if there is none.  The scan has begun. */
extern bool scan_next_row(HnswScan *so);

/* keys.c */

/* Finds the graphs of the keys that the scan's conditions ask for. */
extern void scan_find_graphs(HnswScan *so);
/* Is that a key whose graph is searched? */
extern bool scan_has_key(const HnswScan *so, NodeId key);
/*
 * Searches the graphs for so->ef nodes, each by itself, and makes one search of them, which goes on
 * like that of a single graph. False if there is nothing in them.
 */
extern bool scan_search_graphs(HnswScan *so, const GraphBound *bound);
/* Has the search met all elements of its graphs? */
extern bool scan_met_all(const HnswScan *so);

/* rounds.c */

/* What the planner expects of a filter counts as much as so many rows that have been seen. */
#define PLANNED_ROWS 10

/* The first search of a scan; its candidates are queued. */
extern void round_first(HnswScan *so);
/*
 * More rows are wanted: lets the search go on and queues what it finds. False, with nothing done,
 * if there is nothing more to find, a limit is met, or it would cost more than to read the table.
 */
extern bool round_next(HnswScan *so);
/*
 * The width of the scan's searches for so many rows: by the recall that is asked for, or
 * hnsw.ef_search.
 */
extern int round_width(const HnswScan *so, double rows);
/* Has the search looked at as many nodes as hnsw.max_scan_tuples allows? */
extern bool round_at_limit(const HnswScan *so);
/*
 * Are most rows dropped, and is it cheaper to read the table than to return all that is left in the
 * index?
 */
extern bool round_prefers_table(HnswScan *so);

/* counters.c */

/* PostgreSQL's numbers before a step of a scan. */
typedef struct ScanStep
{
	int64 hit;
	int64 read;
	instr_time start; /* zero: not measured */
} ScanStep;

/* A scan starts: its settings and its query are known. */
extern void counters_begin(HnswScan *so);
/* Around each step, which may be the one in which the scan starts. */
extern void step_begin(ScanStep *step);
extern void step_end(const ScanStep *step, ScanCounters *counters);
/*
 * A scan has ended, unless it never started: it is the session's last one, and is logged if that is
 * wanted.
 */
extern void counters_end(HnswScan *so);
/*
 * The sums of all scans that the executor has made by this one's descriptor; false if there was
 * none.
 */
extern bool counters_of(const HnswScan *so, ScanCounters *counters);
/* The totals begin anew. */
extern void counters_forget(HnswScan *so);

/* Are exact distances taken from the rows of the table?  Otherwise from the index. */
static inline bool
scan_measures_in_table(const HnswScan *so)
{
	return so->state->vector_coder != NULL && so->state->layout.vector_size == 0;
}

/* margin.c */

/*
 * Farther than this, by the scan's measure (ScanResult.dist), no row passes the filter; INFINITY if
 * that is not so.
 */
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
/* Adds a row, or the rows of an element, to the heap. */
extern void scan_add_result(HnswScan *so, NodeId element, double dist, ItemPointer heap_tid,
							NodeId duplicates);
/* What it takes to measure rows of the table, kept until scan_table_end(). */
extern TableMeasure *scan_table(HnswScan *so);
/* The distance of the row in the table's slot; false if the index leaves such a row out. */
extern bool scan_table_row_distance(HnswScan *so, double *dist);
extern void scan_table_end(HnswScan *so);

/*
 * Measures rows of the table exactly and moves them to the heap; returns how many the snapshot
 * sees.
 */
extern int scan_measure_rows(HnswScan *so, const ItemPointerData *tids, int n);

/* filtered.c */

/*
 * A scan goes on without its set: what it is for, when so many of its rows have passed, of all of
 * which the planner expects a share to. False if the set is to be made now.
 */
extern bool scan_filter_goes_on(const HnswScan *so, double passed, double share, double wanted,
								double *rows);
/* Begins to look for the nearest rows of the scan's set. */
extern void scan_filter_begin(HnswScan *so);
/* Queues more of them; false if there are none. */
extern bool scan_filter_more(HnswScan *so);
/* Leaves out of the rows to return now those that are not in the set, or have been returned. */
extern void scan_filter_rows(HnswScan *so);
/* Rows that the LIMIT above the scan takes; 0: not known. */
extern double scan_filter_limit(const HnswScan *so);

/* set.c */

/* Measures all rows of the scan's set by their nodes, or from the table, and queues the nearest. */
extern void scan_set_measure(HnswScan *so);
/* Queues more of them; false if there are none. */
extern bool scan_set_more(HnswScan *so);
/* Is none of those that are not queued nearer than this?  If one may be, more are queued. */
extern bool scan_set_is_beyond(HnswScan *so, double measured);

/* sweep.c */

/* Fills the queue with elements in physical order; false when there are no more. */
extern bool scan_sweep(HnswScan *so);
/* Sorts all elements that are not queued and have not been by their estimated distance. */
extern void scan_rest_begin(HnswScan *so);
/* Writes the next of them, at most n, nearest first; returns how many there were. */
extern int scan_rest_read(HnswScan *so, Candidate *out, int n);

/* exact.c */

/* Are rows returned to be remembered, since the scan may go on with the table? */
extern bool exact_may_follow(const HnswScan *so);
/* What the table costs instead of the search. */
extern ExactCost exact_cost(HnswScan *so);
/* Reads the table: its rows that pass the filter and were not returned, in order of distance. */
extern void exact_begin(HnswScan *so);
/* Adds the next of them to the heap of results; false if there is none. */
extern bool exact_next(HnswScan *so);

/* sorted.c */

/*
 * Numbers, each with a distance: added in any order and then read nearest first, those at one
 * distance in their own order. Takes work_mem times a multiplier, beyond that temporary files.
 */
extern SortedSet *sorted_create(double memory_multiplier);
extern void sorted_add(SortedSet *set, double dist, int64 number);
/* All have been added. */
extern void sorted_finish(SortedSet *set);
/* The next one; false if there is none. */
extern bool sorted_next(SortedSet *set, double *dist, int64 *number);
extern void sorted_free(SortedSet *set);

/* queue.c */

extern void scan_queue_create(HnswScan *so);
extern void scan_queue_reset(HnswScan *so);
/* Moves what is left of the queue to its front and makes room for n more. */
extern void scan_queue_begin(HnswScan *so, int n);
/* The queue has been filled with candidates that have their bounds: sorts it and makes it ready. */
extern void scan_queue_ready(HnswScan *so);
/*
 * Queues the live candidates of the search's pool that it has not queued before, and those that
 * just missed it: `missing` or more, if there are so many.
 */
extern void scan_queue_pool(HnswScan *so, int missing);
/* The queue is empty and the rest is sorted: makes it ready to be filled from that. */
extern void scan_queue_rest(HnswScan *so);
/* Is there nothing left to be measured? */
extern bool scan_queue_is_empty(HnswScan *so);
/* Is none of what is left nearer than a measured distance, by the bounds of the estimates? */
extern bool scan_queue_is_beyond(HnswScan *so, double measured);

#endif /* HNSWC_SCAN_H */
