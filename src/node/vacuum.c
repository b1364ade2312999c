/*
 * vacuum.c: taking rows that are gone out of an index, and its statistics.
 *
 * One run goes over the node pages some times, three for its steps and some more to follow their
 * links; vector pages are not read.
 *
 *   mark     Every row is looked up. An element without rows becomes dead, one that has lost its
 *            own row but not its duplicates a shell. The nodes above a dead element become dead
 *            with it. Then all inserts that are running are waited for: whoever comes later sees
 *            the dead and does not link to them.
 *   repair   Every live node that links to a dead one gets a new list. A dead entry point is
 *            replaced. Now no scan that starts can meet a dead node any more. Then what cannot be
 *            reached any more, or hardly, is linked anew and gets upper nodes where too few are
 *            left. Keys whose graphs are empty are taken off their ways (vacuum_keys.c).
 *   free     The dead slots are freed, as of now: they are reused when everybody has gone who was
 *            running at this moment.
 *
 * What callers may rely on: it may be interrupted anywhere, by an error or a crash. Every change
 * leaves an index that is as good as before, and dead nodes that were left over are found by the
 * next run, which sees to them as if it had marked them itself.
 *
 * Memory: a byte for each block and one for each slot.
 *
 * Locks: one page at a time, share locks where nothing changes (prune.c takes two); none while
 * neighbours are selected.
 */
#include "postgres.h"

#include "access/transam.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "miscadmin.h"
#include "node/vacuum.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

static bool
row_is_gone(HnswVacuum *vacuum, BlockNumber block, const Slot *slot)
{
	ItemPointerData tid = slot->u.heap_tid;

	Assert(slot->state == SLOT_LIVE);
	if (!ItemPointerIsValid(&tid))
		page_corrupted(vacuum->info->index, block, "an element's row has no address");
	return vacuum->callback != NULL && vacuum->callback(&tid, vacuum->callback_state);
}

/*
 * What becomes of an element; that it is a shell because of lists that will turn out to be empty is
 * settled later.
 */
static SlotState
element_next_state(HnswVacuum *vacuum, BlockNumber block, const Slot *slot)
{
	if (slot->state == SLOT_LIVE && row_is_gone(vacuum, block, slot))
		return slot->next == NODE_NONE ? SLOT_DEAD : SLOT_SHELL;
	if (slot->state == SLOT_SHELL && slot->next == NODE_NONE)
		return SLOT_DEAD;
	return slot->state;
}

/* A node above layer 0 is as its element is. */
static SlotState
upper_next_state(HnswVacuum *vacuum, const Slot *slot)
{
	if (slot_is_live(slot) && node_set_has(&vacuum->dead, slot_base(slot)))
		return SLOT_DEAD;
	return slot->state;
}

/*
 * The vectors of an element page's slots are on blocks that need no reading; some may be younger
 * than the run.
 */
static void
skip_vectors(HnswVacuum *vacuum, BlockNumber block, const PageTail *tail)
{
	const PageLayout *layout = vacuum->layout;
	BlockNumber end;
	uint32 offset;

	if (layout->vector_size == 0 || tail->used == 0)
		return;
	vector_place(layout, tail->vector_block, tail->vector_offset, layout->slots_per_page, &end,
				 &offset);
	if (offset > 0)
		end++;
	if (tail->vector_block <= HNSWC_META_BLOCK || end <= tail->vector_block ||
		(block >= tail->vector_block && block < end))
		page_corrupted(vacuum->info->index, block, "its vectors are not where vectors can be");
	for (BlockNumber vectors = tail->vector_block; vectors < Min(end, vacuum->nblocks); vectors++)
		vacuum->blocks[vectors] = BLOCK_OTHER;
}

/*
 * Looks at the slots of a page of elements or upper nodes; with an edit, gives them their new
 * states. False if there are states to change.
 */
static bool
mark_slots(HnswVacuum *vacuum, BlockNumber block, Page page, PageEdit *edit)
{
	const PageLayout *layout = vacuum->layout;
	uint32 used = page_used(vacuum->reader, block, page);
	bool elements = page_tail(page)->kind == PAGE_ELEMENT;
	bool unchanged = true;

	for (uint32 i = 0; i < used; i++)
	{
		Slot *slot = page_slot(layout, page, i);
		SlotState state =
			elements ? element_next_state(vacuum, block, slot) : upper_next_state(vacuum, slot);

		if (state == slot->state)
			continue;
		unchanged = false;
		if (edit == NULL)
			break;
		edit_set(edit, 0, &slot->state, (uint8) state);
		if (elements && slot->state == SLOT_LIVE)
			vacuum->stats->tuples_removed += 1;
	}
	return unchanged;
}

