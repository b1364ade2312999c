/*
 * shards.h: the nearest rows of a table whose partitions lie on several servers.
 *
 *   SELECT id, title FROM items WHERE category = 7 ORDER BY v <-> $1 LIMIT 10 OFFSET 5
 *
 * over partitions that are foreign tables (postgres_fdw) becomes
 *
 *   SELECT id, title FROM (
 *     (SELECT id, title, v <-> $1 AS distance FROM shard1 WHERE category = 7
 *      ORDER BY v <-> $1 LIMIT 15)
 *     UNION ALL
 *     (SELECT ... FROM shard2 ...)) shards
 *   ORDER BY distance + 0 LIMIT 10 OFFSET 5
 *
 * Each subquery goes to its server as a whole. It returns what is asked for and the distance, not
 * the vector. `+ 0` keeps the planner from merging sorted shards one row at a time: an Append asks
 * all servers at once.
 *
 * Why it is the same: of the first 15 rows by an order each is among the first 15 of its own
 * partition. Rows that are equal by the whole order may be taken from any partition, as before.
 *
 * shards.c        which queries, and the new form of such a query
 * shard_tables.c  the partitions that a query needs
 * shard_query.c   the subquery for one partition
 * shard_path.c    the path that has a foreign server do all of it; what a server would not do
 */
#ifndef HNSWC_SHARDS_H
#define HNSWC_SHARDS_H

#include "postgres.h"

#include "access/attmap.h"
#include "nodes/params.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"

/*
 * What a partition's subquery has for its queryId, which the planner hands down. Only statements as
 * a whole have another than 0, a hash of 64 bits.
 */
#define SHARD_QUERY_ID 0x73686172

/* A partition that a query needs. */
typedef struct ShardTable
{
	Oid relid;
	char relkind;
	List *columns; /* names */
	AttrMap *map;  /* from the partitioned table's columns */
} ShardTable;

/* A query that reads a partitioned table, and what its subqueries are made from. */
typedef struct Shards
{
	Query *query;
	Index table;       /* the partitioned table among the query's */
	PlannerInfo *root; /* for folding constants; has the values of parameters, if they are known */
	Node *distance;    /* the call that the first key of the order is computed from */
	List *order;       /* expressions that are sorted by */
	List *clauses;     /* how, a SortGroupClause for each */
	List *shipped;     /* expressions that a shard returns */
	List *values;      /* expressions that are computed once, beforehand */
	List *returned;    /* shipped, with given values in their places; so are the next two */
	Node *condition;
	Node *limit;
	Index rows_rti;   /* what the shards return, among the query's tables */
	Index values_rti; /* the table of these values */
	bool failed;      /* something is in the query that cannot be done so */
} Shards;

/* shards.c */

/*
 * A copy of a query in which queries for the nearest rows of sharded tables have the new form, at
 * any depth; NULL if there are none. Locks partitions as the planner does.
 */
extern Query *shards_split(Query *parse, ParamListInfo params);

/* shard_tables.c */

/* A planner's state that is good for folding constants and pruning partitions. */
extern PlannerInfo *shard_root(RangeTblEntry *rte, ParamListInfo params);
/*
 * The partitions of a query's table whose rows may pass its condition, as ShardTable. NIL if there
 * are none, if none of them is foreign, or if more could be left out when the query runs.
 */
extern List *shard_tables(const Query *query, Index table, ParamListInfo params);

/* shard_query.c */

/* What a query returns, in terms of what shards return.  Adds to shards->shipped. */
extern Node *shard_ship(Node *node, Shards *shards);
/* Replaces values that need not be computed by shards.  Adds to shards->values. */
extern Node *shard_hoist(Node *node, Shards *shards);
/* The table of shards->values, for the query's FROM. */
extern RangeTblEntry *shard_values(Shards *shards);
/* The subquery for one partition, so many levels below the query. */
extern Query *shard_query(const Shards *shards, const ShardTable *table, int depth);
/* A subquery as a table of FROM. */
extern RangeTblEntry *shard_subquery(Query *query, const char *name);

/* shard_path.c */

/* What is known while a statement is planned that shards_split() has changed. */
typedef struct ShardPlanning
{
	bool refused; /* a server would not do all of a subquery */
} ShardPlanning;

/* Says what is planned from now on, NULL for other statements; returns what was before. */
extern ShardPlanning *shard_planning(ShardPlanning *next);
/* To be called from create_upper_paths_hook. */
extern void shard_paths_add(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *output,
							void *extra);

#endif /* HNSWC_SHARDS_H */
