/*
 * operand.h: the two arguments of a distance, read where they lie.
 *
 * A sequential scan calls a distance for every row. What is in line is used as it lies in the page,
 * also behind a header of one byte, where nothing is aligned. What is compressed or out of line is
 * detoasted, and kept in the state of the call with the bytes it was made from, for as long as the
 * same bytes come: so a query is detoasted once a scan.
 *
 * Callers may rely on: the value lives until the next call of the function, and must be neither
 * changed nor freed.
 */
#ifndef HNSWC_OPERAND_H
#define HNSWC_OPERAND_H

#include "postgres.h"

#include "fmgr.h"

#include "../compat.h"

/* The same of a value that is compressed or out of line. */
extern const struct varlena *operand_detoasted(FunctionCallInfo fcinfo, int n);

/* Argument n, 0 or 1, with a header of one or four bytes. */
static inline const struct varlena *
operand(FunctionCallInfo fcinfo, int n)
{
	const struct varlena *value = (const struct varlena *) DatumGetPointer(PG_GETARG_DATUM(n));

	if (unlikely(VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value)))
		return operand_detoasted(fcinfo, n);
	return value;
}

#endif /* HNSWC_OPERAND_H */
