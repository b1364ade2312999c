/*
 * distance_portable.c: the kernels in plain C, and the meaning of each in its simplest form.
 *
 * Sums of floats run in LANES independent parts, which lets any compiler use whatever registers it
 * may assume. Vectors need not be aligned, so their elements are copied out.
 */
#include <math.h>
#include <string.h>

#include "distance/distance_internal.h"
#include "distance/half.h"

#define LANES 8

/* The sum of `term`, an expression of i, over all i < n; `setup` declares what it needs. */
#define SUM_FLOATS(term)                            \
	float lanes[LANES] = {0};                       \
	float sum = 0;                                  \
	size_t i = 0;                                   \
                                                    \
	for (; i + LANES <= n; i += LANES)              \
		for (size_t lane = 0; lane < LANES; lane++) \
			lanes[lane] += term(i + lane);          \
	for (; i < n; i++)                              \
		sum += term(i);                             \
	for (size_t lane = 0; lane < LANES; lane++)     \
		sum += lanes[lane];                         \
	return sum

static inline float
float_at(const float *x, size_t i)
{
	float result;

	memcpy(&result, (const char *) x + i * sizeof(result), sizeof(result));
	return result;
}

static inline float
half_at(const half *x, size_t i)
{
	half bits;

	memcpy(&bits, (const char *) x + i * sizeof(bits), sizeof(bits));
	return half_to_float(bits);
}

static inline float
square(float x)
{
	return x * x;
}

static float
l2_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) square(float_at(a, i) - float_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
ip_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) (float_at(a, i) * float_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
l1_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) fabsf(float_at(a, i) - float_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static void
cosine_f32(const float *a, const float *b, size_t n, float parts[3])
{
	parts[0] = ip_f32(a, b, n);
	parts[1] = ip_f32(a, a, n);
	parts[2] = ip_f32(b, b, n);
}

static float
l2_f16(const float *a, const half *h, float scale, size_t n)
{
#define TERM(i) square(float_at(a, i) - scale * half_at(h, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
ip_f16(const float *a, const half *h, float scale, size_t n)
{
#define TERM(i) (float_at(a, i) * (scale * half_at(h, i)))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
l1_f16(const float *a, const half *h, float scale, size_t n)
{
#define TERM(i) fabsf(float_at(a, i) - scale * half_at(h, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
square_f16(const half *h, float scale, size_t n)
{
#define TERM(i) square(scale *half_at(h, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static void
cosine_f16(const float *a, const half *h, float scale, size_t n, float parts[3])
{
	parts[0] = ip_f16(a, h, scale, n);
	parts[1] = ip_f32(a, a, n);
	parts[2] = square_f16(h, scale, n);
}

static float
l2_halves(const half *a, const half *b, size_t n)
{
#define TERM(i) square(half_at(a, i) - half_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
ip_halves(const half *a, const half *b, size_t n)
{
#define TERM(i) (half_at(a, i) * half_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
l1_halves(const half *a, const half *b, size_t n)
{
#define TERM(i) fabsf(half_at(a, i) - half_at(b, i))
	SUM_FLOATS(TERM);
#undef TERM
}

static void
cosine_halves(const half *a, const half *b, size_t n, float parts[3])
{
	parts[0] = ip_halves(a, b, n);
	parts[1] = ip_halves(a, a, n);
	parts[2] = ip_halves(b, b, n);
}

static void
half_from_f32(half *dst, const float *src, float scale, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = half_from_float(src[i] * scale);
}

static void
f32_from_half(float *dst, const half *src, float scale, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = half_to_float(src[i]) * scale;
}

/* Codes of `bits` bits: see distance.h for the packing. */
static inline int32_t
dot_packed(const uint8_t *code, const int8_t *q, size_t n, size_t bits)
{
	size_t width = n * bits / 8;
	uint32_t mask = (1u << bits) - 1;
	int32_t sum = 0;

	for (size_t k = 0; k < 8 / bits; k++)
		for (size_t j = 0; j < width; j++)
			sum += (int32_t) (code[j] >> (k * bits) & mask) * q[k * width + j];
	return sum;
}

static int32_t
dot_u8(const uint8_t *code, const int8_t *q, size_t n)
{
	return dot_packed(code, q, n, 8);
}

static int32_t
dot_u4(const uint8_t *code, const int8_t *q, size_t n)
{
	return dot_packed(code, q, n, 4);
}

static int32_t
dot_u2(const uint8_t *code, const int8_t *q, size_t n)
{
	return dot_packed(code, q, n, 2);
}

static int32_t
dot_u4_u4(const uint8_t *code, const uint8_t *other, size_t n)
{
	int32_t sum = 0;

	for (size_t j = 0; j < n / 2; j++)
	{
		sum += (code[j] & 0x0F) * (2 * (other[j] & 0x0F) - 15);
		sum += (code[j] >> 4) * (2 * (other[j] >> 4) - 15);
	}
	return sum;
}

#include "distance/distance_words.inc.h"

static float
l1_u8(const uint8_t *code, const float *q, float lo, float step, size_t n)
{
#define TERM(i) fabsf(lo + step * (float) code[i] - q[i])
	SUM_FLOATS(TERM);
#undef TERM
}

static void
hadamard_f32(float *x, size_t n)
{
	for (size_t h = 1; h < n; h *= 2)
		for (size_t i = 0; i < n; i += 2 * h)
			for (size_t j = i; j < i + h; j++)
			{
				float a = x[j];
				float b = x[j + h];

				x[j] = a + b;
				x[j + h] = a - b;
			}
}

DISTANCE_TABLE(distance_portable, "portable", DISTANCE_PORTABLE);
