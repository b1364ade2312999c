/*
 * format.h: every byte of an index on disk.  docs/FORMAT.md is the prose to it.
 *
 * Block 0 is the meta page. All other pages have a kind: node pages of four kinds (elements on
 * layer 0, nodes of the layers above, lists of duplicates, keys), vector pages, parameter pages,
 * pages of the row map, the root of the keys. Node pages hold slots of one fixed size with no line
 * pointers; a node's address is block * slots_per_page + slot, so following an edge looks nothing
 * up. pd_lower is behind the last slot ever used, pd_special is where the PageTail starts:
 * full-page images leave the rest out.
 *
 *   node page    | header 24 | gap | slot 0 | slot 1 | ... | PageTail 32 |
 *   slot         | Slot 16 | code, code_size | links, 4 * 2m | key, 4, with key columns |
 *   key          | KeySlot 52 | the values of the key columns |
 *   vector page  | header 24 | 8,160 bytes of the vector stream | end of a PageTail, 8 |
 *   map page     | header 24 | 2,040 words of 4 bytes | end of a PageTail, 8 |
 *   key root     | header 24 | 2,040 words of 4 bytes | end of a PageTail, 8 |
 *
 * Invariants:
 * - What a search reads of a live slot without a lock never changes between the slot's allocation
 *   and its reuse (heap TID, code, layer, next of a node above layer 0) or is one aligned word (a
 *   link, next of an element) or byte (state).
 * - A page keeps its kind for ever; a slot of an element page is always on layer 0, one of an upper
 *   page never.
 * - The vectors of a page's slots lie one behind the other in the vector stream from (vector_block,
 *   vector_offset) on, over consecutive blocks. They belong to the slots for ever: reusing a slot
 *   reuses its vector's place.
 */
#ifndef HNSWC_FORMAT_H
#define HNSWC_FORMAT_H

#include "postgres.h"

#include "code/code.h"
#include "common/hashfn.h"
#include "graph/graph.h"
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "store/page.h"

#define HNSWC_MAGIC 0x43574E48 /* "HNWC" */
#define HNSWC_VERSION 2
#define HNSWC_META_BLOCK 0
typedef enum SlotState
{
	SLOT_UNUSED, /* never used */
	SLOT_LIVE,
	SLOT_SHELL, /* a live element whose own heap tuple is gone: only its duplicates are left */
	SLOT_DEAD,  /* no heap tuple left; still linked, being removed by vacuum */
	SLOT_FREE,  /* nothing links to it; reusable when old enough, see slot_freed() */
} SlotState;

/* The head of a slot on element and upper pages.  The code follows, then the links. */
typedef struct Slot
{
	union
	{
		ItemPointerData heap_tid; /* element: the row */
		/* upper: the element's address on layer 0, low half first; base[2] unused */
		uint16 base[3];
	} u;
	uint16 generation; /* grows at each reuse */
	uint8 state;       /* SlotState */
	uint8 layer;
	uint16 reserved; /* zero; keeps next at a multiple of 4 */
	NodeId next;     /* element: the first list of its duplicates; upper: the node one layer down */
} Slot;

StaticAssertDecl(sizeof(Slot) == 16, "Slot is part of the on-disk format");

/* A slot on a duplicate page: some heap TIDs of rows whose vectors equal the owner's. */
typedef struct DuplicateSlot
{
	uint32 owner; /* the element, for checks */
	uint16 count; /* TIDs in use */
	uint16 generation;
	uint8 state;     /* SLOT_UNUSED, SLOT_LIVE or SLOT_FREE */
	uint8 layer;     /* zero */
	uint16 reserved; /* zero */
	NodeId next;     /* the next list, or none */
	ItemPointerData tids[FLEXIBLE_ARRAY_MEMBER];
} DuplicateSlot;

StaticAssertDecl(offsetof(DuplicateSlot, tids) == sizeof(Slot),
				 "both kinds of slot have a head of one size");
