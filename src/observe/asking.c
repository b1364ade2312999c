/*
 * asking.c: questions, their true nearest rows, and what searches of an index find of them.
 *
 * Questions are rows of the table, each without itself, or vectors that the user gives.  Their true
 * nearest rows come from the table (exact.c); what the index finds comes from a query as users
 * write it.  All of it is under one snapshot.  A row found counts if it is no farther than the k-th
 * true one: rows at one distance are as good as each other, and rows need no name.
 *
 * A search is timed from the executor's start to its end, with the plan ready.
 *
 * What is left out of a list where the question is a row itself: the row at the distance that the
 * question has from itself. By inner product that row may not be among the nearest; then nothing is
 * left out but the last.
 *
 * Locks: none but those of target.c.
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "planner/planner.h"
#include "portability/instr_time.h"
#include "rank/counters.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* How many rows a search is to find: the question itself is one too many. */
static int
rows_asked(const Asking *asking, int k)
{
	return asking->questions.are_rows ? k + 1 : k;
}

/* Leaves the question itself out of its nearest rows, and cuts them to k. */
static void
leave_out_self(Asking *asking, NearestRows *rows, Datum question)
{
	double self;
	int place;

	if (asking->questions.are_rows)
	{
		self = DatumGetFloat8(FunctionCall2(&asking->distance, question, question));
		for (place = 0; place < rows->n && rows->distances[place] != self; place++)
			;
		if (place < rows->n)
		{
			memmove(&rows->distances[place], &rows->distances[place + 1],
					(rows->n - place - 1) * sizeof(double));
			rows->n--;
		}
	}
	rows->n = Min(rows->n, asking->k);
}

void
asking_set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* Reads the true nearest rows from the table, by no index. */
static void
find_exact(Asking *asking)
{
	int level = NewGUCNestLevel();

	asking_set("enable_indexscan", "off");
	asking->exact = exact_nearest(&asking->target, &asking->sql, &asking->distance,
								  &asking->questions, rows_asked(asking, asking->k));
	AtEOXact_GUC(true, level);
	for (int q = 0; q < asking->questions.n; q++)
		leave_out_self(asking, &asking->exact[q], asking->questions.values[q]);
}

void
asking_prepare(Asking *asking, int k)
{
	const TargetSql *sql = &asking->sql;
	char *query = psprintf("SELECT %s %s $1 %s ORDER BY %s %s $1 LIMIT %d", sql->element, sql->op,
						   sql->from, sql->element, sql->op, rows_asked(asking, k));
	Oid type = sql->type;

	Assert(k <= asking->k);
	asking->plan = SPI_prepare_cursor(query, 1, &type, CURSOR_OPT_GENERIC_PLAN);
	if (asking->plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
}

double
asking_search(Asking *asking, Datum question)
{
	instr_time start;
	instr_time end;

	CHECK_FOR_INTERRUPTS();
	last_scan.index = InvalidOid;
	INSTR_TIME_SET_CURRENT(start);
	if (SPI_execute_plan(asking->plan, &question, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	INSTR_TIME_SET_CURRENT(end);
	if (last_scan.index != RelationGetRelid(asking->target.index))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the planner does not use index \"%s\"",
							   RelationGetRelationName(asking->target.index))));
	asking->found.n = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum distance = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			nearest_add(&asking->found, rows_asked(asking, asking->k), DatumGetFloat8(distance));
	}
	SPI_freetuptable(SPI_tuptable);
	leave_out_self(asking, &asking->found, question);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_DOUBLE(end) * 1e6;
}

int
nearest_found(const Asking *asking, int question, int k)
{
	const NearestRows *found = &asking->found;
	const NearestRows *exact = &asking->exact[question];
	int right = 0;

	k = Min(k, exact->n);
	while (right < Min(found->n, k) && found->distances[right] <= exact->distances[k - 1])
		right++;
	return right;
}

void
asking_open(Asking *asking, const char *queries)
{
	SPI_connect();
	if (queries != NULL)
		questions_sample(&asking->questions, queries, asking->target.index->rd_opcintype[0]);
	target_assume_owner(&asking->target, &asking->saved_user);
	target_describe(&asking->target, &asking->sql);
	fmgr_info(asking->sql.distance, &asking->distance);
	if (asking->questions.are_rows)
		questions_sample(&asking->questions,
						 psprintf("SELECT %s %s", asking->sql.element, asking->sql.from),
						 asking->sql.type);
	find_exact(asking);
}

void
asking_close(Asking *asking)
{
	target_resume_user(&asking->saved_user);
	SPI_finish();
}

void
asking_begin(Asking *asking)
{
	MemoryContext cxt = GetMemoryChunkContext(asking->questions.values);

	asking->found.distances =
		MemoryContextAlloc(cxt, rows_asked(asking, asking->k) * sizeof(double));
	asking->saved_scan = last_scan;
	asking->nest_level = NewGUCNestLevel();
	asking_set("hnsw.recall", "0");
	asking_set("enable_seqscan", "off");
	asking_set("enable_sort", "off");
	asking_set("enable_indexscan", "on");
	planner_begin_only_index(RelationGetRelid(asking->target.index));
}

void
asking_end(Asking *asking)
{
	planner_end_only_index();
	last_scan = asking->saved_scan;
	AtEOXact_GUC(true, asking->nest_level);
}
