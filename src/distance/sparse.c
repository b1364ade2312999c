/*
 * sparse.c: sums over the elements of sparse vectors.  See sparse.h.
 */
#include "distance/sparse.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "distance/operator.h"

/* `value`, or zero where it is not `wanted`. */
static inline float
value_if(float value, bool wanted)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits &= -(uint32_t) wanted;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The sum over all dimensions where one has an element of term(x, y), the values there. */
#define SUM_MERGED(a, b, term)                                 \
	double sum = 0;                                            \
	int i = 0;                                                 \
	int j = 0;                                                 \
                                                               \
	while (i < (a).n && j < (b).n)                             \
	{                                                          \
		bool first = (a).indices[i] <= (b).indices[j];         \
		bool second = (a).indices[i] >= (b).indices[j];        \
                                                               \
		sum += term((double) value_if((a).values[i], first),   \
					(double) value_if((b).values[j], second)); \
		i += first;                                            \
		j += second;                                           \
	}                                                          \
	while (i < (a).n)                                          \
		sum += term((double) (a).values[i++], 0.0);            \
	while (j < (b).n)                                          \
		sum += term(0.0, (double) (b).values[j++]);            \
	return sum

static inline double
squared_difference(double x, double y)
{
	return (x - y) * (x - y);
}

static inline double
absolute_difference(double x, double y)
{
	return fabs(x - y);
}

double
sparse_l2_square(SparseView a, SparseView b)
{
	SUM_MERGED(a, b, squared_difference);
}

double
sparse_l1(SparseView a, SparseView b)
{
	SUM_MERGED(a, b, absolute_difference);
}

double
sparse_ip(SparseView a, SparseView b)
{
	double sum = 0;

	for (int i = 0, j = 0; i < a.n && j < b.n;)
	{
		bool first = a.indices[i] <= b.indices[j];
		bool second = a.indices[i] >= b.indices[j];

		sum += (double) value_if(a.values[i], first && second) * b.values[j];
		i += first;
		j += second;
	}
	return sum;
}

double
sparse_square(SparseView v)
{
	double sum = 0;

	for (int i = 0; i < v.n; i++)
		sum += (double) v.values[i] * v.values[i];
	return sum;
}

double
sparse_cosine(SparseView a, SparseView b)
{
	return operator_cosine_of(sparse_ip(a, b), sparse_square(a), sparse_square(b));
}

void
sparse_spread(SparseView v, float *x, size_t dims)
{
	memset(x, 0, dims * sizeof(float));
	for (int i = 0; i < v.n; i++)
		if ((uint32_t) v.indices[i] < dims)
			x[v.indices[i]] = v.values[i];
}

/* MurmurHash3's finalizer, as PostgreSQL's murmurhash32(). */
static inline uint32_t
hash_index(uint32_t h)
{
	h ^= h >> 16;
	h *= UINT32_C(0x85ebca6b);
	h ^= h >> 13;
	h *= UINT32_C(0xc2b2ae35);
	h ^= h >> 16;
	return h;
}

void
sparse_sketch(SparseView v, float *sketch, size_t dims)
{
	memset(sketch, 0, dims * sizeof(float));
	for (int i = 0; i < v.n; i++)
	{
		uint32_t hash = hash_index((uint32_t) v.indices[i]);
		float *place = &sketch[hash & (dims - 1)];
		float sum = *place + (hash >> 31 ? -v.values[i] : v.values[i]);

		/* the sum of two of the greatest */
		sum = sum > FLT_MAX ? FLT_MAX : sum;
		*place = sum < -FLT_MAX ? -FLT_MAX : sum;
	}
}
