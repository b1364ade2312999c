/*
 * sparsevec_parse.c: the text of a sparse vector to its elements.
 */
#include "sparsevec_parse.h"

#include <stdbool.h>
#include <stdlib.h>

/* What an index or a number of dimensions is cut to: out of range wherever it is looked at. */
#define TOO_LARGE ((int64_t) INT32_MAX + 1)

static const char *
skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

/* A whole number with an optional sign; NULL if there is none. */
static const char *
parse_whole(const char *p, int64_t *value)
{
	bool negative = *p == '-';
	const char *digits;

	if (negative || *p == '+')
		p++;
	digits = p;
	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++)
		*value = *value < TOO_LARGE ? *value * 10 + (*p - '0') : TOO_LARGE;
	if (*value > TOO_LARGE)
		*value = TOO_LARGE;
	if (negative)
		*value = -*value;
	return p > digits ? p : NULL;
}

static int
element_compare(const void *a, const void *b)
{
	int32_t x = ((const SparseElement *) a)->index;
	int32_t y = ((const SparseElement *) b)->index;

	return (x > y) - (x < y);
}

/* One "index:value" at *p, which is moved behind it. */
static SparseStatus
parse_element(const char **p, int64_t *index, float *value, SparseResult *result)
{
	const char *next = parse_whole(*p, index);
	const char *end;

	if (next == NULL)
		return SPARSE_SYNTAX;
	next = skip_space(next);
	if (*next != ':')
		return SPARSE_SYNTAX;
	next = skip_space(next + 1);
	result->number = parse_float(next, &end, value);
	result->where = next;
	result->length = (size_t) (end - next);
	if (result->number == PARSE_NOT_A_NUMBER)
		return SPARSE_SYNTAX;
	if (result->number != PARSE_OK)
		return SPARSE_NUMBER;
	*p = skip_space(end);
	return SPARSE_OK;
}

/*
 * The elements between the braces; *p is behind the opening one and is moved behind the closing
 * one.
 */
static SparseStatus
parse_elements(const char **p, SparseElement *elements, int max, SparseResult *result)
{
	if (**p == '}')
	{
		(*p)++;
		return SPARSE_OK;
	}
	for (;;)
	{
		int64_t index;
		float value;
		SparseStatus status = parse_element(p, &index, &value, result);

		if (status != SPARSE_OK)
			return status;
		if (index < 1 || index > INT32_MAX)
			return SPARSE_INDEX;
		if (index > result->largest)
			result->largest = (int32_t) index;
		if (value != 0)
		{
			if (result->count == max)
				return SPARSE_TOO_MANY;
			elements[result->count++] = (SparseElement){(int32_t) (index - 1), value};
		}
		if (**p == '}')
		{
			(*p)++;
			return SPARSE_OK;
		}
		if (**p != ',')
			return SPARSE_SYNTAX;
		*p = skip_space(*p + 1);
	}
}

SparseStatus
parse_sparsevec(const char *text, SparseElement *elements, int max, SparseResult *result)
{
	const char *p = skip_space(text);
	int64_t dim;
	SparseStatus status;

	*result = (SparseResult){0};
	if (*p != '{')
		return SPARSE_SYNTAX;
	p = skip_space(p + 1);
	status = parse_elements(&p, elements, max, result);
	if (status != SPARSE_OK)
		return status;
	p = skip_space(p);
	if (*p != '/')
		return SPARSE_SYNTAX;
	p = parse_whole(skip_space(p + 1), &dim);
	if (p == NULL || *skip_space(p) != '\0')
		return SPARSE_SYNTAX;
	if (dim < INT32_MIN || dim > INT32_MAX)
		return SPARSE_DIM;
	result->dim = (int32_t) dim;
	qsort(elements, (size_t) result->count, sizeof(*elements), element_compare);
	for (int i = 1; i < result->count; i++)
		if (elements[i].index == elements[i - 1].index)
			return SPARSE_DUPLICATE;
	if (dim >= 1 && result->largest > dim)
		return SPARSE_INDEX;
	return SPARSE_OK;
}
