/*
 * kernels_test.c: every kernel on every level that this CPU has, against sums in double or 64-bit
 * integers.
 *
 * All lengths from 0 to 300 and some large, at all alignments, from buffers that end at a page that
 * must not be touched. With an argument ("quick") fewer are tried, for runs under an emulator or
 * valgrind.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "distance/distance.h"

#define MOST 16384

static const size_t large[] = {384, 768, 784, 1000, 1024, 1536, 2048, 3072, 4096, 16000};
static int quick = 0;

/* ---- memory ---- */

/* A buffer of `bytes` that ends where a page begins that may not be touched. */
typedef struct Fenced
{
	char *map;
	size_t mapped;
	char *end;
} Fenced;

static Fenced
fenced_open(size_t bytes)
{
	size_t page = (size_t) sysconf(_SC_PAGESIZE);
	size_t body = (bytes + page - 1) / page * page;
	Fenced f;

	f.mapped = body + 2 * page;
	f.map = mmap(NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f.map == MAP_FAILED || mprotect(f.map, page, PROT_NONE) ||
		mprotect(f.map + page + body, page, PROT_NONE))
	{
		perror("mmap");
		exit(2);
	}
	f.end = f.map + page + body;
	return f;
}

static Fenced fence[2];

/* `bytes` at the very end of a fenced buffer, or `off` bytes before that. */
static void *
place(int which, size_t bytes, size_t off)
{
	return fence[which].end - bytes - off;
}

/* ---- random data ---- */

static float
draw_float(void)
{
	return (float) ((double) (draw() >> 11) / 4503599627370496.0 - 1.0);
}

static void
fill_floats(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = draw_float();
}

static void
fill_bytes(void *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *) x)[i] = (uint8_t) draw();
}

/* ---- halves, by definition ---- */

static double
half_exact(half h)
{
	int exponent = h >> 10 & 0x1F;
	double mantissa = h & 0x3FF;
	double value;

	if (exponent == 0x1F)
		value = mantissa > 0 ? NAN : INFINITY;
	else if (exponent == 0)
		value = ldexp(mantissa, -24);
	else
		value = ldexp(1024 + mantissa, exponent - 25);
	return h & 0x8000 ? -value : value;
}

/* The nearest half, ties to the one whose last bit is 0: found by trying both neighbours. */
static half
half_nearest(double x)
{
	half sign = signbit(x) ? 0x8000 : 0;
	half low = 0;
	half high = 0x7C00;
	double below;
	double above;

	x = fabs(x);
	if (isnan(x))
		return 0x7E00;
	while (high - low > 1)
	{
		half middle = (half) ((low + high) / 2);

		if (half_exact(middle) <= x)
			low = middle;
		else
			high = middle;
	}
	/* the number after the greatest would be 65536: halfway there rounding gives infinity */
	below = x - half_exact(low);
	above = (high == 0x7C00 ? 65536.0 : half_exact(high)) - x;
	if (x >= 65536.0)
		return (half) (sign | 0x7C00);
	if (above < below || (above == below && (low & 1)))
		low = high;
	return (half) (sign | low);
}

