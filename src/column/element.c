/*
 * element.c: from a Datum to the floats that the engine indexes.
 *
 * One ElementType for each operator class, and the support functions by which operator classes name
 * them.
 *
 * Values come from tables, which may be damaged: each is held against its head before anything else
 * is read of it, and numbers that are not finite go no further than here.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/genam.h"
#include "code/loops.h"
#include "code/metric.h"
#include "column/element.h"
#include "column/own.h"
#include "distance/operator.h"
#include "fmgr.h"
#include "type/halfvec.h"
#include "type/sparsevec.h"
#include "type/vector.h"
#include "utils/lsyscache.h"
#include "utils/varbit.h"

/* A power of two: inner products of the sketches are off by some 2 % of the lengths. */
#define SPARSE_SKETCH_DIMS 2048

StaticAssertDecl(VECTOR_MAX_DIM == CODE_MAX_DIMS && HALFVEC_MAX_DIM == CODE_MAX_DIMS &&
					 SPARSE_SKETCH_DIMS <= CODE_MAX_DIMS,
				 "a vector of every length has a code");

/* In the words of the distance's function, which has the column first. */
pg_noreturn static void
raise_different(const char *type_name, const char *dims_name, int dims, int query_dims)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("different %s %s %d and %d", type_name, dims_name, dims, query_dims)));
}

static inline int
dense_dims(const struct varlena *value, const char *type, Size width, int max_dims)
{
	Size size = VARSIZE(value) - VARHDRSZ;
	int dims = stored_dense_dim(VARDATA(value), size, width, max_dims);

	if (dims == 0)
		value_damaged(type, size);
	return dims;
}

static int
vector_dims(const struct varlena *value)
{
	return dense_dims(value, "vector", sizeof(float), VECTOR_MAX_DIM);
}

static const float *
vector_floats(const struct varlena *value, float *buffer)
{
	return ((const Vector *) value)->x;
}

static int
halfvec_dims(const struct varlena *value)
{
	return dense_dims(value, "halfvec", sizeof(half), HALFVEC_MAX_DIM);
}

static const float *
halfvec_floats(const struct varlena *value, float *buffer)
{
	const HalfVector *v = (const HalfVector *) value;

	distance->f32_from_half(buffer, v->x, 1.0f, v->dim);
	return buffer;
}

static int
bit_dims(const struct varlena *value)
{
	Size size = VARSIZE(value) - VARHDRSZ;

	if (!stored_bit_is_good(VARDATA(value), size))
		value_damaged("bit", size);
	return VARBITLEN(value);
}

/* 0 or 1 for each bit, the most significant of a byte first. */
static const float *
bit_floats(const struct varlena *value, float *buffer)
{
	const bits8 *bits = VARBITS(value);
	int dims = VARBITLEN(value);

	for (int i = 0; i < dims; i++)
		buffer[i] = (float) (bits[i / BITS_PER_BYTE] >> (7 - i % BITS_PER_BYTE) & 1);
	return buffer;
}

static int
sparsevec_dims(const struct varlena *value)
{
	return DatumGetOrderedSparseVector(PointerGetDatum(value))->dim;
}

/* Of a type with so few dimensions that all are kept. */
static const float *
sparsevec_floats(const struct varlena *value, float *buffer)
{
	const SparseVector *v = (const SparseVector *) value;

	sparse_spread(sparsevec_view(v), buffer, v->dim);
	return buffer;
}

static const float *
sparsevec_sketch(const struct varlena *value, float *buffer)
{
	sparse_sketch(sparsevec_view((const SparseVector *) value), buffer, SPARSE_SKETCH_DIMS);
	return buffer;
}

/* Elements as the functions of the operators take them. */
#define OPERAND_vector(value) elements_floats(((const Vector *) (value))->x)
#define OPERAND_halfvec(value) elements_halves(((const HalfVector *) (value))->x)
#define OPERAND_sparsevec(value) sparsevec_view((const SparseVector *) (value))

/*
 * The function ElementType.distance of a type and a metric: `of` makes it of the operands x and y,
 * of `dims` dimensions.
 */
