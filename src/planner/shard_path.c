/*
 * shard_path.c: has a foreign server do all of a shard's subquery; see shards.h.
 *
 * postgres_fdw ships an order and a LIMIT, but of a table it fetches columns only: a distance would
 * be computed here, from vectors that were sent for nothing else. Expressions it ships as what
 * grouping returns. So the subquery's result is offered to it as that of a grouping without keys
 * and aggregates, which is the same rows and no GROUP BY in the SQL. (For it that is a query with
 * HAVING, of which no condition is left.)
 *
 * That is safe for what shard_query() lets a shard return: columns, and expressions that the order
 * is made of. Whether these are shipped postgres_fdw decides by its own rules.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "planner/shards.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

static ShardPlanning *planning = NULL;

ShardPlanning *
shard_planning(ShardPlanning *next)
{
	ShardPlanning *previous = planning;

	planning = next;
	return previous;
}

/* The foreign table of a shard's subquery; NULL for other queries. */
static RelOptInfo *
shard_rel(PlannerInfo *root)
{
	const RangeTblRef *ref;

	if (root->parse->queryId != SHARD_QUERY_ID || root->query_level == 1)
		return NULL;
	ref = linitial_node(RangeTblRef, root->parse->jointree->fromlist);
	return planner_rt_fetch(ref->rtindex, root)->relkind == RELKIND_FOREIGN_TABLE
			   ? find_base_rel(root, ref->rtindex)
			   : NULL;
}

/* A string of a C function's definition, which superusers alone can make. */
static bool
is_c_string(HeapTuple tuple, AttrNumber column, const char *string)
{
	bool isnull;
	Datum value = SysCacheGetAttr(PROCOID, tuple, column, &isnull);

	return !isnull && strcmp(TextDatumGetCString(value), string) == 0;
}

/*
 * Is that a server that postgres_fdw asks? Other wrappers might make something else of the request.
 */
static bool
is_postgres(Oid server)
{
	Oid handler = GetForeignDataWrapper(GetForeignServer(server)->fdwid)->fdwhandler;
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(handler));
	bool found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId &&
			is_c_string(tuple, Anum_pg_proc_probin, "$libdir/postgres_fdw") &&
			is_c_string(tuple, Anum_pg_proc_prosrc, "postgres_fdw_handler");
	ReleaseSysCache(tuple);
	return found;
}

/* An upper relation beside the planner's own of that kind, done by the server of a table. */
static RelOptInfo *
remote_step(PlannerInfo *root, UpperRelationKind kind, const RelOptInfo *rel)
{
	/* the planner's own have no table to tell them apart by */
	RelOptInfo *step = fetch_upper_rel(root, kind, rel->relids);

	step->reltarget = root->upper_targets[UPPERREL_FINAL];
	step->serverid = rel->serverid;
	step->userid = rel->userid;
	step->useridiscurrent = rel->useridiscurrent;
	step->fdwroutine = rel->fdwroutine;
	return step;
}

/* The path that ships target list, order and LIMIT; NULL if the server does not do all of that. */
static Path *
remote_path(PlannerInfo *root, const RelOptInfo *rel, void *extra)
{
	GetForeignUpperPaths_function add_paths;
	RelOptInfo *rows;
	RelOptInfo *ordered;
	RelOptInfo *final;
	GroupPathExtraData group = {0};
	bool has_having = root->hasHavingQual;

	if (rel->fdwroutine == NULL || rel->fdwroutine->GetForeignUpperPaths == NULL ||
		!is_postgres(rel->serverid) ||
		list_length(root->sort_pathkeys) != list_length(root->parse->sortClause))
		return NULL;
	add_paths = rel->fdwroutine->GetForeignUpperPaths;
	rows = remote_step(root, UPPERREL_GROUP_AGG, rel);
	ordered = remote_step(root, UPPERREL_ORDERED, rel);
	final = remote_step(root, UPPERREL_FINAL, rel);
	group.patype = PARTITIONWISE_AGGREGATE_NONE;
	root->hasHavingQual = true;
	add_paths(root, UPPERREL_GROUP_AGG, unconstify(RelOptInfo *, rel), rows, &group);
	root->hasHavingQual = has_having;
	if (rows->pathlist == NIL)
		return NULL;
	add_paths(root, UPPERREL_ORDERED, rows, ordered, NULL);
	if (ordered->pathlist == NIL)
		return NULL;
	add_paths(root, UPPERREL_FINAL, ordered, final, extra);
	return final->pathlist == NIL ? NULL : linitial(final->pathlist);
}

void
shard_paths_add(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *output, void *extra)
{
	RelOptInfo *rel = planning == NULL || stage != UPPERREL_FINAL ? NULL : shard_rel(root);
	Path *path;

	if (rel == NULL || IS_DUMMY_REL(rel))
		return;
	path = remote_path(root, rel, extra);
	if (path == NULL)
	{
		planning->refused = true;
		return;
	}
	/* it has been taken for the only row of a grouping */
	path->rows = rel->rows;
	if (((FinalPathExtraData *) extra)->limit_tuples > 0)
		path->rows = Min(path->rows, ((FinalPathExtraData *) extra)->limit_tuples);
	output->pathlist = list_make1(path);
	output->partial_pathlist = NIL;
}
