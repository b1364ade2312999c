/*
 * sorted.c: numbers in order of distance, in the memory that a search may take, and in temporary
 * files beyond that.
 *
 * What is left of an index or a table when a scan gives up its search is as large as these are, so
 * it is sorted as the executor sorts. Numbers at the same distance come in their own order: the
 * result depends on nothing else.
 *
 * Temporary files belong to the resource owner of the moment, which is the query's or the cursor's.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/tupdesc.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "rank/scan.h"
#include "utils/guc.h"
#include "utils/tuplesort.h"

struct SortedSet
{
	Tuplesortstate *sort;
	TupleTableSlot *in;
	TupleTableSlot *out;
};

/* Kilobytes that it may take. */
static int
sort_memory(double multiplier)
{
	double memory = work_mem * multiplier;

	return (int) Min(memory, MAX_KILOBYTES);
}

SortedSet *
sorted_create(double memory_multiplier)
{
	AttrNumber columns[] = {1, 2};
	Oid operators[] = {Float8LessOperator, Int8LessOperator};
	Oid collations[] = {InvalidOid, InvalidOid};
	bool nulls_first[] = {false, false};
	SortedSet *set = palloc(sizeof(SortedSet));
	TupleDesc desc = CreateTemplateTupleDesc(2);

	TupleDescInitEntry(desc, 1, "distance", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "number", INT8OID, -1, 0);
	set->sort = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first,
									 sort_memory(memory_multiplier), NULL, TUPLESORT_NONE);
	set->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	set->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	return set;
}

void
sorted_add(SortedSet *set, double dist, int64 number)
{
	TupleTableSlot *slot = set->in;

	Assert(!isnan(dist));
	ExecClearTuple(slot);
	slot->tts_values[0] = Float8GetDatum(dist);
	slot->tts_values[1] = Int64GetDatum(number);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(set->sort, slot);
}

void
sorted_finish(SortedSet *set)
{
	tuplesort_performsort(set->sort);
}

bool
sorted_next(SortedSet *set, double *dist, int64 *number)
{
	bool isnull;

	if (!tuplesort_gettupleslot(set->sort, true, false, set->out, NULL))
		return false;
	*dist = DatumGetFloat8(slot_getattr(set->out, 1, &isnull));
	*number = DatumGetInt64(slot_getattr(set->out, 2, &isnull));
	Assert(!isnull);
	return true;
}

void
sorted_free(SortedSet *set)
{
	ExecDropSingleTupleTableSlot(set->in);
	ExecDropSingleTupleTableSlot(set->out);
	tuplesort_end(set->sort);
	pfree(set);
}