#define DISTANCE(type, metric, Operand, of)                                                   \
	static double type##_##metric##_measure(const struct varlena *a, const struct varlena *b) \
	{                                                                                         \
		int dims = type##_dims(a);                                                            \
		int others = type##_dims(b);                                                          \
		Operand x = OPERAND_##type(a);                                                        \
		Operand y = OPERAND_##type(b);                                                        \
                                                                                              \
		if (dims != others)                                                                   \
			raise_different(#type, "dimensions", dims, others);                               \
		return of;                                                                            \
	}

/* clang-format off */
DISTANCE(vector, l2, Elements, operator_l2_square(x, y, dims))
DISTANCE(vector, ip, Elements, -operator_ip(x, y, dims))
DISTANCE(vector, cosine, Elements, operator_cosine(x, y, dims))
DISTANCE(vector, l1, Elements, operator_l1(x, y, dims))
DISTANCE(halfvec, l2, Elements, operator_l2_square(x, y, dims))
DISTANCE(halfvec, ip, Elements, -operator_ip(x, y, dims))
DISTANCE(halfvec, cosine, Elements, operator_cosine(x, y, dims))
DISTANCE(halfvec, l1, Elements, operator_l1(x, y, dims))
DISTANCE(sparsevec, l2, SparseView, sparse_l2_square(x, y))
DISTANCE(sparsevec, ip, SparseView, -sparse_ip(x, y))
DISTANCE(sparsevec, cosine, SparseView, sparse_cosine(x, y))
DISTANCE(sparsevec, l1, SparseView, sparse_l1(x, y))

#define VECTOR_ELEMENT(code_metric, of) \
	.id = ELEMENT_VECTOR, .metric = (code_metric), .type_name = "vector", \
	.dims_name = "dimensions", .max_dims = VECTOR_MAX_DIM, \
	.is_squared = (code_metric) == CODE_L2, \
	.dims = vector_dims, .elements = vector_floats, .distance = (of)
#define HALFVEC_ELEMENT(code_metric, of) \
	.id = ELEMENT_HALFVEC, .metric = (code_metric), .type_name = "halfvec", \
	.dims_name = "dimensions", .max_dims = HALFVEC_MAX_DIM, \
	.is_half = true, .is_squared = (code_metric) == CODE_L2, \
	.dims = halfvec_dims, .elements = halfvec_floats, .distance = (of)
#define BIT_ELEMENT(code_metric) \
	.id = ELEMENT_BIT, .metric = (code_metric), .type_name = "bit", .dims_name = "lengths", \
	.max_dims = CODE_MAX_BINARY_DIMS, \
	.dims = bit_dims, .elements = bit_floats
#define SPARSEVEC_PLAIN(code_metric, of) \
	.id = ELEMENT_SPARSEVEC, .metric = (code_metric), .type_name = "sparsevec", \
	.dims_name = "dimensions", .max_dims = SPARSE_SKETCH_DIMS, \
	.is_squared = (code_metric) == CODE_L2, .in_table = true, \
	.dims = sparsevec_dims, .elements = sparsevec_floats, .distance = (of)
/*
 * L1 distances are not kept by the sketch: candidates come by L2 there, and are ordered by what
 * they are asked for.
 */
#define SPARSEVEC_ELEMENT(sketch_metric, squared, plain_type, of) \
	.id = ELEMENT_SPARSEVEC, .metric = (sketch_metric), .type_name = "sparsevec", \
	.dims_name = "dimensions", .max_dims = SPARSEVEC_MAX_DIM, \
	.is_squared = (squared), .in_table = true, .sketch_dims = SPARSE_SKETCH_DIMS, \
	.plain = &(plain_type), \
	.dims = sparsevec_dims, .elements = sparsevec_sketch, .distance = (of)

static const ElementType sparsevec_plain_l2 = {SPARSEVEC_PLAIN(CODE_L2, sparsevec_l2_measure)};
static const ElementType sparsevec_plain_ip = {SPARSEVEC_PLAIN(CODE_IP, sparsevec_ip_measure)};
static const ElementType sparsevec_plain_cosine = {SPARSEVEC_PLAIN(CODE_COSINE,
				sparsevec_cosine_measure)};
static const ElementType sparsevec_plain_l1 = {SPARSEVEC_PLAIN(CODE_L1, sparsevec_l1_measure)};

#define C_FUNCTION(function) {#function, function}
#define NO_FUNCTION {NULL, NULL}

/*
 * An operator class's support function, (internal) -> internal, and its descriptor. The function
 * says which descriptor is meant by being what it is: nobody calls it but who asks by hand.
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

ELEMENT_SUPPORT(hnsw_vector_l2_support, C_FUNCTION(vector_l2_distance), NO_FUNCTION,
				VECTOR_ELEMENT(CODE_L2, vector_l2_measure))
ELEMENT_SUPPORT(hnsw_vector_ip_support, C_FUNCTION(vector_negative_inner_product),
				C_FUNCTION(vector_inner_product),
				VECTOR_ELEMENT(CODE_IP, vector_ip_measure))
ELEMENT_SUPPORT(hnsw_vector_cosine_support, C_FUNCTION(vector_cosine_distance), NO_FUNCTION,
				VECTOR_ELEMENT(CODE_COSINE, vector_cosine_measure))
ELEMENT_SUPPORT(hnsw_vector_l1_support, C_FUNCTION(vector_l1_distance), NO_FUNCTION,
				VECTOR_ELEMENT(CODE_L1, vector_l1_measure))
ELEMENT_SUPPORT(hnsw_halfvec_l2_support, C_FUNCTION(halfvec_l2_distance), NO_FUNCTION,
				HALFVEC_ELEMENT(CODE_L2, halfvec_l2_measure))
ELEMENT_SUPPORT(hnsw_halfvec_ip_support, C_FUNCTION(halfvec_negative_inner_product),
				C_FUNCTION(halfvec_inner_product),
				HALFVEC_ELEMENT(CODE_IP, halfvec_ip_measure))
ELEMENT_SUPPORT(hnsw_halfvec_cosine_support, C_FUNCTION(halfvec_cosine_distance), NO_FUNCTION,
				HALFVEC_ELEMENT(CODE_COSINE, halfvec_cosine_measure))
ELEMENT_SUPPORT(hnsw_halfvec_l1_support, C_FUNCTION(halfvec_l1_distance), NO_FUNCTION,
				HALFVEC_ELEMENT(CODE_L1, halfvec_l1_measure))
ELEMENT_SUPPORT(hnsw_sparsevec_l2_support, C_FUNCTION(sparsevec_l2_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_L2, true, sparsevec_plain_l2, sparsevec_l2_measure))
ELEMENT_SUPPORT(hnsw_sparsevec_ip_support, C_FUNCTION(sparsevec_negative_inner_product),
				C_FUNCTION(sparsevec_inner_product), SPARSEVEC_ELEMENT(CODE_IP, false,
				sparsevec_plain_ip, sparsevec_ip_measure))
ELEMENT_SUPPORT(hnsw_sparsevec_cosine_support, C_FUNCTION(sparsevec_cosine_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_COSINE, false, sparsevec_plain_cosine,
				sparsevec_cosine_measure))
ELEMENT_SUPPORT(hnsw_sparsevec_l1_support, C_FUNCTION(sparsevec_l1_distance), NO_FUNCTION,
				SPARSEVEC_ELEMENT(CODE_L2, false, sparsevec_plain_l1, sparsevec_l1_measure))
ELEMENT_SUPPORT(hnsw_bit_hamming_support, C_FUNCTION(hamming_distance), NO_FUNCTION,
				BIT_ELEMENT(CODE_HAMMING))
ELEMENT_SUPPORT(hnsw_bit_jaccard_support, C_FUNCTION(jaccard_distance), NO_FUNCTION,
				BIT_ELEMENT(CODE_JACCARD))
/* clang-format on */

const ElementType *const element_types[] = {
	&hnsw_vector_l2_support_element,
	&hnsw_vector_ip_support_element,
	&hnsw_vector_cosine_support_element,
	&hnsw_vector_l1_support_element,
	&hnsw_halfvec_l2_support_element,
	&hnsw_halfvec_ip_support_element,
	&hnsw_halfvec_cosine_support_element,
	&hnsw_halfvec_l1_support_element,
	&hnsw_sparsevec_l2_support_element,
	&hnsw_sparsevec_ip_support_element,
	&hnsw_sparsevec_cosine_support_element,
	&hnsw_sparsevec_l1_support_element,
	&hnsw_bit_hamming_support_element,
	&hnsw_bit_jaccard_support_element,
	NULL,
};

pg_noreturn static void
raise_class(Relation index, const char *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("the operator class of index \"%s\" is not valid for access method \"hnsw\"",
					RelationGetRelationName(index)),
			 errdetail_internal("%s", fault)));
}

