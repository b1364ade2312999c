/*
 * expression.h: what is asked of expressions in a query, by the planner's side and by scans.
 */
#ifndef HNSWC_EXPRESSION_H
#define HNSWC_EXPRESSION_H

#include "postgres.h"

#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* Has the expression one value for all rows of a scan, and may it be asked for at any time? */
extern bool is_fixed(Node *expr);
/* The arguments of a call of the function, by that or by an operator; NIL if the expression is none. */
extern List *arguments_of(Node *expr, Oid function);

#endif /* HNSWC_EXPRESSION_H */
