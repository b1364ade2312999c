/*
 * arena_fill.c: the pages that elements are placed on.  See arena.h.
 *
 * Each cluster has a list of open pages: those of its pages that have unused slots, but for the
 * ones that a process has taken for the row it is inserting. Mostly that is one page or none. So
 * there are about as many part-filled pages as clusters, however many processes there are, and the
 * last rows are used to fill these up.
 */
#include "postgres.h"

#include <math.h>

#include "build/arena.h"

/* So many times the rows expected are no error of the estimate any more. */
#define MORE_THAN_EXPECTED 1.03
/* A graph that has filled so many pages is placed by its vectors. */
#define FEW_PAGES 8

static uint32
unused_slots(const Arena *arena, Page page)
{
	return arena->layout->slots_per_page - page_tail(page)->used;
}

/* Takes a cluster's first open page, if it has one.  Under open_lock. */
static bool
take_page(Arena *arena, uint32 cluster)
{
	BlockNumber block = arena->open[cluster];
	Page page;

	Assert(LWLockHeldByMeInMode(&arena->shared->open_lock, LW_EXCLUSIVE) &&
		   cluster < arena->shared->nclusters);
	if (block == InvalidBlockNumber)
		return false;
	page = arena_page(arena, arena->page_of_block[block]);
	Assert(unused_slots(arena, page) > 0 && unused_slots(arena, page) <= arena->shared->open_slots);
	arena->open[cluster] = page_tail(page)->next_page;
	page_tail(page)->next_page = InvalidBlockNumber;
	arena->shared->open_slots -= unused_slots(arena, page);
	arena->fill[PAGE_ELEMENT] = page;
	arena->fill_block[PAGE_ELEMENT] = block;
	arena->fill_cluster = cluster;
	return true;
}

/*
 * Takes an open page of the cluster. `*last` tells, if there is none, whether the open pages of the
 * others have room for all rows that are to be expected.
 */
static bool
take_own(Arena *arena, uint32 cluster, bool *last)
{
	ArenaShared *shared = arena->shared;
	bool taken;

	LWLockAcquire(&shared->open_lock, LW_EXCLUSIVE);
	taken = take_page(arena, cluster);
	*last =
		pg_atomic_read_u64(&shared->tuples) + (double) shared->open_slots >= shared->expected_rows;
	LWLockRelease(&shared->open_lock);
	return taken;
}

/*
 * Takes an open page of any cluster, of one in the same group if possible. If there is none
 * although all that is left was to go there, there are more rows than expected: a few are all put
 * together, but if there are many those after them are placed like those before.
 */
static bool
take_any(Arena *arena, uint32 cluster)
{
	ArenaShared *shared = arena->shared;
	bool taken = false;

	LWLockAcquire(&shared->open_lock, LW_EXCLUSIVE);
	for (uint32 away = 0; away < shared->nclusters && !taken; away++)
		taken = (away <= cluster && take_page(arena, cluster - away)) ||
				(cluster + away < shared->nclusters && take_page(arena, cluster + away));
	if (!taken && pg_atomic_read_u64(&shared->tuples) > MORE_THAN_EXPECTED * shared->expected_rows)
		shared->expected_rows = INFINITY;
	LWLockRelease(&shared->open_lock);
	return taken;
}

/*
 * The cluster whose pages a row goes to. Of a key with few rows all go to the same ones, whatever
 * the vectors are; those of others are placed by their vectors, each key in its own way.
 */
static uint32
place_of(Arena *arena, const CodeQuery *query)
{
	uint32 nclusters = arena->shared->nclusters;

	if (arena->key_root == NULL)
		return cluster_find(arena->finder, query);
	if (pg_atomic_read_u32(arena_key_count(arena)) <
		FEW_PAGES * (uint32) arena->layout->slots_per_page)
		return arena_key_hash(arena) % nclusters;
	return (arena_key_hash(arena) % nclusters + cluster_find(arena->finder, query)) % nclusters;
}

bool
arena_reserve(Arena *arena, const CodeQuery *query)
{
	uint32 cluster = place_of(arena, query);
	bool last;

	Assert(LWLockHeldByMe(&arena->shared->flush_lock) && arena->fill[PAGE_ELEMENT] == NULL);
	if (take_own(arena, cluster, &last))
		return true;
	arena->fill_cluster = cluster;
	if (!last && arena_add_page(arena, PAGE_ELEMENT, false))
		return true;
	if (take_any(arena, cluster))
		return true;
	return last && arena_add_page(arena, PAGE_ELEMENT, false);
}

void
arena_release(Arena *arena)
{
	ArenaShared *shared = arena->shared;
	Page page = arena->fill[PAGE_ELEMENT];

	Assert(page != NULL && page_tail(page)->next_page == InvalidBlockNumber);
	if (unused_slots(arena, page) > 0)
	{
		LWLockAcquire(&shared->open_lock, LW_EXCLUSIVE);
		page_tail(page)->next_page = arena->open[arena->fill_cluster];
		arena->open[arena->fill_cluster] = arena->fill_block[PAGE_ELEMENT];
		shared->open_slots += unused_slots(arena, page);
		LWLockRelease(&shared->open_lock);
	}
	arena->fill[PAGE_ELEMENT] = NULL;
}
