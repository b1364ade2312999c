/*
 * cost.h: what scans of an index cost, in PostgreSQL's units.
 */
#ifndef HNSWC_COST_H
#define HNSWC_COST_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* An index as the estimate sees it. */
typedef struct ScanModel
{
	double rows; /* in the index */
	BlockNumber pages;
	int m;
	int ef_search;
	bool mapped;       /* it has a row map */
	double visit_cost; /* of measuring a node, CPU only */
} ScanModel;

/* Reads it from the index and its statistics. */
extern void scan_model_read(ScanModel *model, IndexOptInfo *info);
/* A page of the index, on average, where one that is read at random costs so much. */
extern Cost scan_page_cost(const ScanModel *model, double random_cost);
/* Opening the index and preparing the query of a path. */
extern Cost scan_prepare_cost(PlannerInfo *root, const IndexPath *path);
/* Measuring a candidate exactly. */
extern Cost scan_rerank_cost(void);

#endif /* HNSWC_COST_H */
