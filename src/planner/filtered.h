/*
 * filtered.h: scans in the order of a distance, of rows that a bitmap of other indexes has found.
 *
 * filtered_path.c  when the planner is offered one, and the plan
 * filtered_cost.c  what one costs
 * filtered_scan.c  the node of the executor
 */
#ifndef HNSWC_FILTERED_H
#define HNSWC_FILTERED_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/extensible.h"
#include "nodes/pathnodes.h"

/* The setting hnsw.filtered_scan. */
typedef enum FilteredScanUse
{
	FILTERED_SCAN_OFF,
	FILTERED_SCAN_ON,
	FILTERED_SCAN_FORCE, /* it costs nothing, for comparison */
} FilteredScanUse;

extern int hnsw_filtered_scan;

/* Makes the plan's node known.  To be called once, when the library is loaded. */
extern void filtered_init(void);

/* Adds filtered scans for the order of the query to the paths of a table. */
extern void filtered_paths_add(PlannerInfo *root, RelOptInfo *rel);

/*
 * Sets the costs of a filtered scan; `plain` is the path by the same index without the bitmap. Its
 * costs may have a penalty that the bitmap is to have as well.
 */
extern void filtered_cost(PlannerInfo *root, const IndexPath *plain, Path *bitmap, Cost penalty,
						  Path *path);

extern const CustomScanMethods filtered_scan_methods;

/*
 * What is in a plan: custom_exprs are the distance, an OpExpr with the indexed expression to the
 * left, and the list of the bitmap's conditions; custom_private has a list of the index's OID, and
 * the rows that a LIMIT is expected to take, 0 if there is none; the bitmap is the only one of
 * custom_plans.
 */
extern OpExpr *filtered_distance(const CustomScan *plan);
extern List *filtered_conditions(const CustomScan *plan);
extern Oid filtered_index(const CustomScan *plan);
extern double filtered_limit(const CustomScan *plan);
extern bool is_filtered_scan(const Plan *plan);

/* The scan of the index of a node, if that is one of ours and has begun; NULL if not. */
extern IndexScanDesc filtered_scan_desc(PlanState *node);

#endif /* HNSWC_FILTERED_H */