const ElementType *
element_type_of(const ElementType *type, int dims)
{
	const ElementType *plain = type->plain;

	Assert(type->dims != NULL && type->elements != NULL);
	Assert((type->sketch_dims > 0) == (plain != NULL));
	return plain != NULL && dims > 0 && dims <= plain->max_dims ? plain : type;
}

int32
element_typmod(Relation index)
{
	const FormData_pg_attribute *column =
		TupleDescAttr(RelationGetDescr(index), index_vector_column(index));
	int32 typmod = column->atttypmod;

	if (typmod < 0)
		(void) getBaseTypeAndTypmod(column->atttypid, &typmod);
	return typmod;
}

const ElementType *
element_type(Relation index)
{
	FmgrInfo *support = index_getprocinfo(index, index_vector_column(index) + 1, HNSWC_TYPE_PROC);

	for (const ElementType *const *type = element_types; *type != NULL; type++)
		if ((*type)->support.address == support->fn_addr)
			return element_type_of(*type, element_typmod(index));
	raise_class(index, "Its support function is not one of hnsw's.");
}

void
element_check_class(Relation index)
{
	const char *fault;
	int column = index_vector_column(index);

	if (own_class(index->rd_opfamily[column], index->rd_opcintype[column], &fault) == NULL)
		raise_class(index, fault);
}

