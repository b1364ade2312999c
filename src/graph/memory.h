/*
 * memory.h: cache lines: palloc aligned to them, as the code layer wants it (such memory is freed with its context only),
 * and fetching them.
 */
#ifndef HNSWC_MEMORY_H
#define HNSWC_MEMORY_H

#include "postgres.h"

#include "utils/memutils.h"

#define CODE_ALIGN 64

static inline void *
palloc_on_line(Size size)
{
	return (void *) TYPEALIGN(CODE_ALIGN, MemoryContextAllocHuge(CurrentMemoryContext, size + CODE_ALIGN));
}

/*
 * Starts fetching [from, from + size) into the CPU's cache, every line that it touches.  The empty statement keeps
 * compilers from taking a function that only prefetches for one without effect, and leaving it out.
 */
static inline void
prefetch_bytes(const void *from, Size size)
{
	const char *end = (const char *) from + size;

	for (const char *line = (const char *) TYPEALIGN_DOWN(CODE_ALIGN, from); line < end; line += CODE_ALIGN)
	{
		__builtin_prefetch(line);
		__asm__ volatile("");
	}
}

#endif /* HNSWC_MEMORY_H */
