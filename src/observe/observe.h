/*
 * observe.h: what a user may ask of an index: see README.
 *
 * row.c        a row of results, column by column
 * last_scan.c  hnsw_last_scan()
 */
#ifndef HNSWC_OBSERVE_H
#define HNSWC_OBSERVE_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

/* row.c */

#define RESULT_MAX_COLUMNS 48

/* A row that a function returns, as its declaration has it; filled from the first column to the last. */
typedef struct ResultRow
{
	TupleDesc desc;
	int n;
	Datum values[RESULT_MAX_COLUMNS];
	bool isnull[RESULT_MAX_COLUMNS];
} ResultRow;

/* Starts a row of the function that is called.  Raises an error if that was not declared to return rows. */
extern void row_begin(ResultRow *row, FunctionCallInfo fcinfo);
extern void row_add(ResultRow *row, Datum value);
extern void row_add_null(ResultRow *row);
/* The row, all of whose columns have been added. */
extern Datum row_finish(ResultRow *row);

#endif /* HNSWC_OBSERVE_H */
