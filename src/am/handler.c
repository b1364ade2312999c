/*
 * handler.c: hnswhandler(), the table of what the access method can do and by which callbacks; and
 * which indexes are of it.
 */
#include "postgres.h"

#include "am/am.h"
#include "build/build.h"
#include "column/element.h"
#include "commands/vacuum.h"
#include "compat.h"
#include "fmgr.h"
#include "node/vacuum.h"

/*
 * What the planner and the executor may ask of the access method. What is false or NULL is not set:
 * makeNode() zeroes.
 */
static void
set_properties(IndexAmRoutine *routine)
{
	routine->amstrategies = 0; /* operators have the meaning their operator class gives them */
	routine->amsupport = HNSWC_NPROCS;
	routine->amcanorderbyop = true;
	routine->amcanmulticol = true; /* key columns before the vector */
	/*
	 * A scan has an ORDER BY and, without key columns, no conditions. Of an index with key columns
	 * the planner is told otherwise: see planner/key_paths.c, also for IS NULL.
	 */
	routine->amoptionalkey = true;
	routine->amsearcharray = true;
	routine->amparallelvacuumoptions =
		VACUUM_OPTION_PARALLEL_BULKDEL | VACUUM_OPTION_PARALLEL_COND_CLEANUP;
	routine->amkeytype = InvalidOid;
	AM_CAN_BUILD_PARALLEL(routine);
}

static void
set_callbacks(IndexAmRoutine *routine)
{
	routine->ambuild = hnswbuild;
	routine->ambuildempty = hnswbuildempty;
	routine->ambuildphasename = hnswbuildphasename;
	routine->aminsert = hnswinsert;
	routine->ambulkdelete = hnswbulkdelete;
	routine->amvacuumcleanup = hnswvacuumcleanup;
	routine->amcostestimate = hnswcostestimate;
	routine->amoptions = hnswoptions;
	routine->amvalidate = hnswvalidate;
	routine->ambeginscan = hnswbeginscan;
	routine->amrescan = hnswrescan;
	routine->amgettuple = hnswgettuple;
	routine->amendscan = hnswendscan;
}

PG_FUNCTION_INFO_V1(hnswhandler);

Datum
hnswhandler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	set_properties(routine);
	set_callbacks(routine);
	PG_RETURN_POINTER(routine);
}

bool
own_index(const IndexOptInfo *index)
{
	return (void (*)(void)) index->amcostestimate == (void (*)(void)) hnswcostestimate;
}

bool
own_index_oid(Oid index)
{
	Relation relation = index_open(index, NoLock);
	bool ours = relation->rd_indam->ambuild == hnswbuild;

	index_close(relation, NoLock);
	return ours;
}
