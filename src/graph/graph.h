/*
 * graph.h: the hierarchical navigable small world graph, apart from where its nodes live.
 *
 * Every layer is a plain graph of nodes. A node on a layer above 0 is another node than the one its
 * element has below: it holds a copy of the element's code and the address of the node one layer
 * down. The functions here search one layer, select neighbours, insert an element and repair the
 * graph around removed ones. They reach nodes through one door, GraphStore, which works in batches
 * and has two implementations: the memory arena of a build and the pages of an index.
 *
 * What callers may rely on: nothing here holds a lock or a pin between two calls of the store. A
 * neighbour list is only ever changed by GraphStore.relink, a compare-and-write: a list that
 * changed since it was read is read and decided anew. A node is written complete with its links
 * before any other node points to it.
 *
 * Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
 * Hierarchical Navigable Small World graphs" (2016). m, ef, layer, entry point and neighbour are
 * the paper's.
 */
#ifndef HNSWC_GRAPH_H
#define HNSWC_GRAPH_H

#include "postgres.h"

#include "code/code.h"
#include "graph/visited.h"

/*
 * Where a node is; only its store can tell more. Read and written atomically, being 4 aligned
 * bytes.
 */
typedef uint32 NodeId;

#define NODE_NONE ((NodeId) 0)

#define GRAPH_MIN_M 2
#define GRAPH_MAX_M 100
#define GRAPH_MAX_LINKS (2 * GRAPH_MAX_M)
/*
 * With m = 2 a layer has half the nodes of the one below: 32 layers hold any number of nodes that
 * has an address.
 */
#define GRAPH_MAX_LAYER 31

/* Neighbours that a node has room for: 2m on layer 0, m above. */
#define GRAPH_CAPACITY(m, layer) ((layer) == 0 ? 2 * (m) : (m))

/* A node that a search has measured. */
typedef struct Candidate
{
	/* estimated distance to the query, less what the query leaves out (code_query_constant()) */
	float dist;
	float bound; /* the true distance is hardly ever below dist - bound; 0 from a search */
	NodeId node;
	uint16 generation; /* of the slot when it was measured: another one later means it was reused */
	uint16 flags;
} Candidate;

#define CANDIDATE_EXPANDED 0x0001 /* its neighbours have been visited */
#define CANDIDATE_DEAD \
	0x0002 /* removed: a bridge for the walk, never a result nor a neighbour of a new node */

/* Nodes from which the search of a layer may begin. */
#define GRAPH_MAX_ENTRIES 16

/* Most that graph_search_runners_up() gives. */
#define GRAPH_MAX_RUNNERS_UP 256

#define CANDIDATE_UNWANTED \
	0x0010 /* of no use to this search, which passes through it: see PageStore.wanted */
/* What a walk passes through: it is in the pool, but does not count there, and no result. */
#define CANDIDATE_BRIDGE (CANDIDATE_DEAD | CANDIDATE_UNWANTED)

#define CANDIDATE_TAKEN 0x0004 /* used by the caller already */

/* selected before, together with the others so marked: none of them rejects another */
#define CANDIDATE_SELECTED 0x0008

/* The generation to ask for when any will do. */
#define GENERATION_ANY (-1)

typedef struct GraphStore GraphStore;

/* An element that is inserted, or that gets another node. */
typedef struct GraphElement
{
	const void *code; /* of the store's coder: walks measure it by that */
	const struct NewElement
		*stored; /* what the store keeps of it; the graph does not look into it */
	NodeId base; /* its node on layer 0; NODE_NONE: it has none yet */
} GraphElement;

/*
 * The door. All functions may raise errors (a damaged page, an interrupt). `layer` is the layer the
 * caller is on: a node that is not on it (its slot was reused) is passed over.
 */
struct GraphStore
{
	const Coder *coder; /* of the codes that walks measure */
	/* of the codes that neighbours are selected by: coder, or a finer one */
	const Coder *select_coder;
	int m;
	double alpha; /* how far selection prunes: see graph_select() */
	bool fill;    /* and whether it fills up with what it pruned */
	/* a new node takes all the links that layer 0 has room for, up to GRAPH_MAX_M, not m */
	bool wide;

