/*
 * distance_hadamard.inc.h: the fast Walsh-Hadamard transform, for levels with registers of floats.
 *
 * A body to be included once per level, where the level's instruction set is switched on. Levels
 * that lie within a register come first, then two in a pass over memory. The level defines before:
 *
 *	Lanes, WIDTH			a register, and how many floats it has
 *	load, store				a register full from x on, and back
 *	lanes_add, lanes_sub	of two registers
 *	hadamard_lanes			the transform of one register
 */

/* Two levels in one pass, strides h and 2h. */
static void
hadamard_two_levels(float *x, size_t n, size_t h)
{
	for (size_t i = 0; i < n; i += 4 * h)
		for (size_t j = i; j < i + h; j += WIDTH)
		{
			Lanes a = load(x + j);
			Lanes b = load(x + j + h);
			Lanes c = load(x + j + 2 * h);
			Lanes d = load(x + j + 3 * h);
			Lanes ab = lanes_add(a, b);
			Lanes a_b = lanes_sub(a, b);
			Lanes cd = lanes_add(c, d);
			Lanes c_d = lanes_sub(c, d);

			store(x + j, lanes_add(ab, cd));
			store(x + j + h, lanes_add(a_b, c_d));
			store(x + j + 2 * h, lanes_sub(ab, cd));
			store(x + j + 3 * h, lanes_sub(a_b, c_d));
		}
}

static void
hadamard_f32(float *x, size_t n)
{
	size_t h = WIDTH;

	if (n < WIDTH)
	{
		distance_portable.hadamard_f32(x, n);
		return;
	}
	for (size_t i = 0; i < n; i += WIDTH)
		store(x + i, hadamard_lanes(load(x + i)));
	for (; 4 * h <= n; h *= 4)
		hadamard_two_levels(x, n, h);
	if (h < n)
		for (size_t j = 0; j < h; j += WIDTH)
		{
			Lanes a = load(x + j);
			Lanes b = load(x + j + h);

			store(x + j, lanes_add(a, b));
			store(x + j + h, lanes_sub(a, b));
		}
}
