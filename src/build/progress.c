/*
 * build_progress.c: how far CREATE INDEX is, as pg_stat_progress_create_index shows it.
 *
 * Rows done never become fewer, and neither do those expected: the estimate is raised when more
 * have been done.  The process that the user watches tells of all processes' rows.
 */
#include "postgres.h"

#include "build/build.h"
#include "commands/progress.h"
#include "pgstat.h"

StaticAssertDecl(PHASE_TRAIN == PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE,
				 "PostgreSQL knows the first phase");

/* As reported, of the build that this process is in. */
static uint64 expected;
static uint64 done;

char *
hnswbuildphasename(int64 phase)
{
	switch (phase)
	{
		case PHASE_TRAIN:
			return "learning codes from a sample";
		case PHASE_INSERT:
			return "inserting rows in memory";
		case PHASE_INSERT_ON_DISK:
			return "inserting rows on disk, since maintenance_work_mem is used up";
		case PHASE_WRITE:
			return "writing pages";
		case PHASE_MEASURE:
			return "measuring searches";
		case PHASE_LOG:
			return "logging pages";
		default:
			return NULL;
	}
}

void
progress_phase(BuildPhase phase)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

static void
report(void)
{
	const int params[] = {PROGRESS_CREATEIDX_TUPLES_DONE, PROGRESS_CREATEIDX_TUPLES_TOTAL};
	int64 values[] = {(int64) done, (int64) expected};

	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

void
progress_expect(double rows)
{
	expected = (uint64) rows;
	done = 0;
	report();
}

void
progress_rows(uint64 rows)
{
	done = Max(done, rows);
	expected = Max(expected, done);
	report();
}

void
progress_end(uint64 rows)
{
	done = expected = rows;
	report();
}
