/*
 * element.h: what an operator class indexes, as a small descriptor.
 *
 * An operator class has one support function, which returns a pointer to a constant ElementType:
 * how to read the dimensions and the elements of its Datums, and which distance orders them. The
 * engine has one code path for all.
 */
#ifndef HNSWC_ELEMENT_H
#define HNSWC_ELEMENT_H

#include "postgres.h"

#include "code/code.h"
#include "fmgr.h"
#include "utils/rel.h"

/* Support functions of an operator class. */
#define HNSWC_TYPE_PROC 1 /* (internal) -> internal: tells what is indexed, see below */
#define HNSWC_HASH_PROC 2 /* of a class for key columns: the hash of a value */
#define HNSWC_NPROCS 2

/* The strategy of an operator class's only operator. */
#define HNSWC_DISTANCE_STRATEGY 1
/* The strategy of the operators of one for key columns. */
#define HNSWC_EQUAL_STRATEGY 2

typedef enum ElementTypeId
{
	ELEMENT_VECTOR, /* on disk in the meta page: append only */
	ELEMENT_HALFVEC,
	ELEMENT_BIT,
	ELEMENT_SPARSEVEC,
} ElementTypeId;

/* A C function of this library, as the catalog names it and as it is called. */
typedef struct ElementFunction
{
	const char *symbol; /* NULL: there is none */
	PGFunction address;
} ElementFunction;

typedef struct ElementType
{
	ElementTypeId id;
	CodeMetric metric;
	const char *type_name; /* "vector" */
	const char *dims_name; /* "dimensions", as messages call them */
	int max_dims;
	bool is_half;    /* its elements are halves */
	bool is_squared; /* what rows are ordered by is the square of what the operator returns */
	bool in_table;   /* the index does not keep the vectors: rows are re-ranked from the table */
	/*
	 * Types with too many dimensions to keep: the index has a sketch of so many dimensions instead,
	 * which `elements` gives and `metric` is about. 0 for all others.
	 */
	int sketch_dims;
	/*
	 * What stands for a sketch where a column has few enough dimensions to do without; else NULL.
	 */
	const struct ElementType *plain;
	/*
	 * the number of dimensions of a detoasted value, which has been found whole: an error if it is
	 * not
	 */
	int (*dims)(const struct varlena *value);
	/*
	 * the elements of such a value: a pointer into it where they are float32 already, or `buffer`
	 * filled with them
	 */
	const float *(*elements)(const struct varlena *value, float *buffer);
	/*
	 * in SQL: the support function, the operator's, and the one that returns the negative of the
	 * operator's
	 */
	ElementFunction support;
	ElementFunction distance_function;
	ElementFunction similarity_function;
	/*
	 * What the operator returns (for L2, its square) for two detoasted values, bit for bit; an
	 * error if their dimensions differ. NULL for types whose codes are the values.
	 */
	double (*distance)(const struct varlena *a, const struct varlena *b);
} ElementType;

/* All descriptors there are; NULL behind the last one. */
extern const ElementType *const element_types[];

/*
 * The descriptor of an index's vector column. Errors out if its operator class's support function
 * is none of ours. Does not look at the rest of the class: element_check_class() has done that when
 * the index was built.
 */
extern const ElementType *element_type(Relation index);

/*
 * What an operator class's type is for columns of so many dimensions: a sketch, or what stands for
 * it.
 */
extern const ElementType *element_type_of(const ElementType *type, int dims);

/*
 * The typmod of an index's column or expression, which is its number of dimensions, if need be that
 * of the domain; -1 for none.
 */
extern int32 element_typmod(Relation index);

/* Which column is the vector, counted from 0: all before it are key columns. */
static inline int
index_vector_column(Relation index)
{
	return IndexRelationGetNumberOfKeyAttributes(index) - 1;
}

/*
 * Errors out unless the columns are such as an index may have: one vector, the last of them, and
 * columns with operator classes for keys before.
 */
extern void element_check_columns(Relation index);

/*
 * Errors out unless the index's operator class orders its type by the distance that its descriptor
 * is for.
 */
extern void element_check_class(Relation index);

/*
 * Copies a value's elements to `vector`, which has room for dims floats, as the engine takes them:
 * an error if it has not `dims` dimensions or is damaged. Returns false for what is not indexed: a
 * zero vector under cosine.
 */
extern bool element_read(const ElementType *type, int dims, Datum value, float *vector);
/*
 * The same for what an index is asked for the neighbours of: the error is that of the distance's
 * function.
 */
extern bool element_read_query(const ElementType *type, int dims, Datum value, float *vector);

#endif /* HNSWC_ELEMENT_H */
