/*
 * loops.c: the loops of loops_body.h compiled for each instruction set, and the choice among them.
 *
 * Sums may be reordered here (associative-math), which the loops need to be vectorised and nothing
 * in them minds: all values are finite, and the same input gives the same output on one instruction
 * set.
 */
#if defined(__clang__)
#pragma clang fp reassociate(on)
#elif defined(__GNUC__)
#pragma GCC optimize("O3", "associative-math", "no-signed-zeros", "no-trapping-math", \
					 "no-math-errno")
#endif

#include <float.h>
#include <math.h>
#include <string.h>

#include "code/loops.h"
#include "distance/distance.h"

/* Eight bytes, the first in the lowest bits. */
static inline uint64_t
code_load_le64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

/*
 * Integers that order as floats do, and back: the least and the greatest of integers are
 * vectorised.
 */
static inline int32_t
float_order(float value)
{
	int32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits ^ (int32_t) ((uint32_t) (bits >> 31) >> 1);
}

static inline float
float_ordered(int32_t order)
{
	int32_t bits = order ^ (int32_t) ((uint32_t) (order >> 31) >> 1);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The same for the absolute value alone. */
static inline uint32_t
float_magnitude(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & UINT32_C(0x7FFFFFFF);
}

#define LOOP_TARGET
#define LOOP(name) name##_portable
#include "code/loops_body.h"
#undef LOOP
#undef LOOP_TARGET

#if defined(__x86_64__) && defined(__GNUC__)
#define LOOP_TARGET __attribute__((target("avx2,fma")))
#define LOOP(name) name##_avx2
#include "code/loops_body.h"
#undef LOOP
#undef LOOP_TARGET

#if defined(__clang__)
#define LOOP_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#else
#define LOOP_TARGET \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")))
#endif
#define LOOP(name) name##_avx512
#include "code/loops_body.h"
#undef LOOP
#undef LOOP_TARGET
#endif

const CodeLoops *
code_loops(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (distance->level == DISTANCE_AVX512)
		return &table_avx512;
	if (distance->level == DISTANCE_AVX2)
		return &table_avx2;
#endif
	return &table_portable;
}
