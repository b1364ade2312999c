/*
 * buffers.c: getting at pages, fast.
 *
 * A search touches hundreds of pages, nearly all of them in shared buffers. ReadBuffer() spends
 * most of its time in the buffer mapping table; so the backend remembers in which buffer it last
 * saw a block and asks ReadRecentBuffer(), which checks and pins it. A memory that is wrong costs
 * one ReadBuffer(). Before the pins of a batch are taken, descriptors and page bytes are prefetched
 * into the CPU's cache.
 *
 * Neither ReadRecentBuffer() nor a reading without a pin (glance.h) raises a buffer's usage count,
 * by which the clock sweep chooses what leaves shared buffers. So a page whose count the sweep has
 * lowered goes through ReadBuffer(), which raises it by one: a page used often stays as long as if
 * every use were a ReadBuffer(), and where nothing is swept that costs nothing.
 *
 * This is the only file of src/store, src/node, src/build and src/rank that calls ReadBuffer(), but
 * for the heap's pages (rows.c). A block's number may come from a damaged page. Before a block is
 * read it is compared with the file's end, and before it is locked with the kind expected and with
 * the locks that this backend holds: nobody waits for himself, and since pages are locked in the
 * order of their kinds, nobody waits for anybody who waits for him.
 *
 * A page's tail is checked when it enters the memory, not at each pin. Locks: a pin is enough for
 * reading, but during recovery, when replay may have marked a buffer valid before its page image is
 * there, the share lock is taken too.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "memory.h"
#include "storage/bufmgr.h"
#include "store/glance.h"
#include "store/store.h"

void
page_reader_init(PageReader *reader, Relation index, PageCache *cache)
{
	reader->index = index;
	reader->cache = cache;
	reader->state = NULL;
	reader->lock = RecoveryInProgress();
	reader->local = RelationUsesLocalBuffers(index);
	reader->optimistic = !reader->lock && !reader->local;
	reader->strategy = NULL;
	reader->rows = NULL;
	Assert(cache->nhints > 0 && (cache->nhints & (cache->nhints - 1)) == 0);
}

void
page_corrupted(Relation index, BlockNumber block, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
					errmsg("index \"%s\" is damaged at block %u: %s",
						   RelationGetRelationName(index), block, what),
					errhint("REINDEX the index.")));
}

/* Does the kind found do for the kind asked for? */
static inline bool
kind_matches(uint8 found, PageKind kind)
{
	return found == kind ||
		   (kind == PAGE_ANY_NODE && (found == PAGE_ELEMENT || found == PAGE_UPPER));
}

/* Kinds of page in messages, as docs/FORMAT.md calls them. */
static const char *const kind_names[] = {
	[PAGE_ELEMENT] = "element",
	[PAGE_UPPER] = "upper",
	[PAGE_DUPLICATE] = "duplicate",
	[PAGE_VECTOR] = "vector",
	[PAGE_KEY] = "key",
	[PAGE_KEY_ROOT] = "key root",
	[PAGE_PARAMS] = "parameters",
	[PAGE_META] = "meta",
	[PAGE_MAP_LEAF] = "row map",
	[PAGE_MAP_INNER] = "row map directory",
	[PAGE_ANY_NODE] = "element or upper",
	[PAGE_ANY] = "any",
};

void
page_check(Relation index, BlockNumber block, Page page, PageKind kind)
{
	PageTail *tail = page_tail(page);

	if (kind == PAGE_ANY)
		return;
	if (PageIsNew(page))
		page_corrupted(index, block, "the page is empty");
	if (PageGetPageSize(page) != BLCKSZ || tail->page_id != HNSWC_PAGE_ID ||
		tail->kind >= PAGE_KINDS || PageGetSpecialSize(page) != page_tail_size(tail->kind) ||
		((PageHeader) page)->pd_upper != ((PageHeader) page)->pd_special)
		page_corrupted(index, block, "it is not a page of this access method");
	if (!kind_matches(tail->kind, kind))
		page_corrupted(index, block,
					   psprintf("expected a page of kind \"%s\", not \"%s\"", kind_names[kind],
								kind_names[tail->kind]));
}

