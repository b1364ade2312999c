/*
 * metric.h: what each metric means for quantizers, graph and planner: one row of a table for each.
 *
 * A further metric is a row here, the family of codes that measures it, and the operator class.
 * What stays outside is arithmetic: how a family computes it, and how large its rounding may be
 * (rank/margin.c).
 */
#ifndef HNSWC_CODE_METRIC_H
#define HNSWC_CODE_METRIC_H

#include <stdbool.h>

#include "code/code.h"

typedef struct CodeMetricFacts
{
	CodeMetric metric; /* whose row it is */
	bool is_binary;    /* on vectors of 0 and 1 */
	/* codes are taken from the difference to a centroid, and rotated */
	bool has_centroid;
	/* vectors are scaled to length 1, and one without a direction has no distance */
	bool is_angular;
	/*
	 * grows with the lengths of both vectors, may be negative and obeys no triangle inequality:
	 * what is measured of distances needs the norms as well
	 */
	bool is_product;
	double least; /* limits of the distance */
	double greatest;
	int default_bits; /* of codes of many dimensions */

	/* selecting neighbours, see graph/select.c */
	double alpha; /* how far selection prunes */
	bool fill;    /* lists are filled up with what was pruned */
	bool wide;    /* a new node takes all the links that layer 0 has room for */
} CodeMetricFacts;

extern const CodeMetricFacts *code_metric(CodeMetric metric);

#endif /* HNSWC_CODE_METRIC_H */
