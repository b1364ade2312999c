/*
 * recall.c: hnsw_recall(), how many of the true nearest rows searches find, and how long they take.
 *
 * Each width that is asked for is measured by all questions (asking.c). The widest is measured
 * first and once more than it is timed, so that none has to wait for pages.
 *
 * Locks: AccessShareLock on the table and the index.  Other sessions go on.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "observe/observe.h"
#include "rank/counters.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define MAX_K 1000
#define MAX_SAMPLE 100000

/* Widths measured where none are given, beside the one that is in use. */
static const int default_widths[] = {20, 40, 80, 160, 320};

typedef struct Recall
{
	Asking asking;
	int *widths; /* ascending */
	int nwidths;
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
		ScanSettings settings = settings_of(recall->asking.target.index);

		recall->nwidths = lengthof(default_widths) + 1;
		recall->widths = palloc(recall->nwidths * sizeof(int));
		memcpy(recall->widths, default_widths, sizeof(default_widths));
		recall->widths[lengthof(default_widths)] =
			Min(settings_width(recall->asking.target.index, &settings, recall->asking.k),
				HNSWC_MAX_EF_SEARCH);
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

/* For people to read. */
static double
to_tenths(double value)
{
	return rint(value * 10) / 10;
}

static void
measure_width(Recall *recall, int width, RecallRow *row)
{
	Asking *asking = &recall->asking;
	const Questions *questions = &asking->questions;
	double time = 0;
	double nodes = 0;
	int64 right = 0;
	int64 wanted = 0;

	asking_set("hnsw.ef_search", psprintf("%d", width));
	for (int q = 0; q < questions->n; q++)
	{
		recall->times[q] = asking_search(asking, questions->values[q]);
		time += recall->times[q];
		nodes += last_scan.nodes;
		right += nearest_found(asking, q, asking->exact[q].n);
		wanted += asking->exact[q].n;
	}
	qsort(recall->times, questions->n, sizeof(double), compare_doubles);
	row->recall = wanted > 0 ? (double) right / wanted : NAN;
	row->mean_us = to_tenths(time / questions->n);
	row->p99_us = to_tenths(recall->times[(int) ceil(0.99 * questions->n) - 1]);
	row->nodes = to_tenths(nodes / questions->n);
}

/* Measures all widths. */
static RecallRow *
measure(Recall *recall)
{
	Asking *asking = &recall->asking;
	MemoryContext cxt = GetMemoryChunkContext(asking->questions.values);
	RecallRow *rows = MemoryContextAlloc(cxt, Max(recall->nwidths, 1) * sizeof(RecallRow));

	recall->times = MemoryContextAlloc(cxt, Max(asking->questions.n, 1) * sizeof(double));
	asking_begin(asking);
	PG_TRY();
	{
		asking_prepare(asking, asking->k);
		if (recall->nwidths > 0)
			measure_width(recall, recall->widths[recall->nwidths - 1], &rows[recall->nwidths - 1]);
		for (int i = recall->nwidths - 1; i >= 0; i--)
			measure_width(recall, recall->widths[i], &rows[i]);
	}
	PG_FINALLY();
	{
		asking_end(asking);
	}
	PG_END_TRY();
	return rows;
}

/*
 * Everything behind the reading of arguments; the questions are there, or are to be rows of the
 * table.
 */
static void
run(Recall *recall, const char *queries, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RecallRow *rows = NULL;

	asking_open(&recall->asking, queries);
	if (recall->asking.questions.n > 0)
		rows = measure(recall);
	asking_close(&recall->asking);
	for (int i = 0; rows != NULL && i < recall->nwidths; i++)
	{
		Datum values[] = {Int32GetDatum(recall->widths[i]), Float8GetDatum(rows[i].recall),
						  Float8GetDatum(rows[i].mean_us), Float8GetDatum(rows[i].p99_us),
						  Float8GetDatum(rows[i].nodes)};
		bool isnull[lengthof(values)] = {false, isnan(rows[i].recall)};

		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
}

void
argument_not_null(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s may not be null", name)));
}

/* What both functions begin with. */
static void
begin(Recall *recall, FunctionCallInfo fcinfo, int k, int ef)
{
	argument_not_null(fcinfo, 0, "index");
	argument_not_null(fcinfo, k, "k");
	InitMaterializedSRF(fcinfo, 0);
	settings_check_ours();
	recall->asking.k = PG_GETARG_INT32(k);
	check_range("k", recall->asking.k, MAX_K);
	target_open(&recall->asking.target, PG_GETARG_OID(0), false);
	target_refuse_keys(&recall->asking.target, "hnsw_recall");
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
	argument_not_null(fcinfo, 2, "sample");
	check_range("sample", PG_GETARG_INT32(2), MAX_SAMPLE);
	questions_create(&recall.asking.questions, PG_GETARG_INT32(2));
	recall.asking.questions.are_rows = PG_ARGISNULL(3);
	run(&recall, PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)), fcinfo);
	target_close(&recall.asking.target);
	PG_RETURN_NULL();
}

/* hnsw_recall(index, queries anyarray, k, ef): all elements of an array. */
Datum
hnsw_recall_array(PG_FUNCTION_ARGS)
{
	Recall recall = {0};

	begin(&recall, fcinfo, 2, 3);
	argument_not_null(fcinfo, 1, "queries");
	questions_from_array(&recall.asking.questions, PG_GETARG_ARRAYTYPE_P(1),
						 recall.asking.target.index->rd_opcintype[0]);
	run(&recall, NULL, fcinfo);
	target_close(&recall.asking.target);
	PG_RETURN_NULL();
}
