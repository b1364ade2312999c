/*
 * keys.c: from a value of the key columns to its graph.
 *
 * An index with columns before the vector has a graph for each of their values. A value has a slot
 * on a page of keys, which says where its graph begins; its address is the key that the nodes of
 * the graph name. Keys are found by their hash: a word of the root leads to a key, which is
 * the value's or leads on to one of KEY_CHILDREN others, three bits of the hash a step. (It is a
 * digital search tree; Coffman and Eve, "File structures using hashing functions", 1970.) So a key
 * never moves, what a new one changes is one word, and a way has about log8(keys / 2,040) steps.
 *
 * What may be relied upon:
 * - A key's value and hash do not change from its allocation until its slot is reused.
 * - A word that leads to a key, in the root or in another key, is set once and cleared by vacuum
 *   alone, when the key has no children. So who stands on a key finds all that is behind it.
 * - A key is complete before a word leads to it. Where two processes add the same value, the word
 *   of one is set first; the other one's key is met by nobody, and vacuum frees it.
 * - A graph's count is no less than its elements, unless the server or an insert was stopped at the
 *   wrong moment: it grows before an element is created and shrinks before one is freed.
 *
 * A key that vacuum found empty is dead: it still is on its way, and who wants to insert revives
 * it. After the inserts of that time have ended, those that are dead still and have no children are
 * unhooked (a shell): no way leads to one, nobody revives one, and its slot is freed like that of a
 * node, which see src/page/README. Those with children stay until these have gone.
 *
 * Locks: the share lock of one page to read, the exclusive lock to change; to unhook, that of the
 * page that the way comes from and then of the key's. Nobody else locks two of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "node/node.h"

/*
 * A key is searched for again when it was unhooked meanwhile.  A way leads around in damage only.
 */
#define MOST_STEPS 4096

/* Where a way has come to. */
typedef struct KeyWay
{
	NodeId at; /* the key whose child is looked at; NODE_NONE: the root */
	int child; /* or the root's word */
	int depth;
	NodeId next; /* the key that it leads to */
} KeyWay;

static KeySlot *
key_slot(PageReader *reader, Page page, NodeId key)
{
	const PageLayout *layout = &reader->state->layout;
	uint32 slot = node_slot(layout, key);

	if (slot >= page_used(reader, node_block(layout, key), page))
		page_corrupted(reader->index, node_block(layout, key), "a key was never used");
	return (KeySlot *) page_slot(layout, page, slot);
}

static Buffer
lock_key(PageReader *reader, NodeId key, int mode, KeySlot **slot)
{
	BlockNumber block = node_block(&reader->state->layout, key);
	Buffer buffer = reader_lock_page(reader, block, PAGE_KEY, mode);

	*slot = key_slot(reader, BufferGetPage(buffer), key);
	return buffer;
}

/* The root's word, or the key's child, that a way goes on by. */
static NodeId *
way_word(KeyWay *way, Page page, KeySlot *slot)
{
	return way->at == NODE_NONE ? &map_words(page)[way->child] : &slot->children[way->child];
}

/* Locks the page that a way has come to. */
static Buffer
lock_way(PageReader *reader, KeyWay *way, int mode, NodeId **word, KeySlot **slot)
{
	Buffer buffer;

	*slot = NULL;
	if (way->at == NODE_NONE)
		buffer = reader_lock_page(reader, reader->state->key_root, PAGE_KEY_ROOT, mode);
	else
		buffer = lock_key(reader, way->at, mode, slot);
	*word = way_word(way, BufferGetPage(buffer), *slot);
	return buffer;
}

static void
begin_way(PageReader *reader, uint32 hash, KeyWay *way)
{
	NodeId *word;
	KeySlot *slot;
	Buffer buffer;

	Assert(!page_lock_is_held());
	*way = (KeyWay){NODE_NONE, (int) key_root_word(hash)};
	buffer = lock_way(reader, way, BUFFER_LOCK_SHARE, &word, &slot);
	way->next = *word;
	UnlockReleaseBuffer(buffer);
}

