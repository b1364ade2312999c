/*
 * filter_model.h: what a scan of a set of rows takes, for the scan and for the planner.
 *
 * The unit is a node that a walk visits.
 */
#ifndef HNSWC_FILTER_MODEL_H
#define HNSWC_FILTER_MODEL_H

#include "postgres.h"

typedef struct FilterModel
{
	double rows;   /* in the index */
	double wanted; /* of them, in the set */
	double limit;  /* rows that a LIMIT takes of the set; 0: not known */
	int m;
	int ef_search;
	bool mapped; /* the index has a row map */
} FilterModel;

/* A walk is taken if it is expected to take no more than such a share of measuring the set. */
#define FILTER_WALK_SHARE 0.5
/*
 * Of the candidates that a walk looks for it answers for such a share: towards its end a pool is
 * not complete.
 */
#define FILTER_ANSWERED_SHARE 0.8

/* Measuring all rows of the set. */
extern double filter_measure_visits(const FilterModel *model);
/* Candidates of the set that a walk looks for first. */
extern double filter_walk_ef(const FilterModel *model);
/* Walking for so many, if they are spread evenly. */
extern double filter_walk_visits(const FilterModel *model);
/* Is the set walked to, rather than measured? */
extern bool filter_walks(const FilterModel *model);

#endif /* HNSWC_FILTER_MODEL_H */
