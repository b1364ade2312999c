/*
 * estimate.c: distances from a prepared query to rotated codes.
 *
 * The query's residual y = P(q - c) is rounded to int8, or to a few bit planes for 1-bit codes, so
 * that <x, y> is an integer dot product. With g, r from the code's factors the estimate of <v - c,
 * q - c> is
 *
 *		p = g (scale * dot + offset + ones_weight * ones)
 *
 * and
 *
 *		|v - q|^2 = r^2 + |y|^2 - 2 p
 *		-<v, q>	  = -<v - c, c> - <q - c, c> - |c|^2 - p
 *
 * which is one addition of the code's and one of the query's term in both cases. A relative query
 * leaves out |y|^2. p is unbiased over rotations (theorem 3.2 of "RaBitQ"); it is cut at +-r |y|,
 * where no true product can lie beyond.
 *
 * A query that is a code itself takes x2 for y and both rescales, which is unbiased as long as the
 * two rounding errors are independent; they are for all but nearly equal vectors, which the cut
 * takes care of. For 1 bit they are not, but there the expectation is known: two Gaussians with
 * correlation rho agree in sign with probability 1/2 + asin(rho) / pi, so rho = sin(pi / 2 * <x1,
 * x2> 4 / n).
 *
 * The bound is a multiple of the standard deviation of p: rounding of the code (only the part of y
 * at a right angle to v - c matters) and rounding of the query, both spread by the rotation.
 * Equations 14 and 16 of "RaBitQ".
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "code/loops.h"
#include "code/quantize.h"

/* Standard deviations that make a bound hold with a probability of 0.999. */
#define BOUND_DEVIATIONS 3.1f
/* What float32 arithmetic may take away on top, relative to the terms added. */
#define BOUND_ROUNDING 1e-6f

/* 1 bit: the planes are this many bytes apart. */
static size_t
plane_stride(const Coder *coder)
{
	return CODE_ROUND_UP(coder->padded / 8, 64);
}

size_t
rotated_query_size(const Coder *coder)
{
	return coder->spec.bits == 1 ? CODE_PLANES * plane_stride(coder) : coder->padded;
}

/*
 * How the metric makes a distance from a product of residuals, with dot = <q - c, c> and radius =
 * |q - c|.
 */
static void
query_metric(CodeQuery *query, double dot, double radius)
{
	const Coder *coder = query->coder;

	query->radius = code_clamp(radius);
	if (coder->spec.metric == CODE_L2)
	{
		query->add = code_clamp(radius * radius);
		query->times = 2;
		query->least = 0;
	}
	else
	{
		query->add =
			code_clamp((coder->spec.metric == CODE_COSINE ? 1 : 0) - dot - coder->centroid_square);
		query->times = 1;
		query->least = -FLT_MAX;
	}
}

/* Rounds the residual to planes of unsigned numbers w: y = step (w - middle). */
static double
query_to_planes(const Coder *coder, CodeQuery *query, const float *x, const Residual *residual,
				uint8_t *u)
{
	const CodeLoops *loops = code_loops();
	float top = (float) code_top(CODE_PLANES);
	float step = 2 * residual->max / top;
	LoopGrid grid = {1 / step, 0.5f * top + 0.5f, 0, top + 0.5f, 0.5f * top};
	LoopSums sums;
	double sum;

	loops->grid_write(x, &grid, coder->padded, u, &sums);
	sum = loops->planes(u, query->data, plane_stride(coder), CODE_PLANES, coder->padded);
	query->scale = code_clamp(step * residual->unit);
	query->ones_weight = code_clamp(-grid.center * step * residual->unit);
	query->offset = code_clamp(-0.5 * (sum - (double) grid.center * (double) coder->padded) * step *
							   residual->unit);
	return residual->square - 2.0 * step * sums.dot + (double) step * step * sums.square;
}

/* Rounds the residual to int8: y = step q. */
static double
query_to_int8(const Coder *coder, CodeQuery *query, const float *x, const Residual *residual)
{
	float step = residual->max / 127;
	float lost;
	double sum;

	sum = code_loops()->round_query(x, query->data, 1 / step, step, coder->padded, &lost);
	query->scale = code_clamp(step * residual->unit);
	query->offset =
		code_clamp(-(double) rotated_center(coder->spec.bits) * sum * step * residual->unit);
	return lost;
}

/* The error factor of a code; see quantize.h. */
static float
factors_error(const Coder *coder, const RotatedFactors *factors)
{
	double rest;

	if (coder->spec.bits > 1)
		return factors->error;
	rest = 0.25 * (double) coder->padded * factors->rescale * factors->rescale;
	rest -= (double) factors->radius * factors->radius;
	return rest > 0 ? code_clamp(sqrt(rest / (double) (coder->padded - 1))) : 0;
}

