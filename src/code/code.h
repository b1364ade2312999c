/*
 * code.h: how a vector is kept in a node, and how far a query is from it.
 *
 * A coder turns a float32 vector into a code of fixed size and estimates distances from a prepared
 * query to codes. One interface serves everything: 1, 2, 4 and 8 bits a dimension (after a random
 * rotation for L2, inner product and cosine; a scalar quantizer per vector for L1), a scaled
 * half-precision copy (16) and the exact vector (32). What a walk measures and what a re-rank
 * measures are thus the same call with another coder.
 *
 * Distances are those the search orders by: L2 squared; the negative inner product; 1 less the
 * cosine of the angle; the L1 sum; the number of different bits; 1 less the share of common ones.
 * Vectors are taken as they are: for the cosine the coder itself normalises what it needs so.
 *
 * An estimate is a float32. A distance for which that has no room is made smaller, in order: see
 * code_compressed().
 *
 * Memory is the caller's: functions ending in _size say how many bytes an object needs (align it to
 * 64 bytes); nothing here allocates. Objects hold no pointers into the caller's input after a call
 * returns, except a coder into `params` and a query into its coder.
 *
 * Plain C: nothing here knows PostgreSQL.
 *
 * Sources: Gao and Long, "RaBitQ" (SIGMOD 2024); Gao et al., the extended form for B bits (SIGMOD
 * 2025).
 */
#ifndef HNSWC_CODE_H
#define HNSWC_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CodeMetric
{
	CODE_L2,
	CODE_IP,
	CODE_COSINE,
	CODE_L1,
	CODE_HAMMING, /* of vectors of 0 and 1, exact codes only */
	CODE_JACCARD,
} CodeMetric; /* of each, a row in metric.c */

#define CODE_METRICS (CODE_JACCARD + 1)

#define CODE_BITS_HALF 16
#define CODE_BITS_EXACT 32

#define CODE_MAX_DIMS 16000
#define CODE_MAX_BINARY_DIMS 64000
/*
 * With fewer dimensions the error of a rotated code grows: its bound is widened, and defaults take
 * more bits.
 */
#define CODE_FEW_DIMS 64

/* What fixes the shape of a code. */
typedef struct CodeSpec
{
	int32_t dims; /* 1 to 16,000; to 64,000 for Hamming and Jaccard */
	CodeMetric metric;
	int32_t bits; /* 1, 2, 4, 8, CODE_BITS_HALF or CODE_BITS_EXACT */
} CodeSpec;

typedef struct Coder Coder;
typedef struct CodeQuery CodeQuery;

/* Bytes of a code with its factors: a multiple of 4.  0 for a spec that is not supported. */
extern size_t code_size(const CodeSpec *spec);

/* Scales a vector to length 1, however long it is; false, with nothing done, if it is zero. */
extern bool code_normalise(float *vector, size_t n);

/*
 * Moves those of n vectors that are far away from nearly all others to the end of `sample`; returns
 * how many are left in front of them, in their order. Of a sample in random order, a tenth may be
 * anywhere: nothing need be learned from them. `center` has room for dims floats, for the median of
 * every dimension, which is set if n is not 0.
 */
extern size_t code_ordinary(float *sample, size_t n, size_t dims, float *center);

/*
 * Trained parameters: a seed and a centroid, the same for every number of bits, so that coders of
 * several widths share them. They are stored as they are on disk: little-endian,
 * position-independent, code_params_size(spec) bytes (which does not depend on bits; at least 8).
 * `sample` is n vectors of dims floats, of length 1 for the cosine; the centroid is their mean, or
 * zero if n is 0.
 */
extern size_t code_params_size(const CodeSpec *spec);
extern void code_train(const CodeSpec *spec, uint64_t seed, const float *sample, size_t n,
					   void *params);

/* The centroid of params, of a metric that has one: dims floats. */
extern void code_params_centroid(const CodeSpec *spec, const void *params, float *centroid);

/* A coder: spec and params made ready for use.  `params` must stay valid. */
extern size_t coder_size(const CodeSpec *spec);
extern Coder *coder_init(void *memory, const CodeSpec *spec, const void *params);

/*
 * Encodes a vector: writes exactly code_size(spec) bytes, the same for the same vector on every CPU
 * level as far as float32 rounding allows. `scratch` is coder_scratch_size() bytes, one per thread
 * of use.
 */
extern size_t coder_scratch_size(const Coder *coder);
extern void coder_encode(const Coder *coder, const float *vector, void *code, void *scratch);

/* What a code is compared with. */
typedef struct CodeComparison
{
	const float *vector;
	const void *expected; /* the vector's code as it is made here */
	float *decoded;       /* room for dims floats */
	/* the vector is one of halves, the code that of the vector it was made from */
	bool rough;
} CodeComparison;

/*
 * May the code be that of a vector, made on whatever CPU level? In all but a level or its last
 * digits.
 */
extern bool code_is_of(const Coder *coder, const CodeComparison *comparison, const void *code,
					   void *scratch);

/* The vector that a code stands for (the exact one for 32 bits). */
extern void coder_decode(const Coder *coder, const void *code, float *vector, void *scratch);

/*
 * A query made ready to meet many codes: from a vector, or from a code (for the distances between
 * two elements of an index, in neighbour selection; symmetric up to the codes' error).
 * code_query_size() bytes.
 */
extern size_t code_query_size(const Coder *coder);
extern CodeQuery *coder_query(const Coder *coder, void *memory, const float *vector, void *scratch);
extern CodeQuery *coder_query_code(const Coder *coder, void *memory, const void *code,
								   void *scratch);

/*
 * Lets the estimates of a query leave out what all distances from it have in common: they are less
 * by code_query_constant(), until then 0. From far away all distances are about the same, and
 * float32 does not tell which is the least; without what they have in common it does.
 */
extern void code_query_relative(CodeQuery *query);
extern double code_query_constant(const CodeQuery *query);

/*
 * Distances from the query to n codes. dist[i] is the estimate, less the query's constant.
 * bound[i], where `bound` is not NULL, is what to subtract: the true distance is at least dist[i] -
 * bound[i] with a probability of about 0.999. Codes that are the vector have a bound for rounding
 * alone, which is 0 where the estimate is the distance. Codes have any alignment of 4 bytes. The
 * same code always gets the same dist, however many are asked for at once.
 */
extern void code_distances(const CodeQuery *query, const void *const *codes, int n, float *dist,
						   float *bound);
/* The same for one. */
extern float code_distance(const CodeQuery *query, const void *code, float *bound);

/*
 * The distance as SQL's operator measures it (for L2 its square), bit for bit, where the code holds
 * the vector: for CODE_BITS_EXACT, and for CODE_BITS_HALF if the elements are halves. Otherwise
 * CODE_BITS_HALF gives that of the copy. Only for queries of these widths that were made from a
 * vector. NaN for the cosine distance of a zero vector.
 */
extern double code_measure(const CodeQuery *query, const void *code);

/*
 * The bound of an estimate from a code of CODE_BITS_EXACT, which is for rounding alone: no code
 * need be seen for it.
 */
extern float code_rounding(const CodeQuery *query, float estimate);

/* A distance as the query's estimates would have it: less the constant, and compressed. */
extern float code_query_estimate(const CodeQuery *query, double distance);

/*
 * A distance among estimates: rounded, and beyond 2^110 taken to its tenth root, so that all
 * distances between float32 vectors have a place there, in their order. NaN becomes infinite.
 */
extern float code_compressed(double distance);

#endif /* HNSWC_CODE_H */
