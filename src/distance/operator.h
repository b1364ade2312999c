/*
 * operator.h: the distances of two vectors as SQL's operators return them.
 *
 * The operators and the index call the same functions here. So a distance that the index measures
 * from vectors is the operator's own value, bit for bit, and rows come in the operator's order.
 *
 * The kernels of distance.h add in float32. Where their sum has left the range of float32, or is so
 * small that products may have vanished on the way, it is taken again in double. A sum within the
 * range is the kernel's, as it is.
 *
 * Callers may rely on: a finite result for finite vectors, but for the cosine distance from a zero
 * vector, which is NaN; the same result for (a, b) and (b, a); the same result for halves and for
 * the floats that they stand for; any n from 0 up, any alignment, no read outside of the n
 * elements.
 *
 * Plain C: nothing here knows PostgreSQL.
 */
#ifndef HNSWC_OPERATOR_H
#define HNSWC_OPERATOR_H

#include <float.h>
#include <math.h>

#include "distance/distance.h"

/* An operand: n numbers, of which the caller says how they lie. */
typedef struct Elements
{
	enum
	{
		ELEMENTS_FLOATS,
		ELEMENTS_HALVES,
		ELEMENTS_SCALED, /* halves that stand for scale * half; the scale is a power of two */
	} kind;
	float scale;
	const void *x;
} Elements;

static inline Elements
elements_floats(const float *x)
{
	return (Elements){ELEMENTS_FLOATS, 1, x};
}

static inline Elements
elements_halves(const half *x)
{
	return (Elements){ELEMENTS_HALVES, 1, x};
}

static inline Elements
elements_scaled(const half *x, float scale)
{
	return (Elements){ELEMENTS_SCALED, scale, x};
}

/* The sums once more, in double. */
extern double operator_l2_in_double(const Elements *a, const Elements *b, size_t n);
extern double operator_ip_in_double(const Elements *a, const Elements *b, size_t n);
extern double operator_l1_in_double(const Elements *a, const Elements *b, size_t n);
extern double operator_cosine_in_double(const Elements *a, const Elements *b, size_t n);

/*
 * Is a sum of n products that a kernel gave in doubt? It is infinite or NaN once a part of it has
 * overflowed. What a product loses by underflow is at most 2^-150; the n of them lose less than a
 * rounding of n * 2^-126.
 */
static inline bool
operator_is_doubtful(float sum, size_t n)
{
	/* written so that NaN is in doubt */
	return !(fabsf(sum) >= (float) n * FLT_MIN && fabsf(sum) <= FLT_MAX);
}

/*
 * A kernel by what its operands are: of two floats, of two halves, or of floats and scaled halves
 * in this order.
 */
#define OPERATOR_KERNEL(name, a, b, n)                                        \
	((b).kind == ELEMENTS_FLOATS   ? distance->name##_f32((a).x, (b).x, n)    \
	 : (b).kind == ELEMENTS_HALVES ? distance->name##_halves((a).x, (b).x, n) \
								   : distance->name##_f16((a).x, (b).x, (b).scale, n))

/* Sum (a - b)^2. */
static inline double
operator_l2_square(Elements a, Elements b, size_t n)
{
	float sum = OPERATOR_KERNEL(l2, a, b, n);

	return __builtin_expect(operator_is_doubtful(sum, n), 0) ? operator_l2_in_double(&a, &b, n)
															 : sum;
}

/* Sum a * b. */
static inline double
operator_ip(Elements a, Elements b, size_t n)
{
	float sum = OPERATOR_KERNEL(ip, a, b, n);

	return __builtin_expect(operator_is_doubtful(sum, n), 0) ? operator_ip_in_double(&a, &b, n)
															 : sum;
}

/* Sum |a - b|.  Differences do not vanish: float32 holds all of those between small numbers. */
static inline double
operator_l1(Elements a, Elements b, size_t n)
{
	float sum = OPERATOR_KERNEL(l1, a, b, n);

	return __builtin_expect(!(sum <= FLT_MAX), 0) ? operator_l1_in_double(&a, &b, n) : sum;
}

/*
 * 1 less a product over the root of the two sums of squares, kept within [0, 2]; NaN where one of
 * these is zero.
 */
static inline double
operator_cosine_of(double product, double square_a, double square_b)
{
	double cosine = product / sqrt(square_a * square_b);

	/* rounding may leave the range of a cosine; a NaN passes both comparisons and stays */
	if (cosine > 1)
		cosine = 1;
	else if (cosine < -1)
		cosine = -1;
	return 1 - cosine;
}

/* 1 less the cosine of the angle, within [0, 2]; NaN where a or b is zero. */
static inline double
operator_cosine(Elements a, Elements b, size_t n)
{
	float parts[3];

	if (b.kind == ELEMENTS_FLOATS)
		distance->cosine_f32(a.x, b.x, n, parts);
	else if (b.kind == ELEMENTS_HALVES)
		distance->cosine_halves(a.x, b.x, n, parts);
	else
		distance->cosine_f16(a.x, b.x, b.scale, n, parts);
	/* where the squares are not in doubt, what vanished of the product is small beside them */
	if (__builtin_expect(operator_is_doubtful(parts[1], n) || operator_is_doubtful(parts[2], n) ||
							 !(fabsf(parts[0]) <= FLT_MAX),
						 0))
		return operator_cosine_in_double(&a, &b, n);
	return operator_cosine_of(parts[0], parts[1], parts[2]);
}

#endif /* HNSWC_OPERATOR_H */
