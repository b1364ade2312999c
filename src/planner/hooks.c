/*
 * hooks.c: all hooks of PostgreSQL's that the library uses, and the settings by which users do without them.
 *
 * A hook is a chain: whoever was there before is called, too.
 *
 * With hnsw.rewrite off an index is to the planner what any access method's is: queries are planned as they are written, and
 * no path is added to the planner's own.  What a path costs, and a scan's look at the query that it is part of, stay.
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "planner/path.h"
#include "planner/range.h"
#include "planner/planner.h"
#include "planner/rewrite.h"
#include "planner/running.h"
#include "utils/guc.h"

static bool hnsw_rewrite = true;

static planner_hook_type previous_planner = NULL;
static set_rel_pathlist_hook_type previous_set_rel_pathlist = NULL;
static ExecutorRun_hook_type previous_executor_run = NULL;

static PlannedStmt *
plan_query(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	PlannedStmt *stmt;

	if (hnsw_rewrite)
		rewrite_queries(parse);
	stmt = previous_planner ? previous_planner(parse, query_string, cursor_options, params)
							: standard_planner(parse, query_string, cursor_options, params);
	if (hnsw_rewrite)
		hidden_drop(stmt);
	return stmt;
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (hnsw_rewrite && enable_indexscan && rte->rtekind == RTE_RELATION && rte->tablesample == NULL &&
		!IS_DUMMY_REL(rel))
	{
		paths_add(root, rel);
		range_paths_add(root, rel);
	}
	if (previous_set_rel_pathlist)
		previous_set_rel_pathlist(root, rel, rti, rte);
}

static void
run_query(EXECUTOR_RUN_PARAMETERS)
{
	QueryDesc *outer = running_enter(query);

	PG_TRY();
	{
		if (previous_executor_run)
			previous_executor_run(EXECUTOR_RUN_ARGUMENTS);
		else
			standard_ExecutorRun(EXECUTOR_RUN_ARGUMENTS);
	}
	PG_FINALLY();
	{
		running_leave(outer);
	}
	PG_END_TRY();
}

static void
define_settings(void)
{
	DefineCustomBoolVariable(
		"hnsw.rewrite", "Sets whether queries that say a distance in other words go by an index.",
		"If it is off, queries are planned as they are written: only ORDER BY column operator value uses "
		"an index.",
		&hnsw_rewrite, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("hnsw.range_scan",
							 "Sets whether queries for all rows within a distance may go by an index.",
							 "Such queries are exact without. By an index some of the rows may be missing.",
							 &hnsw_range_scan, false, PGC_USERSET, 0, NULL, NULL, NULL);
}

void
planner_init(void)
{
	define_settings();
	previous_planner = planner_hook;
	planner_hook = plan_query;
	previous_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
}
