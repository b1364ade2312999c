/*
 * stored_fuzz.c: any bytes as what lies in a table as a value of one of the types, as a damaged
 * page may have them.
 *
 * What stored_form.h accepts is what a plain reading of the format accepts and no more. The sums of
 * the operators over what is accepted, and what an index keeps of it, read nothing beyond the
 * bytes, whatever numbers lie there. Finite elements give what is promised for them.
 *
 * The first byte says which type.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "distance/operator.h"
#include "distance/sparse.h"
#include "type/stored_form.h"

#define DENSE_MAX_DIM 16000
#define SPARSE_MAX_DIM 1000000000
#define SPARSE_MAX_NNZ 16000
#define SKETCH_DIMS 2048
/* A vector of so many dimensions is written out. */
#define SPREAD_DIMS 4096

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* A copy that ends where the bytes do, so that a read beyond them is seen; the caller frees it. */
static char *
exact_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, data, size);
	return copy;
}

static bool
all_finite(const float *x, size_t n)
{
	bool finite = true;

	for (size_t i = 0; i < n; i++)
		finite &= isfinite(x[i]);
	return finite;
}

static bool
all_zero(const float *x, size_t n)
{
	bool zero = true;

	for (size_t i = 0; i < n; i++)
		zero &= x[i] == 0;
	return zero;
}

/* The distances of a value to itself, where it is finite. */
static void
check_self(double l2, double ip, double l1, double cosine, bool zero)
{
	require(l2 == 0 && l1 == 0 && isfinite(ip) && ip >= 0 && (ip == 0) == zero);
	require(zero ? isnan(cosine) : cosine >= 0 && cosine <= 1e-3);
}

static void
check_dense(const char *bytes, size_t size, bool half_width)
{
	size_t width = half_width ? sizeof(half) : sizeof(float);
	int dim = stored_dense_dim(bytes, size, width, DENSE_MAX_DIM);
	const char *x = bytes + STORED_DENSE_HEAD;
	Elements a =
		half_width ? elements_halves((const half *) x) : elements_floats((const float *) x);
	float *floats;
	double sums[4];
	int16_t head = 0;

	if (size >= 4)
		memcpy(&head, bytes, sizeof(head));
	require((dim > 0) ==
			(size >= 4 && head >= 1 && head <= DENSE_MAX_DIM && size - 4 == (size_t) head * width));
	if (dim == 0)
		return;
	require(dim == head);
	floats = malloc(dim * sizeof(float));
	if (half_width)
		distance->f32_from_half(floats, (const half *) x, 1, dim);
	else
		memcpy(floats, x, dim * sizeof(float));
	sums[0] = operator_l2_square(a, a, dim);
	sums[1] = operator_ip(a, a, dim);
	sums[2] = operator_l1(a, a, dim);
	sums[3] = operator_cosine(a, a, dim);
	if (all_finite(floats, dim))
		check_self(sums[0], sums[1], sums[2], sums[3], all_zero(floats, dim));
	free(floats);
}

static void
check_sparse(const char *bytes, size_t size)
{
	static float spread[SPREAD_DIMS];
	static float sketch[SKETCH_DIMS];
	SparseView v;
	SparseView part;
	bool good;
	bool finite;
	double sums[4];

	if (!stored_sparse_head_is_good(bytes, size, SPARSE_MAX_DIM, SPARSE_MAX_NNZ))
		return;
	v.n = stored_number(bytes, 4);
	require(v.n >= 0 && size == 12 + 8 * (size_t) v.n);
	v.indices = (const int32_t *) (bytes + STORED_SPARSE_HEAD);
	v.values = (const float *) (v.indices + v.n);
	good = stored_sparse_indices_are_good(bytes);
	for (int i = 0; i < v.n && good; i++)
		require(v.indices[i] >= 0 && v.indices[i] < stored_number(bytes, 0) &&
				(i == 0 || v.indices[i] > v.indices[i - 1]));
	/* with indices in any order, too, against itself and against half of it */
	part = (SparseView){v.n / 2, v.indices, v.values};
	sums[0] = sparse_l2_square(v, v);
	sums[1] = sparse_ip(v, v);
	sums[2] = sparse_l1(v, v);
	sums[3] = sparse_cosine(v, v);
	finite = all_finite(v.values, v.n);
	if (good && finite)
	{
		check_self(sums[0], sums[1], sums[2], sums[3], all_zero(v.values, v.n));
		require(isfinite(sparse_l2_square(v, part)) &&
				sparse_l2_square(v, part) == sparse_l2_square(part, v));
		require(isfinite(sparse_l1(v, part)) && isfinite(sparse_ip(v, part)));
	}
	sparse_spread(v, spread, SPREAD_DIMS);
	sparse_sketch(v, sketch, SKETCH_DIMS);
	require(!finite || (all_finite(spread, SPREAD_DIMS) && all_finite(sketch, SKETCH_DIMS)));
}

static void
check_bit(const char *bytes, size_t size)
{
	int32_t length = size >= 4 ? stored_number(bytes, 0) : -1;
	bool good = stored_bit_is_good(bytes, size);

	require(good == (length >= 0 && size - 4 == ((size_t) length + 7) / 8));
	if (good)
	{
		const uint8_t *bits = (const uint8_t *) bytes + STORED_BIT_HEAD;

		require(distance->hamming(bits, bits, size - STORED_BIT_HEAD) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready = false;
	char *bytes;

	if (!ready)
		distance_init(DISTANCE_AUTO);
	ready = true;
	if (size == 0)
		return 0;
	bytes = exact_copy(data + 1, size - 1);
	switch (data[0] % 4)
	{
		case 0:
			check_dense(bytes, size - 1, false);
			break;
		case 1:
			check_dense(bytes, size - 1, true);
			break;
		case 2:
			check_sparse(bytes, size - 1);
			break;
		default:
			check_bit(bytes, size - 1);
			break;
	}
	free(bytes);
	return 0;
}
