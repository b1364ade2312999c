/*
 * widths.c: how wide searches have to be to find a share of the nearest.
 *
 * An index keeps a table: for 1, 10 and 100 nearest and for some shares, the ef with which a step
 * of a scan finds that share (rounds.c). It is made from what searches of several widths have
 * missed, which falls about as a power of the width, and read by interpolation of logarithms:
 * between shares by what is missed, between ranks by the rank.
 *
 * Elements of the index that are left out of it are harder to find than users' queries: the graph
 * around them was made for them, and has a hole. Measured on five sets of 128 to 1,280 dimensions,
 * queries that are not in the index miss about what elements miss to the power of 1.12: .15 where
 * these miss .18, .029 for .042, .0026 for .005.
 */
#include "postgres.h"

#include <math.h>

#include "node/node.h"

/* See above. */
#define OWN_EXPONENT 1.12
/*
 * Of what may be missed, what is aimed at. By some hundred searches misses are known to a tenth or
 * two. Of many rows more is lost than the last step misses: a row that an earlier step missed is
 * found too late for its place, and there are more steps than ranks that are measured.
 */
static const double aims[RECALL_RANKS] = {0.85, 0.85, 0.6};
/* Misses are taken to fall at least with this power of the width where nothing is measured. */
#define LEAST_SLOPE 1.5
/* Beyond what was measured they fall as in so many steps before. */
#define SLOPE_STEPS 4
/* Where nothing was missed, so much of one miss. */
#define NO_MISS 0.5

static const double shares[RECALL_SHARES] = {0.80, 0.90, 0.95, 0.98, 0.99, 0.995, 0.999};

double
recall_share(int s)
{
	return shares[s];
}

/* What was missed at each width, in logarithms. */
typedef struct MissCurve
{
	int n;
	double width[GRAPH_RECALL_WIDTHS];
	double miss[GRAPH_RECALL_WIDTHS]; /* never ascending */
} MissCurve;

/* Up to the first width at which nothing was missed. */
static void
curve_make(MissCurve *curve, const GraphRecall *found, int r, double exponent)
{
	int width;

	curve->n = 0;
	for (int i = 0; i < GRAPH_RECALL_WIDTHS && (width = graph_recall_width(r, i)) > 0; i++)
	{
		double missed = (double) (found->wanted[r] - found->found[r][i]);
		double miss = exponent * log(Max(missed, NO_MISS) / (double) found->wanted[r]);

		if (width < graph_recall_rank(r))
			continue;
		if (curve->n > 0)
			miss = Min(miss, curve->miss[curve->n - 1]);
		curve->width[curve->n] = log(width);
		curve->miss[curve->n++] = miss;
		if (missed <= 0)
			break;
	}
	Assert(curve->n > 0);
}

/* The width at which no more is missed. */
static double
curve_width(const MissCurve *curve, double miss)
{
	int last = curve->n - 1;
	int before = Max(last - SLOPE_STEPS, 0);
	double slope = LEAST_SLOPE;

	for (int i = 0; i <= last; i++)
	{
		double part;

		if (curve->miss[i] > miss)
			continue;
		if (i == 0)
			return curve->width[0];
		part = (curve->miss[i - 1] - miss) / (curve->miss[i - 1] - curve->miss[i]);
		return curve->width[i - 1] + part * (curve->width[i] - curve->width[i - 1]);
	}
	if (last > 0)
		slope = Max(slope, (curve->miss[before] - curve->miss[last]) /
							   (curve->width[last] - curve->width[before]));
	return curve->width[last] + (curve->miss[last] - miss) / slope;
}

void
recall_fit(const GraphRecall *found, RecallSource source, RecallWidths *widths)
{
	double exponent = source == RECALL_MEASURED ? OWN_EXPONENT : 1;
	uint16 ef[RECALL_RANKS];

	Assert(source != RECALL_UNKNOWN);
	widths->source = source;
	for (int s = 0; s < RECALL_SHARES; s++)
	{
		for (int r = 0; r < RECALL_RANKS; r++)
		{
			MissCurve curve;
			double width;

			curve_make(&curve, found, r, exponent);
			width = exp(curve_width(&curve, log(aims[r] * (1 - shares[s]))));
			ef[r] = (uint16) Min(ceil(width - 0.01), RECALL_MOST_EF);
		}
		/* the nearest is found before those behind it, of which there are more to measure by */
		widths->ef[0][s] = Min(ef[0], ef[1]);
		widths->ef[1][s] = ef[1];
		widths->ef[2][s] = Max(ef[2], ef[1]);
	}
}

/* The logarithm of the width for one of the ranks of the table. */
static double
table_width(const uint16 *ef, double share)
{
	int s = 1;
	double part;

	while (s < RECALL_SHARES - 1 && shares[s] < share)
		s++;
	part = log((1 - shares[s - 1]) / (1 - share)) / log((1 - shares[s - 1]) / (1 - shares[s]));
	part = Max(0, Min(part, 1));
	return log(ef[s - 1]) + part * (log(ef[s]) - log(ef[s - 1]));
}

int
recall_width(const RecallWidths *widths, double share, double rank)
{
	int r = 1;
	double below;
	double above;
	double part;

	Assert(share > 0 && share < 1 && rank >= 1);
	/* what a page says may be anything */
	if (widths->source == RECALL_UNKNOWN)
		return 0;
	for (int i = 0; i < RECALL_RANKS; i++)
		for (int s = 0; s < RECALL_SHARES; s++)
			if (widths->ef[i][s] < 1 || widths->ef[i][s] > RECALL_MOST_EF)
				return 0;
	while (r < RECALL_RANKS - 1 && graph_recall_rank(r) < rank)
		r++;
	below = table_width(widths->ef[r - 1], share);
	above = table_width(widths->ef[r], share);
	part = log(rank / graph_recall_rank(r - 1)) /
		   log((double) graph_recall_rank(r) / graph_recall_rank(r - 1));
	if (part > 1)
		/* for more rows than were measured as many more as there are rows */
		return (int) Min(ceil(exp(above) * rank / graph_recall_rank(r)), PG_INT32_MAX / 4);
	return (int) Max(rint(exp(below + part * (above - below))), rank);
}
