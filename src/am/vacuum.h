/*
 * vacuum.h: what one run of vacuum over an index knows, shared by its steps: vacuum.c marks and frees, vacuum_repair.c
 * repairs.
 */
#ifndef HNSWC_VACUUM_H
#define HNSWC_VACUUM_H

#include "postgres.h"

#include "access/genam.h"
#include "page/page.h"

/* What is known of a block: its PageKind, or BLOCK_OTHER; and what is left to do there. */
#define BLOCK_KIND 0x0F
#define BLOCK_OTHER 0x0F    /* no node page */
#define BLOCK_HAS_DEAD 0x10 /* slots to free */
#define BLOCK_UNLISTED 0x20 /* free slots that the free list does not know of: a vacuum was interrupted */

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
	NodeSet ragged; /* elements with empty lists of duplicates */
	NodeSet lost;   /* nodes to which a dead one links */
	NodeSet linked; /* nodes to which a live one links */
	NodeSet poor;   /* live nodes around which nearly all is dead */
	NodeId top;     /* a live node on the highest layer that has one */
	int top_layer;
} HnswVacuum;

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

/* vacuum_repair.c */

/* Takes the dead nodes out of all lists of live ones and out of the entry point. */
extern void vacuum_repair(HnswVacuum *vacuum);

#endif /* HNSWC_VACUUM_H */
