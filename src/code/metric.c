/*
 * metric.c: the table of metrics.
 *
 * alpha is 1.2 on squared distances and on cosine distances, which are squared distances of unit
 * vectors, and its root on L1 and Jaccard. A factor has no meaning for products, which may be
 * negative. Hamming distances prune as they are: they take few values, and ties reject.
 */
#include <assert.h>
#include <math.h>

#include "code/metric.h"

static const CodeMetricFacts metrics[] = {
	[CODE_L2] = {.metric = CODE_L2,
				 .has_centroid = true,
				 .greatest = INFINITY,
				 .default_bits = 4,
				 .alpha = 1.2},
	[CODE_IP] = {.metric = CODE_IP,
				 .has_centroid = true,
				 .is_product = true,
				 .least = -INFINITY,
				 .greatest = INFINITY,
				 .default_bits = 4,
				 .alpha = 1.0,
				 .fill = true},
	[CODE_COSINE] = {.metric = CODE_COSINE,
					 .has_centroid = true,
					 .is_angular = true,
					 .greatest = 2,
					 .default_bits = 4,
					 .alpha = 1.2},
	/* no rotation spreads the error over the dimensions, so it takes more bits */
	[CODE_L1] = {.metric = CODE_L1, .greatest = INFINITY, .default_bits = 8, .alpha = 1.095},
	[CODE_HAMMING] = {.metric = CODE_HAMMING,
					  .is_binary = true,
					  .greatest = INFINITY,
					  .default_bits = CODE_BITS_EXACT,
					  .alpha = 1.0,
					  .fill = true,
					  .wide = true},
	[CODE_JACCARD] = {.metric = CODE_JACCARD,
					  .is_binary = true,
					  .greatest = 1,
					  .default_bits = CODE_BITS_EXACT,
					  .alpha = 1.095,
					  .fill = true,
					  .wide = true},
};

static_assert(sizeof(metrics) / sizeof(metrics[0]) == CODE_METRICS, "every metric has a row");

const CodeMetricFacts *
code_metric(CodeMetric metric)
{
	/* no row is left out in between */
	assert(metric < CODE_METRICS && metrics[metric].metric == metric && metrics[metric].alpha > 0);
	return &metrics[metric];
}