StaticAssertDecl(offsetof(DuplicateSlot, generation) == offsetof(Slot, generation) &&
					 offsetof(DuplicateSlot, state) == offsetof(Slot, state) &&
					 offsetof(DuplicateSlot, next) == offsetof(Slot, next),
				 "state, generation and next are shared");

/* Ways that go on from a key. */
#define KEY_CHILDREN 8

/*
 * A slot on a page of keys: a value of the key columns and its graph. The values behind it are as
 * key_columns.c writes them.
 */
typedef struct KeySlot
{
	NodeId entry; /* the entry point of the value's graph; NODE_NONE: the graph is empty */
	uint16 size;  /* bytes of the value */
	uint16 generation;
	/*
	 * SLOT_LIVE; SLOT_DEAD: vacuum found its graph empty; SLOT_SHELL: no way leads to it any more
	 */
	uint8 state;
	uint8 layer;     /* zero */
	uint16 reserved; /* zero */
	uint32 hash;
	uint32 count;                  /* elements of the graph: a hint */
	NodeId children[KEY_CHILDREN]; /* further keys, by the hash */
} KeySlot;

StaticAssertDecl(sizeof(KeySlot) == 52, "KeySlot is part of the on-disk format");
StaticAssertDecl(offsetof(KeySlot, generation) == offsetof(Slot, generation) &&
					 offsetof(KeySlot, state) == offsetof(Slot, state) &&
					 offsetof(KeySlot, layer) == offsetof(Slot, layer) &&
					 offsetof(KeySlot, reserved) == offsetof(Slot, reserved),
				 "state and generation are shared");

/* With key columns, a slot has room for a key of so many bytes at least. */
#define KEY_LEAST_ROOM 76

/* What is kept to measure exactly: the reloption `rerank`. */
typedef enum RerankSource
{
	RERANK_INDEX, /* the float32 vector, on vector pages */
	RERANK_HALF,  /* a half-precision copy, on vector pages */
	RERANK_TABLE, /* nothing: the heap tuple is fetched */
} RerankSource;

/* So far no row of the table has been left out */
#define META_NO_NULL 0x0001 /* because it is null */
#define META_NO_ZERO 0x0002 /* because it has no direction, for cosine distances */

/* Levels of the row map: 2,040^3 leaves hold all blocks that a table can have. */
#define MAP_LEVELS 4

/* Shares of the nearest that searches are to find, and numbers of nearest, for which it is kept how
 * wide searches have to be. */
#define RECALL_SHARES 7
#define RECALL_RANKS GRAPH_RECALL_RANKS

/* Where it is known from. */
typedef enum RecallSource
{
	RECALL_UNKNOWN,    /* all is 0 */
	RECALL_MEASURED,   /* searches for the index's own elements */
	RECALL_CALIBRATED, /* searches for vectors that a user gave */
} RecallSource;

/* How wide searches have to be: see widths.c. */
typedef struct RecallWidths
{
	uint16 source;                          /* RecallSource */
	uint16 ef[RECALL_RANKS][RECALL_SHARES]; /* for 1, 10 and 100 nearest */
} RecallWidths;

