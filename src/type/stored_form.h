/*
 * stored_form.h: is what lies in a table a value of the type?
 *
 * A damaged page, or a table that was written by something else, may hold any bytes as a value.
 * Whoever reads elements believes how many there are, so the head is held against the size of the
 * value first.
 *
 *	vector, halfvec		int16 dimensions, int16 zero, then the elements
 *	sparsevec			int32 dimensions, int32 elements, int32 zero, int32 indices from 0 that
 *                      ascend, float4 values
 *	bit					int32 bits, then the bytes
 *
 * All in the machine's byte order, without the varlena header. `size` is that of what is behind the
 * header.
 *
 * Callers may rely on: nothing is read outside of the bytes, which may have any alignment; where
 * the answer is yes, the elements that the head tells of are there. Whether numbers are finite is
 * not asked.
 *
 * Plain C without PostgreSQL, so that it can be fuzzed alone.
 */
#ifndef HNSWC_STORED_FORM_H
#define HNSWC_STORED_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STORED_DENSE_HEAD 4   /* bytes of the head of a vector or halfvec */
#define STORED_SPARSE_HEAD 12 /* of a sparsevec */
#define STORED_BIT_HEAD 4     /* of a bit string */

/* A number of the head. */
static inline int32_t
stored_number(const void *bytes, size_t offset)
{
	int32_t number;

	memcpy(&number, (const char *) bytes + offset, sizeof(number));
	return number;
}

/* The dimensions of a dense vector whose elements take `width` bytes; 0 if it is none. */
static inline int
stored_dense_dim(const void *bytes, size_t size, size_t width, int max_dim)
{
	int16_t dim;

	if (size < STORED_DENSE_HEAD)
		return 0;
	memcpy(&dim, bytes, sizeof(dim));
	return dim >= 1 && dim <= max_dim && size == STORED_DENSE_HEAD + (size_t) dim * width ? dim : 0;
}

/* Has a sparse vector as many indices and values as it says, within its dimensions? */
static inline bool
stored_sparse_head_is_good(const void *bytes, size_t size, int max_dim, int max_nnz)
{
	int32_t dim;
	int32_t nnz;

	if (size < STORED_SPARSE_HEAD)
		return false;
	dim = stored_number(bytes, 0);
	nnz = stored_number(bytes, sizeof(dim));
	return dim >= 1 && dim <= max_dim && nnz >= 0 && nnz <= max_nnz && nnz <= dim &&
		   size == STORED_SPARSE_HEAD + (size_t) nnz * (sizeof(int32_t) + sizeof(float));
}

/*
 * Are the indices of one whose head is good within the dimensions, each greater than the one
 * before?
 */
static inline bool
stored_sparse_indices_are_good(const void *bytes)
{
	int32_t dim = stored_number(bytes, 0);
	int32_t nnz = stored_number(bytes, sizeof(dim));
	int32_t before = -1;
	bool good = true;

	for (int32_t i = 0; i < nnz; i++)
	{
		int32_t index = stored_number(bytes, STORED_SPARSE_HEAD + (size_t) i * sizeof(index));

		good &= index > before && index < dim;
		before = index;
	}
	return good;
}

/* Has a bit string the bytes for its bits, and no more? */
static inline bool
stored_bit_is_good(const void *bytes, size_t size)
{
	int32_t length;

	if (size < STORED_BIT_HEAD)
		return false;
	length = stored_number(bytes, 0);
	return length >= 0 && size == STORED_BIT_HEAD + ((size_t) length + 7) / 8;
}

#endif /* HNSWC_STORED_FORM_H */
