/*
 * quantize.c: rotated codes of 1, 2, 4 and 8 bits a dimension: RaBitQ and its extended form.
 *
 * The residual v - c is rotated and rounded to the point x of a uniform grid that makes the
 * smallest angle with it; what that costs in length goes into the factors. The extended paper finds
 * the best scale of the grid by visiting every scale at which a level changes. After the rotation
 * the coordinates are close to Gaussian, so the best scale is close to the best for a Gaussian, and
 * a handful of trials around that comes within a fraction of a per cent of it.
 *
 * Callers may rely on: finite factors for any finite vector; a zero residual gives zero factors.
 *
 * Sections 3.1 to 3.3 of "RaBitQ"; section 3 of the extended paper.
 */
#include <math.h>
#include <string.h>

#include "code/loops.h"
#include "code/quantize.h"
#include "code/width.h"
#include "code/rotation.h"

/*
 * Residuals with their greatest value within these need no scaling: squares neither overflow nor
 * vanish.
 */
#define RESIDUAL_SMALL 1e-12f
#define RESIDUAL_LARGE 1e12f

/* A residual that is longer counts as one of this length. */
#define RESIDUAL_LONGEST 0x1p100

/* Lengths between these have a normal float32 for their inverse. */
#define SHORTEST 0x1p-100
#define LONGEST 0x1p100

static size_t
rotated_code_size(const CodeSpec *spec)
{
	return sizeof(RotatedFactors) + CODE_ROUND_UP(spec_padded(spec) * (size_t) spec->bits / 8, 4);
}

/* The floats of the residual, and a byte a dimension. */
static size_t
rotated_scratch_size(const Coder *coder)
{
	return coder->padded * (sizeof(float) + 1);
}

/*
 * What a vector is multiplied by before the centroid is taken off: 1, or for the cosine the inverse
 * of its length. A vector whose length or inverse is no normal float32 is brought into range first,
 * in x, and *vector is that then.
 */
static float
residual_times(const Coder *coder, const float **vector, float *x)
{
	const CodeLoops *loops = code_loops();
	size_t dims = (size_t) coder->spec.dims;
	double length;
	int exponent;

	if (coder->spec.metric != CODE_COSINE)
		return 1;
	length = sqrt(loops->square(*vector, dims));
	if (length <= 0)
		return 0;
	if (length >= SHORTEST && length <= LONGEST)
		return (float) (1 / length);
	exponent = ilogb(length);
	memcpy(x, *vector, dims * sizeof(float));
	loops->scale_double(x, ldexp(1, -exponent), dims);
	*vector = x;
	return (float) ldexp(1 / length, exponent);
}

void
residual_rotated(const Coder *coder, const float *vector, float *x, Residual *residual)
{
	const CodeLoops *loops = code_loops();
	size_t dims = (size_t) coder->spec.dims;
	const float *from = vector;
	float times = residual_times(coder, &from, x);
	LoopSums sums;
	int exponent = 0;

	loops->residual(x, from, times, coder->centroid, 1.0f, dims, &sums);
	if (sums.max > 0 && !(sums.max > RESIDUAL_SMALL && sums.max < RESIDUAL_LARGE))
	{
		exponent = ilogbf(sums.max);
		exponent = exponent < -126 ? -126 : exponent;
		exponent = exponent > 126 ? 126 : exponent;
		from = vector;
		times = residual_times(coder, &from, x);
		loops->residual(x, from, times, coder->centroid, ldexpf(1.0f, -exponent), dims, &sums);
	}
	memset(x + dims, 0, (coder->padded - dims) * sizeof(float));

	residual->unit = ldexp(1.0, exponent);
	/*
	 * brings it nearer to everything, in its direction, and leaves float32 room for all that
	 * estimates add
	 */
	if (sqrt((double) sums.square) * residual->unit > RESIDUAL_LONGEST)
		residual->unit = RESIDUAL_LONGEST / sqrt((double) sums.square);
	residual->square = sums.square;
	residual->dot = sums.dot * residual->unit;
	if (!isfinite(sums.dot))
	{
		residual->dot = 0;
		for (size_t i = 0; i < dims; i++)
			residual->dot += (double) x[i] * coder->centroid[i] * residual->unit;
	}
	residual->max = rotation_apply(coder->signs, x, coder->padded);
}

/*
 * The grid that brings x closest to its image in angle. Trials are relative to the scale at which
 * the grid ends `clip` standard deviations out, that of the best uniform quantizer of a Gaussian,
 * or at the greatest value if that is nearer. With 8 bits a single value cut off costs more than
 * finer steps gain, so there the greatest value rules.
 */