/* Is the block within the file?  The file may have grown since it was last asked. */
static void
reader_check_block(PageReader *reader, BlockNumber block)
{
	if (block >= reader->cache->nblocks)
	{
		page_cache_grow(reader->cache, RelationGetNumberOfBlocks(reader->index));
		if (block >= reader->cache->nblocks)
			page_corrupted(reader->index, block,
						   psprintf("the block is referred to, but the file has only %u",
									reader->cache->nblocks));
	}
}

/*
 * Looks the block up in the buffer mapping table and remembers where it is; raises its usage count.
 */
static Buffer
reader_pin_slowly(PageReader *reader, BlockNumber block, PageKind kind)
{
	Buffer buffer;
	BlockHint *hint;

	Assert(kind <= PAGE_ANY_NODE);
	reader_check_block(reader, block);
	buffer = ReadBuffer(reader->index, block);
	if (reader->lock)
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page_check(reader->index, block, BufferGetPage(buffer), kind);
	if (!reader->local)
	{
		hint = reader_hint(reader, block);
		hint->block = block;
		hint->buffer = buffer;
		hint->kind = page_tail(BufferGetPage(buffer))->kind;
	}
	return buffer;
}

Buffer
reader_pin(PageReader *reader, BlockNumber block, PageKind kind)
{
	if (!reader->local)
	{
		BlockHint *hint = reader_hint(reader, block);
		Buffer buffer = hint->buffer;

		if (hint->block == block && kind_matches(hint->kind, kind) && !buffer_is_cooling(buffer) &&
			ReadRecentBuffer(reader->cache->locator, MAIN_FORKNUM, block, buffer))
		{
			PGSTAT_COUNT_BUFFER_HITS(reader->index, 1);
			Assert(block < reader->cache->nblocks);
			if (reader->lock)
				LockBuffer(buffer, BUFFER_LOCK_SHARE);
			Assert(kind_matches(page_tail(BufferGetPage(buffer))->kind, kind));
			return buffer;
		}
	}
	return reader_pin_slowly(reader, block, kind);
}