static void
test_halves(const DistanceKernels *k)
{
	float src[40];
	half dst[40];
	float back[40];

	/* every half there is, to float and back */
	for (uint32_t bits = 0; bits < 65536; bits += 32)
	{
		half in[32];

		for (uint32_t i = 0; i < 32; i++)
			in[i] = (half) (bits + i);
		k->f32_from_half(back, in, 1.0f, 32);
		k->half_from_f32(dst, back, 1.0f, 32);
		for (uint32_t i = 0; i < 32; i++)
		{
			double exact = half_exact(in[i]);

			if (isnan(exact))
			{
				CHECK(isnan(back[i]), "%s: half %04x is not a number", k->name, in[i]);
				CHECK((dst[i] & 0x7C00) == 0x7C00 && (dst[i] & 0x3FF) != 0,
					  "%s: half %04x and back", k->name, in[i]);
				continue;
			}
			CHECK(back[i] == exact && signbit(back[i]) == signbit((float) exact),
				  "%s: half %04x is %g", k->name, in[i], back[i]);
			CHECK(dst[i] == in[i], "%s: half %04x and back is %04x", k->name, in[i], dst[i]);
		}
	}
	/* floats at, just below and just above every point where rounding changes, and far out */
	for (int round = 0; round < (quick ? 500 : 20000); round++)
	{
		for (int i = 0; i < 40; i++)
		{
			half low = (half) (draw() % 0x7C00);
			double next = low + 1 == 0x7C00 ? 65536.0 : half_exact((half) (low + 1));
			float tie = (float) ((half_exact(low) + next) / 2);
			uint32_t bits = (uint32_t) draw();

			switch (draw() % 4)
			{
				case 0:
					src[i] = tie;
					break;
				case 1:
					src[i] = nextafterf(tie, INFINITY);
					break;
				case 2:
					src[i] = nextafterf(tie, 0);
					break;
				default:
					memcpy(&src[i], &bits, sizeof(bits));
			}
			if (draw() % 2)
				src[i] = -src[i];
		}
		k->half_from_f32(dst, src, 1.0f, 40);
		for (int i = 0; i < 40; i++)
			CHECK(isnan(src[i]) ? (dst[i] & 0x7FFF) > 0x7C00 : dst[i] == half_nearest(src[i]),
				  "%s: half of %.9g is %04x, not %04x", k->name, src[i], dst[i],
				  half_nearest(src[i]));
	}
}

/* ---- sums of floats ---- */

/* float32 sums of n terms, in any order, are this close to the exact one. */
static bool
is_close(double got, double exact, double magnitude, size_t n)
{
	return fabs(got - exact) <= 1e-6 * magnitude * (1 + (double) n / 64) + 1e-30;
}

/* What a kernel is to add: floats are made here, and copied to where nothing is aligned. */
static float x_of[MOST];
static float y_of[MOST];
static half half_x_of[MOST];
static half half_y_of[MOST];

/* What the kernels on pairs of vectors are to return. */
typedef struct Sums
{
	double l2;
	double ip;
	double l1;
	double aa;
	double bb;
} Sums;

static void
add_terms(Sums *sums, double x, double y)
{
	sums->l2 += (x - y) * (x - y);
	sums->ip += x * y;
	sums->l1 += fabs(x - y);
	sums->aa += x * x;
	sums->bb += y * y;
}

static void
check_sums(const char *name, size_t n, size_t off, const Sums *sums, float l2, float ip, float l1,
		   const float parts[3])
{
	double lengths = sqrt(sums->aa * sums->bb);

	CHECK(is_close(l2, sums->l2, sums->l2, n), "%s n %zu off %zu", name, n, off);
	CHECK(is_close(ip, sums->ip, lengths, n), "%s n %zu off %zu", name, n, off);
	CHECK(is_close(l1, sums->l1, sums->l1, n), "%s n %zu off %zu", name, n, off);
	CHECK(is_close(parts[0], sums->ip, lengths, n) && is_close(parts[1], sums->aa, sums->aa, n) &&
			  is_close(parts[2], sums->bb, sums->bb, n),
		  "%s n %zu off %zu", name, n, off);
}

static void
test_floats(const DistanceKernels *k, size_t n, size_t off)
{
	float *a = place(0, n * sizeof(float), off);
	float *b = place(1, n * sizeof(float), off / 2);
	float parts[3];
	Sums sums = {0};

	fill_floats(x_of, n);
	fill_floats(y_of, n);
	memcpy((void *) a, x_of, n * sizeof(float));
	memcpy((void *) b, y_of, n * sizeof(float));
	for (size_t i = 0; i < n; i++)
		add_terms(&sums, x_of[i], y_of[i]);
	k->cosine_f32(a, b, n, parts);
	check_sums(k->name, n, off, &sums, k->l2_f32(a, b, n), k->ip_f32(a, b, n), k->l1_f32(a, b, n),
			   parts);
}

