/*
 * store.c: the graph's door over an index's pages, for scans, inserts and vacuum.
 *
 * Reading: batches are measured by visit.c, and a walk's lists are read as it reads nodes, without
 * a pin. What is read of a slot is either constant while the slot is in use, or an aligned word or
 * byte; see src/node/README. A slot that is not on the layer asked for was reused since its address
 * was read, and is passed over.
 *
 * Writing: one page at a time (a new node with its vector; a list of links; the entry point), each
 * change complete and logged by itself.
 *
 * Locks: none but within a call.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "node/node.h"
#include "store/glance.h"
#include "utils/memutils.h"

static inline PageStore *
page_store(GraphStore *store)
{
	return (PageStore *) store;
}

/*
 * Of the two places for nodes that are being fetched, takes the one that the same array had, or one
 * that is unused.
 */
static void
page_store_fetch(GraphStore *store, int layer, const NodeId *nodes, int n)
{
	PageStore *pages = page_store(store);
	FetchedNodes *fetched =
		&pages->fetched[pages->fetched[0].nodes != NULL && pages->fetched[0].nodes != nodes];

	fetched->nodes = nodes;
	nodes_fetch(&pages->reader, layer, nodes, n, fetched->places);
}

static int
page_store_visit(GraphStore *store, const CodeQuery *query, int layer, const NodeId *nodes, int n,
				 Candidate *out)
{
	PageStore *pages = page_store(store);
	FetchedNodes *fetched = &pages->fetched[pages->fetched[0].nodes != nodes];
	bool choosy = layer == 0 && pages->wanted != NULL;
	NodeRow rows[GRAPH_MAX_LINKS];
	int nfound;

	Assert(fetched->nodes == nodes);
	fetched->nodes = NULL;
	pages->reader.rows = choosy ? rows : NULL;
	nfound = nodes_measure(&pages->reader, query, layer, nodes, fetched->places, n, false, out);
	pages->reader.rows = NULL;
	for (int i = 0; i < n && choosy; i++)
		if (out[i].node != NODE_NONE && !pages->wanted(&rows[i], pages->wanted_arg))
			out[i].flags |= CANDIDATE_UNWANTED;
	if (nfound < n)
		for (int i = nfound = 0; i < n; i++)
			if (out[i].node != NODE_NONE)
				out[nfound++] = out[i];
	return nfound;
}

/* Starts fetching some bytes of a node's slot. */
static inline void
expect_slot(PageReader *reader, NodeId node, Size offset, Size size)
{
	const PageLayout *layout = &reader->state->layout;

	reader_prefetch_bytes(reader, node_block(layout, node),
						  layout->slot_start + node_slot(layout, node) * layout->slot_size + offset,
						  size);
}

static void
page_store_expect(GraphStore *store, NodeId node, int layer)
{
	PageReader *reader = &page_store(store)->reader;

	expect_slot(reader, node, reader->state->layout.links_offset,
				GRAPH_CAPACITY(store->m, layer) * sizeof(NodeId));
}

/* Reads the list of a slot if that is the node asked for. */
static inline int
slot_neighbours(const PageLayout *layout, Slot *slot, int layer, int generation, NodeId *out)
{
	/* a freed slot keeps its links until it is reused: a walk that stands on it goes on */
	if (slot->layer != layer || slot->state == SLOT_UNUSED ||
		(generation != GENERATION_ANY && generation != slot->generation))
		return 0;
	return links_read(slot_links(layout, slot), GRAPH_CAPACITY(layout->m, layer), out);
}

/*
 * The same without a pin; -1 if that did not work. What is read is compared with the page once
 * more: a list that is none would lead to addresses of nothing, and a walk that follows them would
 * take the index for damaged.
 */
static int
glance_neighbours(PageReader *reader, NodeId node, int layer, int generation, NodeId *out)
{
	const PageLayout *layout = &reader->state->layout;
	BlockNumber block = node_block(layout, node);
	Page page;
	BufferDesc *buffer = glance_find(reader, block, layer_kind(layer), &page);
	Slot *slot;
	uint32 state;
	int n;

	if (!glance_begin(reader, buffer, block, &state))
		return -1;
	slot = page_slot(layout, page, node - block * layout->slots_per_page);
	n = slot_neighbours(layout, slot, layer, generation, out);
	if (!glance_end(reader, buffer, block))
		return -1;
	pg_read_barrier();
	if (memcmp(slot_links(layout, slot), out, n * sizeof(NodeId)) != 0)
		return -1;
	return glance_end(reader, buffer, block) ? n : -1;
}