Buffer
reader_pin_any(PageReader *reader, BlockNumber block, BufferAccessStrategy strategy)
{
	Buffer buffer;

	reader_check_block(reader, block);
	buffer = ReadBufferExtended(reader->index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	if (reader->lock)
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

void
reader_unpin(PageReader *reader, Buffer buffer)
{
	Assert(BufferIsValid(buffer));
	if (reader->lock)
		UnlockReleaseBuffer(buffer);
	else
		ReleaseBuffer(buffer);
}

void
reader_raise(PageReader *reader, BlockNumber block, PageKind kind)
{
	Assert(!reader->local && !reader->lock);
	ReleaseBuffer(reader_pin_slowly(reader, block, kind));
}

#ifdef USE_ASSERT_CHECKING
bool
page_lock_is_held(void)
{
	return LWLockAnyHeldByMe(BufferDescriptorGetContentLock(GetBufferDescriptor(0)), NBuffers,
							 BUFFERDESC_PAD_TO_SIZE);
}
#endif

/*
 * Locks a pinned buffer, unless this backend has it locked already: then an address has led back to
 * a page that is being changed, and the wait would have no end.
 */
static void
lock_buffer(Relation index, Buffer buffer, int mode)
{
	if (!BufferIsLocal(buffer) &&
		LWLockHeldByMe(BufferDescriptorGetContentLock(GetBufferDescriptor(buffer - 1))))
		page_corrupted(index, BufferGetBlockNumber(buffer),
					   "an address leads to the page that it is on");
	LockBuffer(buffer, mode);
}

/*
 * Locks a pinned buffer having made sure of its kind. A page's kind is there before anybody learns
 * the page's address, and never changes; only replay may be about to write it.
 */
static void
lock_kind(Relation index, Buffer buffer, PageKind kind, int mode)
{
	bool recovery = RecoveryInProgress();

	if (!recovery)
		page_check(index, BufferGetBlockNumber(buffer), BufferGetPage(buffer), kind);
	lock_buffer(index, buffer, mode);
	if (recovery)
		page_check(index, BufferGetBlockNumber(buffer), BufferGetPage(buffer), kind);
}

/* Reads a block by the reader's strategy and locks it, as one of that kind. */
static Buffer
read_and_lock(PageReader *reader, BlockNumber block, PageKind kind, int mode)
{
	Buffer buffer;

	reader_check_block(reader, block);
	buffer = ReadBufferExtended(reader->index, MAIN_FORKNUM, block, RBM_NORMAL, reader->strategy);
	lock_kind(reader->index, buffer, kind, mode);
	return buffer;
}

Buffer
reader_lock_page(PageReader *reader, BlockNumber block, PageKind kind, int mode)
{
	Assert(mode == BUFFER_LOCK_SHARE || mode == BUFFER_LOCK_EXCLUSIVE);
	Assert(mode == BUFFER_LOCK_SHARE || !reader->lock);
	Assert(kind != PAGE_META || !page_lock_is_held()); /* the first of the locks */
	if (reader->strategy == NULL && !reader->lock)
	{
		Buffer buffer = reader_pin(reader, block, kind);

		lock_buffer(reader->index, buffer, mode);
		return buffer;
	}
	return read_and_lock(reader, block, kind, mode);
}

Buffer
reader_lock_any(PageReader *reader, BlockNumber block, int mode)
{
	return read_and_lock(reader, block, PAGE_ANY, mode);
}

Buffer
page_lock(Relation index, BlockNumber block, PageKind kind, int mode)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	Buffer buffer;

	Assert(!page_lock_is_held());
	if (block >= nblocks)
		page_corrupted(index, block,
					   psprintf("the block is referred to, but the file has only %u", nblocks));
	buffer = ReadBuffer(index, block);
	lock_kind(index, buffer, kind, mode);
	return buffer;
}

Buffer
page_append(Relation index, ForkNumber fork)
{
	/*
	 * without the extension lock, as the caller sees to it that nobody else extends: see
	 * src/node/README
	 */
	Buffer buffer = ReadBufferExtended(index, fork, P_NEW, RBM_NORMAL, NULL);

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	Assert(PageIsNew(BufferGetPage(buffer)));
	return buffer;
}

bool
reader_is_cached(PageReader *reader, BlockNumber block)
{
	BlockHint *hint;

	if (reader->local)
		return true;
	hint = reader_hint(reader, block);
	if (hint->block != block)
		return false;
	/* read without a lock, and so only a guess */
	return GetBufferDescriptor(hint->buffer - 1)->tag.blockNum == block;
}

void
reader_prefetch_descriptor(PageReader *reader, BlockNumber block)
{
	if (!reader->local)
	{
		BlockHint *hint = reader_hint(reader, block);

		if (hint->block == block)
			prefetch_line(GetBufferDescriptor(hint->buffer - 1));
	}
}

void
reader_prefetch_bytes(PageReader *reader, BlockNumber block, Size offset, Size size)
{
	if (!reader->local)
	{
		BlockHint *hint = reader_hint(reader, block);

		if (hint->block == block)
			prefetch_bytes((const char *) BufferGetBlock(hint->buffer) + offset, size);
	}
}

static int
block_compare(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return (x > y) - (x < y);
}

/*
 * Not by a read stream: batches are so small that handing them to the I/O workers of PostgreSQL 18
 * costs more than it saves, and without workers it is the same.
 */
void
reader_read_ahead(PageReader *reader, BlockNumber *blocks, int n)
{
	Assert(n > 0 && !page_lock_is_held());
	qsort(blocks, n, sizeof(BlockNumber), block_compare);
	for (int i = 0; i < n; i++)
		if (blocks[i] < reader->cache->nblocks && (i == 0 || blocks[i] != blocks[i - 1]))
			PrefetchBuffer(reader->index, MAIN_FORKNUM, blocks[i]);
}
