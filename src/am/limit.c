/*
 * limit.c: how many rows the query above a scan asks for.
 *
 * The access method is not told of a LIMIT, but a search does better when it knows how many nearest rows matter.  So
 * the query that is running is remembered, and its plan looked through for a LIMIT directly above the scan.  The rows
 * that a filter of the scan drops come on top of what a LIMIT says, and there may be none or one that is not found:
 * the number is a hint of where to begin, and a scan goes on for as many rows as it is asked for.
 */
#include "postgres.h"

#include "am/scan.h"
#include "compat.h"
#include "executor/execdesc.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

static ExecutorRun_hook_type previous_executor_run = NULL;
/* The innermost query that is running: functions run queries inside of others. */
static QueryDesc *running = NULL;

static void
run_query(EXECUTOR_RUN_PARAMETERS)
{
	QueryDesc *outer = running;

	running = query;
	PG_TRY();
	{
		if (previous_executor_run)
			previous_executor_run(EXECUTOR_RUN_ARGUMENTS);
		else
			standard_ExecutorRun(EXECUTOR_RUN_ARGUMENTS);
	}
	PG_FINALLY();
	{
		running = outer;
	}
	PG_END_TRY();
}

typedef struct LimitLookup
{
	IndexScanDesc scan;
	LimitState *limit;
} LimitLookup;

static bool
is_node_of(PlanState *node, IndexScanDesc scan)
{
	return node != NULL && IsA(node, IndexScanState) && ((IndexScanState *) node)->iss_ScanDesc == scan;
}

static bool
find_limit(PlanState *node, void *arg)
{
	LimitLookup *lookup = arg;

	if (IsA(node, LimitState) && is_node_of(outerPlanState(node), lookup->scan))
		lookup->limit = (LimitState *) node;
	return lookup->limit != NULL || planstate_tree_walker(node, find_limit, arg);
}

LimitState *
limit_above(IndexScanDesc scan)
{
	LimitLookup lookup = {scan, NULL};

	if (running != NULL && running->planstate != NULL)
		(void) find_limit(running->planstate, &lookup);
	return lookup.limit;
}

int
limit_rows(const LimitState *limit)
{
	if (limit == NULL || limit->noCount)
		return 0;
	/* the two together may be more than any integer; beyond the greatest ef it does not matter */
	return (int) (Min(limit->count, HNSWC_MAX_EF_SEARCH) + Min(limit->offset, HNSWC_MAX_EF_SEARCH));
}

void
limit_init(void)
{
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
}
