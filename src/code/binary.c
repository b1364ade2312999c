/*
 * binary.c: codes of vectors whose elements are 0 and 1, for the Hamming and the Jaccard distance.
 *
 * The code is the vector, a bit a dimension, so distances are exact and there is nothing to re-rank: the family of
 * CODE_BITS_EXACT for these two metrics.
 *
 *	offset	size	field
 *	0		dims/8	bit i of the vector is bit i % 8 of byte i / 8; padded with zeroes to a multiple of 4 bytes
 *
 * An element counts as 1 if it is not zero.
 */
#include <string.h>

#include "code/code_internal.h"

static size_t
binary_code_size(const CodeSpec *spec)
{
	return CODE_ROUND_UP(((size_t) spec->dims + 7) / 8, 4);
}

static size_t
binary_scratch_size(const Coder *coder)
{
	(void) coder;
	return 1;
}

static size_t
binary_query_size(const Coder *coder)
{
	return coder->size;
}

static void
binary_encode(const Coder *coder, const float *vector, void *code, void *scratch)
{
	size_t dims = (size_t) coder->spec.dims;
	uint8_t *bytes = code;

	(void) scratch;
	memset(bytes, 0, coder->size);
	for (size_t i = 0; i < dims; i++)
		bytes[i / 8] |= (uint8_t) ((vector[i] != 0) << i % 8);
}

static void
binary_decode(const Coder *coder, const void *code, float *vector, void *scratch)
{
	const uint8_t *bytes = code;

	(void) scratch;
	for (size_t i = 0; i < (size_t) coder->spec.dims; i++)
		vector[i] = (float) (bytes[i / 8] >> i % 8 & 1);
}

static void
hamming_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	size_t size = query->coder->size;

	for (int i = 0; i < n; i++)
	{
		dist[i] = (float) distance->hamming(codes[i], query->data, size);
		if (bound)
			bound[i] = 0;
	}
}

/* 1 less the share of the ones of either that both have; vectors with no one in common are at 1, zero vectors too. */
static void
jaccard_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	size_t size = query->coder->size;

	for (int i = 0; i < n; i++)
	{
		int64_t both = distance->and_count(codes[i], query->data, size);
		int64_t one = distance->hamming(codes[i], query->data, size);

		dist[i] = both == 0 ? 1.0f : (float) ((double) one / (double) (one + both));
		if (bound)
			bound[i] = 0;
	}
}

static void
binary_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	(void) scratch;
	memcpy(query->data, code, coder->size);
	query->distances = coder->spec.metric == CODE_HAMMING ? hamming_distances : jaccard_distances;
}

static void
binary_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	binary_encode(coder, vector, query->data, scratch);
	query->distances = coder->spec.metric == CODE_HAMMING ? hamming_distances : jaccard_distances;
}

const CodeFamily code_binary = {
	.code_size = binary_code_size,
	.scratch_size = binary_scratch_size,
	.encode = binary_encode,
	.decode = binary_decode,
	.query_size = binary_query_size,
	.query = binary_query,
	.query_code = binary_query_code,
};