/* Collects what a page's slots are, after marking. */
static void
collect_slots(HnswVacuum *vacuum, BlockNumber block, Page page)
{
	const PageLayout *layout = vacuum->layout;
	PageTail *tail = page_tail(page);

	for (uint32 i = 0; i < tail->used; i++)
	{
		Slot *slot = page_slot(layout, page, i);

		if (slot->state == SLOT_DEAD)
		{
			node_set_add(&vacuum->dead, node_address(layout, block, i));
			vacuum->blocks[block] |= BLOCK_HAS_DEAD;
			if (tail->kind == PAGE_ELEMENT)
				vacuum_note_loss(vacuum, slot);
		}
		else if (slot_is_live(slot))
			node_set_add(&vacuum->live, node_address(layout, block, i));
		if (slot->state == SLOT_LIVE && tail->kind == PAGE_ELEMENT)
			vacuum->stats->num_index_tuples += 1;
	}
}

/* What free slots tell of a page. */
static void
note_free_slots(HnswVacuum *vacuum, BlockNumber block, const PageTail *tail)
{
	if (tail->nfree > 0 && !(tail->flags & PAGE_ON_FREE_LIST))
		vacuum->blocks[block] |= BLOCK_UNLISTED;
	if (tail->nfree > 0 && tail->nfree == tail->used)
		vacuum->stats->pages_deleted++;
}

static void
mark_node_page(HnswVacuum *vacuum, BlockNumber block, PageKind kind)
{
	Buffer buffer = reader_lock_page(vacuum->reader, block, kind, BUFFER_LOCK_SHARE);
	Page page = BufferGetPage(buffer);

	if (!mark_slots(vacuum, block, page, NULL))
	{
		PageEdit edit;

		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		edit_init(&edit, vacuum->info->index, true);
		edit_page(&edit, buffer);
		(void) mark_slots(vacuum, block, page, &edit);
		if (edit.pages[0].ndelta > 0)
			edit_commit(&edit);
		edit_free(&edit);
	}
	collect_slots(vacuum, block, page);
	UnlockReleaseBuffer(buffer);
}

static void
mark_duplicate_page(HnswVacuum *vacuum, BlockNumber block)
{
	DuplicatePrune prune = {vacuum->callback, vacuum->callback_state};

	duplicates_prune_page(vacuum->reader, block, &prune);
	vacuum->stats->num_index_tuples += prune.left;
	vacuum->stats->tuples_removed += prune.removed;
	if (prune.nempty > 0)
		vacuum->blocks[block] |= BLOCK_HAS_DEAD;
	for (int i = 0; i < prune.nempty; i++)
	{
		if (prune.empty_owners[i] >= vacuum->ragged.size)
			page_corrupted(vacuum->info->index, block, "a list of duplicates has no owner");
		node_set_add(&vacuum->ragged, prune.empty_owners[i]);
	}
}

/* Finds out what a block is, unless that is known. */
static uint8
learn_block(HnswVacuum *vacuum, BlockNumber block)
{
	Buffer buffer;
	Page page;
	PageTail *tail;

	buffer = reader_lock_any(vacuum->reader, block, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	tail = page_tail(page);
	vacuum->blocks[block] = BLOCK_OTHER;
	/* empty pages are left when the server stops between extending the file and writing them */
	if (!PageIsNew(page))
	{
		page_check(vacuum->info->index, block, page, tail->kind);
		if (tail->kind >= PAGE_KINDS)
			page_corrupted(vacuum->info->index, block, "the page is of no known kind");
		if (tail->kind < PAGE_NODE_KINDS)
		{
			vacuum->blocks[block] = tail->kind;
			note_free_slots(vacuum, block, tail);
			if (tail->kind == PAGE_ELEMENT)
				skip_vectors(vacuum, block, tail);
		}
	}
	UnlockReleaseBuffer(buffer);
	return vacuum->blocks[block] & BLOCK_KIND;
}

/*
 * Elements whose lists of duplicates have become empty: takes the lists off, marks the element if
 * nothing is left.
 */
static void
mark_ragged(HnswVacuum *vacuum)
{
	if (vacuum->ragged.count == 0)
		return;
	for (uint64 word = 0; word <= vacuum->ragged.size / 64; word++)
	{
		for (uint64 left = vacuum->ragged.words[word]; left != 0; left &= left - 1)
		{
			NodeId node = (NodeId) (word * 64 + pg_rightmost_one_pos64(left));

			VACUUM_DELAY_POINT();
			if (!duplicates_settle(vacuum->reader, node))
				continue;
			vacuum_note_dead(vacuum, node);
			node_set_add(&vacuum->dead, node);
			vacuum->blocks[node_block(vacuum->layout, node)] |= BLOCK_HAS_DEAD;
		}
	}
}

static void
vacuum_mark(HnswVacuum *vacuum)
{
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		uint8 kind;

		if (vacuum->blocks[block] == BLOCK_OTHER)
			continue;
		VACUUM_DELAY_POINT();
		kind = learn_block(vacuum, block);
		if (kind == PAGE_ELEMENT)
			mark_node_page(vacuum, block, PAGE_ELEMENT);
		else if (kind == PAGE_DUPLICATE)
			mark_duplicate_page(vacuum, block);
	}
	mark_ragged(vacuum);
	/* now all dead elements are known */
	Assert(vacuum->dead.size == vacuum->ragged.size);
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
		if ((vacuum->blocks[block] & BLOCK_KIND) == PAGE_UPPER)
		{
			VACUUM_DELAY_POINT();
			mark_node_page(vacuum, block, PAGE_UPPER);
		}
}

