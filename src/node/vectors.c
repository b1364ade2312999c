/*
 * vectors.c: the vector stream, where exact vectors lie one behind the other, apart from the nodes,
 * so that what a walk touches is dense. A vector may run over the end of a page into the next
 * block.
 *
 * A vector is written once, before the slot it belongs to goes live, and never changes while the
 * slot is in use: a pin is enough to read it.
 *
 * Locks: the exclusive lock of one vector page at a time, while writing; it comes after all node
 * pages' locks.
 */
#include "postgres.h"

#include "node/node.h"

/* So many bytes of the vectors that are measured next are on their way into the CPU's cache. */
#define FETCH_AHEAD 8192
/* Pages that are read at once. */
#define READ_AHEAD 64

/* What of a vector is on one page; size 0: nothing is left. */
typedef struct VectorPart
{
	BlockNumber block;
	uint32 offset; /* in the page's part of the stream */
	uint32 size;
	uint32 left; /* of the vector, this part included */
} VectorPart;

static inline VectorPart
first_part(const PageReader *reader, BlockNumber block, uint32 offset)
{
	uint32 left = reader->state->layout.vector_size;

	Assert(left > 0 && offset < PAGE_STREAM_SIZE);
	return (VectorPart){block, offset, Min(left, PAGE_STREAM_SIZE - offset), left};
}

static inline void
next_part(VectorPart *part)
{
	uint32 left = part->left - part->size;

	*part = (VectorPart){part->block + 1, 0, Min(left, PAGE_STREAM_SIZE), left};
}

void
vector_place(const PageLayout *layout, BlockNumber run_block, uint32 run_offset, uint32 slot,
			 BlockNumber *block, uint32 *offset)
{
	uint64 position = run_offset + (uint64) slot * layout->vector_size;

	Assert(slot <= layout->slots_per_page);
	*block = run_block + (BlockNumber) (position / PAGE_STREAM_SIZE);
	*offset = (uint32) (position % PAGE_STREAM_SIZE);
}

void
vector_write(PageReader *reader, BlockNumber block, uint32 offset, const void *data, bool wal)
{
	const char *from = data;

	for (VectorPart part = first_part(reader, block, offset); part.size > 0; next_part(&part))
	{
		Buffer buffer = reader_lock_page(reader, part.block, PAGE_VECTOR, BUFFER_LOCK_EXCLUSIVE);
		Page page = BufferGetPage(buffer);
		uint32 end = PAGE_STREAM_START + part.offset + part.size;
		PageEdit edit;

		Assert(end <= PAGE_STREAM_START + PAGE_STREAM_SIZE);
		edit_init(&edit, reader->index, wal);
		edit_page(&edit, buffer);
		edit_write(&edit, 0, (char *) page + PAGE_STREAM_START + part.offset, from, part.size);
		if (((PageHeader) page)->pd_lower < end)
			edit_set(&edit, 0, &((PageHeader) page)->pd_lower, end);
		edit_commit(&edit);
		edit_free(&edit);
		UnlockReleaseBuffer(buffer);
		from += part.size;
	}
}

void
vector_read(PageReader *reader, BlockNumber block, uint32 offset, void *data)
{
	char *to = data;

	for (VectorPart part = first_part(reader, block, offset); part.size > 0; next_part(&part))
	{
		Buffer buffer = reader_pin(reader, part.block, PAGE_VECTOR);

		memcpy(to, (char *) BufferGetPage(buffer) + PAGE_STREAM_START + part.offset, part.size);
		reader_unpin(reader, buffer);
		to += part.size;
	}
}

/*
 * Has those pages of the vectors read that are not in shared buffers; the descriptors of all are in
 * the CPU's cache then.
 */
static void
vectors_read_ahead(PageReader *reader, const BlockNumber *blocks, const uint32 *offsets, int n)
{
	BlockNumber away[READ_AHEAD];
	int naway = 0;

	for (int i = 0; i < n; i++)
		for (VectorPart part = first_part(reader, blocks[i], offsets[i]); part.size > 0;
			 next_part(&part))
			reader_prefetch_descriptor(reader, part.block);
	for (int i = 0; i < n; i++)
		for (VectorPart part = first_part(reader, blocks[i], offsets[i]); part.size > 0;
			 next_part(&part))
			if (naway < READ_AHEAD && !reader_is_cached(reader, part.block))
				away[naway++] = part.block;
	if (naway > 0)
		reader_read_ahead(reader, away, naway);
}

/* Starts fetching a vector into the CPU's cache. */
static inline void
vector_prefetch(PageReader *reader, BlockNumber block, uint32 offset)
{
	for (VectorPart part = first_part(reader, block, offset); part.size > 0; next_part(&part))
		reader_prefetch_bytes(reader, part.block, PAGE_STREAM_START + part.offset, part.size);
}

void
vector_distances(PageReader *reader, const CodeQuery *query, const BlockNumber *blocks,
				 const uint32 *offsets, int n, double *dist, void *scratch)
{
	uint32 size = reader->state->layout.vector_size;
	int nfetched = 0;

	Assert(size > 0 && !page_lock_is_held());
	vectors_read_ahead(reader, blocks, offsets, n);
	for (int i = 0; i < n; i++)
	{
		for (; nfetched < n && (nfetched - i) * size < FETCH_AHEAD; nfetched++)
			vector_prefetch(reader, blocks[nfetched], offsets[nfetched]);
		if (offsets[i] + size <= PAGE_STREAM_SIZE)
		{
			Buffer buffer = reader_pin(reader, blocks[i], PAGE_VECTOR);

			dist[i] = code_measure(query,
								   (char *) BufferGetPage(buffer) + PAGE_STREAM_START + offsets[i]);
			reader_unpin(reader, buffer);
		}
		else
		{
			vector_read(reader, blocks[i], offsets[i], scratch);
			dist[i] = code_measure(query, scratch);
		}
	}
}
