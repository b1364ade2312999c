/*
 * arena.h: the memory in which an index is built, whose bytes are the index's own node pages.
 *
 * Each page in the arena is the image of a block that has been reserved in the file; slots, links
 * and addresses are final. Exact vectors do not stay in memory: they go straight to their vector
 * pages through shared buffers. To finish, or when memory runs out, the pages are copied into the
 * buffers of their blocks (arena_flush), and what comes after that is inserted through the page
 * store like any other row.
 *
 * Serial and parallel builds are one: memory comes in chunks, from palloc or from a DSA area that
 * all workers attach.
 *
 * Elements of one cluster (cluster.h) go to the same pages, since a search looks at nodes around
 * one place. A page belongs to a cluster while it is filled; between rows it is on the cluster's
 * list of open pages, and a process takes it from there for the row it is about to insert
 * (arena_fill.c).
 *
 * Locks: ArenaShared.flush_lock is held shared by whoever works in the arena and exclusively to
 * flush; alloc_lock while a page is added; a spinlock, one of many by node address, while a
 * neighbour list or a chain of duplicates is changed; open_lock while an open page is taken or put
 * back. None of them is taken while another but the flush lock is held. Lists are read without a
 * lock. A process fills slots of pages of its own only: an open page is its taker's.
 */
#ifndef HNSWC_ARENA_H
#define HNSWC_ARENA_H

#include "postgres.h"

#include "build/cluster.h"
#include "graph/graph.h"
#include "node/node.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "utils/dsa.h"

#define ARENA_CHUNK_PAGES 16
#define ARENA_SPINLOCKS 1024
#define ARENA_NO_PAGE PG_UINT32_MAX

/* What a build knows before it begins. */
typedef struct ArenaPlan
{
	Size memory_limit;
	double max_rows; /* the table cannot have more */
	double rows;     /* and has so many, or a few more */
	Size side_size;  /* see ArenaShared */
	const Clusters *clusters;
} ArenaPlan;

/* What all processes of a build share; arena_shared_size() bytes. */
typedef struct ArenaShared
{
	LWLock flush_lock;
	LWLock alloc_lock;
	LWLock open_lock;
	pg_atomic_uint32 entry;
	pg_atomic_uint64 tuples; /* rows inserted so far */
	bool flushed;            /* the arena is no more: insert through the page store */
	Size memory_limit;
	/* under alloc_lock */
	Size memory_used;
	/* bytes that the area may take, if there is one: its segments grow, so it would take more */
	Size area_limit;
	bool full;     /* memory is used up: what is added is for upper layers */
	uint32 npages; /* pages in the arena */
	uint32 nchunks;
	BlockNumber vector_block;
	BlockNumber vector_end;
	uint32 vector_offset;
	/* under open_lock */
	uint64 open_slots; /* unused, on pages that are on the lists of open pages */
	/* the last of so many fill up the open pages, whichever they are; see arena_reserve() */
	double expected_rows;
	/* constants */
	uint32 max_chunks;
	uint32 max_blocks;
	uint32 nclusters;
	Size clusters_size;
	Size side_size; /* bytes of a node's code of the build, 0 if that is the stored one */
	slock_t locks[ARENA_SPINLOCKS];
	/*
	 * then: dsa_pointer chunks[max_chunks]; uint32 page_of_block[max_blocks]; BlockNumber
	 * open[nclusters], the first of a cluster's open pages, linked by next_page; Clusters; with key
	 * columns the words of the root of the keys
	 */
} ArenaShared;

/* One process's view: a GraphStore. */
typedef struct Arena
{
	GraphStore store; /* first: the graph sees this */
	ArenaShared *shared;
	dsa_pointer *shared_chunks;
	uint32 *page_of_block;
	BlockNumber *open;
	pg_atomic_uint32 *key_root; /* NULL: there are no key columns */
	ClusterFinder *finder;
	dsa_area *area; /* NULL: chunks are palloc'd */
	char **chunks;  /* this process's addresses, NULL where not attached yet */
	Size chunk_size;
	PageReader reader; /* for vector pages */
	const PageLayout *layout;
	MemoryContext cxt;
	/* this process's pages that have unused slots; of elements only for the row at hand */
	Page fill[PAGE_NODE_KINDS];
	BlockNumber fill_block[PAGE_NODE_KINDS];
	uint32 fill_cluster; /* that of the element page */
	NodeId key; /* whose graph is at hand, see arena_keys.c; NODE_NONE without key columns */
	const void **code_pointers;
	float *distances;
	char *vector_copy;
} Arena;

