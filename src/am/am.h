/*
 * am.h: the access method's own parts, one verb a file.
 *
 * handler.c   hnswhandler(): the table of callbacks
 * options.c   reloptions and settings
 * element.c   from a Datum to what the engine indexes
 * own.c       what of the catalog is ours
 * build.c     CREATE INDEX         insert.c   INSERT, UPDATE
 * scan.c      ORDER BY             vacuum.c   removal, repair
 * margin.c    where a filter lets a scan end
 * within.c    how many rows are within a distance
 * validate.c  operator classes     statistics.c  what an index knows of its rows
 *
 * What the planner does with an index is in planner/.
 */
#ifndef HNSWC_AM_H
#define HNSWC_AM_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "code/code.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "page/page.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

/* Support functions of an operator class. */
#define HNSWC_TYPE_PROC 1 /* (internal) -> internal: tells what is indexed, see element.h */
#define HNSWC_NPROCS 1

/* The strategy of an operator class's only operator. */
#define HNSWC_DISTANCE_STRATEGY 1

#define HNSWC_DEFAULT_M 16
#define HNSWC_MIN_M GRAPH_MIN_M
#define HNSWC_MAX_M GRAPH_MAX_M
#define HNSWC_DEFAULT_EF_CONSTRUCTION 64
#define HNSWC_MIN_EF_CONSTRUCTION 4
#define HNSWC_MAX_EF_CONSTRUCTION 1000
#define HNSWC_DEFAULT_EF_SEARCH 40
#define HNSWC_MAX_EF_SEARCH 1000

/* Reloptions.  -1 for what was not given and is chosen by type and dimensions. */
typedef struct HnswOptions
{
	int32 vl_len_; /* varlena header */
	int m;
	int ef_construction;
	int bits;   /* enum reloption: 1, 2, 4, 8, 32; -1 by default */
	int rerank; /* enum reloption: RerankSource; -1 by default */
} HnswOptions;

typedef enum IterativeScan
{
	ITERATIVE_SCAN_OFF,
	ITERATIVE_SCAN_STRICT,
	ITERATIVE_SCAN_RELAXED,
} IterativeScan;

/* options.c: settings */
extern int hnsw_ef_search;
extern bool hnsw_adaptive_search;
extern int hnsw_iterative_scan;
extern int hnsw_max_scan_tuples;
extern double hnsw_scan_mem_multiplier;

/* Defines reloptions and, if that is wanted and pgvector has not done so, the settings hnsw.*. */
extern void options_init(bool settings);
extern bytea *hnswoptions(Datum reloptions, bool validate);
/* An index's options with defaults filled in; m and ef_construction checked against each other. */
extern int options_m(Relation index);
extern int options_ef_construction(Relation index);
/* Bits per dimension of its codes; where they are the default, a build may have had to take fewer. */
extern int options_bits(Relation index, int dims, CodeMetric metric);
/* The shape of a new index: options, opclass and the column's dimensions.  Raises the errors a user sees. */
extern void options_shape(Relation index, IndexShape *shape);
/* Are the type, metric and dimensions of a shape those of the index's column?  What options decide is not looked at. */
extern bool options_shape_is_possible(Relation index, const IndexShape *shape);

/* build.c */
extern IndexBuildResult *hnswbuild(Relation heap, Relation index, IndexInfo *indexInfo);
extern void hnswbuildempty(Relation index);
extern char *hnswbuildphasename(int64 phase);
/* Where parallel workers of a build start. */
extern PGDLLEXPORT void hnsw_parallel_build_main(dsm_segment *seg, shm_toc *toc);

/* insert.c */
extern bool hnswinsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
					   IndexUniqueCheck checkUnique, bool indexUnchanged, IndexInfo *indexInfo);

/* scan.c */
extern IndexScanDesc hnswbeginscan(Relation index, int nkeys, int norderbys);
extern void hnswrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
extern bool hnswgettuple(IndexScanDesc scan, ScanDirection dir);
extern void hnswendscan(IndexScanDesc scan);

/* vacuum.c */
extern IndexBulkDeleteResult *hnswbulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
											 IndexBulkDeleteCallback callback, void *callback_state);
extern IndexBulkDeleteResult *hnswvacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

/* statistics.c */
/* How far searches have to look among so many rows: as it was measured before, unless too much has changed. */
extern void statistics_measure(Relation index, double tuples, GraphReach *reach);

/* within.c */
/*
 * Roughly how many rows of an index are within a distance of a vector, as the operator measures.  The caller holds a lock on
 * the index.  Raises the errors of a scan.
 */
extern double index_rows_within(Relation index, Datum query, double distance);

/* planner/cost.c */
extern void hnswcostestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *indexStartupCost,
							 Cost *indexTotalCost, Selectivity *indexSelectivity, double *indexCorrelation,
							 double *indexPages);

/* validate.c */
extern bool hnswvalidate(Oid opclassoid);

#endif /* HNSWC_AM_H */
