/*
 * store.h: an index's pages as files and buffers, whatever is on them.
 *
 * page.[ch]   kinds of page, and empty ones
 * cache.c     what a backend knows of a file: its size, and in which buffer a block was last seen
 * buffers.c   pins and locks of pages, checked when they are met
 * glance.h    reading without a pin
 * edit.c      changes to pages: applied in place under exclusive locks, WAL-logged as generic WAL
 * locks.c     how vacuum waits for inserts
 *
 * Locks: a reader only pins, except during recovery, where it takes the share lock as well; a
 * writer locks one page exclusively, or several in the order of node/node.h. Nobody
 * holds a lock while it measures or searches.
 */
#ifndef HNSWC_STORE_H
#define HNSWC_STORE_H

#include "postgres.h"

#include "compat.h"
#include "storage/bufmgr.h"
#include "store/page.h"
#include "utils/rel.h"

/* Where a block was last seen. */
typedef struct BlockHint
{
	BlockNumber block; /* empty: one that belongs to another place */
	Buffer buffer;     /* empty: InvalidBuffer */
	uint8 kind;        /* PageKind, as checked */
} BlockHint;

/* What a backend knows of an index's file. */
typedef struct PageCache
{
	RelLocator locator;
	MemoryContext cxt;   /* of the hints */
	BlockNumber nblocks; /* the index has at least so many */
	BlockHint *hints;    /* nhints of them, by block modulo nhints; a power of two */
	uint32 nhints;
} PageCache;

/* cache.c */

/* An empty one of an index, whose hints are to be in `cxt`. */
extern void page_cache_init(PageCache *cache, Relation index, MemoryContext cxt);
/* Notes that the index has grown to so many blocks. */
extern void page_cache_grow(PageCache *cache, BlockNumber nblocks);

/* buffers.c */

/*
 * Reads of an index's pages by one scan, insert or vacuum. No pin outlives the call that took it,
 * except through reader_pin() and the functions that lock.
 */
typedef struct PageReader
{
	Relation index;
	PageCache *cache;
	struct IndexState *state;      /* what else is known of the index, see node/node.h */
	bool lock;                     /* take the share lock too: during recovery */
	bool local;                    /* a temporary table's buffers: no hints */
	bool optimistic;               /* measure nodes without pins: see node/visit.c */
	BufferAccessStrategy strategy; /* of reader_lock_page() and reader_lock_any() */
	/* where nodes_measure() is to say what it read of their rows; or NULL */
	struct NodeRow *rows;
} PageReader;

extern void page_reader_init(PageReader *reader, Relation index, PageCache *cache);
/*
 * Pins (and share-locks during recovery) a block of the given kind. The block's number may come
 * from a page: what is beyond the file or of another kind is reported as damage. The caller holds
 * no lock during recovery.
 */
extern Buffer reader_pin(PageReader *reader, BlockNumber block, PageKind kind);
/*
 * The same of a block of whatever kind, which may be empty, by a strategy: for who reads all
 * blocks.
 */
extern Buffer reader_pin_any(PageReader *reader, BlockNumber block, BufferAccessStrategy strategy);
extern void reader_unpin(PageReader *reader, Buffer buffer);
/*
 * Pins a block of the given kind by the reader's strategy and locks it. The block's number may come
 * from a page: what is beyond the file, of another kind or locked by this backend already is
 * reported as damage, before it is waited for.
 */
extern Buffer reader_lock_page(PageReader *reader, BlockNumber block, PageKind kind, int mode);
/*
 * The same of a block of whatever kind, which may be empty: the caller looks at PageIsNew() and
 * page_check().
 */
extern Buffer reader_lock_any(PageReader *reader, BlockNumber block, int mode);
/* reader_lock_page() for who has no reader; the file's size is looked up. */
extern Buffer page_lock(Relation index, BlockNumber block, PageKind kind, int mode);
/*
 * Appends a block to a fork; returns its buffer, locked exclusively, with an empty page that is to
 * be initialised. Takes no lock that outlives an error until the end of the transaction. Nobody
 * else may be appending: the caller holds the meta page's exclusive lock, or a build's alloc_lock,
 * or nobody else knows of the fork.
 */
