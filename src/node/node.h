/*
 * node.h: HNSW on an index's pages, as the layers above see it.
 *
 * format.[ch]     every byte on disk
 * state.c         what is constant for an index, opened once per backend and checked
 * alloc.c         slots and vector space: taken, freed, found again
 * vectors.c       the vector stream
 * visit.c         nodes measured in batches
 * store.c         the graph's door (GraphStore) over all this, for scans and inserts
 * duplicates.c    rows with equal vectors; prune.c removes them
 * rowmap.c        from a row of the table to its node
 * keys.c          from a value of the key columns to its graph
 * key_columns.c   the columns before the vector, see key_columns.h
 * statistics.c    what an index knows of its rows; measure.c, widths.c: what a recall takes
 * vacuum.c        what is gone is taken out; vacuum_*.c: see vacuum.h
 *
 * Locks: see src/node/README. In short: a reader only pins, except during recovery, where it takes
 * the share lock as well; a writer locks one page exclusively, or several in this order: meta page,
 * node pages, duplicate page, vector pages, a page of the row map; nobody holds a lock while it
 * measures or searches.
 */
#ifndef HNSWC_NODE_H
#define HNSWC_NODE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "compat.h"
#include "graph/graph.h"
#include "node/format.h"
#include "storage/bufmgr.h"
#include "store/store.h"
#include "utils/rel.h"

/* What an index is: chosen when it is made, constant from then on. */
typedef struct IndexShape
{
	CodeSpec spec;
	int type;
	RerankSource rerank;
	int m;
	int ef_construction;
	int map_stride; /* entries of the row map for a block of the table; 0: no map */
	int nkeys;      /* columns before the vector */
} IndexShape;

/*
 * An index as this backend knows it: all that does not change while its meta page's uid stays the
 * same. Lives until the end of the transaction at least, see index_state_get().
 */
typedef struct IndexState
{
	PageCache cache; /* its locator is the key of the states */
	uint64 uid;
	IndexShape shape;
	PageLayout layout;
	void *params;
	Coder *coder; /* of the codes in the nodes */
	/*
	 * of what is re-ranked: exact (from the index or the table) or half; NULL when coder is exact
	 */
	Coder *vector_coder;
	MemoryContext cxt;
	uint64 last_used;
	struct IndexState *next_retired;
	BlockNumber built_blocks;
	double tuples; /* these as the meta page had them when the index was last opened */
	GraphReach reach;
	RecallWidths recall;
	BlockNumber map_roots[MAP_LEVELS]; /* this, too */
	BlockNumber key_root;              /* 0: there are no key columns.  Constant */
	/* the last leaf that an insert has looked up, and where it is; 0: none */
	uint32 map_leaf;
	BlockNumber map_leaf_block;
	uint16 flags; /* META_NO_NULL, META_NO_ZERO */
	/* of these, those whose end this backend has told all others of: see insert.c */
	uint16 told;
	/* the access method's: memory of a scan that has ended, for the next one; in a child of cxt */
	void *spare_scan;
} IndexState;

/* state.c */

/*
 * Opens an index: reads and checks the meta page. *entry is the entry point at that moment. Raises
 * ERRCODE_INDEX_CORRUPTED for what is not an index of this version. The state stays valid until the
 * end of the transaction.
 */
extern IndexState *index_state_get(Relation index, NodeId *entry);

/*
 * Writes block 0 and the parameter pages of an empty fork (by edits; with WAL if `wal`). `params`
 * is code_params_size() bytes.
 */
extern void index_create_pages(Relation index, ForkNumber fork, const IndexShape *shape,
							   const void *params, bool wal);
/* What is known of an index's rows: how many there are, and how searches among them have to go. */
typedef struct IndexStatistics
{
	double tuples;
	GraphReach reach;
	RecallWidths recall;
} IndexStatistics;

/*
 * Writes statistics to the meta page, if they differ from what is there. What recall a user's
 * vectors gave stays, unless it is given anew.
 */
