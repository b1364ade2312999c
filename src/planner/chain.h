/*
 * chain.h: values that go by a distance: [steps of] distance(column, value).
 *
 *   v <=> $1      cosine_distance(v, $1)      1 - (v <=> $1)
 *   round((1 / (1 + (v <-> $1)))::numeric, 3)
 *
 * The one recogniser of such expressions. Paths, filters that end a scan, columns that nobody reads
 * and all rewriting ask it. A chain is a call of one of our distances or similarities and the steps
 * that compute the value from it, each of which grows, or shrinks, with what it is computed from:
 * chain_shape() says whether that is so, and where rows without a distance come to be in the
 * value's order.
 *
 * The steps are
 *   sums, differences, products and quotients with an operand that is the same for all rows, and
 *   the negative,
 *   casts between float8, float4 and numeric, round() and trunc(),
 *   sqrt(x), power(x, p), exp(x), ln(x),
 *   greatest(x, c), least(x, c), coalesce(x, c),
 * as operators or as functions, those of PostgreSQL itself.
 */
#ifndef HNSWC_CHAIN_H
#define HNSWC_CHAIN_H

#include "postgres.h"

#include "column/own.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"

/* A call of one of our distances or similarities. */
typedef struct DistanceCall
{
	OwnFunction function;
	Node *left;
	Node *right;
	Oid collation;
} DistanceCall;

/* What is done to x, with the operand c. */
typedef enum StepKind
{
	STEP_CAST, /* x in another type */
	STEP_ADD,
	STEP_SUBTRACT,
	STEP_SUBTRACT_FROM, /* c - x */
	STEP_NEGATE,
	STEP_MULTIPLY,
	STEP_DIVIDE,
	STEP_DIVIDE_INTO, /* c / x */
	STEP_SQRT,
	STEP_POWER,
	STEP_EXP,
	STEP_LN,
	STEP_GREATEST,
	STEP_LEAST,
	STEP_COALESCE,
	STEP_ROUND, /* to c digits behind the point */
} StepKind;

typedef struct Step
{
	StepKind kind;
	Node *source;  /* x, as an expression */
	Node *operand; /* c; NULL for steps that have none */
	Oid type;      /* of the result: float8, float4 or numeric */
} Step;

#define CHAIN_MAX_STEPS 12

typedef struct Chain
{
	Step steps[CHAIN_MAX_STEPS]; /* the last to be done comes first */
	int nsteps;
	DistanceCall call;
} Chain;

/* Where rows whose distance is null come to be in the order of a value. */
typedef enum NullPlace
{
	NULLS_STAY, /* the value is null, too */
	NULLS_LAST, /* the value is that of the farthest rows, or farther */
	NULLS_ANYWHERE,
} NullPlace;

/* How a value goes by its distance. */
typedef struct Shape
{
	bool decreasing; /* the less, the greater the distance is */
	bool coarse;     /* many rows that are near may have the same value */
	NullPlace nulls;
	double least; /* the value is never less, nor greater */
	double greatest;
} Shape;

/* Is the expression a call of a distance or similarity of ours, by an operator or by a function? */
extern bool distance_call(Node *expr, DistanceCall *call);

/*
 * Takes an expression apart; false if it is none that goes by a distance, as far as can be seen
 * without the operands' values.
 */
extern bool chain_find(Node *expr, Chain *chain);

/* Is there such a call in the expression, at any place? */
extern bool has_distance(Node *expr);

/* An operand's value as a float8; NaN for types that no step has. */
extern double chain_operand(Oid type, Datum value);

/* The values of a chain's operands as far as they are constants; NaN for others and for null. */
extern void chain_constants(const Chain *chain, double *operands);

/*
 * Does the value grow, or shrink, with the distance for all rows? Where rounding makes values equal
 * they may be; exp(), ln() and power() are taken to be exact, which they are to the last bit.
 * operands[] is as chain_constants() fills it; a step by an operand that is not known counts if it
 * keeps the order for any.
 */
extern bool chain_shape(const Chain *chain, const double *operands, Shape *shape);

/*
 * The greatest distance of rows whose value is at most, or at least, a bound; INFINITY if any
 * distance will do, -INFINITY if none does. Errs to the far side by rounding. All operands have to
 * be known; those of greatest(), least() and coalesce() that are null are NaN.
 */
extern double chain_farthest(const Chain *chain, const double *operands, bool is_less,
							 double bound);

#endif /* HNSWC_CHAIN_H */
