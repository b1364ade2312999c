/*
 * memory.h: palloc for what the code layer wants aligned to a cache line.  Such memory is freed with its context only.
 */
#ifndef HNSWC_MEMORY_H
#define HNSWC_MEMORY_H

#include "postgres.h"

#include "utils/memutils.h"

#define CODE_ALIGN 64

static inline void *
palloc_aligned(Size size)
{
	return (void *) TYPEALIGN(CODE_ALIGN, MemoryContextAllocHuge(CurrentMemoryContext, size + CODE_ALIGN));
}

#endif /* HNSWC_MEMORY_H */
