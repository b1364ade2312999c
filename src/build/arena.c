/*
 * arena.c: the memory of a build: allocation, and the way from its pages to the file.  See arena.h.
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "build/arena.h"
#include "build/arena_map.h"
#include "miscadmin.h"
#include "storage/dsm_impl.h"
#include "utils/memutils.h"

/* What a segment of shared memory takes for itself, at most, beside a chunk. */
#define SEGMENT_OVERHEAD (64 * 1024)
/* Left free in the file system of shared memory for everybody else. */
#define SHM_RESERVE (16 * 1024 * 1024)

static uint32
max_node_pages(const PageLayout *layout, const ArenaPlan *plan)
{
	/*
	 * rows on layer 0, the layers above, pages of each process and of each cluster that are not
	 * full
	 */
	double per_row = layout->key_offset > 0 ? 3.1 : 2.1; /* each row may have a key of its own */
	double pages =
		plan->max_rows * per_row / layout->slots_per_page + 1024 + plan->clusters->nclusters;
	/*
	 * when memory is full, elements still fill the open pages, one or so of each cluster, and are
	 * on upper layers, too
	 */
	double beyond = 16 * ARENA_CHUNK_PAGES + plan->clusters->nclusters;

	return (uint32) Min(pages, (double) plan->memory_limit / BLCKSZ + beyond);
}

static uint32
max_chunks(const PageLayout *layout, const ArenaPlan *plan)
{
	return max_node_pages(layout, plan) / ARENA_CHUNK_PAGES + 1;
}

/* Blocks of the file up to the last node page of the arena: vectors and parameters lie between. */
static uint32
max_blocks(const PageLayout *layout, const ArenaPlan *plan)
{
	double run = (double) layout->slots_per_page * layout->vector_size / PAGE_STREAM_SIZE;
	double blocks =
		max_node_pages(layout, plan) * (1.0 + 1.02 * run) + layout->large_extent_pages + 64;

	return (uint32) Min(blocks, (double) page_max_block(layout));
}

/* Where the arrays behind ArenaShared begin. */
static dsa_pointer *
shared_chunks(ArenaShared *shared)
{
	return (dsa_pointer *) ((char *) shared + MAXALIGN(sizeof(ArenaShared)));
}

static uint32 *
shared_pages(ArenaShared *shared)
{
	return (uint32 *) ((char *) shared_chunks(shared) +
					   MAXALIGN(shared->max_chunks * sizeof(dsa_pointer)));
}

static BlockNumber *
shared_open(ArenaShared *shared)
{
	return (BlockNumber *) ((char *) shared_pages(shared) +
							MAXALIGN(shared->max_blocks * sizeof(uint32)));
}

static Clusters *
shared_clusters(ArenaShared *shared)
{
	return (Clusters *) ((char *) shared_open(shared) +
						 MAXALIGN(shared->nclusters * sizeof(BlockNumber)));
}

/* NULL: there are no key columns. */
static pg_atomic_uint32 *
shared_key_root(ArenaShared *shared, const PageLayout *layout)
{
	return layout->key_offset == 0 ? NULL
								   : (pg_atomic_uint32 *) ((char *) shared_clusters(shared) +
														   MAXALIGN(shared->clusters_size));
}

static Size
key_root_size(const PageLayout *layout)
{
	return layout->key_offset == 0 ? 0 : MAP_PAGE_WORDS * sizeof(pg_atomic_uint32);
}

Size
arena_shared_size(const PageLayout *layout, const ArenaPlan *plan)
{
	return MAXALIGN(sizeof(ArenaShared)) +
		   MAXALIGN(max_chunks(layout, plan) * sizeof(dsa_pointer)) +
		   MAXALIGN(max_blocks(layout, plan) * sizeof(uint32)) +
		   MAXALIGN(plan->clusters->nclusters * sizeof(BlockNumber)) +
		   MAXALIGN(plan->clusters->size) + key_root_size(layout);
}

