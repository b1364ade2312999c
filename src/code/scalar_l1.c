/*
 * scalar_l1.c: codes of 1, 2, 4 and 8 bits a dimension for the L1 distance.
 *
 * L1 does not survive a rotation, so each vector gets a line lo + step * u of its own for its
 * dimensions as they are. Fewer bits should not waste levels on outliers: from a Gaussian's best
 * line a few rounds of "nearest level, then least squares" follow (Lloyd's iteration on a line).
 * When many dimensions are exactly zero, as in histograms and sparse data, zero is made a level:
 * two vectors then agree exactly where both are zero, which most of the sum consists of.
 *
 *	offset	size		field
 *	0		4			lo
 *	4		4			step
 *	8		4			absolute: sum of |error| over the dimensions
 *	12		4			norm: root of the sum of error^2
 *	16		dims*bits/8	levels: a byte each for 8 bits, else packed as distance.h describes for dims
 *						rounded up to 16
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"
#include "code/loops.h"
#include "code/width.h"

typedef struct ScalarFactors
{
	float lo;
	float step;
	float absolute;
	float norm;
} ScalarFactors;

_Static_assert(sizeof(ScalarFactors) == 16, "factors are 16 bytes on disk");

/* Below this a step's inverse overflows; such a vector is constant for all purposes. */
#define SMALLEST_STEP 1e-37f

/* Zeros are made a level when at least one in this many dimensions is zero. */
#define ZERO_SHARE 4

/* Standard deviations of the bound, see scalar_bound. */
#define BOUND_DEVIATIONS 3.5
#define BOUND_ROUNDING 1e-6

static size_t
scalar_code_size(const CodeSpec *spec)
{
	size_t levels =
		spec->bits == 8 ? (size_t) spec->dims : spec_padded(spec) * (size_t) spec->bits / 8;

	return sizeof(ScalarFactors) + CODE_ROUND_UP(levels, 4);
}

static size_t
scalar_scratch_size(const Coder *coder)
{
	return coder->padded;
}

/* The floats of the query, and a byte a dimension to unpack codes to. */
static size_t
scalar_query_size(const Coder *coder)
{
	return coder->padded * (sizeof(float) + 1);
}

/* The line to start from. */
static void
line_start(const float *v, size_t n, int bits, uint8_t *u, float *lo, float *step)
{
	const CodeWidth *width = code_width(bits);
	float top = (float) code_top(bits);
	float min;
	float max;
	double sums[6];

	code_loops()->range(v, n, &min, &max);
	if (width->line_reach > 0)
	{
		float mean;
		float reach;

		code_loops()->fit(v, 0, 0, 0, n, u, sums);
		mean = (float) (sums[2] / (double) n);
		code_loops()->fit(v, mean, 0, 0, n, u, sums);
		reach = (float) sqrt(sums[5] / (double) n) * width->line_reach;
		if (isfinite(reach))
		{
			min = mean - reach > min ? mean - reach : min;
			max = mean + reach < max ? mean + reach : max;
		}
	}
	*lo = min;
	*step = max > min ? max / top - min / top : 0;
}

/* The line, and the levels that belong to it, in u. */
static ScalarFactors
line_fit(const float *v, size_t n, int bits, uint8_t *u)
{
	int rounds = code_width(bits)->line_rounds;
	float top = (float) code_top(bits);
	size_t zeros = 0;
	ScalarFactors line;
	double sums[6];
	size_t i;

	line_start(v, n, bits, u, &line.lo, &line.step);
	while (rounds-- > 0 && line.step > SMALLEST_STEP)
	{
		double spread;
		double slope;

		code_loops()->fit(v, line.lo, line.step, top, n, u, sums);
		spread = (double) n * sums[1] - sums[0] * sums[0];
		slope = ((double) n * sums[3] - sums[0] * sums[2]) / spread;
		if (!(spread > 0) || !isfinite(slope) || !(slope > SMALLEST_STEP))
			break;
		line.step = (float) slope;
		line.lo = code_clamp(line.lo + (sums[2] - slope * sums[0]) / (double) n);
	}

	for (i = 0; i < n; i++)
		zeros += v[i] == 0;
	if (zeros >= (n + ZERO_SHARE - 1) / ZERO_SHARE && line.step > SMALLEST_STEP)
	{
		float level = floorf(-line.lo / line.step + 0.5f);

		level = level < 0 ? 0 : level;
		level = level > top ? top : level;
		line.lo = -(level * line.step);
	}
	if (!(line.step > SMALLEST_STEP))
		line.step = 0;
	code_loops()->fit(v, line.lo, line.step, top, n, u, sums);
	line.absolute = code_clamp(sums[4]);
	line.norm = code_clamp(sqrt(sums[5]));
	return line;
}

