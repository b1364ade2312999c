/*
 * cluster.c: k-means in two levels on a sample, and the cell that a row is in.  See cluster.h.
 *
 * Lloyd's iterations, begun as "k-means++" begins them (Arthur and Vassilvitskii, 2007), run on the
 * sample's float32 vectors by squared L2, which is right for L2 and cosine and good enough for the
 * rest. For vectors of 0 and 1 a mean is no vector: there the centroids stay the rows they begin
 * as.
 *
 * Sums of squares are float32, so samples of very large or very small numbers are brought to a
 * scale where they fit.
 */
#include "postgres.h"

#include <math.h>

#include "build/cluster.h"
#include "code/loops.h"
#include "code/metric.h"
#include "common/pg_prng.h"
#include "distance/distance.h"
#include "memory.h"
#include "miscadmin.h"

/* After so many k-means moves little, and pages are filled as well. */
#define ROUNDS 3
/* Samples whose greatest number is within these are used as they are. */
#define SMALL_SAMPLE 0x1p-40f
#define LARGE_SAMPLE 0x1p40f
/* A centroid needs some rows of the sample to stand for a part of space. */
#define MIN_SAMPLE_PER_CLUSTER 4

typedef struct Training
{
	const float *sample;
	size_t dims;
	int rounds;
	uint32 *owners; /* of the rows at hand, in their order: the nearest centroid */
	uint32 *counts;
	float *sums;
	/*
	 * of the rows at hand, while centroids are chosen: the squared distance from the nearest so far
	 */
	float *nearest;
} Training;

static inline uint32 *
clusters_first(const Clusters *clusters)
{
	return (uint32 *) ((char *) clusters + MAXALIGN(sizeof(Clusters)));
}

static inline float *
clusters_bias(const Clusters *clusters)
{
	return (float *) (clusters_first(clusters) + clusters->ngroups + 1);
}

static inline char *
clusters_codes(const Clusters *clusters)
{
	return (char *) (clusters_bias(clusters) + clusters->ngroups + clusters->nclusters);
}

static inline const float *
training_row(const Training *training, uint32 row)
{
	return training->sample + (Size) row * training->dims;
}

/* Finds the nearest of k centroids for each of n rows. */
static void
assign_rows(Training *training, const uint32 *rows, uint32 n, const float *centroids, uint32 k)
{
	size_t dims = training->dims;

	for (uint32 i = 0; i < n; i++)
	{
		const float *vector = training_row(training, rows[i]);
		float best = INFINITY;

		CHECK_FOR_INTERRUPTS();
		training->owners[i] = 0;
		for (uint32 c = 0; c < k; c++)
		{
			float dist = distance->l2_f32(vector, centroids + (Size) c * dims, dims);

			if (dist < best)
			{
				best = dist;
				training->owners[i] = c;
			}
		}
	}
}

/* Moves each centroid to the mean of its rows; one without rows stays. */
static void
move_centroids(Training *training, const uint32 *rows, uint32 n, float *centroids, uint32 k)
{
	size_t dims = training->dims;

	memset(training->counts, 0, k * sizeof(uint32));
	memset(training->sums, 0, k * dims * sizeof(float));
	for (uint32 i = 0; i < n; i++)
	{
		const float *vector = training_row(training, rows[i]);
		float *sum = training->sums + training->owners[i] * dims;

		training->counts[training->owners[i]]++;
		for (size_t d = 0; d < dims; d++)
			sum[d] += vector[d];
	}
	for (uint32 c = 0; c < k; c++)
		for (size_t d = 0; d < dims && training->counts[c] > 0; d++)
			centroids[c * dims + d] = training->sums[c * dims + d] / (float) training->counts[c];
}

/*
 * Rows to begin with: each is drawn with a chance that grows with its squared distance from those
 * before it.
 */
