/*
 * width.c: the table of widths.
 *
 * Ends of grids and lines are those of the best uniform quantizers of a Gaussian (Max, "Quantizing
 * for minimum distortion", 1960); trials and rounds are measured.
 */
#include <stddef.h>

#include "code/width.h"

static const CodeWidth widths[] = {
	{.bits = 1, .line_reach = 0.8f, .line_rounds = 6, .runners_up = 40},
	{
		.bits = 2,
		.clip = 1.99f,
		.trials = {0.70f, 0.80f, 0.87f, 0.93f, 0.98f, 1.03f, 1.10f},
		.line_reach = 1.49f,
		.line_rounds = 6,
		.runners_up = 40,
	},
	{
		.bits = 4,
		.clip = 2.68f,
		.trials = {0.65f, 0.78f, 0.87f, 0.93f, 0.98f, 1.03f, 1.09f},
		.line_reach = 2.51f,
		.line_rounds = 4,
		.runners_up = 12,
	},
	{
		.bits = 8,
		.trials = {1.000f, 1.006f, 1.014f, 1.025f, 1.045f, 1.08f, 1.15f},
		.runners_up = 4,
	},
};

const CodeWidth *
code_width(int bits)
{
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (widths[i].bits == bits)
			return &widths[i];
	return NULL;
}
