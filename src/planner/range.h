/*
 * range.h: queries for all rows within a distance, with hnsw.range_scan = on.
 */
#ifndef HNSWC_RANGE_H
#define HNSWC_RANGE_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* The setting hnsw.range_scan. */
extern bool hnsw_range_scan;

/* Adds paths by indexes of ours for the conditions on a table that bound a distance. */
extern void range_paths_add(PlannerInfo *root, RelOptInfo *rel);

/*
 * Does a path by an index of ours end at a bound of the distance that it is in the order of, and
 * are all rows that pass the bound in the index? Always false if the setting is off.
 */
extern bool range_ends(PlannerInfo *root, const IndexPath *path);

/* How many rows such a path is expected to read: those within the bound. */
extern double range_rows(PlannerInfo *root, const IndexPath *path);

#endif /* HNSWC_RANGE_H */
