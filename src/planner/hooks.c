/*
 * hooks.c: all hooks of PostgreSQL's that the library uses, and the settings by which users do
 * without them.
 *
 * A hook is a chain: whoever was there before is called, too.
 *
 * With hnsw.rewrite off an index is to the planner what any access method's is: queries are planned
 * as they are written, and no path is added to the planner's own. What a path costs, and a scan's
 * look at the query that it is part of, stay.
 */
#include "postgres.h"

#include "compat.h"
#include "executor/executor.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "planner/filtered.h"
#include "am/am.h"
#include "planner/key_paths.h"
#include "planner/path.h"
#include "planner/range.h"
#include "planner/planner.h"
#include "planner/rewrite.h"
#include "planner/running.h"
#include "planner/shards.h"
#include "utils/guc.h"

static bool hnsw_rewrite = true;

static planner_hook_type previous_planner = NULL;
static set_rel_pathlist_hook_type previous_set_rel_pathlist = NULL;
static create_upper_paths_hook_type previous_create_upper_paths = NULL;
static ExecutorRun_hook_type previous_executor_run = NULL;
static get_relation_info_hook_type previous_get_relation_info = NULL;

/* InvalidOid: all indexes are known. */
static Oid only_index = InvalidOid;

/*
 * Plans a statement. shards is NULL if it has not been split; planning may plan other statements
 * meanwhile.
 */
static PlannedStmt *
plan_as(ShardPlanning *shards, Query *parse, const char *query_string, int cursor_options,
		ParamListInfo params)
{
	ShardPlanning *outer = shard_planning(shards);
	PlannedStmt *volatile stmt = NULL;

	PG_TRY();
	{
		stmt = previous_planner ? previous_planner(parse, query_string, cursor_options, params)
								: standard_planner(parse, query_string, cursor_options, params);
	}
	PG_FINALLY();
	{
		shard_planning(outer);
	}
	PG_END_TRY();
	return stmt;
}

static PlannedStmt *
plan_query(Query *parse, const char *query_string, int cursor_options, ParamListInfo params)
{
	ShardPlanning shards = {false};
	Query *split;
	PlannedStmt *stmt = NULL;

	if (!hnsw_rewrite)
		return plan_as(NULL, parse, query_string, cursor_options, params);
	rewrite_queries(parse);
	split = shards_split(parse, params);
	if (split != NULL)
	{
		stmt = plan_as(&shards, split, query_string, cursor_options, params);
		DROP_IDLE_PERMISSIONS(stmt);
	}
	if (stmt == NULL || shards.refused)
		stmt = plan_as(NULL, parse, query_string, cursor_options, params);
	hidden_drop(stmt);
	return stmt;
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (hnsw_rewrite && enable_indexscan && rte->rtekind == RTE_RELATION &&
		rte->tablesample == NULL && !IS_DUMMY_REL(rel))
	{
		paths_add(root, rel);
		range_paths_add(root, rel);
	}
	if (enable_indexscan && rte->rtekind == RTE_RELATION && rte->tablesample == NULL &&
		!IS_DUMMY_REL(rel))
		filtered_paths_add(root, rel);
	if (previous_set_rel_pathlist)
		previous_set_rel_pathlist(root, rel, rti, rte);
}

static void
create_upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
				   RelOptInfo *output, void *extra)
{
	if (previous_create_upper_paths)
		previous_create_upper_paths(root, stage, input, output, extra);
	shard_paths_add(root, stage, output, extra);
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
planner_begin_only_index(Oid index)
{
	only_index = index;
}

void
planner_end_only_index(void)
{
	only_index = InvalidOid;
}

static void
describe_indexes(PlannerInfo *root, Oid table, bool inhparent, RelOptInfo *rel)
{
	ListCell *cell;

	if (OidIsValid(only_index))
		foreach (cell, rel->indexlist)
		{
			IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);

			if (index->indexoid == only_index)
			{
				rel->indexlist = list_make1(index);
				break;
			}
		}
	foreach (cell, rel->indexlist)
		if (own_index(lfirst_node(IndexOptInfo, cell)))
			key_index_describe(lfirst_node(IndexOptInfo, cell));
	if (previous_get_relation_info)
		previous_get_relation_info(root, table, inhparent, rel);
}

static const struct config_enum_entry filtered_scan_options[] = {
	{"off", FILTERED_SCAN_OFF, false},     {"on", FILTERED_SCAN_ON, false},
	{"force", FILTERED_SCAN_FORCE, false}, {"false", FILTERED_SCAN_OFF, true},
	{"no", FILTERED_SCAN_OFF, true},       {"0", FILTERED_SCAN_OFF, true},
	{"true", FILTERED_SCAN_ON, true},      {"yes", FILTERED_SCAN_ON, true},
	{"1", FILTERED_SCAN_ON, true},         {NULL, 0, false}};

static void
define_settings(void)
{
	DefineCustomBoolVariable(
		"hnsw.rewrite", "Sets whether queries that say a distance in other words go by an index.",
		"If it is off, queries are planned as they are written: only ORDER BY column operator "
		"value uses "
		"an index.",
		&hnsw_rewrite, true, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"hnsw.range_scan",
		"Sets whether queries for all rows within a distance may go by an index.",
		"Such queries are exact without. By an index some of the rows may be missing.",
		&hnsw_range_scan, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("hnsw.filtered_scan",
							 "Sets whether other indexes' bitmaps may narrow a vector search.",
							 "If it is off, the rows of an ordered scan are filtered one by one. "
							 "With force, such a scan is taken wherever it can be, for comparison.",
							 &hnsw_filtered_scan, FILTERED_SCAN_ON, filtered_scan_options,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

void
planner_init(void)
{
	define_settings();
	filtered_init();
	previous_planner = planner_hook;
	planner_hook = plan_query;
	previous_set_rel_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
	previous_create_upper_paths = create_upper_paths_hook;
	create_upper_paths_hook = create_upper_paths;
	previous_executor_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
	previous_get_relation_info = get_relation_info_hook;
	get_relation_info_hook = describe_indexes;
}
