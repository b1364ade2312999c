/*
 * am.h: the access method's callbacks, and what an index's owner chooses.
 *
 * handler.c   hnswhandler(): the table of callbacks; which indexes are ours
 * options.c   reloptions           settings.c  how an index is searched
 * build.c     CREATE INDEX         insert.c    INSERT, UPDATE
 * scan.c      ORDER BY             validate.c  operator classes
 * within.c    how many rows are within a distance
 *
 * Removal is in node/vacuum.c. What the planner does with an index is in planner/.
 */
#ifndef HNSWC_AM_H
#define HNSWC_AM_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "code/code.h"
#include "node/node.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "rank/counters.h"
#include "rank/settings.h"

#define HNSWC_DEFAULT_M 16
#define HNSWC_MIN_M GRAPH_MIN_M
#define HNSWC_MAX_M GRAPH_MAX_M
#define HNSWC_DEFAULT_EF_CONSTRUCTION 64
#define HNSWC_MIN_EF_CONSTRUCTION 4
#define HNSWC_MAX_EF_CONSTRUCTION 1000
#define HNSWC_DEFAULT_EF_SEARCH 40

#define HNSWC_MAX_SCAN_MEM_MULTIPLIER 1000.0
#define HNSWC_MAX_RECALL RECALL_MOST_SHARE

/* The value of an option that was not given. */
#define OPTION_NOT_GIVEN (-1)

/*
 * Reloptions. Those that were not given are chosen by type and dimensions, or are the session's
 * settings.
 */
typedef struct HnswOptions
{
	int32 vl_len_; /* varlena header */
	int m;
	int ef_construction;
	int bits;   /* enum reloption: 1, 2, 4, 8, 32; -1 by default */
	int rerank; /* enum reloption: RerankSource; -1 by default */
	/* how the index is searched; -1 by default */
	int ef_search;
	int adaptive_search; /* enum reloption: 1 or 0 */
	int iterative_scan;  /* enum reloption: IterativeScan */
	int max_scan_tuples;
	double scan_mem_multiplier;
	double recall;
	bool row_map;
} HnswOptions;

/* handler.c */

/* Has the index our access method? */
extern bool own_index(const IndexOptInfo *index);
/* The same of an index that the caller, or the planner for it, holds a lock on. */
extern bool own_index_oid(Oid index);
/*
 * Of an index of ours: which column is the vector, counted from 0. All before it are key columns.
 */
static inline int
own_vector_column(const IndexOptInfo *index)
{
	return index->nkeycolumns - 1;
}

/* settings.c */

/* Defines the settings hnsw.*, unless pgvector has done so. */
extern void settings_init(void);
/*
 * Raises an error if pgvector has defined the settings of this session, which then have no effect
 * on our indexes.
 */
extern void settings_check_ours(void);
/* How an index is to be searched now: by what is set, or else its options, or else the defaults. */
extern ScanSettings settings_of(Relation index);
/*
 * From here on scans go by the steps that they take for a recall, with this width for `rank` rows
 * and more; 0: no more. Steps before are narrower, as they are where the recall is the same.
 * Whoever sets that undoes it, also when an error is raised.
 */
extern void settings_set_width(int width, int rank);
/*
 * The width of searches of an open index for so many rows, by the settings that count for it:
 * chosen by recall, or ef_search.
 */
extern int settings_width(Relation index, const ScanSettings *settings, double rank);

/* options.c */

/* Defines the reloptions. */
extern void options_init(void);
extern bytea *hnswoptions(Datum reloptions, bool validate);
/* An index's options with defaults filled in; m and ef_construction checked against each other. */
extern int options_m(Relation index);
extern bool options_row_map(Relation index);
/*
 * Bits per dimension of its codes; where they are the default, a build may have had to take fewer.
 */
extern int options_bits(Relation index, int dims, CodeMetric metric);
/*
 * The shape of a new index: options, opclass and the column's dimensions. Raises the errors a user
 * sees.
 */
extern void options_shape(Relation index, IndexShape *shape);
struct ElementType;
/*
 * Of such a shape, whose type and spec but for its bits are filled in, what options (NULL: none)
 * decide.
 */
extern void options_choose(const HnswOptions *options, const struct ElementType *type,
						   IndexShape *shape);
/*
 * Are the type, metric and dimensions of a shape those of the index's column? What options decide
 * is not looked at.
 */
extern bool options_shape_is_possible(Relation index, const IndexShape *shape);

/* build.c */
extern IndexBuildResult *hnswbuild(Relation heap, Relation index, IndexInfo *indexInfo);
extern void hnswbuildempty(Relation index);
/* insert.c */
extern bool hnswinsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
					   Relation heap, IndexUniqueCheck checkUnique, bool indexUnchanged,
					   IndexInfo *indexInfo);

/* scan.c */
extern IndexScanDesc hnswbeginscan(Relation index, int nkeys, int norderbys);
extern void hnswrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
					   int norderbys);
extern bool hnswgettuple(IndexScanDesc scan, ScanDirection dir);
extern void hnswendscan(IndexScanDesc scan);
/*
 * The sums of all scans that the executor has made by a scan descriptor, which may be any index's;
 * false if that is none of ours, or if there was none.
 */
extern bool scan_counters(IndexScanDesc scan, ScanCounters *counters);

/* within.c */
/*
 * Roughly how many rows of an index are within a distance of a vector, as the operator measures.
 * The caller holds a lock on the index. Raises the errors of a scan.
 */
extern double index_rows_within(Relation index, Datum query, double distance);

/* planner/cost.c */
extern void hnswcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
							 Cost *indexStartupCost, Cost *indexTotalCost,
							 Selectivity *indexSelectivity, double *indexCorrelation,
							 double *indexPages);

/* validate.c */
extern bool hnswvalidate(Oid opclassoid);

#endif /* HNSWC_AM_H */
