/*
 * sparsevec_parse.h: from the text of a sparse vector, "{1:0.5,3:2}/5", to its elements.
 *
 * Plain C without PostgreSQL, like vector_parse.h, whose numbers it reads: so it can be fuzzed and
 * tested alone.
 */
#ifndef HNSWC_SPARSEVEC_PARSE_H
#define HNSWC_SPARSEVEC_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "vector_parse.h"

typedef struct SparseElement
{
	int32_t index; /* from 0 */
	float value;
} SparseElement;

typedef enum SparseStatus
{
	SPARSE_OK,
	SPARSE_SYNTAX,
	SPARSE_TOO_MANY,  /* more elements that are not zero than there is room for */
	SPARSE_NUMBER,    /* a value that is no finite float: see `number` */
	SPARSE_INDEX,     /* an index below 1 or above the dimensions */
	SPARSE_DUPLICATE, /* an index twice */
	/* dimensions that do not fit an int32; 0 and less are the caller's to refuse */
	SPARSE_DIM,
} SparseStatus;

typedef struct SparseResult
{
	int count; /* elements stored, ascending by index, zeroes left out */
	int32_t dim;
	int32_t largest;    /* index there was, from 1, whether its value is zero or not; 0: none */
	ParseStatus number; /* SPARSE_NUMBER: what is wrong with it */
	const char *where;  /* and the token */
	size_t length;
} SparseResult;

/* Parses into elements[0 .. max - 1].  White space is allowed around every token. */
extern SparseStatus parse_sparsevec(const char *text, SparseElement *elements, int max,
									SparseResult *result);

#endif /* HNSWC_SPARSEVEC_PARSE_H */
