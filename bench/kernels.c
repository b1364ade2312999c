/*
 * kernels.c: nanoseconds a call of every kernel, on every level that this CPU has.
 *
 * Each is measured twice: with its data in the first-level cache, and with codes or vectors drawn
 * at random from FAR_BYTES of memory, as a search meets them. Run it by make -C test/c bench.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "distance/distance.h"

#define FAR_BYTES (8 * 1024 * 1024)
#define SECONDS 0.02
#define ROUNDS 5

typedef struct Data
{
	char *far; /* FAR_BYTES */
	float *query;
	int8_t *levels;
	size_t n;
} Data;

static volatile double sink;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static double
call(const DistanceKernels *k, int kernel, const Data *d, const void *at)
{
	switch (kernel)
	{
		case 0:
			return k->l2_f32(d->query, at, d->n);
		case 1:
			return k->ip_f32(d->query, at, d->n);
		case 2:
			return k->l1_f32(d->query, at, d->n);
		case 3:
			return k->l2_f16(d->query, at, 1.0f, d->n);
		case 4:
			return k->dot_u8(at, d->levels, d->n);
		case 5:
			return k->dot_u4(at, d->levels, d->n);
		case 6:
			return k->dot_u2(at, d->levels, d->n);
		case 7:
			return k->dot_planes(at, (const uint8_t *) d->levels, d->n / 8, 6, d->n);
		case 8:
			return k->l1_u8(at, d->query, -1.0f, 0.01f, d->n);
		default:
			return (double) k->hamming(at, (const uint8_t *) d->levels, d->n / 8);
	}
}

static const struct
{
	const char *name;
	size_t bits; /* of a dimension of what is measured */
} kernels[] = {{"l2_f32", 32}, {"ip_f32", 32}, {"l1_f32", 32},    {"l2_f16", 16}, {"dot_u8", 8},
			   {"dot_u4", 4},  {"dot_u2", 2},  {"dot_planes", 1}, {"l1_u8", 8},   {"hamming", 1}};

#define NKERNELS ((int) (sizeof(kernels) / sizeof(kernels[0])))

/* The least of several rounds, in nanoseconds; `spread`: over how many bytes the data are. */
static double
measure(const DistanceKernels *k, int kernel, const Data *d, size_t spread)
{
	size_t size = d->n * kernels[kernel].bits / 8;
	size_t places = spread > size ? spread / size : 1;
	double best = 1e9;

	for (int round = 0; round < ROUNDS; round++)
	{
		double began = now();
		double took;
		long calls = 0;
		uint32_t place = 1;

		do
		{
			for (int i = 0; i < 64; i++, calls++)
			{
				place = place * 1664525u + 1013904223u;
				sink = call(k, kernel, d, d->far + (place >> 8) % places * size);
			}
			took = now() - began;
		} while (took < SECONDS);
		if (took / (double) calls < best)
			best = took / (double) calls;
	}
	return best * 1e9;
}

int
main(void)
{
	static const size_t dims[] = {128, 384, 768, 1536};
	Data d;

	d.far = aligned_alloc(64, FAR_BYTES);
	d.query = aligned_alloc(64, 1536 * sizeof(float));
	d.levels = aligned_alloc(64, 2 * 1536);
	for (size_t i = 0; i < FAR_BYTES / sizeof(float); i++)
		((float *) d.far)[i] = (float) (i % 1000) * 0.001f;
	for (size_t i = 0; i < 1536; i++)
		d.query[i] = (float) (i % 77) * 0.01f;
	memset(d.levels, 85, 2 * 1536);
	printf("ns a call: data in the first-level cache / at random from %d MB\n\n%-9s%-12s",
		   FAR_BYTES >> 20, "level", "kernel");
	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		printf("%12zu dims", dims[i]);
	printf("\n");
	for (int level = DISTANCE_PORTABLE; level <= DISTANCE_AVX512; level++)
	{
		const DistanceKernels *k = distance_kernels((DistanceLevel) level);

		for (int kernel = 0; k != NULL && kernel < NKERNELS; kernel++)
		{
			printf("%-9s%-12s", k->name, kernels[kernel].name);
			for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
			{
				d.n = dims[i];
				printf("%9.1f /%6.1f", measure(k, kernel, &d, 1),
					   measure(k, kernel, &d, FAR_BYTES));
			}
			printf("\n");
		}
	}
	return 0;
}
