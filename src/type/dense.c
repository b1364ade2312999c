/*
 * dense.c: checks, messages and conversions of the dense types that do not depend on what an
 * element is.
 *
 * Wording and SQLSTATE of the messages are those that clients of existing vector types match on.
 */
#include "dense.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "common/shortest_dec.h"
#include "utils/fmgrprotos.h"

#include "value.h"
#include "vector_parse.h"

/* Bytes of a text that a message shows. */
#define EXCERPT_MOST 200

const char *
dense_excerpt(const char *text, Size length)
{
	if (length <= EXCERPT_MOST)
		return pnstrdup(text, length);
	return psprintf("%.*s...", pg_mbcliplen(text, (int) length, EXCERPT_MOST), text);
}

void
value_damaged(const char *type, Size size)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("stored value of type %s is damaged", type),
			errdetail("Its %zu bytes are not what its number of elements takes.", size),
			errhint("Find the row with a query on few rows at a time, and delete or replace it."));
}

void
value_not_finite(const char *type)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("stored value of type %s is damaged", type),
			errdetail("An element is not a finite number."),
			errhint("Find the row with a query on few rows at a time, and delete or replace it."));
}

void
dense_check_dim(const DenseType *type, int dim)
{
	if (dim < 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("%s must have at least 1 dimension", type->name));
	if (dim > type->max_dim)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%s cannot have more than %d dimensions", type->name, type->max_dim));
}

void
dense_check_expected(int32 expected, int dim)
{
	if (expected != -1 && expected != dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected %d dimensions, not %d", expected, dim));
}

void
dense_different(const DenseType *type, int a, int b)
{
	ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("different %s dimensions %d and %d", type->name, a, b));
}

void
dense_not_finite(const DenseType *type, float value)
{
	if (isnan(value))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("NaN not allowed in %s", type->name));
	ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("infinite value not allowed in %s", type->name));
}

void
dense_out_of_range(const DenseType *type, float value)
{
	char buffer[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(value, buffer);
	ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("\"%s\" is out of range for type %s", buffer, type->name));
}

void
dense_text_out_of_range(const DenseType *type, const char *text, int i)
{
	const char *token = strchr(text, '[') + 1;

	for (; i > 0; i--)
		token = strchr(token, ',') + 1;
	token += strspn(token, " \t\n\v\f\r");
	ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("\"%s\" is out of range for type %s",
				   dense_excerpt(token, strcspn(token, " \t\n\v\f\r,]")), type->name));
}

int32
dense_typmod(const DenseType *type, ArrayType *args)
{
	int n;
	int32 *typmods = ArrayGetIntegerTypmods(args, &n);

	if (n != 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier"));
	if (typmods[0] < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type %s must be at least 1", type->name));
	if (typmods[0] > type->max_dim)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("dimensions for type %s cannot exceed %d", type->name, type->max_dim));
	return typmods[0];
}

/* Reports what the parser refused. */
pg_noreturn static void
parse_failed(const DenseType *type, const char *text, ParseStatus status, const ParseResult *result)
{
	switch (status)
	{
		case PARSE_NO_ELEMENTS:
			dense_check_dim(type, 0);
			break;
		case PARSE_TOO_MANY:
			dense_check_dim(type, type->max_dim + 1);
			break;
		case PARSE_NAN:
			dense_not_finite(type, NAN);
			break;
		case PARSE_INFINITE:
			dense_not_finite(type, INFINITY);
			break;
		case PARSE_RANGE:
			ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("\"%s\" is out of range for type %s",
						   dense_excerpt(result->where, result->length), type->name));
			break;
		default:
			break;
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			errmsg("invalid input syntax for type %s: \"%s\"", type->name,
				   dense_excerpt(text, strlen(text))),
			status == PARSE_NO_BRACKET
				? errdetail("The text of a %s starts with \"[\".", type->name)
				: 0,
			status == PARSE_TRAILING ? errdetail("There is more text after the closing \"]\".") : 0,
			status == PARSE_NOT_A_NUMBER && strlen(text) > EXCERPT_MOST
				? errdetail("Byte %zu, \"%s\", is not what was expected.",
							(Size) (result->where - text) + 1,
							dense_excerpt(result->where, Min(strlen(result->where), 20)))
				: 0);
}

int
dense_parse(const DenseType *type, const char *text, float *x)
{
	ParseResult result;
	ParseStatus status = parse_vector(text, x, type->max_dim, &result);

	if (unlikely(status != PARSE_OK))
		parse_failed(type, text, status, &result);
	return result.count;
}

int
dense_check_array(ArrayType *array)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D"));
	if (array_contains_nulls(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("array must not contain nulls"));
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

void
dense_array_floats(ArrayType *array, int n, float *x)
{
	const char *data = ARR_DATA_PTR(array);

	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
			for (int i = 0; i < n; i++)
				x[i] = (float) ((const int32 *) data)[i];
			break;
		case FLOAT4OID:
			memcpy(x, data, sizeof(float) * n);
			break;
		case FLOAT8OID:
			for (int i = 0; i < n; i++)
				x[i] = (float) ((const float8 *) data)[i];
			break;
		case NUMERICOID:
		{
			Datum *elements;
			int nelements;

			deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, NULL,
							  &nelements);
			for (int i = 0; i < n; i++)
				x[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
			pfree(elements);
			break;
		}
		default:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type"));
	}
}

/* May this be the count of a state with so many sums? */
static bool
is_count(float8 count, int dim)
{
	/* an infinite one fails, too */
	return count >= 0 && count == floor(count) && count <= DBL_MAX && (count == 0) == (dim == 0);
}

float8 *
dense_state(const DenseType *type, ArrayType *array, const char *name)
{
	float8 *state = NULL;

	if (ARR_NDIM(array) == 1 && ARR_DIMS(array)[0] >= 1 &&
		DENSE_STATE_DIM(array) <= type->max_dim && !array_contains_nulls(array) &&
		ARR_ELEMTYPE(array) == FLOAT8OID)
		state = (float8 *) ARR_DATA_PTR(array);
	if (state == NULL || !is_count(state[0], DENSE_STATE_DIM(array)))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s_%s: the state must be an array of a count and a sum per dimension",
					   type->name, name),
				state != NULL ? errdetail("The count is a whole number, and 0 without sums.") : 0);
	return state;
}

ArrayType *
dense_state_new(int dim)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * (dim + 1);
	ArrayType *array = (ArrayType *) palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = dim + 1;
	ARR_LBOUND(array)[0] = 1;
	return array;
}
