/*
 * exact.c: the nearest rows of many vectors, by reading the table once.
 *
 * The table is read by an ordinary query, so that the snapshot, row-level security and privileges
 * are a query's.  Each row's vector is fetched once and measured by the operator's own function
 * against all questions: results are the very numbers that a search's rows are given by the
 * operator.  What is not a number (a zero vector's cosine) is no row of the index.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows fetched at a time. */
#define FETCH_ROWS 1000
/* Milliseconds between two NOTICEs. */
#define NOTICE_INTERVAL 10000

void
nearest_add(NearestRows *nearest, int k, double distance)
{
	int place;

	if (isnan(distance) || (nearest->n == k && distance >= nearest->distances[k - 1]))
		return;
	if (nearest->n < k)
		nearest->n++;
	for (place = nearest->n - 1; place > 0 && nearest->distances[place - 1] > distance; place--)
		nearest->distances[place] = nearest->distances[place - 1];
	nearest->distances[place] = distance;
}

/* Measures the rows of a fetch against all questions. */
static void
measure_rows(SPITupleTable *rows, uint64 n, FmgrInfo *distance, const Questions *questions,
			 NearestRows *nearest, int k, MemoryContext row_cxt)
{
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row_cxt);
		bool isnull;
		Datum value = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull);

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
		{
			value = PointerGetDatum(PG_DETOAST_DATUM(value));
			for (int q = 0; q < questions->n; q++)
				nearest_add(&nearest[q], k,
							DatumGetFloat8(FunctionCall2(distance, value, questions->values[q])));
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_cxt);
	}
}

static void
tell_progress(const IndexTarget *target, uint64 done, TimestampTz *told)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(*told, now, NOTICE_INTERVAL))
		return;
	*told = now;
	ereport(NOTICE,
			(errmsg("exact answers: " UINT64_FORMAT " of about %.0f rows of table \"%s\" read",
					done, Max(target->table->rd_rel->reltuples, (double) done),
					RelationGetRelationName(target->table))));
}

NearestRows *
exact_nearest(const IndexTarget *target, const TargetSql *sql, FmgrInfo *distance,
			  const Questions *questions, int k)
{
	MemoryContext cxt = GetMemoryChunkContext(questions->values);
	NearestRows *nearest = MemoryContextAllocZero(cxt, Max(questions->n, 1) * sizeof(NearestRows));
	MemoryContext row_cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw exact row", ALLOCSET_DEFAULT_SIZES);
	char *query = psprintf("SELECT %s %s", sql->element, sql->from);
	Portal portal =
		SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL);
	TimestampTz told = GetCurrentTimestamp();
	uint64 done = 0;

	for (int q = 0; q < questions->n; q++)
		nearest[q].distances = MemoryContextAlloc(cxt, k * sizeof(double));
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		done += SPI_processed;
		measure_rows(SPI_tuptable, SPI_processed, distance, questions, nearest, k, row_cxt);
		SPI_freetuptable(SPI_tuptable);
		tell_progress(target, done, &told);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(row_cxt);
	return nearest;
}
