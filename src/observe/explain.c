/*
 * explain.c: what scans did, in EXPLAIN (ANALYZE): from PostgreSQL 18 on, which has a hook for it.
 *
 * The numbers are the sums of all loops of the plan's node, as the counters are
 * (rank/counters.h).  In text they are one line, in other formats a property each.
 */
#include "postgres.h"

#include "am/am.h"
#include "compat.h"
#include "nodes/execnodes.h"
#include "observe/observe.h"

#ifdef HAVE_EXPLAIN_NODE_HOOK

static explain_per_node_hook_type previous_explain_node = NULL;

static void
explain_text(const ScanCounters *counters, ExplainState *es)
{
	ExplainIndentText(es);
	appendStringInfo(es->str,
					 "HNSW: %s  ef=%d rounds=%d nodes=" INT64_FORMAT " re-ranked=" INT64_FORMAT
					 " returned=" INT64_FORMAT " kept back=" INT64_FORMAT " swept=" INT64_FORMAT
					 " table rows=" INT64_FORMAT "\n",
					 counters_strategy(counters), counters->ef, counters->rounds, counters->nodes,
					 counters->reranked, counters->returned, counters->kept_back, counters->swept,
					 counters->table_rows);
}

static void
explain_properties(const ScanCounters *counters, ExplainState *es)
{
	ExplainPropertyText("HNSW Strategy", counters_strategy(counters), es);
	ExplainPropertyInteger("HNSW Ef", NULL, counters->ef, es);
	ExplainPropertyInteger("HNSW Rounds", NULL, counters->rounds, es);
	ExplainPropertyInteger("HNSW Nodes", NULL, counters->nodes, es);
	ExplainPropertyInteger("HNSW Re-ranked", NULL, counters->reranked, es);
	ExplainPropertyInteger("HNSW Returned", NULL, counters->returned, es);
	ExplainPropertyInteger("HNSW Kept Back", NULL, counters->kept_back, es);
	ExplainPropertyInteger("HNSW Swept", NULL, counters->swept, es);
	ExplainPropertyInteger("HNSW Table Rows", NULL, counters->table_rows, es);
}

static void
explain_node(PlanState *node, List *ancestors, const char *relationship, const char *plan_name,
			 ExplainState *es)
{
	ScanCounters counters;

	if (previous_explain_node)
		previous_explain_node(node, ancestors, relationship, plan_name, es);
	if (!es->analyze || !IsA(node, IndexScanState) ||
		!scan_counters(((IndexScanState *) node)->iss_ScanDesc, &counters))
		return;
	if (es->format == EXPLAIN_FORMAT_TEXT)
		explain_text(&counters, es);
	else
		explain_properties(&counters, es);
}

void
explain_init(void)
{
	previous_explain_node = explain_per_node_hook;
	explain_per_node_hook = explain_node;
}

#else

void
explain_init(void)
{
	/* there is no hook */
}

#endif