extern void index_set_statistics(Relation index, const IndexStatistics *statistics);
/* Writes only how wide searches have to be. */
extern void index_set_recall(Relation index, const RecallWidths *recall);
/* Writes to the meta page that all blocks there are now are the build's. */
extern void index_set_built(Relation index);
/*
 * A row of the table is left out: the flag that says there is none such, META_NO_NULL or
 * META_NO_ZERO, is cleared when this returns, and with `wal` the change is logged, whoever has made
 * it. Takes the exclusive lock of the meta page.
 */
extern void index_leave_out(Relation index, IndexState *state, uint16 flag, bool wal);
/* Raises an error if slots of this shape do not fit a page. */
extern void index_shape_layout(const IndexShape *shape, PageLayout *layout);
/*
 * Once per backend. `shape_is_possible`: can an index with that column have that type, metric and
 * number of dimensions?
 */
extern void index_state_init(bool (*shape_is_possible)(Relation index, const IndexShape *shape));

/* A reader of the pages of an index that has been opened. */
static inline void
reader_init(PageReader *reader, Relation index, IndexState *state)
{
	page_reader_init(reader, index, &state->cache);
	reader->state = state;
}
/*
 * Slots of a node page that have ever been used; raises an error if the page's tail or header says
 * nonsense.
 */
extern uint32 page_used(PageReader *reader, BlockNumber block, Page page);

/* alloc.c */

/* A slot taken for a new node, its page locked exclusively and added to the edit. */
typedef struct SlotPlace
{
	Buffer buffer;
	int page; /* its number in the edit */
	NodeId node;
	uint32 slot;
	uint16 generation;        /* to write into the slot */
	Slot *target;             /* where it is on the page */
	BlockNumber vector_block; /* element pages with vectors: where its vector goes */
	uint32 vector_offset;
} SlotPlace;

/*
 * Takes a slot of a kind for a node to be written in `edit`: its page is locked and the bookkeeping
 * added to the edit; the caller adds the slot's contents, commits and releases place->buffer.
 */
extern void alloc_slot(PageReader *reader, PageEdit *edit, PageKind kind, SlotPlace *place);

/*
 * Puts a page of free slots at the end of its kind's free list, unless it is there. The caller
 * holds no lock.
 */
extern void alloc_list_page(PageReader *reader, BlockNumber block, PageKind kind);
/*
 * Frees the slots of a page that `test` picks, as of free_xid, and lists the page; returns how many
 * slots are in use still. Nothing may lead to these slots any more. The caller holds no lock.
 */
extern int alloc_free_slots(PageReader *reader, BlockNumber block, PageKind kind,
							FullTransactionId free_xid,
							bool (*test)(NodeId node, const Slot *slot, void *arg), void *arg);

/*
 * Locks an empty block at the end of the file, exclusively, for a page of any kind: one that was
 * left there when an extension failed, or a new one. The caller holds the exclusive lock of the
 * meta page, and of no other page.
 */
extern Buffer alloc_block(PageReader *reader);

/* vectors.c */

/* Where the vector of a slot is, from where its page's run starts. */
extern void vector_place(const PageLayout *layout, BlockNumber run_block, uint32 run_offset,
						 uint32 slot, BlockNumber *block, uint32 *offset);
extern void vector_write(PageReader *reader, BlockNumber block, uint32 offset, const void *data,
						 bool wal);
extern void vector_read(PageReader *reader, BlockNumber block, uint32 offset, void *data);
/*
 * Measures n vectors of the stream against a query of the vector coder by code_measure(): dist[i].
 * Reads in the order given; `scratch` is layout.vector_size bytes for vectors that run over the end
 * of a page.
 */
extern void vector_distances(PageReader *reader, const CodeQuery *query, const BlockNumber *blocks,
							 const uint32 *offsets, int n, double *dist, void *scratch);

/* visit.c */

/*
 * What was read of an element's rows when it was measured. Without a lock: where the slot is being
 * freed or reused, it may be anything.
 */
typedef struct NodeRow
{
	ItemPointerData heap_tid; /* not valid for a shell */
	NodeId duplicates;
} NodeRow;

/* The kind of page that a layer's nodes are on. */
static inline PageKind
layer_kind(int layer)
{
	return layer == 0 ? PAGE_ELEMENT : PAGE_UPPER;
}

/*
 * Does the slot hold a node of the layer? A freed one does not: whatever still points to it is out
 * of date.
 */