static LoopGrid
grid_choose(const float *x, const Residual *residual, int bits, size_t n)
{
	const CodeLoops *loops = code_loops();
	const CodeWidth *width = code_width(bits);
	float deviation = sqrtf(residual->square / (float) n);
	float clip = width->clip > 0 ? width->clip * deviation : residual->max;
	float best = -1;
	float base;
	float best_scale;
	int i;
	LoopGrid grid;

	grid.center = rotated_center(bits);
	grid.offset = grid.center + 0.5f;
	grid.low = bits == 8 ? 1.0f : 0.0f;
	grid.high = (float) code_top(bits) + 0.5f;
	grid.scale = 1 / deviation;
	if (bits == 1)
		return grid;

	base = (grid.high + 0.5f - grid.offset) / (clip < residual->max ? clip : residual->max);
	best_scale = base;
	for (i = 0; i < WIDTH_TRIALS; i++)
	{
		LoopSums sums;
		float cosine;

		grid.scale = width->trials[i] * base;
		loops->grid_try(x, &grid, n, &sums);
		cosine = sums.square > 0 ? sums.dot * sums.dot / sums.square : 0;
		if (cosine > best)
		{
			best = cosine;
			best_scale = grid.scale;
		}
	}
	grid.scale = best_scale;
	return grid;
}

static void
rotated_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	const CodeLoops *loops = code_loops();
	size_t n = coder->padded;
	int bits = coder->spec.bits;
	float *x = scratch;
	uint8_t *u = (uint8_t *) (x + n);
	uint8_t *packed = (uint8_t *) code + sizeof(RotatedFactors);
	RotatedFactors factors = {0, 0, 0, 0};
	Residual residual;
	int32_t ones = 0;

	residual_rotated(coder, vector, x, &residual);
	memset(code, 0, coder->size);
	memset(u, (int) rotated_center(bits), n);
	if (residual.square > 0)
	{
		LoopGrid grid = grid_choose(x, &residual, bits, n);
		LoopSums sums;

		loops->grid_write(x, &grid, n, u, &sums);
		factors.rescale = code_clamp(residual.square / (double) sums.dot * residual.unit);
		factors.radius = code_clamp(sqrt((double) residual.square) * residual.unit);
		if (bits > 1)
		{
			double cosine = sums.dot / sqrt((double) residual.square * sums.square);
			/* r^2 (1 - f^2), which with 8 bits the difference would be too small for */
			double rest = loops->grid_rest(x, u, grid.center, sums.dot / sums.square, n);

			factors.error = code_clamp(sqrt(rest / (double) (n - 1)) / cosine * residual.unit);
		}
	}
	factors.add = coder->spec.metric == CODE_L2
					  ? code_clamp((double) factors.radius * factors.radius)
					  : code_clamp(-residual.dot);
	if (bits == 8)
		memcpy(packed, u, n);
	else if (bits > 1)
		loops->pack(u, packed, bits, n);
	else
	{
		ones = loops->planes(u, packed, 0, 1, n);
		factors.error = (float) ones;
	}
	memcpy(code, &factors, sizeof(factors));
}

static void
rotated_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	size_t n = coder->padded;
	int bits = coder->spec.bits;
	const uint8_t *packed = (const uint8_t *) code + sizeof(RotatedFactors);
	float *x = scratch;
	uint8_t *u = (uint8_t *) (x + n);
	RotatedFactors factors;
	float square = 0;
	double scale;
	size_t i;

	memcpy(&factors, code, sizeof(factors));
	if (bits == 8)
		memcpy(u, packed, n);
	else if (bits > 1)
		code_loops()->unpack(packed, u, bits, n);
	else
		for (i = 0; i < n; i++)
			u[i] = (packed[i / 8] >> (i % 8)) & 1;

	for (i = 0; i < n; i++)
	{
		x[i] = (float) u[i] - rotated_center(bits);
		square += x[i] * x[i];
	}
	rotation_undo(coder->signs, x, n);

	/* the projection of o on the line of x: <x, o> / |x|^2 */
	scale = factors.rescale > 0
				? (double) factors.radius / factors.rescale * factors.radius / square
				: 0;
	for (i = 0; i < (size_t) coder->spec.dims; i++)
		vector[i] = code_clamp(coder->centroid[i] + scale * x[i]);
}

const CodeFamily code_rotated = {
	.code_size = rotated_code_size,
	.scratch_size = rotated_scratch_size,
	.encode = rotated_encode,
	.decode = rotated_decode,
	.query_size = rotated_query_size,
	.query = rotated_query,
	.query_code = rotated_query_code,
	.relative = rotated_relative,
};
