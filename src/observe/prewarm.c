/*
 * prewarm.c: hnsw_prewarm(), an index's pages into shared buffers.
 *
 * Upper layers and nodes are what every search reads, and a small part of the file.  Which blocks
 * these are only the pages themselves tell.  So they are found by following the links, page by
 * page: from the entry point all that the page's slots lead to, in waves, each read in the order of
 * its blocks and ahead.  With the nodes come the pages of the row map, which filtered scans look
 * nodes up in.  Vectors, which are most of the file, are not read.  What no link leads to is left
 * out.
 *
 * Memory: five bytes for each block of the index.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "am/am.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"

/* Blocks that the operating system is asked for at a time. */
#define READ_AHEAD_BLOCKS 64

typedef enum PrewarmWhat
{
	PREWARM_UPPER,
	PREWARM_NODES,
	PREWARM_ALL,
} PrewarmWhat;

typedef struct Prewarm
{
	PrewarmWhat what;
	IndexState *state;
	PageReader reader;
	BlockNumber nblocks;
	BlockNumber *blocks; /* those that have been met, by waves */
	BlockNumber n;
	uint8 *kinds; /* by block: its kind, or NOT_MET */
} Prewarm;

#define NOT_MET 0xFF

static int
compare_blocks(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return (x > y) - (x < y);
}

/* A block is wanted, once.  One that the index has got since is left out. */
static void
meet_block(Prewarm *prewarm, BlockNumber block, PageKind kind)
{
	if (block >= prewarm->nblocks || prewarm->kinds[block] != NOT_MET)
		return;
	prewarm->kinds[block] = (uint8) kind;
	prewarm->blocks[prewarm->n++] = block;
}

/* So is the block of a node or a list, if that is of a kind that is wanted. */
static void
meet_node(Prewarm *prewarm, NodeId node, PageKind kind)
{
	if (node != NODE_NONE && (kind == PAGE_UPPER || prewarm->what != PREWARM_UPPER))
		meet_block(prewarm, node_block(&prewarm->state->layout, node), kind);
}

/* Meets what the slots of a page lead to. */
static void
follow_page(Prewarm *prewarm, BlockNumber block, Page page)
{
	const PageLayout *layout = &prewarm->state->layout;
	uint32 used = page_used(&prewarm->reader, block, page);

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		NodeId links[GRAPH_MAX_LINKS];
		int n;

		if (!slot_is_live(slot))
			continue;
		n = links_read(slot_links(layout, slot), GRAPH_CAPACITY(layout->m, slot->layer), links);
		for (int j = 0; j < n; j++)
			meet_node(prewarm, links[j], layer_kind(slot->layer));
		meet_node(prewarm, slot->next,
				  slot->layer == 0 ? PAGE_DUPLICATE : layer_kind(slot->layer - 1));
	}
}

/* The further lists of those on a page. */
static void
follow_lists(Prewarm *prewarm, BlockNumber block, Page page)
{
	uint32 used = page_used(&prewarm->reader, block, page);

	for (uint32 i = 0; i < used; i++)
	{
		DuplicateSlot *slot = (DuplicateSlot *) page_slot(&prewarm->state->layout, page, i);

		if (slot->state == SLOT_LIVE)
			meet_node(prewarm, slot->next, PAGE_DUPLICATE);
	}
}

/* Meets what the keys of a page lead to. Entry points may be on any layer. */
static void
follow_keys(Prewarm *prewarm, BlockNumber block, Page page)
{
	const PageLayout *layout = &prewarm->state->layout;
	uint32 used = page_used(&prewarm->reader, block, page);

	for (uint32 i = 0; i < used; i++)
	{
		KeySlot *key = (KeySlot *) page_slot(layout, page, i);

		if (key->state != SLOT_LIVE && key->state != SLOT_DEAD)
			continue;
		if (key->entry != NODE_NONE)
			meet_block(prewarm, node_block(layout, key->entry), PAGE_ANY_NODE);
		for (int child = 0; child < KEY_CHILDREN; child++)
			if (key->children[child] != NODE_NONE)
				meet_block(prewarm, node_block(layout, key->children[child]), PAGE_KEY);
	}
}

static void
follow_root(Prewarm *prewarm, Page page)
{
	for (uint32 i = 0; i < MAP_PAGE_WORDS; i++)
		if (map_words(page)[i] != NODE_NONE)
			meet_block(prewarm, node_block(&prewarm->state->layout, map_words(page)[i]), PAGE_KEY);
}