static int
page_store_neighbours(GraphStore *store, NodeId node, int layer, int generation, NodeId *out)
{
	PageReader *reader = &page_store(store)->reader;
	Slot *slot;
	Buffer buffer;
	int n = -1;

	/* a walk, which knows the generation; who is going to change a list has to be certain of it */
	if (reader->optimistic && generation != GENERATION_ANY)
		n = glance_neighbours(reader, node, layer, generation, out);
	if (n >= 0)
	{
		glance_count(reader, 1);
		return n;
	}
	buffer = pin_slot(reader, node, layer_kind(layer), &slot);
	n = slot_neighbours(&reader->state->layout, slot, layer, generation, out);
	reader_unpin(reader, buffer);
	return n;
}

static NodeId
page_store_down(GraphStore *store, NodeId node, int layer)
{
	Slot *slot;
	PageReader *reader = &page_store(store)->reader;
	Buffer buffer = pin_slot(reader, node, layer_kind(layer), &slot);
	NodeId below = slot->layer == layer ? *(volatile NodeId *) &slot->next : NODE_NONE;

	reader_unpin(reader, buffer);
	return below;
}

static NodeId
page_store_entry(GraphStore *store, int *layer)
{
	PageStore *pages = page_store(store);
	PageReader *reader = &pages->reader;
	NodeId entry = pages->known_entry;
	Buffer buffer;
	Slot *slot;

	*layer = -1;
	if (entry == NODE_NONE && reader->state->shape.nkeys > 0)
	{
		KeyRef key = {NODE_NONE, NODE_NONE};

		if (pages->key != NODE_NONE)
			(void) key_read(reader, pages->key, &key, NULL);
		entry = key.entry;
	}
	else if (entry == NODE_NONE)
	{
		buffer = reader_pin(reader, HNSWC_META_BLOCK, PAGE_META);
		entry = *(volatile NodeId *) &page_meta(BufferGetPage(buffer))->entry;
		reader_unpin(reader, buffer);
	}
	if (entry == NODE_NONE)
		return NODE_NONE;
	buffer = pin_slot(reader, entry, PAGE_ANY_NODE, &slot);
	*layer = slot->layer;
	reader_unpin(reader, buffer);
	if (*layer > GRAPH_MAX_LAYER)
		page_corrupted(reader->index, node_block(&reader->state->layout, entry),
					   "the entry point has no such layer");
	return entry;
}

