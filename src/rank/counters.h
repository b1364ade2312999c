/*
 * counters.h: what a scan did, in numbers.
 *
 * A scan counts as it goes, by numbers that are there anyway or change a few times a scan.  When it
 * ends, the session's last_scan takes them over, and a scan slower than hnsw.log_min_duration is
 * logged with them.
 */
#ifndef HNSWC_COUNTERS_H
#define HNSWC_COUNTERS_H

#include "postgres.h"

#include "access/genam.h"

typedef struct ScanCounters
{
	Oid index;        /* InvalidOid: no scan has ended yet */
	bool by_table;    /* the rest came from the table, since a filter let hardly any row pass */
	bool by_set;      /* a filtered scan measured all rows of its bitmap */
	bool has_query;   /* false: no order, all elements are as far */
	int ef_search;    /* as set, see settings.c */
	double recall;    /* as set, if it counted; else 0 */
	int ef;           /* candidates that the last search was for */
	int rounds;       /* searches: the first one and each that went on */
	int64 nodes;      /* measured by searches, of all layers */
	int64 reranked;   /* candidates measured exactly */
	int64 returned;   /* rows given to the executor */
	int64 kept_back;  /* results found too late for their place in strict order */
	int64 swept;      /* elements read from all pages, since the search had not met them */
	int64 table_rows; /* rows of the table read to measure them, or for the filter */
	int64 blocks_hit; /* of the index, and of the table as far as the scan itself reads it */
	int64 blocks_read;
	double milliseconds; /* within the index; negative: not measured */
} ScanCounters;

/* Of the last scan of the session that has ended. */
extern ScanCounters last_scan;

/* Defines the setting hnsw.log_min_duration. */
extern void counters_init(void);
/* What the counters say of the way that a scan took: a word or two, constant. */
extern const char *counters_strategy(const ScanCounters *counters);

#endif /* HNSWC_COUNTERS_H */
