/*
 * filter.h: a scan that returns only rows of a given set, for the node of the executor that has the
 * set.
 *
 * To make the set takes a time in proportion to its rows. Where many are expected a scan begins
 * without it, returns all rows, and leaves it to the node to drop those that do not qualify. If the
 * query's neighbourhood has so few that qualify that the set would take less time, it has the set
 * made after all.
 *
 * With the set the scan takes one of two ways, by how large the set is. A small set is measured:
 * each row's node is looked up in the row map and its code measured, and the nearest are measured
 * exactly. What is returned is then what an exact search of the set returns. A large set is walked
 * to: a search as without a set, for which nodes of other rows are bridges. A walk that costs more
 * than was expected, as the query's neighbourhood has hardly any rows of the set, is given up, and
 * the set measured.
 */
#ifndef HNSWC_FILTER_H
#define HNSWC_FILTER_H

#include "postgres.h"

#include "access/genam.h"
#include "rank/rowset.h"

/* What a scan is to return, and what came of it.  Belongs to the caller and outlives the scan. */
typedef struct RowFilter
{
	RowSet *rows; /* may be another one at each rescan; NULL: not made yet */
	/* makes it */
	void (*make)(struct RowFilter *filter);
	double expected; /* rows that it is expected to have */
	double cost;     /* of making it, by the planner, in tuples that are visited */
	double limit;    /* rows that the planner expects to be taken; 0: all */
	int64 passed;    /* rows that have left the node since the scan began */
	/* since the scan was opened, over all rescans */
	int64 nplain;    /* scans that began without the set */
	int64 nmeasures; /* scans that measured from the start */
	int64 nwalks;    /* scans that walked */
	int64 nswitches; /* scans of the first and third kind that went over to measuring */
	int64 nodes;     /* measured by their codes */
	int64 reranked;  /* measured exactly */
	int64 fetched;   /* of these, from the table, for want of a node */
} RowFilter;

/*
 * Has a scan return rows of a set. Not only these until filter->rows is set. To be called when it
 * has begun, before its first row.
 */
extern void scan_set_filter(IndexScanDesc scan, RowFilter *filter);

#endif /* HNSWC_FILTER_H */
