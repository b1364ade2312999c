/*
 * glance.h: reading a page without a pin.
 *
 * A backend remembers in which buffer it last saw a block. It looks whether that buffer still holds
 * the block, reads, and looks again, with a read barrier on either side of the reading; if it did
 * not both times, what was read is thrown away. src/node/README says why that is safe in each major
 * version, and what callers may not conclude from it. Not during recovery, when readers need the
 * share lock, and not for temporary tables: see PageReader.optimistic.
 */
#ifndef HNSWC_GLANCE_H
#define HNSWC_GLANCE_H

#include "postgres.h"

#include "executor/instrument.h"
#include "storage/buf_internals.h"
#include "store/store.h"

/*
 * The buffer in which a block of that kind was last seen, and the page in it; NULL if it has not
 * been seen.
 */
static inline BufferDesc *
glance_find(PageReader *reader, BlockNumber block, PageKind kind, Page *page)
{
	const BlockHint *hint = reader_hint(reader, block);

	if (hint->block != block || hint->kind != kind)
		return NULL;
	Assert(BufferIsValid(hint->buffer));
	*page = BufferGetPage(hint->buffer);
	return GetBufferDescriptor(hint->buffer - 1);
}

/*
 * The first look: does the buffer hold the block now?  `*state` is the buffer's state as seen.
 *
 * The tag comes before the state: a new tag is stored while the header is locked, and BM_VALID is
 * cleared before it is unlocked, so that a state that is valid and unlocked after the block's tag
 * was seen speaks of the block's bytes.
 */
static inline bool
glance_begin(const PageReader *reader, BufferDesc *buffer, BlockNumber block, uint32 *state)
{
	bool valid;

	if (buffer == NULL || !BUFFER_TAG_IS(&buffer->tag, &reader->cache->locator, block))
		return false;
	pg_read_barrier();
	*state = pg_atomic_read_u32(&buffer->state);
	valid = (*state & (BM_LOCKED | BM_VALID)) == BM_VALID;
	pg_read_barrier();
	return valid;
}

/*
 * The second look: has the buffer held the block all the time? A buffer's tag is changed before
 * anything else is read into it.
 */
static inline bool
glance_end(const PageReader *reader, BufferDesc *buffer, BlockNumber block)
{
	Assert(buffer != NULL);
	pg_read_barrier();
	return BUFFER_TAG_IS(&buffer->tag, &reader->cache->locator, block);
}

/*
 * Has the clock sweep lowered the buffer's usage count? Then a reading without a pin is to be
 * followed by reader_raise().
 */
static inline bool
glance_is_cooling(uint32 state)
{
	return BUF_STATE_GET_USAGECOUNT(state) < BM_MAX_USAGE_COUNT;
}

/*
 * The same of a buffer that is about to be pinned: then it is to be looked up, as
 * ReadRecentBuffer() does not raise it.
 */
static inline bool
buffer_is_cooling(Buffer buffer)
{
	return glance_is_cooling(pg_atomic_read_u32(&GetBufferDescriptor(buffer - 1)->state));
}

/* Counts pages that were read without a pin. */
static inline void
glance_count(const PageReader *reader, int n)
{
	Assert(n >= 0);
	pgBufferUsage.shared_blks_hit += n;
	PGSTAT_COUNT_BUFFER_HITS(reader->index, n);
}

#endif /* HNSWC_GLANCE_H */
