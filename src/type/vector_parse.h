/*
 * vector_parse.h: from the text of a dense vector, "[1,2.5,-3]", to floats.
 *
 * Text vectors are parameters of queries, so this is on the path of every search: a decimal parser
 * of our own does the numbers people write, and strtof() does the rest. Callers may rely on the
 * result being bit for bit that of strtof() in the C locale, and on exactly its syntax.
 *
 * Plain C without PostgreSQL: nothing is allocated, nothing is thrown, so it can be fuzzed and
 * tested alone.
 */
#ifndef HNSWC_VECTOR_PARSE_H
#define HNSWC_VECTOR_PARSE_H

#include <stddef.h>

typedef enum ParseStatus
{
	PARSE_OK,
	PARSE_NO_BRACKET,  /* does not start with '[' */
	PARSE_NO_ELEMENTS, /* "[]" */
	PARSE_TOO_MANY,    /* more elements than the caller has room for */
	/* no number where one has to be, or the text ends early, or an unknown character follows one */
	PARSE_NOT_A_NUMBER,
	PARSE_TRAILING, /* something other than white space after the closing bracket */
	PARSE_RANGE,    /* a number beyond the largest float */
	PARSE_NAN,      /* "nan" */
	PARSE_INFINITE, /* "inf" */
} ParseStatus;

/* What the parser found: the number of elements, and on an error the token that is to blame. */
typedef struct ParseResult
{
	int count;         /* elements stored */
	const char *where; /* first character of the offending token */
	/* its length; more than zero for PARSE_RANGE, PARSE_NAN and PARSE_INFINITE only */
	size_t length;
} ParseResult;

/*
 * Parses one number at `text`, without leading white space. Sets *end behind it. Returns PARSE_OK,
 * PARSE_NOT_A_NUMBER (*end is `text`), PARSE_RANGE, PARSE_NAN or PARSE_INFINITE. Underflow gives
 * the nearest subnormal or zero.
 */
extern ParseStatus parse_float(const char *text, const char **end, float *value);

/*
 * Parses a whole vector into values[0 .. max - 1]. White space is allowed around brackets and
 * numbers.
 */
extern ParseStatus parse_vector(const char *text, float *values, int max, ParseResult *result);

#endif /* HNSWC_VECTOR_PARSE_H */
