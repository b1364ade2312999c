/*
 * shape.c: how a value goes by the distance that it is computed from; see chain.h.
 *
 * The first half follows the steps from the distance to the value and keeps within which limits it
 * is, since some steps keep the order only there: sqrt(x) for x >= 0, c / x for x > 0. Each step is
 * monotonic with rounding, too, as rounding itself is.
 *
 * The second half goes back from a bound of the value to one of the distance.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "code/metric.h"
#include "planner/chain.h"

/* What a step's result may be off by, as a share of it: numeric keeps 15 digits of a float8. */
#define STEP_ROUNDING 1e-14

/* The limits of a distance. */
static void
distance_limits(const ElementType *type, Shape *shape)
{
	const CodeMetricFacts *metric = code_metric(type->metric);

	*shape = (Shape){.least = metric->least, .greatest = metric->greatest, .nulls = NULLS_STAY};
}

static void
set_limits(Shape *shape, double one, double other)
{
	shape->least = Min(one, other);
	shape->greatest = Max(one, other);
}

/* The value is c for rows without a distance, which is null before: where in the order are they? */
static void
place_nulls(Shape *shape, double c)
{
	bool is_last = shape->decreasing ? c <= shape->least : c >= shape->greatest;

	if (shape->nulls == NULLS_STAY)
		shape->nulls = is_last ? NULLS_LAST : NULLS_ANYWHERE;
}

/* x + c, x - c, c - x */
static bool
follow_sum(StepKind kind, double c, Shape *shape)
{
	if (isinf(c))
		return false;
	if (kind == STEP_SUBTRACT_FROM)
		shape->decreasing = !shape->decreasing;
	if (isnan(c))
		set_limits(shape, -INFINITY, INFINITY);
	else if (kind == STEP_SUBTRACT_FROM)
		set_limits(shape, c - shape->greatest, c - shape->least);
	else if (kind == STEP_SUBTRACT)
		set_limits(shape, shape->least - c, shape->greatest - c);
	else
		set_limits(shape, shape->least + c, shape->greatest + c);
	return true;
}

/* x * c, x / c, c / x: nothing is known without c, which may be negative or 0 */
static bool
follow_product(StepKind kind, double c, Shape *shape)
{
	if (isnan(c) || isinf(c) || c == 0 || (kind == STEP_DIVIDE_INTO && !(shape->least > 0)))
		return false;
	if ((c < 0) != (kind == STEP_DIVIDE_INTO))
		shape->decreasing = !shape->decreasing;
	if (kind == STEP_MULTIPLY)
		set_limits(shape, shape->least * c, shape->greatest * c);
	else if (kind == STEP_DIVIDE)
		set_limits(shape, shape->least / c, shape->greatest / c);
	else
		set_limits(shape, c / shape->least, c / shape->greatest);
	return true;
}

static bool
follow_power(double p, Shape *shape)
{
	if (isnan(p) || isinf(p) || p == 0 || !(p > 0 ? shape->least >= 0 : shape->least > 0))
		return false;
	if (p < 0)
		shape->decreasing = !shape->decreasing;
	set_limits(shape, pow(shape->least, p), pow(shape->greatest, p));
	return true;
}

/*
 * greatest(x, c), least(x, c). A null c counts for nothing, so that rows without a distance have no
 * known place then.
 */
static bool
follow_minmax(StepKind kind, double c, Shape *shape)
{
	bool is_greatest = kind == STEP_GREATEST;

	/* all rows whose value c replaces are equal: are they those that are near? */
	if (is_greatest != shape->decreasing &&
		!(is_greatest ? c <= shape->least : c >= shape->greatest))
		shape->coarse = true;
	if (isnan(c))
	{
		if (shape->nulls == NULLS_STAY)
			shape->nulls = NULLS_ANYWHERE;
		set_limits(shape, -INFINITY, INFINITY);
		return true;
	}
	if (is_greatest)
		set_limits(shape, Max(shape->least, c), Max(shape->greatest, c));
	else
		set_limits(shape, Min(shape->least, c), Min(shape->greatest, c));
	place_nulls(shape, c);
	return true;
}

static bool
follow_coalesce(double c, Shape *shape)
{
	if (isnan(c))
		shape->nulls = NULLS_ANYWHERE;
	else
	{
		place_nulls(shape, c);
		set_limits(shape, Min(shape->least, c), Max(shape->greatest, c));
	}
	return true;
}

/* One step more; false if it does not keep the order. */
static bool
follow_step(const Step *step, double c, Shape *shape)
{
	switch (step->kind)
	{
		case STEP_CAST:
			return true;
		case STEP_ADD:
		case STEP_SUBTRACT:
		case STEP_SUBTRACT_FROM:
			return follow_sum(step->kind, c, shape);
		case STEP_NEGATE:
			shape->decreasing = !shape->decreasing;
			set_limits(shape, -shape->least, -shape->greatest);
			return true;
		case STEP_MULTIPLY:
		case STEP_DIVIDE:
		case STEP_DIVIDE_INTO:
			return follow_product(step->kind, c, shape);
		case STEP_SQRT:
			set_limits(shape, sqrt(Max(shape->least, 0)), sqrt(Max(shape->greatest, 0)));
			return true; /* an error for less than 0 */
		case STEP_POWER:
			return follow_power(c, shape);
		case STEP_EXP:
			set_limits(shape, exp(shape->least), exp(shape->greatest));
			return true;
		case STEP_LN:
			if (!(shape->least > 0))
				return false;
			set_limits(shape, log(shape->least), log(shape->greatest));
			return true;
		case STEP_GREATEST:
		case STEP_LEAST:
			return follow_minmax(step->kind, c, shape);
		case STEP_COALESCE:
			return follow_coalesce(c, shape);
		case STEP_ROUND:
			shape->coarse = true;
			set_limits(shape, shape->least >= 0 ? 0 : -INFINITY, INFINITY);
			return true;
	}
	return false;
}

