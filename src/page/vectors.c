/*
 * vectors.c: the vector stream, where exact vectors lie one behind the other, apart from the nodes, so that what a walk
 * touches is dense.  A vector may run over the end of a page into the next block.
 *
 * A vector is written once, before the slot it belongs to goes live, and never changes while the slot is in use: a pin
 * is enough to read it.
 *
 * Locks: the exclusive lock of one vector page at a time, while writing; it comes after all node pages' locks.
 */
#include "postgres.h"

#include "page/page.h"

/* A vector that is measured soon is prefetched so far; the CPU goes on by itself. */
#define PREFETCH_BYTES 512

void
vector_place(const PageLayout *layout, BlockNumber run_block, uint32 run_offset, uint32 slot, BlockNumber *block,
			 uint32 *offset)
{
	uint64 position = run_offset + (uint64) slot * layout->vector_size;

	*block = run_block + (BlockNumber) (position / PAGE_STREAM_SIZE);
	*offset = (uint32) (position % PAGE_STREAM_SIZE);
}

void
vector_write(PageReader *reader, BlockNumber block, uint32 offset, const void *data, bool wal)
{
	uint32 left = reader->state->layout.vector_size;
	const char *from = data;

	while (left > 0)
	{
		uint32 part = Min(left, PAGE_STREAM_SIZE - offset);
		Buffer buffer = ReadBuffer(reader->index, block);
		Page page = BufferGetPage(buffer);
		uint32 end = PAGE_STREAM_START + offset + part;
		PageEdit edit;

		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		page_check(reader->index, block, page, PAGE_VECTOR);
		edit_init(&edit, reader->index, wal);
		edit_page(&edit, buffer);
		edit_write(&edit, 0, (char *) page + PAGE_STREAM_START + offset, from, part);
		if (((PageHeader) page)->pd_lower < end)
			edit_set(&edit, 0, &((PageHeader) page)->pd_lower, end);
		edit_commit(&edit);
		edit_free(&edit);
		UnlockReleaseBuffer(buffer);
		from += part;
		left -= part;
		offset = 0;
		block++;
	}
}

void
vector_read(PageReader *reader, BlockNumber block, uint32 offset, void *data)
{
	uint32 left = reader->state->layout.vector_size;
	char *to = data;

	while (left > 0)
	{
		uint32 part = Min(left, PAGE_STREAM_SIZE - offset);
		Buffer buffer = reader_pin(reader, block, PAGE_VECTOR);

		memcpy(to, (char *) BufferGetPage(buffer) + PAGE_STREAM_START + offset, part);
		reader_unpin(reader, buffer);
		to += part;
		left -= part;
		offset = 0;
		block++;
	}
}

void
vector_distances(PageReader *reader, const CodeQuery *query, const BlockNumber *blocks, const uint32 *offsets, int n,
				 float *dist, void *scratch)
{
	uint32 size = reader->state->layout.vector_size;

	for (int i = 0; i < n; i++)
	{
		reader_prefetch_descriptor(reader, blocks[i]);
		if (!reader_is_cached(reader, blocks[i]))
			PrefetchBuffer(reader->index, MAIN_FORKNUM, blocks[i]);
	}
	for (int i = 0; i < n; i++)
		reader_prefetch_bytes(reader, blocks[i], PAGE_STREAM_START + offsets[i],
							  Min(Min(size, PREFETCH_BYTES), PAGE_STREAM_SIZE - offsets[i]));
	for (int i = 0; i < n; i++)
	{
		if (offsets[i] + size <= PAGE_STREAM_SIZE)
		{
			Buffer buffer = reader_pin(reader, blocks[i], PAGE_VECTOR);

			dist[i] = code_distance(query, (char *) BufferGetPage(buffer) + PAGE_STREAM_START + offsets[i], NULL);
			reader_unpin(reader, buffer);
		}
		else
		{
			vector_read(reader, blocks[i], offsets[i], scratch);
			dist[i] = code_distance(query, scratch, NULL);
		}
	}
}
