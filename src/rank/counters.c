/*
 * counters.c: what scans did: counted, kept for hnsw_last_scan(), and logged if it took long.
 *
 * The numbers of blocks are PostgreSQL's own, before and after each step of the scan, which counts
 * nothing by itself.  Time is measured only if hnsw.log_min_duration asks for it.
 */
#include "postgres.h"

#include <limits.h>

#include "access/relscan.h"
#include "rank/counters.h"
#include "rank/scan.h"
#include "utils/guc.h"

ScanCounters last_scan;

/* The setting hnsw.log_min_duration, in milliseconds; negative: off. */
static double log_min_duration = -1;

void
counters_init(void)
{
	DefineCustomRealVariable(
		"hnsw.log_min_duration", "Sets the time from which on a scan of an index is logged.",
		"It is the time within the index. Zero logs all scans, -1 none.", &log_min_duration, -1, -1,
		INT_MAX, PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* Nodes that a search has measured since it was created. */
static int64
nodes_measured(const GraphSearch *search)
{
	return search->nbefore + search->nvisited;
}

void
counters_begin(HnswScan *so)
{
	ScanCounters *counters = &so->counters;

	memset(counters, 0, sizeof(*counters));
	counters->index = RelationGetRelid(so->scan->indexRelation);
	counters->has_query = so->query.given;
	counters->ef_search = so->settings.ef_search;
	counters->recall = so->settings.recall;
	counters->nodes = -nodes_measured(so->search);
	counters->milliseconds = log_min_duration >= 0 ? 0 : -1;
}

void
step_begin(ScanStep *step)
{
	step->hit = pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit;
	step->read = pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read;
	if (log_min_duration >= 0)
		INSTR_TIME_SET_CURRENT(step->start);
	else
		INSTR_TIME_SET_ZERO(step->start);
}

void
step_end(const ScanStep *step, ScanCounters *counters)
{
	counters->blocks_hit +=
		pgBufferUsage.shared_blks_hit + pgBufferUsage.local_blks_hit - step->hit;
	counters->blocks_read +=
		pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read - step->read;
	if (counters->milliseconds >= 0 && !INSTR_TIME_IS_ZERO(step->start))
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, step->start);
		counters->milliseconds += INSTR_TIME_GET_MILLISEC(now);
	}
}

const char *
counters_strategy(const ScanCounters *counters)
{
	if (!counters->has_query)
		return "sweep";
	if (counters->by_set)
		return counters->rounds > 0 ? "graph, bitmap" : "bitmap";
	if (counters->by_table)
		return "graph, table";
	return counters->swept > 0 ? "graph, sweep" : "graph";
}

static void
log_scan(Relation index, const ScanCounters *counters)
{
	ereport(LOG, (errmsg("scan of index \"%s\" took %.3f ms", RelationGetRelationName(index),
						 counters->milliseconds),
				  errdetail("strategy: %s; ef_search: %d, ef: %d, rounds: %d; nodes: " INT64_FORMAT
							", re-ranked: " INT64_FORMAT ", returned: " INT64_FORMAT
							", kept back: " INT64_FORMAT ", swept: " INT64_FORMAT
							", table rows: " INT64_FORMAT "; blocks hit: " INT64_FORMAT
							", read: " INT64_FORMAT,
							counters_strategy(counters), counters->ef_search, counters->ef,
							counters->rounds, counters->nodes, counters->reranked,
							counters->returned, counters->kept_back, counters->swept,
							counters->table_rows, counters->blocks_hit, counters->blocks_read)));
}

/* The counters of a scan that has started, as they are now. */
static ScanCounters
counters_now(const HnswScan *so)
{
	ScanCounters counters = so->counters;

	counters.ef = so->ef;
	counters.nodes += nodes_measured(so->search);
	counters.returned = (int64) so->results.nreturned;
	return counters;
}

/* Adds the numbers of a scan; what is not a number is that of the last one. */
static void
add_counters(ScanCounters *totals, const ScanCounters *counters)
{
	ScanCounters sums = *counters;

	sums.rounds += totals->rounds;
	sums.nodes += totals->nodes;
	sums.reranked += totals->reranked;
	sums.returned += totals->returned;
	sums.kept_back += totals->kept_back;
	sums.swept += totals->swept;
	sums.table_rows += totals->table_rows;
	sums.blocks_hit += totals->blocks_hit;
	sums.blocks_read += totals->blocks_read;
	*totals = sums;
}

void
counters_end(HnswScan *so)
{
	if (so->stage == SCAN_START)
		return;
	last_scan = counters_now(so);
	add_counters(&so->totals, &last_scan);
	if (log_min_duration >= 0 && last_scan.milliseconds >= log_min_duration)
		log_scan(so->scan->indexRelation, &last_scan);
}

void
counters_forget(HnswScan *so)
{
	memset(&so->totals, 0, sizeof(so->totals));
}

bool
counters_of(const HnswScan *so, ScanCounters *counters)
{
	*counters = so->totals;
	if (so->stage != SCAN_START)
	{
		ScanCounters now = counters_now(so);

		add_counters(counters, &now);
	}
	return OidIsValid(counters->index);
}
