/*
 * filter.h: a scan that returns only rows of a given set, for the node of the executor that has the
 * set.
 *
 * The scan takes one of two ways, by how large the set is. A small set is measured: each row's node
 * is looked up in the row map and its code measured, and the nearest are measured exactly. What is
 * returned is then what an exact search of the set returns. A large set is walked to: a search as
 * without a set, for which nodes of other rows are bridges. A walk that costs more than was
 * expected, as the query's neighbourhood has hardly any rows of the set, is given up, and the set
 * measured.
 */
#ifndef HNSWC_FILTER_H
#define HNSWC_FILTER_H

#include "postgres.h"

#include "access/genam.h"
#include "rank/rowset.h"

/* What a scan is to return, and what came of it.  Belongs to the caller and outlives the scan. */
typedef struct RowFilter
{
	RowSet *rows; /* may be another one at each rescan */
	/* since the scan was opened, over all rescans */
	int64 nmeasures; /* scans that measured from the start */
	int64 nwalks;    /* scans that walked */
	int64 nswitches; /* of these, those that went over to measuring */
	int64 nodes;     /* measured by their codes */
	int64 reranked;  /* measured exactly */
	int64 fetched;   /* of these, from the table, for want of a node */
} RowFilter;

/* Has a scan return rows of a set only.  To be called when it has begun, before its first row. */
extern void scan_set_filter(IndexScanDesc scan, RowFilter *filter);

#endif /* HNSWC_FILTER_H */
