/*
 * build.h: what the files of CREATE INDEX share.
 *
 * am/build.c    the build as a whole, in the order of its phases
 * train.c       a sample of the table, for the codes and for placement
 * rows.c        from a heap tuple into the graph, in every process of the build
 * parallel.c    the processes
 * progress.c    what the user is shown
 */
#ifndef HNSWC_BUILD_H
#define HNSWC_BUILD_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "build/arena.h"
#include "column/element.h"
#include "node/key_columns.h"
#include "node/node.h"
#include "nodes/execnodes.h"
#include "storage/dsm.h"
#include "storage/shm_toc.h"

/*
 * What a build is doing, in this order but for the last two, which a parallel build does at once.
 */
typedef enum BuildPhase
{
	PHASE_TRAIN = 1, /* PostgreSQL's PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE */
	PHASE_INSERT,
	PHASE_INSERT_ON_DISK, /* memory was not enough */
	PHASE_WRITE,
	PHASE_MEASURE,
	PHASE_LOG,
} BuildPhase;

/* One process's part of a build: everything a row needs, allocated once. */
typedef struct BuildRows
{
	Relation heap;
	Relation index;
	IndexInfo *info;
	IndexState *state;
	const ElementType *type;
	ArenaShared *shared;
	bool report; /* this process reports progress */
	MemoryContext row_cxt;

	/* in memory */
	Arena *arena;
	const Coder *build_coder; /* of the codes that the build measures by */
	GraphInsert *insert;
	CodeQuery *query;
	/* after the arena was flushed, made when first needed */
	PageStore *pages;
	GraphInsert *page_insert;
	CodeQuery *page_query;

	/* the row at hand */
	float *vector;
	void *code;
	void *side_code; /* NULL: the build measures by `code` */
	void *stored;    /* as it goes to the vector stream, or NULL */
	void *scratch;
	KeyColumns *key_columns; /* NULL: there are none */
	KeyProbe key;
} BuildRows;

/* train.c */

typedef struct BuildSample BuildSample;

/* `heap` NULL: an empty one. */
extern BuildSample *build_sample(Relation heap, Relation index, IndexInfo *info,
								 const IndexShape *shape);
/* Writes code_params_size() bytes to `params`. */
extern void build_train(const BuildSample *sample, const IndexShape *shape, void *params);
/*
 * How many rows there will be, and the clusters they are placed by. When the index has its
 * parameters.
 */
extern void build_place(const BuildSample *sample, const IndexState *state, ArenaPlan *plan);
/*
 * Entries of the row map for a block of the table: by the greatest offset met, or for an empty
 * table by the rows' width.
 */
extern int build_map_stride(const BuildSample *sample, Relation heap, Relation index);
extern void build_sample_free(BuildSample *sample);

/* progress.c: all in the process that the user watches */

/* Names of phases for pg_stat_progress_create_index. */
extern char *hnswbuildphasename(int64 phase);

extern void progress_phase(BuildPhase phase);
/* So many rows are expected. */
extern void progress_expect(double rows);
/* So many rows have been inserted, by all processes together. */
extern void progress_rows(uint64 rows);
/* That were all. */
extern void progress_end(uint64 rows);

/* rows.c */

/*
 * What the build measures nodes by: the stored codes, or finer ones that are kept beside the slots.
 */
extern CodeSpec build_spec(const CodeSpec *stored);
extern const Coder *build_coder(const IndexState *state);
/* Bytes of the latter for each node; 0 where it measures by the stored codes. */
extern Size build_side_size(const CodeSpec *stored);
/* `area`: where the arena's memory comes from, NULL for this process's own. */
extern BuildRows *build_rows_create(Relation heap, Relation index, IndexInfo *info,
									ArenaShared *shared, dsa_area *area);
/*
 * Inserts all rows that `scan` returns (NULL: of the whole table). Returns the heap tuples seen.
 */
extern double build_rows_scan(BuildRows *rows, TableScanDesc scan);
/* Writes the arena to the file if that has not happened yet.  When all processes are done. */
extern void build_rows_finish(BuildRows *rows);

/* parallel.c */

/* How many workers a build should ask for. */
extern int build_workers(Relation heap, Relation index, IndexInfo *info);
/*
 * Builds with up to `nworkers` workers beside this process, and measures what was
 * built. False, with nothing done, if none could be had.
 */
extern bool build_parallel(Relation heap, Relation index, IndexInfo *info, int nworkers,
						   const ArenaPlan *plan, IndexBuildResult *result,
						   IndexStatistics *statistics);
/* Where parallel workers of a build start. */
extern PGDLLEXPORT void hnsw_parallel_build_main(dsm_segment *seg, shm_toc *toc);

#endif /* HNSWC_BUILD_H */
