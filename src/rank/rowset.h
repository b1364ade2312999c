/*
 * rowset.h: a set of rows, by their addresses in the table: what another index's bitmap has found.
 *
 * It is filled once, in the order of the table's blocks, and then asked. Of a block that the bitmap
 * is not exact about all rows are in the set.
 */
#ifndef HNSWC_ROWSET_H
#define HNSWC_ROWSET_H

#include "postgres.h"

#include "storage/itemptr.h"

/* The rows of a block with 64 consecutive offsets. */
typedef struct RowWord
{
	BlockNumber block;
	/* of the word in its block: offsets from 64 * number + 1 on; 0 for all of a block */
	uint16 number;
	uint8 all;   /* all rows of the block, whatever `rows` says */
	uint64 rows; /* bit i: offset 64 * number + 1 + i */
} RowWord;

typedef struct RowSet
{
	MemoryContext cxt;
	RowWord *words; /* by block and number */
	uint32 nwords;
	uint32 size;
	double nrows;  /* those of blocks that are known in full */
	uint32 nlossy; /* blocks of which all rows are in the set */
	bool recheck;  /* are there rows that may not meet the condition? */
	/* hash table of numbers in words[], one more than they are; NULL until it is asked for */
	uint32 *places;
	uint32 mask;
} RowSet;

extern RowSet *rowset_create(MemoryContext cxt);
extern void rowset_free(RowSet *set);
/*
 * Adds rows of a block that is behind all blocks so far: n offsets in ascending order; n < 0: all
 * rows.
 */
extern void rowset_add(RowSet *set, BlockNumber block, const OffsetNumber *offsets, int n,
					   bool recheck);
/* Many rows will be looked up. */
extern void rowset_index(RowSet *set);
/* Is the row in the set? */
extern bool rowset_has(const RowSet *set, const ItemPointerData *tid);

#endif /* HNSWC_ROWSET_H */