	/* Measures nodes; writes one candidate for each that is on the layer, returns how many. */
	int (*visit)(GraphStore *store, const CodeQuery *query, int layer, const NodeId *nodes, int n,
				 Candidate *out);
	/*
	 * Starts fetching nodes that visit() will be asked for with the same array: two such arrays may
	 * be under way.
	 */
	void (*fetch)(GraphStore *store, int layer, const NodeId *nodes, int n);
	/* The node's neighbours will probably be asked for soon. */
	void (*expect)(GraphStore *store, NodeId node, int layer);
	/*
	 * Copies a node's neighbour list (at most its capacity); 0 when the node is not of that
	 * generation any more.
	 */
	int (*neighbours)(GraphStore *store, NodeId node, int layer, int generation, NodeId *out);
	/*
	 * codes[i] for select_coder, valid until the next call; NULL for a node that is not on the
	 * layer any more.
	 */
	void (*codes)(GraphStore *store, int layer, const NodeId *nodes, int n, const void **codes);
	/* The node of the same element one layer lower. */
	NodeId (*down)(GraphStore *store, NodeId node, int layer);

	/*
	 * Of several graphs makes that of a random element the one at hand, which entry() and
	 * set_entry() are about. NULL: there is one graph.
	 */
	void (*wander)(GraphStore *store);
	/* The entry point and its layer; NODE_NONE and -1 in an empty graph. */
	NodeId (*entry)(GraphStore *store, int *layer);
	/* Makes `node` the entry point if `expected` still is. */
	bool (*set_entry)(GraphStore *store, NodeId expected, NodeId node, int layer);

	/* Writes a node of an element, complete with its links. */
	NodeId (*create)(GraphStore *store, const GraphElement *element, int layer, NodeId below,
					 const NodeId *links, int n);
	/*
	 * Hangs a new element on `node` as a duplicate, if both are equal in all that the index stores.
	 */
	bool (*absorb)(GraphStore *store, const GraphElement *element, NodeId node, int generation);
	/*
	 * Leaves out of a set of nodes those that are not alive now, and returns how many are left.
	 * What visit() says is as it was read, perhaps without care; what is linked to has to be
	 * certain. NULL where nothing is ever removed.
	 */
	int (*confirm)(GraphStore *store, int layer, NodeId *nodes, int n);
	/*
	 * Replaces the node's list by `wanted` if it still is `expected`; a node that is gone counts as
	 * done.
	 */
	bool (*relink)(GraphStore *store, NodeId node, int layer, const NodeId *expected, int nexpected,
				   const NodeId *wanted, int nwanted);
	/*
	 * Where is kept how many of the first neighbours of a list were selected together, so that none
	 * rejects another: they need not be measured against each other again. Written without a lock,
	 * and so a hint: where it is wrong, a neighbour stays that would have been rejected. NULL where
	 * it is not kept.
	 */
	uint8 *(*selected)(GraphStore *store, NodeId node, int layer);
};

/* Links that a new node takes at most: see GraphStore.wide. */
static inline int
graph_new_links(const GraphStore *store, int layer)
{
	return store->wide ? Min(GRAPH_CAPACITY(store->m, layer), GRAPH_MAX_M) : store->m;
}

/*
 * How a pool is bounded by distance: by that of its rank-th nearest, times `reach`. Distances count
 * from `base`, as far as two equal vectors are.
 */
typedef struct GraphBound
{
	int rank;  /* 0: it is not */
	int least; /* so many nodes are not bounded, however far they are; may be 0 */
	float reach;
	float base;
} GraphBound;

/*
 * A search of one layer: the pool of the ef best in order of distance, with a cursor before which
 * all are expanded. The pool may be bounded by distance, too: see graph_search_within(). What
 * leaves the pool or never enters it is kept, when `keep` is set, so that the search can go on for
 * more.
 */
