/*
 * vector_fuzz.c: parse_vector() on any text: nothing is read beyond it, numbers are those of
 * strtof(), and what is accepted prints and reads back to the same bytes.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/vector_parse.h"

#define MOST 64

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	float x[MOST];
	ParseResult result;

	memcpy(text, data, size);
	text[size] = '\0';
	if (parse_vector(text, x, MOST, &result) == PARSE_OK)
	{
		char printed[MOST * 32] = "[";
		float again[MOST];
		ParseResult second;

		for (int i = 0; i < result.count; i++)
			snprintf(printed + strlen(printed), 32, "%s%.9g", i > 0 ? "," : "", (double) x[i]);
		strcat(printed, "]");
		if (parse_vector(printed, again, MOST, &second) != PARSE_OK ||
			second.count != result.count ||
			memcmp(x, again, (size_t) result.count * sizeof(float)) != 0)
			abort();
	}
	else
	{
		const char *end;
		char *stop;
		float value;

		/* a single number, against the C library */
		if (parse_float(text, &end, &value) == PARSE_OK)
		{
			float expected = strtof(text, &stop);

			if (stop != end || memcmp(&value, &expected, sizeof(value)) != 0)
				abort();
		}
	}
	free(text);
	return 0;
}
