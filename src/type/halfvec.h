/*
 * halfvec.h: the type "halfvec" as C sees it: a vector of IEEE half-precision numbers.
 *
 * The layout in memory and on disk is part of the type's promise, like that of vector. Callers may
 * rely on: 1 to HALFVEC_MAX_DIM elements, all finite, and `unused` zero.
 */
#ifndef HNSWC_HALFVEC_H
#define HNSWC_HALFVEC_H

#include "postgres.h"

#include "fmgr.h"

#include "../compat.h"
#include "value.h"

#define HALFVEC_MAX_DIM 16000

typedef struct HalfVector
{
	int32 vl_len_; /* varlena header, only through the VARSIZE macros */
	int16 dim;     /* number of elements */
	int16 unused;  /* zero */
	uint16 x[FLEXIBLE_ARRAY_MEMBER];
} HalfVector;

StaticAssertDecl(offsetof(HalfVector, x) == 8, "the layout of a halfvec is fixed");

/* Bytes of a halfvec of `dim` elements, header included. */
#define HALFVEC_SIZE(dim) (offsetof(HalfVector, x) + sizeof(uint16) * (Size) (dim))

/* Detoasts: see value.h. */
static inline HalfVector *
DatumGetHalfVector(Datum datum)
{
	return (HalfVector *) value_dense(datum, "halfvec", sizeof(uint16), HALFVEC_MAX_DIM);
}

#define PG_GETARG_HALFVEC_P(n) DatumGetHalfVector(PG_GETARG_DATUM(n))

/* A new halfvec of `dim` elements, which the caller has checked; elements are not set. */
static inline HalfVector *
halfvec_new(int dim)
{
	HalfVector *result = (HalfVector *) palloc(HALFVEC_SIZE(dim));

	SET_VARSIZE(result, HALFVEC_SIZE(dim));
	result->dim = (int16) dim;
	result->unused = 0;
	return result;
}

#endif /* HNSWC_HALFVEC_H */
