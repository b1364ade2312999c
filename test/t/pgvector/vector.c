/*
 * vector.c: the access methods of a database that stands for one with pgvector, for the test of
 * migrate/pgvector_to_hnswc.sql.
 *
 * An index of theirs is one page with pgvector's magic number and no content; inserts are lost and
 * scans find nothing. Compiled with STANDIN_SETTINGS, the library defines a setting of pgvector's,
 * which no other may define as well.
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/relscan.h"
#include "catalog/index.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "nodes/pathnodes.h"
#include "storage/bufmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

#define PGVECTOR_MAGIC 0xA953A953

#ifdef STANDIN_SETTINGS
extern PGDLLEXPORT void _PG_init(void);

static int ef_search;

void
_PG_init(void)
{
	DefineCustomIntVariable("hnsw.ef_search", "of pgvector", NULL, &ef_search, 40, 1, 1000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("hnsw");
}
#endif

static IndexBuildResult *
standin_build(Relation heap, Relation index, IndexInfo *info)
{
	Buffer buffer = ReadBuffer(index, P_NEW);
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	PageInit(BufferGetPage(buffer), BufferGetPageSize(buffer), 0);
	*(uint32 *) PageGetContents(BufferGetPage(buffer)) = PGVECTOR_MAGIC;
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	return result;
}

static void
standin_buildempty(Relation index)
{
}

static bool
standin_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			   IndexUniqueCheck check, bool unchanged, IndexInfo *info)
{
	return false;
}

static IndexBulkDeleteResult *
standin_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				   IndexBulkDeleteCallback callback, void *state)
{
	return stats;
}

static IndexBulkDeleteResult *
standin_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	return stats;
}

static void
standin_costestimate(PlannerInfo *root, IndexPath *path, double loops, Cost *startup, Cost *total,
					 Selectivity *selectivity, double *correlation, double *pages)
{
	*startup = *total = 1e30;
	*selectivity = 1;
	*correlation = 0;
	*pages = 1;
}

static bytea *
standin_options(Datum options, bool validate)
{
	return NULL;
}

static bool
standin_validate(Oid opclass)
{
	return true;
}

static IndexScanDesc
standin_beginscan(Relation index, int nkeys, int norderbys)
{
	return RelationGetIndexScan(index, nkeys, norderbys);
}

static void
standin_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
}

static bool
standin_gettuple(IndexScanDesc scan, ScanDirection direction)
{
	return false;
}

static void
standin_endscan(IndexScanDesc scan)
{
}

static IndexAmRoutine *
standin_routine(int nprocs)
{
	IndexAmRoutine *routine = makeNode(IndexAmRoutine);

	routine->amsupport = nprocs;
	routine->amcanorderbyop = true;
	routine->amoptionalkey = true;
	routine->ambuild = standin_build;
	routine->ambuildempty = standin_buildempty;
	routine->aminsert = standin_insert;
	routine->ambulkdelete = standin_bulkdelete;
	routine->amvacuumcleanup = standin_vacuumcleanup;
	routine->amcostestimate = standin_costestimate;
	routine->amoptions = standin_options;
	routine->amvalidate = standin_validate;
	routine->ambeginscan = standin_beginscan;
	routine->amrescan = standin_rescan;
	routine->amgettuple = standin_gettuple;
	routine->amendscan = standin_endscan;
	return routine;
}

PG_FUNCTION_INFO_V1(hnswhandler);
Datum
hnswhandler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(standin_routine(3));
}

PG_FUNCTION_INFO_V1(ivfflathandler);
Datum
ivfflathandler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(standin_routine(5));
}

/* The support functions of both, which are never called. */
PG_FUNCTION_INFO_V1(standin_support);
Datum
standin_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}
