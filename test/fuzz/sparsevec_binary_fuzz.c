/*
 * sparsevec_binary_fuzz.c: any bytes as the binary form of sparsevec: nothing is read or written
 * beyond what is there; accepted is what a plain reading of the format accepts and no more; what is
 * accepted is written as the same bytes, and its text reads back as the same value.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/binary_form.h"
#include "type/sparsevec_parse.h"

#define MAX_DIM 1000000000
#define MAX_NNZ 16000

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number at a place, counted in numbers. */
static int32_t
number(const uint8_t *data, size_t i)
{
	return (int32_t) ((uint32_t) data[4 * i] << 24 | (uint32_t) data[4 * i + 1] << 16 |
					  (uint32_t) data[4 * i + 2] << 8 | (uint32_t) data[4 * i + 3]);
}

/* Is there a well-formed value at the start of the bytes? */
static bool
plainly_good(const uint8_t *data, size_t size)
{
	int32_t dim;
	int32_t nnz;

	if (size < 12)
		return false;
	dim = number(data, 0);
	nnz = number(data, 1);
	if (dim < 1 || dim > MAX_DIM || nnz < 0 || nnz > MAX_NNZ || nnz > dim || number(data, 2) != 0 ||
		size < 12 + 8 * (size_t) nnz)
		return false;
	for (int i = 0; i < nnz; i++)
	{
		int32_t index = number(data, 3 + i);
		uint32_t magnitude = (uint32_t) number(data, 3 + nnz + i) & 0x7FFFFFFF;

		if (index < 0 || index >= dim || (i > 0 && index <= number(data, 2 + i)) ||
			magnitude == 0 || magnitude >= 0x7F800000)
			return false;
	}
	return true;
}

/* As text, and from there. */
static void
check_text(const BinaryHead *head, const int32_t *indices, const float *values)
{
	char *text = malloc((size_t) head->nnz * 48 + 32);
	SparseElement *parsed = malloc((size_t) (head->nnz + 1) * sizeof(SparseElement));
	char *end = text;
	SparseResult result;

	*end++ = '{';
	for (int i = 0; i < head->nnz; i++)
		end += sprintf(end, "%s%d:%.9g", i > 0 ? "," : "", indices[i] + 1, (double) values[i]);
	sprintf(end, "}/%d", head->dim);
	if (parse_sparsevec(text, parsed, head->nnz, &result) != SPARSE_OK ||
		result.count != head->nnz || result.dim != head->dim)
		abort();
	for (int i = 0; i < head->nnz; i++)
		if (parsed[i].index != indices[i] ||
			memcmp(&parsed[i].value, &values[i], sizeof(float)) != 0)
			abort();
	free(text);
	free(parsed);
}

static void
check_written(const BinaryHead *head, const int32_t *indices, const float *values,
			  const uint8_t *data)
{
	size_t length = BINARY_SPARSE_HEAD + 8 * (size_t) head->nnz;
	unsigned char *written = malloc(length);
	unsigned char *end = binary_write_sparse_head(written, head->dim, head->nnz);

	end = binary_write_indices(end, indices, head->nnz);
	end = binary_write_floats(end, values, head->nnz);
	if (end != written + length || memcmp(written, data, length) != 0)
		abort();
	free(written);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BinaryInput input = {data, size};
	BinaryHead head;
	bool accepted = false;

	if (binary_read_sparse_head(&input, MAX_DIM, MAX_NNZ, &head) == BINARY_OK)
	{
		int32_t *indices = malloc((size_t) head.nnz * sizeof(int32_t));
		float *values = malloc((size_t) head.nnz * sizeof(float));

		accepted = binary_read_sparse(&input, &head, indices, values) == BINARY_OK;
		if (accepted)
		{
			if (input.left != size - 12 - 8 * (size_t) head.nnz)
				abort();
			check_written(&head, indices, values, data);
			check_text(&head, indices, values);
		}
		free(indices);
		free(values);
	}
	if (accepted != plainly_good(data, size))
		abort();
	return 0;
}
