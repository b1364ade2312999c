/*
 * hnswc.c: what happens when the library is loaded.
 *
 * Chooses the SIMD kernels, defines the settings and reloptions and prepares the per-backend state.  Everything else is
 * reached through SQL functions.  Preloading is possible but not needed.
 */
#include "postgres.h"

#include <limits.h>

#include "am/am.h"
#include "distance/distance.h"
#include "fmgr.h"
#include "page/page.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static int simd_level = DISTANCE_AUTO;

static const struct config_enum_entry simd_level_options[] = {
	{"auto", DISTANCE_AUTO, false}, {"portable", DISTANCE_PORTABLE, false}, {"neon", DISTANCE_NEON, false},
	{"avx2", DISTANCE_AVX2, false}, {"avx512", DISTANCE_AVX512, false},     {NULL, 0, false},
};

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

void
_PG_init(void)
{
	DefineCustomEnumVariable("hnswc.simd_level", "Sets the highest instruction set used to measure distances.",
							 "\"auto\" takes the best that the CPU has. SHOW tells which one is in use.", &simd_level,
							 DISTANCE_AUTO, simd_level_options, PGC_USERSET, 0, NULL, simd_level_assign,
							 simd_level_show);
	MarkGUCPrefixReserved("hnswc");
	options_init();
	index_state_init();
	plan_init();
	path_init();
	running_init();
}