static inline bool
slot_is_on(const Slot *slot, int layer)
{
	return slot->layer == layer && (slot_is_live(slot) || slot->state == SLOT_DEAD);
}

/* Pins the page of a node and finds its slot. */
extern Buffer pin_slot(PageReader *reader, NodeId node, PageKind kind, Slot **slot);

/* Where a node is, or where it was when its block was last seen. */
typedef struct NodePlace
{
	BlockNumber block;
	struct BufferDesc *buffer; /* NULL: not known */
	Slot *slot;
} NodePlace;

/* The node will be asked for in nodes_fetch(), not at once. */
static inline void
node_expect(PageReader *reader, NodeId node)
{
	if (!reader->local)
		__builtin_prefetch(reader_hint(reader, node_block(&reader->state->layout, node)));
}

/* Finds out where n nodes are, at most GRAPH_MAX_LINKS, and starts fetching them. */
extern void nodes_fetch(PageReader *reader, int layer, const NodeId *nodes, int n,
						NodePlace *places);
/*
 * Measures n nodes that are being fetched: out[i] for nodes[i], its node NODE_NONE if that is not
 * on the layer. Fills in bounds only if asked to, and reader->rows[i] where that is not NULL.
 * Returns how many are on the layer.
 */
extern int nodes_measure(PageReader *reader, const CodeQuery *query, int layer, const NodeId *nodes,
						 const NodePlace *places, int n, bool bounds, Candidate *out);

/* store.c */

/* What is kept of an element that is inserted: GraphElement.stored. */
typedef struct NewElement
{
	ItemPointerData heap_tid;
	const void *code;   /* layout.code_size bytes */
	const void *vector; /* layout.vector_size bytes, or NULL */
} NewElement;

/* Nodes that are being fetched. */
typedef struct FetchedNodes
{
	const NodeId *nodes; /* the caller's array; NULL: none */
	NodePlace places[GRAPH_MAX_LINKS];
} FetchedNodes;

typedef struct PageStore
{
	GraphStore store; /* first: the graph sees this */
	PageReader reader;
	bool wal;   /* log changes: false while building */
	NodeId key; /* whose graph is at hand; NODE_NONE: the index has no key columns, or none is */
	NodeId known_entry; /* the entry point a scan was opened with; NODE_NONE: ask its page */
	FetchedNodes fetched[2];
	char *copies; /* codes() copies here */
	Size copies_size;
	char *vector_copy; /* room for one vector of the stream */
	/*
	 * Is an element one that the search is for, by its rows? Others are marked CANDIDATE_UNWANTED.
	 * NULL: all are. What it says counts only while the element's slot is what it was: who uses the
	 * element asks again.
	 */
	bool (*wanted)(const NodeRow *row, void *arg);
	void *wanted_arg;
} PageStore;

/*
 * Below so many bits a dimension neighbours are selected by the vectors, where the index has them.
 */
#define STORE_MIN_SELECT_BITS 4

extern PageStore *page_store_open(Relation index, IndexState *state, bool wal);

/* What a scan needs of an element to return or re-rank it. */
typedef struct ElementRef
{
	ItemPointerData heap_tid; /* invalid for a shell */
	NodeId duplicates;        /* first list, or none */
	BlockNumber vector_block;
	uint32 vector_offset;
	double dist; /* measured anew, if asked for */
	bool valid;  /* false: the slot was reused, or its element removed */
	NodeId key;  /* whose graph it is in, where the index has key columns */
} ElementRef;

/* Fills in the bounds of n candidates of layer 0, which the search leaves at 0. */
extern void page_store_bounds(PageReader *reader, const CodeQuery *query, Candidate *candidates,
							  int n);
/* Looks up n candidates of layer 0, and measures them under their pins if `query` is not NULL. */
extern void page_store_elements(PageReader *reader, const CodeQuery *query,
								const Candidate *candidates, int n, ElementRef *refs);

/* duplicates.c */

/*
 * Hangs a heap TID on an element whose vector equals the row's; false if the element is not there
 * any more.
 */
extern bool duplicates_add(PageReader *reader, NodeId element, int generation, ItemPointer tid,
						   bool wal);
