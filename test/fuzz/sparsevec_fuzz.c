/*
 * sparsevec_fuzz.c: parse_sparsevec() on any text: nothing is read beyond it, elements ascend
 * within the dimensions and are not zero, and what is accepted prints and reads back to the same
 * bytes.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "type/sparsevec_parse.h"

#define MOST 64

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	SparseElement x[MOST];
	SparseResult result;

	memcpy(text, data, size);
	text[size] = '\0';
	if (parse_sparsevec(text, x, MOST, &result) == SPARSE_OK)
	{
		char printed[MOST * 48] = "{";
		SparseElement again[MOST];
		SparseResult second;

		for (int i = 0; i < result.count; i++)
		{
			if (x[i].index < 0 || (result.dim >= 1 && x[i].index >= result.dim) ||
				x[i].value == 0 || !isfinite(x[i].value) || (i > 0 && x[i].index <= x[i - 1].index))
				abort();
			snprintf(printed + strlen(printed), 48, "%s%lld:%.9g", i > 0 ? "," : "",
					 (long long) x[i].index + 1, (double) x[i].value);
		}
		snprintf(printed + strlen(printed), 32, "}/%d", result.dim);
		if (parse_sparsevec(printed, again, MOST, &second) != SPARSE_OK ||
			second.count != result.count || second.dim != result.dim)
			abort();
		for (int i = 0; i < result.count; i++)
			if (again[i].index != x[i].index ||
				memcmp(&again[i].value, &x[i].value, sizeof(float)) != 0)
				abort();
	}
	free(text);
	return 0;
}
