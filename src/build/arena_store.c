/*
 * arena_store.c: the graph's door over the arena of a build.
 *
 * Nodes are plain memory: a batch is prefetched and measured in one call. Nothing is ever removed
 * during a build, so there are no generations to compare. Readers take no lock; whoever changes a
 * list takes one of many spinlocks, by the node's address, compares the list with what was expected
 * and stores word by word.
 */
#include "postgres.h"

#include "build/arena.h"
#include "memory.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define NO_GENERATION 1

static inline Arena *
arena_of(GraphStore *store)
{
	return (Arena *) store;
}

static inline slock_t *
node_lock(Arena *arena, NodeId node)
{
	return &arena->shared->locks[(node * 0x9E3779B1u >> 16) % ARENA_SPINLOCKS];
}

static void
arena_fetch(GraphStore *store, int layer, const NodeId *nodes, int n)
{
	Arena *arena = arena_of(store);
	Size code_size =
		arena->shared->side_size > 0 ? arena->shared->side_size : arena->layout->code_size;

	for (int i = 0; i < n; i++)
		prefetch_bytes(arena_code(arena, nodes[i]), code_size);
}

static int
arena_visit(GraphStore *store, const CodeQuery *query, int layer, const NodeId *nodes, int n,
			Candidate *out)
{
	Arena *arena = arena_of(store);

	for (int i = 0; i < n; i++)
		arena->code_pointers[i] = arena_code(arena, nodes[i]);
	code_distances(query, arena->code_pointers, n, arena->distances, NULL);
	for (int i = 0; i < n; i++)
	{
		out[i].dist = arena->distances[i];
		out[i].bound = 0;
		out[i].node = nodes[i];
		out[i].generation = NO_GENERATION;
		out[i].flags = 0;
	}
	return n;
}

static void
arena_expect(GraphStore *store, NodeId node, int layer)
{
	Arena *arena = arena_of(store);

	prefetch_bytes(slot_links(arena->layout, arena_slot(arena, node)),
				   GRAPH_CAPACITY(store->m, layer) * sizeof(NodeId));
}

static int
arena_neighbours(GraphStore *store, NodeId node, int layer, int generation, NodeId *out)
{
	Arena *arena = arena_of(store);

	return links_read(slot_links(arena->layout, arena_slot(arena, node)),
					  GRAPH_CAPACITY(store->m, layer), out);
}

static void
arena_codes(GraphStore *store, int layer, const NodeId *nodes, int n, const void **codes)
{
	Arena *arena = arena_of(store);

	arena_fetch(store, layer, nodes, n);
	for (int i = 0; i < n; i++)
		codes[i] = arena_code(arena, nodes[i]);
}

static NodeId
arena_down(GraphStore *store, NodeId node, int layer)
{
	return arena_slot(arena_of(store), node)->next;
}

/* Where the entry point of the graph at hand is kept. */
static pg_atomic_uint32 *
entry_word(Arena *arena)
{
	return arena->key_root != NULL ? arena_key_entry(arena) : &arena->shared->entry;
}

static NodeId
arena_entry(GraphStore *store, int *layer)
{
	NodeId entry = pg_atomic_read_u32(entry_word(arena_of(store)));

	*layer = entry == NODE_NONE ? -1 : arena_slot(arena_of(store), entry)->layer;
	return entry;
}

static bool
arena_set_entry(GraphStore *store, NodeId expected, NodeId node, int layer)
{
	return pg_atomic_compare_exchange_u32(entry_word(arena_of(store)), &expected, node);
}

Slot *
arena_take_slot(Arena *arena, PageKind kind, NodeId *node)
{
	PageTail *tail;
	Slot *slot;

	if (arena->fill[kind] == NULL ||
		page_tail(arena->fill[kind])->used == arena->layout->slots_per_page)
		arena_add_page(arena, kind, true);
	tail = page_tail(arena->fill[kind]);
	Assert(tail->kind == kind && tail->used < arena->layout->slots_per_page);
	slot = page_slot(arena->layout, arena->fill[kind], tail->used);
	*node = node_address(arena->layout, arena->fill_block[kind], tail->used);
	tail->used++;
	return slot;
}

static NodeId
arena_create(GraphStore *store, const GraphElement *element, int layer, NodeId below,
			 const NodeId *links, int n)
{
	Arena *arena = arena_of(store);
	const PageLayout *layout = arena->layout;
	NodeId node;
	Slot *slot = arena_take_slot(arena, layer == 0 ? PAGE_ELEMENT : PAGE_UPPER, &node);

	Assert(n <= GRAPH_CAPACITY(store->m, layer) && slot->state == SLOT_UNUSED);
	Assert((layer == 0) == (below == NODE_NONE));
	if (layer == 0)
	{
		slot->u.heap_tid = element->stored->heap_tid;
		if (layout->key_offset > 0)
			pg_atomic_fetch_add_u32(arena_key_count(arena), 1);
		if (layout->vector_size > 0)
		{
			PageTail *tail = page_tail(arena->fill[PAGE_ELEMENT]);
			BlockNumber block;
			uint32 offset;

			vector_place(layout, tail->vector_block, tail->vector_offset, node_slot(layout, node),
						 &block, &offset);
			vector_write(&arena->reader, block, offset, element->stored->vector, false);
		}
	}
	else
		slot_set_base(slot, element->base);
	slot->generation = NO_GENERATION;
	slot->layer = (uint8) layer;
	slot->next = below;
	memcpy(slot_code(layout, slot), element->stored->code, layout->code_size);
	if (arena->shared->side_size > 0)
		memcpy(arena_code(arena, node), element->code, arena->shared->side_size);
	memcpy(slot_links(layout, slot), links, n * sizeof(NodeId));
	if (layout->key_offset > 0)
		*slot_key(layout, slot) = arena->key;
	*arena_selected(arena, node) = store->fill ? 0 : (uint8) n;
	slot->state = SLOT_LIVE;
	/* complete before anybody can come across its address */
	pg_write_barrier();
	return node;
}

