/*
 * value.h: values of the types as a function gets them: detoasted, and found to be what their head
 * says.
 *
 * Callers may rely on: a value from here has all its elements, whatever lay in the table; anything
 * else is an error with ERRCODE_DATA_CORRUPTED.
 */
#ifndef HNSWC_VALUE_H
#define HNSWC_VALUE_H

#include "postgres.h"

#include "access/detoast.h"
#include "fmgr.h"

#include "../compat.h"
#include "stored_form.h"

/*
 * Errors out because a value has not the elements that it says; `size` is what is behind its
 * header.
 */
pg_noreturn extern void value_damaged(const char *type, Size size);
/* Errors out because an element is NaN or infinite, which no way into a table lets pass. */
pg_noreturn extern void value_not_finite(const char *type);

/*
 * Detoasts a dense vector; a copy is made of compressed, out-of-line and short-header values only.
 */
static inline void *
value_dense(Datum datum, const char *type, Size width, int max_dim)
{
	struct varlena *value = PG_DETOAST_DATUM(datum);
	Size size = VARSIZE(value) - VARHDRSZ;

	if (unlikely(stored_dense_dim(VARDATA(value), size, width, max_dim) == 0))
		value_damaged(type, size);
	return value;
}

#endif /* HNSWC_VALUE_H */
