/*
 * dense.h: what the dense types (vector, and others that store one number per dimension) share.
 *
 * Functions that do not touch elements live in dense.c and get a DenseType, the facts about a type,
 * for their messages and limits. Functions with a loop over elements are written once in the
 * dense_*.inc.h files, which a type includes after defining what an element is; see vector.c for
 * the list of names to define.
 */
#ifndef HNSWC_DENSE_H
#define HNSWC_DENSE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"

#include "../compat.h"

typedef struct DenseType
{
	const char *name; /* as in SQL, for messages */
	int max_dim;      /* most elements a value may have */
} DenseType;

/* The largest max_dim of all dense types: the room a text parser needs. */
#define DENSE_MAX_DIM 16000

/* Errors out unless 1 <= dim <= the type's maximum. */
extern void dense_check_dim(const DenseType *type, int dim);

/*
 * Errors out when a column, cast or state asks for `expected` dimensions (-1: any) and there are
 * `dim`.
 */
extern void dense_check_expected(int32 expected, int dim);

/* Errors out because the operands of a binary function have different dimensions. */
pg_noreturn extern void dense_different(const DenseType *type, int a, int b);

static inline void
dense_check_same(const DenseType *type, int a, int b)
{
	if (unlikely(a != b))
		dense_different(type, a, b);
}

/* Errors out because an element is NaN or infinite. */
pg_noreturn extern void dense_not_finite(const DenseType *type, float value);

/* Errors out because a number is finite but not as an element of the type. */
pg_noreturn extern void dense_out_of_range(const DenseType *type, float value);

/* The same, in the words of the text that element `i` (from 0) was parsed from. */
pg_noreturn extern void dense_text_out_of_range(const DenseType *type, const char *text, int i);

/*
 * `length` bytes of a text as a message shows them: a text may have 100 kB, a message should not.
 * Of a long one the beginning, and "..." behind it.
 */
extern const char *dense_excerpt(const char *text, Size length);

/* The type modifier of name(n), from its text arguments. */
extern int32 dense_typmod(const DenseType *type, ArrayType *args);

/*
 * Parses text into x[0 .. DENSE_MAX_DIM - 1]; returns the number of elements, at least 1. Errors
 * out on bad text.
 */
extern int dense_parse(const DenseType *type, const char *text, float *x);

/* Refuses arrays of more than one dimension or with NULLs; returns the number of elements. */
extern int dense_check_array(ArrayType *array);

/*
 * Copies the elements of an array of int4, float4, float8 or numeric, which dense_check_array() has
 * seen, to floats.
 */
extern void dense_array_floats(ArrayType *array, int n, float *x);

/*
 * The transition state of avg: a float8 array of the count and then a sum per dimension; {0} before
 * the first value. dense_state() checks that an argument has this form, with a count that an
 * aggregate may have come to; `name` is for the message.
 */
extern float8 *dense_state(const DenseType *type, ArrayType *array, const char *name);
extern ArrayType *dense_state_new(int dim);

#define DENSE_STATE_DIM(array) (ARR_DIMS(array)[0] - 1)

#endif /* HNSWC_DENSE_H */