static void
read_slot(const KeySlot *slot, NodeId key, KeyRef *ref)
{
	*ref = (KeyRef){key, slot->entry, slot->count, slot->generation};
	/* a free slot has other things there */
	if (slot->state != SLOT_LIVE && slot->state != SLOT_DEAD)
		*ref = (KeyRef){NODE_NONE, NODE_NONE};
}

/* The value's size, which fits. */
static Size
read_value(PageReader *reader, NodeId key, const KeySlot *slot, char *copy)
{
	if (slot->state != SLOT_LIVE && slot->state != SLOT_DEAD)
		return 0;
	if (slot->size > key_room(&reader->state->layout))
		page_corrupted(reader->index, node_block(&reader->state->layout, key),
					   "a key is longer than its slot");
	memcpy(copy, slot + 1, slot->size);
	return slot->size;
}

Size
key_read(PageReader *reader, NodeId key, KeyRef *ref, char *copy)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_SHARE, &slot);
	Size size = 0;

	read_slot(slot, key, ref);
	if (copy != NULL)
		size = read_value(reader, key, slot, copy);
	UnlockReleaseBuffer(buffer);
	return size;
}

/*
 * Goes on from way->next, which there is. True if that is the key that is looked for: *ref.
 */
static bool
step(PageReader *reader, const KeyProbe *probe, KeyWay *way, KeyRef *ref, char *copy)
{
	NodeId key = way->next;
	KeySlot *slot;
	Buffer buffer;
	bool hashes;
	Size size = 0;

	CHECK_FOR_INTERRUPTS();
	buffer = lock_key(reader, key, BUFFER_LOCK_SHARE, &slot);
	hashes = slot->hash == probe->hash;
	read_slot(slot, key, ref);
	if (hashes && ref->key != NODE_NONE)
		size = read_value(reader, key, slot, copy);
	way->at = key;
	way->child = key_child(probe->hash, way->depth);
	way->next = slot->children[way->child];
	UnlockReleaseBuffer(buffer);
	if (++way->depth > MOST_STEPS)
		page_corrupted(reader->index, node_block(&reader->state->layout, key),
					   "the way to a key does not end");
	return hashes && ref->key != NODE_NONE && probe->equals(copy, size, probe->arg);
}

/* Follows a way to the key, or to its end. */
static bool
follow(PageReader *reader, const KeyProbe *probe, KeyWay *way, KeyRef *ref, char *copy)
{
	while (way->next != NODE_NONE)
		if (step(reader, probe, way, ref, copy))
			return true;
	*ref = (KeyRef){NODE_NONE, NODE_NONE};
	return false;
}

void
key_find(PageReader *reader, const KeyProbe *probe, KeyRef *ref)
{
	char *copy = palloc(reader->state->layout.slot_size);
	KeyWay way;

	Assert(reader->state->shape.nkeys > 0);
	begin_way(reader, probe->hash, &way);
	(void) follow(reader, probe, &way, ref, copy);
	pfree(copy);
}

/* Makes a key that vacuum has marked live again; false if it has been unhooked. */
static bool
revive(PageReader *reader, NodeId key, bool wal)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);
	bool live;

	if (slot->state == SLOT_DEAD)
		edit_field(reader->index, buffer, &slot->state, (uint8) SLOT_LIVE, wal);
	live = slot->state == SLOT_LIVE;
	UnlockReleaseBuffer(buffer);
	return live;
}

/* Is a key live, without anything to do for it? */
static bool
is_live(PageReader *reader, NodeId key)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_SHARE, &slot);
	bool live = slot->state == SLOT_LIVE;

	UnlockReleaseBuffer(buffer);
	return live;
}

