/*
 * check.h: hnsw_check(), which proves an index against what src/node/README and docs/FORMAT.md say
 * of it.
 *
 * check.c the SQL function: who may, which index, the steps in their order, the row that is
 * returned pages.c each page by itself: header, tail, slots, lists; and what there is of everything
 * slots.c slots copied from their pages, for looks from one page at another links.c from node to
 * node: links, nodes one layer down, elements of the nodes above codes.c codes against the vectors
 * that are kept chains.c lists of duplicates space.c free lists, pages that are being filled, the
 * places of vectors, the meta page reach.c what walks and searches get to, and the entry point
 * map.c the row map keys.c keys and their graphs heap.c rows: each in the index once, and, if asked
 * for, each row of the table
 *
 * Others go on reading and writing meanwhile.  So there are three kinds of statements:
 *
 * - What holds for one page whenever nobody has it locked exclusively.  The page is copied under
 * the share lock and looked at in peace.
 * - What holds from one page to another in every order of events.  The pages are looked at one
 * after the other, and what looks wrong is looked at once more: first where the way starts, then
 * where it leads, then again where it starts.  If the start is the same before and after, what
 * was seen in between is true (slots.c).
 * - What is true of all that was complete when the check began.  It takes a snapshot first: an
 * insert whose row that sees has ended, and so its nodes are linked, its list of duplicates is on
 * its chain and the entry point is as high. What the snapshot does not see may be in the middle
 * of an insert, or be left over from a failed one, and is passed over.
 *
 * As long as the snapshot lives no slot is reused that was not free when the check began (statement
 * (4) of src/node/README).  Not so during recovery, where replay does not ask: there a slot may
 * become another's at any time, and the second look has to find the same generation.
 *
 * Memory: two bytes for each block, two for each address of a node (blocks times slots of a page;
 * six with key columns),
 * sixteen for each page of elements; besides maintenance_work_mem for sorting rows.
 *
 * Locks: the share lock of one page at a time; of the meta page and one other if a free list has to
 * be read while nobody changes it (space.c).  Errors are raised without a lock.
 */
#ifndef HNSWC_CHECK_H
#define HNSWC_CHECK_H

#include "postgres.h"

#include "node/node.h"
#include "utils/snapshot.h"
#include "utils/tuplesort.h"

/* A kind of block beside PageKind's. */
#define BLOCK_EMPTY 0xFF /* all zero: the file was extended and the server stopped */

/* What an address was when its page was read: its layer and one of these; 0 for nothing. */
#define NODE_LAYER 0x1F
#define NODE_LIVE 0x20 /* shells, too */
#define NODE_DEAD 0x40
#define NODE_FREE 0x60
#define NODE_STATE 0x60

/* Marks of an address. */
#define MARK_BELOW 0x01   /* a node above leads down to it; of a key: it has an entry point */
#define MARK_CHAINED 0x02 /* a list on the chain of its owner */
#define MARK_MET 0x04     /* a walk from the entry point gets to it */
#define MARK_NEXT 0x08    /* and goes on from it */

/* What was counted, as it is returned. */
typedef struct CheckCounts
{
	int64 pages[PAGE_KINDS];
	int64 empty_pages;
	int64 elements; /* live, shells included */
	int64 upper_nodes;
	int64 duplicates; /* rows in lists */
	int64 index_rows; /* these, and those that elements have themselves */
	int64 mapped;     /* elements whose own rows have their entries */
	int64 dead;
	int64 free;
	int64 links; /* of live nodes */
	int64 unreachable;
	int64 searches;
	int64 found;
	int64 heap_rows;
} CheckCounts;

/* The vectors of a page of elements are one run: where it starts in the file's bytes of vectors. */
typedef struct VectorRun
{
	uint64 start; /* block times PAGE_STREAM_SIZE, plus offset */
	BlockNumber owner;
} VectorRun;

