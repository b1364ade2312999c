/*
 * exact.c: codes that are the vector itself: as float32, or as halves with a power of two for each
 * vector.
 *
 *	offset	size			field
 *	0		4				half: scale, a power of two; an element is scale * half
 *	0 or 4	4				cosine: 1 / length of the vector; 0 where float32 estimates would not be
 *							good
 *	...		dims * 4 or 2	floats or halves; padded to a multiple of 4
 *
 * The power of two brings the greatest value of a vector to between 2^14 and 2^15, so that halves
 * neither overflow nor, within 2^28 of the greatest value, lose digits to being subnormal: each
 * element is within 2^-11 of itself. What is the vector of a halfvec is kept as it is.
 *
 * code_measure() calls the functions of the operators. Estimates are by the kernels alone, which
 * for the cosine take the product and both lengths as they were when the vectors were seen first.
 * So walks are fast, and rows come in the order of the operator.
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"
#include "code/loops.h"
#include "distance/operator.h"

/* Elements that are converted at a time. */
#define DIFFERENCE_CHUNK 64
/* Exponent of the greatest half in a code. */
#define HALF_EXPONENT 14
/* From here on a float32 rounds to no half. */
#define HALF_OVERFLOW 65520.0f
/*
 * Lengths beyond these are not used in float32: neither products of vectors nor of their inverses
 * leave its range.
 */
#define SHORTEST 0x1p-40
#define LONGEST 0x1p40
/*
 * What rounding takes from the estimate of a cosine: as two float32 sums of n terms may differ, and
 * some steps more. Sums of a thousand terms differ by a twentieth of that as a rule, by a fifth at
 * most.
 */
#define COSINE_ROUNDING(n) ((float) (0x1p-24 * (8 + sqrt((double) (n)))))

/* Bytes before the elements. */
static inline size_t
copy_head(const CodeSpec *spec)
{
	return (spec->bits == CODE_BITS_HALF ? sizeof(float) : 0) +
		   (spec->metric == CODE_COSINE ? sizeof(float) : 0);
}

static size_t
copy_code_size(const CodeSpec *spec)
{
	size_t width = spec->bits == CODE_BITS_HALF ? sizeof(half) : sizeof(float);

	return copy_head(spec) + CODE_ROUND_UP((size_t) spec->dims * width, 4);
}

/* Floats of a vector, for the length of its copy in halves. */
static size_t
copy_scratch_size(const Coder *coder)
{
	return (size_t) coder->spec.dims * sizeof(float);
}

static size_t
copy_query_size(const Coder *coder)
{
	return (size_t) coder->spec.dims * sizeof(float);
}

/* The inverse of a vector's length; 0: see the top. */
static float
inverse_length(const float *vector, size_t dims)
{
	double length = sqrt(code_loops()->square(vector, dims));

	return length >= SHORTEST && length <= LONGEST ? (float) (1 / length) : 0;
}

/* The power of two for the halves of a vector. */
static float
half_scale(const float *vector, size_t dims)
{
	float min;
	float max;
	int exponent;

	code_loops()->range(vector, dims, &min, &max);
	max = max > -min ? max : -min;
	if (!(max > 0))
		return 1;
	exponent = ilogbf(max) - HALF_EXPONENT;
	/* the greatest halves are above 2^15: a vector of halves keeps its subnormals */
	if (exponent > 0 && max < HALF_OVERFLOW)
		exponent = 0;
	/* both the scale and its inverse have to be normal floats */
	return ldexpf(1.0f, exponent < -126 ? -126 : exponent);
}

/* Writes the halves and their scale; `copy` is what they stand for then. */
static void
encode_halves(const Coder *coder, const float *vector, void *code, float *copy)
{
	size_t dims = (size_t) coder->spec.dims;
	half *halves = (half *) ((char *) code + copy_head(&coder->spec));
	float scale = half_scale(vector, dims);

	memcpy(code, &scale, sizeof(scale));
	distance->half_from_f32(halves, vector, 1 / scale, dims);
	distance->f32_from_half(copy, halves, scale, dims);
}

