/*
 * visited.c: growing and emptying the set of visited nodes, and full buckets. The rest is inline in
 * visited.h.
 */
#include "postgres.h"

#include "graph/visited.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* The table is not made larger than for so many in advance. */
#define VISITED_MOST_EXPECTED 65536
/* Nodes a bucket when as many are met as were expected, at most; and when the table grows. */
#define EXPECTED_PER_BUCKET 6
#define MOST_PER_BUCKET 9

static void
visited_use(VisitedSet *set, uint32 nbuckets)
{
	set->mask = nbuckets - 1;
	set->shift = 32 - pg_leftmost_one_pos32(nbuckets);
	set->count = 0;
	set->limit = (uint32) Min((uint64) nbuckets * MOST_PER_BUCKET, PG_UINT32_MAX);
}

static void
visited_allocate(VisitedSet *set, MemoryContext cxt, uint32 nbuckets)
{
	Size size = (Size) nbuckets * (sizeof(VisitedBucket) + sizeof(uint8));

	set->memory = MemoryContextAllocExtended(cxt, size + sizeof(VisitedBucket),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	set->buckets = (VisitedBucket *) TYPEALIGN(sizeof(VisitedBucket), set->memory);
	set->used = (uint8 *) (set->buckets + nbuckets);
	set->allocated = nbuckets;
	visited_use(set, nbuckets);
}

void
visited_init(VisitedSet *set)
{
	visited_allocate(set, CurrentMemoryContext, VISITED_LEAST_BUCKETS);
}

void
visited_free(VisitedSet *set)
{
	pfree(set->memory);
	set->memory = NULL;
}

void
visited_reset(VisitedSet *set, uint32 expected)
{
	uint32 wanted =
		pg_nextpower2_32(Min(expected, VISITED_MOST_EXPECTED) / EXPECTED_PER_BUCKET + 1);

	wanted = Max(wanted, VISITED_LEAST_BUCKETS);
	if (wanted > set->allocated)
	{
		MemoryContext cxt = GetMemoryChunkContext(set->memory);

		visited_free(set);
		visited_allocate(set, cxt, wanted);
		return;
	}
	visited_use(set, wanted);
	memset(set->buckets, 0, wanted * sizeof(VisitedBucket));
	memset(set->used, 0, wanted * sizeof(uint8));
}

void
visited_grow(VisitedSet *set)
{
	VisitedSet old = *set;

	if (old.mask >= PG_UINT32_MAX / (2 * VISITED_BUCKET_SIZE))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many nodes visited by one search")));
	visited_allocate(set, GetMemoryChunkContext(old.memory), (old.mask + 1) * 2);
	for (uint32 at = 0; at <= old.mask; at++)
		for (int i = 0; i < old.used[at]; i++)
			visited_add(set, old.buckets[at].keys[i]);
	pfree(old.memory);
}

/*
 * The bucket that has the key or, if none has, the one where its place is: the first that is not
 * full.
 */
static uint32
visited_find(const VisitedSet *set, uint32 key)
{
	uint32 at = visited_bucket(set, key);

	while (set->used[at] == VISITED_BUCKET_SIZE && !visited_bucket_has(&set->buckets[at], key))
		at = (at + 1) & set->mask;
	return at;
}

bool
visited_has_beyond(const VisitedSet *set, uint32 key)
{
	return visited_bucket_has(&set->buckets[visited_find(set, key)], key);
}

bool
visited_add_beyond(VisitedSet *set, uint32 key)
{
	uint32 at = visited_find(set, key);

	if (visited_bucket_has(&set->buckets[at], key))
		return false;
	set->buckets[at].keys[set->used[at]++] = key;
	if (++set->count > set->limit)
		visited_grow(set);
	return true;
}
