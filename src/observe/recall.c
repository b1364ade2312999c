/*
 * recall.c: hnsw_recall(), how many of the true nearest rows searches find, and how long they take.
 *
 * Questions are rows of the table, each without itself, or vectors that the user gives.  Their true
 * nearest rows come from the table (exact.c); what the index finds comes from a query as users
 * write it, for each width that is asked for.  All of it is under one snapshot.  A row found counts
 * if it is no farther than the k-th true one: rows at one distance are as good as each other, and
 * rows need no name.
 *
 * A search is timed from the executor's start to its end, with the plan ready.  The widest is made
 * first and once more than it is timed, so that none has to wait for pages.
 *
 * What is left out of a list where the question is a row itself: the row at the distance that the
 * question has from itself. By inner product that row may not be among the nearest; then nothing is
 * left out but the last.
 *
 * Locks: AccessShareLock on the table and the index.  Other sessions go on.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "planner/planner.h"
#include "portability/instr_time.h"
#include "rank/counters.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define MAX_K 1000
#define MAX_SAMPLE 100000

/* Widths measured where none are given, beside the one that is in use. */
static const int default_widths[] = {20, 40, 80, 160, 320};

typedef struct Recall
{
	IndexTarget target;
	TargetSql sql;
	FmgrInfo distance;
	Questions questions;
	NearestRows *exact; /* k of each, what is to be left out left out */
	int k;
	int *widths; /* ascending */
	int nwidths;
	SPIPlanPtr plan;
	NearestRows found;
	double *times; /* microseconds, of the width at hand */
} Recall;

/* What was measured with a width. */
typedef struct RecallRow
{
	double recall; /* NAN: no question has an answer */
	double mean_us;
	double p99_us;
	double nodes;
} RecallRow;

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a;
	double y = *(const double *) b;

	return (x > y) - (x < y);
}

static void
check_range(const char *name, int value, int most)
{
	if (value < 1 || value > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be from 1 to %d, not %d", name, most, value)));
}

/* Sorts the widths and leaves repetitions out. */
static void
sort_widths(Recall *recall)
{
	int n = 0;

	qsort(recall->widths, recall->nwidths, sizeof(int), compare_ints);
	for (int i = 0; i < recall->nwidths; i++)
		if (n == 0 || recall->widths[n - 1] != recall->widths[i])
			recall->widths[n++] = recall->widths[i];
	recall->nwidths = n;
}

static void
set_widths(Recall *recall, ArrayType *array)
{
	if (array == NULL)
	{
		recall->nwidths = lengthof(default_widths) + 1;
		recall->widths = palloc(recall->nwidths * sizeof(int));
		memcpy(recall->widths, default_widths, sizeof(default_widths));
		recall->widths[lengthof(default_widths)] = settings_of(recall->target.index).ef_search;
	}
	else
	{
		if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
			ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
							errmsg("ef must be an array of one dimension without nulls")));
		recall->nwidths = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		recall->widths = palloc(Max(recall->nwidths, 1) * sizeof(int));
		memcpy(recall->widths, ARR_DATA_PTR(array), recall->nwidths * sizeof(int));
		for (int i = 0; i < recall->nwidths; i++)
			check_range("ef", recall->widths[i], HNSWC_MAX_EF_SEARCH);
	}
	sort_widths(recall);
}

/* How many rows a search is to find: the question itself is one too many. */
static int
rows_asked(const Recall *recall)
{
	return recall->questions.are_rows ? recall->k + 1 : recall->k;
}

/* Leaves the question itself out of its nearest rows, and cuts them to k. */
static void
leave_out_self(Recall *recall, NearestRows *rows, Datum question)
{
	double self;
	int place;

	if (recall->questions.are_rows)
	{
		self = DatumGetFloat8(FunctionCall2(&recall->distance, question, question));
		for (place = 0; place < rows->n && rows->distances[place] != self; place++)
			;
		if (place < rows->n)
		{
			memmove(&rows->distances[place], &rows->distances[place + 1],
					(rows->n - place - 1) * sizeof(double));
			rows->n--;
		}
	}
	rows->n = Min(rows->n, recall->k);
}

