/*
 * running.h: what a scan can know of the query that it is part of.  For scans.
 */
#ifndef HNSWC_RUNNING_H
#define HNSWC_RUNNING_H

#include "postgres.h"

#include "access/genam.h"
#include "executor/execdesc.h"
#include "nodes/execnodes.h"

/*
 * The nodes of the plan that is running: a scan's own, and a LIMIT above it; NULL if not found.
 * They outlive the scan.
 */
typedef struct ScanNodes
{
	PlanState *node;      /* an index scan, or a filtered scan */
	IndexScanState *scan; /* the node if it is an index scan */
	LimitState *limit;
	int beyond; /* rows more than that LIMIT's that are read */
} ScanNodes;

/* The executor begins to run a query; returns the one around it, for running_leave(). */
extern QueryDesc *running_enter(QueryDesc *query);
extern void running_leave(QueryDesc *outer);

/* The nodes that belong to a scan of the query that is running.  They live as long as the query. */
extern ScanNodes running_nodes(IndexScanDesc scan);

#endif /* HNSWC_RUNNING_H */
