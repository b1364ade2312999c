/*
 * sparse.h: distances of sparse vectors, and what an index keeps of one.
 *
 * Two vectors are merged by their indices, without branches, which nobody could foresee. Sums are
 * in double: they are finite for all finite float32 numbers, and equal for (a, b) and (b, a).
 *
 * Callers may rely on: nothing is read or written outside of what the views and sizes say, whatever
 * the indices are. Where they do not ascend the results are of no use.
 *
 * Plain C: nothing here knows PostgreSQL.
 */
#ifndef HNSWC_SPARSE_H
#define HNSWC_SPARSE_H

#include <stddef.h>
#include <stdint.h>

/* A sparse vector as it lies: indices from 0 that ascend, and their values. */
typedef struct SparseView
{
	int n;
	const int32_t *indices;
	const float *values;
} SparseView;

extern double sparse_l2_square(SparseView a, SparseView b);
extern double sparse_ip(SparseView a, SparseView b);
extern double sparse_l1(SparseView a, SparseView b);
/* 1 less the cosine, within [0, 2]; NaN where one is zero. */
extern double sparse_cosine(SparseView a, SparseView b);
/* The squared length. */
extern double sparse_square(SparseView v);

/* The elements of a vector of `dims` dimensions; what would be beyond them is left out. */
extern void sparse_spread(SparseView v, float *x, size_t dims);

/*
 * A count sketch (Charikar, Chen and Farach-Colton, 2002): each index is hashed to a place and a
 * sign, and the values that meet at a place are added. Inner products, and so L2 and cosine
 * distances, are kept up to an error of about the product of the lengths over the root of `dims`, a
 * power of two. All elements are finite.
 */
extern void sparse_sketch(SparseView v, float *sketch, size_t dims);

#endif /* HNSWC_SPARSE_H */
