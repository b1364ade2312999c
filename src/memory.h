/*
 * memory.h: cache lines: palloc aligned to them, as the code layer wants it (such memory is freed
 * with its context only), and fetching them.
 */
#ifndef HNSWC_MEMORY_H
#define HNSWC_MEMORY_H

#include "postgres.h"

#include "utils/memutils.h"

#define LINE_SIZE 64

static inline void *
palloc_on_line(Size size)
{
	return (void *) TYPEALIGN(LINE_SIZE,
							  MemoryContextAllocHuge(CurrentMemoryContext, size + LINE_SIZE));
}

/*
 * Starts fetching the line of an address into the CPU's second-level cache. There are few places
 * for lines under way to the first level, some dozen or two, and what asks for more than these
 * waits; to the second level there are many more.
 */
static inline void
prefetch_line(const void *address)
{
	__builtin_prefetch(address, 0, 2);
}

/*
 * Starts fetching [from, from + size) in the same way, every line that it touches. The empty
 * statement keeps compilers from taking a function that only prefetches for one without effect, and
 * leaving it out.
 */
static inline void
prefetch_bytes(const void *from, Size size)
{
	const char *end = (const char *) from + size;

	for (const char *line = (const char *) TYPEALIGN_DOWN(LINE_SIZE, from); line < end;
		 line += LINE_SIZE)
	{
		prefetch_line(line);
		__asm__ volatile("");
	}
}

#endif /* HNSWC_MEMORY_H */
