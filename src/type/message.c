/*
 * message.c: errors about binary forms.
 */
#include "message.h"

#include <math.h>

#include "libpq/pqformat.h"

void
message_check(const DenseType *type, StringInfo buf, BinaryStatus status, const BinaryHead *head)
{
	switch (status)
	{
		case BINARY_OK:
			return;
		case BINARY_SHORT:
			/* PostgreSQL's own error, which comes from asking for more than there is */
			pq_getmsgbytes(buf, buf->len - buf->cursor + 1);
			break;
		case BINARY_DIM:
			dense_check_dim(type, head->dim);
			break;
		case BINARY_UNUSED:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("expected unused to be 0, not %d", head->unused));
			break;
		case BINARY_NAN:
			dense_not_finite(type, NAN);
			break;
		case BINARY_INFINITE:
			dense_not_finite(type, INFINITY);
			break;
		default:
			break;
	}
	elog(ERROR, "unexpected status %d of a binary %s", status, type->name);
}
