/*
 * rewrite.h: queries in other words, which mean the same, and for which the planner can use an
 * index.
 *
 * rewrite.c          which queries, and rounded distances
 * rewrite_rank.c     rows that are numbered by distance
 * rewrite_one_row.c  distances from what a table of one row has
 * rewrite_keys.c     conditions on other tables that give a few keys
 */
#ifndef HNSWC_REWRITE_H
#define HNSWC_REWRITE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* A query and those around it. */
typedef struct QueryLevel
{
	Query *query;
	struct QueryLevel *outer; /* NULL for the outermost */
} QueryLevel;

/* rewrite.c */

/*
 * Changes what the planner would not find an index for, in a query that is about to be planned and
 * those inside of it.
 */
extern void rewrite_queries(Query *parse);
/*
 * Do a query's rows go from what reads and numbers them to its LIMIT, if it has one, without
 * another step?
 */
extern bool is_plain(const Query *query);
/*
 * The conditions that all have to hold for one to do: those joined by AND, which may be nested
 * (BETWEEN).
 */
extern List *conjuncts(Node *condition);
/*
 * A query's WITH query of that name, and the one that a table of its FROM stands for; NULL if there
 * is none.
 */
extern CommonTableExpr *cte_named(const Query *query, const char *name);
extern CommonTableExpr *cte_of(const Query *query, const RangeTblEntry *rte);
/*
 * What a query with a LIMIT sorts by first, in the default order of its type; NULL for queries that
 * are not plain.
 */
extern Node *sorted_by(const Query *query);
/*
 * Makes it sort by an expression instead; what is sorted by now is still computed where it is
 * shown.
 */
extern void sort_by(Query *query, Node *expr);

/* rewrite_rank.c */

extern void order_by_distance(Query *query);
extern void limit_ranks(Query *query);

/* rewrite_one_row.c */

extern void order_by_value(QueryLevel *level);

/* rewrite_keys.c */

extern void filter_by_keys(Query *query);

#endif /* HNSWC_REWRITE_H */
