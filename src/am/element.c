/*
 * element.c: from a Datum to the floats that the engine indexes.
 *
 * One ElementType for each operator class, and the support functions by which operator classes name them.
 */
#include "postgres.h"

#include <math.h>

#include "am/am.h"
#include "am/element.h"
#include "am/own.h"
#include "code/loops.h"
#include "common/hashfn.h"
#include "distance/distance.h"
#include "fmgr.h"
#include "type/halfvec.h"
#include "type/sparsevec.h"
#include "type/vector.h"
#include "utils/varbit.h"

/* A power of two: inner products of the sketches are off by some 2 % of the lengths. */
#define SPARSE_SKETCH_DIMS 2048

StaticAssertDecl(VECTOR_MAX_DIM == CODE_MAX_DIMS && HALFVEC_MAX_DIM == CODE_MAX_DIMS &&
					 SPARSE_SKETCH_DIMS <= CODE_MAX_DIMS,
				 "a vector of every length has a code");

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

static int
halfvec_element_dims(const struct varlena *value)
{
	return ((const HalfVector *) value)->dim;
}

static const float *
halfvec_element_floats(const struct varlena *value, float *buffer)
{
	const HalfVector *v = (const HalfVector *) value;

	distance->f32_from_half(buffer, v->x, 1.0f, v->dim);
	return buffer;
}

static int
bit_element_dims(const struct varlena *value)
{
	return VARBITLEN(value);
}

/* 0 or 1 for each bit, the most significant of a byte first. */
static const float *
bit_element_floats(const struct varlena *value, float *buffer)
{
	const bits8 *bits = VARBITS(value);
	int dims = VARBITLEN(value);

	for (int i = 0; i < dims; i++)
		buffer[i] = (float) (bits[i / BITS_PER_BYTE] >> (7 - i % BITS_PER_BYTE) & 1);
	return buffer;
}

/*
 * A count sketch (Charikar, Chen and Farach-Colton, 2002): each index is hashed to a place and a sign, and the values that
 * meet at a place are added.  Inner products, and so L2 and cosine distances, are kept up to an error of about the product
 * of the lengths over the root of SPARSE_SKETCH_DIMS, whatever the dimensions.
 */
static const float *
sparsevec_element_floats(const struct varlena *value, float *buffer)
{
	const SparseVector *v = (const SparseVector *) value;
	const float *values = (const float *) (v->indices + v->nnz);

	memset(buffer, 0, SPARSE_SKETCH_DIMS * sizeof(float));
	for (int i = 0; i < v->nnz; i++)
	{
		uint32 hash = murmurhash32((uint32) v->indices[i]);

		buffer[hash % SPARSE_SKETCH_DIMS] += (hash >> 31) ? -values[i] : values[i];
	}
	return buffer;
}

static int
sparsevec_element_dims(const struct varlena *value)
{
	return SPARSE_SKETCH_DIMS;
}

/* In the words of the distance's function, which has the column first. */
pg_noreturn static void
raise_different(const char *type_name, const char *dims_name, int dims, int query_dims)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("different %s %s %d and %d", type_name, dims_name, dims, query_dims)));
}

static void
sparsevec_check(const SparseVector *query, const SparseVector *value)
{
	if (query->dim != value->dim)
		raise_different("sparsevec", "dimensions", value->dim, query->dim);
}

static double
sparsevec_l2_element(const struct varlena *a, const struct varlena *b)
{
	sparsevec_check((const SparseVector *) a, (const SparseVector *) b);
	return sparsevec_l2_square((const SparseVector *) a, (const SparseVector *) b);
}

static double
sparsevec_ip_element(const struct varlena *a, const struct varlena *b)
{
	sparsevec_check((const SparseVector *) a, (const SparseVector *) b);
	return -sparsevec_product((const SparseVector *) a, (const SparseVector *) b);
}

static double
sparsevec_cosine_element(const struct varlena *a, const struct varlena *b)
{
	const SparseVector *x = (const SparseVector *) a;
	const SparseVector *y = (const SparseVector *) b;

	sparsevec_check(x, y);
	return 1 - sparsevec_product(x, y) / sqrt(sparsevec_square(x) * sparsevec_square(y));
}

static double
sparsevec_l1_element(const struct varlena *a, const struct varlena *b)
{
	sparsevec_check((const SparseVector *) a, (const SparseVector *) b);
	return sparsevec_l1((const SparseVector *) a, (const SparseVector *) b);
}

