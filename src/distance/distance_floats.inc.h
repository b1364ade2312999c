/*
 * distance_floats.inc.h: the sums over floats and halves, for levels with registers of floats.
 *
 * A body to be included once per level, where the level's instruction set is switched on. Four
 * accumulators, which hide the latency of an addition. Nothing is read beyond the end. The level
 * defines before:
 *
 *	Lanes, WIDTH					a register, and how many floats it has
 *	load, load_half					a register full from x on
 *	load_first, load_half_first		the first n of one, fewer than WIDTH, with zeroes behind
 *	lanes_of						a float in all lanes
 *	lanes_add, lanes_sub, lanes_mul	of two registers
 *	lanes_madd, lanes_apart			a * b + c; |a - b|
 *	sum_lanes						the lanes added up
 */

/* Each gives the sum with the lanes' terms added. */

static inline Lanes
l2_step(Lanes sum, Lanes a, Lanes b)
{
	Lanes d = lanes_sub(a, b);

	return lanes_madd(d, d, sum);
}

static inline Lanes
ip_step(Lanes sum, Lanes a, Lanes b)
{
	return lanes_madd(a, b, sum);
}

static inline Lanes
l1_step(Lanes sum, Lanes a, Lanes b)
{
	return lanes_add(sum, lanes_apart(a, b));
}

/*
 * A sum over n elements: `a(i)` and `b(i)` load the lanes from i on, a_first and b_first those that
 * are left at i.
 */
#define SUM_LANES(step, a, a_first, b, b_first)            \
	Lanes s0 = lanes_of(0);                                \
	Lanes s1 = s0;                                         \
	Lanes s2 = s0;                                         \
	Lanes s3 = s0;                                         \
	size_t i = 0;                                          \
                                                           \
	for (; i + 4 * WIDTH <= n; i += 4 * WIDTH)             \
	{                                                      \
		s0 = step(s0, a(i), b(i));                         \
		s1 = step(s1, a(i + WIDTH), b(i + WIDTH));         \
		s2 = step(s2, a(i + 2 * WIDTH), b(i + 2 * WIDTH)); \
		s3 = step(s3, a(i + 3 * WIDTH), b(i + 3 * WIDTH)); \
	}                                                      \
	if (i + 2 * WIDTH <= n)                                \
	{                                                      \
		s0 = step(s0, a(i), b(i));                         \
		s1 = step(s1, a(i + WIDTH), b(i + WIDTH));         \
		i += 2 * WIDTH;                                    \
	}                                                      \
	if (i + WIDTH <= n)                                    \
	{                                                      \
		s2 = step(s2, a(i), b(i));                         \
		i += WIDTH;                                        \
	}                                                      \
	if (i < n)                                             \
		s3 = step(s3, a_first(i), b_first(i));             \
	return sum_lanes(lanes_add(lanes_add(s0, s1), lanes_add(s2, s3)))

/* The sums of a cosine, a register of each. */
typedef struct CosineSums
{
	Lanes ab;
	Lanes aa;
	Lanes bb;
} CosineSums;

static inline void
cosine_step(CosineSums *sums, Lanes a, Lanes b)
{
	sums->ab = ip_step(sums->ab, a, b);
	sums->aa = ip_step(sums->aa, a, a);
	sums->bb = ip_step(sums->bb, b, b);
}

/* These sums over n elements in two sets of accumulators; the loads are as in SUM_LANES. */
#define COSINE_LANES(a, a_first, b, b_first)                 \
	CosineSums s0 = {lanes_of(0), lanes_of(0), lanes_of(0)}; \
	CosineSums s1 = s0;                                      \
	size_t i = 0;                                            \
                                                             \
	for (; i + 2 * WIDTH <= n; i += 2 * WIDTH)               \
	{                                                        \
		cosine_step(&s0, a(i), b(i));                        \
		cosine_step(&s1, a(i + WIDTH), b(i + WIDTH));        \
	}                                                        \
	if (i + WIDTH <= n)                                      \
	{                                                        \
		cosine_step(&s0, a(i), b(i));                        \
		i += WIDTH;                                          \
	}                                                        \
	if (i < n)                                               \
		cosine_step(&s1, a_first(i), b_first(i));            \
	parts[0] = sum_lanes(lanes_add(s0.ab, s1.ab));           \
	parts[1] = sum_lanes(lanes_add(s0.aa, s1.aa));           \
	parts[2] = sum_lanes(lanes_add(s0.bb, s1.bb))

#define FLOATS_A(i) load(a + (i))
#define FLOATS_A_FIRST(i) load_first(a + (i), n - (i))
#define FLOATS_B(i) load(b + (i))
#define FLOATS_B_FIRST(i) load_first(b + (i), n - (i))
#define HALVES_A(i) load_half(a + (i))
#define HALVES_A_FIRST(i) load_half_first(a + (i), n - (i))
#define HALVES_B(i) load_half(b + (i))
#define HALVES_B_FIRST(i) load_half_first(b + (i), n - (i))
#define SCALED_H(i) lanes_mul(factor, load_half(h + (i)))
#define SCALED_H_FIRST(i) lanes_mul(factor, load_half_first(h + (i), n - (i)))

/*
 * A distance by its step: of two vectors of floats, of floats and scaled halves, and of two of
 * halves.
 */
#define FLOAT_KERNELS(name)                                                         \
	static float name##_f32(const float *a, const float *b, size_t n)               \
	{                                                                               \
		SUM_LANES(name##_step, FLOATS_A, FLOATS_A_FIRST, FLOATS_B, FLOATS_B_FIRST); \
	}                                                                               \
                                                                                    \
	static float name##_f16(const float *a, const half *h, float scale, size_t n)   \
	{                                                                               \
		Lanes factor = lanes_of(scale);                                             \
                                                                                    \
		SUM_LANES(name##_step, FLOATS_A, FLOATS_A_FIRST, SCALED_H, SCALED_H_FIRST); \
	}                                                                               \
                                                                                    \
	static float name##_halves(const half *a, const half *b, size_t n)              \
	{                                                                               \
		SUM_LANES(name##_step, HALVES_A, HALVES_A_FIRST, HALVES_B, HALVES_B_FIRST); \
	}

FLOAT_KERNELS(l2)
FLOAT_KERNELS(ip)
FLOAT_KERNELS(l1)

static void
cosine_f32(const float *a, const float *b, size_t n, float parts[3])
{
	COSINE_LANES(FLOATS_A, FLOATS_A_FIRST, FLOATS_B, FLOATS_B_FIRST);
}

static void
cosine_f16(const float *a, const half *h, float scale, size_t n, float parts[3])
{
	Lanes factor = lanes_of(scale);

	COSINE_LANES(FLOATS_A, FLOATS_A_FIRST, SCALED_H, SCALED_H_FIRST);
}

static void
cosine_halves(const half *a, const half *b, size_t n, float parts[3])
{
	COSINE_LANES(HALVES_A, HALVES_A_FIRST, HALVES_B, HALVES_B_FIRST);
}
