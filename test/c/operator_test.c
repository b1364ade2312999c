/*
 * operator_test.c: what operator.h promises, on every level that this CPU has, against sums in long
 * double.
 *
 * Vectors of all lengths from 0 to 300 and some large, of ordinary numbers, of numbers whose sums
 * in float32 overflow or vanish, and of both together. Kinds of operands that stand for the same
 * numbers have the same distances, bit for bit. With an argument ("quick") fewer are tried.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "distance/operator.h"

#define MOST 16000

static const size_t lengths[] = {1,   2,   3,   4,   7,    8,    15,   16,   17,  31,
								 32,  33,  48,  63,  64,   65,   100,  127,  128, 129,
								 255, 256, 300, 784, 1280, 1536, 4096, 16000};

/* What an element may be, beside what is drawn. */
typedef enum Range
{
	ORDINARY,
	HUGE_NUMBERS, /* to the greatest float32 */
	TINY,         /* to the smallest */
	MIXED,        /* all that there are */
	RANGES,
} Range;

static float
draw_float(Range range)
{
	double unit = (double) (draw() >> 11) / 4503599627370496.0 - 1.0;
	uint32_t bits = (uint32_t) draw();
	float any;

	switch (range)
	{
		case HUGE_NUMBERS:
			return (float) (unit * FLT_MAX);
		case TINY:
			return (float) ldexp(unit, -(int) (60 + draw() % 89));
		case MIXED:
			memcpy(&any, &bits, sizeof(any));
			return isfinite(any) ? any : 1;
		default:
			return (float) unit;
	}
}

typedef struct Sums
{
	long double l2;
	long double l1;
	long double ab;
	long double aa;
	long double bb;
	long double size; /* sum |a * b| */
} Sums;

static Sums
exact_sums(const float *a, const float *b, size_t n)
{
	Sums sums = {0};

	for (size_t i = 0; i < n; i++)
	{
		long double p = a[i];
		long double q = b[i];

		sums.l2 += (p - q) * (p - q);
		sums.l1 += fabsl(p - q);
		sums.ab += p * q;
		sums.aa += p * p;
		sums.bb += q * q;
		sums.size += fabsl(p * q);
	}
	return sums;
}

/* Within what n additions in float32 may be off. */
static bool
is_close(double got, long double exact, long double size, size_t n)
{
	return isfinite(got) && fabsl(got - exact) <= 1e-6L * (1 + (long double) n / 64) * size;
}

static void
check_pair(const float *a, const float *b, size_t n, Range range)
{
	const char *level = distance->name;
	Elements x = elements_floats(a);
	Elements y = elements_floats(b);
	Sums sums = exact_sums(a, b, n);
	double l2 = operator_l2_square(x, y, n);
	double ip = operator_ip(x, y, n);
	double l1 = operator_l1(x, y, n);
	double cosine = operator_cosine(x, y, n);

	CHECK(is_close(l2, sums.l2, sums.l2, n), "%s n %zu range %d: %g for %Lg", level, n, range, l2,
		  sums.l2);
	CHECK(is_close(ip, sums.ab, sums.size, n), "%s n %zu range %d: %g for %Lg", level, n, range, ip,
		  sums.ab);
	CHECK(is_close(l1, sums.l1, sums.l1, n), "%s n %zu range %d: %g for %Lg", level, n, range, l1,
		  sums.l1);
	if (sums.aa > 0 && sums.bb > 0)
		CHECK(cosine >= 0 && cosine <= 2 &&
				  is_close(cosine, 1 - sums.ab / sqrtl(sums.aa * sums.bb), 2, n),
			  "%s n %zu range %d: %g", level, n, range, cosine);
	else
		CHECK(isnan(cosine), "%s n %zu: %g", level, n, cosine);
	CHECK(operator_l2_square(y, x, n) == l2 && operator_ip(y, x, n) == ip &&
			  operator_l1(y, x, n) == l1,
		  "%s n %zu: not symmetric", level, n);
	CHECK(isnan(cosine) || operator_cosine(y, x, n) == cosine, "%s n %zu: not symmetric", level, n);
	CHECK(operator_l2_square(x, x, n) == 0 && operator_l1(x, x, n) == 0, "%s n %zu: not at itself",
		  level, n);
}

/* Where float32 is enough the kernel's sums are what comes out. */
static void
check_kernels(const float *a, const float *b, size_t n)
{
	Elements x = elements_floats(a);
	Elements y = elements_floats(b);
	float parts[3];

	distance->cosine_f32(a, b, n, parts);
	CHECK(operator_l2_square(x, y, n) == distance->l2_f32(a, b, n), "%s n %zu", distance->name, n);
	CHECK(operator_ip(x, y, n) == distance->ip_f32(a, b, n), "%s n %zu", distance->name, n);
	CHECK(operator_l1(x, y, n) == distance->l1_f32(a, b, n), "%s n %zu", distance->name, n);
	CHECK(operator_cosine(x, y, n) == operator_cosine_of(parts[0], parts[1], parts[2]), "%s n %zu",
		  distance->name, n);
}