/* Is the operator class of a column, counted from 0, one for vectors? */
static bool
is_vector_class(Relation index, int column)
{
	return OidIsValid(index_getprocid(index, column + 1, HNSWC_TYPE_PROC));
}

void
element_check_columns(Relation index)
{
	int vector = index_vector_column(index);
	int nvectors = 0;

	for (int i = 0; i <= vector; i++)
		nvectors += is_vector_class(index, i);
	if (nvectors == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
						errmsg("an hnsw index needs a vector column"),
						errdetail("Other columns are keys: each of their values has a graph of "
								  "vectors of its own."),
						errhint("Add the vector as the last column.")));
	if (nvectors > 1)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("an hnsw index cannot have more than one vector column"),
						errhint("Create an index for each of them.")));
	if (!is_vector_class(index, vector))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("columns behind the vector are not supported by hnsw indexes"),
				 errhint("Put a column before the vector if queries ask for one of its values with "
						 "=, and leave it out otherwise.")));
}

static void
check_finite(const ElementType *type, const float *vector, int dims)
{
	float least;
	float greatest;

	code_loops()->range(vector, dims, &least, &greatest);
	if (unlikely(!(least >= -FLT_MAX && greatest <= FLT_MAX)))
		value_not_finite(type->type_name);
}

/* Is a detoasted value the zero vector?  The sketch of one that is not may be zero. */
static bool
is_zero(const ElementType *type, const struct varlena *value, const float *vector, int dims)
{
	if (type->id == ELEMENT_SPARSEVEC)
		return ((const SparseVector *) value)->nnz == 0;
	for (int i = 0; i < dims; i++)
		if (vector[i] != 0)
			return false;
	return true;
}

/*
 * Detoasts a value and copies its elements; false with its dimensions in *other if these are not
 * `dims`. *indexed says whether the metric has a place for the value.
 */
static bool
read_elements(const ElementType *type, int dims, Datum value, float *vector, int *other,
			  bool *indexed)
{
	struct varlena *detoasted = PG_DETOAST_DATUM(value);
	const float *elements;

	*other = type->dims(detoasted);
	if (type->sketch_dims > 0)
		*other = type->sketch_dims;
	if (*other != dims)
		return false;
	elements = type->elements(detoasted, vector);
	if (elements != vector)
		memcpy(vector, elements, dims * sizeof(float));
	if (type->id != ELEMENT_BIT)
		check_finite(type, vector, dims);
	*indexed = !code_metric(type->metric)->is_angular || !is_zero(type, detoasted, vector, dims);
	if ((Pointer) detoasted != DatumGetPointer(value))
		pfree(detoasted);
	return true;
}

bool
element_read(const ElementType *type, int dims, Datum value, float *vector)
{
	int other;
	bool indexed;

	if (!read_elements(type, dims, value, vector, &other, &indexed))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("expected %d dimensions, not %d", dims, other)));
	return indexed;
}

bool
element_read_query(const ElementType *type, int dims, Datum value, float *vector)
{
	int other;
	bool indexed;

	if (!read_elements(type, dims, value, vector, &other, &indexed))
		raise_different(type->type_name, type->dims_name, dims, other);
	return indexed;
}