static void
read_block(Prewarm *prewarm, BlockNumber block)
{
	PageKind kind = prewarm->kinds[block];
	Buffer buffer;

	CHECK_FOR_INTERRUPTS();
	buffer = reader_lock_page(&prewarm->reader, block, kind, BUFFER_LOCK_SHARE);
	if (kind == PAGE_ELEMENT || kind == PAGE_UPPER || kind == PAGE_ANY_NODE)
		follow_page(prewarm, block, BufferGetPage(buffer));
	else if (kind == PAGE_DUPLICATE)
		follow_lists(prewarm, block, BufferGetPage(buffer));
	else if (kind == PAGE_KEY)
		follow_keys(prewarm, block, BufferGetPage(buffer));
	else if (kind == PAGE_KEY_ROOT)
		follow_root(prewarm, BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
}

/* Has the operating system read the next of a wave's blocks. */
static void
read_ahead(Prewarm *prewarm, BlockNumber from, BlockNumber to)
{
	BlockNumber ahead[READ_AHEAD_BLOCKS];
	int n = (int) Min(to - from, READ_AHEAD_BLOCKS);

	memcpy(ahead, &prewarm->blocks[from], n * sizeof(BlockNumber));
	reader_read_ahead(&prewarm->reader, ahead, n);
}

/* Reads all that can be reached, wave by wave. */
static void
read_waves(Prewarm *prewarm)
{
	BlockNumber begin = 0;

	while (begin < prewarm->n)
	{
		BlockNumber end = prewarm->n;

		qsort(&prewarm->blocks[begin], end - begin, sizeof(BlockNumber), compare_blocks);
		for (BlockNumber i = begin; i < end; i++)
		{
			if ((i - begin) % READ_AHEAD_BLOCKS == 0)
				read_ahead(prewarm, i, end);
			read_block(prewarm, prewarm->blocks[i]);
		}
		begin = end;
	}
}

/* Meets a page of the row map and all that is below it; `level` steps above the leaves. */
static void
meet_map(Prewarm *prewarm, BlockNumber block, int level)
{
	BlockNumber below[MAP_PAGE_WORDS];
	Buffer buffer;

	if (block == 0)
		return;
	meet_block(prewarm, block, level == 0 ? PAGE_MAP_LEAF : PAGE_MAP_INNER);
	if (level == 0 || block >= prewarm->nblocks)
		return;
	CHECK_FOR_INTERRUPTS();
	buffer = reader_lock_page(&prewarm->reader, block, PAGE_MAP_INNER, BUFFER_LOCK_SHARE);
	memcpy(below, map_words(BufferGetPage(buffer)), sizeof(below));
	UnlockReleaseBuffer(buffer);
	for (uint32 i = 0; i < MAP_PAGE_WORDS; i++)
		meet_map(prewarm, below[i], level - 1);
}

/* Reads the upper layers or all nodes, from the entry point on; returns the number of blocks. */
static BlockNumber
read_nodes(Prewarm *prewarm, NodeId entry)
{
	PageStore *pages = page_store_open(prewarm->reader.index, prewarm->state, true);
	int nparams = (int) ((code_params_size(&prewarm->state->shape.spec) + PAGE_STREAM_SIZE - 1) /
						 PAGE_STREAM_SIZE);
	int layer;

	prewarm->blocks =
		MemoryContextAllocHuge(CurrentMemoryContext, (Size) prewarm->nblocks * sizeof(BlockNumber));
	prewarm->kinds = MemoryContextAllocHuge(CurrentMemoryContext, prewarm->nblocks);
	memset(prewarm->kinds, NOT_MET, prewarm->nblocks);
	meet_block(prewarm, HNSWC_META_BLOCK, PAGE_META);
	for (int i = 0; i < nparams; i++)
		meet_block(prewarm, HNSWC_META_BLOCK + 1 + i, PAGE_PARAMS);
	pages->known_entry = entry;
	entry = pages->store.entry(&pages->store, &layer);
	if (entry != NODE_NONE)
		meet_node(prewarm, entry, layer_kind(layer));
	if (prewarm->state->shape.nkeys > 0)
		meet_block(prewarm, prewarm->state->key_root, PAGE_KEY_ROOT);
	for (int level = 0; level < MAP_LEVELS && prewarm->what == PREWARM_NODES; level++)
		meet_map(prewarm, prewarm->state->map_roots[level], level);
	read_waves(prewarm);
	return prewarm->n;
}

static BlockNumber
read_all(Prewarm *prewarm)
{
	for (BlockNumber block = 0; block < prewarm->nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		reader_unpin(&prewarm->reader, reader_pin_any(&prewarm->reader, block, NULL));
	}
	return prewarm->nblocks;
}

static PrewarmWhat
parse_what(const char *what)
{
	if (strcmp(what, "upper") == 0)
		return PREWARM_UPPER;
	if (strcmp(what, "nodes") == 0)
		return PREWARM_NODES;
	if (strcmp(what, "all") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is nothing \"%s\" to be read", what),
						errhint("Valid values are \"upper\", \"nodes\", and \"all\".")));
	return PREWARM_ALL;
}

PG_FUNCTION_INFO_V1(hnsw_prewarm);

Datum
hnsw_prewarm(PG_FUNCTION_ARGS)
{
	IndexTarget target;
	Prewarm prewarm = {0};
	NodeId entry;
	BlockNumber n;

	prewarm.what = parse_what(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	target_open(&target, PG_GETARG_OID(0), true);
	prewarm.state = index_state_get(target.index, &entry);
	prewarm.nblocks = RelationGetNumberOfBlocks(target.index);
	page_cache_grow(&prewarm.state->cache, prewarm.nblocks);
	reader_init(&prewarm.reader, target.index, prewarm.state);
	n = prewarm.what == PREWARM_ALL ? read_all(&prewarm) : read_nodes(&prewarm, entry);
	target_close(&target);
	PG_RETURN_INT64(n);
}