typedef struct GraphSearch
{
	GraphStore *store;
	const CodeQuery *query;
	int layer;
	int ef;
	GraphBound bound;
	/* a node of layer 0 that is passed over as if it were not there; or none */
	NodeId left_out;
	/* keep what is discarded, for graph_search_widen() and graph_search_resume() */
	bool keep;
	Size memory_limit; /* stop when what has been met takes more; 0 for no limit */
	int64 visit_limit; /* stop after measuring so many nodes; 0 for no limit */

	VisitedSet visited;
	Candidate *pool; /* sorted by dist */
	int npool;
	int pool_size;
	int nlive; /* of them no bridges: at most ef */
	int cursor;
	Candidate *discarded; /* in no order */
	int ndiscarded;
	int discarded_size;
	int64 nvisited; /* nodes measured on this layer */
	/* and by searches of layers before, since the search was created */
	int64 nbefore;
	/* distance of the nearest live node that it began from; INFINITY: none */
	float nearest_entry;
	bool limited;                      /* a limit ended it */
	NodeId entries[GRAPH_MAX_ENTRIES]; /* where the search of a layer begins */
	NodeId batches[2][GRAPH_MAX_LINKS];
	Candidate found[GRAPH_MAX_LINKS];
} GraphSearch;

/* search.c */
extern GraphSearch *graph_search_create(GraphStore *store, bool keep);
/*
 * Starts anew on a layer from the first nentries of search->entries and runs until the pool is
 * expanded: the pool then holds the ef best found.
 */
extern void graph_search_layer(GraphSearch *search, const CodeQuery *query, int layer, int ef,
							   int nentries);
/*
 * The same on layer 0 for the nearest bound->rank: the pool holds what is within the bound, but at
 * most GRAPH_REACH_MOST * ef nodes. `ef` is what the bound was made for.
 */
extern void graph_search_within(GraphSearch *search, const CodeQuery *query, int ef,
								const GraphBound *bound, int nentries);
/*
 * Goes on with what the pool holds, for more nearest: by another bound; or, if that has no rank,
 * until the ef best are found.
 */
extern void graph_search_widen(GraphSearch *search, int ef, const GraphBound *bound);
/*
 * Empties a search, and adds to it what another one of layer 0 has found, which has run to its end;
 * they have met no node in common. When all are added, it is as if one search had found them.
 */
extern void graph_search_begin_union(GraphSearch *search);
extern void graph_search_add(GraphSearch *search, const GraphSearch *part);
extern void graph_search_end_union(GraphSearch *search);
/* Makes the best n of the pool, or fewer if it has not so many, the entries; returns how many. */
extern int graph_search_keep_entries(GraphSearch *search, int n);
/*
 * Replaces the entries on a layer by the nodes of their elements one layer lower; returns how many
 * there still are.
 */
extern int graph_search_down(GraphSearch *search, int layer, int nentries);
/*
 * Descends from the entry point to `layer`, to be searched for ef nodes, and leaves search->entries
 * there; returns how many, 0 in an empty graph. *top is the entry point's layer. The paper descends
 * with one node a layer.
 */
extern int graph_search_descend(GraphSearch *search, const CodeQuery *query, int layer, int ef,
								int *top);
/*
 * Copies the nearest live candidates that were discarded, at most n and nearer than `limit`,
 * nearest first, and marks them as taken: they just missed the pool by estimates. Returns how many
 * there were.
 */
extern int graph_search_runners_up(GraphSearch *search, int n, float limit, Candidate *out);
/*
 * Empties the pool, fills it with the ef best of the discarded and goes on; false when there are
 * none.
 */
extern bool graph_search_resume(GraphSearch *search, int ef);

/* reach.c */

/*
 * A pool bounded by distance holds at most so many times the nodes that a search for its ef expands
 * on average.
 */
#define GRAPH_REACH_MOST 3
#define GRAPH_REACH_OCTAVES 3

/* How far searches have to look in a graph. */
typedef struct GraphReach
{
	/* log2 of the reach for an ef of 2, 4, 8 times the rank; 0: not known */
	float octaves[GRAPH_REACH_OCTAVES];
	/* of all vectors, where distances are inner products; else 0 */
	float norm;
} GraphReach;

/*
 * Measures reach by searches for random elements of a graph that has about so many. Not known where
 * there are too few, nor for inner products of vectors that differ in length.
 */
extern void graph_reach_measure(GraphStore *store, int dims, CodeMetric metric, double elements,
								GraphReach *reach);
