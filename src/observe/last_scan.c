/*
 * last_scan.c: hnsw_last_scan(), what the session's last scan of an index did.
 *
 * Locks: none.  The numbers are the session's own, so it may see them, be the index dropped or not.
 */
#include "postgres.h"

#include "fmgr.h"
#include "observe/observe.h"
#include "rank/counters.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(hnsw_last_scan);

Datum
hnsw_last_scan(PG_FUNCTION_ARGS)
{
	const ScanCounters *counters = &last_scan;
	ResultRow row;

	row_begin(&row, fcinfo);
	if (!OidIsValid(counters->index))
		PG_RETURN_NULL();
	row_add(&row, ObjectIdGetDatum(counters->index));
	row_add(&row, CStringGetTextDatum(counters_strategy(counters)));
	row_add(&row, Int32GetDatum(counters->ef_search));
	if (counters->recall > 0)
		row_add(&row, Float8GetDatum(counters->recall));
	else
		row_add_null(&row);
	row_add(&row, Int32GetDatum(counters->ef));
	row_add(&row, Int32GetDatum(counters->rounds));
	row_add(&row, Int64GetDatum(counters->nodes));
	row_add(&row, Int64GetDatum(counters->reranked));
	row_add(&row, Int64GetDatum(counters->returned));
	row_add(&row, Int64GetDatum(counters->kept_back));
	row_add(&row, Int64GetDatum(counters->swept));
	row_add(&row, Int64GetDatum(counters->table_rows));
	row_add(&row, Int64GetDatum(counters->blocks_hit));
	row_add(&row, Int64GetDatum(counters->blocks_read));
	if (counters->milliseconds >= 0)
		row_add(&row, Float8GetDatum(counters->milliseconds));
	else
		row_add_null(&row);
	return row_finish(&row);
}