/* Writes a key that nothing leads to. */
static NodeId
create(PageReader *reader, const KeyProbe *probe, bool wal)
{
	PageEdit edit;
	SlotPlace place;
	KeySlot head = {0};

	Assert(probe->size <= key_room(&reader->state->layout));
	edit_init(&edit, reader->index, wal);
	alloc_slot(reader, &edit, PAGE_KEY, &place);
	head.size = (uint16) probe->size;
	head.generation = place.generation;
	head.state = SLOT_LIVE;
	head.hash = probe->hash;
	edit_write(&edit, place.page, place.target, &head, sizeof(head));
	edit_write(&edit, place.page, (char *) place.target + sizeof(head), probe->value, probe->size);
	edit_commit(&edit);
	edit_free(&edit);
	UnlockReleaseBuffer(place.buffer);
	return place.node;
}

/*
 * Hangs a key on the end of a way; false if that is the end no more: then the way leads on.
 */
static bool
hang(PageReader *reader, KeyWay *way, NodeId key, bool wal)
{
	NodeId *word;
	KeySlot *slot;
	Buffer buffer = lock_way(reader, way, BUFFER_LOCK_EXCLUSIVE, &word, &slot);
	bool gone = slot != NULL && slot->state != SLOT_LIVE && slot->state != SLOT_DEAD;
	bool hung = !gone && *word == NODE_NONE;

	if (hung)
		edit_field(reader->index, buffer, word, key, wal);
	way->next = gone ? NODE_NONE : *word;
	UnlockReleaseBuffer(buffer);
	return hung;
}

/* A key that was created in vain: nothing leads to it, so that vacuum may free it. */
static void
forsake(PageReader *reader, NodeId key, bool wal)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);

	edit_field(reader->index, buffer, &slot->state, (uint8) SLOT_SHELL, wal);
	UnlockReleaseBuffer(buffer);
}

NodeId
key_make(PageReader *reader, const KeyProbe *probe, bool wal)
{
	char *copy = palloc(reader->state->layout.slot_size);
	NodeId created = NODE_NONE;
	NodeId key = NODE_NONE;

	Assert(reader->state->shape.nkeys > 0);
	while (key == NODE_NONE)
	{
		KeyWay way;
		KeyRef ref;

		begin_way(reader, probe->hash, &way);
		for (;;)
		{
			if (follow(reader, probe, &way, &ref, copy))
			{
				/* one that has just been unhooked is looked for from the root */
				if (is_live(reader, ref.key) || revive(reader, ref.key, wal))
					key = ref.key;
				break;
			}
			if (created == NODE_NONE)
				created = create(reader, probe, wal);
			if (hang(reader, &way, created, wal))
			{
				key = created;
				break;
			}
			/* the end of the way was unhooked */
			if (way.next == NODE_NONE)
				break;
		}
		CHECK_FOR_INTERRUPTS();
	}
	if (created != NODE_NONE && created != key)
		forsake(reader, created, wal);
	pfree(copy);
	return key;
}

bool
key_set_entry(PageReader *reader, NodeId key, NodeId expected, NodeId entry, bool wal)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);
	bool set = slot->entry == expected && (slot->state == SLOT_LIVE || slot->state == SLOT_DEAD);

	if (set)
	{
		PageEdit edit;
		int page;

		edit_init(&edit, reader->index, wal);
		page = edit_page(&edit, buffer);
		edit_set(&edit, page, &slot->entry, entry);
		if (entry != NODE_NONE && slot->state == SLOT_DEAD)
			edit_set(&edit, page, &slot->state, (uint8) SLOT_LIVE);
		edit_commit(&edit);
		edit_free(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return set;
}

void
key_count(PageReader *reader, NodeId key, int64 more, bool wal)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);
	int64 count = (int64) slot->count + more;

	edit_field(reader->index, buffer, &slot->count, (uint32) Max(0, Min(count, PG_UINT32_MAX)),
			   wal);
	UnlockReleaseBuffer(buffer);
}

