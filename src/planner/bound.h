/*
 * bound.h: conditions that bound a distance: a value that goes by it is compared with something.
 */
#ifndef HNSWC_BOUND_H
#define HNSWC_BOUND_H

#include "postgres.h"

#include "planner/chain.h"

/* chain < value, or chain > value; equality may count or not */
typedef struct Bound
{
	Chain chain;
	bool is_less; /* the chain's value is the lesser one; else the greater */
	Node *value;  /* of a type that chain_operand() knows */
} Bound;

/*
 * Is a condition such a comparison? Which side may depend on which table is not looked at: of two
 * sides that go by a distance the left one is the chain.
 */
extern bool bound_find(Node *condition, Bound *bound);

#endif /* HNSWC_BOUND_H */