/* clang-format off */
#define VECTOR_ELEMENT(distance_metric) \
	.id = ELEMENT_VECTOR, .metric = (distance_metric), .type_name = "vector", .dims_name = "dimensions", \
	.max_dims = VECTOR_MAX_DIM, .is_squared = (distance_metric) == CODE_L2, \
	.dims = vector_element_dims, .elements = vector_element_floats
#define HALFVEC_ELEMENT(distance_metric) \
	.id = ELEMENT_HALFVEC, .metric = (distance_metric), .type_name = "halfvec", .dims_name = "dimensions", \
	.max_dims = HALFVEC_MAX_DIM, .is_half = true, .is_squared = (distance_metric) == CODE_L2, \
	.dims = halfvec_element_dims, .elements = halfvec_element_floats
#define BIT_ELEMENT(distance_metric) \
	.id = ELEMENT_BIT, .metric = (distance_metric), .type_name = "bit", .dims_name = "lengths", \
	.max_dims = CODE_MAX_BINARY_DIMS, .dims = bit_element_dims, .elements = bit_element_floats

/* L1 distances are not kept by the sketch: candidates come by L2 there, and are ordered by what they are asked for. */
#define SPARSEVEC_ELEMENT(sketch_metric, exact, squared) \
	.id = ELEMENT_SPARSEVEC, .metric = (sketch_metric), .type_name = "sparsevec", .dims_name = "dimensions", \
	.max_dims = SPARSEVEC_MAX_DIM, .sketch_dims = SPARSE_SKETCH_DIMS, .distance = (exact), .is_squared = (squared), \
	.dims = sparsevec_element_dims, .elements = sparsevec_element_floats

#define C_FUNCTION(function) {#function, function}
#define NO_FUNCTION {NULL, NULL}

/*
 * An operator class's support function, (internal) -> internal, and its descriptor.  The function says which descriptor is
 * meant by being what it is: nobody calls it but who asks by hand.
 */
