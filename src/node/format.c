/*
 * format.c: the layout of an index's pages, from its constants.
 */
#include "postgres.h"

#include <math.h>

#include "node/node.h"

STANDS_AT(MetaPage, magic, 0);
STANDS_AT(MetaPage, version, 4);
STANDS_AT(MetaPage, uid, 8);
STANDS_AT(MetaPage, dims, 16);
STANDS_AT(MetaPage, m, 20);
STANDS_AT(MetaPage, ef_construction, 22);
STANDS_AT(MetaPage, type, 24);
STANDS_AT(MetaPage, metric, 25);
STANDS_AT(MetaPage, bits, 26);
STANDS_AT(MetaPage, rerank, 27);
STANDS_AT(MetaPage, code_size, 28);
STANDS_AT(MetaPage, vector_size, 32);
STANDS_AT(MetaPage, slot_size, 36);
STANDS_AT(MetaPage, slot_start, 38);
STANDS_AT(MetaPage, slots_per_page, 40);
STANDS_AT(MetaPage, flags, 42);
STANDS_AT(MetaPage, params_size, 44);
STANDS_AT(MetaPage, params_block, 48);
STANDS_AT(MetaPage, entry, 52);
STANDS_AT(MetaPage, fill_page, 56);
STANDS_AT(MetaPage, free_head, 72);
STANDS_AT(MetaPage, free_tail, 88);
STANDS_AT(MetaPage, vector_block, 104);
STANDS_AT(MetaPage, vector_end, 108);
STANDS_AT(MetaPage, vector_offset, 112);
STANDS_AT(MetaPage, reserved, 116);
STANDS_AT(MetaPage, tuples, 120);
STANDS_AT(MetaPage, reach, 128);
STANDS_AT(MetaPage, built_blocks, 144);
STANDS_AT(MetaPage, map_roots, 148);
STANDS_AT(MetaPage, map_stride, 164);
STANDS_AT(MetaPage, recall, 166);
STANDS_AT(MetaPage, nkeys, 210);
STANDS_AT(MetaPage, key_root, 212);
STANDS_AT(RecallWidths, source, 0);
STANDS_AT(RecallWidths, ef, 2);


STANDS_AT(Slot, u, 0);
STANDS_AT(Slot, generation, 6);
STANDS_AT(Slot, state, 8);
STANDS_AT(Slot, layer, 9);
STANDS_AT(Slot, next, 12);

STANDS_AT(DuplicateSlot, owner, 0);
STANDS_AT(DuplicateSlot, count, 4);
STANDS_AT(DuplicateSlot, generation, 6);
STANDS_AT(DuplicateSlot, state, 8);
STANDS_AT(DuplicateSlot, next, 12);
STANDS_AT(DuplicateSlot, tids, 16);

STANDS_AT(KeySlot, entry, 0);
STANDS_AT(KeySlot, size, 4);
STANDS_AT(KeySlot, generation, 6);
STANDS_AT(KeySlot, state, 8);
STANDS_AT(KeySlot, layer, 9);
STANDS_AT(KeySlot, hash, 12);
STANDS_AT(KeySlot, count, 16);
STANDS_AT(KeySlot, children, 20);

StaticAssertDecl(PAGE_ELEMENT == 0 && PAGE_UPPER == 1 && PAGE_DUPLICATE == 2 && PAGE_KEY == 3 &&
					 PAGE_VECTOR == 4 && PAGE_PARAMS == 5 && PAGE_META == 6 && PAGE_MAP_LEAF == 7 &&
					 PAGE_MAP_INNER == 8 && PAGE_KEY_ROOT == 9,
				 "see docs/FORMAT.md: kinds of page");
StaticAssertDecl(SLOT_UNUSED == 0 && SLOT_LIVE == 1 && SLOT_SHELL == 2 && SLOT_DEAD == 3 &&
					 SLOT_FREE == 4,
				 "see docs/FORMAT.md: states of a slot");
StaticAssertDecl(RECALL_UNKNOWN == 0 && RECALL_MEASURED == 1 && RECALL_CALIBRATED == 2 &&
					 sizeof(RecallWidths) == 44,
				 "see docs/FORMAT.md: recall");
StaticAssertDecl(RERANK_INDEX == 0 && RERANK_HALF == 1 && RERANK_TABLE == 2,
				 "see docs/FORMAT.md: rerank");
StaticAssertDecl(CODE_L2 == 0 && CODE_IP == 1 && CODE_COSINE == 2 && CODE_L1 == 3 &&
					 CODE_HAMMING == 4 && CODE_JACCARD == 5,
				 "see docs/FORMAT.md: metrics");