void
arena_shared_init(ArenaShared *shared, const PageLayout *layout, const ArenaPlan *plan)
{
	int tranche = LWLockNewTrancheId();

	LWLockRegisterTranche(tranche, "HnswBuild");
	memset(shared, 0, sizeof(*shared));
	LWLockInitialize(&shared->flush_lock, tranche);
	LWLockInitialize(&shared->alloc_lock, tranche);
	LWLockInitialize(&shared->open_lock, tranche);
	pg_atomic_init_u32(&shared->entry, NODE_NONE);
	pg_atomic_init_u64(&shared->tuples, 0);
	shared->memory_limit = plan->memory_limit;
	shared->expected_rows = plan->rows;
	shared->max_chunks = max_chunks(layout, plan);
	shared->max_blocks = max_blocks(layout, plan);
	shared->memory_used = arena_shared_size(layout, plan);
	shared->side_size = plan->side_size;
	shared->nclusters = plan->clusters->nclusters;
	shared->clusters_size = plan->clusters->size;
	for (int i = 0; i < ARENA_SPINLOCKS; i++)
		SpinLockInit(&shared->locks[i]);
	memset(shared_pages(shared), 0xFF, shared->max_blocks * sizeof(uint32)); /* ARENA_NO_PAGE */
	/* InvalidBlockNumber */
	memset(shared_open(shared), 0xFF, shared->nclusters * sizeof(BlockNumber));
	memcpy(shared_clusters(shared), plan->clusters, plan->clusters->size);
	for (uint32 i = 0; i < key_root_size(layout) / sizeof(pg_atomic_uint32); i++)
		pg_atomic_init_u32(&shared_key_root(shared, layout)[i], NODE_NONE);
}

void
arena_bound_area(ArenaShared *shared, dsa_area *area)
{
	shared->area_limit = Max(shared->memory_limit, shared->memory_used) - shared->memory_used;
	dsa_set_size_limit(area, shared->area_limit);
}

Arena *
arena_attach(ArenaShared *shared, dsa_area *area, Relation index, IndexState *state,
			 const Coder *coder)
{
	Arena *arena = palloc0(sizeof(Arena));

	arena->shared = shared;
	arena->shared_chunks = shared_chunks(shared);
	arena->page_of_block = shared_pages(shared);
	arena->open = shared_open(shared);
	arena->key_root = shared_key_root(shared, &state->layout);
	arena->finder = cluster_finder_create(shared_clusters(shared));
	arena->area = area;
	arena->chunks = palloc0(shared->max_chunks * sizeof(char *));
	arena->layout = &state->layout;
	arena->chunk_size = ARENA_CHUNK_PAGES *
						(BLCKSZ + (Size) state->layout.slots_per_page * (shared->side_size + 1));
	arena->cxt = CurrentMemoryContext;
	reader_init(&arena->reader, index, state);
	arena_store_init(arena, state, coder);
	return arena;
}

char *
arena_attach_chunk(Arena *arena, uint32 chunk)
{
	/* chunks that were palloc'd are never missing */
	Assert(arena->area != NULL && chunk < arena->shared->max_chunks);
	arena->chunks[chunk] = dsa_get_address(arena->area, arena->shared_chunks[chunk]);
	return arena->chunks[chunk];
}

/* Would that much more dynamic shared memory leave the system enough? */
static bool
shm_has_room(Size wanted)
{
	struct statvfs fs;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs("/dev/shm", &fs) != 0)
		return true;
	return (double) fs.f_bavail * fs.f_frsize >= (double) wanted + SHM_RESERVE;
}

bool
arena_shm_fits(Size bytes)
{
	/* the area takes segments of growing size: up to half as much again as is used */
	return shm_has_room(bytes + bytes / 2);
}

/*
 * Allocates a chunk from the area; an invalid pointer when there is no room. With `force` the area
 * may grow by as much as that takes. Under alloc_lock.
 */