bool
key_mark(PageReader *reader, NodeId key)
{
	KeySlot *slot;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);
	bool dead;

	if (slot->state == SLOT_LIVE && slot->entry == NODE_NONE)
		edit_field(reader->index, buffer, &slot->state, (uint8) SLOT_DEAD, true);
	dead = slot->state == SLOT_DEAD;
	UnlockReleaseBuffer(buffer);
	return dead;
}

/* Does any way go on from a key? */
static bool
has_children(const KeySlot *slot)
{
	for (int i = 0; i < KEY_CHILDREN; i++)
		if (slot->children[i] != NODE_NONE)
			return true;
	return false;
}

/* Finds the end of the way on which a key hangs; false if no way leads to it. */
static bool
find_above(PageReader *reader, NodeId key, uint32 hash, KeyWay *way)
{
	begin_way(reader, hash, way);
	while (way->next != key && way->next != NODE_NONE)
	{
		KeySlot *slot;
		Buffer buffer = lock_key(reader, way->next, BUFFER_LOCK_SHARE, &slot);

		way->at = way->next;
		way->child = key_child(hash, way->depth);
		way->next = slot->children[way->child];
		UnlockReleaseBuffer(buffer);
		if (++way->depth > MOST_STEPS)
			page_corrupted(reader->index, node_block(&reader->state->layout, key),
						   "the way to a key does not end");
	}
	return way->next == key;
}

bool
key_is_hooked(PageReader *reader, NodeId key, uint32 hash)
{
	KeyWay way;

	return find_above(reader, key, hash, &way);
}

/*
 * Writes that a key is unhooked, and where `word` is not NULL, in that page, that nothing follows.
 */
static void
write_unhooked(PageReader *reader, Buffer above, NodeId *word, Buffer buffer, KeySlot *slot)
{
	PageEdit edit;
	int page;

	edit_init(&edit, reader->index, true);
	if (word != NULL)
		edit_set(&edit, edit_page(&edit, above), word, NODE_NONE);
	page = word != NULL && above == buffer ? 0 : edit_page(&edit, buffer);
	edit_set(&edit, page, &slot->state, (uint8) SLOT_SHELL);
	edit_commit(&edit);
	edit_free(&edit);
}

bool
key_unhook(PageReader *reader, NodeId key)
{
	const PageLayout *layout = &reader->state->layout;
	KeySlot *slot;
	KeySlot *above_slot;
	NodeId *word = NULL;
	Buffer buffer = lock_key(reader, key, BUFFER_LOCK_SHARE, &slot);
	Buffer above = InvalidBuffer;
	uint32 hash = slot->hash;
	KeyWay way;
	bool on_way;
	bool unhooked;

	UnlockReleaseBuffer(buffer);
	on_way = find_above(reader, key, hash, &way);
	/* locks go from the root on; one page may have both */
	if (on_way)
		above = lock_way(reader, &way, BUFFER_LOCK_EXCLUSIVE, &word, &above_slot);
	if (on_way && way.at != NODE_NONE && node_block(layout, way.at) == node_block(layout, key))
	{
		buffer = above;
		slot = key_slot(reader, BufferGetPage(buffer), key);
	}
	else
		buffer = lock_key(reader, key, BUFFER_LOCK_EXCLUSIVE, &slot);
	unhooked = slot->state == SLOT_DEAD && slot->entry == NODE_NONE && !has_children(slot) &&
			   (!on_way || *word == key);
	if (unhooked)
		write_unhooked(reader, above, word, buffer, slot);
	if (BufferIsValid(above) && above != buffer)
		UnlockReleaseBuffer(above);
	UnlockReleaseBuffer(buffer);
	return unhooked;
}

bool
key_is_unhooked(NodeId node, const Slot *slot, void *arg)
{
	return slot->state == SLOT_SHELL;
}
