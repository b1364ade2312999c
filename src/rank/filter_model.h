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
	double bitmap; /* what the indexes take that the set is from */
	int m;
	int ef_search;
	bool mapped; /* the index has a row map */
} FilterModel;

/*
 * A scan searches for so many times hnsw.ef_search. Where most rows around the query pass, the
 * filter does not make it search for more, and so much more is little against what filters take.
 */
#define FILTER_EF 2.0
/* A walk is taken if it is expected to take no more than such a share of measuring the set. */
#define FILTER_WALK_SHARE 0.5
/*
 * Of the candidates that a walk looks for it answers for such a share: towards its end a pool is
 * not complete.
 */
#define FILTER_ANSWERED_SHARE 0.8

/* A scan without the set, which returns all rows until so many as the LIMIT takes have passed. */
extern double filter_plain_visits(const FilterModel *model);
/* A scan for rows more that pass, of which there is such a share. */
extern double filter_plain_rows_visits(double rows, double share);
/* Making the set and what is done with it. */
extern double filter_set_visits(const FilterModel *model);
/* Does a scan begin without the set? */
extern bool filter_begins_plain(const FilterModel *model);
/* Measuring all rows of the set. */
extern double filter_measure_visits(const FilterModel *model);
/* The share of the index's rows that are in the set. */
extern double filter_share(const FilterModel *model);
/* Candidates of the set that a walk looks for, where such a share of rows is in it. */
extern double filter_walk_ef(const FilterModel *model, double share);
/* Walking for so many, if they are spread evenly. */
extern double filter_walk_visits(const FilterModel *model);
/* Is the set walked to, rather than measured? */
extern bool filter_walks(const FilterModel *model);

#endif /* HNSWC_FILTER_MODEL_H */
