/*
 * quantize.h: the rotated code as quantize.c writes it and estimate.c reads it.
 *
 * With c the centroid, o = P(v - c) the rotated residual, r its length, and x the point of the grid
 * that the packed levels u stand for (x = u - center):
 *
 *	offset	size	field
 *	0		4		add			L2: r^2; inner product and cosine: -<v - c, c>
 *	4		4		rescale		g = r^2 / <x, o>, so that g <x, y> estimates <o, y> for any y
 *	8		4		radius		r
 *	12		4		error		r sqrt(1 / f^2 - 1) / sqrt(n - 1) with f = cos(x, o): the standard
 *							deviation of that estimate for a y of length 1 at a right angle
 *							to o. 1 bit: instead the number of ones, which estimates need;
 *							the error follows from the rest, as |x|^2 = n / 4 for every code
 *	16		n*bits/8	levels, packed as distance.h describes, zero-padded to a multiple of 4
 */
#ifndef HNSWC_CODE_QUANTIZE_H
#define HNSWC_CODE_QUANTIZE_H

#include "code/code_internal.h"

typedef struct RotatedFactors
{
	float add;
	float rescale;
	float radius;
	float error; /* 1 bit: ones */
} RotatedFactors;

_Static_assert(sizeof(RotatedFactors) == 16, "factors are 16 bytes on disk");

/* A rotated residual; lengths in the vector's own unit are `unit` times those of the array. */
typedef struct Residual
{
	double unit;  /* 1 but for extreme vectors */
	float max;    /* greatest absolute value in the array */
	float square; /* sum of squares of the array */
	double dot;   /* <v - c, c> in the vector's unit */
} Residual;

/* x = P(v - c), coder->padded floats; for the cosine v is taken at length 1. */
extern void residual_rotated(const Coder *coder, const float *vector, float *x, Residual *residual);

/* estimate.c: the queries of the family. */
extern size_t rotated_query_size(const Coder *coder);
extern void rotated_query(const Coder *coder, CodeQuery *query, const float *vector, void *scratch);
extern void rotated_query_code(const Coder *coder, CodeQuery *query, const void *code,
							   void *scratch);
extern double rotated_relative(CodeQuery *query);

/*
 * What a level stands for: u - center. 8 bits give up one level of 256 so that the grid holds zero
 * and is symmetric: levels then are exact int8 queries.
 */
static inline float
rotated_center(int bits)
{
	return bits == 8 ? 128.0f : 0.5f * (float) code_top(bits);
}

#endif /* HNSWC_CODE_QUANTIZE_H */