static void
copy_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	char *elements = (char *) code + copy_head(&coder->spec);

	memset(code, 0, coder->size);
	if (coder->spec.bits == CODE_BITS_EXACT)
		memcpy(elements, vector, dims * sizeof(float));
	else
	{
		encode_halves(coder, vector, code, scratch);
		vector = scratch;
	}
	if (coder->spec.metric == CODE_COSINE)
	{
		float inverse = inverse_length(vector, dims);

		memcpy(elements - sizeof(inverse), &inverse, sizeof(inverse));
	}
}

/* What a code holds. */
typedef struct Copy
{
	float scale;
	float inverse; /* of the length: cosine */
	const void *x;
} Copy;

static inline Copy
copy_of(const CodeSpec *spec, const void *code)
{
	Copy copy = {1, 0, (const char *) code + copy_head(spec)};

	if (spec->bits == CODE_BITS_HALF)
		memcpy(&copy.scale, code, sizeof(copy.scale));
	if (spec->metric == CODE_COSINE)
		memcpy(&copy.inverse, (const char *) copy.x - sizeof(copy.inverse), sizeof(copy.inverse));
	return copy;
}

static void
copy_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	Copy copy = copy_of(&coder->spec, code);

	(void) scratch;
	if (coder->spec.bits == CODE_BITS_EXACT)
		memcpy(vector, copy.x, dims * sizeof(float));
	else
		distance->f32_from_half(vector, copy.x, copy.scale, dims);
}

static double
copy_measure(const CodeQuery *query, const void *code)
{
	const CodeSpec *spec = &query->coder->spec;
	size_t dims = (size_t) spec->dims;
	Copy copy = copy_of(spec, code);
	Elements q = elements_floats(query->data);
	Elements v = spec->bits == CODE_BITS_EXACT ? elements_floats(copy.x)
											   : elements_scaled(copy.x, copy.scale);

	switch (spec->metric)
	{
		case CODE_L2:
			return operator_l2_square(q, v, dims);
		case CODE_IP:
			return -operator_ip(q, v, dims);
		case CODE_L1:
			return operator_l1(q, v, dims);
		default:
			return operator_cosine(q, v, dims);
	}
}

/* An estimate that the kernel's sum does not give, from the distance itself. */
static float
copy_estimate(const CodeQuery *query, const void *code)
{
	double measured = copy_measure(query, code);

	/* a zero vector is as far as one at a right angle */
	return code_compressed(isnan(measured) ? 1 : measured);
}

/*
 * What a distance is less than the query's constant, in double, which keeps what is small beside a
 * large element.
 */
static double
copy_difference(const CodeQuery *query, const void *code)
{
	const CodeSpec *spec = &query->coder->spec;
	size_t dims = (size_t) spec->dims;
	const float *q = query->data;
	Copy copy = copy_of(spec, code);
	double sum = 0;

	for (size_t done = 0; done < dims; done += DIFFERENCE_CHUNK)
	{
		size_t count = dims - done < DIFFERENCE_CHUNK ? dims - done : DIFFERENCE_CHUNK;
		float v[DIFFERENCE_CHUNK];

		if (spec->bits == CODE_BITS_EXACT)
			memcpy(v, (const float *) copy.x + done, count * sizeof(float));
		else
			distance->f32_from_half(v, (const half *) copy.x + done, copy.scale, count);
		for (size_t i = 0; i < count; i++)
			sum += spec->metric == CODE_L1
					   ? code_l1_difference(v[i], q[done + i])
					   : (double) v[i] * ((double) v[i] - 2 * (double) q[done + i]);
	}
	return sum;
}

/* From the kernel's sum of products to the estimate. */
static inline float
copy_product(const CodeQuery *query, const void *code, float inverse, float sum)
{
	if (query->coder->spec.metric == CODE_COSINE)
		return inverse * query->inverse == 0 ? copy_estimate(query, code)
											 : 1 - sum * inverse * query->inverse;
	return fabsf(sum) < CODE_LARGE ? -sum : copy_estimate(query, code);
}

