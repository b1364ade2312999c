/*
 * state.c: what is constant for an index, kept per backend.
 *
 * Opening an index means reading its meta page and its trained parameters and making the coders
 * ready, which costs more than a query. So a backend keeps it, by relation file. A build writes a
 * new random uid into the meta page; every open compares it, so that neither a rebuild in the same
 * file nor a reused file number goes unnoticed. The cache drops entries only at the end of a
 * transaction, when no scan can be using them.
 *
 * Locks: the share lock on the meta page while its constants are read; the uid, the entry point and
 * the statistics are read with a pin alone (with the share lock during recovery), being aligned
 * words. The exclusive lock while the statistics are written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "memory.h"
#include "miscadmin.h"
#include "node/node.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define KEPT_STATES 32
/* The first word of a meta page that pgvector wrote. */
#define PGVECTOR_MAGIC 0xA953A953

typedef struct StateEntry
{
	RelLocator locator; /* hash key */
	IndexState *state;
} StateEntry;

static HTAB *states = NULL;
/*
 * States of indexes that were rebuilt in place: a cursor of this transaction may still be using
 * them.
 */
static IndexState *retired = NULL;
static uint64 use_counter = 0;
static bool (*shape_is_of)(Relation index, const IndexShape *shape);

void
index_shape_layout(const IndexShape *shape, PageLayout *layout)
{
	CodeSpec vector_spec = shape->spec;
	uint32 vector_size = 0;

	vector_spec.bits = shape->rerank == RERANK_HALF ? CODE_BITS_HALF : CODE_BITS_EXACT;
	if (shape->spec.bits != CODE_BITS_EXACT && shape->rerank != RERANK_TABLE)
		vector_size = code_size(&vector_spec);
	if (!page_layout_init(layout, code_size(&shape->spec), vector_size, shape->m, shape->nkeys > 0))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a node with %d dimensions of %d bits and m = %d does not fit a page",
						shape->spec.dims, shape->spec.bits, shape->m),
				 errhint("Use fewer bits or a smaller m.")));
}

static Coder *
make_coder(const CodeSpec *spec, const void *params)
{
	return coder_init(palloc_on_line(coder_size(spec)), spec, params);
}

/* Checks block 0 and copies its contents. */
static void
read_meta(Relation index, MetaPage *meta)
{
	Buffer buffer;
	Page page;

	if (RelationGetNumberOfBlocks(index) == 0)
		page_corrupted(index, HNSWC_META_BLOCK, "the file is empty");
	buffer = page_lock(index, HNSWC_META_BLOCK, PAGE_ANY, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	memcpy(meta, page_meta(page), sizeof(*meta));
	if (!PageIsNew(page) && meta->magic == PGVECTOR_MAGIC)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" was built by another implementation",
							   RelationGetRelationName(index)),
						errhint("REINDEX the index.")));
	/* before the rest: another version may have other kinds of page */
	if (!PageIsNew(page) && meta->magic == HNSWC_MAGIC && meta->version != HNSWC_VERSION)
		ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
						errmsg("index \"%s\" has format version %u, but this is version %u",
							   RelationGetRelationName(index), meta->version, HNSWC_VERSION),
						errhint("REINDEX the index.")));
	page_check(index, HNSWC_META_BLOCK, page, PAGE_META);
	UnlockReleaseBuffer(buffer);
	if (meta->magic != HNSWC_MAGIC)
		page_corrupted(index, HNSWC_META_BLOCK, "the meta page has a wrong magic number");
}

static void
read_params(Relation index, IndexState *state, BlockNumber block, uint32 size)
{
	char *to;

	state->params = to = palloc_on_line(size);
	while (size > 0)
	{
		uint32 part = Min(size, PAGE_STREAM_SIZE);
		Buffer buffer = page_lock(index, block, PAGE_PARAMS, BUFFER_LOCK_SHARE);

		memcpy(to, (char *) BufferGetPage(buffer) + PAGE_STREAM_START, part);
		UnlockReleaseBuffer(buffer);
		to += part;
		size -= part;
		block++;
	}
}