static void
test_floats(size_t n)
{
	static float a[MOST];
	static float b[MOST];

	for (int range = ORDINARY; range < RANGES; range++)
		for (int other = ORDINARY; other < RANGES; other++)
		{
			for (size_t i = 0; i < n; i++)
			{
				a[i] = draw_float((Range) range);
				b[i] = draw_float((Range) other);
			}
			check_pair(a, b, n, (Range) (10 * range + other));
			if (range == ORDINARY && other == ORDINARY)
				check_kernels(a, b, n);
			/* nearly all zero, and orthogonal but for one element */
			memset(b, 0, n * sizeof(float));
			check_pair(a, b, n, (Range) range);
			b[n / 2] = draw_float((Range) other);
			check_pair(a, b, n, (Range) (10 * range + other));
		}
}

/* Halves, scaled halves and the floats that they stand for; of all sizes down to the smallest. */
static void
test_halves(size_t n)
{
	static half h[2][MOST];
	static float f[2][MOST];

	for (int exponent = -24; exponent <= 24; exponent += 8)
	{
		float scale = ldexpf(1, exponent);
		Elements a = elements_floats(f[0]);
		Elements b = elements_floats(f[1]);
		Elements scaled = elements_scaled(h[1], scale);

		for (size_t i = 0; i < n; i++)
			for (int k = 0; k < 2; k++)
			{
				h[k][i] = (half) draw();
				if ((h[k][i] & 0x7C00) == 0x7C00)
					h[k][i] &= 0x83FF;
			}
		distance->f32_from_half(f[0], h[0], 1, n);
		distance->f32_from_half(f[1], h[1], scale, n);
		CHECK(operator_l2_square(a, scaled, n) == operator_l2_square(a, b, n), "%s n %zu",
			  distance->name, n);
		CHECK(operator_ip(a, scaled, n) == operator_ip(a, b, n), "%s n %zu", distance->name, n);
		CHECK(operator_l1(a, scaled, n) == operator_l1(a, b, n), "%s n %zu", distance->name, n);
		CHECK(operator_cosine(a, scaled, n) == operator_cosine(a, b, n), "%s n %zu", distance->name,
			  n);
		if (exponent != 0)
			continue;
		a = elements_halves(h[0]);
		b = elements_halves(h[1]);
		scaled = elements_scaled(h[1], 1);
		CHECK(operator_l2_square(a, b, n) == operator_l2_square(elements_floats(f[0]), scaled, n),
			  "n %zu", n);
		CHECK(operator_ip(a, b, n) == operator_ip(elements_floats(f[0]), scaled, n), "n %zu", n);
		CHECK(operator_l1(a, b, n) == operator_l1(elements_floats(f[0]), scaled, n), "n %zu", n);
		CHECK(operator_cosine(a, b, n) == operator_cosine(elements_floats(f[0]), scaled, n),
			  "n %zu", n);
	}
}

/* Vectors whose distances are known. */
static void
test_known(void)
{
	static const struct
	{
		float a[2];
		float b[2];
		double l2;
		double ip;
		double l1;
		double cosine;
	} known[] = {
		{{3e38f, 3e38f}, {3e38f, 3e38f}, 0, 1.8e77, 0, 0},
		{{3e38f, 3e38f}, {-3e38f, 3e38f}, 3.6e77, 0, 6e38, 1},
		{{3e38f, 0}, {1, 0}, 9e76, 3e38, 3e38, 0},
		{{1e-23f, 0}, {1e-23f, 0}, 0, 1e-46, 0, 0},
		{{1e-23f, 0}, {-1e-23f, 0}, 4e-46, -1e-46, 2e-23, 2},
		{{1e-30f, 0}, {1, 1}, 2, 1e-30, 2, 1 - M_SQRT1_2},
		{{1e-45f, 0}, {0, 1e-45f}, 3.92727e-90, 0, 2.8026e-45, 1},
		{{1e30f, 1e-30f}, {1e-30f, 1e30f}, 2e60, 2, 2e30, 1},
		{{1, 0}, {0, 0}, 1, 0, 1, NAN},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		Elements a = elements_floats(known[i].a);
		Elements b = elements_floats(known[i].b);
		double cosine = operator_cosine(a, b, 2);

		CHECK(fabs(operator_l2_square(a, b, 2) - known[i].l2) <= 1e-4 * known[i].l2, "pair %zu", i);
		CHECK(fabs(operator_ip(a, b, 2) - known[i].ip) <= 1e-4 * fabs(known[i].ip), "pair %zu", i);
		CHECK(fabs(operator_l1(a, b, 2) - known[i].l1) <= 1e-4 * known[i].l1, "pair %zu", i);
		CHECK(isnan(known[i].cosine) ? isnan(cosine) : fabs(cosine - known[i].cosine) <= 1e-7,
			  "pair %zu: %g", i, cosine);
	}
	CHECK(operator_l2_square(elements_floats(known[0].a), elements_floats(known[0].b), 0) == 0,
		  "no dimensions");
}

int
main(int argc, char **argv)
{
	(void) argv;
	for (int level = DISTANCE_PORTABLE; level <= DISTANCE_AVX512; level++)
	{
		if (distance_kernels((DistanceLevel) level) == NULL)
			continue;
		distance_init((DistanceLevel) level);
		test_known();
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
			for (int round = 0; round < (argc > 1 ? 1 : 5); round++)
			{
				test_floats(lengths[i]);
				test_halves(lengths[i]);
			}
	}
	return check_result("operators");
}
