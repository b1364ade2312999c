/*
 * pages.c: each page by itself.
 *
 * A page is copied under its share lock. Everybody who changes a page does so in one critical
 * section under the exclusive lock (store/edit.c), so whatever docs/FORMAT.md says of a page and
 * its slots holds for each copy, whoever else is at work. On the way it is noted what every block
 * and every address is, for the looks from one page at another that follow.
 *
 * A new kind of page is a line of `rules` here, a new field of a slot a line in the function of its
 * kind.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "check/check.h"
#include "miscadmin.h"

/* What there is on pages of a kind. */
typedef struct PageRule
{
	const char *name;
	/* a bit for each SlotState that a slot of these pages may have; 0: there are no slots */
	uint8 states;
	void (*look)(HnswCheck *check, NodeId node, const Slot *slot);
} PageRule;

static void look_at_element(HnswCheck *check, NodeId node, const Slot *slot);
static void look_at_upper(HnswCheck *check, NodeId node, const Slot *slot);
static void look_at_list(HnswCheck *check, NodeId node, const Slot *slot);
static void look_at_key(HnswCheck *check, NodeId node, const Slot *slot);

/* How far a stamp may be ahead of the next transaction id. */
#define MOST_IDS_AHEAD (1024 * 1024)

#define STATE_BIT(state) (1 << (state))

static const PageRule rules[] = {
	[PAGE_ELEMENT] = {"elements",
					  STATE_BIT(SLOT_LIVE) | STATE_BIT(SLOT_SHELL) | STATE_BIT(SLOT_DEAD) |
						  STATE_BIT(SLOT_FREE),
					  look_at_element},
	[PAGE_UPPER] = {"upper nodes",
					STATE_BIT(SLOT_LIVE) | STATE_BIT(SLOT_DEAD) | STATE_BIT(SLOT_FREE),
					look_at_upper},
	[PAGE_DUPLICATE] = {"duplicates", STATE_BIT(SLOT_LIVE) | STATE_BIT(SLOT_FREE), look_at_list},
	[PAGE_KEY] = {"keys",
				  STATE_BIT(SLOT_LIVE) | STATE_BIT(SLOT_SHELL) | STATE_BIT(SLOT_DEAD) |
					  STATE_BIT(SLOT_FREE),
				  look_at_key},
	[PAGE_VECTOR] = {"vectors", 0, NULL},
	[PAGE_PARAMS] = {"parameters", 0, NULL},
	[PAGE_META] = {"meta", 0, NULL},
	[PAGE_MAP_LEAF] = {"the row map", 0, NULL},
	[PAGE_MAP_INNER] = {"the row map", 0, NULL},
	[PAGE_KEY_ROOT] = {"the root of the keys", 0, NULL},
};

StaticAssertDecl(lengthof(rules) == PAGE_KINDS, "there is a rule for each kind of page");