/*
 * The bound of a pool for the `rank` nearest with which a search expands ef nodes on average;
 * bound->rank is 0 if it is not known, and where rank is not less than ef. `norm` is the query's,
 * where distances are inner products.
 */
extern void graph_bound(const GraphReach *reach, int ef, int rank, float norm, GraphBound *bound);

/* recall.c */

/* Numbers of nearest that recall is measured for: 1, 10 and 100. */
#define GRAPH_RECALL_RANKS 3
/* Most widths that it is measured at for each. */
#define GRAPH_RECALL_WIDTHS 13
/* Of so many nearest it has to be known where they are; beyond 100 for those at one distance. */
#define GRAPH_NEAREST 160

/* How many of the true nearest were found, and looked for: by rank, at each width. */
typedef struct GraphRecall
{
	int64 found[GRAPH_RECALL_RANKS][GRAPH_RECALL_WIDTHS];
	int64 wanted[GRAPH_RECALL_RANKS];
} GraphRecall;

/* The nearest elements of a query, nearest first, by exact distances. */
typedef struct GraphNearest
{
	int n;
	NodeId nodes[GRAPH_NEAREST];
	double dist[GRAPH_NEAREST];
} GraphNearest;

extern int graph_recall_rank(int r);
/* Of the nearest so many count, but not the first `from`: those that a scan's step adds. */
extern void graph_recall_ranks(int r, int *from, int *to);
/* The i-th width that the r-th is measured at, ascending; 0: there are no more. */
extern int graph_recall_width(int r, int i);

/* How searches go that are measured. */
typedef struct RecallSearch RecallSearch;

/* `runners_up`: candidates beyond the pool that are measured, besides an eighth of ef. */
extern RecallSearch *graph_recall_create(GraphStore *store, const GraphReach *reach,
										 CodeMetric metric, int runners_up);
/*
 * Searches as wide as it goes for what is near a query, as if the node were not there. Writes the
 * nearest that are found by estimates, at most GRAPH_NEAREST; returns how many.
 */
extern int graph_recall_search(RecallSearch *recall, const CodeQuery *query, float norm,
							   NodeId left_out, Candidate *nearest);
/* Adds how many of the nearest that search and narrower ones have found. */
extern void graph_recall_count(RecallSearch *recall, const GraphNearest *nearest,
							   GraphRecall *sums);
/* Is a node among them? */
extern bool graph_nearest_has(const GraphNearest *nearest, NodeId node);

/* select.c */

/* Sorts by distance, nearest first. */
extern void candidates_sort(Candidate *candidates, size_t n);

/* Sets a store's alpha and fill to what measures best for a metric. */
extern void graph_select_rules(GraphStore *store, CodeMetric metric);

/* Room for selecting neighbours, reused from call to call. */
typedef struct GraphSelect
{
	GraphStore *store;
	CodeQuery *query; /* of select_coder */
	void *query_memory;
	void *scratch;
	int size;        /* candidates there is room for */
	double constant; /* what the distances of the candidates lack */
	Candidate *candidates;
	Candidate *sorted;
	NodeId *nodes;
	const void **codes;
	const void **sorted_codes;
	const void **chosen_codes;
	/* of those chosen now, which may reject one that was selected before */
	const void **fresh_codes;
	float *distances;
	NodeId *rejected;
	int nselected; /* result: how many of the chosen were selected; the rest fills up */
} GraphSelect;

extern GraphSelect *graph_select_create(GraphStore *store, int max_candidates);

/*
 * Selects the neighbours of a new node, at most m (see GraphStore.wide), from candidates sorted by
 * their distance to the base (Algorithm 4 of the paper, no back-fill): a candidate is rejected if
 * it is closer to a neighbour already chosen than to the base, by the factor alpha: alpha *
 * d(candidate, chosen) <= d(candidate, base). Ties reject, or equal elements would only know each
 * other. With store->fill what was rejected fills the list up, nearest first. `constant` is what
 * the distances of the candidates lack.
 *
 * `query` is the base as a query of select_coder: the candidates are measured by it and sorted
 * anew, in place. NULL where they have been.
 */
