/*
 * one_row.h: tables of a query's FROM that have one row at most (one_row.c), and how their columns
 * are asked for beforehand (one_row_query.c).
 */
#ifndef HNSWC_ONE_ROW_H
#define HNSWC_ONE_ROW_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "planner/rewrite.h"

/* A table in FROM that has one row at most. */
typedef struct OneRow
{
	QueryLevel *level; /* the query that has it */
	Index table;
	List *conditions; /* by which it is that row; NIL where the table has no other */
	List *keys;       /* OneRow: other tables whose columns are in the conditions */
	/*
	 * there may be no row: then the query has none either, unless the table is joined from outside
	 */
	bool may_be_none;
	bool is_outer; /* an outer join puts nulls in the place of a row that is not there */
} OneRow;

/* The query in whose WITH list the query that a table of a level stands for is; NULL for none. */
extern QueryLevel *level_of_cte(QueryLevel *level, const RangeTblEntry *rte);

/* Has a table one row at most?  Changes nothing. */
extern bool one_row_find(QueryLevel *level, Index table, OneRow *row);

/*
 * The value of a table's column, null if there is no row, as a subquery of the query that the table
 * is in. What the query has in its WITH list, and a subquery in its FROM that becomes a WITH query,
 * are evaluated once, all the same.
 */
extern Node *one_row_value(const OneRow *row, const Var *column);

/* Is there a row?  As a condition of the query that the table is in. */
extern Node *one_row_exists(const OneRow *row);

#endif /* HNSWC_ONE_ROW_H */
