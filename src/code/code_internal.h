/*
 * code_internal.h: what the files of this directory share: the coder, the prepared query and the
 * four families.
 *
 * A code is of one of four families, chosen by the spec alone: rotated (1, 2, 4, 8 bits for L2,
 * inner product and cosine), scalar (1, 2, 4, 8 bits for L1), binary (Hamming and Jaccard) and copy
 * (half precision or exact). coder.c asks for the family and passes the call on.
 */
#ifndef HNSWC_CODE_INTERNAL_H
#define HNSWC_CODE_INTERNAL_H

#include <float.h>
#include <math.h>

#include "code/code.h"
#include "distance/distance.h"

#define CODE_ROUND_UP(n, to) (((size_t) (n) + (to) -1) / (to) * (to))

/* Bytes of the seed that parameters begin with. */
#define CODE_SEED_SIZE sizeof(uint64_t)

/* Packed codes count dimensions in blocks of this many. */
#define CODE_BLOCK 16

/*
 * Planes of a query that meets 1-bit codes. Of the true ten nearest, 4 planes leave 0.2 to 0.7 %
 * fewer among the best twenty, 6 or 8 have 0.1 to 0.5 % more, and every plane costs the same time.
 */
#define CODE_PLANES 5

/* What a family does: the functions of the same names in code.h, for the specs that it serves. */
typedef struct CodeFamily
{
	size_t (*code_size)(const CodeSpec *spec);
	size_t (*scratch_size)(const Coder *coder);
	void (*encode)(const Coder *coder, const float *vector, void *code, void *scratch);
	void (*decode)(const Coder *coder, const void *code, float *vector, void *scratch);
	/*
	 * bytes of a query's `data`, and the two ways to fill a query, which give it its `distances`
	 * too
	 */
	size_t (*query_size)(const Coder *coder);
	void (*query)(const Coder *coder, CodeQuery *query, const float *vector, void *scratch);
	void (*query_code)(const Coder *coder, CodeQuery *query, const void *code, void *scratch);
	/* code_measure(), where codes hold vectors; else NULL */
	double (*measure)(const CodeQuery *query, const void *code);
	/* code_rounding(), likewise */
	float (*rounding)(const CodeQuery *query, float estimate);
	/*
	 * what distances from the query have in common, to be left out of its estimates from now on;
	 * NULL: nothing
	 */
	double (*relative)(CodeQuery *query);
} CodeFamily;

extern const CodeFamily code_rotated; /* quantize.c and estimate.c */
extern const CodeFamily code_scalar;  /* scalar_l1.c */
extern const CodeFamily code_copy;    /* exact.c */
extern const CodeFamily code_binary;  /* binary.c */

/*
 * Followed in its memory by the rotation's signs (a uint32 a padded dimension) and the centroid (a
 * float each).
 */
struct Coder
{
	CodeSpec spec;
	const CodeFamily *family;
	size_t padded;          /* dims rounded up to CODE_BLOCK */
	size_t size;            /* code_size(spec) */
	double centroid_square; /* its squared length */
	uint32_t *signs;
	float *centroid; /* the rest up to padded is zero */
};

typedef int32_t (*CodeDot)(const uint8_t *code, const int8_t *q, size_t n);

/*
 * Followed in its memory by `data`, whose form depends on the family. What the estimate of a
 * rotated code takes from the query comes first, in one cache line; see estimate.c.
 */
struct CodeQuery
{
	/* code_distances() of this query */
	void (*distances)(const CodeQuery *query, const void *const *codes, int n, float *dist,
					  float *bound);
	CodeDot dot; /* for 2 bits and more */
	void *data;
	const Coder *coder;
	double constant; /* left out of estimates: see code_query_relative() */
	/* product of residuals = rescale * (scale * integer dot + offset + ones_weight * ones) */
	float scale;
	float offset;
	float ones_weight;
	float radius; /* length of the query's residual */
	float add;    /* distance = add + the code's add - times * product, but not below `least` */
	float times;
	float least;
	float inverse; /* copies, cosine: 1 / length, see exact.c */

	/* for bounds alone */
	float rounding; /* length of what rounding took from the query, over sqrt(padded) */
	float error;    /* the error factor of a query that is a code itself, otherwise 0 */
};

/* Where `data` begins behind a query, and what is allotted behind a coder. */
#define CODE_QUERY_HEADER CODE_ROUND_UP(sizeof(CodeQuery), 64)
#define CODER_HEADER CODE_ROUND_UP(sizeof(Coder), 64)

/* Limits a value to what a float holds; NaN becomes the greatest float. */
static inline float
code_clamp(double value)
{
	if (!(value < FLT_MAX))
		return FLT_MAX;
	return value > -FLT_MAX ? (float) value : -FLT_MAX;
}

/* From here on estimates are compressed. */
#define CODE_LARGE 0x1p110f

/* What rounding may take from an estimate that was compressed, of itself. */
#define CODE_LARGE_ROUNDING 1e-6f

/*
 * The bound of an estimate, from the distance that is estimated and what is to be subtracted from
 * that.
 */
static inline float
code_compressed_bound(double distance, double bound)
{
	float estimate;

	if (fabs(distance) < CODE_LARGE)
		return code_clamp(bound);
	estimate = code_compressed(distance);
	return estimate - code_compressed(distance - bound) + CODE_LARGE_ROUNDING * fabsf(estimate);
}

/*
 * Where a distance is that near to the query's constant, of itself, float32 has lost what it
 * differs by, and it is taken anew. An ordinary one is by chance, once in a thousand.
 */
#define CODE_DIFFERENCE_SHARE 0x1p-10
/* What rounding takes from a difference of a sum and a constant, of the sum. */
#define CODE_DIFFERENCE_ROUNDING FLT_EPSILON

/* |x - q| - |q|, without loss where q is large. */
static inline double
code_l1_difference(double x, double q)
{
	double along = q < 0 ? -x : x;

	return along > fabs(q) ? along - 2 * fabs(q) : -along;
}

/* Sum |x|. */
static inline double
code_l1_length(const float *x, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += fabs((double) x[i]);
	return sum;
}

/* Bits per dimension of a packed code as levels: 2^bits - 1. */
static inline int
code_top(int bits)
{
	return (1 << bits) - 1;
}

/* dims in whole blocks. */
static inline size_t
spec_padded(const CodeSpec *spec)
{
	return CODE_ROUND_UP(spec->dims, CODE_BLOCK);
}

#endif /* HNSWC_CODE_INTERNAL_H */
