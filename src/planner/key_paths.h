/*
 * key_paths.h: paths by indexes with key columns.
 */
#ifndef HNSWC_KEY_PATHS_H
#define HNSWC_KEY_PATHS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* Tells the planner what is so of an index of ours with key columns alone. */
extern void key_index_describe(IndexOptInfo *index);
/*
 * Conditions of a query that say what each of an index's key columns is, for a path that the
 * planner does not make by itself: *clauses, IndexClauses in order of the columns; NIL without key
 * columns. False if a column is not fixed.
 */
extern bool key_clauses(PlannerInfo *root, IndexOptInfo *index, List **clauses);
/* Does a path say what each of the key columns is, and nothing that a scan could not follow? */
extern bool key_columns_are_fixed(const IndexPath *path);

#endif /* HNSWC_KEY_PATHS_H */
