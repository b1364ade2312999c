/*
 * path.h: index paths in the order of a distance.
 */
#ifndef HNSWC_PATH_H
#define HNSWC_PATH_H

#include "postgres.h"

#include "nodes/pathnodes.h"
#include "planner/chain.h"

/* Adds paths by indexes of ours, for the order of the query, to those of a table. */
extern void paths_add(PlannerInfo *root, RelOptInfo *rel);

/*
 * The path by an index for the first part of the query's order, whoever has made one; NULL if the
 * index has not that order.
 */
extern IndexPath *path_by_distance(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index);

/*
 * The distance of an index's rows from something that is none of its table's rows, by the operator
 * that the index delivers the order of, with the row to the left. NULL if the call is another
 * distance or another column's. What the distance is from may be a column of another table.
 */
extern OpExpr *path_distance(const DistanceCall *call, IndexOptInfo *index);

/*
 * The distance in whose order an index's rows are in that of a part of a query's order, given by an
 * expression; NULL if none.
 */
extern OpExpr *path_order(PlannerInfo *root, IndexOptInfo *index, const PathKey *key, Node *expr);

#endif /* HNSWC_PATH_H */
