/*
 * settings.h: how a scan searches.  Where that comes from is am/settings.c's.
 */
#ifndef HNSWC_SETTINGS_H
#define HNSWC_SETTINGS_H

#include "postgres.h"

#define HNSWC_MAX_EF_SEARCH 1000

typedef enum IterativeScan
{
	ITERATIVE_SCAN_OFF,
	ITERATIVE_SCAN_STRICT,
	ITERATIVE_SCAN_RELAXED,
} IterativeScan;

/* How a scan searches.  See the settings of the same names. */
typedef struct ScanSettings
{
	int ef_search;
	bool adaptive_search;
	int iterative_scan; /* IterativeScan */
	int max_scan_tuples;
	double scan_mem_multiplier;
	double recall; /* the share of the nearest that ef_search gives way to; 0: it does not */
	/* of the step for `rank` rows, to measure what it finds; 0: chosen by recall */
	int width;
	int rank;
} ScanSettings;

#endif /* HNSWC_SETTINGS_H */
