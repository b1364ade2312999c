/*
 * loops.h: the plain loops that encoding and preparing a query spend their time in, once per
 * instruction set.
 *
 * They are simple enough for the compiler to vectorise, so that there is one body in C
 * (loops_body.h) which loops.c includes under a target attribute per set. The set is that of the
 * distance kernels in use.
 *
 * Lengths n are multiples of CODE_BLOCK unless said otherwise.
 */
#ifndef HNSWC_CODE_LOOPS_H
#define HNSWC_CODE_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/*
 * How a dimension becomes an integer: u = floor(x * scale + offset), kept within [low, high]; it
 * stands for u - center.
 */
typedef struct LoopGrid
{
	float scale;
	float offset;
	float low;
	float high;
	float center;
} LoopGrid;

typedef struct LoopSums
{
	float max;    /* of the absolute values */
	float square; /* sum of squares */
	float dot;    /* with the other operand */
} LoopSums;

typedef struct CodeLoops
{
	/*
	 * dst = (v * times - c) * scale with everything finite; sums over dst, dot with c. n is any
	 * number; dst may be v.
	 */
	void (*residual)(float *dst, const float *v, float times, const float *c, float scale, size_t n,
					 LoopSums *sums);
	/*
	 * Multiplies by scale, with the sign turned where bit 31 - round of signs is set. n is any
	 * number.
	 */
	void (*flip)(float *x, const uint32_t *signs, int round, float scale, size_t n);
	/* (a, b) = (a + b, a - b) / sqrt(2) */
	void (*butterfly)(float *a, float *b, size_t n);
	/* The least and the greatest; n is any number from 1. */
	void (*range)(const float *v, size_t n, float *min, float *max);
	/* x *= scale; returns the greatest absolute value */
	float (*scale)(float *x, float scale, size_t n);
	/*
	 * The sum of squares, which are doubles: those of a float32 neither over- nor underflow. n is
	 * any number.
	 */
	double (*square)(const float *x, size_t n);
	/* x *= scale, in doubles; n is any number */
	void (*scale_double)(float *x, double scale, size_t n);
	/*
	 * dot of x with its image on the grid, and the image's sum of squares; the second writes u as
	 * well
	 */
	void (*grid_try)(const float *x, const LoopGrid *grid, size_t n, LoopSums *sums);
	void (*grid_write)(const float *x, const LoopGrid *grid, size_t n, uint8_t *u, LoopSums *sums);
	/* sum of (x - step * (u - center))^2 */
	float (*grid_rest)(const float *x, const uint8_t *u, float center, float step, size_t n);
	/*
	 * q = round(x * inverse), |x * inverse| at most 127; returns the sum of q; *lost = sum of (x -
	 * q * step)^2
	 */
	int32_t (*round_query)(const float *x, int8_t *q, float inverse, float step, size_t n,
						   float *lost);
	/* Bit p of every byte to plane p, `stride` bytes apart; returns the sum of all bytes. */
	int32_t (*planes)(const uint8_t *u, uint8_t *planes, size_t stride, int nplanes, size_t n);
	/*
	 * Bytes below 2^bits to the packing of distance.h for dot_u2 and dot_u4 (bits 1 likewise) and
	 * back.
	 */
	void (*pack)(const uint8_t *u, uint8_t *packed, int bits, size_t n);
	void (*unpack)(const uint8_t *packed, uint8_t *u, int bits, size_t n);
	/* Levels as int8: u - 128 for 8 bits, otherwise 2 u - top; returns their sum. */
	int32_t (*center_levels)(const uint8_t *u, int8_t *q, int bits, size_t n);
	/*
	 * One step of fitting lo + step * u to a vector: u = the nearest code up to `top`; sums of u, u
	 * * u, v - lo, u * (v - lo), and of the absolute and squared errors, in this order. n is any
	 * number.
	 */
	void (*fit)(const float *v, float lo, float step, float top, size_t n, uint8_t *u,
				double sums[6]);
	/* v = lo + step * u with everything finite; n is any number. */
	void (*line)(const uint8_t *u, float lo, float step, size_t n, float *v);
} CodeLoops;

/* The loops that go with the distance kernels in use. */
extern const CodeLoops *code_loops(void);

#endif /* HNSWC_CODE_LOOPS_H */
