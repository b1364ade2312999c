/*
 * width.h: what a number of bits a dimension means for the quantizers: one row of a table for each.
 *
 * A further width is a row here, a value of the option `bits`, and a kernel that multiplies it.
 */
#ifndef HNSWC_CODE_WIDTH_H
#define HNSWC_CODE_WIDTH_H

/* Scales tried for a grid. */
#define WIDTH_TRIALS 7

typedef struct CodeWidth
{
	int bits;
	/*
	 * rotated codes, see quantize.c: where the grid ends, in standard deviations; 0: at the
	 * greatest value
	 */
	float clip;
	float trials[WIDTH_TRIALS]; /* scales relative to that; 1 bit: none */
	/*
	 * scalar codes, see scalar_l1.c: where the line begins and ends, likewise; 0: at the least and
	 * the greatest value
	 */
	float line_reach;
	int line_rounds; /* of Lloyd's iteration */
	/*
	 * Candidates beyond the pool that are looked at: the coarser the codes, the farther down their
	 * order the nearest may be. Of the true ten nearest all are among the best so many, but for a
	 * share of a thousandth or so; 1 bit would need more.
	 */
	int runners_up;
} CodeWidth;

/* The row of that many bits; NULL where codes of it are not quantized, or there are none. */
extern const CodeWidth *code_width(int bits);

#endif /* HNSWC_CODE_WIDTH_H */