/*
 * Notices when a chain of lists leads into itself: it remembers one list, and a later one each time
 * as many steps as before have been made (Brent, "An improved Monte Carlo factorization algorithm",
 * 1980).
 */
typedef struct ChainGuard
{
	NodeId remembered;
	uint64 steps; /* since it was */
	uint64 most;
} ChainGuard;

/*
 * The chain goes on with `list`: raises an error if that was there before. `guard` is zero at the
 * start of a chain.
 */
extern void chain_guard(ChainGuard *guard, PageReader *reader, NodeId list);

/*
 * Where the heap TIDs of an element's lists are read, one list at a time. It may be kept as long as
 * the scan's snapshot.
 */
typedef struct DuplicateCursor
{
	NodeId owner;
	NodeId list; /* the next one, or none */
	ChainGuard guard;
} DuplicateCursor;

/*
 * Copies the heap TIDs of the cursor's list, at most duplicates_per_slot, and moves to the next
 * list; returns how many there were, perhaps none.
 */
extern int duplicates_next(PageReader *reader, DuplicateCursor *cursor, ItemPointerData *tids);

/* rowmap.c */

/* A leaf of the row map that will have an entry. */
typedef struct MapPlace
{
	BlockNumber leaf; /* InvalidBlockNumber: the map has no place for that row */
	uint32 word;
} MapPlace;

/*
 * Makes sure that the row map has a page for a row. May take the lock of the meta page and of pages
 * of the map; the caller holds none.
 */
extern void rowmap_reserve(PageReader *reader, const ItemPointerData *tid, bool wal,
						   MapPlace *place);
/*
 * Adds the change of an entry to an edit. Returns the leaf's buffer, exclusively locked, which the
 * caller releases behind the edit; InvalidBuffer if there is no place. Of all locks of pages this
 * is the last one to be taken.
 */
extern Buffer rowmap_edit(PageReader *reader, PageEdit *edit, const MapPlace *place, NodeId node);
/* Sets the entry of a row, in an edit of its own.  The caller holds no lock. */
extern void rowmap_set(PageReader *reader, ItemPointer tid, NodeId node, bool wal);

/* Reading the entries of one block of the table after the other.  Starts zeroed. */
typedef struct MapCursor
{
	bool valid;
	uint32 leaf;
	BlockNumber block;                 /* InvalidBlockNumber: there is no such leaf */
	Buffer buffer;                     /* the leaf's pin; not during recovery */
	NodeId copy[MaxHeapTuplesPerPage]; /* during recovery, the entries */
} MapCursor;

/*
 * The entries of offsets 1 to state->shape.map_stride of a block of the table, to be read each once
 * before the next call; NULL if there are none. What an entry says is a hint: it counts only if the
 * node is live and its row, or one of its duplicates, is that row. Keeps a pin until rowmap_done();
 * takes no lock but the share lock during recovery, for the time of the call.
 */
extern const volatile NodeId *rowmap_read(PageReader *reader, MapCursor *cursor,
										  BlockNumber heap_block);
extern void rowmap_done(PageReader *reader, MapCursor *cursor);

/* Heap blocks whose entries are on one leaf. */
static inline uint32
map_leaf_blocks(int stride)
{
	return MAP_PAGE_WORDS / stride;
}

/* How many inner pages are on the way to a leaf; which of a level's pages is it? */
static inline int
map_leaf_level(uint32 leaf)
{
	return leaf == 0                                ? 0
		   : leaf < MAP_PAGE_WORDS                  ? 1
		   : leaf < MAP_PAGE_WORDS * MAP_PAGE_WORDS ? 2
													: 3;
}

/* Which word of an inner page that is `level` steps above a leaf leads to it. */
static inline uint32
map_inner_word(uint32 leaf, int level)
{
	while (--level > 0)
		leaf /= MAP_PAGE_WORDS;
	return leaf % MAP_PAGE_WORDS;
}

/* keys.c */

/* A value of the key columns that is looked for. */
typedef struct KeyProbe
{
	uint32 hash;
	/* Is that the value?  Called without a lock. */
	bool (*equals)(const char *key, Size size, void *arg);
	void *arg;
	/* as it is written where there is no such key yet */
	const char *value;
	Size size; /* at most key_room() */
} KeyProbe;

