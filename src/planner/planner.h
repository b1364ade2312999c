/*
 * planner.h: what PostgreSQL's planner and executor are told of indexes.  See README.
 */
#ifndef HNSWC_PLANNER_H
#define HNSWC_PLANNER_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* hooks.c */

/* Installs all hooks.  To be called once, when the library is loaded. */
extern void planner_init(void);

/*
 * Between these two calls the planner knows no other index of the table that this one is on. The
 * second call may follow an error.
 */
extern void planner_begin_only_index(Oid index);
extern void planner_end_only_index(void);

/* hidden.c */

/* Leaves out of a plan the distances that nobody looks at. */
extern void hidden_drop(PlannedStmt *stmt);

#endif /* HNSWC_PLANNER_H */
