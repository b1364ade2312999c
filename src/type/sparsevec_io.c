/*
 * sparsevec_io.c: the type "sparsevec" in text and binary form, and its casts.
 */
#include "sparsevec.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

#include "../distance/half.h"
#include "dense.h"
#include "halfvec.h"
#include "message.h"
#include "sparsevec_parse.h"
#include "vector.h"

static const DenseType sparsevec_type = {.name = "sparsevec", .max_dim = SPARSEVEC_MAX_DIM};
static const DenseType vector_type = {.name = "vector", .max_dim = VECTOR_MAX_DIM};
static const DenseType halfvec_type = {.name = "halfvec", .max_dim = HALFVEC_MAX_DIM};

static void
check_nnz(int nnz, int dim)
{
	if (nnz < 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("sparsevec cannot have a negative number of elements"));
	if (nnz > SPARSEVEC_MAX_NNZ)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sparsevec cannot have more than %d non-zero elements", SPARSEVEC_MAX_NNZ));
	if (nnz > dim)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("sparsevec cannot have more elements than dimensions"));
}

static void
bad_text(const char *text, SparseStatus status, const SparseResult *result)
{
	switch (status)
	{
		case SPARSE_TOO_MANY:
			check_nnz(SPARSEVEC_MAX_NNZ + 1, SPARSEVEC_MAX_DIM);
			break;
		case SPARSE_NUMBER:
			if (result->number == PARSE_RANGE)
				ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						errmsg("\"%s\" is out of range for type sparsevec",
							   dense_excerpt(result->where, result->length)));
			dense_not_finite(&sparsevec_type, result->number == PARSE_NAN ? NAN : INFINITY);
			break;
		case SPARSE_INDEX:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("sparsevec index out of bounds"),
					errdetail("Indices go from 1 to the number of dimensions."));
			break;
		case SPARSE_DUPLICATE:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("sparsevec indices must not contain duplicates"));
			break;
		case SPARSE_DIM:
			dense_check_dim(&sparsevec_type, INT_MAX);
			break;
		default:
			break;
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			errmsg("invalid input syntax for type sparsevec: \"%s\"",
				   dense_excerpt(text, strlen(text))),
			errdetail("The text of a sparsevec is like \"{1:0.5,3:2}/5\"."));
}

/* sparsevec_in(cstring, oid, typmod): from "{1:0.5,3:2}/5". */
PG_FUNCTION_INFO_V1(sparsevec_in);
Datum
sparsevec_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	SparseElement elements[SPARSEVEC_MAX_NNZ];
	SparseResult result;
	SparseStatus status = parse_sparsevec(text, elements, SPARSEVEC_MAX_NNZ, &result);
	SparseVector *v;

	if (status != SPARSE_OK)
		bad_text(text, status, &result);
	dense_check_dim(&sparsevec_type, result.dim);
	dense_check_expected(PG_GETARG_INT32(2), result.dim);
	check_nnz(result.count, result.dim);
	v = sparsevec_new(result.dim, result.count);
	for (int i = 0; i < v->nnz; i++)
	{
		v->indices[i] = elements[i].index;
		SPARSEVEC_VALUES(v)[i] = elements[i].value;
	}
	PG_RETURN_POINTER(v);
}

/* sparsevec_out(value): the shortest text that reads back as the same value. */
PG_FUNCTION_INFO_V1(sparsevec_out);
Datum
sparsevec_out(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	char number[FLOAT_SHORTEST_DECIMAL_LEN];
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < v->nnz; i++)
	{
		float_to_shortest_decimal_buf(SPARSEVEC_VALUES(v)[i], number);
		appendStringInfo(&text, "%s%d:%s", i > 0 ? "," : "", v->indices[i] + 1, number);
	}
	appendStringInfo(&text, "}/%d", v->dim);
	PG_RETURN_CSTRING(text.data);
}

PG_FUNCTION_INFO_V1(sparsevec_typmod_in);
Datum
sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_typmod(&sparsevec_type, PG_GETARG_ARRAYTYPE_P(0)));
}

/* Errors out unless a message has been read well so far. */
static void
recv_check(StringInfo buf, BinaryStatus status, const BinaryHead *head)
{
	switch (status)
	{
		case BINARY_NNZ:
			check_nnz(head->nnz, head->dim);
			break;
		case BINARY_INDEX:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("sparsevec index out of bounds"));
			break;
		case BINARY_DUPLICATE:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("sparsevec indices must not contain duplicates"));
			break;
		case BINARY_ORDER:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("sparsevec indices must be in ascending order"));
			break;
		case BINARY_ZERO:
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("binary representation of sparsevec cannot contain zero values"));
			break;
		default:
			message_check(&sparsevec_type, buf, status, head);
			break;
	}
}