static void
seed_centroids(Training *training, const uint32 *rows, uint32 n, float *centroids, uint32 k)
{
	size_t dims = training->dims;
	uint32 chosen = (uint32) pg_prng_uint64_range(&pg_global_prng_state, 0, n - 1);

	for (uint32 i = 0; i < n; i++)
		training->nearest[i] = INFINITY;
	for (uint32 c = 0; c < k; c++)
	{
		float *centroid = centroids + (Size) c * dims;
		double left = 0;

		CHECK_FOR_INTERRUPTS();
		memcpy(centroid, training_row(training, rows[chosen]), dims * sizeof(float));
		for (uint32 i = 0; i < n; i++)
		{
			float dist = distance->l2_f32(training_row(training, rows[i]), centroid, dims);

			training->nearest[i] = Min(training->nearest[i], dist);
			left += training->nearest[i];
		}
		left *= pg_prng_double(&pg_global_prng_state);
		for (chosen = 0; chosen < n - 1 && left >= training->nearest[chosen]; chosen++)
			left -= training->nearest[chosen];
	}
}

/*
 * k centroids of n rows of the sample, at least one; leaves the rows' owners in training->owners.
 */
static void
find_centroids(Training *training, const uint32 *rows, uint32 n, float *centroids, uint32 k)
{
	seed_centroids(training, rows, n, centroids, k);
	for (int round = 0; round < training->rounds; round++)
	{
		assign_rows(training, rows, n, centroids, k);
		move_centroids(training, rows, n, centroids, k);
	}
	assign_rows(training, rows, n, centroids, k);
}

/*
 * Sorts the rows 0 to n - 1 by their owners, the groups, leaving out groups that got none: group g
 * has the rows from rows[start[g]] on. Returns how many groups there are.
 */
static uint32
sort_by_group(const Training *training, uint32 n, uint32 k, float *centroids, uint32 *rows,
			  uint32 *start)
{
	uint32 ngroups = 0;
	uint32 sorted = 0;

	for (uint32 c = 0; c < k; c++)
	{
		start[ngroups] = sorted;
		for (uint32 i = 0; i < n; i++)
			if (training->owners[i] == c)
				rows[sorted++] = i;
		if (sorted == start[ngroups])
			continue;
		memmove(centroids + ngroups * training->dims, centroids + c * training->dims,
				training->dims * sizeof(float));
		ngroups++;
	}
	start[ngroups] = sorted;
	return ngroups;
}

/*
 * Distances of inner products grow with the length of a centroid; with this added they order as
 * squared L2 does.
 */
static float
centroid_bias(const CodeSpec *spec, const float *centroid)
{
	if (!code_metric(spec->metric)->is_product)
		return 0.0f;
	return 0.5f * distance->ip_f32(centroid, centroid, spec->dims);
}

/* Puts all together; `centroids` has those of the groups, then those of the clusters. */
static Clusters *
pack_clusters(const Coder *coder, const CodeSpec *spec, const float *centroids, const uint32 *first,
			  uint32 ngroups)
{
	uint32 ncodes = ngroups + first[ngroups];
	Clusters header = {
		.nclusters = first[ngroups], .ngroups = ngroups, .code_size = code_size(spec)};
	Clusters *clusters;
	void *scratch = palloc_on_line(coder_scratch_size(coder));

	header.size = MAXALIGN(sizeof(Clusters)) + (ngroups + 1) * sizeof(uint32) +
				  ncodes * sizeof(float) + (Size) ncodes * header.code_size;
	clusters = palloc0(header.size);
	*clusters = header;
	memcpy(clusters_first(clusters), first, (ngroups + 1) * sizeof(uint32));
	for (uint32 i = 0; i < ncodes; i++)
	{
		const float *centroid = centroids + (Size) i * spec->dims;

		clusters_bias(clusters)[i] = centroid_bias(spec, centroid);
		coder_encode(coder, centroid, clusters_codes(clusters) + (Size) i * header.code_size,
					 scratch);
	}
	return clusters;
}

static Clusters *
one_cluster(void)
{
	Clusters *clusters = palloc0(sizeof(Clusters));

	clusters->size = sizeof(Clusters);
	clusters->nclusters = 1;
	return clusters;
}

