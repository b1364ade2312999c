/*
 * distance_avx512.c: the kernels for AVX-512 with VNNI and VPOPCNTDQ.
 *
 * A masked load takes what is left at the end, so nothing beyond it is read.
 */
#include "distance/distance_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

DISTANCE_TARGET_BEGIN(
	"avx2,fma,f16c,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vpopcntdq")

#define WIDTH 16 /* floats in a register */
#define ALL_LANES ((__mmask16) -1)

typedef __m512 Lanes;

static inline __mmask16
mask16(size_t n)
{
	return (__mmask16) ((1u << n) - 1);
}

static inline __mmask64
mask64(size_t n)
{
	return n >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << n) - 1;
}

static inline float
sum_lanes(__m512 x)
{
	return _mm512_reduce_add_ps(x);
}

static inline Lanes
lanes_of(float x)
{
	return _mm512_set1_ps(x);
}

static inline Lanes
lanes_add(Lanes a, Lanes b)
{
	return _mm512_add_ps(a, b);
}

static inline Lanes
lanes_sub(Lanes a, Lanes b)
{
	return _mm512_sub_ps(a, b);
}

static inline Lanes
lanes_mul(Lanes a, Lanes b)
{
	return _mm512_mul_ps(a, b);
}

static inline __m512
load_masked(const float *x, __mmask16 mask)
{
	return _mm512_maskz_loadu_ps(mask, x);
}

static inline __m512
load_half_masked(const half *x, __mmask16 mask)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, x));
}

static inline __m512
load(const float *x)
{
	return _mm512_loadu_ps(x);
}

static inline __m512
load_first(const float *x, size_t n)
{
	return load_masked(x, mask16(n));
}

static inline __m512
load_half(const half *x)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) x));
}

static inline __m512
load_half_first(const half *x, size_t n)
{
	return load_half_masked(x, mask16(n));
}

static inline Lanes
lanes_madd(Lanes a, Lanes b, Lanes c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline Lanes
lanes_apart(Lanes a, Lanes b)
{
	return _mm512_abs_ps(_mm512_sub_ps(a, b));
}

static inline void
store(float *x, Lanes lanes)
{
	_mm512_storeu_ps(x, lanes);
}

#include "distance/distance_floats.inc.h"

static void
half_from_f32(half *dst, const float *src, float scale, size_t n)
{
	__m512 factor = _mm512_set1_ps(scale);

	for (size_t i = 0; i < n; i += WIDTH)
	{
		__mmask16 mask = n - i >= WIDTH ? ALL_LANES : mask16(n - i);
		__m512 x = _mm512_mul_ps(load_masked(src + i, mask), factor);

		_mm256_mask_storeu_epi16(dst + i, mask,
								 _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
	}
}

static void
f32_from_half(float *dst, const half *src, float scale, size_t n)
{
	__m512 factor = _mm512_set1_ps(scale);

	for (size_t i = 0; i < n; i += WIDTH)
	{
		__mmask16 mask = n - i >= WIDTH ? ALL_LANES : mask16(n - i);

		_mm512_mask_storeu_ps(dst + i, mask,
							  _mm512_mul_ps(load_half_masked(src + i, mask), factor));
	}
}

static inline __m512i
load_bytes(const void *bytes, __mmask64 mask)
{
	return _mm512_maskz_loadu_epi8(mask, bytes);
}

static inline int32_t
sum4_int(__m512i s0, __m512i s1, __m512i s2, __m512i s3)
{
	return _mm512_reduce_add_epi32(
		_mm512_add_epi32(_mm512_add_epi32(s0, s1), _mm512_add_epi32(s2, s3)));
}

static int32_t
dot_u8(const uint8_t *code, const int8_t *q, size_t n)
{
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = s0;
	__m512i s2 = s0;
	__m512i s3 = s0;
	size_t i = 0;

	for (; i + 256 <= n; i += 256)
	{
		s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(code + i), _mm512_loadu_si512(q + i));
		s1 = _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(code + i + 64),
								 _mm512_loadu_si512(q + i + 64));
		s2 = _mm512_dpbusd_epi32(s2, _mm512_loadu_si512(code + i + 128),
								 _mm512_loadu_si512(q + i + 128));
		s3 = _mm512_dpbusd_epi32(s3, _mm512_loadu_si512(code + i + 192),
								 _mm512_loadu_si512(q + i + 192));
	}
	for (; i + 64 <= n; i += 64)
		s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(code + i), _mm512_loadu_si512(q + i));
	if (i < n)
		s1 = _mm512_dpbusd_epi32(s1, load_bytes(code + i, mask64(n - i)),
								 load_bytes(q + i, mask64(n - i)));
	return sum4_int(s0, s1, s2, s3);
}

