/*
 * loops_body.h: the loops of loops.h, included by loops.c once per instruction set.
 *
 * LOOP(name) gives a function its name in this set, LOOP_TARGET the set's attribute. The loops are
 * written so that the compiler vectorises them: no calls, no branches, comparisons that become
 * minimum and maximum.
 */

LOOP_TARGET static void
LOOP(residual)(float *dst, const float *v, float times, const float *restrict c, float scale,
			   size_t n, LoopSums *sums)
{
	uint32_t max = 0;
	float square = 0;
	float dot = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		float x = v[i] * times - c[i];
		uint32_t magnitude;

		x = x > FLT_MAX ? FLT_MAX : x;
		x = x < -FLT_MAX ? -FLT_MAX : x;
		x *= scale;
		magnitude = float_magnitude(x);
		max = magnitude > max ? magnitude : max;
		square += x * x;
		dot += x * c[i];
		dst[i] = x;
	}
	memcpy(&sums->max, &max, sizeof(max));
	sums->square = square;
	sums->dot = dot;
}

LOOP_TARGET static void
LOOP(flip)(float *restrict x, const uint32_t *restrict signs, int round, float scale, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
	{
		uint32_t bits;
		float value = x[i] * scale;

		memcpy(&bits, &value, sizeof(bits));
		bits ^= (signs[i] << round) & UINT32_C(0x80000000);
		memcpy(&x[i], &bits, sizeof(bits));
	}
}

LOOP_TARGET static void
LOOP(butterfly)(float *restrict a, float *restrict b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
	{
		float x = a[i];
		float y = b[i];

		a[i] = (x + y) * (float) M_SQRT1_2;
		b[i] = (x - y) * (float) M_SQRT1_2;
	}
}

LOOP_TARGET static void
LOOP(range)(const float *v, size_t n, float *min, float *max)
{
	int32_t least = float_order(v[0]);
	int32_t greatest = least;
	size_t i;

	for (i = 1; i < n; i++)
	{
		int32_t order = float_order(v[i]);

		least = order < least ? order : least;
		greatest = order > greatest ? order : greatest;
	}
	*min = float_ordered(least);
	*max = float_ordered(greatest);
}

LOOP_TARGET static float
LOOP(scale)(float *x, float scale, size_t n)
{
	uint32_t max = 0;
	float greatest;
	size_t i;

	for (i = 0; i < n; i++)
	{
		float value = x[i] * scale;
		uint32_t magnitude = float_magnitude(value);

		max = magnitude > max ? magnitude : max;
		x[i] = value;
	}
	memcpy(&greatest, &max, sizeof(max));
	return greatest;
}

LOOP_TARGET static double
LOOP(square)(const float *x, size_t n)
{
	double square = 0;
	size_t i;

	for (i = 0; i < n; i++)
		square += (double) x[i] * x[i];
	return square;
}

LOOP_TARGET static void
LOOP(scale_double)(float *x, double scale, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		x[i] = (float) (x[i] * scale);
}

LOOP_TARGET static void
LOOP(grid_try)(const float *x, const LoopGrid *grid, size_t n, LoopSums *sums)
{
	const LoopGrid g = *grid;
	float square = 0;
	float dot = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		float y = x[i] * g.scale + g.offset;

		y = y < g.low ? g.low : y;
		y = y > g.high ? g.high : y;
		y = (float) (int32_t) y - g.center;
		square += y * y;
		dot += y * x[i];
	}
	sums->square = square;
	sums->dot = dot;
}

LOOP_TARGET static void
LOOP(grid_write)(const float *restrict x, const LoopGrid *grid, size_t n, uint8_t *restrict u,
				 LoopSums *sums)
{
	const LoopGrid g = *grid;
	float square = 0;
	float dot = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		float y = x[i] * g.scale + g.offset;
		int32_t level;

		y = y < g.low ? g.low : y;
		y = y > g.high ? g.high : y;
		level = (int32_t) y;
		y = (float) level - g.center;
		square += y * y;
		dot += y * x[i];
		u[i] = (uint8_t) level;
	}
	sums->square = square;
	sums->dot = dot;
}

LOOP_TARGET static float
LOOP(grid_rest)(const float *restrict x, const uint8_t *restrict u, float center, float step,
				size_t n)
{
	float square = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		float rest = x[i] - ((float) u[i] - center) * step;

		square += rest * rest;
	}
	return square;
}