static void
test_half_sums(const DistanceKernels *k, size_t n, size_t off)
{
	float *a = place(0, n * sizeof(float), off);
	half *h = place(1, n * sizeof(half), off / 2);
	float scale = 0.25f;
	double l2 = 0;
	double ip = 0;
	double l1 = 0;
	double size = 0;

	fill_floats(a, n);
	for (size_t i = 0; i < n; i++)
	{
		double value;

		h[i] = (half) (draw() & 0xBFFF); /* no infinities */
		if ((h[i] & 0x3C00) == 0x3C00)
			h[i] &= 0x83FF;
		value = scale * half_exact(h[i]);
		l2 += (a[i] - value) * (a[i] - value);
		ip += a[i] * value;
		l1 += fabs(a[i] - value);
		size += fabs(a[i] * value);
	}
	CHECK(is_close(k->l2_f16(a, h, scale, n), l2, l2, n), "%s n %zu off %zu", k->name, n, off);
	CHECK(is_close(k->ip_f16(a, h, scale, n), ip, size, n), "%s n %zu off %zu", k->name, n, off);
	CHECK(is_close(k->l1_f16(a, h, scale, n), l1, l1, n), "%s n %zu off %zu", k->name, n, off);
}

static void
test_half_pairs(const DistanceKernels *k, size_t n, size_t off)
{
	half *a = place(0, n * sizeof(half), off);
	half *b = place(1, n * sizeof(half), off / 2);
	float parts[3];
	Sums sums = {0};

	for (size_t i = 0; i < n; i++)
	{
		half_x_of[i] = half_nearest(draw_float());
		half_y_of[i] = half_nearest(draw_float());
		add_terms(&sums, half_exact(half_x_of[i]), half_exact(half_y_of[i]));
	}
	memcpy((void *) a, half_x_of, n * sizeof(half));
	memcpy((void *) b, half_y_of, n * sizeof(half));
	k->cosine_halves(a, b, n, parts);
	check_sums(k->name, n, off, &sums, k->l2_halves(a, b, n), k->ip_halves(a, b, n),
			   k->l1_halves(a, b, n), parts);
}

/* Conversions write what they should and nothing behind it. */
static void
test_conversions(const DistanceKernels *k, size_t n, size_t off)
{
	float *x = place(0, n * sizeof(float), off);
	half *h = place(1, n * sizeof(half), off / 2);
	float *back = malloc((n + 1) * sizeof(float));

	fill_floats(x, n);
	k->half_from_f32(h, x, 4.0f, n);
	for (size_t i = 0; i < n; i++)
		CHECK(h[i] == half_nearest(4.0 * x[i]), "%s n %zu i %zu", k->name, n, i);
	back[n] = 12345;
	k->f32_from_half(back, h, 0.25f, n);
	for (size_t i = 0; i < n; i++)
		CHECK(back[i] == 0.25 * half_exact(h[i]), "%s n %zu i %zu", k->name, n, i);
	CHECK(back[n] == 12345, "%s n %zu: written beyond the end", k->name, n);
	k->f32_from_half(x, h, 0.25f, n);
	free(back);
}

static void
test_l1_bytes(const DistanceKernels *k, size_t n, size_t off)
{
	uint8_t *code = place(0, n, off);
	float *q = place(1, n * sizeof(float), off * 4 % 64);
	float lo = -0.75f;
	float step = 1.5f / 255;
	double l1 = 0;

	fill_bytes(code, n);
	fill_floats(q, n);
	for (size_t i = 0; i < n; i++)
		l1 += fabs((double) lo + (double) step * code[i] - q[i]);
	CHECK(is_close(k->l1_u8(code, q, lo, step, n), l1, 2.0 * (double) n, n), "%s n %zu off %zu",
		  k->name, n, off);
}

/* ---- integers: exact ---- */

static int32_t
reference_dot(const uint8_t *code, const int8_t *q, size_t n, int bits)
{
	size_t width = n * (size_t) bits / 8;
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum +=
			(int64_t) (code[i % width] >> (i / width * (size_t) bits) & ((1 << bits) - 1)) * q[i];
	return (int32_t) sum;
}

