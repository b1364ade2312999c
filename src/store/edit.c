/*
 * edit.c: changing pages.
 *
 * A change is collected as fragments and applied at commit, in place, in one critical section with
 * its WAL record. The record is what PostgreSQL's generic WAL writes (for each page a list of
 * offset, length, bytes), so its redo function replays it on any server, whether or not this module
 * is loaded there. GenericXLogFinish() itself is not used: it copies whole pages, under which
 * lock-free readers could see torn words, and it finds out by comparison what is known here.
 *
 * Locks: the caller's, exclusive, on every page of the edit.
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/buf_internals.h"
#include "store/store.h"

#define FIRST_DELTA_SIZE 256
/* offset and length, each a uint16, as generic WAL has them */
#define FRAGMENT_HEADER (2 * sizeof(OffsetNumber))

StaticAssertDecl(EDIT_MAX_PAGES <= MAX_GENERIC_XLOG_PAGES,
				 "generic WAL replays so many pages at most");

#ifdef USE_ASSERT_CHECKING
/* Does this backend hold the exclusive lock of a page, as far as it needs one? */
static bool
page_is_mine(Buffer buffer)
{
	return BufferIsLocal(buffer) ||
		   LWLockHeldByMeInMode(BufferDescriptorGetContentLock(GetBufferDescriptor(buffer - 1)),
								LW_EXCLUSIVE);
}
#endif

void
edit_init(PageEdit *edit, Relation index, bool wal)
{
	memset(edit, 0, sizeof(*edit));
	edit->index = index;
	edit->wal = wal && RelationNeedsWAL(index);
}

int
edit_page(PageEdit *edit, Buffer buffer)
{
	if (edit->npages == EDIT_MAX_PAGES)
		elog(ERROR, "too many pages in one edit");
	/* a WAL record names each page once */
	for (int i = 0; i < edit->npages; i++)
		if (edit->pages[i].buffer == buffer)
			page_corrupted(edit->index, BufferGetBlockNumber(buffer),
						   "an address leads to the page that it is on");
	Assert(page_is_mine(buffer));
	edit->pages[edit->npages].buffer = buffer;
	edit->pages[edit->npages].fresh = false;
	edit->pages[edit->npages].ndelta = 0;
	return edit->npages++;
}

int
edit_fresh_page(PageEdit *edit, Buffer buffer, PageKind kind)
{
	int n = edit_page(edit, buffer);

	/* the caller alone knows this page: it can be initialised at once */
	Assert(PageIsNew(BufferGetPage(buffer)));
	page_init(BufferGetPage(buffer), kind);
	edit->pages[n].fresh = true;
	return n;
}

void
edit_write(PageEdit *edit, int page, void *target, const void *data, Size size)
{
	char *base = BufferGetPage(edit->pages[page].buffer);
	OffsetNumber head[2];
	int needed;
	char *to;

	Assert((char *) target >= base && (char *) target + size <= base + BLCKSZ && size > 0);
	needed = edit->pages[page].ndelta + FRAGMENT_HEADER + size;
	if (needed > edit->pages[page].delta_size)
	{
		int new_size = Max(needed, Max(FIRST_DELTA_SIZE, 2 * edit->pages[page].delta_size));

		if (edit->pages[page].delta == NULL)
			edit->pages[page].delta = palloc(new_size);
		else
			edit->pages[page].delta = repalloc(edit->pages[page].delta, new_size);
		edit->pages[page].delta_size = new_size;
	}
	to = edit->pages[page].delta + edit->pages[page].ndelta;
	head[0] = (OffsetNumber) ((char *) target - base);
	head[1] = (OffsetNumber) size;
	memcpy(to, head, FRAGMENT_HEADER);
	memcpy(to + FRAGMENT_HEADER, data, size);
	edit->pages[page].ndelta = needed;
}

/* Stores a fragment; aligned words one by one, so that a reader sees each old or new. */
static void
apply_fragment(char *target, const char *data, Size size)
{
	if (((uintptr_t) target | size) % sizeof(uint32) == 0)
	{
		volatile uint32 *words = (volatile uint32 *) target;

		for (Size i = 0; i < size / sizeof(uint32); i++)
		{
			uint32 word;

			memcpy(&word, data + i * sizeof(uint32), sizeof(word));
			words[i] = word;
		}
	}
	else
		memcpy(target, data, size);
}

static void
apply_delta(Page page, const char *delta, int size)
{
	const char *end = delta + size;

	while (delta < end)
	{
		OffsetNumber head[2];

		memcpy(head, delta, FRAGMENT_HEADER);
		delta += FRAGMENT_HEADER;
		Assert(head[0] + head[1] <= BLCKSZ && delta + head[1] <= end);
		apply_fragment((char *) page + head[0], delta, head[1]);
		/* readers without a lock see the fragments in the order in which they were added */
		pg_write_barrier();
		delta += head[1];
	}
}

void
edit_commit(PageEdit *edit)
{
	Assert(edit->npages > 0);
	START_CRIT_SECTION();
	/* a fresh page is seen initialised by whoever sees its address */
	pg_write_barrier();
	for (int i = 0; i < edit->npages; i++)
	{
		Assert(page_is_mine(edit->pages[i].buffer));
		apply_delta(BufferGetPage(edit->pages[i].buffer), edit->pages[i].delta,
					edit->pages[i].ndelta);
		MarkBufferDirty(edit->pages[i].buffer);
	}
	if (edit->wal)
	{
		XLogRecPtr lsn;

		XLogBeginInsert();
		for (int i = 0; i < edit->npages; i++)
		{
			if (edit->pages[i].fresh)
				XLogRegisterBuffer(i, edit->pages[i].buffer, REGBUF_FORCE_IMAGE | REGBUF_STANDARD);
			else
			{
				XLogRegisterBuffer(i, edit->pages[i].buffer, REGBUF_STANDARD);
				XLogRegisterBufData(i, edit->pages[i].delta, edit->pages[i].ndelta);
			}
		}
		lsn = XLogInsert(RM_GENERIC_ID, 0);
		for (int i = 0; i < edit->npages; i++)
			PageSetLSN(BufferGetPage(edit->pages[i].buffer), lsn);
	}
	END_CRIT_SECTION();
	edit->npages = 0;
}

void
edit_free(PageEdit *edit)
{
	for (int i = 0; i < EDIT_MAX_PAGES; i++)
		if (edit->pages[i].delta)
			pfree(edit->pages[i].delta);
	memset(edit, 0, sizeof(*edit));
}

void
edit_alone(Relation index, Buffer buffer, void *target, const void *data, Size size, bool wal)
{
	PageEdit edit;

	edit_init(&edit, index, wal);
	edit_write(&edit, edit_page(&edit, buffer), target, data, size);
	edit_commit(&edit);
	edit_free(&edit);
}