/* Checks that what the meta page says of the layout is what its constants give. */
static void
check_layout(Relation index, const MetaPage *meta, const IndexShape *shape,
			 const PageLayout *layout)
{
	if (meta->map_stride > MaxHeapTuplesPerPage || (meta->nkeys > 0) != (meta->key_root > 0) ||
		meta->params_size != code_params_size(&shape->spec) ||
		meta->code_size != layout->code_size || meta->vector_size != layout->vector_size ||
		meta->slot_size != layout->slot_size || meta->slot_start != layout->slot_start ||
		meta->slots_per_page != layout->slots_per_page)
		page_corrupted(index, HNSWC_META_BLOCK, "the meta page contradicts itself");
}

static void
meta_shape(Relation index, const MetaPage *meta, IndexShape *shape)
{
	memset(shape, 0, sizeof(*shape));
	shape->spec.dims = meta->dims;
	shape->spec.metric = meta->metric;
	shape->spec.bits = meta->bits;
	shape->type = meta->type;
	shape->rerank = meta->rerank;
	shape->m = meta->m;
	shape->ef_construction = meta->ef_construction;
	shape->map_stride = meta->map_stride;
	shape->nkeys = meta->nkeys;
	if (code_size(&shape->spec) == 0 || meta->m < GRAPH_MIN_M || meta->m > GRAPH_MAX_M ||
		meta->rerank > RERANK_TABLE)
		page_corrupted(index, HNSWC_META_BLOCK, "the meta page contradicts itself");
}

static IndexState *
read_state(Relation index)
{
	MetaPage meta;
	IndexShape shape;
	IndexState *state;
	CodeSpec vector_spec;
	MemoryContext cxt;
	MemoryContext old;

	read_meta(index, &meta);
	meta_shape(index, &meta, &shape);
	cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw index state", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	state = palloc0(sizeof(IndexState));
	state->cxt = cxt;
	state->uid = meta.uid;
	state->shape = shape;
	state->key_root = meta.key_root;
	if (!shape_is_of(index, &shape))
		page_corrupted(
			index, HNSWC_META_BLOCK,
			"the meta page is that of an index of another type, operator class or dimensions");
	index_shape_layout(&shape, &state->layout);
	check_layout(index, &meta, &shape, &state->layout);
	read_params(index, state, meta.params_block, meta.params_size);
	Assert(meta.params_size == code_params_size(&shape.spec) && state->layout.slots_per_page > 0);
	state->coder = make_coder(&shape.spec, state->params);
	if (shape.spec.bits != CODE_BITS_EXACT)
	{
		vector_spec = shape.spec;
		vector_spec.bits = shape.rerank == RERANK_HALF ? CODE_BITS_HALF : CODE_BITS_EXACT;
		state->vector_coder = make_coder(&vector_spec, state->params);
	}
	page_cache_init(&state->cache, index, cxt);
	MemoryContextSwitchTo(old);
	/* complete: from here on it belongs to the cache */
	MemoryContextSetParent(cxt, CacheMemoryContext);
	return state;
}

/*
 * The entry point, if the meta page still is that of the state; false if not.
 */
static bool
read_entry(Relation index, IndexState *state, NodeId *entry)
{
	PageReader reader;
	Buffer buffer;
	MetaPage *meta;
	bool same;

	reader_init(&reader, index, state);
	buffer = reader_pin(&reader, HNSWC_META_BLOCK, PAGE_META);
	meta = page_meta(BufferGetPage(buffer));
	same = meta->uid == state->uid && meta->magic == HNSWC_MAGIC;
	*entry = *(volatile NodeId *) &meta->entry;
	/* of a change that is being made some words may be old and others new: that does no harm */
	state->tuples = meta->tuples;
	state->reach = meta->reach;
	state->recall = meta->recall;
	state->built_blocks = meta->built_blocks;
	state->flags = meta->flags;
	memcpy(state->map_roots, meta->map_roots, sizeof(state->map_roots));
	reader_unpin(&reader, buffer);
	return same;
}