/* The contents of block 0. */
typedef struct MetaPage
{
	uint32 magic;   /* HNSWC_MAGIC */
	uint32 version; /* HNSWC_VERSION */
	uint64 uid;     /* random, new at every build: tells one build from the next in the same file */
	uint32 dims;
	uint16 m;
	uint16 ef_construction;
	uint8 type;         /* ElementType of column/element.h: the type that is indexed */
	uint8 metric;       /* CodeMetric */
	uint8 bits;         /* of the codes in the nodes */
	uint8 rerank;       /* RerankSource */
	uint32 code_size;   /* bytes of a code: what code_size() says, kept as a check */
	uint32 vector_size; /* bytes of a vector in the stream; 0 if there is none */
	uint16 slot_size;
	uint16 slot_start; /* where slot 0 starts on its page */
	uint16 slots_per_page;
	uint16 flags;       /* META_NO_NULL, META_NO_ZERO; changes */
	uint32 params_size; /* bytes of trained parameters on the pages from params_block on */
	BlockNumber params_block;
	/* what follows changes */
	NodeId entry; /* the entry point: read without a lock */
	/* where new slots of a kind are taken from, or InvalidBlockNumber */
	BlockNumber fill_page[PAGE_NODE_KINDS];
	BlockNumber free_head[PAGE_NODE_KINDS]; /* pages with free slots, the longest free first */
	BlockNumber free_tail[PAGE_NODE_KINDS];
	BlockNumber vector_block; /* where the vector stream goes on */
	BlockNumber vector_end;   /* the first block behind the extent it is in */
	uint32 vector_offset;
	uint32 reserved;  /* zero; keeps what follows at a multiple of 8 */
	double tuples;    /* rows indexed when built or last vacuumed */
	GraphReach reach; /* as measured then */
	/* the file's blocks when the index was built: elements on later ones were inserted */
	BlockNumber built_blocks;
	/* the row map, see rowmap.c */
	/* by the number of inner pages on the way to a leaf; 0: none yet */
	BlockNumber map_roots[MAP_LEVELS];
	/* entries of a block of the table; 0: there is no map.  Never changes */
	uint16 map_stride;
	RecallWidths recall; /* as measured when built or vacuumed, or given by hnsw_calibrate() */
	uint16 nkeys;        /* columns before the vector; never changes */
	/* the page of their root; 0 if there are none.  Never changes; ends at a multiple of 8 */
	BlockNumber key_root;
} MetaPage;

StaticAssertDecl(offsetof(MetaPage, built_blocks) ==
						 offsetof(MetaPage, reach) + sizeof(GraphReach) &&
					 sizeof(MetaPage) == offsetof(MetaPage, built_blocks) + 72,
				 "MetaPage is part of the on-disk format");

StaticAssertDecl(sizeof(MetaPage) <= BLCKSZ - SizeOfPageHeaderData - sizeof(PageTail),
				 "the meta page fits its page");

/* The constants of one index from which every address follows. */
typedef struct PageLayout
{
	uint32 slot_size;
	uint32 slot_start;
	uint32 slots_per_page;
	uint64 reciprocal;   /* 2^64 / slots_per_page, rounded up; 0 for one slot a page */
	uint32 code_offset;  /* within a slot */
	uint32 links_offset; /* within a slot */
	uint32 key_offset;   /* within a slot; 0: the index has no key columns */
	uint32 code_size;
	uint32 vector_size;  /* 0: no vectors in the index */
	uint32 extent_pages; /* vector pages allocated at once: see page_extent() */
	uint32 large_extent_pages;
	uint32 duplicates_per_slot;
	int m;
} PageLayout;

/*
 * The layout for codes of code_size bytes and lists of 2m links; false when a slot does not fit a
 * page. Slots are padded to whole cache lines where that costs no slot per page. `keyed`: the index
 * has key columns.
 */
extern bool page_layout_init(PageLayout *layout, uint32 code_size, uint32 vector_size, int m,
							 bool keyed);

/*
 * The block of a node: its address divided by slots_per_page, by a multiplication with the
 * reciprocal (exact, see Lemire, Kaser and Kurz, "Faster remainder by direct computation", 2019).
 */
static inline BlockNumber
node_block(const PageLayout *layout, NodeId node)
{
	if (layout->reciprocal == 0)
		return node;
	return (BlockNumber) (((unsigned __int128) layout->reciprocal * node) >> 64);
}

static inline uint32
node_slot(const PageLayout *layout, NodeId node)
{
	return node - node_block(layout, node) * layout->slots_per_page;
}

static inline NodeId
node_address(const PageLayout *layout, BlockNumber block, uint32 slot)
{
	Assert(slot < layout->slots_per_page);
	return block * layout->slots_per_page + slot;
}

/* The highest block whose slots all have an address. */
static inline BlockNumber
page_max_block(const PageLayout *layout)
{
	return PG_UINT32_MAX / layout->slots_per_page - 1;
}

static inline Slot *
page_slot(const PageLayout *layout, Page page, uint32 slot)
{
	Assert(slot < layout->slots_per_page);
	return (Slot *) ((char *) page + layout->slot_start + (Size) slot * layout->slot_size);
}

