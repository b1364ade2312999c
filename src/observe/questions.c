/*
 * questions.c: the vectors that recall is measured with: a random sample of rows or of a query's
 * results, or an array.
 *
 * The sample is drawn in one reading of unknown length (Vitter, "Random sampling with a reservoir",
 * algorithm R, 1985), so each row is as likely to be in it.  Nulls are passed over.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Rows fetched at a time. */
#define FETCH_ROWS 1000

void
questions_create(Questions *questions, int size)
{
	questions->n = 0;
	questions->size = size;
	questions->values = palloc(Max(size, 1) * sizeof(Datum));
	questions->are_rows = false;
}

static Datum
copy_value(Datum value)
{
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

static void
check_type(Oid found, Oid wanted)
{
	if (found != wanted)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("the index is searched for values of type %s, not %s",
							   format_type_be(wanted), format_type_be(found)),
						errhint("Cast the queries to type %s.", format_type_be(wanted))));
}

/* Adds what a fetch has brought to the sample; *seen counts all that have been offered. */
static void
sample_rows(Questions *questions, SPITupleTable *rows, uint64 n, uint64 *seen, MemoryContext cxt)
{
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		Datum value = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull);
		uint64 place;
		MemoryContext old;

		if (isnull)
			continue;
		place = questions->n < questions->size
					? questions->n
					: pg_prng_uint64_range(&pg_global_prng_state, 0, *seen);
		(*seen)++;
		if (place >= questions->size)
			continue;
		if (place == questions->n)
			questions->n++;
		else
			pfree(DatumGetPointer(questions->values[place]));
		old = MemoryContextSwitchTo(cxt);
		questions->values[place] = copy_value(value);
		MemoryContextSwitchTo(old);
	}
}

void
questions_sample(Questions *questions, const char *query, Oid type)
{
	MemoryContext cxt = GetMemoryChunkContext(questions->values);
	Portal portal;
	uint64 seen = 0;

	if (query[strspn(query, " \t\r\n;")] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query is empty")));
	portal =
		SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL);
	if (portal->tupDesc == NULL || portal->tupDesc->natts != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query has to return one column, of type %s", format_type_be(type))));
	check_type(TupleDescAttr(portal->tupDesc, 0)->atttypid, type);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		sample_rows(questions, SPI_tuptable, SPI_processed, &seen, cxt);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

void
questions_from_array(Questions *questions, ArrayType *array, Oid type)
{
	int16 length;
	bool by_value;
	char align;
	Datum *values;
	bool *isnull;
	int n;

	check_type(ARR_ELEMTYPE(array), type);
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &values, &isnull, &n);
	questions_create(questions, n);
	for (int i = 0; i < n; i++)
		if (!isnull[i])
			questions->values[questions->n++] = copy_value(values[i]);
}