static void
test_dots(const DistanceKernels *k, size_t n, size_t off)
{
	int8_t *q = place(1, n, off);

	fill_bytes(q, n);
	for (int bits = 2; bits <= 8; bits *= 2)
	{
		size_t bytes = n * (size_t) bits / 8;
		uint8_t *code = place(0, bytes, off);
		int32_t (*dot)(const uint8_t *, const int8_t *, size_t) = bits == 8   ? k->dot_u8
																  : bits == 4 ? k->dot_u4
																			  : k->dot_u2;

		fill_bytes(code, bytes);
		CHECK(dot(code, q, n) == reference_dot(code, q, n, bits), "%s bits %d n %zu off %zu",
			  k->name, bits, n, off);
	}
	/* the greatest numbers there are: nothing may saturate */
	memset(q, 127, n);
	memset(place(0, n, off), 255, n);
	CHECK(k->dot_u8(place(0, n, off), q, n) == (int32_t) n * 255 * 127, "%s n %zu", k->name, n);
	CHECK(k->dot_u4(place(0, n / 2, off), q, n) == (int32_t) n * 15 * 127, "%s n %zu", k->name, n);
	CHECK(k->dot_u2(place(0, n / 4, off), q, n) == (int32_t) n * 3 * 127, "%s n %zu", k->name, n);
	memset(q, -128, n);
	CHECK(k->dot_u8(place(0, n, off), q, n) == -(int32_t) n * 255 * 128, "%s n %zu", k->name, n);
	CHECK(k->dot_u4(place(0, n / 2, off), q, n) == -(int32_t) n * 15 * 128, "%s n %zu", k->name, n);
	CHECK(k->dot_u2(place(0, n / 4, off), q, n) == -(int32_t) n * 3 * 128, "%s n %zu", k->name, n);
}

static void
test_code_pairs(const DistanceKernels *k, size_t n, size_t off)
{
	uint8_t *code = place(0, n / 2, off);
	uint8_t *other = place(1, n / 2, off / 2);
	int64_t sum = 0;

	fill_bytes(code, n / 2);
	fill_bytes(other, n / 2);
	for (size_t j = 0; j < n / 2; j++)
		sum += (code[j] & 15) * (2 * (other[j] & 15) - 15) +
			   (code[j] >> 4) * (2 * (other[j] >> 4) - 15);
	CHECK(k->dot_u4_u4(code, other, n) == sum, "%s n %zu off %zu", k->name, n, off);
	memset(code, 255, n / 2);
	memset(other, 255, n / 2);
	CHECK(k->dot_u4_u4(code, other, n) == (int32_t) n * 15 * 15, "%s n %zu", k->name, n);
	memset(other, 0, n / 2);
	CHECK(k->dot_u4_u4(code, other, n) == -(int32_t) n * 15 * 15, "%s n %zu", k->name, n);
}

static void
test_planes(const DistanceKernels *k, size_t n, size_t off)
{
	size_t bytes = n / 8;
	uint8_t *code = place(0, bytes, off);

	for (int nplanes = 1; nplanes <= 8; nplanes++)
	{
		size_t stride = bytes + draw() % 3;
		uint8_t *planes = place(1, stride * (size_t) (nplanes - 1) + bytes, off);
		int64_t sum = 0;

		fill_bytes(code, bytes);
		fill_bytes(planes, stride * (size_t) (nplanes - 1) + bytes);
		for (int p = 0; p < nplanes; p++)
			for (size_t i = 0; i < n; i++)
				sum += (int64_t) (code[i / 8] >> i % 8 &
								  planes[(size_t) p * stride + i / 8] >> i % 8 & 1)
					   << p;
		CHECK(k->dot_planes(code, planes, stride, nplanes, n) == sum, "%s n %zu planes %d", k->name,
			  n, nplanes);
	}
}

