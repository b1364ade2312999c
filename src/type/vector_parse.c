/*
 * vector_parse.c: the text of a dense vector to floats, fast and exact.
 *
 * A decimal number is w * 10^e with a whole w. When w has at most 19 digits it fits 64 bits, and
 * when e is small too, the double w * 10^e (or w / 10^-e) is computed with three roundings at most:
 * of w, of the power of ten, of the product. Each errs by half a unit in the last place relative to
 * its operand, which adds up to three units in the last place of the product at most. Rounding that
 * double to float gives the same float as rounding the true value does, unless the middle between
 * two floats lies between the two. A double has 29 bits more than a float, so the middle is where
 * these bits are 1 followed by zeros; a double within HALFWAY_MARGIN units of that is left to
 * strtof(), as is everything else that is unusual: more digits, a large exponent, a subnormal
 * result, overflow, hexadecimal numbers, infinities and NaN.
 */
#include "vector_parse.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIGITS 19 /* 10^19 - 1 < 2^64 */
#define MAX_POWER 44  /* 9 digits down to 10^-36, and 10^38 from 1 digit */

#define HALFWAY_BIT (UINT64_C(1) << 28)
#define BELOW_FLOAT ((UINT64_C(1) << 29) - 1)
#define HALFWAY_MARGIN 8

static const double power_of_ten[MAX_POWER + 1] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29,
	1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44,
};

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* The value of a digit, or more than 9 when the character is none. */
static inline unsigned
digit_value(char c)
{
	return (unsigned) (unsigned char) c - '0';
}

/* Anything at all, the slow way. */
static ParseStatus
parse_float_slow(const char *text, const char **end, float *value)
{
	char *stop;

	*end = text;
	if (is_space(*text))
		return PARSE_NOT_A_NUMBER;

	errno = 0;
	*value = strtof(text, &stop);
	*end = stop;
	if (stop == text)
		return PARSE_NOT_A_NUMBER;
	if (isnan(*value))
		return PARSE_NAN;
	if (isinf(*value))
		return errno == ERANGE ? PARSE_RANGE : PARSE_INFINITE;
	return PARSE_OK;
}

/* Scales w by 10^exponent.  Returns false when the float next to the true value is in doubt. */
static inline bool
scale_exactly(uint64_t w, int exponent, float *value)
{
	double d;
	uint64_t bits;

	if (w == 0 || exponent == 0)
	{
		*value = (float) w; /* one rounding, by definition the right one */
		return true;
	}
	if (exponent < -MAX_POWER || exponent > MAX_POWER)
		return false;

	if (exponent < 0)
		d = (double) w / power_of_ten[-exponent];
	else
		d = (double) w * power_of_ten[exponent];

	/*
	 * beneath FLT_MIN floats are spaced differently; a few units above it stay clear of the border
	 */
	if (!(d > 2.0 * FLT_MIN && d < FLT_MAX))
		return false;

	memcpy(&bits, &d, sizeof(bits));
	if ((bits & BELOW_FLOAT) - (HALFWAY_BIT - HALFWAY_MARGIN) <= 2 * HALFWAY_MARGIN)
		return false;
	*value = (float) d;
	return true;
}

/*
 * Counts the digits of a mantissa (digits with at most one point) that come after its leading
 * zeros.
 */
static int
significant_digits(const char *p, const char *end)
{
	int n = 0;

	while (p < end && (*p == '0' || *p == '.'))
		p++;
	for (; p < end; p++)
		n += *p != '.';
	return n;
}

static inline ParseStatus
parse_float_inline(const char *text, const char **end, float *value)
{
	const char *p = text;
	const char *mantissa;
	bool negative = *p == '-';
	uint64_t w = 0;
	ptrdiff_t ndigits;
	int exponent = 0;
	unsigned digit;

	if (negative || *p == '+')
		p++;

	mantissa = p;
	for (; (digit = digit_value(*p)) <= 9; p++)
		w = w * 10 + digit;
	ndigits = p - mantissa;
	if (*p == '.')
	{
		const char *point = p;

		for (p++; (digit = digit_value(*p)) <= 9; p++)
			w = w * 10 + digit;
		ndigits += p - point - 1;
		if (ndigits > INT16_MAX)
			return parse_float_slow(text, end, value);
		exponent = -(int) (p - point - 1);
	}
	if (ndigits == 0 || (ndigits > MAX_DIGITS && significant_digits(mantissa, p) > MAX_DIGITS))
		return parse_float_slow(text, end, value);

	if ((*p | 0x20) == 'e')
	{
		bool shrink = p[1] == '-';
		int power = 0;

		p += (shrink || p[1] == '+') ? 2 : 1;
		if (digit_value(*p) > 9)
			return parse_float_slow(text, end, value);
		for (; (digit = digit_value(*p)) <= 9; p++)
			power = power < 100000 ? power * 10 + (int) digit : power;
		exponent += shrink ? -power : power;
	}
	else if ((*p | 0x20) == 'x')
		return parse_float_slow(text, end, value);

	if (!scale_exactly(w, exponent, value))
		return parse_float_slow(text, end, value);
	if (negative)
		*value = -*value;
	*end = p;
	return PARSE_OK;
}

ParseStatus
parse_float(const char *text, const char **end, float *value)
{
	return parse_float_inline(text, end, value);
}

ParseStatus
parse_vector(const char *text, float *values, int max, ParseResult *result)
{
	const char *p = skip_space(text);
	int count = 0;
	ParseStatus status = PARSE_OK;

	result->count = 0;
	result->where = p;
	result->length = 0;
	if (*p != '[')
		return PARSE_NO_BRACKET;
	p = skip_space(p + 1);
	if (*p == ']')
		return PARSE_NO_ELEMENTS;

	for (;;)
	{
		const char *end;

		p = skip_space(p);
		if (count == max)
		{
			status = PARSE_TOO_MANY;
			break;
		}
		status = parse_float_inline(p, &end, &values[count]);
		if (status != PARSE_OK)
		{
			result->length = (size_t) (end - p);
			break;
		}
		count++;
		p = skip_space(end);
		if (*p == ',')
			p++;
		else if (*p == ']')
		{
			p = skip_space(p + 1);
			if (*p != '\0')
				status = PARSE_TRAILING;
			break;
		}
		else
		{
			status = PARSE_NOT_A_NUMBER;
			break;
		}
	}
	result->count = count;
	result->where = p;
	return status;
}
