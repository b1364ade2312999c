/*
 * verify_test.c: code_is_of() takes the codes of a vector that other CPU levels make, and no
 * others.
 *
 * Damage that is to be noticed is what a changed byte does: one that changes a level by half of its
 * grid, or a factor by far.  Less may be what another CPU rounds; and of a few dimensions, or of
 * one bit, so little is known that more may be right.
 */
#include "codes_data.h"

#define VECTORS 400

typedef struct Case
{
	Setup *setup;
	CodeMetric metric;
	int bits;
	float *vector;
	void *code;
	void *expected;
	float *decoded;
} Case;

static bool
is_of(Case *c, bool rough)
{
	CodeComparison comparison = {c->vector, c->expected, c->decoded, rough};

	return code_is_of(c->setup->coder, &comparison, c->code, c->setup->scratch);
}

/* The codes of every level this CPU has, against the one in use when the index is checked. */
static void
test_levels(Case *c, const char *name)
{
	static const DistanceLevel levels[] = {DISTANCE_PORTABLE, DISTANCE_NEON, DISTANCE_AVX2,
										   DISTANCE_AVX512};
	size_t i;

	distance_init(DISTANCE_AUTO);
	coder_encode(c->setup->coder, c->vector, c->expected, c->setup->scratch);
	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
	{
		if (distance_kernels(levels[i]) == NULL)
			continue;
		distance_init(levels[i]);
		coder_encode(c->setup->coder, c->vector, c->code, c->setup->scratch);
		distance_init(DISTANCE_AUTO);
		CHECK(is_of(c, false), "%s: the code of level %d", name, (int) levels[i]);
	}
}

/* A vector that was made of halves again stands for the one that was encoded. */
static void
test_rough(Case *c, const char *name)
{
	int i;

	coder_encode(c->setup->coder, c->vector, c->code, c->setup->scratch);
	for (i = 0; i < c->setup->spec.dims; i++)
		c->vector[i] *= 1 + (float) ((random_unit() - 0.5) / 2048);
	coder_encode(c->setup->coder, c->vector, c->expected, c->setup->scratch);
	CHECK(is_of(c, true), "%s: the code of a vector, against its halves", name);
}

static bool
has_values(const Case *c)
{
	int i;

	for (i = 0; i < c->setup->spec.dims; i++)
		if (c->vector[i] != c->vector[0])
			return true;
	return false;
}

static void
test_damage(Case *c, const char *name)
{
	size_t levels = c->setup->size - 16;
	unsigned char *bytes = (unsigned char *) c->code + 16;
	size_t at = random_bits() % levels;
	float factor;
	int i;

	coder_encode(c->setup->coder, c->vector, c->expected, c->setup->scratch);
	if (c->bits >= 4)
	{
		memcpy(c->code, c->expected, c->setup->size);
		bytes[at] ^= 0x80;
		/*
		 * dimensions that only pad the levels of L1 are never read, nor is anything where all are
		 * equal
		 */
		if (c->metric != CODE_L1 ||
			(has_values(c) && (c->bits == 8 ? at : levels + at) < (size_t) c->setup->spec.dims))
			CHECK(!is_of(c, false), "%s: the highest bit of byte %d", name, (int) at);
	}
	for (i = 0; i < 4; i++)
	{
		memcpy(c->code, c->expected, c->setup->size);
		memcpy(&factor, (char *) c->code + 4 * i, sizeof(factor));
		factor = factor * 4 + (factor < 0 ? -1000 : 1000);
		memcpy((char *) c->code + 4 * i, &factor, sizeof(factor));
		CHECK(!is_of(c, false), "%s: factor %d", name, i);
		factor = NAN;
		memcpy((char *) c->code + 4 * i, &factor, sizeof(factor));
		CHECK(!is_of(c, false), "%s: factor %d that is no number", name, i);
	}
	/* another vector's code */
	fill_for(c->metric, GAUSSIAN, c->decoded, 1, c->setup->spec.dims);
	coder_encode(c->setup->coder, c->decoded, c->code, c->setup->scratch);
	CHECK(!is_of(c, false), "%s: the code of another vector", name);
}

static void
test_case(int dims, CodeMetric metric, int bits, Kind kind)
{
	float *sample = take(100 * (size_t) dims * sizeof(float));
	Setup setup;
	Case c = {.setup = &setup, .metric = metric, .bits = bits};
	char name[80];
	int i;

	fill_for(metric, kind, sample, 100, dims);
	setup = setup_open(dims, metric, bits, random_bits(), sample, 100);
	c.vector = take((size_t) dims * sizeof(float));
	c.decoded = take((size_t) dims * sizeof(float));
	c.code = take(setup.size);
	c.expected = take(setup.size);
	snprintf(name, sizeof(name), "%d dimensions, metric %d, %d bits, data %d", dims, (int) metric,
			 bits, (int) kind);
	for (i = 0; i < VECTORS; i++)
	{
		fill_for(metric, kind, c.vector, 1, dims);
		test_levels(&c, name);
		if (bits < CODE_BITS_HALF && dims >= 24)
			test_damage(&c, name);
		fill_for(metric, kind, c.vector, 1, dims);
		if (bits < CODE_BITS_HALF)
			test_rough(&c, name);
	}
	setup_close(&setup);
	free(c.vector);
	free(c.decoded);
	free(c.code);
	free(c.expected);
	free(sample);
}

int
main(int argc, char **argv)
{
	static const int all_bits[] = {1, 2, 4, 8, CODE_BITS_HALF, CODE_BITS_EXACT};
	static const int all_dims[] = {3, 24, 128, 700};
	size_t d;
	size_t b;
	int metric;
	int kind;

	(void) argv;
	(void) true_distance; /* of codes_data.h */
	for (d = 0; d < (argc > 1 ? 2 : sizeof(all_dims) / sizeof(all_dims[0])); d++)
		for (b = 0; b < sizeof(all_bits) / sizeof(all_bits[0]); b++)
			for (metric = CODE_L2; metric <= CODE_L1; metric++)
				for (kind = GAUSSIAN; kind <= SPARSE; kind++)
					test_case(all_dims[d], (CodeMetric) metric, all_bits[b], (Kind) kind);
	return check_result("verify");
}
