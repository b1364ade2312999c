/*
 * codes_test.c: what code.h promises, on synthetic data.
 *
 * Errors of rotated codes are measured in units of |v - c| |q - c| / sqrt(n -
 * 1): there the paper predicts the same standard deviation for every kind of
 * data and every number of dimensions, so one limit a width serves for all.
 * Rotations are drawn anew for every few pairs, since that is what the
 * estimates are unbiased over.  L1 errors are relative.
 *
 * With an argument ("quick") estimates are left out, for runs under valgrind.
 */
#include "codes_data.h"
#include "distance/operator.h"

/* Vectors measured under one rotation: all others against the first. */
#define DRAWN 5
/* Below so many rotations a deviation is known too roughly, and a bias not at
 * all. */
#define MIN_PARTS 30

/* ---- errors of estimates ---- */

typedef struct Errors
{
	double sum;
	double square;
	double bound;
	long broken; /* bounds that did not hold */
	long n;

	/* pairs of one rotation share its luck, so that what counts for the bias is
   * the mean of each rotation */
	double part;
	long part_n;
	double parts_sum;
	double parts_square;
	long parts;
} Errors;

/* What is measured of a spec on one kind of data. */
typedef struct Measured
{
	Errors direct; /* from a vector to codes */
	Errors pairs;  /* from a code to codes */
	double loss;   /* mean of |v - decoded| / |v - c| */
	double most;   /* the greatest */
} Measured;

/* Vectors to draw from. */
typedef struct Pool
{
	const float *vectors;
	int n;
	int rounds; /* rotations to try */
} Pool;

#define ROTATIONS 100

/* The unit of errors: see the top. */
static double
error_unit(const Setup *b, const float *v, const float *q)
{
	int dims = b->spec.dims;
	double n = (dims + 15) / 16 * 16;
	double unit;

	if (b->spec.metric == CODE_L1)
		return true_distance(CODE_L1, v, q, dims);
	unit = sqrt(true_distance(CODE_L2, v, b->centroid, dims) *
				true_distance(CODE_L2, q, b->centroid, dims) / (n - 1));
	return b->spec.metric == CODE_L2 ? 2 * unit : unit;
}

/* The distances from the present query to the codes behind the first, against
 * the true ones. */
static void
errors_add(Errors *e, const Setup *b, const float *v, const char *codes)
{
	int k;

	e->part = 0;
	e->part_n = 0;
	for (k = 1; k < DRAWN; k++)
	{
		const float *other = v + (size_t) k * b->spec.dims;
		double exact = true_distance(b->spec.metric, v, other, b->spec.dims);
		double unit = error_unit(b, v, other);
		float bound;
		double dist = code_distance(b->query, codes + k * b->size, &bound);
		double error = (dist - exact) / unit;

		if (unit <= 0)
			continue;
		e->part += error;
		e->part_n++;
		e->square += error * error;
		e->bound += bound / unit;
		e->broken += dist - bound > exact;
	}
	if (e->part_n == 0)
		return;
	e->sum += e->part;
	e->n += e->part_n;
	e->parts_sum += e->part / (double) e->part_n;
	e->parts_square += e->part / (double) e->part_n * e->part / (double) e->part_n;
	e->parts++;
}

static double
errors_deviation(const Errors *e)
{
	return sqrt(e->square / (double) e->n);
}

static double
errors_bias(const Errors *e)
{
	return e->parts_sum / (double) e->parts;
}

/* The standard error of the bias. */
static double
errors_doubt(const Errors *e)
{
	double variance = e->parts_square / (double) e->parts - errors_bias(e) * errors_bias(e);

	return sqrt(variance > 0 ? variance / (double) (e->parts - 1) : 0);
}

/* From a to b is as far as from b to a. */
static void
check_symmetric(const Setup *b, const float *v, const char *codes)
{
	int dims = b->spec.dims;
	const char *other = codes + b->size;
	double there;
	double back;
	double size;
	int i;

	coder_query_code(b->coder, b->query, other, b->scratch);
	back = code_distance(b->query, codes, NULL);
	coder_query_code(b->coder, b->query, codes, b->scratch);
	there = code_distance(b->query, other, NULL);
	size = 1 + true_distance(CODE_L1, v, v + dims, dims);
	for (i = 0; i < dims; i++)
		size += (double) v[i] * v[i] + (double) v[dims + i] * v[dims + i] +
				2.0 * b->centroid[i] * b->centroid[i];
	CHECK(fabs(there - back) <= 1e-5 * size, "metric %d bits %d dims %d: %g and %g", b->spec.metric,
		  b->spec.bits, dims, there, back);
}