static void
set_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/* Reads the true nearest rows from the table, by no index. */
static void
find_exact(Recall *recall)
{
	int level = NewGUCNestLevel();

	set_setting("enable_indexscan", "off");
	recall->exact = exact_nearest(&recall->target, &recall->sql, &recall->distance,
								  &recall->questions, rows_asked(recall));
	AtEOXact_GUC(true, level);
	for (int q = 0; q < recall->questions.n; q++)
		leave_out_self(recall, &recall->exact[q], recall->questions.values[q]);
}

/* The query that a search is. */
static void
prepare_search(Recall *recall)
{
	const TargetSql *sql = &recall->sql;
	char *query = psprintf("SELECT %s %s $1 %s ORDER BY %s %s $1 LIMIT %d", sql->element, sql->op,
						   sql->from, sql->element, sql->op, rows_asked(recall));
	Oid type = sql->type;

	recall->plan = SPI_prepare_cursor(query, 1, &type, CURSOR_OPT_GENERIC_PLAN);
	if (recall->plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
}

/*
 * Searches for a question; its distances are in recall->found.  Returns the time in microseconds.
 */
static double
search(Recall *recall, Datum question)
{
	instr_time start;
	instr_time end;

	CHECK_FOR_INTERRUPTS();
	last_scan.index = InvalidOid;
	INSTR_TIME_SET_CURRENT(start);
	if (SPI_execute_plan(recall->plan, &question, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(SPI_result));
	INSTR_TIME_SET_CURRENT(end);
	if (last_scan.index != RelationGetRelid(recall->target.index))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the planner does not use index \"%s\"",
							   RelationGetRelationName(recall->target.index))));
	recall->found.n = 0;
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum distance = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			nearest_add(&recall->found, rows_asked(recall), DatumGetFloat8(distance));
	}
	SPI_freetuptable(SPI_tuptable);
	leave_out_self(recall, &recall->found, question);
	INSTR_TIME_SUBTRACT(end, start);
	return INSTR_TIME_GET_DOUBLE(end) * 1e6;
}

/* How many of the rows found are among the nearest. */
static int
count_right(const NearestRows *found, const NearestRows *exact)
{
	int right = 0;

	while (right < Min(found->n, exact->n) &&
		   found->distances[right] <= exact->distances[exact->n - 1])
		right++;
	return right;
}

/* For people to read. */
static double
to_tenths(double value)
{
	return rint(value * 10) / 10;
}

static void
measure_width(Recall *recall, int width, RecallRow *row)
{
	const Questions *questions = &recall->questions;
	double time = 0;
	double nodes = 0;
	int64 right = 0;
	int64 wanted = 0;

	set_setting("hnsw.ef_search", psprintf("%d", width));
	for (int q = 0; q < questions->n; q++)
	{
		recall->times[q] = search(recall, questions->values[q]);
		time += recall->times[q];
		nodes += last_scan.nodes;
		right += count_right(&recall->found, &recall->exact[q]);
		wanted += recall->exact[q].n;
	}
	qsort(recall->times, questions->n, sizeof(double), compare_doubles);
	row->recall = wanted > 0 ? (double) right / wanted : NAN;
	row->mean_us = to_tenths(time / questions->n);
	row->p99_us = to_tenths(recall->times[(int) ceil(0.99 * questions->n) - 1]);
	row->nodes = to_tenths(nodes / questions->n);
}

