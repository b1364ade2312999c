/*
 * calibrate.c: hnsw_calibrate(), how wide searches have to be for queries that users ask.
 *
 * An index measures by its own elements how wide searches have to be to find a share of the nearest
 * (node/measure.c). Queries may be unlike the elements. So a user may give some: they are searched
 * for with each width, by the steps that a scan takes for a recall, and what they find is compared
 * with the true nearest rows (asking.c). The index keeps what comes out of it until it is built
 * anew.
 *
 * Only the table's owner may do that, as it changes what others get.
 *
 * Locks: AccessShareLock on the table, RowExclusiveLock on the index.
 */
#include "postgres.h"

#include "am/am.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "observe/observe.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* With fewer, what a share is off by is more than the share that is missed. */
#define LEAST_QUESTIONS 20
#define MOST_QUESTIONS 100000
/* Nearest rows that have to be known. */
#define NEAREST_ROWS 100

/*
 * Asks all questions with a width for the first of some ranks; rows of the ranks from `first` to
 * `last` count.
 */
static void
measure_width(Asking *asking, int width, int first, int last, int i, GraphRecall *found)
{
	settings_set_width(width, graph_recall_rank(first));
	for (int q = 0; q < asking->questions.n; q++)
	{
		(void) asking_search(asking, asking->questions.values[q]);
		for (int r = first; r <= last; r++)
		{
			int from;
			int to;

			graph_recall_ranks(r, &from, &to);
			found->found[r][i] += nearest_found(asking, q, to);
			if (from > 0)
				found->found[r][i] -= nearest_found(asking, q, from);
		}
	}
}

/* Measures some ranks, by searches for the last of them. */
static void
measure_ranks(Asking *asking, int first, int last, GraphRecall *found)
{
	int width;

	asking_prepare(asking, graph_recall_rank(last));
	for (int r = first; r <= last; r++)
	{
		int from;
		int to;

		graph_recall_ranks(r, &from, &to);
		found->wanted[r] = (int64) (to - from) * asking->questions.n;
	}
	for (int i = 0; (width = graph_recall_width(last, i)) > 0; i++)
		measure_width(asking, width, first, last, i, found);
}

static void
measure(Asking *asking, GraphRecall *found)
{
	memset(found, 0, sizeof(*found));
	asking_begin(asking);
	PG_TRY();
	{
		/* whatever the index's options are */
		asking_set("hnsw.iterative_scan", "strict_order");
		asking_set("hnsw.max_scan_tuples", "2147483647");
		measure_ranks(asking, 0, GRAPH_RECALL_RANKS - 2, found);
		measure_ranks(asking, GRAPH_RECALL_RANKS - 1, GRAPH_RECALL_RANKS - 1, found);
	}
	PG_FINALLY();
	{
		settings_set_width(0, 1);
		asking_end(asking);
	}
	PG_END_TRY();
}

static void
check_questions(const Asking *asking)
{
	if (asking->questions.n < LEAST_QUESTIONS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("index \"%s\" is calibrated by at least %d queries, not %d",
							   RelationGetRelationName(asking->target.index), LEAST_QUESTIONS,
							   asking->questions.n),
						errhint("Give some hundred queries that were asked.")));
	for (int q = 0; q < asking->questions.n; q++)
		if (asking->exact[q].n < NEAREST_ROWS)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("index \"%s\" has too few rows to be calibrated",
								   RelationGetRelationName(asking->target.index)),
							errdetail("A query has less than %d nearest rows.", NEAREST_ROWS)));
}

static void
return_widths(const RecallWidths *widths, ReturnSetInfo *result)
{
	for (int r = 0; r < RECALL_RANKS; r++)
		for (int s = 0; s < RECALL_SHARES; s++)
		{
			Datum values[] = {Int32GetDatum(graph_recall_rank(r)), Float8GetDatum(recall_share(s)),
							  Int32GetDatum(widths->ef[r][s])};
			bool isnull[lengthof(values)] = {false};

			tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
		}
}

/* What both functions begin with. */
static void
begin(Asking *asking, FunctionCallInfo fcinfo)
{
	argument_not_null(fcinfo, 0, "index");
	argument_not_null(fcinfo, 1, "queries");
	PreventCommandIfReadOnly("hnsw_calibrate()");
	PreventCommandDuringRecovery("hnsw_calibrate()");
	InitMaterializedSRF(fcinfo, 0);
	settings_check_ours();
	target_open(&asking->target, PG_GETARG_OID(0), false);
	target_refuse_keys(&asking->target, "hnsw_calibrate");
	if (!asking->target.is_owner)
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX,
					   RelationGetRelationName(asking->target.index));
	asking->k = NEAREST_ROWS;
}

/* The questions are there, or come from a query. */
static void
run(Asking *asking, const char *queries, FunctionCallInfo fcinfo)
{
	GraphRecall found;
	RecallWidths widths;

	asking_open(asking, queries);
	check_questions(asking);
	measure(asking, &found);
	asking_close(asking);
	recall_fit(&found, RECALL_CALIBRATED, &widths);
	LockRelationOid(RelationGetRelid(asking->target.index), RowExclusiveLock);
	index_set_recall(asking->target.index, &widths);
	return_widths(&widths, (ReturnSetInfo *) fcinfo->resultinfo);
	target_close(&asking->target);
}

PG_FUNCTION_INFO_V1(hnsw_calibrate);
PG_FUNCTION_INFO_V1(hnsw_calibrate_array);

/* hnsw_calibrate(index, queries text, sample): a sample of what a query returns. */
Datum
hnsw_calibrate(PG_FUNCTION_ARGS)
{
	Asking asking = {0};
	int sample;

	begin(&asking, fcinfo);
	argument_not_null(fcinfo, 2, "sample");
	sample = PG_GETARG_INT32(2);
	if (sample < LEAST_QUESTIONS || sample > MOST_QUESTIONS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("sample must be from %d to %d, not %d", LEAST_QUESTIONS,
							   MOST_QUESTIONS, sample)));
	questions_create(&asking.questions, sample);
	run(&asking, text_to_cstring(PG_GETARG_TEXT_PP(1)), fcinfo);
	PG_RETURN_NULL();
}

/* hnsw_calibrate(index, queries anyarray): all elements of an array. */
Datum
hnsw_calibrate_array(PG_FUNCTION_ARGS)
{
	Asking asking = {0};

	begin(&asking, fcinfo);
	questions_from_array(&asking.questions, PG_GETARG_ARRAYTYPE_P(1),
						 asking.target.index->rd_opcintype[0]);
	run(&asking, NULL, fcinfo);
	PG_RETURN_NULL();
}