extern Buffer page_append(Relation index, ForkNumber fork);
#ifdef USE_ASSERT_CHECKING
/*
 * Does this backend hold a lock of any page in shared buffers? It may not while it searches or
 * measures, or asks for one.
 */
extern bool page_lock_is_held(void);
#endif
/*
 * Starts fetching what will be pinned soon: the descriptor, then the bytes [offset, offset + size)
 * of the page.
 */
extern void reader_prefetch_descriptor(PageReader *reader, BlockNumber block);
extern void reader_prefetch_bytes(PageReader *reader, BlockNumber block, Size offset, Size size);
/* Is the block likely to be in shared buffers?  Otherwise reader_read_ahead() may pay. */
extern bool reader_is_cached(PageReader *reader, BlockNumber block);
/*
 * Has the operating system read n blocks that will be pinned soon, all at once. Changes the array.
 */
extern void reader_read_ahead(PageReader *reader, BlockNumber *blocks, int n);
/*
 * Raises the usage count of a page of that kind that was read without a pin, which is what keeps it
 * in shared buffers.
 */
extern void reader_raise(PageReader *reader, BlockNumber block, PageKind kind);
static inline BlockHint *
reader_hint(PageReader *reader, BlockNumber block)
{
	return &reader->cache->hints[block & (reader->cache->nhints - 1)];
}
/* Raises an error that names the index and the block. */
pg_noreturn extern void page_corrupted(Relation index, BlockNumber block, const char *what);
/* Checks that a page read from disk is one of ours and of that kind; raises an error if not. */
extern void page_check(Relation index, BlockNumber block, Page page, PageKind kind);
/* edit.c */

#define EDIT_MAX_PAGES 4

/*
 * Changes to at most EDIT_MAX_PAGES pages, applied together and WAL-logged in one record. The
 * caller holds the buffers' exclusive locks from edit_page() to edit_commit(), and releases them
 * afterwards.
 *
 * Unlike GenericXLogFinish() this writes only the bytes that change, in place: readers hold no
 * lock, and aligned words must be seen old or new, never torn. What is logged is what generic WAL's
 * redo expects.
 */
typedef struct PageEdit
{
	Relation index;
	bool wal;
	int npages;
	struct
	{
		Buffer buffer;
		bool fresh;  /* logged as a full image */
		char *delta; /* fragments: uint16 offset, uint16 length, bytes */
		int ndelta;
		int delta_size;
	} pages[EDIT_MAX_PAGES];
} PageEdit;

extern void edit_init(PageEdit *edit, Relation index, bool wal);
/*
 * Adds a locked buffer; returns its number for edit_write(). `fresh`: initialises the page as
 * `kind` at commit.
 */
extern int edit_page(PageEdit *edit, Buffer buffer);
extern int edit_fresh_page(PageEdit *edit, Buffer buffer, PageKind kind);
/* At commit, `size` bytes from `data` go to `target`, an address within that page. */
extern void edit_write(PageEdit *edit, int page, void *target, const void *data, Size size);
/* The same for a field of a page: edit_set(edit, n, &tail->used, value). */
#define edit_set(edit, page, field, value)                                    \
	do                                                                        \
	{                                                                         \
		__typeof__(*(field)) edit_value = (value);                            \
		edit_write((edit), (page), (field), &edit_value, sizeof(edit_value)); \
	} while (0)
extern void edit_commit(PageEdit *edit);
extern void edit_free(PageEdit *edit);
/* An edit of one field of one page, whose exclusive lock the caller holds. */
extern void edit_alone(Relation index, Buffer buffer, void *target, const void *data, Size size,
					   bool wal);
#define edit_field(index, buffer, field, value, wal)                                    \
	do                                                                                  \
	{                                                                                   \
		__typeof__(*(field)) edit_value = (value);                                      \
		edit_alone((index), (buffer), (field), &edit_value, sizeof(edit_value), (wal)); \
	} while (0)

/* locks.c */

/*
 * Held by an insert from before it searches until its last link is written; never waits. Returns
 * which lock it is, for index_insert_unlock(). No page lock is held.
 */
extern BlockNumber index_insert_lock(Relation index);
extern void index_insert_unlock(Relation index, BlockNumber lock);
/*
 * Waits until all inserts that are running now have ended; for vacuum alone. No page lock is held.
 */
extern void index_insert_barrier(Relation index);

#endif /* HNSWC_STORE_H */