/* Stores a list word by word: readers see each word old or new. */
static void
store_links(NodeId *links, const NodeId *wanted, int nwanted, int nold)
{
	volatile NodeId *words = links;

	for (int i = 0; i < nwanted; i++)
		if (words[i] != wanted[i])
			words[i] = wanted[i];
	for (int i = nwanted; i < nold; i++)
		words[i] = NODE_NONE;
}

static bool
arena_relink(GraphStore *store, NodeId node, int layer, const NodeId *expected, int nexpected,
			 const NodeId *wanted, int nwanted)
{
	Arena *arena = arena_of(store);
	NodeId *links = slot_links(arena->layout, arena_slot(arena, node));
	int capacity = GRAPH_CAPACITY(store->m, layer);
	slock_t *lock = node_lock(arena, node);
	bool same;

	Assert(nexpected <= capacity && nwanted <= capacity);
	SpinLockAcquire(lock);
	same = memcmp(links, expected, nexpected * sizeof(NodeId)) == 0 &&
		   (nexpected == capacity || links[nexpected] == NODE_NONE);
	if (same)
		store_links(links, wanted, nwanted, nexpected);
	SpinLockRelease(lock);
	return same;
}

static uint8 *
arena_store_selected(GraphStore *store, NodeId node, int layer)
{
	return arena_selected(arena_of(store), node);
}

static bool
element_equals(Arena *arena, const GraphElement *element, NodeId node)
{
	const PageLayout *layout = arena->layout;
	Slot *slot = arena_slot(arena, node);
	PageTail *tail = page_tail(arena_page(arena, arena->page_of_block[node_block(layout, node)]));
	BlockNumber block;
	uint32 offset;

	if (memcmp(slot_code(layout, slot), element->stored->code, layout->code_size) != 0)
		return false;
	if (layout->vector_size == 0)
		return true;
	vector_place(layout, tail->vector_block, tail->vector_offset, node_slot(layout, node), &block,
				 &offset);
	vector_read(&arena->reader, block, offset, arena->vector_copy);
	return memcmp(arena->vector_copy, element->stored->vector, layout->vector_size) == 0;
}

/*
 * Adds the new row's TID to the first list of an element, if there is one with room. Under the
 * element's spinlock.
 */
static bool
first_list_add(Arena *arena, Slot *element, ItemPointer tid)
{
	DuplicateSlot *list;

	if (element->next == NODE_NONE)
		return false;
	list = (DuplicateSlot *) arena_slot(arena, element->next);
	Assert(list->state == SLOT_LIVE && list->count <= arena->layout->duplicates_per_slot);
	if (list->count == arena->layout->duplicates_per_slot)
		return false;
	list->tids[list->count++] = *tid;
	return true;
}

static bool
arena_absorb(GraphStore *store, const GraphElement *element, NodeId node, int generation)
{
	Arena *arena = arena_of(store);
	ItemPointerData tid = element->stored->heap_tid;
	Slot *equal = arena_slot(arena, node);
	slock_t *lock = node_lock(arena, node);
	DuplicateSlot *list;
	NodeId list_node;
	bool added;

	if (!element_equals(arena, element, node))
		return false;
	/* a spinlock is no place to attach memory from: resolve the list's chunk before */
	if (equal->next != NODE_NONE)
		(void) arena_slot(arena, equal->next);
	SpinLockAcquire(lock);
	added = first_list_add(arena, equal, &tid);
	SpinLockRelease(lock);
	if (added)
		return true;

	list = (DuplicateSlot *) arena_take_slot(arena, PAGE_DUPLICATE, &list_node);
	list->owner = node;
	list->count = 1;
	list->generation = NO_GENERATION;
	list->state = SLOT_LIVE;
	list->tids[0] = tid;
	SpinLockAcquire(lock);
	list->next = equal->next;
	pg_write_barrier();
	equal->next = list_node;
	SpinLockRelease(lock);
	return true;
}

void
arena_store_init(Arena *arena, IndexState *state, const Coder *coder)
{
	GraphStore *store = &arena->store;

	store->coder = coder;
	store->select_coder = coder;
	store->m = state->shape.m;
	graph_select_rules(store, state->shape.spec.metric);
	store->visit = arena_visit;
	store->fetch = arena_fetch;
	store->expect = arena_expect;
	store->neighbours = arena_neighbours;
	store->codes = arena_codes;
	store->down = arena_down;
	store->entry = arena_entry;
	store->set_entry = arena_set_entry;
	store->create = arena_create;
	store->absorb = arena_absorb;
	store->relink = arena_relink;
	store->selected = arena_store_selected;
	arena->code_pointers = palloc(GRAPH_MAX_LINKS * sizeof(void *));
	arena->distances = palloc(GRAPH_MAX_LINKS * sizeof(float));
	arena->vector_copy = palloc(Max(state->layout.vector_size, 1));
}
