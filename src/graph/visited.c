/*
 * visited.c: growing and emptying the set of visited nodes.  The rest is inline in visited.h.
 */
#include "postgres.h"

#include "graph/visited.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* The table is not made larger than for so many in advance. */
#define VISITED_MOST_EXPECTED 65536

static void
visited_use(VisitedSet *set, uint32 nplaces)
{
	set->mask = nplaces - 1;
	set->shift = 32 - pg_leftmost_one_pos32(nplaces);
	set->count = 0;
}

static void
visited_allocate(VisitedSet *set, MemoryContext cxt, uint32 nplaces)
{
	set->places = MemoryContextAllocExtended(cxt, (Size) nplaces * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	set->allocated = nplaces;
	visited_use(set, nplaces);
}

void
visited_init(VisitedSet *set)
{
	visited_allocate(set, CurrentMemoryContext, VISITED_LEAST_SIZE);
}

void
visited_free(VisitedSet *set)
{
	pfree(set->places);
	set->places = NULL;
}

void
visited_reset(VisitedSet *set, uint32 expected)
{
	uint32 wanted = Max(pg_nextpower2_32(2 * Min(expected, VISITED_MOST_EXPECTED) + 1), VISITED_LEAST_SIZE);

	if (wanted > set->allocated)
	{
		MemoryContext cxt = GetMemoryChunkContext(set->places);

		visited_free(set);
		visited_allocate(set, cxt, wanted);
		return;
	}
	visited_use(set, wanted);
	memset(set->places, 0, visited_memory(set));
}

void
visited_grow(VisitedSet *set)
{
	VisitedSet old = *set;

	if (old.mask >= PG_UINT32_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many nodes visited by one search")));
	visited_allocate(set, GetMemoryChunkContext(old.places), (old.mask + 1) * 2);
	set->count = old.count;
	for (uint32 i = 0; i <= old.mask; i++)
		if (old.places[i] != 0)
			set->places[visited_place(set, old.places[i])] = old.places[i];
	pfree(old.places);
}
