/*
 * dense_binary.h: the body of vector_binary_fuzz.c and halfvec_binary_fuzz.c, which say what an
 * element is.
 *
 * Any bytes as the binary form of a dense vector: nothing is read or written beyond what is there;
 * accepted is what a plain reading of the format accepts and no more; what is accepted is written
 * as the same bytes, and its text reads back as the same value.
 *
 *	ELEMENT, READ, WRITE	an element, and the functions of binary_form.h for it
 *	IS_FINITE				of an element's bits as a number
 *	TO_FLOAT, FROM_FLOAT	to a float and back
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/binary_form.h"
#include "type/vector_parse.h"

#define MAX_DIM 16000

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The dimensions of a well-formed value at the start of the bytes; 0 if there is none. */
static int
plain_dims(const uint8_t *data, size_t size)
{
	int dim = size < 4 ? 0 : data[0] << 8 | data[1];

	if (dim < 1 || dim > MAX_DIM || data[2] != 0 || data[3] != 0 ||
		size - 4 < (size_t) dim * sizeof(ELEMENT))
		return 0;
	for (int i = 0; i < dim; i++)
	{
		uint32_t bits = 0;

		for (size_t k = 0; k < sizeof(ELEMENT); k++)
			bits = bits << 8 | data[4 + i * sizeof(ELEMENT) + k];
		if (!IS_FINITE(bits))
			return 0;
	}
	return dim;
}

/* As text, and from there. */
static void
check_text(const ELEMENT *x, int n)
{
	char *text = malloc((size_t) n * 32 + 3);
	float *parsed = malloc((size_t) n * sizeof(float));
	char *end = text;
	ParseResult result;

	*end++ = '[';
	for (int i = 0; i < n; i++)
		end += sprintf(end, "%s%.9g", i > 0 ? "," : "", (double) TO_FLOAT(x[i]));
	strcpy(end, "]");
	if (parse_vector(text, parsed, n, &result) != PARSE_OK || result.count != n)
		abort();
	for (int i = 0; i < n; i++)
	{
		ELEMENT again = FROM_FLOAT(parsed[i]);

		if (memcmp(&again, &x[i], sizeof(again)) != 0)
			abort();
	}
	free(text);
	free(parsed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BinaryInput input = {data, size};
	BinaryHead head;
	bool accepted = false;

	if (binary_read_dense_head(&input, MAX_DIM, &head) == BINARY_OK)
	{
		ELEMENT *x = malloc((size_t) head.dim * sizeof(ELEMENT));

		if (READ(&input, x, head.dim) == BINARY_OK)
		{
			size_t length = BINARY_DENSE_HEAD + (size_t) head.dim * sizeof(ELEMENT);
			unsigned char *written = malloc(length);

			accepted = true;
			if (WRITE(binary_write_dense_head(written, head.dim), x, head.dim) !=
					written + length ||
				memcmp(written, data, length) != 0 || input.left != size - length ||
				input.bytes != data + length)
				abort();
			check_text(x, head.dim);
			free(written);
		}
		free(x);
	}
	if (plain_dims(data, size) != (accepted ? head.dim : 0))
		abort();
	return 0;
}