IndexState *
index_state_get(Relation index, NodeId *entry)
{
	RelLocator locator = RELATION_LOCATOR(index);
	StateEntry *cached;
	bool found;

	cached = hash_search(states, &locator, HASH_ENTER, &found);
	if (!found)
		cached->state = NULL;
	if (cached->state != NULL && !read_entry(index, cached->state, entry))
	{
		cached->state->next_retired = retired;
		retired = cached->state;
		cached->state = NULL;
	}
	if (cached->state == NULL)
	{
		IndexState *state = read_state(index);

		/*
		 * reading may have processed invalidations, but never this backend's own end of transaction
		 */
		cached = hash_search(states, &locator, HASH_ENTER, &found);
		cached->state = state;
		if (!read_entry(index, state, entry))
			page_corrupted(index, HNSWC_META_BLOCK, "the meta page changed while it was read");
	}
	cached->state->last_used = ++use_counter;
	return cached->state;
}

/* At the end of a transaction nothing refers to a state: drop those used longest ago. */
static void
drop_states(XactEvent event, void *arg)
{
	HASH_SEQ_STATUS seq;
	StateEntry *cached;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	while (retired != NULL)
	{
		IndexState *next = retired->next_retired;

		MemoryContextDelete(retired->cxt);
		retired = next;
	}
	if (hash_get_num_entries(states) <= KEPT_STATES)
		return;
	hash_seq_init(&seq, states);
	while ((cached = hash_seq_search(&seq)) != NULL)
		if (cached->state == NULL || cached->state->last_used + KEPT_STATES < use_counter)
		{
			if (cached->state)
				MemoryContextDelete(cached->state->cxt);
			hash_search(states, &cached->locator, HASH_REMOVE, NULL);
		}
}

void
index_state_init(bool (*shape_is_possible)(Relation index, const IndexShape *shape))
{
	HASHCTL ctl = {0};

	shape_is_of = shape_is_possible;
	ctl.keysize = sizeof(RelLocator);
	ctl.entrysize = sizeof(StateEntry);
	states = hash_create("hnsw index states", KEPT_STATES, &ctl, HASH_ELEM | HASH_BLOBS);
	RegisterXactCallback(drop_states, NULL);
}

/* Appends a block to a fork that is being created and starts it as a page of the kind, locked. */
static Buffer
new_page(Relation index, ForkNumber fork, PageKind kind)
{
	Buffer buffer = page_append(index, fork);

	page_init(BufferGetPage(buffer), kind);
	return buffer;
}

