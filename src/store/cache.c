/*
 * cache.c: what a backend knows of an index's file, in its own memory: how long it was, and in
 * which buffer each block was last seen.
 *
 * Both are hints that are checked when they are used. A place is shared by all blocks with the same
 * number modulo the places there are, up to a million.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "store/store.h"

#define MIN_HINTS 1024
#define MAX_HINTS (1024 * 1024)

void
page_cache_init(PageCache *cache, Relation index, MemoryContext cxt)
{
	memset(cache, 0, sizeof(*cache));
	cache->locator = RELATION_LOCATOR(index);
	cache->cxt = cxt;
	page_cache_grow(cache, RelationGetNumberOfBlocks(index));
}

void
page_cache_grow(PageCache *cache, BlockNumber nblocks)
{
	BlockHint *old = cache->hints;
	uint32 nold = cache->nhints;
	uint32 wanted = pg_nextpower2_32(Max(Min(nblocks, MAX_HINTS), MIN_HINTS));

	Assert(nblocks >= cache->nblocks); /* an index's file never shrinks */
	cache->nblocks = nblocks;
	if (wanted <= nold)
		return;
	cache->hints = MemoryContextAlloc(cache->cxt, wanted * sizeof(BlockHint));
	cache->nhints = wanted;
	/*
	 * an empty hint is of a block that is not looked for in its place: it answers to no number, be
	 * it the invalid one
	 */
	for (uint32 i = 0; i < wanted; i++)
		cache->hints[i] = (BlockHint){i ^ 1, InvalidBuffer, 0};
	for (uint32 i = 0; i < nold; i++)
		if (old[i].buffer != InvalidBuffer)
			cache->hints[old[i].block & (wanted - 1)] = old[i];
	if (old)
		pfree(old);
}