static bool
page_store_set_entry(GraphStore *store, NodeId expected, NodeId node, int layer)
{
	PageStore *pages = page_store(store);
	Buffer buffer;
	MetaPage *meta;
	bool set;

	if (pages->reader.state->shape.nkeys > 0)
		return key_set_entry(&pages->reader, pages->key, expected, node, pages->wal);
	buffer = reader_lock_page(&pages->reader, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = page_meta(BufferGetPage(buffer));
	set = meta->entry == expected;
	if (set)
		edit_field(pages->reader.index, buffer, &meta->entry, node, pages->wal);
	UnlockReleaseBuffer(buffer);
	return set;
}

/* Where the vector of an element's slot is: its page, being pinned, says. */
static void
element_vector_place(const PageLayout *layout, Page page, uint32 slot, BlockNumber *block,
					 uint32 *offset)
{
	PageTail *tail = page_tail(page);

	vector_place(layout, tail->vector_block, tail->vector_offset, slot, block, offset);
}

/*
 * Copies the code that neighbours are selected by; false if the node is not on the layer any more.
 */
static bool
copy_select_code(PageStore *pages, int layer, NodeId node, char *to)
{
	PageReader *reader = &pages->reader;
	const PageLayout *layout = &reader->state->layout;
	Slot *slot;
	Buffer buffer = pin_slot(reader, node, layer_kind(layer), &slot);
	NodeId base = slot_base(slot);
	bool found;
	BlockNumber block;
	uint32 offset;

	/* a slot that is freed loses its base after its state */
	pg_read_barrier();
	found = slot_is_on(slot, layer);
	if (pages->store.select_coder == pages->store.coder)
	{
		if (found)
			memcpy(to, slot_code(layout, slot), layout->code_size);
		reader_unpin(reader, buffer);
		return found;
	}
	if (layer > 0)
	{
		reader_unpin(reader, buffer);
		return found && copy_select_code(pages, 0, base, to);
	}
	element_vector_place(layout, BufferGetPage(buffer), node_slot(layout, node), &block, &offset);
	reader_unpin(reader, buffer);
	if (found)
		vector_read(reader, block, offset, to);
	return found;
}

/* How many codes are fetched ahead of the one being copied. */
#define CODES_AHEAD 8

/* Starts fetching a node's descriptor and code. */
static inline void
expect_code(PageReader *reader, NodeId node)
{
	const PageLayout *layout = &reader->state->layout;

	reader_prefetch_descriptor(reader, node_block(layout, node));
	expect_slot(reader, node, 0, layout->links_offset);
}

static void
page_store_codes(GraphStore *store, int layer, const NodeId *nodes, int n, const void **codes)
{
	PageStore *pages = page_store(store);
	const PageLayout *layout = &pages->reader.state->layout;
	Size size = store->select_coder == store->coder ? layout->code_size : layout->vector_size;

	Assert(size > 0 && !page_lock_is_held());
	if (n * size > pages->copies_size)
	{
		if (pages->copies)
			pfree(pages->copies);
		pages->copies_size = n * size;
		pages->copies = MemoryContextAllocHuge(GetMemoryChunkContext(pages), pages->copies_size);
	}
	for (int i = 0; i < n && i < CODES_AHEAD; i++)
		expect_code(&pages->reader, nodes[i]);
	for (int i = 0; i < n; i++)
	{
		char *copy = pages->copies + i * size;

		if (i + CODES_AHEAD < n)
			expect_code(&pages->reader, nodes[i + CODES_AHEAD]);
		codes[i] = copy_select_code(pages, layer, nodes[i], copy) ? copy : NULL;
	}
}

/* Adds the contents of a new slot to an edit. */
static void
write_slot(PageStore *pages, PageEdit *edit, SlotPlace *place, const GraphElement *element,
		   int layer, NodeId below, const NodeId *links, int n)
{
	const PageLayout *layout = &pages->reader.state->layout;
	Slot head = {0};
	NodeId list[GRAPH_MAX_LINKS] = {0};
	Slot *slot = place->target;

	if (layer == 0)
		head.u.heap_tid = element->stored->heap_tid;
	else
		slot_set_base(&head, element->base);
	head.generation = place->generation;
	head.state = SLOT_LIVE;
	head.layer = (uint8) layer;
	head.next = below;
	Assert(n <= 2 * layout->m);
	memcpy(list, links, n * sizeof(NodeId));
	edit_write(edit, place->page, slot, &head, sizeof(head));
	edit_write(edit, place->page, slot_code(layout, slot), element->code, layout->code_size);
	/* a slot never used is zero already */
	if (place->generation > 1)
		n = 2 * layout->m;
	if (n > 0)
		edit_write(edit, place->page, slot_links(layout, slot), list, n * sizeof(NodeId));
	if (layout->key_offset > 0)
		edit_set(edit, place->page, slot_key(layout, slot), pages->key);
}

static NodeId
page_store_create(GraphStore *store, const GraphElement *element, int layer, NodeId below,
				  const NodeId *links, int n)
{
	PageStore *pages = page_store(store);
	PageReader *reader = &pages->reader;
	PageEdit edit;
	SlotPlace place;
	MapPlace entry = {InvalidBlockNumber};
	Buffer map_buffer;

	Assert(layer >= 0 && layer <= GRAPH_MAX_LAYER && n <= GRAPH_CAPACITY(store->m, layer));
	Assert((layer == 0) == (below == NODE_NONE));
	Assert((layer == 0) == (element->base == NODE_NONE));
	if (layer == 0)
		rowmap_reserve(reader, &element->stored->heap_tid, pages->wal, &entry);
	Assert((reader->state->shape.nkeys > 0) == (pages->key != NODE_NONE));
	/* before there is the element: a scan that has met as many is sure to have met all */
	if (layer == 0 && pages->key != NODE_NONE)
		key_count(reader, pages->key, 1, pages->wal);
	edit_init(&edit, reader->index, pages->wal);
	alloc_slot(reader, &edit, layer_kind(layer), &place);
	if (layer == 0 && reader->state->layout.vector_size > 0)
		vector_write(reader, place.vector_block, place.vector_offset, element->stored->vector,
					 pages->wal);
	write_slot(pages, &edit, &place, element, layer, below, links, n);
	map_buffer = rowmap_edit(reader, &edit, &entry, place.node);
	edit_commit(&edit);
	edit_free(&edit);
	if (BufferIsValid(map_buffer))
		UnlockReleaseBuffer(map_buffer);
	UnlockReleaseBuffer(place.buffer);
	return place.node;
}

static int
page_store_confirm(GraphStore *store, int layer, NodeId *nodes, int n)
{
	PageReader *reader = &page_store(store)->reader;
	int nalive = 0;

	Assert(!page_lock_is_held());
	for (int i = 0; i < n; i++)
	{
		Slot *slot;
		Buffer buffer = pin_slot(reader, nodes[i], layer_kind(layer), &slot);

		if (slot->layer == layer && slot_is_live(slot))
			nodes[nalive++] = nodes[i];
		reader_unpin(reader, buffer);
	}
	return nalive;
}

/* Writes what differs between two lists, behind which both are zero. */
static void
edit_links(PageEdit *edit, NodeId *links, const NodeId *wanted, int nwanted, int nold)
{
	NodeId list[GRAPH_MAX_LINKS] = {0};
	int n = Max(nwanted, nold);
	int from = 0;

	Assert(n <= GRAPH_MAX_LINKS);
	memcpy(list, wanted, nwanted * sizeof(NodeId));
	while (n > 0 && links[n - 1] == list[n - 1])
		n--;
	while (from < n && links[from] == list[from])
		from++;
	if (from < n)
		edit_write(edit, 0, &links[from], &list[from], (n - from) * sizeof(NodeId));
}

static bool
page_store_relink(GraphStore *store, NodeId node, int layer, const NodeId *expected, int nexpected,
				  const NodeId *wanted, int nwanted)
{
	PageStore *pages = page_store(store);
	const PageLayout *layout = &pages->reader.state->layout;
	int capacity = GRAPH_CAPACITY(store->m, layer);
	Slot *slot;
	Buffer buffer = pin_slot(&pages->reader, node, layer_kind(layer), &slot);
	bool done = true;

	Assert(nwanted <= capacity && nexpected <= capacity && !pages->reader.lock &&
		   !page_lock_is_held());
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (slot_is_on(slot, layer))
	{
		NodeId *links = slot_links(layout, slot);

		done = memcmp(links, expected, nexpected * sizeof(NodeId)) == 0 &&
			   (nexpected == capacity || links[nexpected] == NODE_NONE);
		if (done)
		{
			PageEdit edit;

			edit_init(&edit, pages->reader.index, pages->wal);
			edit_page(&edit, buffer);
			edit_links(&edit, links, wanted, nwanted, nexpected);
			if (edit.pages[0].ndelta > 0)
				edit_commit(&edit);
			edit_free(&edit);
		}
	}
	UnlockReleaseBuffer(buffer);
	return done;
}

/* Is the element equal to the new one in all that the index stores? */
static bool
element_equals(PageStore *pages, const GraphElement *element, NodeId node, int generation)
{
	PageReader *reader = &pages->reader;
	const PageLayout *layout = &reader->state->layout;
	Slot *slot;
	Buffer buffer = pin_slot(reader, node, PAGE_ELEMENT, &slot);
	bool equal = slot->generation == generation && slot_is_live(slot) &&
				 memcmp(slot_code(layout, slot), element->code, layout->code_size) == 0;
	BlockNumber block;
	uint32 offset;

	element_vector_place(layout, BufferGetPage(buffer), node_slot(layout, node), &block, &offset);
	reader_unpin(reader, buffer);
	if (!equal || layout->vector_size == 0)
		return equal;
	if (pages->vector_copy == NULL)
		pages->vector_copy = MemoryContextAlloc(GetMemoryChunkContext(pages), layout->vector_size);
	vector_read(reader, block, offset, pages->vector_copy);
	return memcmp(pages->vector_copy, element->stored->vector, layout->vector_size) == 0;
}

static bool
page_store_absorb(GraphStore *store, const GraphElement *element, NodeId node, int generation)
{
	PageStore *pages = page_store(store);
	ItemPointerData tid = element->stored->heap_tid;

	Assert(!pages->reader.lock);
	if (!element_equals(pages, element, node, generation) ||
		!duplicates_add(&pages->reader, node, generation, &tid, pages->wal))
		return false;
	rowmap_set(&pages->reader, &tid, node, pages->wal);
	return true;
}

/* How many blocks are tried for a page of elements, and slots of it for a live one. */
#define WANDER_TRIES 64

/*
 * Of an element at random: pages of elements are about as full as each other. No graph is at hand
 * afterwards if none was met.
 */
static void
page_store_wander(GraphStore *store)
{
	PageStore *pages = page_store(store);
	PageReader *reader = &pages->reader;
	const PageLayout *layout = &reader->state->layout;
	BlockNumber nblocks = RelationGetNumberOfBlocks(reader->index);

	Assert(nblocks > HNSWC_META_BLOCK && layout->key_offset > 0);
	pages->key = pages->known_entry = NODE_NONE;
	for (int i = 0; i < WANDER_TRIES && pages->key == NODE_NONE; i++)
	{
		BlockNumber block = (BlockNumber) pg_prng_uint64_range(&pg_global_prng_state,
															   HNSWC_META_BLOCK, nblocks - 1);
		Buffer buffer = reader_lock_any(reader, block, BUFFER_LOCK_SHARE);
		Page page = BufferGetPage(buffer);

		if (!PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID &&
			page_tail(page)->kind == PAGE_ELEMENT)
		{
			uint32 used = page_used(reader, block, page);
			Slot *slot =
				used == 0
					? NULL
					: page_slot(layout, page,
								(uint32) pg_prng_uint64_range(&pg_global_prng_state, 0, used - 1));

			if (slot != NULL && slot_is_live(slot))
				pages->key = *slot_key(layout, slot);
		}
		UnlockReleaseBuffer(buffer);
	}
}

PageStore *
page_store_open(Relation index, IndexState *state, bool wal)
{
	PageStore *pages = palloc0(sizeof(PageStore));

	reader_init(&pages->reader, index, state);
	pages->wal = wal;
	pages->store.coder = state->coder;
	/* Codes of few bits are good enough to walk on, but not to select neighbours by. */
	pages->store.select_coder =
		state->shape.spec.bits < STORE_MIN_SELECT_BITS && state->layout.vector_size > 0
			? state->vector_coder
			: state->coder;
	pages->store.m = state->shape.m;
	graph_select_rules(&pages->store, state->shape.spec.metric);
	pages->store.visit = page_store_visit;
	pages->store.fetch = page_store_fetch;
	pages->store.expect = page_store_expect;
	pages->store.neighbours = page_store_neighbours;
	pages->store.codes = page_store_codes;
	pages->store.down = page_store_down;
	pages->store.entry = page_store_entry;
	pages->store.set_entry = page_store_set_entry;
	pages->store.create = page_store_create;
	if (state->shape.nkeys > 0)
		pages->store.wander = page_store_wander;
	pages->store.absorb = page_store_absorb;
	pages->store.confirm = page_store_confirm;
	pages->store.relink = page_store_relink;
	return pages;
}

void
page_store_bounds(PageReader *reader, const CodeQuery *query, Candidate *candidates, int n)
{
	for (int from = 0; from < n; from += GRAPH_MAX_LINKS)
	{
		NodeId nodes[GRAPH_MAX_LINKS];
		NodePlace places[GRAPH_MAX_LINKS];
		Candidate found[GRAPH_MAX_LINKS];
		int nbatch = Min(n - from, GRAPH_MAX_LINKS);

		for (int i = 0; i < nbatch; i++)
			nodes[i] = candidates[from + i].node;
		nodes_fetch(reader, 0, nodes, nbatch, places);
		nodes_measure(reader, query, 0, nodes, places, nbatch, true, found);
		/* one that has gone since is found out when its element is looked up */
		for (int i = 0; i < nbatch; i++)
			if (found[i].node != NODE_NONE)
				candidates[from + i].bound = found[i].bound;
	}
}

void
page_store_elements(PageReader *reader, const CodeQuery *query, const Candidate *candidates, int n,
					ElementRef *refs)
{
	const PageLayout *layout = &reader->state->layout;

	Assert(!page_lock_is_held());
	for (int i = 0; i < n; i++)
	{
		BlockNumber block = node_block(layout, candidates[i].node);

		reader_prefetch_descriptor(reader, block);
		reader_prefetch_bytes(reader, block, BLCKSZ - sizeof(PageTail), sizeof(PageTail));
	}
	for (int i = 0; i < n; i++)
	{
		ElementRef *ref = &refs[i];
		Slot *slot;
		Buffer buffer = pin_slot(reader, candidates[i].node, PAGE_ELEMENT, &slot);

		ref->heap_tid = slot->u.heap_tid;
		/* a slot that is freed loses its heap TID after its state */
		pg_read_barrier();
		ref->valid = slot->generation == candidates[i].generation && slot_is_live(slot);
		if (slot->state == SLOT_SHELL)
			ItemPointerSetInvalid(&ref->heap_tid);
		ref->key = layout->key_offset > 0 ? *slot_key(layout, slot) : NODE_NONE;
		ref->duplicates = *(volatile NodeId *) &slot->next;
		ref->dist =
			query == NULL ? candidates[i].dist : code_measure(query, slot_code(layout, slot));
		element_vector_place(layout, BufferGetPage(buffer), node_slot(layout, candidates[i].node),
							 &ref->vector_block, &ref->vector_offset);
		reader_unpin(reader, buffer);
	}
}
