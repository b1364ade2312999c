/*
 * verify.c: whether a code may be that of a vector.
 *
 * Kernels of different instruction sets add in different orders.  So another CPU's code of the same
 * vector has factors that differ in their last digits, now and then a level that differs by one
 * and, where two grids serve equally well, the levels of another grid.  What these have in common
 * is that they stand for the vector as well as any other: the distance between the vector and the
 * decoded code is what it is for a code that is made here, but for one step in one dimension. That,
 * and the factors that do not enter into decoding, is compared.
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"

/*
 * The factors in front of the levels, of rotated and of scalar codes alike: see quantize.h and
 * scalar_l1.c.
 */
#define FACTORS 4
enum
{
	ROTATED_ADD,
	ROTATED_RESCALE,
	ROTATED_RADIUS,
	ROTATED_ERROR, /* 1 bit: ones */
};
enum
{
	SCALAR_LO,
	SCALAR_STEP,
	SCALAR_ABSOLUTE,
	SCALAR_NORM,
};

/* A step of a grid, in standard deviations of what it divides, is at most so many times 2^-bits. */
#define STEP 6.0
/*
 * Share by which errors may differ between grids that serve equally well; estimates of errors, by
 * more.
 */
#define ERROR_SHARE 0.03
#define ESTIMATE_SHARE 0.25
/* These shares for vectors that are off by a half's last digit, which may lead to another grid. */
#define ROUGH_ERROR_SHARE 0.25
#define ROUGH_ESTIMATE_SHARE 0.5
/* Grids that serve equally well are of sizes that differ by no more than that. */
#define GRID_SCALE 2.5
/*
 * Share of a number that is lost by rounding when the numbers of a vector are added in another
 * order.
 */
#define ROUNDING 1e-5
/* The same for a vector that is itself off by 2^-11, a half's last digit. */
#define ROUGH_ROUNDING 1e-3

/* From `times` a to b. */
static double
distance_of(const float *a, double times, const float *b, size_t n)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		double d = times * a[i] - b[i];

		sum += d * d;
	}
	return sqrt(sum);
}

static double
length_of(const float *a, size_t n)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += (double) a[i] * a[i];
	return sqrt(sum);
}

/* Are two numbers equal but for so much?  NaN never is. */
static bool
near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance;
}

/* One step of the grid that a code uses, or a similar one, in the vector's unit. */
static double
grid_step(const Coder *coder, const void *code)
{
	float factors[FACTORS];

	memcpy(factors, code, sizeof(factors));
	if (coder->family == &code_scalar)
		return factors[SCALAR_STEP];
	return STEP * factors[ROTATED_RADIUS] / sqrt((double) coder->padded) / (1 << coder->spec.bits);
}

static int
ones_of(const uint8_t *bytes, size_t n)
{
	int ones = 0;
	size_t i;

	for (i = 0; i < n; i++)
		ones += __builtin_popcount(bytes[i]);
	return ones;
}

/* How much may differ. */
typedef struct Tolerance
{
	double rounding; /* in the vector's unit */
	double step;     /* one of the code's grid, in the same */
	double error;    /* share of the square of the error */
	double estimate; /* share of what is derived from the grid */
} Tolerance;

/* Do the factors that decoding does not use agree? */
static bool
factors_agree(const Coder *coder, const void *code, const void *expected,
			  const Tolerance *tolerance)
{
	double rounding = tolerance->rounding;
	double step = tolerance->step;
	float a[FACTORS];
	float b[FACTORS];

	memcpy(a, code, sizeof(a));
	memcpy(b, expected, sizeof(b));
	if (coder->family == &code_scalar)
		return near(a[SCALAR_LO], b[SCALAR_LO], 2 * step + rounding) &&
			   near(a[SCALAR_STEP], b[SCALAR_STEP], tolerance->estimate * step + rounding) &&
			   near(a[SCALAR_ABSOLUTE], b[SCALAR_ABSOLUTE],
					tolerance->estimate * b[SCALAR_ABSOLUTE] + step +
						(double) coder->spec.dims * rounding) &&
			   near(a[SCALAR_NORM], b[SCALAR_NORM],
					tolerance->estimate * b[SCALAR_NORM] + step + rounding);
	if (!near(a[ROTATED_RADIUS], b[ROTATED_RADIUS], rounding) ||
		!near(a[ROTATED_ADD], b[ROTATED_ADD],
			  rounding * (2 * b[ROTATED_RADIUS] + 2 * sqrt(coder->centroid_square) + rounding)))
		return false;
	if (!(a[ROTATED_RESCALE] <= GRID_SCALE * b[ROTATED_RESCALE] &&
		  b[ROTATED_RESCALE] <= GRID_SCALE * a[ROTATED_RESCALE]))
		return false;
	if (coder->spec.bits == 1)
		return a[ROTATED_ERROR] ==
			   (float) ones_of((const uint8_t *) code + FACTORS * sizeof(float), coder->padded / 8);
	return near(a[ROTATED_ERROR], b[ROTATED_ERROR],
				tolerance->estimate * b[ROTATED_ERROR] +
					(step + rounding) / sqrt((double) coder->padded));
}

/*
 * Does a copy for the cosine have the inverse length that it should? Decoding does not use that.
 */
static bool
inverse_agrees(const Coder *coder, const void *code, const void *expected)
{
	size_t at = coder->spec.bits == CODE_BITS_HALF ? sizeof(float) : 0;
	float a;
	float b;

	if (coder->spec.metric != CODE_COSINE)
		return true;
	memcpy(&a, (const char *) code + at, sizeof(a));
	memcpy(&b, (const char *) expected + at, sizeof(b));
	return near(a, b, ROUNDING * b);
}

bool
code_is_of(const Coder *coder, const CodeComparison *comparison, const void *code, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	const float *vector = comparison->vector;
	Tolerance tolerance = {ROUNDING, 0, ERROR_SHARE, ESTIMATE_SHARE};
	double length = length_of(vector, dims);
	double times = 1;
	double error;

	if (memcmp(code, comparison->expected, coder->size) == 0)
		return true;
	if (coder->family == &code_binary)
		return false;
	if (comparison->rough)
		tolerance = (Tolerance){ROUGH_ROUNDING, 0, ROUGH_ERROR_SHARE, ROUGH_ESTIMATE_SHARE};
	if (coder->family != &code_copy && coder->spec.metric == CODE_COSINE && length > 0)
	{
		/* the code is that of the vector at length 1 */
		times = 1 / length;
		length = 1;
	}
	tolerance.rounding *= length + sqrt(coder->centroid_square);
	if (coder->family == &code_copy)
	{
		if (!inverse_agrees(coder, code, comparison->expected))
			return false;
	}
	else
	{
		tolerance.step = grid_step(coder, comparison->expected);
		if (!factors_agree(coder, code, comparison->expected, &tolerance))
			return false;
	}
	coder_decode(coder, comparison->expected, comparison->decoded, scratch);
	error = distance_of(vector, times, comparison->decoded, dims);
	coder_decode(coder, code, comparison->decoded, scratch);
	/* squares, since that is how a step in one dimension adds to the error */
	return distance_of(vector, times, comparison->decoded, dims) <=
		   sqrt(error * error * (1 + tolerance.error) + tolerance.step * tolerance.step) +
			   tolerance.rounding;
}
