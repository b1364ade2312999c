/*
 * distance_avx2.c: the kernels for AVX2 with FMA and F16C.
 *
 * Floats at the end are taken by masked loads; bytes at the end are copied to a register's worth of
 * zeroes first.
 */
#include <string.h>

#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

DISTANCE_TARGET_BEGIN("avx2,fma,f16c,popcnt")

#define WIDTH 8  /* floats in a register */
#define BYTES 32 /* bytes in a register */

typedef __m256 Lanes;

static inline float
sum_lanes(__m256 x)
{
	__m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
	return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static inline Lanes
lanes_of(float x)
{
	return _mm256_set1_ps(x);
}

static inline Lanes
lanes_add(Lanes a, Lanes b)
{
	return _mm256_add_ps(a, b);
}

static inline Lanes
lanes_sub(Lanes a, Lanes b)
{
	return _mm256_sub_ps(a, b);
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return _mm256_mul_ps(a, b);
}

/* All bits in the first n lanes, n below WIDTH. */
static inline __m256i
lane_mask(size_t n)
{
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int) n),
							  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256
load(const float *x)
{
	return _mm256_loadu_ps(x);
}

static inline __m256
load_first(const float *x, size_t n)
{
	return _mm256_maskload_ps(x, lane_mask(n));
}

static inline __m256
load_half(const half *x)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) x));
}

static inline __m256
load_half_first(const half *x, size_t n)
{
	half copy[WIDTH] = {0};

	memcpy(copy, x, n * sizeof(half));
	return load_half(copy);
}

static inline Lanes
lanes_madd(Lanes a, Lanes b, Lanes c)
{
	return _mm256_fmadd_ps(a, b, c);
}

static inline Lanes
lanes_apart(Lanes a, Lanes b)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(a, b));
}

static inline void
store(float *x, Lanes lanes)
{
	_mm256_storeu_ps(x, lanes);
}

#include "distance/distance_floats.inc.h"

static inline __m128i
to_halves(__m256 x, __m256 factor)
{
	return _mm256_cvtps_ph(_mm256_mul_ps(x, factor), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static void
half_from_f32(half *dst, const float *src, float scale, size_t n)
{
	__m256 factor = _mm256_set1_ps(scale);
	size_t i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		_mm_storeu_si128((__m128i *) (dst + i), to_halves(load(src + i), factor));
	if (i < n)
	{
		half rest[WIDTH];

		_mm_storeu_si128((__m128i *) rest, to_halves(load_first(src + i, n - i), factor));
		memcpy(dst + i, rest, (n - i) * sizeof(half));
	}
}

static void
f32_from_half(float *dst, const half *src, float scale, size_t n)
{
	__m256 factor = _mm256_set1_ps(scale);
	size_t i = 0;

	for (; i + WIDTH <= n; i += WIDTH)
		_mm256_storeu_ps(dst + i, _mm256_mul_ps(load_half(src + i), factor));
	if (i < n)
		_mm256_maskstore_ps(dst + i, lane_mask(n - i),
							_mm256_mul_ps(load_half_first(src + i, n - i), factor));
}

static inline int32_t
sum_ints(__m256i x)
{
	__m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
	return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
}

/* The n bytes from p on, at most a register of them, with zeroes behind. */
static inline __m256i
load_bytes(const void *p, size_t n)
{
	uint8_t copy[BYTES] = {0};

	if (n >= BYTES)
		return _mm256_loadu_si256((const __m256i *) p);
	memcpy(copy, p, n);
	return _mm256_loadu_si256((const __m256i *) copy);
}

/*
 * Exact for all bytes: the instruction that multiplies bytes directly saturates, so they are
 * widened first.
 */
static inline __m256i
u8_step(__m256i sum, __m256i code, __m256i q)
{
	__m256i low = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(code)),
									_mm256_cvtepi8_epi16(_mm256_castsi256_si128(q)));
	__m256i high = _mm256_madd_epi16(_mm256_cvtepu8_epi16(_mm256_extracti128_si256(code, 1)),
									 _mm256_cvtepi8_epi16(_mm256_extracti128_si256(q, 1)));

	return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
}

static int32_t
dot_u8(const uint8_t *code, const int8_t *q, size_t n)
{
	__m256i s0 = _mm256_setzero_si256();
	__m256i s1 = s0;
	size_t i = 0;

	for (; i + 2 * BYTES <= n; i += 2 * BYTES)
	{
		s0 = u8_step(s0, load_bytes(code + i, BYTES), load_bytes(q + i, BYTES));
		s1 = u8_step(s1, load_bytes(code + i + BYTES, BYTES), load_bytes(q + i + BYTES, BYTES));
	}
	for (; i < n; i += BYTES)
		s0 = u8_step(s0, load_bytes(code + i, n - i), load_bytes(q + i, n - i));
	return sum_ints(_mm256_add_epi32(s0, s1));
}