extern int graph_select(GraphSelect *select, int layer, Candidate *candidates, int n,
						double constant, const CodeQuery *query, NodeId *chosen);

/* A node whose neighbours are selected anew, and what from. */
typedef struct SelectAround
{
	NodeId base;
	const void *code; /* its code of select_coder */
	int layer;
	/* may hold the base itself and repeat nodes; dead ones are the caller's to leave out */
	const NodeId *nodes;
	int n;
	int nkept; /* the first are chosen without being asked, and reject others */
	/* or: the first were selected around this base before, and do not reject each other */
	int nselected;
	int limit;
} SelectAround;

extern int graph_select_around(GraphSelect *select, const SelectAround *around, NodeId *chosen);

/* insert.c */

/* Room for inserting elements one after another. */
typedef struct GraphInsert
{
	GraphStore *store;
	GraphSearch *search;
	GraphSelect *select;
	int ef_construction;
	NodeId links[GRAPH_MAX_LAYER + 1][GRAPH_MAX_M];
	int nlinks[GRAPH_MAX_LAYER + 1];
	/* the element, of the store's select_coder; NULL: search distances do */
	const CodeQuery *select_query;
	bool lost; /* the last search had no entry near what it found */
} GraphInsert;

extern GraphInsert *graph_insert_create(GraphStore *store, int ef_construction);
/*
 * A layer for a new element: floor(-ln(u) / ln(1.5 m)) for a uniform u. Algorithm 1 has ln(m); with
 * ln(1.5 m) there are a third fewer upper nodes and recall is the same, while ln(2m) loses some
 * with a small ef where near-duplicates cluster.
 */
extern int graph_random_layer(int m);
/* Inserts an element, and fills in its base.  `query` is of the store's coder. */
extern void graph_insert(GraphInsert *insert, const CodeQuery *query, GraphElement *element,
						 int layer);

/* probe.c */

/* A node as a query. */
typedef struct GraphProbe
{
	GraphStore *store;
	CodeQuery *query;        /* of the store's coder */
	CodeQuery *select_query; /* of its select_coder; NULL if that is the same */
	void *query_memory;
	void *select_memory;
	void *scratch;
	float *vector;
} GraphProbe;

extern GraphProbe *graph_probe_create(GraphStore *store, int dims);
/* Makes a node the query; false if it is not on the layer any more. */
extern bool graph_probe(GraphProbe *probe, NodeId node, int layer);

/* mend.c: of all these, `probe` is the node */

/*
 * Links a node that is there to and from those that it would be linked to if it were inserted now.
 */
extern void graph_reconnect(GraphInsert *insert, const GraphProbe *probe, NodeId node, int layer);
/*
 * Makes sure that searches find a node from above: reconnects it if one does not. Where they begin
 * far from it, and `may_raise` says that its element has no node above it, the element gets nodes
 * up to the layer on which they do not; the store is holding it for create(). Returns whether
 * anything was done.
 */
extern bool graph_mend(GraphInsert *insert, const GraphProbe *probe, const GraphElement *element,
					   NodeId node, int layer, bool may_raise);

/* repair.c */

/* Tells which nodes are removed. */
typedef bool (*GraphDeadTest)(NodeId node, void *arg);

/* Room for repairing nodes one after another. */
typedef struct GraphRepair
{
	GraphStore *store;
	GraphSelect *select;
	GraphDeadTest is_dead;
	void *arg;
	VisitedSet met;
	NodeId *nodes; /* candidates */
	int nnodes;
	int nkept;    /* the first of them: neighbours already */
	bool poor;    /* set by graph_repair_node() */
	NodeId *dead; /* removed nodes, through whose links the rest is reached */
	int ndead;
	int size; /* of either */
} GraphRepair;

extern GraphRepair *graph_repair_create(GraphStore *store, GraphDeadTest is_dead, void *arg);
/*
 * Gives a node that points to removed ones a new list: selected from its other neighbours and from
 * the neighbours of the removed. True when the list was changed. Then repair->poor tells that the
 * node may be hard to find: it needs graph_reconnect().
 */
extern bool graph_repair_node(GraphRepair *repair, NodeId node, int layer);

#endif /* HNSWC_GRAPH_H */