/* From the kernel's sum of differences to the estimate. */
static inline float
copy_apart(const CodeQuery *query, const void *code, float sum)
{
	double d = sum < CODE_LARGE ? sum : copy_measure(query, code);

	d -= query->constant;
	if (fabs(d) < CODE_DIFFERENCE_SHARE * query->constant)
		d = copy_difference(query, code);
	return code_compressed(d);
}

static inline float
copy_finish(const CodeQuery *query, const void *code, float inverse, float sum)
{
	if (query->coder->spec.metric == CODE_IP || query->coder->spec.metric == CODE_COSINE)
		return copy_product(query, code, inverse, sum);
	return copy_apart(query, code, sum);
}

/*
 * What code_measure() may be less than an estimate, by rounding and by what vanished in float32
 * (see operator.h). It follows from the estimate alone.
 */
static float
copy_rounding(const CodeQuery *query, float estimate)
{
	double vanished = (double) query->coder->spec.dims * FLT_MIN;
	double distance = estimate + query->constant;

	if (query->coder->spec.metric == CODE_COSINE)
		return COSINE_ROUNDING(query->coder->spec.dims);
	if (fabsf(estimate) >= CODE_LARGE)
		return CODE_LARGE_ROUNDING * fabsf(estimate);
	if (query->constant > 0)
		return code_compressed_bound(estimate, vanished + CODE_DIFFERENCE_ROUNDING * distance);
	return fabs(distance) < vanished ? (float) vanished : 0;
}

static void
exact_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	const CodeSpec *spec = &query->coder->spec;
	size_t dims = (size_t) spec->dims;
	float (*kernel)(const float *a, const float *b, size_t n);

	kernel = spec->metric == CODE_L2   ? distance->l2_f32
			 : spec->metric == CODE_L1 ? distance->l1_f32
									   : distance->ip_f32;
	for (int i = 0; i < n; i++)
	{
		Copy copy = copy_of(spec, codes[i]);

		dist[i] = copy_finish(query, codes[i], copy.inverse, kernel(query->data, copy.x, dims));
		if (bound != NULL)
			bound[i] = copy_rounding(query, dist[i]);
	}
}

static void
half_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	const CodeSpec *spec = &query->coder->spec;
	size_t dims = (size_t) spec->dims;
	float (*kernel)(const float *a, const half *h, float scale, size_t n);

	kernel = spec->metric == CODE_L2   ? distance->l2_f16
			 : spec->metric == CODE_L1 ? distance->l1_f16
									   : distance->ip_f16;
	for (int i = 0; i < n; i++)
	{
		Copy copy = copy_of(spec, codes[i]);
		float sum = kernel(query->data, copy.x, copy.scale, dims);

		dist[i] = copy_finish(query, codes[i], copy.inverse, sum);
		if (bound != NULL)
			bound[i] = copy_rounding(query, dist[i]);
	}
}

/* The distance from zero: what all distances are about from far away. */
static double
copy_relative(CodeQuery *query)
{
	const float *q = query->data;
	size_t dims = (size_t) query->coder->spec.dims;

	if (query->coder->spec.metric == CODE_L2)
		return code_loops()->square(q, dims);
	return query->coder->spec.metric == CODE_L1 ? code_l1_length(q, dims) : 0;
}

static void
copy_query_ready(const Coder *coder, CodeQuery *query)
{
	query->distances = coder->spec.bits == CODE_BITS_EXACT ? exact_distances : half_distances;
	if (coder->spec.metric == CODE_COSINE)
		query->inverse = inverse_length(query->data, (size_t) coder->spec.dims);
}

static void
copy_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	(void) scratch;
	memcpy(query->data, vector, (size_t) coder->spec.dims * sizeof(float));
	copy_query_ready(coder, query);
}

static void
copy_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	copy_decode(coder, code, query->data, scratch);
	copy_query_ready(coder, query);
}

const CodeFamily code_copy = {
	.code_size = copy_code_size,
	.scratch_size = copy_scratch_size,
	.encode = copy_encode,
	.decode = copy_decode,
	.query_size = copy_query_size,
	.query = copy_query,
	.query_code = copy_query_code,
	.measure = copy_measure,
	.rounding = copy_rounding,
	.relative = copy_relative,
};
