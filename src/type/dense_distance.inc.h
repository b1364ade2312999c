/*
 * dense_distance.inc.h: distances and norms of a dense type, as SQL functions over the kernels.
 *
 * A body to be included once per type; the names it needs are listed in vector.c. Sums are those of
 * operator.h, which an index takes as well. Two operands of different dimensions are an error
 * everywhere.
 */

/* A value as it lies, see operand.h: its elements need not be aligned. */
typedef struct DenseOperand
{
	int dim;
	const DENSE_ELEMENT *x;
} DenseOperand;

static inline DenseOperand
DENSE_FN(operand)(FunctionCallInfo fcinfo, int n)
{
	const struct varlena *value = operand(fcinfo, n);
	const char *data = VARDATA_ANY(value);
	Size size = VARSIZE_ANY_EXHDR(value);
	DenseOperand result;

	result.dim = stored_dense_dim(data, size, sizeof(DENSE_ELEMENT), DENSE_DESCRIPTOR.max_dim);
	if (unlikely(result.dim == 0))
		value_damaged(DENSE_DESCRIPTOR.name, size);
	result.x = (const DENSE_ELEMENT *) (data + offsetof(DENSE_TYPE, x) - VARHDRSZ);
	return result;
}

#define DENSE_OPERANDS(a, b)                       \
	DenseOperand a = DENSE_FN(operand)(fcinfo, 0); \
	DenseOperand b = DENSE_FN(operand)(fcinfo, 1); \
	dense_check_same(&DENSE_DESCRIPTOR, a.dim, b.dim)

/* name_l2_squared_distance(a, b): sum (a - b)^2. */
DENSE_EXPORT(DENSE_FN(l2_squared_distance));
Datum
DENSE_FN(l2_squared_distance)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(operator_l2_square(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim));
}

/* l2_distance(a, b): the Euclidean distance. */
DENSE_EXPORT(DENSE_FN(l2_distance));
Datum
DENSE_FN(l2_distance)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(sqrt(operator_l2_square(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim)));
}

/* inner_product(a, b): sum a * b. */
DENSE_EXPORT(DENSE_FN(inner_product));
Datum
DENSE_FN(inner_product)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(operator_ip(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim));
}

/* name_negative_inner_product(a, b): the inner product as a distance, near is small. */
DENSE_EXPORT(DENSE_FN(negative_inner_product));
Datum
DENSE_FN(negative_inner_product)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(-operator_ip(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim));
}

/* cosine_distance(a, b): 1 - cosine, from 0 to 2; NaN when an operand is zero. */
DENSE_EXPORT(DENSE_FN(cosine_distance));
Datum
DENSE_FN(cosine_distance)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(operator_cosine(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim));
}

/*
 * name_spherical_distance(a, b): the angle between two vectors of length 1, in units of pi, from 0
 * to 1.
 */
DENSE_EXPORT(DENSE_FN(spherical_distance));
Datum
DENSE_FN(spherical_distance)(PG_FUNCTION_ARGS)
{
	float8 cosine;

	DENSE_OPERANDS(a, b);
	cosine = operator_ip(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim);

	/* acos is NaN outside of [-1, 1] */
	if (cosine > 1)
		cosine = 1;
	else if (cosine < -1)
		cosine = -1;
	PG_RETURN_FLOAT8(acos(cosine) / M_PI);
}

/* l1_distance(a, b): sum |a - b|. */
DENSE_EXPORT(DENSE_FN(l1_distance));
Datum
DENSE_FN(l1_distance)(PG_FUNCTION_ARGS)
{
	DENSE_OPERANDS(a, b);
	PG_RETURN_FLOAT8(operator_l1(DENSE_OPERAND(a.x), DENSE_OPERAND(b.x), a.dim));
}

/* The Euclidean norm, added up in float8 so that no square of a finite element overflows. */
static float8
DENSE_FN(l2_norm)(const DENSE_TYPE *v)
{
	float8 sum = 0;

	for (int i = 0; i < v->dim; i++)
	{
		float8 x = DENSE_TO_FLOAT(v->x[i]);

		sum += x * x;
	}
	return sqrt(sum);
}

/* name_norm(value): the Euclidean norm. */
DENSE_EXPORT(DENSE_FN(norm));
Datum
DENSE_FN(norm)(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(DENSE_FN(l2_norm)(DENSE_GETARG(0)));
}

/* l2_normalize(value): the value scaled to norm 1; zero stays zero. */
DENSE_EXPORT(DENSE_FN(l2_normalize));
Datum
DENSE_FN(l2_normalize)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	float8 norm = DENSE_FN(l2_norm)(v);
	DENSE_TYPE *result = DENSE_NEW(v->dim);

	for (int i = 0; i < v->dim; i++)
		result->x[i] = DENSE_FROM_FLOAT(norm > 0 ? (float) (DENSE_TO_FLOAT(v->x[i]) / norm) : 0.0f);
	DENSE_FN(check_overflow)(result);
	PG_RETURN_POINTER(result);
}
