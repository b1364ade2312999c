/*
 * element.h: what an operator class indexes, as a small descriptor.
 *
 * An operator class has one support function, which returns a pointer to a constant ElementType: how to read the
 * dimensions and the elements of its Datums, and which distance orders them.  The engine has one code path for all.
 */
#ifndef HNSWC_ELEMENT_H
#define HNSWC_ELEMENT_H

#include "postgres.h"

#include "code/code.h"
#include "utils/rel.h"

typedef enum ElementTypeId
{
	ELEMENT_VECTOR, /* on disk in the meta page: append only */
	ELEMENT_HALFVEC,
	ELEMENT_BIT,
	ELEMENT_SPARSEVEC,
} ElementTypeId;

typedef struct ElementType
{
	ElementTypeId id;
	CodeMetric metric;
	const char *type_name; /* "vector" */
	int max_dims;
	bool is_half;    /* its elements are halves */
	bool is_squared; /* what rows are ordered by is the square of what the operator returns */
	/*
	 * Types with too many dimensions to keep: the index has a sketch of so many dimensions instead, which `elements` gives
	 * and `metric` is about, and rows are re-ranked from the table by `distance`.  0 and NULL for all others.
	 */
	int sketch_dims;
	double (*distance)(const struct varlena *a, const struct varlena *b);
	/* dimensions of a detoasted value */
	int (*dims)(const struct varlena *value);
	/* its elements: a pointer into the value where they are float32 already, or `buffer` filled with them */
	const float *(*elements)(const struct varlena *value, float *buffer);
} ElementType;

/* The descriptor of an index's (only) column. */
extern const ElementType *element_type(Relation index);

/*
 * Makes a value ready for the engine: detoasts it, checks its dimensions (error if they are not `dims`), normalises it
 * for the cosine metric.  Returns false for what is not indexed: a zero vector under cosine.  `vector` has room for dims floats.
 */
extern bool element_read(const ElementType *type, int dims, Datum value, float *vector);

#endif /* HNSWC_ELEMENT_H */