static dsa_pointer
allocate_chunk(Arena *arena, bool force)
{
	ArenaShared *shared = arena->shared;
	int flags = DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM;
	dsa_pointer chunk = dsa_allocate_extended(arena->area, arena->chunk_size, flags);

	if (DsaPointerIsValid(chunk))
		return chunk;
	shared->full = true;
	if (!force)
		return InvalidDsaPointer;
	shared->area_limit += arena->chunk_size + SEGMENT_OVERHEAD;
	dsa_set_size_limit(arena->area, shared->area_limit);
	return dsa_allocate_extended(arena->area, arena->chunk_size, flags);
}

/*
 * Adds a chunk; false when memory does not allow it. From then on only what has to be gets more:
 * the rest of a chunk that was added for an upper layer is not for elements, whose upper layers
 * would want the next one. Under alloc_lock.
 */
static bool
add_chunk(Arena *arena, bool force)
{
	ArenaShared *shared = arena->shared;

	Assert(LWLockHeldByMeInMode(&shared->alloc_lock, LW_EXCLUSIVE) &&
		   shared->nchunks <= shared->max_chunks);
	if (shared->memory_used + arena->chunk_size > shared->memory_limit ||
		(arena->area && !shm_has_room(shared->memory_used / 2 + 2 * arena->chunk_size)))
		shared->full = true;
	if (shared->nchunks == shared->max_chunks || (shared->full && !force))
		return false;
	if (arena->area)
	{
		dsa_pointer chunk = allocate_chunk(arena, force);

		if (!DsaPointerIsValid(chunk))
			return false;
		arena->shared_chunks[shared->nchunks] = chunk;
	}
	else
		arena->chunks[shared->nchunks] = MemoryContextAllocHuge(arena->cxt, arena->chunk_size);
	shared->memory_used += arena->chunk_size;
	shared->nchunks++;
	return true;
}

/* Appends a page of that kind to the file, which nobody but this build knows.  Under alloc_lock. */
static BlockNumber
append_page(Arena *arena, PageKind kind)
{
	Buffer buffer = page_append(arena->reader.index, MAIN_FORKNUM);
	BlockNumber block = BufferGetBlockNumber(buffer);

	Assert(LWLockHeldByMeInMode(&arena->shared->alloc_lock, LW_EXCLUSIVE));
	START_CRIT_SECTION();
	page_init(BufferGetPage(buffer), kind);
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
	return block;
}

/* Reserves vector space for an element page's slots.  Under alloc_lock. */
static void
reserve_run(Arena *arena, PageTail *tail)
{
	ArenaShared *shared = arena->shared;
	const PageLayout *layout = arena->layout;
	uint64 run = (uint64) layout->slots_per_page * layout->vector_size;
	uint64 left = (uint64) (shared->vector_end - shared->vector_block) * PAGE_STREAM_SIZE;
	BlockNumber next_block;
	uint32 next_offset;

	if (left < shared->vector_offset + run)
	{
		uint32 pages = page_extent(layout, shared->vector_end);

		shared->vector_block = append_page(arena, PAGE_VECTOR);
		shared->vector_end = shared->vector_block + pages;
		shared->vector_offset = 0;
		for (BlockNumber block = shared->vector_block + 1; block < shared->vector_end; block++)
			if (append_page(arena, PAGE_VECTOR) != block)
				elog(ERROR, "index \"%s\" was extended by somebody else",
					 RelationGetRelationName(arena->reader.index));
	}
	Assert((uint64) (shared->vector_end - shared->vector_block) * PAGE_STREAM_SIZE >=
		   shared->vector_offset + run);
	tail->vector_block = shared->vector_block;
	tail->vector_offset = (uint16) shared->vector_offset;
	vector_place(layout, shared->vector_block, shared->vector_offset, layout->slots_per_page,
				 &next_block, &next_offset);
	shared->vector_block = next_block;
	shared->vector_offset = next_offset;
}

