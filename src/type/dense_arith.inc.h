/*
 * dense_arith.inc.h: element-wise arithmetic, parts, and the order of a dense type.
 *
 * A body to be included once per type; the names it needs are listed in vector.c. Loops over
 * elements have no branches, so that compilers can vectorise them; range errors are looked for
 * afterwards.
 */

/* Errors out when a result of finite operands is infinite. */
static void
DENSE_FN(check_overflow)(const DENSE_TYPE *v)
{
	int bad = 0;

	for (int i = 0; i < v->dim; i++)
		bad |= !DENSE_IS_FINITE(v->x[i]);
	if (unlikely(bad))
		float_overflow_error();
}

/* name_dims(value): the number of dimensions. */
DENSE_EXPORT(DENSE_FN(dims));
Datum
DENSE_FN(dims)(PG_FUNCTION_ARGS)
{
	/* the head is enough: an out-of-line value of 64 kB need not be read */
	Size size = toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ;
	struct varlena *head = PG_DETOAST_DATUM_SLICE(PG_GETARG_DATUM(0), 0, STORED_DENSE_HEAD);
	int dim = 0;

	if (VARSIZE_ANY_EXHDR(head) >= STORED_DENSE_HEAD)
		dim = stored_dense_dim(VARDATA_ANY(head), size, sizeof(DENSE_ELEMENT),
							   DENSE_DESCRIPTOR.max_dim);
	if (unlikely(dim == 0))
		value_damaged(DENSE_DESCRIPTOR.name, size);
	PG_RETURN_INT32(dim);
}

/* name_add(a, b): a + b by element, or an overflow error. */
DENSE_EXPORT(DENSE_FN(add));
Datum
DENSE_FN(add)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *a = DENSE_GETARG(0);
	DENSE_TYPE *b = DENSE_GETARG(1);
	DENSE_TYPE *result;

	dense_check_same(&DENSE_DESCRIPTOR, a->dim, b->dim);
	result = DENSE_NEW(a->dim);
	for (int i = 0, n = a->dim; i < n; i++)
		result->x[i] = DENSE_FROM_FLOAT(DENSE_TO_FLOAT(a->x[i]) + DENSE_TO_FLOAT(b->x[i]));
	DENSE_FN(check_overflow)(result);
	PG_RETURN_POINTER(result);
}

/* name_sub(a, b): a - b by element, or an overflow error. */
DENSE_EXPORT(DENSE_FN(sub));
Datum
DENSE_FN(sub)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *a = DENSE_GETARG(0);
	DENSE_TYPE *b = DENSE_GETARG(1);
	DENSE_TYPE *result;

	dense_check_same(&DENSE_DESCRIPTOR, a->dim, b->dim);
	result = DENSE_NEW(a->dim);
	for (int i = 0, n = a->dim; i < n; i++)
		result->x[i] = DENSE_FROM_FLOAT(DENSE_TO_FLOAT(a->x[i]) - DENSE_TO_FLOAT(b->x[i]));
	DENSE_FN(check_overflow)(result);
	PG_RETURN_POINTER(result);
}

/*
 * name_mul(a, b): a * b by element; errors for overflow and for a product of non-zero numbers that
 * becomes zero.
 */
DENSE_EXPORT(DENSE_FN(mul));
Datum
DENSE_FN(mul)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *a = DENSE_GETARG(0);
	DENSE_TYPE *b = DENSE_GETARG(1);
	DENSE_TYPE *result;
	int underflow = 0;

	dense_check_same(&DENSE_DESCRIPTOR, a->dim, b->dim);
	result = DENSE_NEW(a->dim);
	for (int i = 0, n = a->dim; i < n; i++)
		result->x[i] = DENSE_FROM_FLOAT(DENSE_TO_FLOAT(a->x[i]) * DENSE_TO_FLOAT(b->x[i]));
	DENSE_FN(check_overflow)(result);

	for (int i = 0, n = a->dim; i < n; i++)
		underflow |= (DENSE_TO_FLOAT(result->x[i]) == 0) & (DENSE_TO_FLOAT(a->x[i]) != 0) &
					 (DENSE_TO_FLOAT(b->x[i]) != 0);
	if (unlikely(underflow))
		float_underflow_error();
	PG_RETURN_POINTER(result);
}

/* name_concat(a, b): the elements of a, then those of b; an error when these are too many. */
DENSE_EXPORT(DENSE_FN(concat));
Datum
DENSE_FN(concat)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *a = DENSE_GETARG(0);
	DENSE_TYPE *b = DENSE_GETARG(1);
	int dim = a->dim + b->dim;
	DENSE_TYPE *result;

	dense_check_dim(&DENSE_DESCRIPTOR, dim);
	result = DENSE_NEW(dim);
	memcpy(result->x, a->x, sizeof(DENSE_ELEMENT) * a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(DENSE_ELEMENT) * b->dim);
	PG_RETURN_POINTER(result);
}

/*
 * subvector(value, start, count): `count` elements from position `start`, which counts from 1. As
 * with substring(), positions outside of the value are left out; an error when nothing is left.
 */
DENSE_EXPORT(DENSE_FN(subvector));
Datum
DENSE_FN(subvector)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	int64 first = PG_GETARG_INT32(1);
	int64 count = PG_GETARG_INT32(2);
	int64 end = Min(first + count, (int64) v->dim + 1);
	DENSE_TYPE *result;

	first = Max(first, 1);
	dense_check_dim(&DENSE_DESCRIPTOR, count < 1 ? 0 : (int) Max(end - first, 0));
	result = DENSE_NEW((int) (end - first));
	memcpy(result->x, v->x + first - 1, sizeof(DENSE_ELEMENT) * result->dim);
	PG_RETURN_POINTER(result);
}

/*
 * The order of btree: by element, and a shorter value before a longer one that it is the beginning
 * of.
 */
static int
DENSE_FN(compare)(FunctionCallInfo fcinfo)
{
	DENSE_TYPE *a = DENSE_GETARG(0);
	DENSE_TYPE *b = DENSE_GETARG(1);
	int dim = Min(a->dim, b->dim);
	int result = (a->dim > b->dim) - (a->dim < b->dim);

	for (int i = 0; i < dim; i++)
	{
		float x = DENSE_TO_FLOAT(a->x[i]);
		float y = DENSE_TO_FLOAT(b->x[i]);

		if (x != y)
		{
			result = x < y ? -1 : 1;
			break;
		}
	}
	/* btree calls this in long-lived memory contexts */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

/* name_lt(a, b) and the other comparisons, of any two dimensions. */
#define DENSE_COMPARISON(name, op)                      \
	DENSE_EXPORT(DENSE_FN(name));                       \
	Datum DENSE_FN(name)(PG_FUNCTION_ARGS)              \
	{                                                   \
		PG_RETURN_BOOL(DENSE_FN(compare)(fcinfo) op 0); \
	}                                                   \
	extern int dense_swallow_semicolon

DENSE_COMPARISON(lt, <);
DENSE_COMPARISON(le, <=);
DENSE_COMPARISON(eq, ==);
DENSE_COMPARISON(ne, !=);
DENSE_COMPARISON(ge, >=);
DENSE_COMPARISON(gt, >);

/* name_cmp(a, b): -1, 0 or 1, the support function of btree. */
DENSE_EXPORT(DENSE_FN(cmp));
Datum
DENSE_FN(cmp)(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(DENSE_FN(compare)(fcinfo));
}
