/*
 * rowset.c: a set of rows, by their addresses in the table.
 *
 * Words of 64 offsets in the order of the table, which are looked up by halving, or by a hash table
 * once many rows are.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "rank/rowset.h"
#include "utils/memutils.h"

#define FIRST_WORDS 64
#define WORD_ROWS 64

RowSet *
rowset_create(MemoryContext cxt)
{
	RowSet *set = MemoryContextAllocZero(cxt, sizeof(RowSet));

	set->cxt = cxt;
	set->size = FIRST_WORDS;
	set->words = MemoryContextAlloc(cxt, set->size * sizeof(RowWord));
	return set;
}

void
rowset_free(RowSet *set)
{
	if (set->places)
		pfree(set->places);
	pfree(set->words);
	pfree(set);
}

static RowWord *
add_word(RowSet *set, BlockNumber block, uint16 number)
{
	RowWord *word;

	if (set->nwords == set->size)
	{
		set->size *= 2;
		set->words = repalloc_huge(set->words, (Size) set->size * sizeof(RowWord));
	}
	word = &set->words[set->nwords++];
	*word = (RowWord){.block = block, .number = number};
	return word;
}

void
rowset_add(RowSet *set, BlockNumber block, const OffsetNumber *offsets, int n, bool recheck)
{
	RowWord *word = NULL;

	Assert(set->places == NULL && (set->nwords == 0 || set->words[set->nwords - 1].block < block));
	set->recheck |= recheck || n < 0;
	if (n < 0)
	{
		add_word(set, block, 0)->all = true;
		set->nlossy++;
		return;
	}
	for (int i = 0; i < n; i++)
	{
		uint16 number = (offsets[i] - 1) / WORD_ROWS;

		if (word == NULL || word->number != number)
			word = add_word(set, block, number);
		word->rows |= UINT64CONST(1) << ((offsets[i] - 1) % WORD_ROWS);
	}
	set->nrows += n;
}

static inline uint32
word_hash(BlockNumber block, uint16 number)
{
	return murmurhash32(block * 8 + number);
}

void
rowset_index(RowSet *set)
{
	uint32 size = pg_nextpower2_32(Max(2 * set->nwords, 16));

	if (set->places != NULL)
		return;
	set->mask = size - 1;
	set->places = MemoryContextAllocExtended(set->cxt, (Size) size * sizeof(uint32),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 i = 0; i < set->nwords; i++)
	{
		uint32 place = word_hash(set->words[i].block, set->words[i].number) & set->mask;

		while (set->places[place] != 0)
			place = (place + 1) & set->mask;
		set->places[place] = i + 1;
	}
}

static const RowWord *
hashed_word(const RowSet *set, BlockNumber block, uint16 number)
{
	for (uint32 place = word_hash(block, number) & set->mask; set->places[place] != 0;
		 place = (place + 1) & set->mask)
	{
		const RowWord *word = &set->words[set->places[place] - 1];

		if (word->block == block && word->number == number)
			return word;
	}
	return NULL;
}

static const RowWord *
find_word(const RowSet *set, BlockNumber block, uint16 number)
{
	uint32 from = 0;
	uint32 end = set->nwords;

	if (set->places != NULL)
		return hashed_word(set, block, number);
	while (from < end)
	{
		uint32 middle = from + (end - from) / 2;
		const RowWord *word = &set->words[middle];

		if (word->block == block && word->number == number)
			return word;
		if (word->block < block || (word->block == block && word->number < number))
			from = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

bool
rowset_has(const RowSet *set, const ItemPointerData *tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	uint32 bit = ItemPointerGetOffsetNumberNoCheck(tid) - 1;
	const RowWord *word = find_word(set, block, bit / WORD_ROWS);

	if (word == NULL && set->nlossy > 0 && bit >= WORD_ROWS)
	{
		word = find_word(set, block, 0);
		if (word != NULL && !word->all)
			word = NULL;
	}
	if (word == NULL || (!word->all && (word->rows & (UINT64CONST(1) << bit % WORD_ROWS)) == 0))
		return false;
	return true;
}
