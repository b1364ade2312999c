/*
 * exact.c: codes that are the vector itself: as float32, or as halves with a power of two for each vector.
 *
 *	half: offset 0: float32 scale, a power of two; offset 4: dims halves h, the element being scale * h; padded to 4
 *	exact: dims floats
 *
 * The power of two brings the greatest value of a vector to between 2^14 and 2^15, so that halves neither overflow nor,
 * within 2^28 of the greatest value, lose digits to being subnormal: each element is within 2^-11 of itself.
 *
 * Distances are the kernels' own, without a bound.  Where float32 overflows they are taken again in double and cut at
 * the greatest float.
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"
#include "code/loops.h"

/* Exponent of the greatest half in a code. */
#define HALF_EXPONENT 14

/* Elements decoded at a time when a distance is taken again. */
#define LARGE_CHUNK 64

static size_t
copy_code_size(const CodeSpec *spec)
{
	size_t dims = (size_t) spec->dims;

	if (spec->bits == CODE_BITS_EXACT)
		return dims * sizeof(float);
	return sizeof(float) + CODE_ROUND_UP(dims * sizeof(half), 4);
}

/* Nothing needs it, but nobody has to ask for no memory. */
static size_t
copy_scratch_size(const Coder *coder)
{
	(void) coder;
	return CODE_BLOCK;
}

static size_t
copy_query_size(const Coder *coder)
{
	return (size_t) coder->spec.dims * sizeof(float);
}

static void
copy_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	float min;
	float max;
	float scale = 1;

	(void) scratch;
	if (coder->spec.bits == CODE_BITS_EXACT)
	{
		memcpy(code, vector, dims * sizeof(float));
		return;
	}
	code_loops()->range(vector, dims, &min, &max);
	max = max > -min ? max : -min;
	if (max > 0)
	{
		int exponent = ilogbf(max) - HALF_EXPONENT;

		/* both the scale and its inverse have to be normal floats */
		exponent = exponent < -126 ? -126 : exponent;
		scale = ldexpf(1.0f, exponent);
	}
	memset(code, 0, coder->size);
	memcpy(code, &scale, sizeof(scale));
	distance->half_from_f32((half *) ((char *) code + sizeof(float)), vector, 1 / scale, dims);
}

static void
copy_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	float scale;

	(void) scratch;
	if (coder->spec.bits == CODE_BITS_EXACT)
	{
		memcpy(vector, code, dims * sizeof(float));
		return;
	}
	memcpy(&scale, code, sizeof(scale));
	distance->f32_from_half(vector, (const half *) ((const char *) code + sizeof(float)), scale, dims);
}

/* From the kernel's sum to the distance. */
static double
copy_finish(CodeMetric metric, double sum)
{
	return metric == CODE_IP ? -sum : metric == CODE_COSINE ? 1 - sum : sum;
}

static float
copy_large(const CodeQuery *query, const void *code)
{
	const CodeSpec *spec = &query->coder->spec;
	size_t dims = (size_t) spec->dims;
	const float *q = query->data;
	double sum = 0;
	size_t done;

	for (done = 0; done < dims; done += LARGE_CHUNK)
	{
		size_t count = dims - done < LARGE_CHUNK ? dims - done : LARGE_CHUNK;
		float v[LARGE_CHUNK];
		float scale;
		size_t i;

		if (spec->bits == CODE_BITS_EXACT)
			memcpy(v, (const float *) code + done, count * sizeof(float));
		else
		{
			memcpy(&scale, code, sizeof(scale));
			distance->f32_from_half(v, (const half *) ((const char *) code + sizeof(float)) + done, scale, count);
		}
		for (i = 0; i < count; i++)
		{
			double a = v[i];
			double b = q[done + i];

			sum += spec->metric == CODE_L2 ? (a - b) * (a - b) : spec->metric == CODE_L1 ? fabs(a - b) : a * b;
		}
	}
	return code_clamp(copy_finish(spec->metric, sum));
}

static void
exact_distances(const CodeQuery *query, const void *const *codes, int n, float *dist)
{
	CodeMetric metric = query->coder->spec.metric;
	size_t dims = (size_t) query->coder->spec.dims;
	float (*kernel)(const float *a, const float *b, size_t n);
	int i;

	kernel = metric == CODE_L2 ? distance->l2_f32 : metric == CODE_L1 ? distance->l1_f32 : distance->ip_f32;
	for (i = 0; i < n; i++)
	{
		float sum = kernel(query->data, codes[i], dims);

		dist[i] = metric == CODE_IP ? -sum : metric == CODE_COSINE ? 1.0f - sum : sum;
		if (!(fabsf(sum) < FLT_MAX))
			dist[i] = copy_large(query, codes[i]);
	}
}

static void
half_distances(const CodeQuery *query, const void *const *codes, int n, float *dist)
{
	CodeMetric metric = query->coder->spec.metric;
	size_t dims = (size_t) query->coder->spec.dims;
	float (*kernel)(const float *a, const half *h, float scale, size_t n);
	int i;

	kernel = metric == CODE_L2 ? distance->l2_f16 : metric == CODE_L1 ? distance->l1_f16 : distance->ip_f16;
	for (i = 0; i < n; i++)
	{
		float scale;
		float sum;

		memcpy(&scale, codes[i], sizeof(scale));
		sum = kernel(query->data, (const half *) ((const char *) codes[i] + sizeof(float)), scale, dims);
		dist[i] = metric == CODE_IP ? -sum : metric == CODE_COSINE ? 1.0f - sum : sum;
		if (!(fabsf(sum) < FLT_MAX))
			dist[i] = copy_large(query, codes[i]);
	}
}

static void
copy_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	if (query->coder->spec.bits == CODE_BITS_EXACT)
		exact_distances(query, codes, n, dist);
	else
		half_distances(query, codes, n, dist);
	if (bound != NULL)
		memset(bound, 0, (size_t) n * sizeof(float));
}

static void
copy_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	(void) scratch;
	query->distances = copy_distances;
	memcpy(query->data, vector, (size_t) coder->spec.dims * sizeof(float));
}

static void
copy_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	query->distances = copy_distances;
	copy_decode(coder, code, query->data, scratch);
}

const CodeFamily code_copy = {
	.code_size = copy_code_size,
	.scratch_size = copy_scratch_size,
	.encode = copy_encode,
	.decode = copy_decode,
	.query_size = copy_query_size,
	.query = copy_query,
	.query_code = copy_query_code,
};