/* 64 bytes of a code from j on: 128 dimensions. */
static inline void
u4_step(__m512i *low, __m512i *high, __m512i bytes, const int8_t *q_low, const int8_t *q_high,
		__mmask64 mask)
{
	__m512i nibble = _mm512_set1_epi8(0x0F);

	*low = _mm512_dpbusd_epi32(*low, _mm512_and_si512(bytes, nibble), load_bytes(q_low, mask));
	*high = _mm512_dpbusd_epi32(*high, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble),
								load_bytes(q_high, mask));
}

static int32_t
dot_u4(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 2;
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = s0;
	__m512i s2 = s0;
	__m512i s3 = s0;
	size_t j = 0;

	for (; j + 128 <= width; j += 128)
	{
		u4_step(&s0, &s1, _mm512_loadu_si512(code + j), q + j, q + width + j, ~(__mmask64) 0);
		u4_step(&s2, &s3, _mm512_loadu_si512(code + j + 64), q + j + 64, q + width + j + 64,
				~(__mmask64) 0);
	}
	if (j + 64 <= width)
	{
		u4_step(&s0, &s1, _mm512_loadu_si512(code + j), q + j, q + width + j, ~(__mmask64) 0);
		j += 64;
	}
	if (j < width)
		u4_step(&s2, &s3, load_bytes(code + j, mask64(width - j)), q + j, q + width + j,
				mask64(width - j));
	return sum4_int(s0, s1, s2, s3);
}

/* 2 u - 15 for the low four bits u of each byte. */
static inline __m512i
u4_centered(__m512i nibbles)
{
	const __m512i table = _mm512_broadcast_i32x4(
		_mm_setr_epi8(-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15));

	return _mm512_shuffle_epi8(table, nibbles);
}

/* 64 bytes of two codes: 128 dimensions. */
static inline void
u4_pair_step(__m512i *low, __m512i *high, __m512i a, __m512i b)
{
	__m512i nibble = _mm512_set1_epi8(0x0F);

	*low = _mm512_dpbusd_epi32(*low, _mm512_and_si512(a, nibble),
							   u4_centered(_mm512_and_si512(b, nibble)));
	*high = _mm512_dpbusd_epi32(*high, _mm512_and_si512(_mm512_srli_epi16(a, 4), nibble),
								u4_centered(_mm512_and_si512(_mm512_srli_epi16(b, 4), nibble)));
}

static int32_t
dot_u4_u4(const uint8_t *code, const uint8_t *other, size_t n)
{
	size_t width = n / 2;
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = s0;
	__m512i s2 = s0;
	__m512i s3 = s0;
	size_t j = 0;

	for (; j + 128 <= width; j += 128)
	{
		u4_pair_step(&s0, &s1, _mm512_loadu_si512(code + j), _mm512_loadu_si512(other + j));
		u4_pair_step(&s2, &s3, _mm512_loadu_si512(code + j + 64),
					 _mm512_loadu_si512(other + j + 64));
	}
	if (j + 64 <= width)
	{
		u4_pair_step(&s0, &s1, _mm512_loadu_si512(code + j), _mm512_loadu_si512(other + j));
		j += 64;
	}
	if (j < width)
		u4_pair_step(&s2, &s3, load_bytes(code + j, mask64(width - j)),
					 load_bytes(other + j, mask64(width - j)));
	return sum4_int(s0, s1, s2, s3);
}

static int32_t
dot_u2(const uint8_t *code, const int8_t *q, size_t n)
{
	size_t width = n / 4;
	__m512i pair = _mm512_set1_epi8(0x03);
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = s0;
	__m512i s2 = s0;
	__m512i s3 = s0;

	for (size_t j = 0; j < width; j += 64)
	{
		__mmask64 mask = mask64(width - j);
		__m512i bytes = load_bytes(code + j, mask);

		s0 = _mm512_dpbusd_epi32(s0, _mm512_and_si512(bytes, pair), load_bytes(q + j, mask));
		s1 = _mm512_dpbusd_epi32(s1, _mm512_and_si512(_mm512_srli_epi16(bytes, 2), pair),
								 load_bytes(q + width + j, mask));
		s2 = _mm512_dpbusd_epi32(s2, _mm512_and_si512(_mm512_srli_epi16(bytes, 4), pair),
								 load_bytes(q + 2 * width + j, mask));
		s3 = _mm512_dpbusd_epi32(s3, _mm512_and_si512(_mm512_srli_epi16(bytes, 6), pair),
								 load_bytes(q + 3 * width + j, mask));
	}
	return sum4_int(s0, s1, s2, s3);
}

