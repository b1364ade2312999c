/*
 * visited.h: the set of nodes that a search has met.
 *
 * Whether a node was met before is a coin toss, so a branch on it is predicted wrongly half of the
 * time. Therefore the table consists of buckets as large as a cache line, all of whose places are
 * compared at once, and a node is added without a branch; only a full bucket, which is rare, goes
 * on in the one behind it. 0 stands for an empty place (no node has that address).
 *
 * A search says how many nodes it expects to meet and uses as much of the table as that takes,
 * since emptying costs a memset of what is in use; the table doubles as it fills up. Its memory
 * stays in the context it was created in.
 */
#ifndef HNSWC_VISITED_H
#define HNSWC_VISITED_H

#include "postgres.h"

#define VISITED_LEAST_BUCKETS 16
#define VISITED_BUCKET_SIZE 16

/*
 * Four places, compared together; every CPU that there is a kernel for has an instruction for that.
 */
typedef uint32 VisitedFour __attribute__((vector_size(16)));
typedef uint64 VisitedPair __attribute__((vector_size(16)));

typedef union VisitedBucket
{
	uint32 keys[VISITED_BUCKET_SIZE];
	VisitedFour fours[VISITED_BUCKET_SIZE / 4];
} VisitedBucket;

typedef struct VisitedSet
{
	void *memory;
	VisitedBucket *buckets;
	uint8 *used;      /* places of each bucket that are taken, the first ones */
	uint32 allocated; /* buckets there is memory for */
	uint32 mask;      /* buckets in use - 1, a power of two less one */
	uint32 shift;     /* 32 - log2(buckets in use) */
	uint32 count;
	uint32 limit; /* it grows beyond so many */
} VisitedSet;

extern void visited_init(VisitedSet *set);
/* Empties the set, for a search that expects to meet so many nodes. */
extern void visited_reset(VisitedSet *set, uint32 expected);
extern void visited_free(VisitedSet *set);
extern void visited_grow(VisitedSet *set);
/* visited_add() and visited_has() when the key's bucket is full. */
extern bool visited_add_beyond(VisitedSet *set, uint32 key);
extern bool visited_has_beyond(const VisitedSet *set, uint32 key);

/* Bytes that the nodes in the set take, as full as its buckets are before it grows. */
#define VISITED_BYTES_PER_NODE 8

static inline Size
visited_memory(const VisitedSet *set)
{
	return (Size) set->count * VISITED_BYTES_PER_NODE;
}

static inline uint32
visited_bucket(const VisitedSet *set, uint32 key)
{
	return (key * 0x9E3779B1u) >> set->shift;
}

static inline bool
visited_bucket_has(const VisitedBucket *bucket, uint32 key)
{
	VisitedFour wanted = {key, key, key, key};
	VisitedPair equal = (VisitedPair) ((bucket->fours[0] == wanted) | (bucket->fours[1] == wanted) |
									   (bucket->fours[2] == wanted) | (bucket->fours[3] == wanted));

	return (equal[0] | equal[1]) != 0;
}

static inline bool
visited_has(const VisitedSet *set, uint32 key)
{
	uint32 at = visited_bucket(set, key);

	return visited_bucket_has(&set->buckets[at], key) ||
		   (set->used[at] == VISITED_BUCKET_SIZE && visited_has_beyond(set, key));
}

/* Adds a node; true if it was not there. */
static inline bool
visited_add(VisitedSet *set, uint32 key)
{
	uint32 at = visited_bucket(set, key);
	VisitedBucket *bucket = &set->buckets[at];
	uint32 used = set->used[at];
	uint32 added;

	if (unlikely(used == VISITED_BUCKET_SIZE))
		return visited_add_beyond(set, key);
	added = !visited_bucket_has(bucket, key);
	bucket->keys[used] = key & -added;
	set->used[at] = used + added;
	set->count += added;
	if (unlikely(set->count > set->limit))
		visited_grow(set);
	return added;
}

#endif /* HNSWC_VISITED_H */
