/*
 * observe.h: what a user may ask of an index: see README.
 *
 * row.c        a row of results, column by column
 * target.c     the index that is asked about, and the queries that it serves
 * last_scan.c  hnsw_last_scan()
 * explain.c    EXPLAIN (ANALYZE) of PostgreSQL 18
 * stats.c      hnsw_stats()
 * estimate.c   hnsw_estimate()
 * prewarm.c    hnsw_prewarm()
 * recall.c     hnsw_recall()
 * calibrate.c  hnsw_calibrate()
 * asking.c     searches, and what they should have found
 * questions.c  the vectors that recall is measured with
 * exact.c      the distances of their nearest rows, from the table
 */
#ifndef HNSWC_OBSERVE_H
#define HNSWC_OBSERVE_H

#include "postgres.h"

#include "am/am.h"
#include "column/element.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "rank/counters.h"
#include "utils/array.h"
#include "utils/rel.h"

/* row.c */

#define RESULT_MAX_COLUMNS 48

/*
 * A row that a function returns, as its declaration has it; filled from the first column to the
 * last.
 */
typedef struct ResultRow
{
	TupleDesc desc;
	int n;
	Datum values[RESULT_MAX_COLUMNS];
	bool isnull[RESULT_MAX_COLUMNS];
} ResultRow;

/*
 * Starts a row of the function that is called.  Raises an error if that was not declared to return
 * rows.
 */
extern void row_begin(ResultRow *row, FunctionCallInfo fcinfo);
extern void row_add(ResultRow *row, Datum value);
extern void row_add_null(ResultRow *row);
/* The row, all of whose columns have been added. */
extern Datum row_finish(ResultRow *row);

/* target.c */

/* An index, locked together with its table. */
typedef struct IndexTarget
{
	Relation table;
	Relation index;
	const ElementType *type;
	bool is_owner; /* may the user do what the table's owner may? */
} IndexTarget;

/*
 * Opens an index by its OID.  Raises the errors of what is not an index that this access method can
 * search; and, if the index's pages are going to be read `for_pages`, of a user who may not.
 */
extern void target_open(IndexTarget *target, Oid index, bool for_pages);
/* Raises an error if the index has key columns, which the function does not know. */
extern void target_refuse_keys(const IndexTarget *target, const char *function);
/* The locks stay until the end of the transaction. */
extern void target_close(IndexTarget *target);

/*
 * The parts of queries that an index serves, as SQL that means the same whatever the search path is
 * now.
 */
typedef struct TargetSql
{
	Oid type;            /* of what is indexed */
	Oid distance;        /* the operator's function */
	const char *element; /* what is indexed: a column or an expression */
	const char *op;      /* of the distance */
	const char *from;    /* FROM and WHERE for all rows that are in the index */
} TargetSql;

extern void target_describe(const IndexTarget *target, TargetSql *sql);

typedef struct SavedUser
{
	Oid user;
	int context;
	int nest_level; /* settings changed since are undone */
} SavedUser;

/*
 * From here to target_resume_user() the table is read as its owner if the user may do what he may,
 * as ANALYZE does, since an index's expressions are the owner's; else as the user, who needs SELECT
 * and sees the rows that he sees in queries.
 */
extern void target_assume_owner(const IndexTarget *target, SavedUser *saved);
extern void target_resume_user(const SavedUser *saved);

/* explain.c */

/* Installs the hook, where there is one.  To be called once, when the library is loaded. */
extern void explain_init(void);

/* questions.c */

/* Vectors to search for. */
typedef struct Questions
{
	int n;
	int size;
	Datum *values; /* detoasted */
	bool are_rows; /* they are rows of the table, which each are to find the others */
} Questions;

extern void questions_create(Questions *questions, int size);
/*
 * A random sample of what the first column of an SQL query returns, which has to be of a
 * type.  Needs SPI.
 */
extern void questions_sample(Questions *questions, const char *query, Oid type);
/* All elements of an array of a type. */
extern void questions_from_array(Questions *questions, ArrayType *array, Oid type);

/* exact.c */

/* The distances of some nearest rows, ascending. */
typedef struct NearestRows
{
	int n;
	double *distances;
} NearestRows;

/*
 * For each question the distances of its k nearest rows, by reading all rows of the index from the
 * table once.  Needs SPI. Tells by NOTICEs how far it is, if it takes long.
 */
extern NearestRows *exact_nearest(const IndexTarget *target, const TargetSql *sql,
								  FmgrInfo *distance, const Questions *questions, int k);
/* Adds a distance to the k smallest. */
extern void nearest_add(NearestRows *nearest, int k, double distance);

/* asking.c */

/* Questions that an index is asked, and how well it answers. */
typedef struct Asking
{
	/* the caller's to fill in; with questions.are_rows, or queries, asking_open() adds questions */
	IndexTarget target;
	Questions questions;
	int k; /* nearest that are known of each */

	TargetSql sql;
	FmgrInfo distance;
	NearestRows *exact; /* of each question, what is to be left out left out */
	SPIPlanPtr plan;
	NearestRows found; /* by the last search */
	SavedUser saved_user;
	ScanCounters saved_scan;
	int nest_level;
} Asking;

/*
 * Connects to SPI, takes a sample of what a query returns, if there is one, as questions, and reads
 * the true nearest rows of all.  From there to asking_close() the user is as target_assume_owner()
 * has it.
 */
extern void asking_open(Asking *asking, const char *queries);
extern void asking_close(Asking *asking);
/*
 * From here to asking_end(), which is called also when an error is raised, the planner has only the
 * index to go by, and settings that are changed are undone at the end.
 */
extern void asking_begin(Asking *asking);
extern void asking_end(Asking *asking);
extern void asking_set(const char *name, const char *value);
/* Searches from here on are for k rows. */
extern void asking_prepare(Asking *asking, int k);
/*
 * Searches for a question; its distances are in asking->found.  Returns the time in microseconds.
 */
extern double asking_search(Asking *asking, Datum question);
/* How many of a question's k nearest rows, or as near, the last search has found. */
extern int nearest_found(const Asking *asking, int question, int k);

/* recall.c */

/* Raises an error if an argument is null. */
extern void argument_not_null(FunctionCallInfo fcinfo, int argument, const char *name);

#endif /* HNSWC_OBSERVE_H */