static inline void *
slot_code(const PageLayout *layout, Slot *slot)
{
	return (char *) slot + layout->code_offset;
}

static inline NodeId *
slot_links(const PageLayout *layout, Slot *slot)
{
	return (NodeId *) ((char *) slot + layout->links_offset);
}

/* Of an index with key columns: the key whose graph a node is in. */
static inline NodeId *
slot_key(const PageLayout *layout, Slot *slot)
{
	Assert(layout->key_offset > 0);
	return (NodeId *) ((char *) slot + layout->key_offset);
}

/* Bytes that a key may have. */
static inline uint32
key_room(const PageLayout *layout)
{
	return layout->slot_size - sizeof(KeySlot);
}

static inline NodeId
slot_base(const Slot *slot)
{
	return (NodeId) slot->u.base[0] | ((NodeId) slot->u.base[1] << 16);
}

static inline void
slot_set_base(Slot *slot, NodeId base)
{
	Assert(base != NODE_NONE);
	slot->u.base[0] = (uint16) (base & 0xFFFF);
	slot->u.base[1] = (uint16) (base >> 16);
	slot->u.base[2] = 0;
}

/*
 * A free slot says when it was freed, where it had its heap TID, its base or its first duplicate:
 * the low 48 bits of a FullTransactionId. Who reads one of those without a lock reads the state
 * after it, with a barrier between.
 */
static inline uint16 *
slot_freed_words(PageKind kind, Slot *slot)
{
	return kind == PAGE_DUPLICATE ? (uint16 *) ((DuplicateSlot *) slot)->tids : slot->u.base;
}

static inline uint64
slot_freed(PageKind kind, Slot *slot)
{
	const uint16 *words = slot_freed_words(kind, slot);

	Assert(kind < PAGE_NODE_KINDS && slot->state == SLOT_FREE);
	return (uint64) words[0] | (uint64) words[1] << 16 | (uint64) words[2] << 32;
}

static inline MetaPage *
page_meta(Page page)
{
	return (MetaPage *) ((char *) page + PAGE_STREAM_START);
}

/* An element's or a walk's view of a slot: live for results and for links. */
static inline bool
slot_is_live(const Slot *slot)
{
	return slot->state == SLOT_LIVE || slot->state == SLOT_SHELL;
}

/*
 * Reads a neighbour list that others may be writing: at most `capacity` words, ended by zero.
 * Returns the count.
 */
static inline int
links_read(const NodeId *links, int capacity, NodeId *out)
{
	const volatile NodeId *words = links;
	int n;

	Assert(capacity > 0 && capacity <= GRAPH_MAX_LINKS);
	for (n = 0; n < capacity; n++)
	{
		NodeId node = words[n];

		if (node == NODE_NONE)
			break;
		out[n] = node;
	}
	return n;
}

/*
 * Words of a page of the row map: of a leaf addresses of nodes, of an inner page block numbers. Or
 * of the root of the keys: addresses of keys.
 */
#define MAP_PAGE_WORDS ((uint32) (PAGE_STREAM_SIZE / sizeof(uint32)))

static inline uint32 *
map_words(Page page)
{
	return (uint32 *) ((char *) page + PAGE_STREAM_START);
}

/*
 * The way to a key begins at a word of the root and goes on by its hash, three bits at a time.
 * Where no bits are left it always takes the first child.
 */
static inline uint32
key_root_word(uint32 hash)
{
	return hash % MAP_PAGE_WORDS;
}

/* Which child of a key that is `depth` steps from the root. */
static inline int
key_child(uint32 hash, int depth)
{
	/* of another mixture, for the remainder tells something of the hash itself */
	uint32 bits = murmurhash32(hash);

	return 3 * depth < 32 ? (bits >> (3 * depth)) % KEY_CHILDREN : 0;
}

/* How many vector pages to allocate at once for an index of so many blocks. */
extern uint32 page_extent(const PageLayout *layout, BlockNumber nblocks);

#endif /* HNSWC_FORMAT_H */
