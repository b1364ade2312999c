/*
 * visited.c: growing and emptying the set of visited nodes.  The rest is inline in visited.h.
 */
#include "postgres.h"

#include "graph/visited.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

static void
visited_allocate(VisitedSet *set, uint32 nplaces)
{
	set->places = palloc_extended((Size) nplaces * sizeof(uint32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	set->mask = nplaces - 1;
	set->shift = 32 - pg_leftmost_one_pos32(nplaces);
}

void
visited_init(VisitedSet *set)
{
	visited_allocate(set, VISITED_FIRST_SIZE);
	set->count = 0;
}

void
visited_free(VisitedSet *set)
{
	pfree(set->places);
	set->places = NULL;
}

/*
 * Empties the set.  A table that one long search has made large is given back, or every later search would pay for
 * clearing it.
 */
void
visited_reset(VisitedSet *set)
{
	if (set->mask + 1 > 16 * VISITED_FIRST_SIZE && set->count < set->mask / 16)
	{
		visited_free(set);
		visited_allocate(set, VISITED_FIRST_SIZE);
	}
	else if (set->count > 0)
		memset(set->places, 0, visited_memory(set));
	set->count = 0;
}

void
visited_grow(VisitedSet *set)
{
	VisitedSet old = *set;

	if (old.mask >= PG_UINT32_MAX / 2)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many nodes visited by one search")));
	visited_allocate(set, (old.mask + 1) * 2);
	for (uint32 i = 0; i <= old.mask; i++)
		if (old.places[i] != 0)
			set->places[visited_place(set, old.places[i])] = old.places[i];
	pfree(old.places);
}
