/*
 * coder.c: the door of this directory: sizes, trained parameters, and the choice of the family that
 * serves a spec.
 *
 * Parameters are little-endian: a uint64 seed, then, for L2, inner product and cosine, dims floats
 * of centroid.
 */
#include <math.h>
#include <string.h>

#include "code/code_internal.h"
#include "code/metric.h"
#include "code/rotation.h"
#include "code/width.h"

static const CodeFamily *
spec_family(const CodeSpec *spec)
{
	if (code_metric(spec->metric)->is_binary)
		return &code_binary;
	if (spec->bits == CODE_BITS_EXACT || spec->bits == CODE_BITS_HALF)
		return &code_copy;
	return code_metric(spec->metric)->has_centroid ? &code_rotated : &code_scalar;
}

static bool
spec_supported(const CodeSpec *spec)
{
	if (code_metric(spec->metric)->is_binary)
		return spec->bits == CODE_BITS_EXACT && spec->dims >= 1 &&
			   spec->dims <= CODE_MAX_BINARY_DIMS;
	if (code_width(spec->bits) == NULL && spec->bits != CODE_BITS_HALF &&
		spec->bits != CODE_BITS_EXACT)
		return false;
	return spec->dims >= 1 && spec->dims <= CODE_MAX_DIMS && (int) spec->metric >= CODE_L2 &&
		   spec->metric <= CODE_L1;
}

size_t
code_size(const CodeSpec *spec)
{
	return spec_supported(spec) ? spec_family(spec)->code_size(spec) : 0;
}

size_t
code_params_size(const CodeSpec *spec)
{
	return CODE_SEED_SIZE +
		   (code_metric(spec->metric)->has_centroid ? (size_t) spec->dims * sizeof(float) : 0);
}

static uint64_t
load_le(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < size; i++)
		value |= (uint64_t) bytes[i] << (8 * i);
	return value;
}

void
code_params_centroid(const CodeSpec *spec, const void *params, float *centroid)
{
	const uint8_t *bytes = (const uint8_t *) params + CODE_SEED_SIZE;

	for (size_t i = 0; i < (size_t) spec->dims; i++)
	{
		uint32_t bits = (uint32_t) load_le(bytes + i * sizeof(float), sizeof(float));

		memcpy(&centroid[i], &bits, sizeof(bits));
	}
}

size_t
coder_size(const CodeSpec *spec)
{
	return CODER_HEADER + spec_padded(spec) * (sizeof(uint32_t) + sizeof(float));
}

Coder *
coder_init(void *memory, const CodeSpec *spec, const void *params)
{
	Coder *coder = memory;
	size_t i;

	coder->spec = *spec;
	coder->family = spec_family(spec);
	coder->padded = spec_padded(spec);
	coder->size = code_size(spec);
	coder->centroid_square = 0;
	coder->signs = (uint32_t *) ((char *) memory + CODER_HEADER);
	coder->centroid = (float *) (coder->signs + coder->padded);
	memset(coder->centroid, 0, coder->padded * sizeof(float));
	rotation_signs(load_le(params, CODE_SEED_SIZE), coder->signs, coder->padded);
	if (!code_metric(spec->metric)->has_centroid)
		return coder;
	code_params_centroid(spec, params, coder->centroid);
	for (i = 0; i < (size_t) spec->dims; i++)
		coder->centroid_square += (double) coder->centroid[i] * coder->centroid[i];
	return coder;
}

size_t
coder_scratch_size(const Coder *coder)
{
	return coder->family->scratch_size(coder);
}

void
coder_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	coder->family->encode(coder, vector, code, scratch);
}

void
coder_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	coder->family->decode(coder, code, vector, scratch);
}

size_t
code_query_size(const Coder *coder)
{
	return CODE_QUERY_HEADER + CODE_ROUND_UP(coder->family->query_size(coder), 64);
}

static CodeQuery *
query_start(const Coder *coder, void *memory)
{
	CodeQuery *query = memory;

	memset(query, 0, sizeof(*query));
	query->coder = coder;
	query->data = (char *) memory + CODE_QUERY_HEADER;
	return query;
}

CodeQuery *
coder_query(const Coder *coder, void *memory, const float *vector, void *scratch)
{
	CodeQuery *query = query_start(coder, memory);

	coder->family->query(coder, query, vector, scratch);
	return query;
}

CodeQuery *
coder_query_code(const Coder *coder, void *memory, const void *code, void *scratch)
{
	CodeQuery *query = query_start(coder, memory);

	coder->family->query_code(coder, query, code, scratch);
	return query;
}

void
code_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	query->distances(query, codes, n, dist, bound);
}

void
code_query_relative(CodeQuery *query)
{
	if (query->constant == 0 && query->coder->family->relative != NULL)
		query->constant = query->coder->family->relative(query);
}

double
code_query_constant(const CodeQuery *query)
{
	return query->constant;
}

float
code_rounding(const CodeQuery *query, float estimate)
{
	return query->coder->family->rounding(query, estimate);
}

float
code_query_estimate(const CodeQuery *query, double distance)
{
	return code_compressed(distance - query->constant);
}

double
code_measure(const CodeQuery *query, const void *code)
{
	return query->coder->family->measure(query, code);
}

float
code_compressed(double distance)
{
	double magnitude = fabs(distance);

	if (isnan(distance))
		return INFINITY;
	if (magnitude < CODE_LARGE)
		return (float) distance;
	magnitude = CODE_LARGE * pow(magnitude / CODE_LARGE, 0.1);
	return (float) (distance < 0 ? -magnitude : magnitude);
}

float
code_distance(const CodeQuery *query, const void *code, float *bound)
{
	float dist;

	query->distances(query, &code, 1, &dist, bound);
	return dist;
}