/*
 * sparsevec_recv(internal, oid, typmod): int32 dim, nnz, zero; nnz int32 indices from 0, ascending;
 * nnz float4 values.
 */
PG_FUNCTION_INFO_V1(sparsevec_recv);
Datum
sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	BinaryInput input = message_input(buf);
	BinaryHead head;
	BinaryStatus status =
		binary_read_sparse_head(&input, SPARSEVEC_MAX_DIM, SPARSEVEC_MAX_NNZ, &head);
	SparseVector *v;

	recv_check(buf, status, &head);
	dense_check_expected(PG_GETARG_INT32(2), head.dim);
	v = sparsevec_new(head.dim, head.nnz);
	status = binary_read_sparse(&input, &head, v->indices, SPARSEVEC_VALUES(v));
	recv_check(buf, status, &head);
	message_done(buf, &input);
	PG_RETURN_POINTER(v);
}

/* sparsevec_send(value): the bytes that sparsevec_recv reads. */
PG_FUNCTION_INFO_V1(sparsevec_send);
Datum
sparsevec_send(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	bytea *result = message_new(BINARY_SPARSE_HEAD + (sizeof(int32) + sizeof(float)) * v->nnz);
	unsigned char *out = binary_write_sparse_head(MESSAGE_BYTES(result), v->dim, v->nnz);

	out = binary_write_indices(out, v->indices, v->nnz);
	binary_write_floats(out, SPARSEVEC_VALUES(v), v->nnz);
	PG_RETURN_BYTEA_P(result);
}

/* sparsevec(value, typmod, explicit): the same value, or "expected n dimensions". */
PG_FUNCTION_INFO_V1(sparsevec_to_typmod);
Datum
sparsevec_to_typmod(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_POINTER(v);
}

/* The elements of x that are not zero; NaN and infinities are errors. */
static SparseVector *
from_floats(const float *x, int dim)
{
	SparseVector *v;
	int nnz = 0;
	int n = 0;

	for (int i = 0; i < dim; i++)
	{
		if (!isfinite(x[i]))
			dense_not_finite(&sparsevec_type, x[i]);
		nnz += x[i] != 0;
	}
	check_nnz(nnz, dim);
	v = sparsevec_new(dim, nnz);
	for (int i = 0; i < dim; i++)
		if (x[i] != 0)
		{
			v->indices[n] = i;
			SPARSEVEC_VALUES(v)[n++] = x[i];
		}
	return v;
}

/* array_to_sparsevec(array, typmod, explicit): from int4[], float4[], float8[] or numeric[]. */
PG_FUNCTION_INFO_V1(sparsevec_from_array);
Datum
sparsevec_from_array(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int dim = dense_check_array(array);
	float *x;

	dense_check_dim(&sparsevec_type, dim);
	dense_check_expected(PG_GETARG_INT32(1), dim);
	x = palloc(sizeof(float) * (dim));
	dense_array_floats(array, dim, x);
	PG_RETURN_POINTER(from_floats(x, dim));
}

PG_FUNCTION_INFO_V1(vector_to_sparsevec);
Datum
vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	Vector *v = PG_GETARG_VECTOR_P(0);

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_POINTER(from_floats(v->x, v->dim));
}

PG_FUNCTION_INFO_V1(halfvec_to_sparsevec);
Datum
halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	HalfVector *v = PG_GETARG_HALFVEC_P(0);
	float x[HALFVEC_MAX_DIM];

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	for (int i = 0; i < v->dim; i++)
		x[i] = half_to_float(v->x[i]);
	PG_RETURN_POINTER(from_floats(x, v->dim));
}

PG_FUNCTION_INFO_V1(sparsevec_to_vector);
Datum
sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	Vector *result;

	dense_check_dim(&vector_type, v->dim);
	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	result = vector_new(v->dim);
	memset(result->x, 0, v->dim * sizeof(float));
	for (int i = 0; i < v->nnz; i++)
		result->x[v->indices[i]] = SPARSEVEC_VALUES(v)[i];
	PG_RETURN_POINTER(result);
}

PG_FUNCTION_INFO_V1(sparsevec_to_halfvec);
Datum
sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	SparseVector *v = PG_GETARG_SPARSEVEC_P(0);
	HalfVector *result;

	dense_check_dim(&halfvec_type, v->dim);
	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	result = halfvec_new(v->dim);
	memset(result->x, 0, v->dim * sizeof(uint16));
	for (int i = 0; i < v->nnz; i++)
	{
		uint16 h = half_from_float(SPARSEVEC_VALUES(v)[i]);

		if ((h & 0x7C00) == 0x7C00)
			dense_out_of_range(&halfvec_type, SPARSEVEC_VALUES(v)[i]);
		result->x[v->indices[i]] = h;
	}
	PG_RETURN_POINTER(result);
}