/* The limits of rounded numbers are the rounded limits. */
static void
round_limits(const Step *step, Shape *shape)
{
	if (step->type == FLOAT4OID)
		set_limits(shape, (float) shape->least, (float) shape->greatest);
}

bool
chain_shape(const Chain *chain, const double *operands, Shape *shape)
{
	distance_limits(chain->call.function.element, shape);
	for (int i = chain->nsteps - 1; i >= 0; i--)
	{
		if (!follow_step(&chain->steps[i], operands[i], shape))
			return false;
		round_limits(&chain->steps[i], shape);
		Assert(shape->least <= shape->greatest);
	}
	return true;
}

/* A value is compared with a bound: it is at most that, or at least. */
typedef struct Comparison
{
	bool is_less;
	double bound;
} Comparison;

/* Is the comparison true of all values, or of none?  An infinite bound is how that is said. */
static Comparison
all_or_none(const Comparison *comparison, bool all)
{
	return (Comparison){comparison->is_less, all == comparison->is_less ? INFINITY : -INFINITY};
}

/* Values that are rounded pass if what they are rounded from is not farther off than this. */
static void
widen(Comparison *comparison, double by)
{
	comparison->bound += comparison->is_less ? by : -by;
}

/* c / x, with x > 0 */
static Comparison
undo_divide_into(Comparison y, double c)
{
	if (c < 0)
		y = (Comparison){!y.is_less, -y.bound};
	if (y.bound <= 0)
		return all_or_none(&y, !y.is_less);
	return (Comparison){!y.is_less, fabs(c) / y.bound};
}

/* power(x, p), with x >= 0 */
static Comparison
undo_power(Comparison y, double p)
{
	if (y.bound < 0 || (y.bound == 0 && (p < 0 || !y.is_less)))
		return all_or_none(&y, !y.is_less);
	return (Comparison){y.is_less == (p > 0), pow(y.bound, 1 / p)};
}

static Comparison
undo_exp(Comparison y)
{
	return y.bound > 0 ? (Comparison){y.is_less, log(y.bound)} : all_or_none(&y, !y.is_less);
}

/* greatest(x, c), least(x, c); NaN is a null c, which counts for nothing */
static Comparison
undo_minmax(StepKind kind, Comparison y, double c)
{
	if (kind == STEP_GREATEST && (y.is_less ? c > y.bound : c >= y.bound))
		return all_or_none(&y, !y.is_less);
	if (kind == STEP_LEAST && (y.is_less ? c <= y.bound : c < y.bound))
		return all_or_none(&y, y.is_less);
	return y;
}

/* What the comparison of a step's result says of that which the step is done to. */
static Comparison
undo_step(const Step *step, double c, Comparison y)
{
	switch (step->kind)
	{
		case STEP_CAST:
		case STEP_COALESCE: /* no row of an index is null */
			return y;
		case STEP_ADD:
			return (Comparison){y.is_less, y.bound - c};
		case STEP_SUBTRACT:
			return (Comparison){y.is_less, y.bound + c};
		case STEP_SUBTRACT_FROM:
			return (Comparison){!y.is_less, c - y.bound};
		case STEP_NEGATE:
			return (Comparison){!y.is_less, -y.bound};
		case STEP_MULTIPLY:
			return (Comparison){y.is_less == (c > 0), y.bound / c};
		case STEP_DIVIDE:
			return (Comparison){y.is_less == (c > 0), y.bound * c};
		case STEP_DIVIDE_INTO:
			return undo_divide_into(y, c);
		case STEP_SQRT:
			return undo_power(y, 0.5);
		case STEP_POWER:
			return undo_power(y, c);
		case STEP_EXP:
			return undo_exp(y);
		case STEP_LN:
			return (Comparison){y.is_less, exp(y.bound)};
		case STEP_GREATEST:
		case STEP_LEAST:
			return undo_minmax(step->kind, y, c);
		case STEP_ROUND:
			widen(&y, step->operand == NULL ? 1 : pow(10, -c));
			return y;
	}
	return all_or_none(&y, true);
}

/* What a step's result may be off by, near a bound. */
static double
step_error(const Step *step, double c, double bound)
{
	double error = STEP_ROUNDING * fabs(bound);

	if (step->type == FLOAT4OID)
		error += FLT_EPSILON * fabs(bound) + FLT_MIN;
	/* the root of a value is off by a greater share of it */
	return step->kind == STEP_POWER && fabs(c) < 1 ? error / fabs(c) : error;
}

double
chain_farthest(const Chain *chain, const double *operands, bool is_less, double bound)
{
	Comparison comparison = {is_less, bound};
	Shape shape;

	if (isnan(bound) || !chain_shape(chain, operands, &shape))
		return INFINITY;
	for (int i = 0; i < chain->nsteps && !isinf(comparison.bound); i++)
	{
		widen(&comparison, step_error(&chain->steps[i], operands[i], comparison.bound));
		comparison = undo_step(&chain->steps[i], operands[i], comparison);
		if (isnan(comparison.bound))
			return INFINITY;
	}
	if (isinf(comparison.bound))
		return (comparison.bound > 0) == comparison.is_less ? INFINITY : -INFINITY;
	return comparison.is_less ? comparison.bound : INFINITY;
}