/* Measures all widths, with only the index to go by. */
static RecallRow *
measure(Recall *recall)
{
	MemoryContext cxt = GetMemoryChunkContext(recall->questions.values);
	RecallRow *rows = MemoryContextAlloc(cxt, Max(recall->nwidths, 1) * sizeof(RecallRow));
	ScanCounters saved = last_scan;
	int level = NewGUCNestLevel();

	recall->times = MemoryContextAlloc(cxt, Max(recall->questions.n, 1) * sizeof(double));
	recall->found.distances = MemoryContextAlloc(cxt, rows_asked(recall) * sizeof(double));
	set_setting("enable_seqscan", "off");
	set_setting("enable_sort", "off");
	set_setting("enable_indexscan", "on");
	prepare_search(recall);
	planner_begin_only_index(RelationGetRelid(recall->target.index));
	PG_TRY();
	{
		if (recall->nwidths > 0)
			measure_width(recall, recall->widths[recall->nwidths - 1], &rows[recall->nwidths - 1]);
		for (int i = recall->nwidths - 1; i >= 0; i--)
			measure_width(recall, recall->widths[i], &rows[i]);
	}
	PG_FINALLY();
	{
		planner_end_only_index();
		last_scan = saved;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, level);
	return rows;
}

/*
 * Everything behind the reading of arguments; recall->questions are there, or are to be rows of the
 * table.
 */
static void
run(Recall *recall, int sample, const char *queries, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RecallRow *rows = NULL;
	SavedUser saved;

	SPI_connect();
	if (queries != NULL)
		questions_sample(&recall->questions, queries, recall->target.index->rd_opcintype[0]);
	target_assume_owner(&recall->target, &saved);
	target_describe(&recall->target, &recall->sql);
	fmgr_info(recall->sql.distance, &recall->distance);
	if (recall->questions.are_rows)
		questions_sample(&recall->questions,
						 psprintf("SELECT %s %s", recall->sql.element, recall->sql.from),
						 recall->sql.type);
	find_exact(recall);
	if (recall->questions.n > 0)
		rows = measure(recall);
	target_resume_user(&saved);
	SPI_finish();
	for (int i = 0; rows != NULL && i < recall->nwidths; i++)
	{
		Datum values[] = {Int32GetDatum(recall->widths[i]), Float8GetDatum(rows[i].recall),
						  Float8GetDatum(rows[i].mean_us), Float8GetDatum(rows[i].p99_us),
						  Float8GetDatum(rows[i].nodes)};
		bool isnull[lengthof(values)] = {false, isnan(rows[i].recall)};

		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
}

static void
check_not_null(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s may not be null", name)));
}

/* What both functions begin with. */
static void
begin(Recall *recall, FunctionCallInfo fcinfo, int k, int ef)
{
	check_not_null(fcinfo, 0, "index");
	check_not_null(fcinfo, k, "k");
	InitMaterializedSRF(fcinfo, 0);
	settings_check_ours();
	recall->k = PG_GETARG_INT32(k);
	check_range("k", recall->k, MAX_K);
	target_open(&recall->target, PG_GETARG_OID(0), false);
	set_widths(recall, PG_ARGISNULL(ef) ? NULL : PG_GETARG_ARRAYTYPE_P(ef));
}

PG_FUNCTION_INFO_V1(hnsw_recall);
PG_FUNCTION_INFO_V1(hnsw_recall_array);

/*
 * hnsw_recall(index, k, sample, queries text, ef): a sample of the table's rows, or of what a query
 * returns.
 */
Datum
hnsw_recall(PG_FUNCTION_ARGS)
{
	Recall recall = {0};

	begin(&recall, fcinfo, 1, 4);
	check_not_null(fcinfo, 2, "sample");
	check_range("sample", PG_GETARG_INT32(2), MAX_SAMPLE);
	questions_create(&recall.questions, PG_GETARG_INT32(2));
	recall.questions.are_rows = PG_ARGISNULL(3);
	run(&recall, PG_GETARG_INT32(2), PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)),
		fcinfo);
	target_close(&recall.target);
	PG_RETURN_NULL();
}

/* hnsw_recall(index, queries anyarray, k, ef): all elements of an array. */
Datum
hnsw_recall_array(PG_FUNCTION_ARGS)
{
	Recall recall = {0};

	begin(&recall, fcinfo, 2, 3);
	check_not_null(fcinfo, 1, "queries");
	questions_from_array(&recall.questions, PG_GETARG_ARRAYTYPE_P(1),
						 recall.target.index->rd_opcintype[0]);
	run(&recall, recall.questions.n, NULL, fcinfo);
	target_close(&recall.target);
	PG_RETURN_NULL();
}