/* Finishes a page of new_page(). */
static void
finish_page(Buffer buffer, bool wal)
{
	START_CRIT_SECTION();
	MarkBufferDirty(buffer);
	if (wal)
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

static void
fill_meta(MetaPage *meta, const IndexShape *shape, const PageLayout *layout)
{
	uint32 nparams = (code_params_size(&shape->spec) + PAGE_STREAM_SIZE - 1) / PAGE_STREAM_SIZE;
	BlockNumber key_root = HNSWC_META_BLOCK + 1 + nparams;

	meta->magic = HNSWC_MAGIC;
	meta->version = HNSWC_VERSION;
	if (!pg_strong_random(&meta->uid, sizeof(meta->uid)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random number")));
	meta->dims = shape->spec.dims;
	meta->m = shape->m;
	meta->ef_construction = shape->ef_construction;
	meta->type = shape->type;
	meta->metric = shape->spec.metric;
	meta->bits = shape->spec.bits;
	meta->rerank = shape->rerank;
	meta->code_size = layout->code_size;
	meta->vector_size = layout->vector_size;
	meta->slot_size = layout->slot_size;
	meta->slot_start = layout->slot_start;
	meta->slots_per_page = layout->slots_per_page;
	meta->flags = META_NO_NULL | META_NO_ZERO;
	meta->params_size = code_params_size(&shape->spec);
	meta->params_block = HNSWC_META_BLOCK + 1;
	meta->entry = NODE_NONE;
	for (int kind = 0; kind < PAGE_NODE_KINDS; kind++)
	{
		meta->fill_page[kind] = InvalidBlockNumber;
		meta->free_head[kind] = InvalidBlockNumber;
		meta->free_tail[kind] = InvalidBlockNumber;
	}
	meta->vector_block = meta->vector_end = 0;
	meta->vector_offset = 0;
	meta->tuples = 0;
	meta->map_stride = shape->map_stride;
	memset(&meta->reach, 0, sizeof(meta->reach));
	memset(&meta->recall, 0, sizeof(meta->recall));
	meta->built_blocks = 0;
	meta->reserved = 0;
	meta->nkeys = shape->nkeys;
	meta->key_root = shape->nkeys > 0 ? key_root : 0;
}

void
index_set_statistics(Relation index, const IndexStatistics *statistics)
{
	Buffer buffer = page_lock(index, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	MetaPage *meta = page_meta(BufferGetPage(buffer));
	RecallWidths recall =
		meta->recall.source == RECALL_CALIBRATED ? meta->recall : statistics->recall;

	if (meta->tuples != statistics->tuples ||
		memcmp(&meta->reach, &statistics->reach, sizeof(meta->reach)) != 0 ||
		memcmp(&meta->recall, &recall, sizeof(recall)) != 0)
	{
		PageEdit edit;
		int page;

		edit_init(&edit, index, true);
		page = edit_page(&edit, buffer);
		edit_set(&edit, page, &meta->tuples, statistics->tuples);
		edit_write(&edit, page, &meta->reach, &statistics->reach, sizeof(meta->reach));
		edit_write(&edit, page, &meta->recall, &recall, sizeof(recall));
		edit_commit(&edit);
		edit_free(&edit);
	}
	UnlockReleaseBuffer(buffer);
}

void
index_set_recall(Relation index, const RecallWidths *recall)
{
	Buffer buffer = page_lock(index, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);

	edit_field(index, buffer, &page_meta(BufferGetPage(buffer))->recall, *recall, true);
	UnlockReleaseBuffer(buffer);
}

void
index_set_built(Relation index)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(index);
	Buffer buffer = page_lock(index, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);

	edit_field(index, buffer, &page_meta(BufferGetPage(buffer))->built_blocks, nblocks, true);
	UnlockReleaseBuffer(buffer);
}

void
index_leave_out(Relation index, IndexState *state, uint16 flag, bool wal)
{
	Buffer buffer;
	MetaPage *meta;

	Assert(flag == META_NO_NULL || flag == META_NO_ZERO);
	buffer = page_lock(index, HNSWC_META_BLOCK, PAGE_META, BUFFER_LOCK_EXCLUSIVE);
	meta = page_meta(BufferGetPage(buffer));
	if (meta->flags & flag)
		edit_field(index, buffer, &meta->flags, (uint16) (meta->flags & ~flag), wal);
	UnlockReleaseBuffer(buffer);
	state->flags &= ~flag;
}

void
index_create_pages(Relation index, ForkNumber fork, const IndexShape *shape, const void *params,
				   bool wal)
{
	PageLayout layout;
	uint32 size = code_params_size(&shape->spec);
	const char *from = params;
	Buffer buffer;
	Page page;

	index_shape_layout(shape, &layout);
	Assert(RelationGetNumberOfBlocksInFork(index, fork) == 0);
	buffer = new_page(index, fork, PAGE_META);
	Assert(BufferGetBlockNumber(buffer) == HNSWC_META_BLOCK);
	page = BufferGetPage(buffer);
	fill_meta(page_meta(page), shape, &layout);
	((PageHeader) page)->pd_lower = PAGE_STREAM_START + sizeof(MetaPage);
	finish_page(buffer, wal);
	while (size > 0)
	{
		uint32 part = Min(size, PAGE_STREAM_SIZE);

		buffer = new_page(index, fork, PAGE_PARAMS);
		page = BufferGetPage(buffer);
		memcpy((char *) page + PAGE_STREAM_START, from, part);
		((PageHeader) page)->pd_lower = PAGE_STREAM_START + part;
		finish_page(buffer, wal);
		from += part;
		size -= part;
	}
	if (shape->nkeys > 0)
		finish_page(new_page(index, fork, PAGE_KEY_ROOT), wal);
}
