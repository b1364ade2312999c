/*
 * expression.h: what is asked of expressions in a query, by the planner's side and by scans.
 */
#ifndef HNSWC_EXPRESSION_H
#define HNSWC_EXPRESSION_H

#include "postgres.h"

#include "am/own.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* What is done to a distance to compute something from it. */
typedef enum StepKind
{
	STEP_ADD,
	STEP_SUBTRACT,
	STEP_SUBTRACT_FROM,
	STEP_MULTIPLY,
} StepKind;

/* A call of one of our distances or similarities. */
typedef struct DistanceCall
{
	OwnFunction function;
	Node *left;
	Node *right;
	Oid collation;
} DistanceCall;

/* Is the expression such a call, by an operator or by a function? */
extern bool distance_call(Node *expr, DistanceCall *call);
/* Has the expression one value for all rows of a scan, and may it be asked for at any time? */
extern bool is_fixed(Node *expr);
/* The same for all rows of the query that it is in and of those around it. */
extern bool is_constant(Node *expr);
/* The arguments of a call of the function, by that or by an operator; NIL if the expression is none. */
extern List *arguments_of(Node *expr, Oid function);
/* What the last step of an expression is done to, if that is a step by what is fixed, *operand; NULL if not. */
extern Node *take_step(Node *expr, StepKind *kind, Node **operand);

#endif /* HNSWC_EXPRESSION_H */