static void
measure(const CodeSpec *spec, const Pool *pool, Measured *m)
{
	int dims = spec->dims;
	float *decoded = take((size_t) dims * sizeof(float));
	int losses = 0;
	int round;
	int k;

	memset(m, 0, sizeof(*m));
	for (round = 0; round < pool->rounds; round++)
	{
		const float *v = pool->vectors + (size_t) (round * DRAWN % (pool->n - DRAWN + 1)) * dims;
		Setup b = setup_open(dims, spec->metric, spec->bits, random_bits(), pool->vectors,
							 round % 4 == 0 ? 0 : pool->n);
		char *codes = take(DRAWN * b.size);
		double length = sqrt(true_distance(CODE_L2, v, b.centroid, dims));

		for (k = 0; k < DRAWN; k++)
			coder_encode(b.coder, v + (size_t) k * dims, codes + k * b.size, b.scratch);
		coder_decode(b.coder, codes, decoded, b.scratch);
		if (length > 0)
		{
			double loss = sqrt(true_distance(CODE_L2, v, decoded, dims)) / length;

			m->loss += loss;
			m->most = fmax(m->most, loss);
			losses++;
		}
		coder_query(b.coder, b.query, v, b.scratch);
		errors_add(&m->direct, &b, v, codes);
		check_symmetric(&b, v, codes);
		errors_add(&m->pairs, &b, v, codes);
		free(codes);
		setup_close(&b);
	}
	m->loss /= losses > 0 ? losses : 1;
	free(decoded);
}

/* Limits for a width and family: of the deviation of direct estimates and of
 * pairs, and of what decoding loses. */
typedef struct Limits
{
	int bits;
	double direct;
	double pairs;
	double decode; /* from 16 dimensions up; fewer leave the rotation little to
                    mix */
	double bias;   /* of pairs, whose two roundings are not quite independent */
} Limits;

static const Limits rotated_limits[] = {
	{1, 0.90, 1.60, 0.90, 0.02},
	{2, 0.43, 0.65, 0.56, 0.05},
	{4, 0.135, 0.18, 0.19, 0.005},
	{8, 0.014, 0.014, 0.0125, 0.0005},
};

static const Limits scalar_limits[] = {
	{1, 0.30, 0.60, 0.90, 0},
	{2, 0.09, 0.35, 0.80, 0},
	{4, 0.04, 0.08, 0.70, 0},
	{8, 0.009, 0.009, 0.07, 0},
};

static long bounds_broken;
static long bounds_seen;

/* `bias` is what the bias may be beyond chance. */
static void
errors_check(const Errors *e, const CodeSpec *spec, const char *what, double limit, double bias)
{
	double n = (double) e->n;
	double most = spec->dims >= 64 ? 5 : 20;

	if (spec->dims < 16)
		limit *= 1.5;
	if (e->parts < MIN_PARTS)
		limit *= 1.75;

	CHECK(errors_deviation(e) <= limit, "%s: deviation %g > %g", what, errors_deviation(e), limit);
	if (spec->metric != CODE_L1 && spec->dims >= 16 && e->parts >= MIN_PARTS)
		CHECK(fabs(errors_bias(e)) <= 4.5 * errors_doubt(e) + bias, "%s: bias %g +- %g", what,
			  errors_bias(e), errors_doubt(e));
	CHECK((double) e->broken <= 0.005 * n + 3, "%s: %ld of %ld bounds broken", what, e->broken,
		  e->n);
	CHECK(e->bound / n <= most * limit, "%s: mean bound %g", what, e->bound / n);
	bounds_broken += e->broken;
	bounds_seen += e->n;
}

