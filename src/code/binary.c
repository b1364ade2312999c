/*
 * binary.c: codes of vectors whose elements are 0 and 1, for the Hamming and the Jaccard distance.
 *
 * The code is the vector, a bit a dimension, so distances are exact but for their rounding to
 * float32, and there is nothing to re-rank: the family of CODE_BITS_EXACT for these two metrics.
 *
 *	offset	size	field
 *	0		dims/8	bit i of the vector is bit i % 8 of byte i / 8; padded with zeroes to a multiple
 *					of 4 bytes
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

/* Distances as the operators return them: whole numbers, and shares in double. */

static double
hamming_measure(const CodeQuery *query, const void *code)
{
	return (double) distance->hamming(code, query->data, query->coder->size);
}

/*
 * 1 less the share of the ones of either that both have; vectors with no one in common are at 1,
 * zero vectors too.
 */
static double
jaccard_measure(const CodeQuery *query, const void *code)
{
	int64_t both = distance->and_count(code, query->data, query->coder->size);
	int64_t one = distance->hamming(code, query->data, query->coder->size);

	return both == 0 ? 1 : (double) one / (double) (one + both);
}

static double
binary_measure(const CodeQuery *query, const void *code)
{
	return query->coder->spec.metric == CODE_HAMMING ? hamming_measure(query, code)
													 : jaccard_measure(query, code);
}

/* Whole numbers are as they are. */
static float
binary_rounding(const CodeQuery *query, float estimate)
{
	return query->coder->spec.metric == CODE_HAMMING ? 0 : FLT_EPSILON * estimate;
}

static void
binary_distances(const CodeQuery *query, const void *const *codes, int n, float *dist, float *bound)
{
	for (int i = 0; i < n; i++)
	{
		dist[i] = (float) binary_measure(query, codes[i]);
		if (bound)
			bound[i] = binary_rounding(query, dist[i]);
	}
}

static void
binary_query_code(const Coder *coder, CodeQuery *query, const void *code, void *scratch)
{
	(void) scratch;
	memcpy(query->data, code, coder->size);
	query->distances = binary_distances;
}

static void
binary_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch)
{
	binary_encode(coder, vector, query->data, scratch);
	query->distances = binary_distances;
}

const CodeFamily code_binary = {
	.code_size = binary_code_size,
	.scratch_size = binary_scratch_size,
	.encode = binary_encode,
	.decode = binary_decode,
	.query_size = binary_query_size,
	.query = binary_query,
	.query_code = binary_query_code,
	.measure = binary_measure,
	.rounding = binary_rounding,
};
