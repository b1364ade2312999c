/*
 * expression.h: what is asked of expressions in a query, by the planner's side and by scans.
 */
#ifndef HNSWC_EXPRESSION_H
#define HNSWC_EXPRESSION_H

#include "postgres.h"

#include "nodes/nodes.h"

/* Has the expression one value for all rows of a scan, and may it be asked for at any time? */
extern bool is_fixed(Node *expr);
/* The same for all rows of the query that it is in and of those around it. */
extern bool is_constant(Node *expr);
/*
 * The operator family by which values of an expression's type are sorted if nobody says otherwise.
 */
extern Oid default_order(Node *expr);

#endif /* HNSWC_EXPRESSION_H */
