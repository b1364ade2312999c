/*
 * distance.h: the SIMD kernels and the one place that chooses among them.
 *
 * Every operation exists as portable C and once per instruction set, all behind one table of
 * function pointers. The table is filled by distance_init() from what the CPU has, at load time and
 * never at compile time, so one binary runs at full speed on new CPUs and still runs on the oldest.
 *
 * Callers may rely on: any n from 0 up, any alignment, no read outside [a, a + n), results of
 * different instruction sets equal up to the rounding of float32 addition in another order (integer
 * kernels: exactly equal). Within one instruction set a sum over floats, over floats and scaled
 * halves, and over halves is the same, bit for bit, where these stand for the same numbers; so is a
 * sum with a and b exchanged.
 *
 * Plain C: nothing here knows PostgreSQL.
 */
#ifndef HNSWC_DISTANCE_H
#define HNSWC_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the CPU is asked to have; a higher level contains the lower ones of its architecture. */
typedef enum DistanceLevel
{
	DISTANCE_AUTO,     /* the best the CPU has */
	DISTANCE_PORTABLE, /* C only */
	DISTANCE_NEON,     /* aarch64 */
	DISTANCE_AVX2,     /* AVX2, FMA, F16C */
	DISTANCE_AVX512,   /* AVX-512 F, BW, VL, DQ, VNNI, VPOPCNTDQ */
} DistanceLevel;

/* An IEEE 754 binary16 number as its bits. */
typedef uint16_t half;

typedef struct DistanceKernels
{
	const char *name; /* "portable", "neon", "avx2", "avx512" */
	DistanceLevel level;

	/* float32 against float32 */
	float (*l2_f32)(const float *a, const float *b, size_t n); /* sum (a-b)^2 */
	float (*ip_f32)(const float *a, const float *b, size_t n); /* sum a*b */
	float (*l1_f32)(const float *a, const float *b, size_t n); /* sum |a-b| */
	/* the three sums of a cosine in one pass: parts[0] = a.b, parts[1] = a.a, parts[2] = b.b */
	void (*cosine_f32)(const float *a, const float *b, size_t n, float parts[3]);

	/* float32 against halves; the stored value of element i is scale * h[i] */
	float (*l2_f16)(const float *a, const half *h, float scale, size_t n);
	float (*ip_f16)(const float *a, const half *h, float scale, size_t n);
	float (*l1_f16)(const float *a, const half *h, float scale, size_t n);
	void (*cosine_f16)(const float *a, const half *h, float scale, size_t n, float parts[3]);

	/* halves against halves; sums are of floats */
	float (*l2_halves)(const half *a, const half *b, size_t n);
	float (*ip_halves)(const half *a, const half *b, size_t n);
	float (*l1_halves)(const half *a, const half *b, size_t n);
	void (*cosine_halves)(const half *a, const half *b, size_t n, float parts[3]);

	/* dst[i] = half(src[i] * scale), round to nearest even; overflow gives infinity */
	void (*half_from_f32)(half *dst, const float *src, float scale, size_t n);
	/* dst[i] = src[i] * scale */
	void (*f32_from_half)(float *dst, const half *src, float scale, size_t n);

	/*
	 * Codes against a quantized query: sum code[i] * q[i], exact in 32 bits for n up to 65,536. n
	 * counts dimensions. Packing, with b bits a dimension and w = n * b / 8 bytes (n a multiple of
	 * 16): byte j holds dimension k * w + j in its bits [k * b, (k + 1) * b), k from 0 to 8/b - 1.
	 * So bytes of a code meet runs of the query in its natural order, whatever the width of the
	 * registers.
	 */
	int32_t (*dot_u8)(const uint8_t *code, const int8_t *q, size_t n);
	int32_t (*dot_u4)(const uint8_t *code, const int8_t *q, size_t n);
	int32_t (*dot_u2)(const uint8_t *code, const int8_t *q, size_t n);
	/* two packed codes of 4 bits: sum code[i] * (2 * other[i] - 15), as dot_u4 with such a q */
	int32_t (*dot_u4_u4)(const uint8_t *code, const uint8_t *other, size_t n);

	/*
	 * One bit a dimension against bit planes of an unsigned query: sum over p < nplanes of 2^p *
	 * popcount(code AND plane p). Bit i of a code or plane is bit i % 8 of byte i / 8 (n a multiple
	 * of 16); planes are `stride` bytes apart.
	 */
	int32_t (*dot_planes)(const uint8_t *code, const uint8_t *planes, size_t stride, int nplanes,
						  size_t n);

	/* sum |lo + step * code[i] - q[i]|, a byte a dimension */
	float (*l1_u8)(const uint8_t *code, const float *q, float lo, float step, size_t n);

	/* Unnormalised fast Walsh-Hadamard transform in place; n a power of two, at least 1. */
	void (*hadamard_f32)(float *x, size_t n);
	/* bitwise distances of n bytes: popcount(a xor b), popcount(a and b) */
	int64_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t nbytes);
	int64_t (*and_count)(const uint8_t *a, const uint8_t *b, size_t nbytes);
} DistanceKernels;

/* The kernels in use.  Valid (portable) before distance_init() too. */
extern const DistanceKernels *distance;

/*
 * Chooses the kernels: the best level that the CPU has and that is not above `level`. Returns the
 * level taken. May be called again at any time.
 */
extern DistanceLevel distance_init(DistanceLevel level);

/*
 * The table of one level, or NULL when this CPU or architecture has not got it. For tests and
 * benchmarks.
 */
extern const DistanceKernels *distance_kernels(DistanceLevel level);

#endif /* HNSWC_DISTANCE_H */