bool
arena_add_page(Arena *arena, PageKind kind, bool force)
{
	ArenaShared *shared = arena->shared;
	bool added = false;

	Assert(!shared->flushed && !page_lock_is_held());
	LWLockAcquire(&shared->alloc_lock, LW_EXCLUSIVE);
	if ((force || !shared->full) &&
		(shared->npages < shared->nchunks * ARENA_CHUNK_PAGES || add_chunk(arena, force)))
	{
		BlockNumber block = append_page(arena, kind);

		if (block < shared->max_blocks)
		{
			Page page = arena_page(arena, shared->npages);

			Assert(arena->page_of_block[block] == ARENA_NO_PAGE);
			page_init(page, kind);
			if (kind == PAGE_ELEMENT && arena->layout->vector_size > 0)
				reserve_run(arena, page_tail(page));
			arena->page_of_block[block] = shared->npages++;
			arena->fill[kind] = page;
			arena->fill_block[kind] = block;
			added = true;
		}
	}
	LWLockRelease(&shared->alloc_lock);
	if (!added && force)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
						errmsg("out of memory while building an hnsw index")));
	return added;
}

/*
 * Copies a page to its block. Pages with unused slots are put on the free list of their kind, in
 * which `*head` is the first so far.
 */
static void
flush_page(Arena *arena, BlockNumber block, Page page, BlockNumber *heads, BlockNumber *tails)
{
	PageTail *tail = page_tail(page);
	Buffer buffer;

	Assert(tail->kind < PAGE_NODE_KINDS && tail->used <= arena->layout->slots_per_page &&
		   tail->nfree == 0);
	if (tail->used < arena->layout->slots_per_page)
	{
		tail->next_page = heads[tail->kind];
		tail->flags |= PAGE_ON_FREE_LIST;
		heads[tail->kind] = block;
		if (tails[tail->kind] == InvalidBlockNumber)
			tails[tail->kind] = block;
	}
	if (tail->used > 0)
		((PageHeader) page)->pd_lower =
			arena->layout->slot_start + tail->used * arena->layout->slot_size;
	buffer = reader_lock_page(&arena->reader, block, tail->kind, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buffer), page, BLCKSZ);
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

void
arena_flush(Arena *arena)
{
	ArenaShared *shared = arena->shared;
	BlockNumber heads[PAGE_NODE_KINDS];
	BlockNumber tails[PAGE_NODE_KINDS];
	BlockNumber map_roots[MAP_LEVELS];
	Buffer buffer;
	MetaPage *meta;

	Assert(!shared->flushed);
	arena_write_map(arena, map_roots);
	if (arena->key_root != NULL)
		arena_write_keys(arena);
	for (int kind = 0; kind < PAGE_NODE_KINDS; kind++)
		heads[kind] = tails[kind] = InvalidBlockNumber;
	for (BlockNumber block = 0; block < shared->max_blocks; block++)
		if (arena->page_of_block[block] != ARENA_NO_PAGE)
		{
			CHECK_FOR_INTERRUPTS(); /* none are served while the flush lock is held */
			flush_page(arena, block, arena_page(arena, arena->page_of_block[block]), heads, tails);
		}

	buffer = reader_lock_page(&arena->reader, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = page_meta(BufferGetPage(buffer));
	START_CRIT_SECTION();
	meta->entry = pg_atomic_read_u32(&shared->entry);
	for (int kind = 0; kind < PAGE_NODE_KINDS; kind++)
	{
		meta->free_head[kind] = heads[kind];
		meta->free_tail[kind] = tails[kind];
	}
	meta->vector_block = shared->vector_block;
	meta->vector_end = shared->vector_end;
	meta->vector_offset = shared->vector_offset;
	memcpy(meta->map_roots, map_roots, sizeof(map_roots));
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);

	if (arena->area)
		for (uint32 i = 0; i < shared->nchunks; i++)
			dsa_free(arena->area, arena->shared_chunks[i]);
	else
		for (uint32 i = 0; i < shared->nchunks; i++)
			pfree(arena->chunks[i]);
	shared->flushed = true;
}