/* The power of two that the sample's numbers have to be multiplied by. */
static double
sample_scale(const float *sample, Size n)
{
	float least;
	float greatest;

	code_loops()->range(sample, n, &least, &greatest);
	greatest = Max(greatest, -least);
	if (greatest == 0 || (greatest >= SMALL_SAMPLE && greatest <= LARGE_SAMPLE))
		return 1.0;
	return ldexp(1.0, -ilogbf(greatest));
}

Clusters *
clusters_train(const Coder *coder, const CodeSpec *spec, float *sample, uint32 n, uint32 nclusters)
{
	uint32 k = Min(nclusters, n / MIN_SAMPLE_PER_CLUSTER);
	uint32 ngroups = (uint32) ceil(sqrt(k));
	uint32 most = k + ngroups; /* each group gets one cluster at least */
	Training training = {.sample = sample, .dims = spec->dims};
	double scale;
	float *centroids;
	uint32 *rows;
	uint32 *start;
	uint32 *first;

	if (k < 2)
		return one_cluster();
	scale = sample_scale(sample, (Size) n * training.dims);
	if (scale != 1.0)
		code_loops()->scale_double(sample, scale, (Size) n * training.dims);
	training.rounds = code_metric(spec->metric)->is_binary ? 0 : ROUNDS;
	training.owners = palloc(n * sizeof(uint32));
	training.nearest = palloc(n * sizeof(float));
	training.counts = palloc(most * sizeof(uint32));
	training.sums = palloc_on_line(most * training.dims * sizeof(float));
	centroids = palloc_on_line((ngroups + most) * training.dims * sizeof(float));
	rows = palloc(n * sizeof(uint32));
	start = palloc((ngroups + 1) * sizeof(uint32));
	first = palloc((ngroups + 1) * sizeof(uint32));

	for (uint32 i = 0; i < n; i++)
		rows[i] = i;
	find_centroids(&training, rows, n, centroids, ngroups);
	ngroups = sort_by_group(&training, n, ngroups, centroids, rows, start);
	first[0] = 0;
	for (uint32 g = 0; g < ngroups; g++)
	{
		uint32 share = (uint32) ((uint64) start[g + 1] * k / n - (uint64) start[g] * k / n);

		first[g + 1] = first[g] + Max(share, 1);
		find_centroids(&training, rows + start[g], start[g + 1] - start[g],
					   centroids + (Size) (ngroups + first[g]) * training.dims,
					   first[g + 1] - first[g]);
	}
	if (scale != 1.0)
		code_loops()->scale_double(centroids, 1.0 / scale,
								   (Size) (ngroups + first[ngroups]) * training.dims);
	return pack_clusters(coder, spec, centroids, first, ngroups);
}

ClusterFinder *
cluster_finder_create(const Clusters *clusters)
{
	ClusterFinder *finder = palloc0(sizeof(ClusterFinder));
	uint32 ncodes = clusters->ngroups + clusters->nclusters;

	finder->clusters = clusters;
	if (clusters->ngroups == 0)
		return finder;
	finder->first = clusters_first(clusters);
	finder->bias = clusters_bias(clusters);
	finder->codes = palloc(ncodes * sizeof(void *));
	finder->distances = palloc(ncodes * sizeof(float));
	for (uint32 i = 0; i < ncodes; i++)
		finder->codes[i] = clusters_codes(clusters) + (Size) i * clusters->code_size;
	return finder;
}

/* The nearest of n centroids from `from` on. */
static uint32
find_nearest(ClusterFinder *finder, const CodeQuery *query, uint32 from, uint32 n)
{
	uint32 nearest = 0;

	code_distances(query, finder->codes + from, n, finder->distances, NULL);
	for (uint32 i = 0; i < n; i++)
	{
		finder->distances[i] += finder->bias[from + i];
		if (finder->distances[i] < finder->distances[nearest])
			nearest = i;
	}
	return nearest;
}

uint32
cluster_find(ClusterFinder *finder, const CodeQuery *query)
{
	uint32 ngroups = finder->clusters->ngroups;
	uint32 group;
	uint32 first;

	if (ngroups == 0)
		return 0;
	group = find_nearest(finder, query, 0, ngroups);
	first = finder->first[group];
	return first + find_nearest(finder, query, ngroups + first, finder->first[group + 1] - first);
}
