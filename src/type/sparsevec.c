/*
 * sparsevec.c: distances, norms and order of the type "sparsevec".
 *
 * Sums are those of distance/sparse.h, which an index takes as well.
 */
#include "sparsevec.h"

#include <limits.h>
#include <math.h>

#include "utils/float.h"

#include "dense.h"
#include "operand.h"

static const DenseType sparsevec_type = {.name = "sparsevec", .max_dim = SPARSEVEC_MAX_DIM};

/* Only a value of a dozen elements has a header of one byte: that one is copied, to be aligned. */
#define OPERAND(n) DatumGetSparseVector(PointerGetDatum(operand(fcinfo, n)))
#define OPERANDS(a, b)            \
	SparseVector *a = OPERAND(0); \
	SparseVector *b = OPERAND(1); \
	dense_check_same(&sparsevec_type, a->dim, b->dim)

/* sparsevec_l2_squared_distance(a, b): sum (a - b)^2. */
PG_FUNCTION_INFO_V1(sparsevec_l2_squared_distance);
Datum
sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(sparse_l2_square(sparsevec_view(a), sparsevec_view(b)));
}

/* l2_distance(a, b): the Euclidean distance. */
PG_FUNCTION_INFO_V1(sparsevec_l2_distance);
Datum
sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(sqrt(sparse_l2_square(sparsevec_view(a), sparsevec_view(b))));
}

/* inner_product(a, b): sum a * b. */
PG_FUNCTION_INFO_V1(sparsevec_inner_product);
Datum
sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(sparse_ip(sparsevec_view(a), sparsevec_view(b)));
}

/* sparsevec_negative_inner_product(a, b): the inner product as a distance. */
PG_FUNCTION_INFO_V1(sparsevec_negative_inner_product);
Datum
sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(-sparse_ip(sparsevec_view(a), sparsevec_view(b)));
}

/* cosine_distance(a, b): 1 - cosine, from 0 to 2; NaN when an operand is zero. */
PG_FUNCTION_INFO_V1(sparsevec_cosine_distance);
Datum
sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(sparse_cosine(sparsevec_view(a), sparsevec_view(b)));
}

/* l1_distance(a, b): sum |a - b|. */
PG_FUNCTION_INFO_V1(sparsevec_l1_distance);
Datum
sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8(sparse_l1(sparsevec_view(a), sparsevec_view(b)));
}

/* l2_norm(value): the Euclidean norm. */
PG_FUNCTION_INFO_V1(sparsevec_l2_norm);
Datum
sparsevec_l2_norm(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(sparse_square(sparsevec_view(PG_GETARG_SPARSEVEC_P(0)))));
}

/*
 * l2_normalize(value): the value scaled to norm 1; zero stays zero. What becomes too small for a
 * float is left out.
 */
PG_FUNCTION_INFO_V1(sparsevec_l2_normalize);
Datum
sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	double norm = sqrt(sparse_square(sparsevec_view(v)));
	float *scaled = palloc(sizeof(float) * (Max(v->nnz, 1)));
	SparseVector *result;
	int nnz = 0;
	int n = 0;

	for (int i = 0; i < v->nnz; i++)
	{
		scaled[i] = norm > 0 ? (float) (SPARSEVEC_VALUES(v)[i] / norm) : 0;
		if (isinf(scaled[i]))
			float_overflow_error();
		nnz += scaled[i] != 0;
	}
	result = sparsevec_new(v->dim, nnz);
	for (int i = 0; i < v->nnz; i++)
		if (scaled[i] != 0)
		{
			result->indices[n] = v->indices[i];
			SPARSEVEC_VALUES(result)[n++] = scaled[i];
		}
	PG_RETURN_POINTER(result);
}

/* Element by element, as the dense vectors they stand for; a shorter prefix first. */
static int
compare(const SparseVector *a, const SparseVector *b)
{
	const float *x = SPARSEVEC_VALUES(a);
	const float *y = SPARSEVEC_VALUES(b);
	int both = Min(a->dim, b->dim);

	for (int i = 0, j = 0; i < a->nnz || j < b->nnz;)
	{
		int ai = i < a->nnz ? a->indices[i] : INT_MAX;
		int bi = j < b->nnz ? b->indices[j] : INT_MAX;
		float p = ai <= bi ? x[i++] : 0;
		float q = bi <= ai ? y[j++] : 0;

		if (Min(ai, bi) >= both)
			break;
		if (p != q)
			return p < q ? -1 : 1;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

/*
 * The same of the arguments of a function. btree calls this in long-lived memory contexts: copies
 * are released.
 */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	SparseVector *a = DatumGetSparseVector(PG_GETARG_DATUM(0));
	SparseVector *b = DatumGetSparseVector(PG_GETARG_DATUM(1));
	int result = compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

#define COMPARISON(name, test)                          \
	PG_FUNCTION_INFO_V1(name);                          \
	Datum name(PG_FUNCTION_ARGS)                        \
	{                                                   \
		PG_RETURN_BOOL(compare_arguments(fcinfo) test); \
	}

COMPARISON(sparsevec_lt, < 0)
COMPARISON(sparsevec_le, <= 0)
COMPARISON(sparsevec_eq, == 0)
COMPARISON(sparsevec_ne, != 0)
COMPARISON(sparsevec_ge, >= 0)
COMPARISON(sparsevec_gt, > 0)

/* sparsevec_cmp(a, b): -1, 0 or 1, for btree. */
PG_FUNCTION_INFO_V1(sparsevec_cmp);
Datum
sparsevec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}
