/*
 * page.h: what every page of an index has, whatever the index is: its kind and its end.
 * docs/FORMAT.md is the prose to it.
 */
#ifndef HNSWC_PAGE_H
#define HNSWC_PAGE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/bufpage.h"

/* The last two bytes of each page, which pg_filedump and its like look at. */
#define HNSWC_PAGE_ID 0xFFA5

typedef enum PageKind
{
	PAGE_ELEMENT,   /* slots of layer 0 */
	PAGE_UPPER,     /* slots of the layers above */
	PAGE_DUPLICATE, /* lists of heap TIDs whose vectors are equal */
	PAGE_KEY,       /* values of the key columns, each of which has a graph: see node/keys.c */
	PAGE_VECTOR,    /* the vector stream */
	PAGE_PARAMS,    /* trained parameters of the codes */
	PAGE_META,
	PAGE_MAP_LEAF,  /* the row map: from a row to its node */
	PAGE_MAP_INNER, /* where the leaves are */
	PAGE_KEY_ROOT,  /* where the ways to the keys begin */
	PAGE_ANY_NODE,  /* never on disk: to ask for an element or an upper page */
	PAGE_ANY,       /* never on disk: for any page, even an empty one */
} PageKind;

#define PAGE_NODE_KINDS 4 /* the kinds with slots come first */
#define PAGE_KINDS PAGE_ANY_NODE

/* The special area of a page, at its very end. */
typedef struct PageTail
{
	/* FullTransactionId: when the first of the free slots here was freed */
	uint64 free_xid;
	BlockNumber next_page;    /* the next page of the free list or of the parameters */
	BlockNumber vector_block; /* element pages: where the vector of slot 0 starts */
	uint16 vector_offset;     /* and at which byte of that page's stream */
	uint16 used;              /* slots handed out at least once: [0, used) */
	uint16 nfree;             /* of them, free for reuse */
	uint8 reserved[6];        /* zero */
	/* pages of a stream (vectors, parameters) and of the row map have only what follows */
	uint8 kind; /* PageKind */
	uint8 flags;
	uint16 page_id; /* HNSWC_PAGE_ID */
} PageTail;

#define STREAM_TAIL_SIZE 8

#define PAGE_ON_FREE_LIST 0x01 /* linked from the meta page's list of its kind */

StaticAssertDecl(sizeof(PageTail) == 32, "PageTail is part of the on-disk format");
StaticAssertDecl(offsetof(PageTail, kind) >= sizeof(PageTail) - STREAM_TAIL_SIZE,
				 "the end of a tail stands for itself");

/* Bytes of a page that carry data on vector and parameter pages. */
#define PAGE_STREAM_START MAXALIGN(SizeOfPageHeaderData)
#define PAGE_STREAM_SIZE (BLCKSZ - PAGE_STREAM_START - STREAM_TAIL_SIZE)

static inline PageTail *
page_tail(Page page)
{
	return (PageTail *) ((char *) page + BLCKSZ - sizeof(PageTail));
}

/* Does the page consist of words, all of them in use from the start? */
static inline bool
page_is_words(PageKind kind)
{
	return kind == PAGE_MAP_LEAF || kind == PAGE_MAP_INNER || kind == PAGE_KEY_ROOT;
}

/*
 * Has the page its data from PAGE_STREAM_START to a short tail? Otherwise it has slots, or is the
 * meta page.
 */
static inline bool
page_is_stream(PageKind kind)
{
	return kind == PAGE_VECTOR || kind == PAGE_PARAMS || page_is_words(kind);
}

/* Bytes of the special area of a kind of page. */
static inline Size
page_tail_size(PageKind kind)
{
	return page_is_stream(kind) ? STREAM_TAIL_SIZE : sizeof(PageTail);
}

/* Makes an empty page of a kind. */
extern void page_init(Page page, PageKind kind);

/*
 * Where a field of a structure on disk is, as docs/FORMAT.md says. A compiler that would lay it out
 * in another way, or a change that forgets the format's version and the document, stops here.
 */
#define STANDS_AT(type, field, at) \
	StaticAssertDecl(offsetof(type, field) == (at), "see docs/FORMAT.md: " #type "." #field)

#endif /* HNSWC_PAGE_H */
