/*
 * margin.c: where a scan may end, by its own measure.
 *
 * The filter of a query bounds the operator's distance (cutoff.h). A scan's distances may differ
 * from the operator's: they are rounded in other ways, or measured from copies in half precision,
 * or squares. A margin allows for that.
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "code/metric.h"
#include "distance/distance.h"
#include "rank/scan.h"

/*
 * Distances are the same up to so much of themselves, whichever kernel has summed them; cosine
 * distances up to this.
 */
#define ROUNDING 1e-4
#define COSINE_ROUNDING 1e-5
/*
 * Elements in half precision are within 2^-11 of themselves, and so are their sums of magnitudes.
 */
#define HALF_ROUNDING (1.0 / 1024)
/* More than the norms of vectors that are of one length differ from it: see graph/reach.c. */
#define NORM_MARGIN 1.1

/* By how much the scan's distances may be greater than those of the operator, near a distance. */
static double
margin_of(const HnswScan *so, double dist)
{
	const float *query = so->query.vector;
	CodeMetric metric = so->type->metric;
	double margin = ROUNDING * fabs(dist) + (code_metric(metric)->is_angular ? COSINE_ROUNDING : 0);
	int dims = so->state->shape.spec.dims;
	double lossy = 0;

	if (so->state->shape.rerank != RERANK_HALF)
		return margin;
	/*
	 * the error of a row is HALF_ROUNDING of its norm, which is at most that of the query and the
	 * distance
	 */
	switch (metric)
	{
		case CODE_L2:
			lossy = sqrt(distance->ip_f32(query, query, dims)) + fabs(dist);
			break;
		case CODE_L1:
			for (int i = 0; i < dims; i++)
				lossy += fabs(query[i]);
			lossy += fabs(dist);
			break;
		case CODE_COSINE:
			lossy = 1;
			break;
		case CODE_IP:
			/* the norm of a row is not known but where all are the same */
			if (!(so->state->reach.norm > 0))
				return INFINITY;
			lossy =
				NORM_MARGIN * so->state->reach.norm * sqrt(distance->ip_f32(query, query, dims));
			break;
		case CODE_HAMMING:
		case CODE_JACCARD:
			break; /* kept as they are */
	}
	return margin + HALF_ROUNDING * lossy;
}

double
scan_cutoff_dist(HnswScan *so)
{
	double dist = cutoff_distance(so->cutoff, so->scan->orderByData[0].sk_argument);

	if (isinf(dist))
		return dist;
	dist += margin_of(so, dist);
	if (so->type->is_squared)
		dist = dist < 0 ? -INFINITY : dist * dist;
	return dist;
}
