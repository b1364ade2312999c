/*
 * order.h: the order of a few candidates.
 *
 * Which of two distances is less is a coin toss, so that a sort spends most of its time on branches
 * that were predicted wrongly. Of few candidates all are compared with all instead, four at a time:
 * a candidate's place is the number of those that come before it.
 */
#ifndef HNSWC_ORDER_H
#define HNSWC_ORDER_H

#include "postgres.h"

#include <math.h>

#include "graph/graph.h"

/* Beyond so many a sort is faster. */
#define ORDER_MOST 256

/* Vectors that compilers know on every architecture. */
typedef float FourFloats __attribute__((vector_size(16)));
typedef int32 FourInts __attribute__((vector_size(16)));

StaticAssertDecl(ORDER_MOST % 4 == 0 && ORDER_MOST >= GRAPH_MAX_LINKS,
				 "the last four are filled up; a batch has an order");

static inline FourFloats
four_floats(const float *from)
{
	FourFloats four;

	memcpy(&four, from, sizeof(four));
	return four;
}

/*
 * order[i] is which of at most ORDER_MOST candidates is the i-th nearest; of equal ones the first
 * comes first.
 */
static inline void
candidates_order(const Candidate *candidates, int n, int *order)
{
	const FourInts lanes = {0, 1, 2, 3};
	float dist[ORDER_MOST];
	FourInts place[ORDER_MOST / 4]; /* less how many stand before */
	int nfours = (n + 3) / 4;

	Assert(n <= ORDER_MOST);
	/* what is no number would have no place */
	for (int i = 0; i < n; i++)
		dist[i] = candidates[i].dist < INFINITY ? candidates[i].dist : INFINITY;
	for (int i = n; i < 4 * nfours; i++)
		dist[i] = INFINITY;
	memset(place, 0, nfours * sizeof(FourInts));
	for (int i = 0; i < n; i++)
	{
		float one = dist[i];
		FourFloats four = {one, one, one, one};
		FourFloats own = four_floats(&dist[i / 4 * 4]);

		for (int k = 0; k < i / 4; k++)
			place[k] += four < four_floats(&dist[4 * k]);
		place[i / 4] += (four < own) | ((four == own) & (lanes > i % 4));
		for (int k = i / 4 + 1; k < nfours; k++)
			place[k] += four <= four_floats(&dist[4 * k]);
	}
	for (int i = 0; i < n; i++)
		order[-place[i / 4][i % 4]] = i;
}

#endif /* HNSWC_ORDER_H */