static void
scalar_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	int bits = coder->spec.bits;
	uint8_t *u = scratch;
	uint8_t *packed = (uint8_t *) code + sizeof(ScalarFactors);
	ScalarFactors line;

	line = line_fit(vector, dims, bits, u);
	memset(u + dims, 0, coder->padded - dims);
	memset(code, 0, coder->size);
	memcpy(code, &line, sizeof(line));
	if (bits == 8)
		memcpy(packed, u, dims);
	else
		code_loops()->pack(u, packed, bits, coder->padded);
}

/* The levels of a code as bytes: in place for 8 bits, else unpacked. */
static const uint8_t *
scalar_levels(const Coder *coder, const void *code, uint8_t *u)
{
	const uint8_t *packed = (const uint8_t *) code + sizeof(ScalarFactors);

	if (coder->spec.bits == 8)
		return packed;
	code_loops()->unpack(packed, u, coder->spec.bits, coder->padded);
	return u;
}

static void
scalar_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	const uint8_t *u = scalar_levels(coder, code, scratch);
	ScalarFactors line;

	memcpy(&line, code, sizeof(line));
	code_loops()->line(u, line.lo, line.step, (size_t) coder->spec.dims, vector);
}

/*
 * What to subtract from an estimate. The errors' absolute sum is certain, and needed when the
 * vectors are nearly equal, for then every error counts as distance. Otherwise an error adds to its
 * dimension's distance or takes from it, as chance has it, and only the dimensions closer than
 * their errors add for certain: about absolute / estimate of them, twice that where values crowd.
 */
static double
scalar_bound(const CodeQuery *query, const ScalarFactors *line, double estimate)
{
	double absolute = (double) line->absolute + query->error;
	double variance = (double) line->norm * line->norm + (double) query->rounding * query->rounding;
	double bound = absolute;

	if (estimate > absolute)
	{
		double likely = BOUND_DEVIATIONS * sqrt(variance) + 2 * absolute * absolute / estimate;

		bound = likely < bound ? likely : bound;
	}
	return bound + BOUND_ROUNDING * estimate;
}

/*
 * The distance again in double, less the query's constant, which is 0 or its distance from zero:
 * for vectors so large that it is compressed, that float32 overflows on the way, or that float32
 * loses what it differs by from the constant.
 */
static double
scalar_large(const CodeQuery *query, const ScalarFactors *line, const uint8_t *u)
{
	size_t dims = (size_t) query->coder->spec.dims;
	const float *q = query->data;
	double sum = 0;
	size_t i;

	for (i = 0; i < dims; i++)
	{
		double x = (double) line->lo + (double) line->step * u[i];

		sum += query->constant > 0 ? code_l1_difference(x, q[i]) : fabs(x - q[i]);
	}
	return sum;
}

static void
scalar_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	const Coder *coder = query->coder;
	size_t dims = (size_t) coder->spec.dims;
	const float *q = query->data;
	uint8_t *unpacked = (uint8_t *) query->data + coder->padded * sizeof(float);
	int i;

	for (i = 0; i < n; i++)
	{
		const uint8_t *u = scalar_levels(coder, codes[i], unpacked);
		ScalarFactors line;
		double sum;
		double d;

		memcpy(&line, codes[i], sizeof(line));
		sum = distance->l1_u8(u, q, line.lo, line.step, dims);
		d = sum - query->constant;
		if (!(sum < CODE_LARGE) || fabs(d) < CODE_DIFFERENCE_SHARE * query->constant)
			d = scalar_large(query, &line, u);
		dist[i] = code_compressed(d);
		if (bound != NULL)
			bound[i] = code_compressed_bound(d, scalar_bound(query, &line, d + query->constant));
	}
}

/* The distance from zero: what all distances are about from far away. */
static double
scalar_relative(CodeQuery *query)
{
	return code_l1_length(query->data, (size_t) query->coder->spec.dims);
}

static void
scalar_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	(void) scratch;
	query->distances = scalar_distances;
	memcpy(query->data, vector, (size_t) coder->spec.dims * sizeof(float));
}

static void
scalar_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	ScalarFactors line;

	query->distances = scalar_distances;
	memcpy(&line, code, sizeof(line));
	scalar_decode(coder, code, query->data, scratch);
	query->error = line.absolute;
	query->rounding = line.norm;
}

const CodeFamily code_scalar = {
	.code_size = scalar_code_size,
	.scratch_size = scalar_scratch_size,
	.encode = scalar_encode,
	.decode = scalar_decode,
	.query_size = scalar_query_size,
	.query = scalar_query,
	.query_code = scalar_query_code,
	.relative = scalar_relative,
};