#define CACHE_LINE 64
#define MAX_EXTENT_PAGES 16
#define MAX_LARGE_EXTENT_PAGES 96
#define LITTLE_WASTE 0.002
/* Large extents from so many blocks on: a small index should not grow by a megabyte for a row. */
#define LARGE_INDEX 128

/*
 * How many vector pages to allocate at once: the fewest, up to `most`, that leave little over
 * behind a whole number of runs, a run being the vectors of one element page.
 */
static uint32
choose_extent(uint32 run_size, uint32 most)
{
	uint32 least = (run_size + PAGE_STREAM_SIZE - 1) / PAGE_STREAM_SIZE;
	uint32 best = least;
	double best_waste = 1.0;

	for (uint32 pages = least; pages <= Max(least, most) && best_waste > LITTLE_WASTE; pages++)
	{
		double bytes = (double) pages * PAGE_STREAM_SIZE;
		double waste = 1.0 - floor(bytes / run_size) * run_size / bytes;

		if (waste < best_waste)
		{
			best = pages;
			best_waste = waste;
		}
	}
	Assert((uint64) best * PAGE_STREAM_SIZE >= run_size);
	return best;
}

uint32
page_extent(const PageLayout *layout, BlockNumber nblocks)
{
	return nblocks < LARGE_INDEX ? layout->extent_pages : layout->large_extent_pages;
}

bool
page_layout_init(PageLayout *layout, uint32 code_size, uint32 vector_size, int m, bool keyed)
{
	uint32 usable = BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - sizeof(PageTail);
	uint32 key_offset = sizeof(Slot) + code_size + 2 * m * sizeof(NodeId);
	uint32 size = MAXALIGN(key_offset);
	uint32 align = CACHE_LINE;

	memset(layout, 0, sizeof(*layout));
	if (keyed)
		size =
			Max(MAXALIGN(key_offset + sizeof(NodeId)), MAXALIGN(sizeof(KeySlot) + KEY_LEAST_ROOM));
	if (size > usable)
		return false;
	layout->slots_per_page = usable / size;
	layout->reciprocal =
		layout->slots_per_page == 1 ? 0 : PG_UINT64_MAX / layout->slots_per_page + 1;
	/*
	 * slots that start at a multiple of a cache line, or of half of one, lie on fewer lines: as
	 * long as that costs no slot
	 */
	while (align > MAXIMUM_ALIGNOF && TYPEALIGN(align, SizeOfPageHeaderData) +
											  layout->slots_per_page * TYPEALIGN(align, size) >
										  BLCKSZ - sizeof(PageTail))
		align /= 2;
	layout->slot_size = TYPEALIGN(align, size);
	layout->slot_start = TYPEALIGN(align, SizeOfPageHeaderData);
	layout->code_size = code_size;
	layout->code_offset = sizeof(Slot);
	layout->links_offset = sizeof(Slot) + code_size;
	layout->key_offset = keyed ? key_offset : 0;
	layout->vector_size = vector_size;
	layout->duplicates_per_slot = (layout->slot_size - sizeof(Slot)) / sizeof(ItemPointerData);
	layout->m = m;
	Assert(layout->slot_start + layout->slots_per_page * layout->slot_size <=
		   BLCKSZ - sizeof(PageTail));
	Assert(layout->slot_size % MAXIMUM_ALIGNOF == 0 && layout->slot_start % MAXIMUM_ALIGNOF == 0);
	/* links are words that are seen old or new */
	Assert(layout->links_offset % sizeof(NodeId) == 0);
	/* the reciprocal is exact up to the last address */
	Assert(node_block(layout, node_address(layout, page_max_block(layout),
										   layout->slots_per_page - 1)) == page_max_block(layout));
	Assert(node_block(layout, node_address(layout, page_max_block(layout), 0)) ==
		   page_max_block(layout));
	if (vector_size > 0)
	{
		layout->extent_pages =
			choose_extent(layout->slots_per_page * vector_size, MAX_EXTENT_PAGES);
		layout->large_extent_pages =
			choose_extent(layout->slots_per_page * vector_size, MAX_LARGE_EXTENT_PAGES);
	}
	return true;
}

uint32
page_used(PageReader *reader, BlockNumber block, Page page)
{
	const PageLayout *layout = &reader->state->layout;
	PageTail *tail = page_tail(page);

	Assert(tail->kind < PAGE_NODE_KINDS);
	if (tail->used > layout->slots_per_page || tail->nfree > tail->used)
		page_corrupted(reader->index, block, "more slots in use than fit");
	/* or a full-page image would leave slots out */
	if (tail->used > 0 &&
		((PageHeader) page)->pd_lower != layout->slot_start + tail->used * layout->slot_size)
		page_corrupted(reader->index, block, "the page's header contradicts its number of slots");
	return tail->used;
}