/* sin(pi / 2 * x) for x within [-1, 1], to 2e-6 and exact at the ends. */
static inline float
quarter_sine(float x)
{
	float s = x * x;
	float y =
		x * (1.5707963f +
			 s * (-0.64596371f + s * (0.079689679f + s * (-0.0046737656f + s * 0.00015148419f))));

	y = y > 1 ? 1 : y;
	return y < -1 ? -1 : y;
}

/* What to subtract from a distance whose product of residuals is p. */
static double
estimate_bound(const CodeQuery *query, const RotatedFactors *factors, double p)
{
	const Coder *coder = query->coder;
	double n = (double) coder->padded;
	double twice = coder->spec.metric == CODE_L2 ? 2 : 1;
	double radius = factors->radius;
	double error = factors_error(coder, factors);
	double other = query->radius;
	double spread = error * error * (n - 1); /* r^2 (1 / f^2 - 1) */
	double product = fabs(p) - error * other;
	double angle;
	double variance;
	double bound;

	/*
	 * how much of each is at a right angle to the other: 1 - cosine^2, from the low side of what
	 * the cosine may be
	 */
	product = product > 0 ? product : 0;
	angle = radius > 0 && other > 0 ? product / radius / other : 0;
	angle = angle < 1 ? 1 - angle * angle : 0;

	variance = error * error * other * other * angle;
	variance += (radius * radius + spread) * query->rounding * query->rounding;
	variance += (double) query->error * query->error * (radius * radius * angle + spread);
	bound = BOUND_DEVIATIONS * sqrt(variance);
	/*
	 * few dimensions are not mixed that well: rounding errors stay closer to the space the vectors
	 * are in
	 */
	if (coder->spec.dims < CODE_FEW_DIMS)
		bound *= sqrt(CODE_FEW_DIMS / (double) coder->spec.dims);
	if (bound > radius * other - p)
		bound = radius * other - p;
	bound = bound > 0 ? twice * bound : 0;
	return bound +
		   BOUND_ROUNDING * (fabs((double) factors->add) + fabs((double) query->add) + fabs(p));
}

/*
 * The estimate again in double, for vectors so large that it is compressed or that float32
 * overflows on the way.
 */
static void
estimate_large(const CodeQuery *query, const RotatedFactors *factors, double p, float *dist,
			   float *bound)
{
	double limit = (double) factors->radius * query->radius;
	double d = (double) factors->add + query->add;
	double least;

	p = p > limit ? limit : p;
	p = p < -limit ? -limit : p;
	/* the squares of the longest residuals are no float32 */
	if (query->coder->spec.metric == CODE_L2)
		d = (double) factors->radius * factors->radius +
			((double) query->radius * query->radius - query->constant);
	d -= query->times * p;
	least = query->coder->spec.metric == CODE_L2 ? -query->constant : -DBL_MAX;
	d = d > least ? d : least;
	*dist = code_compressed(d);
	if (bound != NULL)
		*bound = code_compressed_bound(d, estimate_bound(query, factors, p));
}

/* From the product of residuals, weight * product, to the distance and its bound. */
static inline void
estimate(const CodeQuery *query, const RotatedFactors *factors, float weight, float product,
		 float *dist, float *bound)
{
	float limit = factors->radius * query->radius;
	float p = weight * product;
	float d;

	p = p > limit ? limit : p;
	p = p < -limit ? -limit : p;
	d = factors->add + query->add - query->times * p;
	if (!(fabsf(d) < CODE_LARGE))
	{
		estimate_large(query, factors, (double) weight * product, dist, bound);
		return;
	}
	*dist = d > query->least ? d : query->least;
	if (bound != NULL)
		*bound = code_clamp(estimate_bound(query, factors, p));
}

static inline RotatedFactors
factors_of(const void *code)
{
	RotatedFactors factors;

	memcpy(&factors, code, sizeof(factors));
	return factors;
}

static inline const uint8_t *
levels_of(const void *code)
{
	return (const uint8_t *) code + sizeof(RotatedFactors);
}

/*
 * The three kinds of a batch. Each first leaves the integer dot products in dist, all kernel calls
 * in a row, which lets the CPU overlap them, and then goes over the factors.
 */

/* 2, 4 and 8 bits. */
static void
levels_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	CodeDot dot = query->dot;
	size_t padded = query->coder->padded;
	int i;

	for (i = 0; i < n; i++)
		dist[i] = (float) dot(levels_of(codes[i]), query->data, padded);
	for (i = 0; i < n; i++)
	{
		RotatedFactors factors = factors_of(codes[i]);
		float product = query->scale * dist[i] + query->offset;

		estimate(query, &factors, factors.rescale, product, &dist[i],
				 bound == NULL ? NULL : &bound[i]);
	}
}

