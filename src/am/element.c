/*
 * element.c: from a Datum to the floats that the engine indexes.
 *
 * One ElementType for each operator class, and the support functions by which operator classes name them.  A further
 * type is a pair of functions and its descriptors here, and nothing elsewhere.
 */
#include "postgres.h"

#include <math.h>

#include "am/am.h"
#include "am/element.h"
#include "fmgr.h"
#include "type/vector.h"

static int
vector_element_dims(const struct varlena *value)
{
	return ((const Vector *) value)->dim;
}

static const float *
vector_element_floats(const struct varlena *value, float *buffer)
{
	return ((const Vector *) value)->x;
}

#define VECTOR_ELEMENT(distance_metric)                                                                       \
	{                                                                                                         \
		.id = ELEMENT_VECTOR, .metric = (distance_metric), .type_name = "vector", .max_dims = VECTOR_MAX_DIM, \
		.dims = vector_element_dims, .elements = vector_element_floats                                        \
	}

static const ElementType vector_l2 = VECTOR_ELEMENT(CODE_L2);
static const ElementType vector_ip = VECTOR_ELEMENT(CODE_IP);
static const ElementType vector_cosine = VECTOR_ELEMENT(CODE_COSINE);
static const ElementType vector_l1 = VECTOR_ELEMENT(CODE_L1);

const ElementType *
element_type(Relation index)
{
	FmgrInfo *support = index_getprocinfo(index, 1, HNSWC_TYPE_PROC);

	return (const ElementType *) DatumGetPointer(FunctionCall1(support, PointerGetDatum(NULL)));
}

/* Scales a vector to length 1; false if it has none.  The sum is a double: squares of float32 neither over- nor underflow. */
static bool
normalise(float *vector, int dims)
{
	double square = 0.0;
	double scale;

	for (int i = 0; i < dims; i++)
		square += (double) vector[i] * vector[i];
	if (square <= 0.0)
		return false;
	scale = 1.0 / sqrt(square);
	for (int i = 0; i < dims; i++)
		vector[i] = (float) (vector[i] * scale);
	return true;
}

bool
element_read(const ElementType *type, int dims, Datum value, float *vector)
{
	struct varlena *detoasted = PG_DETOAST_DATUM(value);
	const float *elements;

	if (type->dims(detoasted) != dims)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected %d dimensions, not %d", dims, type->dims(detoasted))));
	elements = type->elements(detoasted, vector);
	if (elements != vector)
		memcpy(vector, elements, dims * sizeof(float));
	if ((Pointer) detoasted != DatumGetPointer(value))
		pfree(detoasted);
	return type->metric != CODE_COSINE || normalise(vector, dims);
}

/* The support functions: (internal) -> internal, called by element_type() only. */

PG_FUNCTION_INFO_V1(hnsw_vector_l2_support);
PG_FUNCTION_INFO_V1(hnsw_vector_ip_support);
PG_FUNCTION_INFO_V1(hnsw_vector_cosine_support);
PG_FUNCTION_INFO_V1(hnsw_vector_l1_support);

Datum
hnsw_vector_l2_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_l2);
}

Datum
hnsw_vector_ip_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_ip);
}

Datum
hnsw_vector_cosine_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_cosine);
}

Datum
hnsw_vector_l1_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&vector_l1);
}