LOOP_TARGET static int32_t
LOOP(round_query)(const float *restrict x, int8_t *restrict q, float inverse, float step, size_t n,
				  float *lost)
{
	int32_t sum = 0;
	float square = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		/* shifted to be positive, so that truncation rounds */
		int32_t level = (int32_t) (x[i] * inverse + 128.5f) - 128;
		float rest = x[i] - (float) level * step;

		sum += level;
		square += rest * rest;
		q[i] = (int8_t) level;
	}
	*lost = square;
	return sum;
}

LOOP_TARGET static int32_t
LOOP(planes)(const uint8_t *restrict u, uint8_t *restrict planes, size_t stride, int nplanes,
			 size_t n)
{
	int32_t sum = 0;
	size_t i;
	int p;

	for (i = 0; i < n; i++)
		sum += u[i];
	for (i = 0; i < n / 8; i++)
	{
		uint64_t eight = code_load_le64(u + i * 8);

		/* the product moves the low bit of byte k to bit 56 + k */
		for (p = 0; p < nplanes; p++)
			planes[(size_t) p * stride + i] =
				(uint8_t) ((((eight >> p) & UINT64_C(0x0101010101010101)) *
							UINT64_C(0x0102040810204080)) >>
						   56);
	}
	return sum;
}

LOOP_TARGET static void
LOOP(pack)(const uint8_t *restrict u, uint8_t *restrict packed, int bits, size_t n)
{
	size_t width = n * (size_t) bits / 8;
	size_t j;
	int k;

	memcpy(packed, u, width);
	for (k = 1; k < 8 / bits; k++)
	{
		const uint8_t *part = u + (size_t) k * width;
		int shift = k * bits;

		for (j = 0; j < width; j++)
			packed[j] |= (uint8_t) (part[j] << shift);
	}
}

LOOP_TARGET static void
LOOP(unpack)(const uint8_t *restrict packed, uint8_t *restrict u, int bits, size_t n)
{
	size_t width = n * (size_t) bits / 8;
	int mask = (1 << bits) - 1;
	size_t j;
	int k;

	for (k = 0; k < 8 / bits; k++)
	{
		uint8_t *part = u + (size_t) k * width;
		int shift = k * bits;

		for (j = 0; j < width; j++)
			part[j] = (uint8_t) ((packed[j] >> shift) & mask);
	}
}

LOOP_TARGET static int32_t
LOOP(center_levels)(const uint8_t *restrict u, int8_t *restrict q, int bits, size_t n)
{
	int factor = bits == 8 ? 1 : 2;
	int center = bits == 8 ? 128 : (1 << bits) - 1;
	int32_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
	{
		int level = factor * u[i] - center;

		sum += level;
		q[i] = (int8_t) level;
	}
	return sum;
}

LOOP_TARGET static void
LOOP(fit)(const float *restrict v, float lo, float step, float top, size_t n, uint8_t *restrict u,
		  double sums[6])
{
	float inverse = step > 0 ? 1.0f / step : 0.0f;
	float s[6] = {0, 0, 0, 0, 0, 0};
	size_t i;

	for (i = 0; i < n; i++)
	{
		float x = v[i] - lo;
		float y = x * inverse + 0.5f;
		float rest;

		y = y < 0 ? 0 : y;
		y = y > top ? top : y;
		u[i] = (uint8_t) (int32_t) y;
		y = (float) (int32_t) y;
		rest = y * step - x;
		s[0] += y;
		s[1] += y * y;
		s[2] += x;
		s[3] += x * y;
		s[4] += fabsf(rest);
		s[5] += rest * rest;
	}
	for (i = 0; i < 6; i++)
		sums[i] = s[i];
}

LOOP_TARGET static void
LOOP(line)(const uint8_t *restrict u, float lo, float step, size_t n, float *restrict v)
{
	size_t i;

	for (i = 0; i < n; i++)
	{
		float x = lo + step * (float) u[i];

		x = x > FLT_MAX ? FLT_MAX : x;
		v[i] = x < -FLT_MAX ? -FLT_MAX : x;
	}
}

static const CodeLoops LOOP(table) = {
	.residual = LOOP(residual),
	.flip = LOOP(flip),
	.butterfly = LOOP(butterfly),
	.range = LOOP(range),
	.scale = LOOP(scale),
	.square = LOOP(square),
	.scale_double = LOOP(scale_double),
	.grid_try = LOOP(grid_try),
	.grid_write = LOOP(grid_write),
	.grid_rest = LOOP(grid_rest),
	.round_query = LOOP(round_query),
	.planes = LOOP(planes),
	.pack = LOOP(pack),
	.unpack = LOOP(unpack),
	.center_levels = LOOP(center_levels),
	.fit = LOOP(fit),
	.line = LOOP(line),
};