/* 1 bit, from a vector. */
static void
planes_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	size_t padded = query->coder->padded;
	size_t stride = plane_stride(query->coder);
	int i;

	for (i = 0; i < n; i++)
		dist[i] = (float) distance->dot_planes(levels_of(codes[i]), query->data, stride,
											   CODE_PLANES, padded);
	for (i = 0; i < n; i++)
	{
		RotatedFactors factors = factors_of(codes[i]);
		float product = query->scale * dist[i] + query->offset + query->ones_weight * factors.error;

		estimate(query, &factors, factors.rescale, product, &dist[i],
				 bound == NULL ? NULL : &bound[i]);
	}
}

/* 1 bit, from a code. */
static void
signs_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	size_t padded = query->coder->padded;
	int i;

	for (i = 0; i < n; i++)
		dist[i] = (float) distance->dot_planes(levels_of(codes[i]), query->data, 0, 1, padded);
	for (i = 0; i < n; i++)
	{
		RotatedFactors factors = factors_of(codes[i]);
		float sine = quarter_sine(query->scale * dist[i] + query->offset +
								  query->ones_weight * factors.error);

		estimate(query, &factors, factors.radius, query->radius * sine, &dist[i],
				 bound == NULL ? NULL : &bound[i]);
	}
}

/* Two codes of 4 bits, as they are packed. */
static int32_t
dot_packed_codes(const uint8_t *code, const int8_t *other, size_t n)
{
	return distance->dot_u4_u4(code, (const uint8_t *) other, n);
}

/* The kernel for levels of a width. */
static CodeDot
levels_dot(int bits)
{
	switch (bits)
	{
		case 1:
			return NULL; /* counts bits: see planes_distances() and signs_distances() */
		case 2:
			return distance->dot_u2;
		case 4:
			return distance->dot_u4;
		case 8:
			return distance->dot_u8;
	}
	assert(false); /* a width without a kernel */
	return NULL;
}

void
rotated_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	float *x = scratch;
	uint8_t *u = (uint8_t *) (x + coder->padded);
	int bits = coder->spec.bits;
	Residual residual;
	double lost;

	residual_rotated(coder, vector, x, &residual);
	query_metric(query, residual.dot, sqrt((double) residual.square) * residual.unit);
	query->distances = bits == 1 ? planes_distances : levels_distances;
	query->dot = levels_dot(bits);
	if (residual.square <= 0)
	{
		memset(query->data, 0, rotated_query_size(coder));
		return;
	}
	if (bits == 1)
		lost = query_to_planes(coder, query, x, &residual, u);
	else
		lost = query_to_int8(coder, query, x, &residual);
	query->rounding =
		code_clamp(sqrt((lost > 0 ? lost : 0) / (double) coder->padded) * residual.unit);
}

double
rotated_relative(CodeQuery *query)
{
	double square = (double) query->radius * query->radius;

	if (query->coder->spec.metric != CODE_L2)
		return 0;
	query->add = 0;
	query->least = code_clamp(-square);
	return square;
}

void
rotated_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	const uint8_t *levels = levels_of(code);
	size_t n = coder->padded;
	int bits = coder->spec.bits;
	RotatedFactors factors = factors_of(code);
	int32_t sum;

	query_metric(query, -(double) factors.add, factors.radius);
	query->error = factors_error(coder, &factors);
	query->distances = bits == 1 ? signs_distances : levels_distances;
	query->dot = levels_dot(bits);
	if (bits == 1)
	{
		memcpy(query->data, levels, n / 8);
		query->scale = 4.0f / (float) n;
		query->ones_weight = -2.0f / (float) n;
		query->offset = 1.0f - 2.0f * factors.error / (float) n;
		return;
	}
	query->scale = bits == 8 ? factors.rescale : 0.5f * factors.rescale;
	if (bits == 4)
	{
		/*
		 * most codes are met in this form, by neighbour selection: it has a kernel that takes both
		 * as they are
		 */
		memcpy(query->data, levels, n / 2);
		query->dot = dot_packed_codes;
		memset(scratch, 1, n);
		sum = 2 * distance->dot_u4(levels, scratch, n) - 15 * (int32_t) n;
	}
	else
	{
		if (bits < 8)
		{
			code_loops()->unpack(levels, scratch, bits, n);
			levels = scratch;
		}
		sum = code_loops()->center_levels(levels, query->data, bits, n);
	}
	query->offset = code_clamp(-(double) rotated_center(bits) * sum * query->scale);
}
