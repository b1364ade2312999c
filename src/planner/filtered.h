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
extern bool hnsw_filtered_scan;

/* Makes the plan's node known.  To be called once, when the library is loaded. */
extern void filtered_init(void);

/* Adds filtered scans for the order of the query to the paths of a table. */
extern void filtered_paths_add(PlannerInfo *root, RelOptInfo *rel);

/* What a filtered scan costs; `plain` is the path by the same index without the bitmap. */
extern void filtered_cost(PlannerInfo *root, const IndexPath *plain, Path *bitmap, Cost *startup,
						  Cost *total);

extern const CustomScanMethods filtered_scan_methods;

/*
 * What is in a plan: custom_exprs are the distance, an OpExpr with the indexed expression to the
 * left, and the list of the bitmap's conditions; custom_private is a list of the index's OID; the
 * bitmap is the only one of custom_plans.
 */
extern OpExpr *filtered_distance(const CustomScan *plan);
extern List *filtered_conditions(const CustomScan *plan);
extern Oid filtered_index(const CustomScan *plan);
extern bool is_filtered_scan(const Plan *plan);

/* The scan of the index of a node, if that is one of ours and has begun; NULL if not. */
extern IndexScanDesc filtered_scan_desc(PlanState *node);

#endif /* HNSWC_FILTERED_H */