static bool
slot_to_free(NodeId node, const Slot *slot, void *arg)
{
	return slot->state == SLOT_DEAD && node_set_has(&((HnswVacuum *) arg)->dead, node);
}

/* The keys that have been unhooked. */
static void
free_keys(HnswVacuum *vacuum, FullTransactionId free_xid)
{
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
		if (vacuum->blocks[block] == (PAGE_KEY | BLOCK_HAS_DEAD) ||
			vacuum->blocks[block] == (PAGE_KEY | BLOCK_HAS_DEAD | BLOCK_UNLISTED))
		{
			VACUUM_DELAY_POINT();
			if (alloc_free_slots(vacuum->reader, block, PAGE_KEY, free_xid, key_is_unhooked,
								 NULL) == 0)
				vacuum->stats->pages_deleted++;
		}
}

static void
vacuum_free(HnswVacuum *vacuum)
{
	FullTransactionId free_xid = ReadNextFullTransactionId();

	vacuum_count_losses(vacuum);
	for (BlockNumber block = HNSWC_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		uint8 kind = vacuum->blocks[block] & BLOCK_KIND;
		int in_use = -1;

		if (kind == PAGE_KEY && (vacuum->blocks[block] & BLOCK_HAS_DEAD))
			continue; /* when no node names them any more */
		if (vacuum->blocks[block] & BLOCK_HAS_DEAD)
		{
			VACUUM_DELAY_POINT();
			if (kind == PAGE_DUPLICATE)
				in_use = duplicates_free(vacuum->reader, block, free_xid);
			else
				in_use =
					alloc_free_slots(vacuum->reader, block, kind, free_xid, slot_to_free, vacuum);
		}
		else if (vacuum->blocks[block] & BLOCK_UNLISTED)
			alloc_list_page(vacuum->reader, block, kind);
		if (in_use == 0)
			vacuum->stats->pages_deleted++;
	}
	free_keys(vacuum, free_xid);
}

static void
vacuum_init(HnswVacuum *vacuum)
{
	Relation index = vacuum->info->index;
	NodeSet *sets[] = {&vacuum->dead,   &vacuum->ragged,  &vacuum->live,
					   &vacuum->raised, &vacuum->orphans, &vacuum->poor};
	NodeId entry;
	IndexState *state = index_state_get(index, &entry);

	vacuum->pages = page_store_open(index, state, true);
	vacuum->reader = &vacuum->pages->reader;
	vacuum->reader->strategy = vacuum->info->strategy;
	vacuum->layout = &state->layout;
	vacuum->nblocks = RelationGetNumberOfBlocks(index);
	vacuum->blocks = palloc_extended(vacuum->nblocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < lengthof(sets); i++)
		node_set_init(sets[i], (uint64) vacuum->nblocks * vacuum->layout->slots_per_page);
	vacuum->top = NODE_NONE;
	vacuum->top_layer = -1;
	vacuum_keys_init(vacuum);
}

/* One run over the index. */
static void
vacuum_run(IndexVacuumInfo *info, IndexBulkDeleteResult *stats, IndexBulkDeleteCallback callback,
		   void *callback_state)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	HnswVacuum vacuum = {info, stats, callback, callback_state};
	IndexStatistics statistics;

	Assert(info->index->rd_rel->relkind == RELKIND_INDEX);
	stats->num_index_tuples = 0;
	stats->pages_deleted = 0;
	vacuum_init(&vacuum);
	vacuum_mark(&vacuum);
	if (vacuum.dead.count > 0)
		vacuum_repair(&vacuum);
	vacuum_keys(&vacuum);
	vacuum_free(&vacuum);
	statistics_measure(info->index, stats->num_index_tuples, &statistics);
	index_set_statistics(info->index, &statistics);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->pages_free = stats->pages_deleted;
	stats->estimated_count = false;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

IndexBulkDeleteResult *
hnswbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			   IndexBulkDeleteCallback callback, void *callback_state)
{
	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vacuum_run(info, stats, callback, callback_state);
	return stats;
}

/*
 * Without a bulk deletion before it, a run that removes no row counts them, and ends what was
 * interrupted.
 */
IndexBulkDeleteResult *
hnswvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		vacuum_run(info, stats, NULL, NULL);
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	/* rows inserted while vacuum ran may have been counted here and not there */
	if (!info->estimated_count)
		stats->num_index_tuples = Min(stats->num_index_tuples, info->num_heap_tuples);
	return stats;
}
