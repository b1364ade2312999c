/*
 * row.c: a row of results, filled column by column.
 *
 * That code and declaration have the same number of columns is checked when the row is finished:
 * the script that created the extension may be of another release than the library.
 */
#include "postgres.h"

#include "observe/observe.h"

void
row_begin(ResultRow *row, FunctionCallInfo fcinfo)
{
	if (get_call_result_type(fcinfo, NULL, &row->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	row->desc = BlessTupleDesc(row->desc);
	row->n = 0;
}

void
row_add(ResultRow *row, Datum value)
{
	Assert(row->n < RESULT_MAX_COLUMNS);
	row->values[row->n] = value;
	row->isnull[row->n++] = false;
}

void
row_add_null(ResultRow *row)
{
	Assert(row->n < RESULT_MAX_COLUMNS);
	row->values[row->n] = (Datum) 0;
	row->isnull[row->n++] = true;
}

Datum
row_finish(ResultRow *row)
{
	if (row->n != row->desc->natts)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the function's declaration is of another release than the library"),
						errhint("ALTER EXTENSION hnswc UPDATE, and connect anew.")));
	return HeapTupleGetDatum(heap_form_tuple(row->desc, row->values, row->isnull));
}