/* All widths of one metric on one kind of data. */
static void
check_estimates(CodeMetric metric, int dims, Kind kind, const Pool *pool)
{
	double loss = 1;
	char what[100];
	int i;

	for (i = 0; i < 4; i++)
	{
		const Limits *limits = metric == CODE_L1 ? &scalar_limits[i] : &rotated_limits[i];
		CodeSpec spec = {dims, metric, limits->bits};
		Measured m;

		measure(&spec, pool, &m);
		/* sparse vectors of few dimensions are mostly equal */
		if (m.direct.n == 0)
			continue;
		snprintf(what, sizeof(what), "metric %d bits %d kind %d dims %d", metric, spec.bits, kind,
				 dims);
		errors_check(&m.direct, &spec, what, limits->direct, 1e-4);
		CHECK(dims < 16 || m.most <= limits->decode, "%s: decoding loses %g", what, m.most);
		CHECK(dims < 16 || i == 0 || m.loss < 0.85 * loss,
			  "%s: decoding loses %g, half the bits %g", what, m.loss, loss);
		loss = m.loss;
		strncat(what, ", of codes", sizeof(what) - strlen(what) - 1);
		errors_check(&m.pairs, &spec, what, limits->pairs, limits->bias);
	}
}

static void
test_estimates(void)
{
	static const int dims[] = {1, 2, 3, 7, 16, 17, 100, 128, 200, 384, 784, 1280, 1536, 16000};
	size_t d;
	int metric;
	int kind;

	for (d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		for (metric = CODE_L2; metric <= CODE_L1; metric++)
			for (kind = 0; kind < KINDS; kind++)
			{
				bool large = dims[d] > 2000;
				Pool pool = {NULL, large ? 20 : 104, large ? ROTATIONS / 20 : ROTATIONS};
				float *v = take((size_t) pool.n * dims[d] * sizeof(float));

				random_state = (uint64_t) (dims[d] * 100 + kind * 10 + metric);
				fill_for((CodeMetric) metric, (Kind) kind, v, pool.n, dims[d]);
				pool.vectors = v;
				check_estimates((CodeMetric) metric, dims[d], (Kind) kind, &pool);
				free(v);
			}
	CHECK((double) bounds_broken <= 0.003 * (double) bounds_seen, "%ld of %ld bounds broken",
		  bounds_broken, bounds_seen);
}

/* ---- recall ---- */

#define ROWS 2000
#define QUERIES 20
#define RECALL_DIMS 128

/* How many of the true ten nearest are among the best twenty by estimate, of 10
 * * QUERIES. */
static int
recall_count(CodeMetric metric, int bits, const float *rows)
{
	Setup b = setup_open(RECALL_DIMS, metric, bits, 7, rows, ROWS);
	char *codes = take(ROWS * b.size);
	const void **list = take(ROWS * sizeof(void *));
	float *dist = take(ROWS * sizeof(float));
	double *exact = take(ROWS * sizeof(double));
	int found = 0;
	int q;
	int i;
	int k;
	int j;

	for (i = 0; i < ROWS; i++)
	{
		list[i] = codes + (size_t) i * b.size;
		coder_encode(b.coder, rows + (size_t) i * RECALL_DIMS, codes + (size_t) i * b.size,
					 b.scratch);
	}
	for (q = 0; q < QUERIES; q++)
	{
		const float *query = rows + (size_t) (ROWS + q) * RECALL_DIMS;

		coder_query(b.coder, b.query, query, b.scratch);
		code_distances(b.query, list, ROWS, dist, NULL);
		for (i = 0; i < ROWS; i++)
			exact[i] = true_distance(metric, rows + (size_t) i * RECALL_DIMS, query, RECALL_DIMS);
		for (k = 0; k < 10; k++)
		{
			int best = 0;
			int closer = 0;

			for (i = 1; i < ROWS; i++)
				if (exact[i] < exact[best])
					best = i;
			exact[best] = DBL_MAX;
			for (j = 0; j < ROWS; j++)
				closer += dist[j] < dist[best];
			found += closer < 20;
		}
	}
	free(codes);
	free(list);
	free(dist);
	free(exact);
	setup_close(&b);
	return found;
}

static void
test_recall(void)
{
	/* least counts of 200, by metric, for 1, 2, 4, 8, 16 and 32 bits */
	static const int bits[] = {1, 2, 4, 8, CODE_BITS_HALF, CODE_BITS_EXACT};
	static const int least[][6] = {
		{60, 100, 190, 200, 200, 200},
		{60, 100, 190, 200, 200, 200},
		{60, 100, 190, 200, 200, 200},
		{50, 110, 190, 200, 200, 200},
	};
	float *rows = take((ROWS + QUERIES) * RECALL_DIMS * sizeof(float));
	int metric;
	int i;

	for (metric = CODE_L2; metric <= CODE_L1; metric++)
	{
		random_state = 99;
		fill_for((CodeMetric) metric, CLUSTERED, rows, ROWS + QUERIES, RECALL_DIMS);
		for (i = 0; i < 6; i++)
		{
			int found = recall_count((CodeMetric) metric, bits[i], rows);

			CHECK(found >= least[metric][i], "metric %d bits %d: %d of 200", metric, bits[i],
				  found);
		}
	}
	free(rows);
}

/* ---- copies ---- */

static void
test_copies(void)
{
	static const int dims[] = {1, 2, 3, 5, 16, 33, 784};
	float v[2][784];
	float decoded[784];
	size_t d;
	int metric;
	int i;

	for (metric = CODE_L2; metric <= CODE_L1; metric++)
		for (d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		{
			size_t n = (size_t) dims[d];
			Setup exact = setup_open(dims[d], (CodeMetric) metric, CODE_BITS_EXACT, 1, NULL, 0);
			Setup halves = setup_open(dims[d], (CodeMetric) metric, CODE_BITS_HALF, 1, NULL, 0);
			char *code = take(halves.size + exact.size);
			Elements a = elements_floats(v[1]);
			Elements b = elements_floats(v[0]);
			double expected;
			float bound = 1;
			double near;

			random_state = 5 + n;
			fill(SKEWED, v[0], dims[d]);
			fill(GAUSSIAN, v[1], dims[d]);
			for (i = 0; i < 2; i++)
				normalise(v[i], dims[d]);
			coder_encode(exact.coder, v[0], code, exact.scratch);
			coder_query(exact.coder, exact.query, v[1], exact.scratch);
			expected = metric == CODE_L2   ? operator_l2_square(a, b, n)
					   : metric == CODE_L1 ? operator_l1(a, b, n)
					   : metric == CODE_IP ? -operator_ip(a, b, n)
										   : operator_cosine(a, b, n);
			CHECK(code_measure(exact.query, code) == expected, "metric %d dims %zu", metric, n);
			near = code_distance(exact.query, code, &bound);
			CHECK(metric == CODE_COSINE ? fabs(near - expected) <= bound
										: near == expected && bound <= n * FLT_MIN,
				  "metric %d dims %zu: %g %g", metric, n, near, expected);

			coder_encode(halves.coder, v[0], code, halves.scratch);
			coder_decode(halves.coder, code, decoded, halves.scratch);
			for (i = 0; i < dims[d]; i++)
				CHECK(fabs((double) decoded[i] - v[0][i]) <= fabs((double) v[0][i]) / 2048,
					  "dims %zu: %g %g", n, decoded[i], v[0][i]);
			coder_query(halves.coder, halves.query, v[1], halves.scratch);
			near = true_distance((CodeMetric) metric, decoded, v[1], dims[d]);
			if (metric == CODE_COSINE)
				near = 1 - (1 - near) / sqrt(-true_distance(CODE_IP, decoded, decoded, dims[d]));
			CHECK(fabs(code_distance(halves.query, code, &bound) - near) <= 1e-5 * (1 + fabs(near)),
				  "dims %zu", n);
			CHECK(fabs(code_measure(halves.query, code) - near) <= 1e-5 * (1 + fabs(near)),
				  "dims %zu", n);
			if (metric == CODE_COSINE)
				CHECK(fabs(code_measure(halves.query, code) -
						   code_distance(halves.query, code, NULL)) <= bound,
					  "dims %zu", n);
			coder_query_code(halves.coder, halves.query, code, halves.scratch);
			CHECK(metric != CODE_L2 || code_distance(halves.query, code, NULL) == 0, "dims %zu", n);
			free(code);
			setup_close(&exact);
			setup_close(&halves);
		}
}

/* ---- form ---- */

static const int all_bits[] = {1, 2, 4, 8, CODE_BITS_HALF, CODE_BITS_EXACT};

static void
test_sizes(void)
{
	static const CodeSpec wrong[] = {
		{0, CODE_L2, 8},  {-1, CODE_L2, 8}, {16001, CODE_L2, 8},
		{16, CODE_L2, 3}, {16, CODE_L2, 0}, {16, (CodeMetric) 4, 8},
	};
	size_t i;
	int dims;
	int metric;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(code_size(&wrong[i]) == 0, "spec %zu", i);
	for (dims = 1; dims <= 16000; dims = dims * 3 / 2 + 1)
		for (metric = CODE_L2; metric <= CODE_L1; metric++)
			for (i = 0; i < 6; i++)
			{
				CodeSpec spec = {dims, (CodeMetric) metric, all_bits[i]};
				CodeSpec other = {dims, (CodeMetric) metric, 1};

				CHECK(code_size(&spec) > 0 && code_size(&spec) % 4 == 0, "dims %d bits %d", dims,
					  all_bits[i]);
				CHECK(code_params_size(&spec) >= 8, "dims %d", dims);
				CHECK(code_params_size(&spec) == code_params_size(&other), "dims %d", dims);
			}
}

/* Parameters do not depend on bits, and no sample means no centroid. */
static void
test_params(void)
{
	float v[8 * 50];
	char first[8 + 50 * sizeof(float)];
	char params[sizeof(first)];
	int metric;
	size_t i;

	for (metric = CODE_L2; metric <= CODE_L1; metric++)
		for (i = 0; i < 6; i++)
		{
			CodeSpec spec = {50, (CodeMetric) metric, all_bits[i]};
			size_t size = code_params_size(&spec);
			float centroid = -1;
			int k;

			random_state = 3;
			fill_for(spec.metric, GAUSSIAN, v, 8, 50);
			CHECK(size <= sizeof(params), "%zu bytes", size);
			code_train(&spec, 5, v, 8, params);
			if (i == 0)
				memcpy(first, params, size);
			CHECK(memcmp(first, params, size) == 0, "metric %d bits %d", metric, all_bits[i]);
			if (metric == CODE_L1)
				continue;
			for (k = 0; k < 8; k++)
				centroid += k == 0 ? 1 + v[49] / 8 : v[k * 50 + 49] / 8;
			CHECK(fabsf(centroid - ((float *) (params + 8))[49]) < 1e-5f, "metric %d bits %d",
				  metric, all_bits[i]);
			code_train(&spec, 5, NULL, 0, params);
			for (k = 8; k < (int) size; k++)
				CHECK(params[k] == 0, "metric %d bits %d", metric, all_bits[i]);
			CHECK(memcmp(first, params, 8) == 0, "metric %d bits %d", metric, all_bits[i]);
		}
}

/* Codes are written within their size, the same each time; a batch gives what
 * single calls give, at any alignment. */
static void
test_batches(void)
{
	static const int dims[] = {1, 17, 130, 784};
	static const int counts[] = {0, 1, 2, 63, 64, 65, 200};
	float *v = take(200 * 784 * sizeof(float));
	size_t d;
	size_t c;
	int metric;
	int b;
	int i;

	for (d = 0; d < 4; d++)
		for (metric = CODE_L2; metric <= CODE_L1; metric++)
			for (b = 0; b < 6; b++)
			{
				Setup s;
				char *codes;
				char *again;
				char *moved;
				const void *list[200];
				float dist[200];
				float bound[200];

				fill_for((CodeMetric) metric, CLUSTERED, v, 200, dims[d]);
				s = setup_open(dims[d], (CodeMetric) metric, all_bits[b], 3, v, 100);
				codes = take(200 * (s.size + 4) + 4);
				again = take(s.size);
				moved = take(64 + s.size);
				for (i = 0; i < 200; i++)
				{
					char *code = codes + 4 + (size_t) i * (s.size + 4);

					memset(code + s.size, 0x5A, 4);
					memset(code - 4, 0x5A, 4);
					coder_encode(s.coder, v + i * dims[d], code, s.scratch);
					CHECK(memcmp(code + s.size, "ZZZZ", 4) == 0 && memcmp(code - 4, "ZZZZ", 4) == 0,
						  "bits %d dims %d", all_bits[b], dims[d]);
					memset(again, 0xFF, s.size);
					coder_encode(s.coder, v + i * dims[d], again, s.scratch);
					CHECK(memcmp(again, code, s.size) == 0, "bits %d dims %d", all_bits[b],
						  dims[d]);
					list[i] = code;
				}
				for (i = 0; i < 2; i++)
				{
					int k;

					if (i == 0)
						coder_query(s.coder, s.query, v, s.scratch);
					else
						coder_query_code(s.coder, s.query, list[1], s.scratch);
					for (k = 4; k <= 64; k += 4)
					{
						memcpy(moved + k, list[7], s.size);
						CHECK(code_distance(s.query, moved + k, NULL) ==
								  code_distance(s.query, list[7], NULL),
							  "bits %d dims %d at %d", all_bits[b], dims[d], k);
					}
					for (c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
					{
						code_distances(s.query, list, counts[c], dist, c % 2 ? bound : NULL);
						for (k = 0; k < counts[c]; k++)
						{
							float one_bound;
							float one = code_distance(s.query, list[k], &one_bound);

							CHECK(one == dist[k] && (c % 2 == 0 || one_bound == bound[k]),
								  "bits %d dims %d", all_bits[b], dims[d]);
						}
					}
				}
				free(codes);
				free(again);
				free(moved);
				setup_close(&s);
			}
	free(v);
}

/* The portable kernels and the best give the same distances up to rounding,
 * each from its own codes. */
static void
test_levels(void)
{
	static const int dims[] = {16, 100, 784};
	static const DistanceLevel levels[] = {DISTANCE_PORTABLE, DISTANCE_AVX2, DISTANCE_NEON,
										   DISTANCE_AUTO};
	float v[2 * 784];
	size_t d;
	size_t l;
	int metric;
	int b;

	for (d = 0; d < 3; d++)
		for (metric = CODE_L2; metric <= CODE_L1; metric++)
			for (b = 0; b < 6; b++)
			{
				Setup s;
				char *code;
				double portable = 0;
				double unit;

				fill_for((CodeMetric) metric, GAUSSIAN, v, 2, dims[d]);
				s = setup_open(dims[d], (CodeMetric) metric, all_bits[b], 11, NULL, 0);
				unit = error_unit(&s, v, v + dims[d]);
				code = take(s.size);
				for (l = 0; l < sizeof(levels) / sizeof(levels[0]); l++)
				{
					float dist;

					distance_init(levels[l]);
					coder_encode(s.coder, v, code, s.scratch);
					coder_query(s.coder, s.query, v + dims[d], s.scratch);
					dist = code_distance(s.query, code, NULL);
					if (l == 0)
						portable = dist;
					/* a level on the edge may fall to either side, which is as much as an
           * error of the code */
					CHECK(fabs(dist - portable) <=
							  (all_bits[b] < 16 ? 0.25 / all_bits[b] : 1e-3) * unit,
						  "bits %d dims %d metric %d: %g %g", all_bits[b], dims[d], metric, dist,
						  portable);
				}
				free(code);
				setup_close(&s);
			}
	distance_init(DISTANCE_AUTO);
}

/* ---- extremes ---- */

/* Zero, constant, huge, tiny and mixed vectors against each other: finite, with
 * sensible distances to themselves. */
static void
test_extremes(void)
{
	static const int dims[] = {1, 3, 16, 40, 500};
	static const float scales[] = {0,     1,     1e-44f, 1e-30f,  1e-12f,
								   1e12f, 1e18f, 1e30f,  3.4e38f, -3.4e38f};
	enum
	{
		N = 20
	};
	float *v = take(N * 500 * sizeof(float));
	size_t d;
	int metric;
	int b;
	int i;
	int k;

	for (d = 0; d < 5; d++)
		for (i = 0; i < N; i++)
			for (k = 0; k < dims[d]; k++)
				v[i * dims[d] + k] = scales[i % 10] * (i < 10 ? 1.0f : (float) random_unit());
	for (d = 0; d < 5; d++)
		for (metric = CODE_L2; metric <= CODE_L1; metric++)
			for (b = 0; b < 6 * 2; b++)
			{
				int n = dims[d];
				Setup s;
				char *codes;
				float *decoded = take((size_t) n * sizeof(float));

				for (i = 0; i < N; i++)
					for (k = 0; k < n; k++)
						v[i * n + k] = scales[i % 10] * (i < 10 ? 1.0f : (float) random_unit());
				/* with a zero centroid, and with a huge one */
				s = setup_open(n, (CodeMetric) metric, all_bits[b / 2], 13, v + 7 * n, b % 2);
				codes = take(N * s.size);
				for (i = 0; i < N; i++)
				{
					coder_encode(s.coder, v + i * n, codes + (size_t) i * s.size, s.scratch);
					coder_decode(s.coder, codes + (size_t) i * s.size, decoded, s.scratch);
					for (k = 0; k < n; k++)
						CHECK(isfinite(decoded[k]), "bits %d dims %d vector %d", s.spec.bits, n, i);
				}
				for (i = 0; i < 2 * N; i++)
				{
					if (i < N)
						coder_query(s.coder, s.query, v + i * n, s.scratch);
					else
						coder_query_code(s.coder, s.query, codes + (size_t) (i - N) * s.size,
										 s.scratch);
					for (k = 0; k < N; k++)
					{
						float bound;
						float dist = code_distance(s.query, codes + (size_t) k * s.size, &bound);

						CHECK(isfinite(dist) && isfinite(bound) && bound >= 0,
							  "bits %d dims %d metric %d: %d to %d: %g, %g", s.spec.bits, n, metric,
							  i, k, dist, bound);
						CHECK(dist >= 0 || (metric != CODE_L2 && metric != CODE_L1),
							  "bits %d dims %d", s.spec.bits, n);
					}
				}
				coder_query(s.coder, s.query, v, s.scratch);
				if (b % 2 == 0)
				{
					float self = code_distance(s.query, codes, NULL);

					CHECK(self == (metric == CODE_COSINE ? 1.0f : 0.0f),
						  "bits %d: zero to zero is %g", s.spec.bits, self);
				}
				free(codes);
				free(decoded);
				setup_close(&s);
			}
	free(v);
}

/* Vectors a power of two as long have the same codes and distances, in another
 * unit. */
static void
test_scaled(void)
{
	static const int exponents[] = {-50, -20, 20, 50};
	enum
	{
		N = 8,
		DIMS = 100
	};
	float v[N * DIMS];
	float scaled[N * DIMS];
	size_t e;
	int metric;
	int b;
	int i;

	random_state = 21;
	fill_for(CODE_L2, GAUSSIAN, v, N, DIMS);
	for (metric = CODE_L2; metric <= CODE_L1; metric++)
		for (b = 0; b < 6; b++)
			for (e = 0; e < sizeof(exponents) / sizeof(exponents[0]) && metric != CODE_COSINE; e++)
			{
				Setup one = setup_open(DIMS, (CodeMetric) metric, all_bits[b], 19, v, N);
				Setup other;
				double unit = ldexp(1, metric == CODE_L1 ? exponents[e] : 2 * exponents[e]);
				char *code = take(one.size);

				for (i = 0; i < N * DIMS; i++)
					scaled[i] = ldexpf(v[i], exponents[e]);
				other = setup_open(DIMS, (CodeMetric) metric, all_bits[b], 19, scaled, N);
				coder_query(one.coder, one.query, v, one.scratch);
				coder_query(other.coder, other.query, scaled, other.scratch);
				for (i = 1; i < N; i++)
				{
					float bounds[2];
					double dist[2];

					coder_encode(one.coder, v + i * DIMS, code, one.scratch);
					dist[0] = unit * code_distance(one.query, code, &bounds[0]);
					coder_encode(other.coder, scaled + i * DIMS, code, other.scratch);
					dist[1] = code_distance(other.query, code, &bounds[1]);
					CHECK(fabs(dist[0] - dist[1]) <= 1e-5 * unit * DIMS,
						  "metric %d bits %d 2^%d: %g %g", metric, all_bits[b], exponents[e],
						  dist[0], dist[1]);
					CHECK(fabs(unit * bounds[0] - bounds[1]) <= 1e-3 * unit * bounds[0],
						  "metric %d bits %d 2^%d", metric, all_bits[b], exponents[e]);
				}
				free(code);
				setup_close(&one);
				setup_close(&other);
			}
}

/* Equal vectors have equal codes, at distance zero but for rounding; so has the
 * most that may be asked for. */
static void
test_equal(void)
{
	float *v = take(16000 * sizeof(float));
	int metric;
	int b;

	for (metric = CODE_L2; metric <= CODE_L1; metric++)
		for (b = 0; b < 6; b++)
		{
			Setup s;
			char *code;
			double self;
			double size;
			double dist;

			fill_for((CodeMetric) metric, GAUSSIAN, v, 1, 16000);
			s = setup_open(16000, (CodeMetric) metric, all_bits[b], 17, NULL, 0);
			code = take(s.size);
			coder_encode(s.coder, v, code, s.scratch);
			self = true_distance((CodeMetric) metric, v, v, 16000);
			size = true_distance(CODE_L2, v, s.centroid, 16000);
			coder_query_code(s.coder, s.query, code, s.scratch);
			dist = code_distance(s.query, code, NULL);
			CHECK(fabs(dist - self) <= (all_bits[b] == CODE_BITS_HALF ? 1e-3 : 1e-5) * size,
				  "metric %d bits %d: %g for %g", metric, all_bits[b], dist, self);
			free(code);
			setup_close(&s);
		}
	free(v);
}

/* Hamming and Jaccard: codes are the vectors, distances exact, from vectors and from codes. */
static void
test_binary(void)
{
	static const int dims[] = {1, 7, 8, 31, 32, 33, 100, 2048, 64000};

	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
		for (int metric = CODE_HAMMING; metric <= CODE_JACCARD; metric++)
			for (int density = 0; density <= 4; density++)
			{
				int n = dims[d];
				float *v = take((size_t) 3 * n * sizeof(float));
				Setup s = setup_open(n, (CodeMetric) metric, CODE_BITS_EXACT, 17, NULL, 0);
				char *code = take(s.size);
				int differ = 0;
				int both = 0;
				int either = 0;
				double expected;
				float bound = 1;

				for (int i = 0; i < 2 * n; i++)
					v[i] = (float) (fabs(random_gaussian()) < density * 0.5);
				for (int i = 0; i < n; i++)
				{
					differ += v[i] != v[n + i];
					both += v[i] != 0 && v[n + i] != 0;
					either += v[i] != 0 || v[n + i] != 0;
				}
				expected = metric == CODE_HAMMING ? differ
						   : both == 0            ? 1
												  : 1 - (double) both / either;
				CHECK(s.size == (size_t) (n + 31) / 32 * 4, "dims %d", n);
				coder_encode(s.coder, v, code, s.scratch);
				coder_decode(s.coder, code, v + 2 * n, s.scratch);
				CHECK(memcmp(v, v + 2 * n, (size_t) n * sizeof(float)) == 0, "dims %d", n);
				coder_query(s.coder, s.query, v + n, s.scratch);
				CHECK(fabs(code_distance(s.query, code, &bound) - expected) < 1e-6,
					  "metric %d dims %d", metric, n);
				CHECK(bound <= FLT_EPSILON, "metric %d dims %d", metric, n);
				coder_query_code(s.coder, s.query, code, s.scratch);
				coder_encode(s.coder, v + n, code, s.scratch);
				CHECK(fabs(code_distance(s.query, code, NULL) - expected) < 1e-6,
					  "metric %d dims %d", metric, n);
				free(code);
				free(v);
				setup_close(&s);
			}
}

int
main(int argc, char **argv)
{
	static const DistanceLevel levels[] = {DISTANCE_PORTABLE, DISTANCE_NEON, DISTANCE_AVX2,
										   DISTANCE_AVX512};
	size_t i;

	(void) argv;
	test_sizes();
	test_params();
	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
	{
		if (distance_kernels(levels[i]) == NULL)
			continue;
		distance_init(levels[i]);
		test_copies();
		test_batches();
		test_extremes();
		test_equal();
		test_binary();
		test_scaled();
	}
	test_levels();
	test_recall();
	for (i = 0; i < 2 && argc == 1; i++)
	{
		distance_init(i == 0 ? DISTANCE_PORTABLE : DISTANCE_AUTO);
		test_estimates();
	}
	return check_result("codes");
}