/* A slot as it was on its page. */
typedef struct SlotCopy
{
	NodeId node;
	PageKind kind;
	XLogRecPtr lsn;      /* of the page */
	Slot *slot;          /* layout.slot_size bytes */
	const char *problem; /* why there is no such slot; NULL: there is */
} SlotCopy;

/* The index's rows, sorted: each its address and that of the node that has it. */
typedef struct IndexRows
{
	Tuplesortstate *sort;
	TupleTableSlot *in;
	TupleTableSlot *out;
} IndexRows;

/* Room for comparing a code with a vector. */
typedef struct CodeRoom
{
	float *vector; /* of an element or of a row */
	char *stored;  /* bytes of a vector in the stream */
	void *code;    /* the vector's, made here */
	float *decoded;
	void *scratch;
} CodeRoom;

typedef struct HnswCheck
{
	Relation heap;
	Relation index;
	IndexState *state;
	const PageLayout *layout;
	PageReader reader;
	BufferAccessStrategy strategy;
	Snapshot snapshot;
	bool heapallindexed;
	int64 searches; /* wanted; PG_INT64_MAX for one for each element */

	BlockNumber nblocks; /* when the check began */
	uint64 nnodes;       /* addresses on these */
	MetaPage meta;       /* then */
	int m;               /* of the index; layout is gone when the row is made */
	uint8 *kinds;        /* by block: PageKind, BLOCK_EMPTY */
	/* by block: those of its tail; of a page of the row map 1 when it has been met */
	uint8 *flags;
	MapCursor cursor; /* check_map_entry() */
	uint8 *nodes;     /* by address */
	uint8 *marks;     /* by address */
	VectorRun *runs;
	int64 nruns;
	int64 runs_size;
	IndexRows rows;
	TupleTableSlot *heap_row; /* check_row_visible() */

	/* room for what is looked at */
	char *page;       /* a copy of the page at hand */
	SlotCopy *before; /* check_way() */
	SlotCopy *end;
	SlotCopy *after;
	SlotCopy *chain;
	SlotCopy *stray;
	VisitedSet list;
	CodeRoom codes;
	/* of an index with key columns; else NULL */
	struct KeyColumns *key_columns;
	NodeId *node_keys; /* by address: the key that the node names */
	char *key_copy;
	MemoryContext key_cxt; /* emptied after each key */
	CheckCounts counts;
} HnswCheck;

/* check.c */

/* Raises an error that names the index, the block and the slot of a node. */
extern void check_failed(HnswCheck *check, NodeId node, const char *format, ...)
	pg_attribute_printf(3, 4) __attribute__((noreturn));
/* What was found out of an address when its page was read; 0 also for addresses that came later. */
static inline uint8
check_node(const HnswCheck *check, NodeId node)
{
	return node < check->nnodes ? check->nodes[node] : 0;
}

static inline bool
node_was(uint8 seen, uint8 state)
{
	return (seen & NODE_STATE) == state;
}

/* pages.c */

/*
 * Copies a block, which is within the file, under its share lock and checks it; false if it is
 * empty.
 */
extern bool check_copy(HnswCheck *check, BlockNumber block, char *page, PageKind *kind);
/* Looks at all pages by themselves, and notes what they are and what is on them. */
extern void check_pages(HnswCheck *check);

/* map.c */

/* Follows the row map from its roots.  When all pages have been looked at. */
extern void check_map(HnswCheck *check);
/* Counts an element whose row's entry leads to it. */
extern void check_map_entry(HnswCheck *check, NodeId node, const Slot *slot);

/* slots.c */

/* Reads a block, which is within the file, by the check's strategy and takes its share lock. */
extern Buffer check_lock(HnswCheck *check, BlockNumber block);
extern SlotCopy *slot_copy_create(HnswCheck *check);
/*
 * Reads the slot of a node; whatever the address is, that raises no error: copy->problem tells, and
 * it returns false.
 */
