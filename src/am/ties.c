/*
 * ties.c: paths for an order of which the distance is the first part: ORDER BY v <-> $1, id.
 *
 * An index that delivers the first part leaves little to sort, an incremental sort of the rows that are equally far.  The
 * planner of 15 and 16 does that for btree, but wants of an ordering operator that it is all of the order, and sorts the
 * whole table otherwise.  So where a table has an index of ours, the planner is asked for its paths once more, for the first
 * part alone; what it does with them is its own affair.
 */
#include "postgres.h"

#include "am/am.h"
#include "compat.h"
#include "optimizer/paths.h"

static set_rel_pathlist_hook_type previous_set_rel_pathlist_hook = NULL;

static List *
our_indexes(const RelOptInfo *rel)
{
	List *ours = NIL;
	ListCell *cell;

	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *info = lfirst_node(IndexOptInfo, cell);

		if ((void (*)(void)) info->amcostestimate == (void (*)(void)) hnswcostestimate)
			ours = lappend(ours, info);
	}
	return ours;
}

static void
add_paths_for_ties(PlannerInfo *root, RelOptInfo *rel)
{
	List *order = root->query_pathkeys;
	List *indexes = rel->indexlist;
	List *ours = our_indexes(rel);

	if (ours == NIL)
		return;
	root->query_pathkeys = list_make1(linitial(order));
	rel->indexlist = ours;
	create_index_paths(root, rel);
	rel->indexlist = indexes;
	root->query_pathkeys = order;
}

static void
set_rel_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (list_length(root->query_pathkeys) > 1 && rte->rtekind == RTE_RELATION && rte->tablesample == NULL &&
		!IS_DUMMY_REL(rel))
		add_paths_for_ties(root, rel);
	if (previous_set_rel_pathlist_hook)
		previous_set_rel_pathlist_hook(root, rel, rti, rte);
}

void
ties_init(void)
{
	if (PLANNER_ORDERS_BY_PREFIX)
		return;
	previous_set_rel_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_pathlist;
}
