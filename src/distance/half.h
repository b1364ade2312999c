/*
 * half.h: IEEE 754 binary16 numbers one at a time, in plain C: exact to float, rounded to the
 * nearest even from it.
 *
 * For loops over many numbers the kernels of distance.h are faster.
 */
#ifndef HNSWC_HALF_H
#define HNSWC_HALF_H

#include <stdint.h>
#include <string.h>

/* From the bits of a half to a float: exact. */
static inline float
half_to_float(uint16_t h)
{
	uint32_t sign = (uint32_t) (h & 0x8000) << 16;
	uint32_t exponent = (h >> 10) & 0x1F;
	uint32_t mantissa = h & 0x3FF;
	uint32_t bits;
	float value;

	if (exponent == 0)
	{
		value = (float) mantissa * 0x1p-24f;
		return sign ? -value : value;
	}
	if (exponent == 0x1F)
		bits = sign | 0x7F800000 | mantissa << 13 | (mantissa ? 0x400000 : 0);
	else
		bits = sign | (exponent + 112) << 23 | mantissa << 13;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Shifts right, rounding to the nearest, ties to even. */
static inline uint32_t
half_shift_round(uint32_t x, uint32_t shift)
{
	uint32_t half_unit = 1u << (shift - 1);
	uint32_t rest = x & ((half_unit << 1) - 1);
	uint32_t result = x >> shift;

	return result + (rest > half_unit || (rest == half_unit && (result & 1)));
}

/* To the bits of the nearest half; infinite from 65520 on. */
static inline uint16_t
half_from_float(float value)
{
	uint32_t bits;
	uint32_t sign;

	memcpy(&bits, &value, sizeof(bits));
	sign = bits >> 16 & 0x8000;
	bits &= 0x7FFFFFFF;
	if (bits > 0x7F800000)
		return (uint16_t) (sign | 0x7E00 | (bits >> 13 & 0x3FF));
	if (bits >= 0x47800000)
		return (uint16_t) (sign | 0x7C00);
	/* normal: a carry out of the mantissa goes into the exponent, up to infinity */
	if (bits >= 0x38800000)
		return (uint16_t) (sign | (half_shift_round(bits, 13) - (112u << 10)));
	if (bits < 0x33000000) /* below half of the smallest subnormal */
		return (uint16_t) sign;
	return (uint16_t) (sign | half_shift_round((bits & 0x7FFFFF) | 0x800000, 126 - (bits >> 23)));
}

#endif /* HNSWC_HALF_H */
