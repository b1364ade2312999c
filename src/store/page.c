/*
 * page.c: empty pages.
 */
#include "postgres.h"

#include "store/page.h"

STANDS_AT(PageTail, free_xid, 0);
STANDS_AT(PageTail, next_page, 8);
STANDS_AT(PageTail, vector_block, 12);
STANDS_AT(PageTail, vector_offset, 16);
STANDS_AT(PageTail, used, 18);
STANDS_AT(PageTail, nfree, 20);
STANDS_AT(PageTail, kind, 28);
STANDS_AT(PageTail, flags, 29);
STANDS_AT(PageTail, page_id, 30);

void
page_init(Page page, PageKind kind)
{
	PageTail *tail;

	Assert(kind < PAGE_KINDS);
	PageInit(page, BLCKSZ, page_tail_size(kind));
	tail = page_tail(page);
	if (page_tail_size(kind) == sizeof(PageTail))
	{
		tail->next_page = InvalidBlockNumber;
		tail->vector_block = InvalidBlockNumber;
	}
	if (page_is_words(kind))
		((PageHeader) page)->pd_lower = PAGE_STREAM_START + PAGE_STREAM_SIZE;
	tail->kind = kind;
	tail->page_id = HNSWC_PAGE_ID;
}