bool
check_copy(HnswCheck *check, BlockNumber block, char *page, PageKind *kind)
{
	Buffer buffer = check_lock(check, block);

	memcpy(page, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
	if (PageIsNew(page))
		return false;
	*kind = page_tail(page)->kind;
	/* the kinds behind the last one are for asking */
	if (*kind >= PAGE_KINDS)
		page_corrupted(check->index, block, "it is not a page of this access method");
	page_check(check->index, block, page, *kind);
	return true;
}

static bool
all_zero(const char *from, const char *end)
{
	while (from < end)
		if (*from++ != 0)
			return false;
	return true;
}

/* Notes what an address is. */
static void
note_node(HnswCheck *check, NodeId node, uint8 state, uint8 layer)
{
	Assert(node < check->nnodes && layer <= NODE_LAYER && (state & ~NODE_STATE) == 0);
	check->nodes[node] = state | layer;
}

/* The words of a list: neighbours, each once, none of them the node itself, then zeroes. */
static void
look_at_links(HnswCheck *check, NodeId node, const Slot *slot)
{
	const PageLayout *layout = check->layout;
	const NodeId *links = slot_links(layout, (Slot *) slot);
	int capacity = GRAPH_CAPACITY(layout->m, slot->layer);
	int n = 0;

	visited_reset(&check->list, capacity);
	for (; n < capacity && links[n] != NODE_NONE; n++)
	{
		if (links[n] == node)
			check_failed(check, node, "the node links to itself");
		if (!visited_add(&check->list, links[n]))
			check_failed(check, node, "two links lead to block %u, slot %u",
						 node_block(layout, links[n]), node_slot(layout, links[n]));
	}
	if (!all_zero((const char *) &links[n],
				  (const char *) slot +
					  (layout->key_offset > 0 ? layout->key_offset : layout->slot_size)))
		check_failed(check, node, "the list of links does not end behind %d links", n);
	if (slot_is_live(slot))
		check->counts.links += n;
}

/*
 * The stamps of free slots.  One may be a little ahead of the next transaction id: after a crash
 * ids that have left no trace are given out again, and a standby knows of those only that it has
 * met.
 */
static void
look_at_free(HnswCheck *check, NodeId node, PageKind kind, const Slot *slot, const PageTail *tail)
{
	uint64 freed = slot_freed(kind, (Slot *) slot);
	uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());

	if (freed > next + MOST_IDS_AHEAD)
		check_failed(check, node,
					 "the slot was freed by transaction " UINT64_FORMAT
					 ", but the next one is " UINT64_FORMAT,
					 freed, next);
	/* 0 is the stamp of a list that nobody has ever seen */
	if (freed != 0 && freed < tail->free_xid)
		check_failed(check, node,
					 "the slot was freed by transaction " UINT64_FORMAT
					 ", but the first of its page by " UINT64_FORMAT,
					 freed, tail->free_xid);
}

static void
look_at_element(HnswCheck *check, NodeId node, const Slot *slot)
{
	if (slot->layer != 0)
		check_failed(check, node, "an element is on layer %d", slot->layer);
	if (!slot_is_live(slot) && slot->next != NODE_NONE)
		check_failed(check, node, "an element that is removed has duplicates");
	if (slot->state == SLOT_LIVE)
	{
		if (!ItemPointerIsValid(&slot->u.heap_tid))
			check_failed(check, node, "the element's row has no address");
		check_note_row(check, (ItemPointer) &slot->u.heap_tid, node);
	}
	if (slot_is_live(slot))
		check->counts.elements++;
	look_at_links(check, node, slot);
}

static void
look_at_upper(HnswCheck *check, NodeId node, const Slot *slot)
{
	if (slot->layer == 0 || slot->layer > GRAPH_MAX_LAYER)
		check_failed(check, node, "an upper node is on layer %d", slot->layer);
	if (slot->state != SLOT_FREE && slot->u.base[2] != 0)
		check_failed(check, node, "the address of the node's element is none");
	if (slot->state != SLOT_FREE && slot->layer == 1 && slot->next != slot_base(slot))
		check_failed(check, node, "the node below one on layer 1 is not its element");
	if (slot->state == SLOT_LIVE)
		check->counts.upper_nodes++;
	look_at_links(check, node, slot);
}

static void
look_at_list(HnswCheck *check, NodeId node, const Slot *slot)
{
	const DuplicateSlot *list = (const DuplicateSlot *) slot;

	if (list->layer != 0)
		check_failed(check, node, "a list of duplicates is on layer %d", list->layer);
	if (list->state != SLOT_LIVE)
		return;
	if (list->count > check->layout->duplicates_per_slot)
		check_failed(check, node, "a list of duplicates has %u rows, but room for %u", list->count,
					 check->layout->duplicates_per_slot);
	for (int i = 0; i < list->count; i++)
	{
		if (!ItemPointerIsValid(&list->tids[i]))
			check_failed(check, node, "row %d of a list of duplicates has no address", i);
		check_note_row(check, (ItemPointer) &list->tids[i], node);
	}
	check->counts.duplicates += list->count;
}

