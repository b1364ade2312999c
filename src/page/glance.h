/*
 * glance.h: reading a page without a pin.
 *
 * A backend remembers in which buffer it last saw a block.  It looks whether that buffer still holds the block, reads,
 * and looks again, with a read barrier on either side of the reading; if it did not both times, what was read is thrown
 * away.  src/page/README says why that is safe, and what callers may not conclude from it.  Not during recovery, when
 * readers need the share lock, and not for temporary tables: see PageReader.optimistic.
 */
#ifndef HNSWC_GLANCE_H
#define HNSWC_GLANCE_H

#include "postgres.h"

#include "page/page.h"
#include "storage/buf_internals.h"

/* The buffer in which a block of that kind was last seen, and the page in it; NULL if it has not been seen. */
static inline BufferDesc *
glance_find(PageReader *reader, BlockNumber block, PageKind kind, Page *page)
{
	const BlockHint *hint = reader_hint(reader, block);

	if (hint->block != block || hint->kind != kind)
		return NULL;
	*page = BufferGetPage(hint->buffer);
	return GetBufferDescriptor(hint->buffer - 1);
}

/* Does the buffer hold the block now? */
static inline bool
glance_holds(const PageReader *reader, BufferDesc *buffer, BlockNumber block)
{
	const RelLocator *locator = &reader->state->locator;

	return buffer != NULL && (pg_atomic_read_u32(&buffer->state) & BM_VALID) != 0 &&
		   BUFFER_TAG_IS(&buffer->tag, locator, block);
}

#endif /* HNSWC_GLANCE_H */
