/*
 * message.h: binary forms as PostgreSQL passes them: a StringInfo to a receive function, a bytea
 * from a send function.
 *
 * What the bytes mean is in binary_form.h; here its findings become errors.
 */
#ifndef HNSWC_MESSAGE_H
#define HNSWC_MESSAGE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "binary_form.h"
#include "dense.h"

/* The part of a message that no one has read yet. */
static inline BinaryInput
message_input(StringInfo buf)
{
	return (BinaryInput){(const unsigned char *) buf->data + buf->cursor,
						 (size_t) (buf->len - buf->cursor)};
}

/* Takes what was read of `input` out of the message. */
static inline void
message_done(StringInfo buf, const BinaryInput *input)
{
	buf->cursor = buf->len - (int) input->left;
}

/* Errors out for everything that may be wrong with any type's binary form. */
extern void message_check(const DenseType *type, StringInfo buf, BinaryStatus status,
						  const BinaryHead *head);

/* A bytea for `size` bytes, which are at MESSAGE_BYTES(). */
static inline bytea *
message_new(Size size)
{
	bytea *result = (bytea *) palloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	return result;
}

#define MESSAGE_BYTES(message) ((unsigned char *) VARDATA(message))

#endif /* HNSWC_MESSAGE_H */