static void
look_at_key(HnswCheck *check, NodeId node, const Slot *slot)
{
	const KeySlot *key = (const KeySlot *) slot;

	if (key->layer != 0)
		check_failed(check, node, "a key is on layer %d", key->layer);
	if (key->state == SLOT_FREE)
		return;
	if (key->size > key_room(check->layout))
		check_failed(check, node, "a key has %u bytes, but room for %u", key->size,
					 key_room(check->layout));
	for (int i = 0; i < KEY_CHILDREN; i++)
		if (key->children[i] == node)
			check_failed(check, node, "a key leads to itself");
}

/* A key that is marked is in use still; one that was unhooked is not. */
static bool
is_gone(PageKind kind, const Slot *slot)
{
	return slot->state == (kind == PAGE_KEY ? SLOT_SHELL : SLOT_DEAD);
}

static void
look_at_slots(HnswCheck *check, BlockNumber block, PageKind kind)
{
	const PageLayout *layout = check->layout;
	PageTail *tail = page_tail(check->page);
	int nfree = 0;

	for (uint32 i = 0; i < tail->used; i++)
	{
		NodeId node = node_address(layout, block, i);
		const Slot *slot = page_slot(layout, check->page, i);

		if (slot->state > SLOT_FREE || !(rules[kind].states & STATE_BIT(slot->state)))
			check_failed(check, node, "the state of a slot is %d", slot->state);
		if (slot->reserved != 0)
			check_failed(check, node, "the reserved bytes of a slot are not zero");
		rules[kind].look(check, node, slot);
		if (slot->state == SLOT_FREE)
		{
			look_at_free(check, node, kind, slot, tail);
			nfree++;
		}
		check->counts.dead += slot->state == SLOT_DEAD && kind != PAGE_KEY;
		note_node(check, node,
				  slot->state == SLOT_FREE ? NODE_FREE
				  : is_gone(kind, slot)    ? NODE_DEAD
										   : NODE_LIVE,
				  slot->layer);
		if (check->node_keys != NULL && (kind == PAGE_ELEMENT || kind == PAGE_UPPER))
			check->node_keys[node] = *slot_key(layout, (Slot *) slot);
	}
	check->counts.free += nfree;
	if (nfree != tail->nfree)
		page_corrupted(check->index, block,
					   psprintf("%d slots are free, but the page counts %u", nfree, tail->nfree));
}

/* Notes where the vectors of a page of elements are. */
static void
note_run(HnswCheck *check, BlockNumber block, const PageTail *tail)
{
	/* such pages are left when the server stops while one is being added */
	if (tail->used == 0 && tail->vector_block == InvalidBlockNumber)
		return;
	if (check->layout->vector_size == 0 || tail->vector_block == HNSWC_META_BLOCK ||
		tail->vector_block == InvalidBlockNumber || tail->vector_offset >= PAGE_STREAM_SIZE)
	{
		if (check->layout->vector_size == 0 && tail->vector_block == InvalidBlockNumber &&
			tail->vector_offset == 0)
			return;
		page_corrupted(check->index, block, "its vectors are not where vectors can be");
	}
	if (check->nruns == check->runs_size)
	{
		check->runs_size *= 2;
		check->runs = repalloc_huge(check->runs, check->runs_size * sizeof(VectorRun));
	}
	check->runs[check->nruns].start =
		(uint64) tail->vector_block * PAGE_STREAM_SIZE + tail->vector_offset;
	check->runs[check->nruns++].owner = block;
}

