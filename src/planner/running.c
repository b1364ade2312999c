/*
 * running.c: what a scan can know of the query that it is part of.
 *
 * The access method is told of an order and nothing else, but a search does better when it knows
 * which share of its rows passes filters and joins, and where it may end. So the query that is
 * running is remembered, and its plan looked through for the scan and for the LIMIT that its rows
 * are for. There may be no LIMIT, or one that is not found: what comes of it is a hint of how far
 * to search, and a scan goes on for as many rows as it is asked for.
 */
#include "postgres.h"

#include "am/am.h"
#include "planner/filtered.h"
#include "planner/running.h"
#include "compat.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"

/* The innermost query that is running: functions run queries inside of others. */
static QueryDesc *running = NULL;

QueryDesc *
running_enter(QueryDesc *query)
{
	QueryDesc *outer = running;

	running = query;
	return outer;
}

void
running_leave(QueryDesc *outer)
{
	running = outer;
}

typedef struct NodeLookup
{
	IndexScanDesc scan;
	ScanNodes found;
} NodeLookup;

static bool
is_node_of(PlanState *node, IndexScanDesc scan)
{
	return (IsA(node, IndexScanState) && ((IndexScanState *) node)->iss_ScanDesc == scan) ||
		   filtered_scan_desc(node) == scan;
}

/*
 * Where a node's rows come from, in their order and, mostly, each once; NULL where that cannot be
 * said. *beyond is set if it reads one row more than it is asked for.
 */
static PlanState *
source_of(PlanState *node, int *beyond)
{
	switch (nodeTag(node))
	{
		/* ORDER BY distance, id has to see that no other row is as far; so has rank() */
		case T_IncrementalSortState:
		case T_WindowAggState:
			*beyond = 1;
			return outerPlanState(node);
		case T_NestLoopState: /* the scan's rows, each joined with one of another table */
		case T_LockRowsState:
		case T_ResultState:
			return outerPlanState(node);
		case T_SubqueryScanState:
			return ((SubqueryScanState *) node)->subplan;
		default:
			return NULL;
	}
}

/* Is the scan where the rows of a LIMIT come from? */
static bool
is_limited(PlanState *limit, IndexScanDesc scan, int *beyond)
{
	PlanState *node = outerPlanState(limit);

	*beyond = 0;
	while (node != NULL && !is_node_of(node, scan))
		node = source_of(node, beyond);
	return node != NULL;
}

static bool
find_nodes(PlanState *node, void *arg)
{
	NodeLookup *lookup = arg;
	int beyond;

	if (is_node_of(node, lookup->scan))
	{
		lookup->found.node = node;
		if (IsA(node, IndexScanState))
			lookup->found.scan = (IndexScanState *) node;
		return true;
	}
	if (IsA(node, LimitState) && is_limited(node, lookup->scan, &beyond))
	{
		lookup->found.limit = (LimitState *) node;
		lookup->found.beyond = beyond;
	}
	return planstate_tree_walker(node, find_nodes, arg);
}

ScanNodes
running_nodes(IndexScanDesc scan)
{
	NodeLookup lookup = {scan, {0}};

	if (running != NULL && running->planstate != NULL)
		(void) find_nodes(running->planstate, &lookup);
	return lookup.found;
}
