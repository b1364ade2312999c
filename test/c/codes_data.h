/*
 * codes_data.h: what codes_test.c works with: synthetic vectors and a coder
 * with its memory.
 *
 * Everything is drawn from one generator, so that a run is the same everywhere.
 */
#ifndef CODES_DATA_H
#define CODES_DATA_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "code/code.h"
#include "code/metric.h"
#include "distance/distance.h"

/* ---- data ---- */

typedef enum Kind
{
	GAUSSIAN,
	CLUSTERED,
	SKEWED, /* not negative, long-tailed, a third zeros, like histograms */
	SPARSE, /* one in twenty not zero */
	KINDS,
} Kind;

static uint64_t random_state;

static uint64_t
random_bits(void)
{
	uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static double
random_unit(void)
{
	return ((double) (random_bits() >> 11) + 0.5) / 9007199254740992.0;
}

static double
random_gaussian(void)
{
	return sqrt(-2 * log(random_unit())) * cos(6.283185307179586 * random_unit());
}

/* The same eight clusters whatever was drawn before. */
static void
fill(Kind kind, float *v, int dims)
{
	uint64_t keep = random_bits();
	uint64_t cluster = random_bits() % 8;
	int i;

	if (kind == CLUSTERED)
	{
		random_state = cluster * 1000 + 17;
		for (i = 0; i < dims; i++)
			v[i] = (float) random_gaussian();
		random_state = keep;
	}
	for (i = 0; i < dims; i++)
	{
		double g = random_gaussian();

		if (kind == GAUSSIAN)
			v[i] = (float) g;
		else if (kind == CLUSTERED)
			v[i] += (float) (0.5 * g);
		else if (kind == SKEWED)
			v[i] = g < -0.43 ? 0 : (float) exp(1.5 * g);
		else
			v[i] = random_unit() < 0.05 ? (float) (3 * g) : 0;
	}
}

static void
normalise(float *v, int dims)
{
	double square = 0;
	int i;

	for (i = 0; i < dims; i++)
		square += (double) v[i] * v[i];
	for (i = 0; i < dims && square > 0; i++)
		v[i] = (float) (v[i] / sqrt(square));
}

static void
fill_for(CodeMetric metric, Kind kind, float *v, int n, int dims)
{
	int k;

	for (k = 0; k < n; k++)
	{
		fill(kind, v + (size_t) k * dims, dims);
		if (metric == CODE_COSINE)
			normalise(v + (size_t) k * dims, dims);
	}
}

static double
true_distance(CodeMetric metric, const float *a, const float *b, int dims)
{
	double sum = 0;
	int i;

	for (i = 0; i < dims; i++)
	{
		double d = (double) a[i] - b[i];

		sum += metric == CODE_L2 ? d * d : metric == CODE_L1 ? fabs(d) : (double) a[i] * b[i];
	}
	return metric == CODE_IP ? -sum : metric == CODE_COSINE ? 1 - sum : sum;
}

/* ---- a coder with its memory ---- */

typedef struct Setup
{
	CodeSpec spec;
	size_t size;
	void *params;
	Coder *coder;
	void *scratch;
	void *query;
	float *centroid;
} Setup;

static void *
take(size_t size)
{
	void *memory;

	/* not a byte more than asked for, so that tools see what is read beyond */
	if (posix_memalign(&memory, 64, size) != 0)
		abort();
	return memory;
}

static Setup
setup_open(int dims, CodeMetric metric, int bits, uint64_t seed, const float *sample, size_t n)
{
	Setup b;

	b.spec.dims = dims;
	b.spec.metric = metric;
	b.spec.bits = bits;
	b.size = code_size(&b.spec);
	b.params = take(code_params_size(&b.spec));
	code_train(&b.spec, seed, sample, n, b.params);
	b.coder = coder_init(take(coder_size(&b.spec)), &b.spec, b.params);
	b.scratch = take(coder_scratch_size(b.coder));
	b.query = take(code_query_size(b.coder));
	b.centroid = take((size_t) dims * sizeof(float));
	memset(b.centroid, 0, (size_t) dims * sizeof(float));
	if (code_metric(metric)->has_centroid)
		memcpy(b.centroid, (char *) b.params + 8, (size_t) dims * sizeof(float));
	return b;
}

static void
setup_close(Setup *b)
{
	free(b->params);
	free(b->coder);
	free(b->scratch);
	free(b->query);
	free(b->centroid);
}

#endif /* CODES_DATA_H */
