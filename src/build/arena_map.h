/*
 * arena_map.h: the row map of the nodes in a build's memory.
 */
#ifndef HNSWC_ARENA_MAP_H
#define HNSWC_ARENA_MAP_H

#include "postgres.h"

#include "build/arena.h"

/*
 * Writes the row map of all nodes of the arena, and the roots of it that the meta page is to have.
 * The arena's pages are as they were; the flush lock is held exclusively, and no page is locked.
 */
extern void arena_write_map(Arena *arena, BlockNumber *roots);

#endif /* HNSWC_ARENA_MAP_H */
