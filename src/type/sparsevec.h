/*
 * sparsevec.h: the type "sparsevec" as C sees it: a vector most of whose elements are zero.
 *
 * The elements that are not zero are kept with their indices, which ascend. The layout in memory
 * and on disk is part of the type's promise. Callers may rely on: 1 to SPARSEVEC_MAX_DIM
 * dimensions, at most SPARSEVEC_MAX_NNZ elements kept, indices from 0, ascending, below dim; values
 * finite and not zero.
 */
#ifndef HNSWC_SPARSEVEC_H
#define HNSWC_SPARSEVEC_H

#include "postgres.h"

#include "fmgr.h"

#include "../compat.h"
#include "../distance/sparse.h"
#include "value.h"

#define SPARSEVEC_MAX_DIM 1000000000
#define SPARSEVEC_MAX_NNZ 16000

typedef struct SparseVector
{
	int32 vl_len_; /* varlena header, only through the VARSIZE macros */
	int32 dim;     /* dimensions */
	int32 nnz;     /* elements that are not zero */
	int32 unused;  /* zero */
	int32 indices[FLEXIBLE_ARRAY_MEMBER];
	/* then nnz floats */
} SparseVector;

StaticAssertDecl(offsetof(SparseVector, indices) == 16, "the layout of a sparsevec is fixed");

#define SPARSEVEC_SIZE(nnz) \
	(offsetof(SparseVector, indices) + (sizeof(int32) + sizeof(float)) * (Size) (nnz))
#define SPARSEVEC_VALUES(v) ((float *) ((v)->indices + (v)->nnz))

/* Detoasts, and checks that all indices and values are there. */
static inline SparseVector *
DatumGetSparseVector(Datum datum)
{
	struct varlena *value = PG_DETOAST_DATUM(datum);
	Size size = VARSIZE(value) - VARHDRSZ;

	if (unlikely(!stored_sparse_head_is_good(VARDATA(value), size, SPARSEVEC_MAX_DIM,
											 SPARSEVEC_MAX_NNZ)))
		value_damaged("sparsevec", size);
	return (SparseVector *) value;
}

/*
 * The same, and that the indices are in order and within the dimensions: for all that goes by them.
 */
static inline SparseVector *
DatumGetOrderedSparseVector(Datum datum)
{
	SparseVector *v = DatumGetSparseVector(datum);

	if (unlikely(!stored_sparse_indices_are_good(&v->dim)))
		value_damaged("sparsevec", VARSIZE(v) - VARHDRSZ);
	return v;
}

#define PG_GETARG_SPARSEVEC_P(n) DatumGetOrderedSparseVector(PG_GETARG_DATUM(n))

/* A new sparsevec; dim and nnz are the caller's to have checked, indices and values are not set. */
static inline SparseVector *
sparsevec_new(int dim, int nnz)
{
	SparseVector *result = (SparseVector *) palloc0(SPARSEVEC_SIZE(nnz));

	SET_VARSIZE(result, SPARSEVEC_SIZE(nnz));
	result->dim = dim;
	result->nnz = nnz;
	return result;
}

/* Its elements as the functions of distance/sparse.h take them. */
static inline SparseView
sparsevec_view(const SparseVector *v)
{
	return (SparseView){v->nnz, v->indices, SPARSEVEC_VALUES(v)};
}

#endif /* HNSWC_SPARSEVEC_H */
