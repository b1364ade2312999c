/*
 * hnswc.c: what happens when the library is loaded.
 *
 * Chooses the SIMD kernels, defines the settings and reloptions and prepares the per-backend state.
 * Everything else is reached through SQL functions. Preloading is possible but not needed.
 */
#include "postgres.h"

#include <limits.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "am/am.h"
#include "catalog/pg_am.h"
#include "catalog/pg_proc.h"
#include "distance/distance.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "node/node.h"
#include "observe/observe.h"
#include "planner/planner.h"
#include "rank/counters.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static int simd_level = DISTANCE_AUTO;

/* In the order of DistanceLevel. */
static const struct config_enum_entry simd_level_options[] = {
	{"auto", DISTANCE_AUTO, false},     {"portable", DISTANCE_PORTABLE, false},
	{"neon", DISTANCE_NEON, false},     {"avx2", DISTANCE_AVX2, false},
	{"avx512", DISTANCE_AVX512, false}, {NULL, 0, false},
};

/* A level that the CPU lacks is accepted, for it does no harm, but said to be without effect. */
static bool
simd_level_check(int *newval, void **extra, GucSource source)
{
	if (*newval != DISTANCE_AUTO && distance_kernels((DistanceLevel) *newval) == NULL &&
		!IsParallelWorker())
		ereport(source >= PGC_S_INTERACTIVE ? WARNING : LOG,
				(errmsg("this CPU does not support the value \"%s\" of \"hnswc.simd_level\"",
						simd_level_options[*newval].name),
				 errdetail("The highest level below it that the CPU supports is used."),
				 errhint("SHOW hnswc.simd_level tells which one is in use.")));
	return true;
}

/* Also runs when the setting is defined, which is what chooses the kernels at load. */
static void
simd_level_assign(int newval, void *extra)
{
	distance_init((DistanceLevel) newval);
}

/* What is in use, not what was asked for: a CPU takes the best it has that is not above. */
static const char *
simd_level_show(void)
{
	return distance->name;
}

/*
 * Has the access method of this database pgvector's code? The library can be there all the same,
 * when it is preloaded for a whole server. Without a transaction (shared_preload_libraries) nobody
 * knows, and the answer is no.
 */
static bool
database_has_pgvector(void)
{
	HeapTuple am;
	HeapTuple handler;
	bool found = false;

	if (!IsTransactionState() || !OidIsValid(MyDatabaseId))
		return false;
	am = SearchSysCache1(AMNAME, CStringGetDatum("hnsw"));
	if (!HeapTupleIsValid(am))
		return false;
	handler = SearchSysCache1(PROCOID, ObjectIdGetDatum(((Form_pg_am) GETSTRUCT(am))->amhandler));
	if (HeapTupleIsValid(handler))
	{
		bool isnull;
		Datum library = SysCacheGetAttr(PROCOID, handler, Anum_pg_proc_probin, &isnull);

		if (!isnull)
		{
			const char *path = TextDatumGetCString(library);
			const char *slash = strrchr(path, '/');

			found = strcmp(slash ? slash + 1 : path, "vector") == 0;
		}
		ReleaseSysCache(handler);
	}
	ReleaseSysCache(am);
	return found;
}

void
_PG_init(void)
{
	/* pgvector could not be loaded any more if its settings were defined here */
	bool settings = !database_has_pgvector();

	DefineCustomEnumVariable(
		"hnswc.simd_level", "Sets the highest instruction set used to measure distances.",
		"\"auto\" takes the best that the CPU has. SHOW tells which one is in use.", &simd_level,
		DISTANCE_AUTO, simd_level_options, PGC_USERSET, 0, simd_level_check, simd_level_assign,
		simd_level_show);
	MarkGUCPrefixReserved("hnswc");
	/* before what else begins with hnsw. is refused */
	planner_init();
	counters_init();
	explain_init();
	if (settings)
		settings_init();
	options_init();
	index_state_init(options_shape_is_possible);
}