static int32_t
dot_planes(const uint8_t *code, const uint8_t *planes, size_t stride, int nplanes, size_t n)
{
	size_t nbytes = n / 8;
	__m512i sum = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
	{
		__mmask64 mask = mask64(nbytes - i);
		__m512i bytes = load_bytes(code + i, mask);
		__m512i part = _mm512_setzero_si512();

		/* Horner's scheme over the planes, from the highest */
		for (int p = nplanes - 1; p >= 0; p--)
		{
			__m512i plane = load_bytes(planes + (size_t) p * stride + i, mask);

			part = _mm512_add_epi64(_mm512_add_epi64(part, part),
									_mm512_popcnt_epi64(_mm512_and_si512(bytes, plane)));
		}
		sum = _mm512_add_epi64(sum, part);
	}
	return (int32_t) _mm512_reduce_add_epi64(sum);
}

static int64_t
hamming(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	__m512i sum = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
	{
		__mmask64 mask = mask64(nbytes - i);

		sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(load_bytes(a + i, mask),
																		 load_bytes(b + i, mask))));
	}
	return _mm512_reduce_add_epi64(sum);
}

static int64_t
and_count(const uint8_t *a, const uint8_t *b, size_t nbytes)
{
	__m512i sum = _mm512_setzero_si512();

	for (size_t i = 0; i < nbytes; i += 64)
	{
		__mmask64 mask = mask64(nbytes - i);

		sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_and_si512(load_bytes(a + i, mask),
																		 load_bytes(b + i, mask))));
	}
	return _mm512_reduce_add_epi64(sum);
}

static inline __m512
load_levels(const uint8_t *code, __mmask16 mask)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, code)));
}

static float
l1_u8(const uint8_t *code, const float *q, float lo, float step, size_t n)
{
	__m512 base = _mm512_set1_ps(lo);
	__m512 factor = _mm512_set1_ps(step);
	/* lanes beyond the end have to add nothing, and base alone is not nothing */
#define LEVELS(i) _mm512_fmadd_ps(factor, load_levels(code + (i), ALL_LANES), base)
#define LEVELS_FIRST(i) \
	_mm512_maskz_fmadd_ps(mask16(n - (i)), factor, load_levels(code + (i), mask16(n - (i))), base)
#define QUERY(i) load(q + (i))
#define QUERY_FIRST(i) load_first(q + (i), n - (i))
	SUM_LANES(l1_step, LEVELS, LEVELS_FIRST, QUERY, QUERY_FIRST);
#undef LEVELS
#undef LEVELS_FIRST
#undef QUERY
#undef QUERY_FIRST
}

/*
 * a + b and a - b over pairs of lanes: `swapped` is x with the lanes of each pair exchanged, `sign`
 * has -1 at the second.
 */
static inline __m512
butterfly(__m512 x, __m512 swapped, __m512 sign)
{
	return _mm512_fmadd_ps(x, sign, swapped);
}

/* The first four levels, within one register. */
static inline __m512
hadamard_lanes(__m512 x)
{
	__m512 plus = _mm512_set1_ps(1.0f);
	__m512 minus = _mm512_set1_ps(-1.0f);

	x = butterfly(x, _mm512_permute_ps(x, 0xB1), _mm512_mask_mov_ps(plus, 0xAAAA, minus));
	x = butterfly(x, _mm512_permute_ps(x, 0x4E), _mm512_mask_mov_ps(plus, 0xCCCC, minus));
	x = butterfly(x, _mm512_shuffle_f32x4(x, x, 0xB1), _mm512_mask_mov_ps(plus, 0xF0F0, minus));
	return butterfly(x, _mm512_shuffle_f32x4(x, x, 0x4E), _mm512_mask_mov_ps(plus, 0xFF00, minus));
}

#include "distance/distance_hadamard.inc.h"

DISTANCE_TARGET_END

DISTANCE_TABLE(distance_avx512, "avx512", DISTANCE_AVX512);

#endif /* __x86_64__ */