static void
look_at_node_page(HnswCheck *check, BlockNumber block, PageKind kind)
{
	const PageLayout *layout = check->layout;
	PageHeader header = (PageHeader) check->page;
	PageTail *tail = page_tail(check->page);
	uint32 used = page_used(&check->reader, block, check->page);
	uint32 end = used > 0 ? layout->slot_start + used * layout->slot_size : SizeOfPageHeaderData;

	if (header->pd_lower != end)
		page_corrupted(
			check->index, block,
			psprintf("%u slots are in use, but the page ends at byte %u", used, header->pd_lower));
	if (!all_zero(check->page + SizeOfPageHeaderData, check->page + layout->slot_start) ||
		!all_zero(check->page + Max(end, layout->slot_start), (char *) tail))
		page_corrupted(check->index, block, "what is not in use is not zero");
	if ((tail->flags & ~PAGE_ON_FREE_LIST) != 0 ||
		!all_zero((char *) tail->reserved, (char *) &tail->kind))
		page_corrupted(check->index, block, "the reserved bytes of the page are not zero");
	if (!(tail->flags & PAGE_ON_FREE_LIST) && tail->next_page != InvalidBlockNumber)
		page_corrupted(check->index, block, "the page is on no free list, but another follows it");
	if (kind == PAGE_ELEMENT)
		note_run(check, block, tail);
	else if (tail->vector_block != InvalidBlockNumber || tail->vector_offset != 0)
		page_corrupted(check->index, block, "a page without elements has vectors");
	if (used > 0 && block > page_max_block(layout))
		page_corrupted(check->index, block, "nodes on this page have no address");
	look_at_slots(check, block, kind);
}

/* Pages of a stream, and the meta page, end where their contents do. */
static void
look_at_stream_page(HnswCheck *check, BlockNumber block, PageKind kind)
{
	PageHeader header = (PageHeader) check->page;
	uint32 end = header->pd_lower;

	if (kind == PAGE_META)
		end = PAGE_STREAM_START + sizeof(MetaPage);
	else if (page_is_words(kind))
		end = PAGE_STREAM_START + MAP_PAGE_WORDS * sizeof(uint32);

	if (header->pd_lower != end || end < SizeOfPageHeaderData || end > header->pd_special)
		page_corrupted(check->index, block, psprintf("the page ends at byte %u", header->pd_lower));
	if (page_tail(check->page)->flags != 0)
		page_corrupted(check->index, block, "the reserved bytes of the page are not zero");
}

static void
look_at_page(HnswCheck *check, BlockNumber block, PageKind kind)
{
	BlockNumber params = check->meta.params_block;
	BlockNumber params_end =
		params + (check->meta.params_size + PAGE_STREAM_SIZE - 1) / PAGE_STREAM_SIZE;

	if ((kind == PAGE_META) != (block == HNSWC_META_BLOCK) ||
		(kind == PAGE_VECTOR && check->layout->vector_size == 0) ||
		((kind == PAGE_MAP_LEAF || kind == PAGE_MAP_INNER) &&
		 check->state->shape.map_stride == 0) ||
		(kind == PAGE_KEY && check->state->shape.nkeys == 0) ||
		(kind == PAGE_KEY_ROOT) !=
			(check->state->shape.nkeys > 0 && block == check->state->key_root) ||
		(kind == PAGE_PARAMS) != (block >= params && block < params_end))
		page_corrupted(check->index, block,
					   psprintf("a page of %s is where none can be", rules[kind].name));
	if (rules[kind].states != 0)
		look_at_node_page(check, block, kind);
	else
		look_at_stream_page(check, block, kind);
}

void
check_pages(HnswCheck *check)
{
	for (BlockNumber block = HNSWC_META_BLOCK; block < check->nblocks; block++)
	{
		PageKind kind;

		CHECK_FOR_INTERRUPTS();
		if (check_copy(check, block, check->page, &kind))
		{
			look_at_page(check, block, kind);
			check->kinds[block] = (uint8) kind;
			check->flags[block] = page_tail(check->page)->flags;
			check->counts.pages[kind]++;
		}
		else
		{
			check->kinds[block] = BLOCK_EMPTY;
			check->counts.empty_pages++;
		}
	}
}
