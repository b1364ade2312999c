/*
 * distance_portable.c: the kernels in plain C, and the meaning of each in its simplest form.
 *
 * Sums of floats run in LANES independent parts, which lets any compiler use whatever registers it may assume.
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
square(float x)
{
	return x * x;
}

static float
l2_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) square(a[i] - b[i])
	SUM_FLOATS(TERM);
#undef TERM
}

static float
ip_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) (a[i] * b[i])
	SUM_FLOATS(TERM);
#undef TERM
}

static float
l1_f32(const float *a, const float *b, size_t n)
{
#define TERM(i) fabsf(a[i] - b[i])
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
#define TERM(i) square(a[i] - scale * half_to_float(h[i]))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
ip_f16(const float *a, const half *h, float scale, size_t n)
{
#define TERM(i) (a[i] * (scale * half_to_float(h[i])))
	SUM_FLOATS(TERM);
#undef TERM
}

static float
l1_f16(const float *a, const half *h, float scale, size_t n)
{
#define TERM(i) fabsf(a[i] - scale * half_to_float(h[i]))
	SUM_FLOATS(TERM);
#undef TERM
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

/* Up to eight bytes as a word, zero beyond the end. */
static inline uint64_t
word_at(const uint8_t *bytes, size_t i, size_t nbytes)
{
	uint64_t word = 0;

	memcpy(&word, bytes + i, nbytes - i < sizeof(word) ? nbytes - i : sizeof(word));
	return word;
}

static int64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	int64_t sum = 0;

	for (size_t i = 0; i < nbytes; i += 8)
		sum += __builtin_popcountll(word_at(a, i, nbytes) ^ word_at(b, i, nbytes));
	return sum;
}

static int64_t
and_count(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	int64_t sum = 0;

	for (size_t i = 0; i < nbytes; i += 8)
		sum += __builtin_popcountll(word_at(a, i, nbytes) & word_at(b, i, nbytes));
	return sum;
}

static int32_t
dot_planes(const uint8_t *code, const uint8_t *planes, size_t stride, int nplanes, size_t n)
{
	int32_t sum = 0;

	for (int p = 0; p < nplanes; p++)
		sum += (int32_t) and_count(code, planes + (size_t) p * stride, n / 8) << p;
	return sum;
}

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

const DistanceKernels distance_portable = {
	.name = "portable",
	.level = DISTANCE_PORTABLE,
	.l2_f32 = l2_f32,
	.ip_f32 = ip_f32,
	.l1_f32 = l1_f32,
	.cosine_f32 = cosine_f32,
	.l2_f16 = l2_f16,
	.ip_f16 = ip_f16,
	.l1_f16 = l1_f16,
	.half_from_f32 = half_from_f32,
	.f32_from_half = f32_from_half,
	.dot_u8 = dot_u8,
	.dot_u4 = dot_u4,
	.dot_u2 = dot_u2,
	.dot_planes = dot_planes,
	.l1_u8 = l1_u8,
	.hadamard_f32 = hadamard_f32,
	.hamming = hamming,
	.and_count = and_count,
};