static void
test_bits(const DistanceKernels *k, size_t nbytes, size_t off)
{
	uint8_t *a = place(0, nbytes, off);
	uint8_t *b = place(1, nbytes, off);
	int64_t hamming = 0;
	int64_t both = 0;

	fill_bytes(a, nbytes);
	fill_bytes(b, nbytes);
	for (size_t i = 0; i < 8 * nbytes; i++)
	{
		int x = a[i / 8] >> i % 8 & 1;
		int y = b[i / 8] >> i % 8 & 1;

		hamming += x != y;
		both += x && y;
	}
	CHECK(k->hamming(a, b, nbytes) == hamming, "%s bytes %zu off %zu", k->name, nbytes, off);
	CHECK(k->and_count(a, b, nbytes) == both, "%s bytes %zu off %zu", k->name, nbytes, off);
}

static void
test_hadamard(const DistanceKernels *k, size_t n)
{
	float *x = place(0, n * sizeof(float), 0);
	double *y = malloc(n * sizeof(double));

	fill_floats(x, n);
	for (size_t i = 0; i < n; i++)
		y[i] = x[i];
	for (size_t h = 1; h < n; h *= 2)
		for (size_t i = 0; i < n; i++)
			if ((i & h) == 0)
			{
				double sum = y[i] + y[i + h];

				y[i + h] = y[i] - y[i + h];
				y[i] = sum;
			}
	k->hadamard_f32(x, n);
	for (size_t i = 0; i < n; i++)
		CHECK(fabs(x[i] - y[i]) <= 1e-6 * (double) n, "%s n %zu i %zu: %g %g", k->name, n, i, x[i],
			  y[i]);
	free(y);
}

/* ---- all of it ---- */

static void
test_length(const DistanceKernels *k, size_t n, size_t off)
{
	test_floats(k, n, off);
	test_half_sums(k, n, off & ~(size_t) 3);
	test_half_pairs(k, n, off);
	test_l1_bytes(k, n, off);
	test_bits(k, n / 8 + off % 8, off);
	if (n % 16 == 0 && n > 0)
	{
		test_dots(k, n, off);
		test_code_pairs(k, n, off);
		test_planes(k, n, off);
	}
}

static void
test_level(DistanceLevel level)
{
	const DistanceKernels *k = distance_kernels(level);

	if (k == NULL)
		return;
	printf("# level %s\n", k->name);
	CHECK(k->level == level, "%s", k->name);
	for (size_t n = 0; n <= 300; n++)
		for (size_t off = 0; off < 64; off += quick ? 61 : n < 100 ? 1 : 13)
			test_length(k, n, off);
	for (size_t n = 0; n <= 300; n += quick ? 7 : 1)
		test_conversions(k, n, n % 16 * 4);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		for (size_t off = 0; off < 64; off += quick ? 61 : 7)
			test_length(k, large[i], off);
	for (size_t n = 1; n <= MOST; n *= 2)
		test_hadamard(k, n);
	test_halves(k);
}

/* distance_init() takes the best that is there and not above what is asked for. */
static void
test_choice(void)
{
	DistanceLevel best = DISTANCE_PORTABLE;

	CHECK(distance->level == DISTANCE_PORTABLE, "before distance_init()");
	for (int level = DISTANCE_PORTABLE; level <= DISTANCE_AVX512; level++)
	{
		if (distance_kernels((DistanceLevel) level) != NULL)
			best = (DistanceLevel) level;
		CHECK(distance_init((DistanceLevel) level) == best && distance->level == best, "level %d",
			  level);
	}
	CHECK(distance_init(DISTANCE_AUTO) == best, "auto");
	CHECK(distance_kernels(DISTANCE_AUTO) == NULL, "auto is no level");
}

int
main(int argc, char **argv)
{
	(void) argv;
	quick = argc > 1;
	fence[0] = fenced_open(MOST * sizeof(float) + 64);
	fence[1] = fenced_open(9 * MOST * sizeof(float));
	test_choice();
	for (int level = DISTANCE_PORTABLE; level <= DISTANCE_AVX512; level++)
		test_level((DistanceLevel) level);
	return check_result("kernels");
}
