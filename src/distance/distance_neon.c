/*
 * distance_neon.c: the kernels for aarch64, whose base instruction set has NEON.
 *
 * Bytes are multiplied by widening multiplications: exact, and there on every such CPU.
 */
#include <math.h>
#include <string.h>

#include "distance/distance_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define WIDTH 4  /* floats in a register */
#define BYTES 16 /* bytes in a register */

typedef float32x4_t Lanes;

static inline float32x4_t
load(const float *x)
{
	return vld1q_f32(x);
}

/* n floats, fewer than a register, with zeroes behind. */
static inline float32x4_t
load_first(const float *x, size_t n)
{
	float copy[WIDTH] = {0};

	memcpy(copy, x, n * sizeof(float));
	return vld1q_f32(copy);
}

static inline float32x4_t
load_half(const half *x)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x)));
}

static inline float32x4_t
load_half_first(const half *x, size_t n)
{
	half copy[WIDTH] = {0};

	memcpy(copy, x, n * sizeof(half));
	return load_half(copy);
}

static inline float
sum_lanes(float32x4_t x)
{
	return vaddvq_f32(x);
}

static inline Lanes
lanes_of(float x)
{
	return vdupq_n_f32(x);
}

static inline Lanes
lanes_add(Lanes a, Lanes b)
{
	return vaddq_f32(a, b);
}

static inline Lanes
lanes_sub(Lanes a, Lanes b)
{
	return vsubq_f32(a, b);
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return vmulq_f32(a, b);
}

static inline Lanes
lanes_madd(Lanes a, Lanes b, Lanes c)
{
	return vfmaq_f32(c, a, b);
}

static inline Lanes
lanes_apart(Lanes a, Lanes b)
{
	return vabdq_f32(a, b);
}

static inline void
store(float *x, Lanes lanes)
{
	vst1q_f32(x, lanes);
}

#include "distance/distance_floats.inc.h"

static void
half_from_f32(half *dst, const float *src, float scale, size_t n)
{
	size_t i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(vmulq_n_f32(load(src + i), scale))));
	if (i < n)
	{
		half rest[WIDTH];

		vst1_u16(rest, vreinterpret_u16_f16(
						   vcvt_f16_f32(vmulq_n_f32(load_first(src + i, n - i), scale))));
		memcpy(dst + i, rest, (n - i) * sizeof(half));
	}
}

static void
f32_from_half(float *dst, const half *src, float scale, size_t n)
{
	size_t i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		vst1q_f32(dst + i, vmulq_n_f32(load_half(src + i), scale));
	if (i < n)
	{
		float rest[WIDTH];

		vst1q_f32(rest, vmulq_n_f32(load_half_first(src + i, n - i), scale));
		memcpy(dst + i, rest, (n - i) * sizeof(float));
	}
}

/* The n bytes from p on, at most a register of them, with zeroes behind. */
static inline uint8x16_t
load_bytes(const void *p, size_t n)
{
	uint8_t copy[BYTES] = {0};

	if (n >= BYTES)
		return vld1q_u8(p);
	memcpy(copy, p, n);
	return vld1q_u8(copy);
}

static inline int8x16_t
load_signed(const int8_t *p, size_t n)
{
	return vreinterpretq_s8_u8(load_bytes(p, n));
}

static int32_t
dot_u8(const uint8_t *code, const int8_t *q, size_t n)
{
	int32x4_t s0 = vdupq_n_s32(0);
	int32x4_t s1 = s0;

	for (size_t i = 0; i < n; i += BYTES)
	{
		uint8x16_t bytes = load_bytes(code + i, n - i);
		int8x16_t values = load_signed(q + i, n - i);
		int16x8_t low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(bytes)));
		int16x8_t high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(bytes)));
		int16x8_t q_low = vmovl_s8(vget_low_s8(values));
		int16x8_t q_high = vmovl_s8(vget_high_s8(values));

		s0 = vmlal_s16(s0, vget_low_s16(low), vget_low_s16(q_low));
		s1 = vmlal_s16(s1, vget_high_s16(low), vget_high_s16(q_low));
		s0 = vmlal_s16(s0, vget_low_s16(high), vget_low_s16(q_high));
		s1 = vmlal_s16(s1, vget_high_s16(high), vget_high_s16(q_high));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

/* Adds values below 16 times q, by pairs: 16 bits are enough for a few such products. */
static inline int32x4_t
small_step(int32x4_t sum, uint8x16_t values, int8x16_t q)
{
	int8x16_t v = vreinterpretq_s8_u8(values);
	int16x8_t products = vmull_s8(vget_low_s8(v), vget_low_s8(q));

	return vpadalq_s16(sum, vmlal_s8(products, vget_high_s8(v), vget_high_s8(q)));
}