/* A key as it was read. */
typedef struct KeyRef
{
	NodeId key; /* NODE_NONE: there is none */
	NodeId entry;
	uint32 count;
	uint16 generation;
} KeyRef;

/* Looks for a key. Takes the share lock of one page at a time; the caller holds none. */
extern void key_find(PageReader *reader, const KeyProbe *probe, KeyRef *ref);
/*
 * The key of that value, which is added if there is none. It is live then, and stays so as long as
 * the caller holds the insert lock. Takes the locks of pages; the caller holds none.
 */
extern NodeId key_make(PageReader *reader, const KeyProbe *probe, bool wal);
/*
 * Reads a key: *ref, and where `copy` is not NULL its value, key_room() bytes; returns the value's
 * size. *ref has no key if there is none at the address.
 */
extern Size key_read(PageReader *reader, NodeId key, KeyRef *ref, char *copy);
/* Makes a node the entry point of a key's graph if `expected` still is. */
extern bool key_set_entry(PageReader *reader, NodeId key, NodeId expected, NodeId entry, bool wal);
/* The graph has got so many elements more, or less. */
extern void key_count(PageReader *reader, NodeId key, int64 more, bool wal);

/*
 * For vacuum. A key whose graph is empty is marked as dead; then inserts are waited for; a dead key
 * that nobody has revived and from which no way goes on is taken off its way, and so may be freed.
 */
extern bool key_mark(PageReader *reader, NodeId key);
extern bool key_unhook(PageReader *reader, NodeId key);
/* Does the way of that hash lead to the key? */
extern bool key_is_hooked(PageReader *reader, NodeId key, uint32 hash);
/* Has the slot been unhooked?  For alloc_free_slots(). */
extern bool key_is_unhooked(NodeId node, const Slot *slot, void *arg);

/* prune.c */

/* Removing heap TIDs from the lists of one duplicate page. */
typedef struct DuplicatePrune
{
	IndexBulkDeleteCallback callback; /* which are to go; NULL: none */
	void *callback_state;
	/* what came out of it */
	int left;
	int removed;
	int nempty; /* lists that are empty now or were before */
	NodeId empty_owners[BLCKSZ / sizeof(Slot)];
} DuplicatePrune;

extern void duplicates_prune_page(PageReader *reader, BlockNumber block, DuplicatePrune *prune);
/*
 * Takes the empty lists out of an element's chain. When none is left and the element's own row is
 * gone, it is marked dead. Returns whether it is dead.
 */
extern bool duplicates_settle(PageReader *reader, NodeId element);
/*
 * Frees a page's empty lists, whose owners have been settled; returns how many lists are in use
 * still.
 */
extern int duplicates_free(PageReader *reader, BlockNumber block, FullTransactionId free_xid);

/* statistics.c */
/*
 * How far searches have to look among so many rows, and how wide they have to be: as it was
 * measured before, unless too much has changed.
 */
extern void statistics_measure(Relation index, double tuples, IndexStatistics *statistics);

/* measure.c */
/*
 * Measures how wide searches have to be in an index of about so many elements, with the reach that
 * they will go by. Unknown where there are too few, or they cannot be searched for. Nobody else may
 * be removing elements. Needs memory for some hundred searches.
 */
extern void recall_measure(PageStore *pages, double elements, const GraphReach *reach,
						   RecallWidths *widths);

/* widths.c */

/* All of the nearest cannot be promised. */
#define RECALL_MOST_SHARE 0.999
/* No search is wider: hnsw.ef_search goes as far. */
#define RECALL_MOST_EF 1000

/* How wide searches have to be, by what was found. `source` is not RECALL_UNKNOWN. */
extern void recall_fit(const GraphRecall *found, RecallSource source, RecallWidths *widths);
/*
 * The width for so many nearest, of which a share is to be found; not less than the rank is. 0: it
 * is not known.
 */
extern int recall_width(const RecallWidths *widths, double share, double rank);
/* The s-th of the shares that widths are kept for, ascending. */
extern double recall_share(int s);

#endif /* HNSWC_NODE_H */
