/*
 * running.h: what a scan can know of the query that it is part of.  For scans.
 */
#ifndef HNSWC_RUNNING_H
#define HNSWC_RUNNING_H

#include "postgres.h"

#include "access/genam.h"
#include "executor/execdesc.h"
#include "nodes/execnodes.h"

/* The nodes of the plan that is running: a scan's own, and a LIMIT above it; NULL if not found.  They outlive the scan. */
typedef struct ScanNodes
{
	IndexScanState *scan;
	LimitState *limit;
	int beyond; /* rows more than that LIMIT's that are read */
} ScanNodes;

/* The executor begins to run a query; returns the one around it, for running_leave(). */
extern QueryDesc *running_enter(QueryDesc *query);
extern void running_leave(QueryDesc *outer);

/* The nodes that belong to a scan of the query that is running.  They live as long as the query. */
extern ScanNodes running_nodes(IndexScanDesc scan);
/* The rows that a LIMIT asks for, those that it leaves out included; 0 for none. */
extern double limit_rows(const ScanNodes *nodes);
/*
 * How many rows a scan will have returned when the LIMIT above it is met, as there is one: what filters and joins drop is
 * guessed by what they let pass of those returned so far, and at first by what the planner expected of the index's tuples.
 */
extern double limit_rows_expected(const ScanNodes *nodes, double returned, double tuples);

#endif /* HNSWC_RUNNING_H */
