/*
 * cluster.h: which part of space a row lies in, so that a build can put rows that are near each
 * other on the same pages.
 *
 * A cluster is the cell of a centroid. Centroids are found by k-means on a sample, in two levels:
 * groups, and clusters within each group, so that finding a row's cluster among k costs some 2
 * sqrt(k) distances. They are kept as codes of the coder that the build measures nodes by, and a
 * row is assigned by the query that it searches the graph with: it costs as little as meeting so
 * many nodes, whatever the type, the metric and the dimensions.
 *
 * Callers may rely on: Clusters hold no pointers and may be copied to shared memory; equal rows get
 * the same cluster; a wrong cluster costs page reads and nothing else.
 */
#ifndef HNSWC_CLUSTER_H
#define HNSWC_CLUSTER_H

#include "postgres.h"

#include "code/code.h"

typedef struct Clusters
{
	Size size;        /* bytes of all of it */
	uint32 nclusters; /* at least 1 */
	uint32 ngroups;   /* 0: there is one cluster, and nothing follows */
	uint32 code_size;
	/*
	 * then: uint32 first[ngroups + 1]; float bias[ngroups + nclusters]; codes, first of the groups,
	 * then of the clusters
	 */
} Clusters;

/*
 * About `nclusters` clusters, from a sample of n vectors in random order (fewer if the sample is
 * small), which may be brought to another scale. `coder` makes the codes, `spec` is its own.
 */
extern Clusters *clusters_train(const Coder *coder, const CodeSpec *spec, float *sample, uint32 n,
								uint32 nclusters);

/* A process's room for finding clusters. */
typedef struct ClusterFinder
{
	const Clusters *clusters;
	const uint32 *first; /* the clusters of group g are first[g] to first[g + 1] - 1 */
	const float *bias;   /* added to the distance from a centroid */
	const void **codes;
	float *distances;
} ClusterFinder;

extern ClusterFinder *cluster_finder_create(const Clusters *clusters);
/*
 * The cluster of a row, from 0 on; neighbouring numbers mostly are in the same group. `query` is of
 * the same coder.
 */
extern uint32 cluster_find(ClusterFinder *finder, const CodeQuery *query);

#endif /* HNSWC_CLUSTER_H */