/* Bytes of ArenaShared for a build. */
extern Size arena_shared_size(const PageLayout *layout, const ArenaPlan *plan);
/* Initialises it; the plan's clusters are copied. */
extern void arena_shared_init(ArenaShared *shared, const PageLayout *layout, const ArenaPlan *plan);
/* Bounds a new area, from which the arena is to take its chunks, by the memory limit. */
extern void arena_bound_area(ArenaShared *shared, dsa_area *area);
/* A process's view.  `coder` makes the codes that the build searches and selects by. */
extern Arena *arena_attach(ArenaShared *shared, dsa_area *area, Relation index, IndexState *state,
						   const Coder *coder);

/*
 * Is there dynamic shared memory for a build that needs so many bytes? /dev/shm is small in many
 * containers.
 */
extern bool arena_shm_fits(Size bytes);

/*
 * Makes the graph of a key, which is added if there is none yet, the one at hand. Called with the
 * flush lock held shared.
 */
extern void arena_take_key(Arena *arena, const KeyProbe *probe);

/*
 * Makes sure that another element can be created, near those of its cluster; false when that would
 * exceed the memory. `query` is of the coder that the arena was attached with. To be followed by
 * arena_release() when the element has been inserted. Called with the flush lock held shared, and
 * so is that.
 */
extern bool arena_reserve(Arena *arena, const CodeQuery *query);
extern void arena_release(Arena *arena);
/*
 * Copies the arena's pages to their blocks and completes the meta page. Called with the flush lock
 * held exclusively.
 */
extern void arena_flush(Arena *arena);

/*
 * Within build/: a new page of a kind as this process's fill page; with `force` beyond the memory
 * limit.
 */
extern bool arena_add_page(Arena *arena, PageKind kind, bool force);
/* Within build/: attaches a chunk that another process has made. */
extern char *arena_attach_chunk(Arena *arena, uint32 chunk);
/* Within build/: the next slot of this process's page of a kind. */
extern Slot *arena_take_slot(Arena *arena, PageKind kind, NodeId *node);
/* arena_keys.c, within build/. */
extern void arena_write_keys(Arena *arena);
/* The entry point of the graph at hand, where there are key columns. */
extern pg_atomic_uint32 *arena_key_entry(Arena *arena);
/* Elements that the graph at hand has so far. */
extern pg_atomic_uint32 *arena_key_count(Arena *arena);
extern uint32 arena_key_hash(Arena *arena);
/* arena_store.c: the functions of the GraphStore. */
extern void arena_store_init(Arena *arena, IndexState *state, const Coder *coder);

static inline char *
arena_chunk(Arena *arena, uint32 chunk)
{
	char *address = arena->chunks[chunk];

	Assert(chunk < arena->shared->nchunks);
	return likely(address != NULL) ? address : arena_attach_chunk(arena, chunk);
}

static inline Page
arena_page(Arena *arena, uint32 number)
{
	return (Page) (arena_chunk(arena, number / ARENA_CHUNK_PAGES) +
				   (Size) (number % ARENA_CHUNK_PAGES) * BLCKSZ);
}

/* The slot of a node. */
static inline Slot *
arena_slot(Arena *arena, NodeId node)
{
	BlockNumber block = node_block(arena->layout, node);

	Assert(node != NODE_NONE && block < arena->shared->max_blocks &&
		   arena->page_of_block[block] != ARENA_NO_PAGE);
	return page_slot(arena->layout, arena_page(arena, arena->page_of_block[block]),
					 node - block * arena->layout->slots_per_page);
}

/*
 * What the arena knows of a node beside its slot lies behind the pages of its chunk: a code of
 * side_size bytes for each of the chunk's slots, then a byte for each. Returns where that begins,
 * and which of the chunk's slots is the node's.
 */
static inline char *
arena_beside(Arena *arena, NodeId node, Size *slot)
{
	uint32 number = arena->page_of_block[node_block(arena->layout, node)];

	*slot = (Size) (number % ARENA_CHUNK_PAGES) * arena->layout->slots_per_page +
			node_slot(arena->layout, node);
	return arena_chunk(arena, number / ARENA_CHUNK_PAGES) + (Size) ARENA_CHUNK_PAGES * BLCKSZ;
}

/* The code that the build measures a node by. */
static inline void *
arena_code(Arena *arena, NodeId node)
{
	Size side_size = arena->shared->side_size;
	Size slot;
	char *beside;

	if (side_size == 0)
		return slot_code(arena->layout, arena_slot(arena, node));
	beside = arena_beside(arena, node, &slot);
	return beside + slot * side_size;
}

/* How many of a node's neighbours were selected together. */
static inline uint8 *
arena_selected(Arena *arena, NodeId node)
{
	Size slot;
	char *beside = arena_beside(arena, node, &slot);
	Size slots = (Size) ARENA_CHUNK_PAGES * arena->layout->slots_per_page;

	return (uint8 *) beside + slots * arena->shared->side_size + slot;
}

#endif /* HNSWC_ARENA_H */