/*
 * Sums of 16 bits of what a few bits of each byte, from `shift` on, give with q. Far from overflow
 * for up to 4 bits.
 */
static inline __m256i
packed_part(__m256i bytes, int shift, int mask, const int8_t *q, size_t n)
{
	__m256i values =
		_mm256_and_si256(_mm256_srli_epi16(bytes, shift), _mm256_set1_epi8((char) mask));

	return _mm256_maddubs_epi16(values, load_bytes(q, n));
}

static int32_t
dot_u4(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 2;
	__m256i ones = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256();

	for (size_t j = 0; j < width; j += BYTES)
	{
		__m256i bytes = load_bytes(code + j, width - j);
		__m256i part = _mm256_add_epi16(packed_part(bytes, 0, 0x0F, q + j, width - j),
										packed_part(bytes, 4, 0x0F, q + width + j, width - j));

		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, ones));
	}
	return sum_ints(sum);
}

/* Sums of 16 bits of what four bits of each byte of two codes give, those of `b` as 2 u - 15. */
static inline __m256i
packed_pair(__m256i a, __m256i b, int shift)
{
	const __m256i table = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15));
	__m256i nibble = _mm256_set1_epi8(0x0F);

	a = _mm256_and_si256(_mm256_srli_epi16(a, shift), nibble);
	b = _mm256_and_si256(_mm256_srli_epi16(b, shift), nibble);
	return _mm256_maddubs_epi16(a, _mm256_shuffle_epi8(table, b));
}

static int32_t
dot_u4_u4(const uint8_t *code, const uint8_t *other, size_t n)
{
	size_t width = n / 2;
	__m256i ones = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256();

	for (size_t j = 0; j < width; j += BYTES)
	{
		__m256i a = load_bytes(code + j, width - j);
		__m256i b = load_bytes(other + j, width - j);
		__m256i part = _mm256_add_epi16(packed_pair(a, b, 0), packed_pair(a, b, 4));

		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, ones));
	}
	return sum_ints(sum);
}

static int32_t
dot_u2(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 4;
	__m256i ones = _mm256_set1_epi16(1);
	__m256i sum = _mm256_setzero_si256();

	for (size_t j = 0; j < width; j += BYTES)
	{
		size_t left = width - j;
		__m256i bytes = load_bytes(code + j, left);
		__m256i low = _mm256_add_epi16(packed_part(bytes, 0, 0x03, q + j, left),
									   packed_part(bytes, 2, 0x03, q + width + j, left));
		__m256i high = _mm256_add_epi16(packed_part(bytes, 4, 0x03, q + 2 * width + j, left),
										packed_part(bytes, 6, 0x03, q + 3 * width + j, left));

		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(low, high), ones));
	}
	return sum_ints(sum);
}

/* with the instruction that counts bits */
#include "distance/distance_words.inc.h"

static inline __m256
load_levels(const uint8_t *code)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) code)));
}

static float
l1_u8(const uint8_t *code, const float *q, float lo, float step, size_t n)
{
	__m256 base = _mm256_set1_ps(lo);
	__m256 factor = _mm256_set1_ps(step);
	__m256 s0 = _mm256_setzero_ps();
	__m256 s1 = s0;
	size_t i = 0;

	for (; i + 2 * WIDTH <= n; i += 2 * WIDTH)
	{
		s0 = l1_step(s0, _mm256_fmadd_ps(factor, load_levels(code + i), base), load(q + i));
		s1 = l1_step(s1, _mm256_fmadd_ps(factor, load_levels(code + i + WIDTH), base),
					 load(q + i + WIDTH));
	}
	for (; i < n; i += WIDTH)
	{
		size_t left = n - i < WIDTH ? n - i : WIDTH;
		uint8_t copy[WIDTH] = {0};
		__m256 mask = _mm256_castsi256_ps(lane_mask(left));
		__m256 levels;

		memcpy(copy, code + i, left);
		levels = _mm256_and_ps(mask, _mm256_fmadd_ps(factor, load_levels(copy), base));
		s0 = l1_step(s0, levels, load_first(q + i, left));
	}
	return sum_lanes(_mm256_add_ps(s0, s1));
}

/*
 * The first three levels, within one register: x times -1 at the second of each pair, plus x with
 * the pairs exchanged.
 */
static inline __m256
hadamard_lanes(__m256 x)
{
	x = _mm256_fmadd_ps(x, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(x, 0xB1));
	x = _mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(x, 0x4E));
	return _mm256_fmadd_ps(x, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1),
						   _mm256_permute2f128_ps(x, x, 0x01));
}

#include "distance/distance_hadamard.inc.h"

DISTANCE_TARGET_END

DISTANCE_TABLE(distance_avx2, "avx2", DISTANCE_AVX2);

#endif /* __x86_64__ */
