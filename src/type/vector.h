/*
 * vector.h: the type "vector" as C sees it.
 *
 * A vector is a varlena of float4 elements. The layout in memory and on disk is part of the type's
 * promise (a table can be moved over in place), so it never changes. Callers may rely on: 1 to
 * VECTOR_MAX_DIM elements, all finite, and `unused` zero; every way in checks it. What lies in a
 * table may be damaged: DatumGetVector() refuses what has not the elements that it says.
 */
#ifndef HNSWC_VECTOR_H
#define HNSWC_VECTOR_H

#include "postgres.h"

#include "fmgr.h"

#include "../compat.h"
#include "value.h"

#define VECTOR_MAX_DIM 16000

typedef struct Vector
{
	int32 vl_len_; /* varlena header, only through the VARSIZE macros */
	int16 dim;     /* number of elements */
	/* zero; makes the elements start at a multiple of four after a four-byte header */
	int16 unused;
	float x[FLEXIBLE_ARRAY_MEMBER];
} Vector;

StaticAssertDecl(offsetof(Vector, x) == 8, "the layout of a vector is fixed");

/* Bytes of a vector of `dim` elements, header included. */
#define VECTOR_SIZE(dim) (offsetof(Vector, x) + sizeof(float) * (Size) (dim))

/* Detoasts: see value.h. */
static inline Vector *
DatumGetVector(Datum datum)
{
	return (Vector *) value_dense(datum, "vector", sizeof(float), VECTOR_MAX_DIM);
}

#define PG_GETARG_VECTOR_P(n) DatumGetVector(PG_GETARG_DATUM(n))

/*
 * A new vector of `dim` elements, which the caller has checked, in the current memory context;
 * elements are not set.
 */
static inline Vector *
vector_new(int dim)
{
	Vector *result = (Vector *) palloc(VECTOR_SIZE(dim));

	SET_VARSIZE(result, VECTOR_SIZE(dim));
	result->dim = (int16) dim;
	result->unused = 0;
	return result;
}

#endif /* HNSWC_VECTOR_H */
