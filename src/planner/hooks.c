/*
 * hooks.c: all hooks of PostgreSQL's that the library uses.
 *
 * A hook is a chain: whoever was there before is called, too.
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "planner/path.h"
#include "planner/planner.h"
#include "planner/rewrite.h"
#include "planner/running.h"

static planner_hook_type previous_planner = NULL;
static set_rel_pathlist_hook_type previous_set_rel_pathlist = NULL;
static ExecutorRun_hook_type previous_executor_run = NULL;

static PlannedStmt *
plan_query(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	PlannedStmt *stmt;

	rewrite_queries(parse);
	stmt = previous_planner ? previous_planner(parse, query_string, cursor_options, params)
							: standard_planner(parse, query_string, cursor_options, params);
	hidden_drop(stmt);
	return stmt;
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (enable_indexscan && rte->rtekind == RTE_RELATION && rte->tablesample == NULL && !IS_DUMMY_REL(rel))
	{
		paths_add(root, rel);
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

void
planner_init(void)
{
	previous_planner = planner_hook;
	planner_hook = plan_query;
	previous_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
}
