/*
 * visited.h: the set of nodes that a search has met.
 *
 * Open addressing with linear probing over 32-bit addresses, 0 standing for an empty place (no node has that address).
 * A search says how many nodes it expects to meet and uses as much of the table as that takes, since emptying costs a
 * memset of what is in use; the table doubles when half full.  Its memory stays in the context it was created in.
 */
#ifndef HNSWC_VISITED_H
#define HNSWC_VISITED_H

#include "postgres.h"

#define VISITED_LEAST_SIZE 256

typedef struct VisitedSet
{
	uint32 *places;
	uint32 allocated; /* places there is memory for */
	uint32 mask;      /* places in use - 1, a power of two less one */
	uint32 shift;     /* 32 - log2(places in use) */
	uint32 count;
} VisitedSet;

extern void visited_init(VisitedSet *set);
/* Empties the set, for a search that expects to meet so many nodes. */
extern void visited_reset(VisitedSet *set, uint32 expected);
extern void visited_free(VisitedSet *set);
extern void visited_grow(VisitedSet *set);

/* Bytes in use. */
static inline Size
visited_memory(const VisitedSet *set)
{
	return ((Size) set->mask + 1) * sizeof(uint32);
}

static inline uint32
visited_place(const VisitedSet *set, uint32 key)
{
	uint32 place = (key * 0x9E3779B1u) >> set->shift;

	while (set->places[place] != 0 && set->places[place] != key)
		place = (place + 1) & set->mask;
	return place;
}

static inline bool
visited_has(const VisitedSet *set, uint32 key)
{
	return set->places[visited_place(set, key)] == key;
}

/* Adds a node; true if it was not there. */
static inline bool
visited_add(VisitedSet *set, uint32 key)
{
	uint32 place = visited_place(set, key);

	if (set->places[place] == key)
		return false;
	set->places[place] = key;
	if (++set->count > set->mask / 2)
		visited_grow(set);
	return true;
}

#endif /* HNSWC_VISITED_H */
