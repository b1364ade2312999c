/*
 * operator.c: sums in double, for vectors whose sums in float32 are in doubt.
 *
 * No difference, product or square of two finite float32 numbers leaves the range of double, nor do
 * sums of them: 16,000 squares of the greatest come to 10^81, the square of the smallest is 10^-90.
 */
#include <string.h>

#include "distance/operator.h"

/* Elements that are converted at a time. */
#define CHUNK 64

typedef struct Sums
{
	double l2;
	double l1;
	double ab;
	double aa;
	double bb;
} Sums;

static void
elements_copy(float *to, const Elements *from, size_t start, size_t n)
{
	const char *x = from->x;

	if (from->kind == ELEMENTS_FLOATS)
		memcpy(to, x + start * sizeof(float), n * sizeof(float));
	else
	{
		half copy[CHUNK];

		memcpy(copy, x + start * sizeof(half), n * sizeof(half));
		distance->f32_from_half(to, copy, from->scale, n);
	}
}

/* All sums that there are: who needs one is in no hurry. */
static Sums
sums_in_double(const Elements *a, const Elements *b, size_t n)
{
	Sums sums = {0, 0, 0, 0, 0};

	for (size_t done = 0; done < n; done += CHUNK)
	{
		size_t count = n - done < CHUNK ? n - done : CHUNK;
		float x[CHUNK];
		float y[CHUNK];

		elements_copy(x, a, done, count);
		elements_copy(y, b, done, count);
		for (size_t i = 0; i < count; i++)
		{
			double p = x[i];
			double q = y[i];

			sums.l2 += (p - q) * (p - q);
			sums.l1 += fabs(p - q);
			sums.ab += p * q;
			sums.aa += p * p;
			sums.bb += q * q;
		}
	}
	return sums;
}

/*
 * Are they the same bytes? Then the distance is none; of all sums in doubt this one alone is
 * common.
 */
static bool
is_same(const Elements *a, const Elements *b, size_t n)
{
	size_t size = a->kind == ELEMENTS_FLOATS ? sizeof(float) : sizeof(half);

	return a->kind == b->kind && memcmp(a->x, b->x, n * size) == 0;
}

double
operator_l2_in_double(const Elements *a, const Elements *b, size_t n)
{
	return is_same(a, b, n) ? 0 : sums_in_double(a, b, n).l2;
}

double
operator_ip_in_double(const Elements *a, const Elements *b, size_t n)
{
	return sums_in_double(a, b, n).ab;
}

double
operator_l1_in_double(const Elements *a, const Elements *b, size_t n)
{
	return sums_in_double(a, b, n).l1;
}

double
operator_cosine_in_double(const Elements *a, const Elements *b, size_t n)
{
	Sums sums = sums_in_double(a, b, n);

	return operator_cosine_of(sums.ab, sums.aa, sums.bb);
}