extern bool slot_copy_read(HnswCheck *check, SlotCopy *copy, NodeId node, PageKind kind);
/* Is the row one that the check's snapshot sees? */
extern bool check_row_visible(HnswCheck *check, ItemPointer tid);
/* Has an element itself, or a list of duplicates, a row that the check's snapshot sees? */
extern bool check_slot_visible(HnswCheck *check, const SlotCopy *copy);

/* A way from a slot to another that has to be looked at. */
typedef struct CheckWay
{
	NodeId from;
	PageKind from_kind;
	NodeId to;
	PageKind to_kind;
	/* does such a way lead from the one, which is read, to the other? */
	bool (*starts)(const HnswCheck *check, const SlotCopy *from, NodeId to);
	/* why it may not lead there, as both are read; NULL: it may */
	const char *(*problem)(const HnswCheck *check, const SlotCopy *from, const SlotCopy *to);
	const char *name;
} CheckWay;

/*
 * Reads both ends of a way.  Raises an error if it leads to what it may not lead to, and that is
 * certain.  Returns whether the way is there.
 */
extern bool check_way(HnswCheck *check, const CheckWay *way);

/* links.c */

/* A node's links, and above layer 0 what it leads down to. */
extern void check_links(HnswCheck *check, NodeId node, const Slot *slot, PageKind kind);

/* codes.c */
extern void check_codes_begin(HnswCheck *check);
/* An element's code against its vector, where that is kept; `tail` is that of its page. */
extern void check_code(HnswCheck *check, NodeId node, const Slot *slot, const PageTail *tail);
/*
 * Reads an element's vector into check->codes.vector, or its bytes into check->codes.stored; false
 * if they are not there.
 */
extern bool check_read_vector(HnswCheck *check, const PageTail *tail, NodeId node);
extern bool check_read_stored(HnswCheck *check, const PageTail *tail, uint32 slot);
/* Is it the code, by that coder, of check->codes.vector? */
extern bool check_code_is_of(HnswCheck *check, const Coder *coder, const void *code);

/* chains.c */

/* An element's lists of duplicates, which are marked. */
extern void check_chain(HnswCheck *check, NodeId node, const Slot *slot);
/* When all chains have been followed: lists that are on none. */
extern void check_strays(HnswCheck *check);

/* space.c */

/* Copies the meta page's contents as they are now. */
extern void check_read_meta(HnswCheck *check, MetaPage *meta);
/* Copies a page's tail as it is now; false if the page is empty. */
extern bool check_read_tail(HnswCheck *check, BlockNumber block, PageTail *tail);
extern void check_space(HnswCheck *check);

/* reach.c */

/* The entry point, and what links lead to from there. */
extern void check_reach(HnswCheck *check);
/* Searches for elements. */
extern void check_searches(HnswCheck *check);

/* A walk meets a node. */
extern void check_meet(HnswCheck *check, NodeId node);

/* keys.c; but for the first three only where there are key columns */
extern void check_keys_begin(HnswCheck *check);
/* All keys.  When all pages have been looked at. */
extern void check_keys(HnswCheck *check);
/* The key that a node names. */
extern void check_node_key(HnswCheck *check, NodeId node, const Slot *slot, PageKind kind);
/* Is an element in the graph of a row's key? */
extern bool check_row_key(HnswCheck *check, NodeId element, Datum *values, bool *isnull);
/* Calls check_meet() for the entry points of all graphs. */
extern void check_meet_entries(HnswCheck *check);
/* Has the graph of a node, as it was when its page was looked at, an entry point? */
extern bool check_key_has_entry(HnswCheck *check, NodeId node);

/* heap.c */
extern void check_rows_begin(HnswCheck *check);
/* Notes that a node has a row. */
extern void check_note_row(HnswCheck *check, ItemPointer tid, NodeId node);
/*
 * When all are noted: each is there once; and, if asked for, each row of the table is there, with
 * its vector.
 */
extern void check_rows(HnswCheck *check);

#endif /* HNSWC_CHECK_H */