static int32_t
dot_u4(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 2;
	uint8x16_t mask = vdupq_n_u8(0x0F);
	int32x4_t s0 = vdupq_n_s32(0);
	int32x4_t s1 = s0;

	for (size_t j = 0; j < width; j += BYTES)
	{
		size_t left = width - j;
		uint8x16_t bytes = load_bytes(code + j, left);

		s0 = small_step(s0, vandq_u8(bytes, mask), load_signed(q + j, left));
		s1 = small_step(s1, vshrq_n_u8(bytes, 4), load_signed(q + width + j, left));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

static int32_t
dot_u4_u4(const uint8_t *code, const uint8_t *other, size_t n)
{
	static const int8_t centered[16] = {-15, -13, -11, -9, -7, -5, -3, -1,
										1,   3,   5,   7,  9,  11, 13, 15};
	size_t width = n / 2;
	int8x16_t table = vld1q_s8(centered);
	uint8x16_t mask = vdupq_n_u8(0x0F);
	int32x4_t s0 = vdupq_n_s32(0);
	int32x4_t s1 = s0;

	for (size_t j = 0; j < width; j += BYTES)
	{
		uint8x16_t a = load_bytes(code + j, width - j);
		uint8x16_t b = load_bytes(other + j, width - j);

		s0 = small_step(s0, vandq_u8(a, mask), vqtbl1q_s8(table, vandq_u8(b, mask)));
		s1 = small_step(s1, vshrq_n_u8(a, 4), vqtbl1q_s8(table, vshrq_n_u8(b, 4)));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

static int32_t
dot_u2(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 4;
	uint8x16_t mask = vdupq_n_u8(0x03);
	int32x4_t s0 = vdupq_n_s32(0);
	int32x4_t s1 = s0;

	for (size_t j = 0; j < width; j += BYTES)
	{
		size_t left = width - j;
		uint8x16_t bytes = load_bytes(code + j, left);

		s0 = small_step(s0, vandq_u8(bytes, mask), load_signed(q + j, left));
		s1 = small_step(s1, vandq_u8(vshrq_n_u8(bytes, 2), mask), load_signed(q + width + j, left));
		s0 = small_step(s0, vandq_u8(vshrq_n_u8(bytes, 4), mask),
						load_signed(q + 2 * width + j, left));
		s1 = small_step(s1, vshrq_n_u8(bytes, 6), load_signed(q + 3 * width + j, left));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

/* The bits of a register, as a sum of two words. */
static inline uint64x2_t
count_bits(uint64x2_t sum, uint8x16_t bytes)
{
	return vaddq_u64(sum, vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(vcntq_u8(bytes)))));
}

static int64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	uint64x2_t sum = vdupq_n_u64(0);

	for (size_t i = 0; i < nbytes; i += BYTES)
		sum =
			count_bits(sum, veorq_u8(load_bytes(a + i, nbytes - i), load_bytes(b + i, nbytes - i)));
	return (int64_t) vaddvq_u64(sum);
}

static int64_t
and_count(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	uint64x2_t sum = vdupq_n_u64(0);

	for (size_t i = 0; i < nbytes; i += BYTES)
		sum =
			count_bits(sum, vandq_u8(load_bytes(a + i, nbytes - i), load_bytes(b + i, nbytes - i)));
	return (int64_t) vaddvq_u64(sum);
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
	float32x4_t s0 = vdupq_n_f32(0);
	float32x4_t s1 = s0;
	float sum = 0;
	size_t i = 0;

	for (; i + 2 * WIDTH <= n; i += 2 * WIDTH)
	{
		uint16x8_t levels = vmovl_u8(vld1_u8(code + i));
		float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(levels)));
		float32x4_t high = vcvtq_f32_u32(vmovl_u16(vget_high_u16(levels)));

		s0 = l1_step(s0, vfmaq_n_f32(vdupq_n_f32(lo), low, step), load(q + i));
		s1 = l1_step(s1, vfmaq_n_f32(vdupq_n_f32(lo), high, step), load(q + i + WIDTH));
	}
	for (; i < n; i++)
		sum += fabsf(lo + step * (float) code[i] - q[i]);
	return sum + vaddvq_f32(vaddq_f32(s0, s1));
}

/*
 * The two levels within one register: x times -1 at the second of each pair, plus x with the pairs
 * exchanged.
 */
static inline float32x4_t
hadamard_lanes(float32x4_t x)
{
	const float32x4_t odd = {1, -1, 1, -1};
	const float32x4_t high = {1, 1, -1, -1};

	x = vfmaq_f32(vrev64q_f32(x), x, odd);
	return vfmaq_f32(vextq_f32(x, x, 2), x, high);
}

#include "distance/distance_hadamard.inc.h"

DISTANCE_TABLE(distance_neon, "neon", DISTANCE_NEON);

#endif /* __aarch64__ */
