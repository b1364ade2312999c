/*
 * arena_keys.c: the keys of an index that is being built, in the arena.
 *
 * They lie as node/keys.c has them: the slots on pages of the arena, the root's words behind
 * ArenaShared. Nothing is removed during a build, so that a word is only ever set, by comparing,
 * and nobody waits for anybody.
 *
 * Locks: the flush lock, held shared by the caller.
 */
#include "postgres.h"

#include "build/arena.h"
#include "miscadmin.h"

/* A word of a slot in shared memory, which others change. */
static inline pg_atomic_uint32 *
atomic_word(uint32 *word)
{
	StaticAssertStmt(sizeof(pg_atomic_uint32) == sizeof(uint32), "words are atomic");
	return (pg_atomic_uint32 *) word;
}

static inline KeySlot *
arena_key_slot(Arena *arena, NodeId key)
{
	Assert(key != NODE_NONE);
	return (KeySlot *) arena_slot(arena, key);
}

pg_atomic_uint32 *
arena_key_entry(Arena *arena)
{
	return atomic_word(&arena_key_slot(arena, arena->key)->entry);
}

pg_atomic_uint32 *
arena_key_count(Arena *arena)
{
	return atomic_word(&arena_key_slot(arena, arena->key)->count);
}

uint32
arena_key_hash(Arena *arena)
{
	return arena_key_slot(arena, arena->key)->hash;
}

/* Writes a key that nothing leads to yet, on this process's own page. */
static NodeId
create_key(Arena *arena, const KeyProbe *probe)
{
	NodeId key;
	KeySlot *slot = (KeySlot *) arena_take_slot(arena, PAGE_KEY, &key);

	Assert(probe->size <= key_room(arena->layout));
	slot->size = (uint16) probe->size;
	slot->generation = 1;
	slot->hash = probe->hash;
	memcpy(slot + 1, probe->value, probe->size);
	slot->state = SLOT_LIVE;
	/* complete before anybody can come across its address */
	pg_write_barrier();
	return key;
}

/* Another process was first: gives the slot, which is the page's last one, back. */
static void
give_back(Arena *arena, NodeId key)
{
	PageTail *tail = page_tail(arena->fill[PAGE_KEY]);

	Assert(node_slot(arena->layout, key) == (uint32) tail->used - 1);
	memset(arena_slot(arena, key), 0, arena->layout->slot_size);
	tail->used--;
}

void
arena_take_key(Arena *arena, const KeyProbe *probe)
{
	pg_atomic_uint32 *word = &arena->key_root[key_root_word(probe->hash)];
	NodeId created = NODE_NONE;

	for (int depth = 0;; depth++)
	{
		uint32 key = pg_atomic_read_u32(word);
		KeySlot *slot;

		if (key == NODE_NONE)
		{
			if (created == NODE_NONE)
				created = create_key(arena, probe);
			if (pg_atomic_compare_exchange_u32(word, &key, created))
				key = created;
		}
		pg_read_barrier();
		arena->key = key;
		if (key == created)
			return;
		slot = arena_key_slot(arena, key);
		if (slot->hash == probe->hash && probe->equals((char *) (slot + 1), slot->size, probe->arg))
			break;
		word = atomic_word(&slot->children[key_child(probe->hash, depth)]);
	}
	if (created != NODE_NONE)
		give_back(arena, created);
}

void
arena_write_keys(Arena *arena)
{
	Buffer buffer = reader_lock_page(&arena->reader, arena->reader.state->key_root, PAGE_KEY_ROOT,
									 BUFFER_LOCK_EXCLUSIVE);
	uint32 *words = map_words(BufferGetPage(buffer));

	START_CRIT_SECTION();
	for (uint32 i = 0; i < MAP_PAGE_WORDS; i++)
		words[i] = pg_atomic_read_u32(&arena->key_root[i]);
	MarkBufferDirty(buffer);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}
