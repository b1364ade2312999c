/*
 * cutoff.h: how far rows may be that pass a query's filter.  For scans.
 */
#ifndef HNSWC_CUTOFF_H
#define HNSWC_CUTOFF_H

#include "postgres.h"

#include "nodes/execnodes.h"

/* What bounds the distance in the filter of a scan.  Lives as long as the query. */
typedef struct Cutoff Cutoff;

/*
 * What bounds the distance in the filter of a scan: an IndexScanState or a filtered scan, or NULL.
 * NULL if nothing does.
 */
extern Cutoff *cutoff_find(PlanState *node);

/*
 * Farther than this from the vector that the scan is for, as the operator measures, no row passes
 * the filter; INFINITY if that is not so. Evaluates what the distance is compared with.
 */
extern double cutoff_distance(const Cutoff *cutoff, Datum query);

#endif /* HNSWC_CUTOFF_H */
