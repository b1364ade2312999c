/*
 * vacuum.h: what one run of vacuum over an index knows, shared by its steps: vacuum.c marks and
 * frees, vacuum_repair.c repairs, vacuum_mend.c sees to what has become hard to find.
 */
#ifndef HNSWC_VACUUM_H
#define HNSWC_VACUUM_H

#include "postgres.h"

#include "access/genam.h"
#include "node/node.h"

/* What is known of a block: its PageKind, or BLOCK_OTHER; and what is left to do there. */
#define BLOCK_KIND 0x0F
#define BLOCK_OTHER 0x0F    /* no node page */
#define BLOCK_HAS_DEAD 0x10 /* slots to free */
#define BLOCK_UNLISTED \
	0x20 /* free slots that the free list does not know of: a vacuum was interrupted */
#define BLOCK_PENDING 0x40 /* nodes have been reached whose links have not been followed */

/* A set of nodes. */
typedef struct NodeSet
{
	uint64 size; /* addresses below that can be in it */
	uint64 count;
	uint64 *words;
} NodeSet;

typedef struct HnswVacuum
{
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback; /* NULL: no row is gone */
	void *callback_state;
	PageStore *pages;
	PageReader *reader;
	const PageLayout *layout;
	BlockNumber nblocks; /* when the run began */
	uint8 *blocks;
	NodeSet dead;
	NodeSet ragged;  /* elements with empty lists of duplicates */
	NodeSet live;    /* nodes that were live when their page was marked; of these, some are dead */
	NodeSet raised;  /* nodes that have a live one above them */
	NodeSet orphans; /* nodes that had one above them which is dead */
	NodeSet poor;    /* live nodes to be searched for anew */
	NodeId top;      /* a live node on the highest layer that has one */
	int top_layer;
	struct HTAB *graphs; /* of GraphLoss; NULL: there are no key columns, and one graph */
} HnswVacuum;

/* A key's graph that loses elements. */
typedef struct GraphLoss
{
	NodeId key;       /* hash key */
	uint32 nelements; /* so many */
	NodeId top;       /* a live node on its highest layer that has one */
	int top_layer;
} GraphLoss;

/* Makes an empty set of nodes with addresses below `size`. */
static inline void
node_set_init(NodeSet *set, uint64 size)
{
	set->size = size;
	set->count = 0;
	set->words =
		palloc_extended((size / 64 + 1) * sizeof(uint64), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static inline void
node_set_clear(NodeSet *set)
{
	set->count = 0;
	memset(set->words, 0, (set->size / 64 + 1) * sizeof(uint64));
}

static inline bool
node_set_has(const NodeSet *set, NodeId node)
{
	return node < set->size && (set->words[node / 64] & (UINT64CONST(1) << (node % 64))) != 0;
}

static inline void
node_set_add(NodeSet *set, NodeId node)
{
	Assert(node < set->size);
	if (!node_set_has(set, node))
		set->count++;
	set->words[node / 64] |= UINT64CONST(1) << (node % 64);
}

/* vacuum.c: the access method's callbacks */

extern IndexBulkDeleteResult *hnswbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											 IndexBulkDeleteCallback callback,
											 void *callback_state);
extern IndexBulkDeleteResult *hnswvacuumcleanup(IndexVacuumInfo *info,
												IndexBulkDeleteResult *stats);

/* vacuum_repair.c */

/*
 * Takes the dead nodes out of all lists of live ones and out of the entry point, and mends what is
 * hard to find then.
 */
extern void vacuum_repair(HnswVacuum *vacuum);

/* vacuum_keys.c */

extern void vacuum_keys_init(HnswVacuum *vacuum);
/*
 * An element is dead: its graph loses it. The second form looks the slot up, once for an element.
 */
extern void vacuum_note_loss(HnswVacuum *vacuum, Slot *element);
extern void vacuum_note_dead(HnswVacuum *vacuum, NodeId element);
/* A live node: perhaps it is the highest of a graph that loses elements. */
extern void vacuum_note_top(HnswVacuum *vacuum, NodeId node, Slot *slot);
/* Calls what() for each of these graphs; returns whether it was true of any. */
extern bool vacuum_each_graph(HnswVacuum *vacuum,
							  bool (*what)(HnswVacuum *vacuum, const GraphLoss *loss));
/* Calls what() for each slot of the pages of keys, under the share lock of its page. */
extern void vacuum_each_key(HnswVacuum *vacuum,
							void (*what)(NodeId key, const KeySlot *slot, void *arg), void *arg);
/* The graphs' counts are made smaller.  Before the elements are freed. */
extern void vacuum_count_losses(HnswVacuum *vacuum);
/* Takes keys with empty graphs off their ways.  When no dead node is linked to any more. */
extern void vacuum_keys(HnswVacuum *vacuum);

/* vacuum_mend.c */

/*
 * Links live nodes that cannot be reached, or have hardly any links, to and from near ones; and
 * gives upper nodes to neighbours of those that have lost theirs, where searches begin far from
 * them. The lists of live nodes have been repaired, and the entry point is alive.
 */
extern void vacuum_mend(HnswVacuum *vacuum, GraphInsert *insert, GraphProbe *probe);

#endif /* HNSWC_VACUUM_H */