#define ELEMENT_SUPPORT(support_function, distance_of, similarity_of, ...) \
	PG_FUNCTION_INFO_V1(support_function); \
	static const ElementType support_function##_element = { \
		__VA_ARGS__, .support = C_FUNCTION(support_function), .distance_function = distance_of, \
		.similarity_function = similarity_of}; \
	Datum \
	support_function(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_POINTER(&support_function##_element); \
	}

/* The functions of a type's distances, as type/ defines them. */
#define DECLARE_FUNCTION(function) extern Datum function(PG_FUNCTION_ARGS)
#define DECLARE_FUNCTIONS(type) \
	DECLARE_FUNCTION(type##_l2_distance); \
	DECLARE_FUNCTION(type##_negative_inner_product); \
	DECLARE_FUNCTION(type##_inner_product); \
	DECLARE_FUNCTION(type##_cosine_distance); \
	DECLARE_FUNCTION(type##_l1_distance)

DECLARE_FUNCTIONS(vector);
DECLARE_FUNCTIONS(halfvec);
DECLARE_FUNCTIONS(sparsevec);
DECLARE_FUNCTION(hamming_distance);
DECLARE_FUNCTION(jaccard_distance);

ELEMENT_SUPPORT(hnsw_vector_l2_support, C_FUNCTION(vector_l2_distance), NO_FUNCTION, VECTOR_ELEMENT(CODE_L2))
ELEMENT_SUPPORT(hnsw_vector_ip_support, C_FUNCTION(vector_negative_inner_product), C_FUNCTION(vector_inner_product),
				VECTOR_ELEMENT(CODE_IP))
ELEMENT_SUPPORT(hnsw_vector_cosine_support, C_FUNCTION(vector_cosine_distance), NO_FUNCTION,
				VECTOR_ELEMENT(CODE_COSINE))
ELEMENT_SUPPORT(hnsw_vector_l1_support, C_FUNCTION(vector_l1_distance), NO_FUNCTION, VECTOR_ELEMENT(CODE_L1))
ELEMENT_SUPPORT(hnsw_halfvec_l2_support, C_FUNCTION(halfvec_l2_distance), NO_FUNCTION, HALFVEC_ELEMENT(CODE_L2))
ELEMENT_SUPPORT(hnsw_halfvec_ip_support, C_FUNCTION(halfvec_negative_inner_product), C_FUNCTION(halfvec_inner_product),
				HALFVEC_ELEMENT(CODE_IP))
ELEMENT_SUPPORT(hnsw_halfvec_cosine_support, C_FUNCTION(halfvec_cosine_distance), NO_FUNCTION,
				HALFVEC_ELEMENT(CODE_COSINE))
ELEMENT_SUPPORT(hnsw_halfvec_l1_support, C_FUNCTION(halfvec_l1_distance), NO_FUNCTION, HALFVEC_ELEMENT(CODE_L1))
ELEMENT_SUPPORT(hnsw_sparsevec_l2_support, C_FUNCTION(sparsevec_l2_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_L2, sparsevec_l2_element, true))
ELEMENT_SUPPORT(hnsw_sparsevec_ip_support, C_FUNCTION(sparsevec_negative_inner_product),
				C_FUNCTION(sparsevec_inner_product), SPARSEVEC_ELEMENT(CODE_IP, sparsevec_ip_element, false))
ELEMENT_SUPPORT(hnsw_sparsevec_cosine_support, C_FUNCTION(sparsevec_cosine_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_COSINE, sparsevec_cosine_element, false))
ELEMENT_SUPPORT(hnsw_sparsevec_l1_support, C_FUNCTION(sparsevec_l1_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_L2, sparsevec_l1_element, false))
ELEMENT_SUPPORT(hnsw_bit_hamming_support, C_FUNCTION(hamming_distance), NO_FUNCTION, BIT_ELEMENT(CODE_HAMMING))
ELEMENT_SUPPORT(hnsw_bit_jaccard_support, C_FUNCTION(jaccard_distance), NO_FUNCTION, BIT_ELEMENT(CODE_JACCARD))
/* clang-format on */

const ElementType *const element_types[] = {
	&hnsw_vector_l2_support_element,      &hnsw_vector_ip_support_element,        &hnsw_vector_cosine_support_element,
	&hnsw_vector_l1_support_element,      &hnsw_halfvec_l2_support_element,       &hnsw_halfvec_ip_support_element,
	&hnsw_halfvec_cosine_support_element, &hnsw_halfvec_l1_support_element,       &hnsw_sparsevec_l2_support_element,
	&hnsw_sparsevec_ip_support_element,   &hnsw_sparsevec_cosine_support_element, &hnsw_sparsevec_l1_support_element,
	&hnsw_bit_hamming_support_element,    &hnsw_bit_jaccard_support_element,      NULL,
};

pg_noreturn static void
raise_class(Relation index, const char *fault)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					errmsg("the operator class of index \"%s\" is not valid for access method \"hnsw\"",
						   RelationGetRelationName(index)),
					errdetail_internal("%s", fault)));
}

const ElementType *
element_type(Relation index)
{
	FmgrInfo *support = index_getprocinfo(index, 1, HNSWC_TYPE_PROC);

	for (const ElementType *const *type = element_types; *type != NULL; type++)
		if ((*type)->support.address == support->fn_addr)
			return *type;
	raise_class(index, "Its support function is not one of hnsw's.");
}

void
element_check_class(Relation index)
{
	const char *fault;

	if (own_class(index->rd_opfamily[0], index->rd_opcintype[0], &fault) == NULL)
		raise_class(index, fault);
}

/* Scales a vector to length 1; false if it has none. */
static bool
normalise(float *vector, int dims)
{
	const CodeLoops *loops = code_loops();
	double square = loops->square(vector, dims);

	if (square <= 0.0)
		return false;
	loops->scale_double(vector, 1.0 / sqrt(square), dims);
	return true;
}

/* Detoasts a value and copies its elements; false with its dimensions in *other if these are not `dims`. */
static bool
read_elements(const ElementType *type, int dims, Datum value, float *vector, int *other)
{
	struct varlena *detoasted = PG_DETOAST_DATUM(value);
	const float *elements;

	*other = type->dims(detoasted);
	if (*other != dims)
		return false;
	elements = type->elements(detoasted, vector);
	if (elements != vector)
		memcpy(vector, elements, dims * sizeof(float));
	if ((Pointer) detoasted != DatumGetPointer(value))
		pfree(detoasted);
	return true;
}

bool
element_read(const ElementType *type, int dims, Datum value, float *vector)
{
	int other;

	if (!read_elements(type, dims, value, vector, &other))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", dims, other)));
	return type->metric != CODE_COSINE || normalise(vector, dims);
}

bool
element_read_query(const ElementType *type, int dims, Datum value, float *vector)
{
	int other;

	if (!read_elements(type, dims, value, vector, &other))
		raise_different(type->type_name, type->dims_name, dims, other);
	return type->metric != CODE_COSINE || normalise(vector, dims);
}
