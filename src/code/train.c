/*
 * train.c: what codes learn from a sample: a centroid.
 *
 * A code is taken from the difference to the centroid, so the centroid has to be among the vectors.
 * One vector at 10^7 would draw a mean away from a thousand others; the differences of these would
 * then be all alike, and nothing would be left of them in a code. So vectors that are far from
 * nearly all others are left out of the sample first. Far is measured from the median of every
 * dimension, which a minority cannot move, in units of the distance within which four fifths of the
 * sample are.
 *
 * Sums are in double: no square of a float32 leaves its range.
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"
#include "code/loops.h"
#include "code/metric.h"

/*
 * Vectors that the medians are taken from, at most: off by an eighth of a deviation they serve as
 * well.
 */
#define MEDIAN_VECTORS 255
/* Vectors that the unit of distance is taken from, at most. */
#define RADIUS_VECTORS 1023
/* The part of them that is within that distance, of those at any distance at all. */
#define RADIUS_SHARE 0.8
/*
 * A vector is ordinary up to so many times that distance. Less would leave out of long-tailed data
 * what belongs to them. Of what is nearer a hundredth moves the centroid by a twenty-fifth of the
 * distance, which does no harm.
 */
#define ORDINARY_RADII 4
/* Dimensions summed at a time. */
#define TRAIN_CHUNK 64

bool
code_normalise(float *vector, size_t n)
{
	const CodeLoops *loops = code_loops();
	double square = loops->square(vector, n);

	if (square <= 0)
		return false;
	loops->scale_double(vector, 1 / sqrt(square), n);
	return true;
}

static inline void
swap_doubles(double *x, size_t i, size_t j)
{
	double keep = x[i];

	x[i] = x[j];
	x[j] = keep;
}

/*
 * The k-th smallest of n numbers, k from 0, which are put into another order (Hoare's selection).
 */
static double
select_nth(double *x, size_t n, size_t k)
{
	size_t from = 0;
	size_t end = n;

	while (end - from > 1)
	{
		double pivot = x[from + (end - from) / 2];
		size_t less = from;
		size_t equal = from;
		size_t more = end;

		/* [from, less) are less than the pivot, [less, equal) equal, [more, end) more */
		while (equal < more)
		{
			if (x[equal] < pivot)
				swap_doubles(x, less++, equal++);
			else if (x[equal] > pivot)
				swap_doubles(x, equal, --more);
			else
				equal++;
		}
		if (k < less)
			end = less;
		else if (k >= more)
			from = more;
		else
			return pivot;
	}
	return x[k];
}

/* The squared distance from a vector to the one that `center` is. */
static double
distance_square(const float *vector, const float *center, size_t dims)
{
	double sum = 0;

	for (size_t i = 0; i < dims; i++)
	{
		double d = (double) vector[i] - center[i];

		sum += d * d;
	}
	return sum;
}

/* The medians of the dimensions, into `center`. */
static void
find_medians(const float *sample, size_t n, size_t dims, float *center)
{
	double column[MEDIAN_VECTORS];

	n = n < MEDIAN_VECTORS ? n : MEDIAN_VECTORS;
	for (size_t i = 0; i < dims; i++)
	{
		for (size_t k = 0; k < n; k++)
			column[k] = sample[k * dims + i];
		center[i] = (float) select_nth(column, n, n / 2);
	}
}

/*
 * The squared distance from the center within which most of the sample are; 0 if all are at the
 * center.
 */
static double
find_radius(const float *sample, size_t n, size_t dims, const float *center)
{
	double squares[RADIUS_VECTORS] = {0};
	size_t nsquares = 0;

	n = n < RADIUS_VECTORS ? n : RADIUS_VECTORS;
	for (size_t k = 0; k < n; k++)
	{
		squares[nsquares] = distance_square(sample + k * dims, center, dims);
		nsquares += squares[nsquares] > 0;
	}
	return nsquares > 0
			   ? select_nth(squares, nsquares, (size_t) ((double) (nsquares - 1) * RADIUS_SHARE))
			   : 0;
}

static void
swap_vectors(float *a, float *b, size_t dims)
{
	for (size_t i = 0; i < dims; i++)
	{
		float keep = a[i];

		a[i] = b[i];
		b[i] = keep;
	}
}

size_t
code_ordinary(float *sample, size_t n, size_t dims, float *center)
{
	size_t nordinary = 0;
	double most;

	if (n == 0)
		return 0;
	find_medians(sample, n, dims, center);
	most = ORDINARY_RADII * ORDINARY_RADII * find_radius(sample, n, dims, center);
	for (size_t k = 0; k < n; k++)
	{
		float *vector = sample + k * dims;

		if (distance_square(vector, center, dims) > most)
			continue;
		if (nordinary < k)
			swap_vectors(sample + nordinary * dims, vector, dims);
		nordinary++;
	}
	return nordinary;
}

/* Numbers in parameters are little-endian. */
static void
store_le(uint8_t *bytes, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

void
code_train(const CodeSpec *spec, uint64_t seed, const float *sample, size_t n, void *params)
{
	size_t dims = (size_t) spec->dims;
	uint8_t *centroid = (uint8_t *) params + CODE_SEED_SIZE;
	double sums[TRAIN_CHUNK];

	store_le(params, seed, CODE_SEED_SIZE);
	if (!code_metric(spec->metric)->has_centroid)
		return;
	for (size_t done = 0; done < dims; done += TRAIN_CHUNK)
	{
		size_t count = dims - done < TRAIN_CHUNK ? dims - done : TRAIN_CHUNK;

		memset(sums, 0, sizeof(sums));
		for (size_t k = 0; k < n; k++)
			for (size_t i = 0; i < count; i++)
				sums[i] += sample[k * dims + done + i];
		for (size_t i = 0; i < count; i++)
		{
			float mean = n > 0 ? code_clamp(sums[i] / (double) n) : 0;
			uint32_t bits;

			memcpy(&bits, &mean, sizeof(bits));
			store_le(centroid + (done + i) * sizeof(float), bits, sizeof(float));
		}
	}
}
