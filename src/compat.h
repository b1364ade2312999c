/*
 * compat.h: what differs between the supported major versions of PostgreSQL, 15 to 18. The only
 * file that looks at PG_VERSION_NUM.
 */
#ifndef HNSWC_COMPAT_H
#define HNSWC_COMPAT_H

#include "postgres.h"

#include "utils/rel.h"

#if PG_VERSION_NUM < 150000
#error "hnswc needs PostgreSQL 15 or later"
#endif

/* A relation's file: RelFileNode became RelFileLocator in 16. */
#if PG_VERSION_NUM >= 160000
#include "storage/relfilelocator.h"
typedef RelFileLocator RelLocator;
#define RELATION_LOCATOR(rel) ((rel)->rd_locator)
#define RELLOCATOR_EQUALS(a, b) RelFileLocatorEquals(a, b)
#else
#include "storage/relfilenode.h"
typedef RelFileNode RelLocator;
#define RELATION_LOCATOR(rel) ((rel)->rd_node)
#define RELLOCATOR_EQUALS(a, b) RelFileNodeEquals(a, b)
#endif

/*
 * Does a buffer's descriptor say that it holds this block of a relation's main fork? Asked without
 * its lock.
 */
#if PG_VERSION_NUM >= 160000
#define BUFFER_TAG_IS(tag, locator, block)                                     \
	((tag)->blockNum == (block) && (tag)->relNumber == (locator)->relNumber && \
	 (tag)->dbOid == (locator)->dbOid && (tag)->spcOid == (locator)->spcOid && \
	 (tag)->forkNum == MAIN_FORKNUM)
#else
#define BUFFER_TAG_IS(tag, locator, block)                                                     \
	((tag)->blockNum == (block) && (tag)->rnode.relNode == (locator)->relNode &&               \
	 (tag)->rnode.dbNode == (locator)->dbNode && (tag)->rnode.spcNode == (locator)->spcNode && \
	 (tag)->forkNum == MAIN_FORKNUM)
#endif

/*
 * Counts n pages of a relation that were found in shared buffers, where PostgreSQL has not done it:
 * for the relation and, from 16 on, in pg_stat_io. pgBufferUsage is apart.
 */
#include "pgstat.h"
#if PG_VERSION_NUM >= 180000
#define PGSTAT_COUNT_IO_HITS(n) \
	pgstat_count_io_op(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, (n), 0)
#elif PG_VERSION_NUM >= 160000
#define PGSTAT_COUNT_IO_HITS(n) \
	pgstat_count_io_op_n(IOOBJECT_RELATION, IOCONTEXT_NORMAL, IOOP_HIT, (n))
#else
#define PGSTAT_COUNT_IO_HITS(n) ((void) 0)
#endif
#if PG_VERSION_NUM >= 160000
#define PGSTAT_FETCHED(rel) ((rel)->pgstat_info->counts.blocks_fetched)
#define PGSTAT_HIT(rel) ((rel)->pgstat_info->counts.blocks_hit)
#else
#define PGSTAT_FETCHED(rel) ((rel)->pgstat_info->t_counts.t_blocks_fetched)
#define PGSTAT_HIT(rel) ((rel)->pgstat_info->t_counts.t_blocks_hit)
#endif
#define PGSTAT_COUNT_BUFFER_HITS(rel, n)       \
	do                                         \
	{                                          \
		if (pgstat_should_count_relation(rel)) \
		{                                      \
			PGSTAT_FETCHED(rel) += (n);        \
			PGSTAT_HIT(rel) += (n);            \
		}                                      \
		PGSTAT_COUNT_IO_HITS(n);               \
	} while (0)

/* vacuum_delay_point() got an argument in 18. */
#if PG_VERSION_NUM >= 180000
#define VACUUM_DELAY_POINT() vacuum_delay_point(false)
#else
#define VACUUM_DELAY_POINT() vacuum_delay_point()
#endif

/* The macros on varlena headers moved out of postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Functions that do not return: pg_noreturn, in front of a declaration, came in 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/*
 * PostgreSQL's record of a setting, by its name; NULL if there is none. Looking it up is a function
 * for all since 16.
 */
#include "utils/guc_tables.h"
#if PG_VERSION_NUM >= 160000
#define FIND_SETTING(name) find_option(name, false, true, ERROR)
#else
static inline struct config_generic *
find_setting(const char *name)
{
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
		if (strcmp(settings[i]->name, name) == 0)
			return settings[i];
	return NULL;
}
#define FIND_SETTING(name) find_setting(name)
#endif

/* A scan is counted for its index and, from 18 on, in the plan node's own numbers. */
#if PG_VERSION_NUM >= 180000
#define PGSTAT_COUNT_INDEX_SCAN(scan)                   \
	do                                                  \
	{                                                   \
		pgstat_count_index_scan((scan)->indexRelation); \
		if ((scan)->instrument)                         \
			(scan)->instrument->nsearches++;            \
	} while (0)
#else
#define PGSTAT_COUNT_INDEX_SCAN(scan) pgstat_count_index_scan((scan)->indexRelation)
#endif

/* Access methods other than btree can say that they build in parallel since 17. */
#if PG_VERSION_NUM >= 170000
#define AM_CAN_BUILD_PARALLEL(routine) ((routine)->amcanbuildparallel = true)
#else
#define AM_CAN_BUILD_PARALLEL(routine) ((void) (routine))
#endif

/*
 * Marks a path as one not to take. Since 18 that is counted apart from the cost; 2 is more than
 * anything has that a user disabled.
 */
#if PG_VERSION_NUM >= 180000
#define PATH_DISABLE(path) ((path)->disabled_nodes = 2)
#else
#define PATH_DISABLE(path) ((void) (path))
#endif

/* The expressions that a part of an order stands for: those of partitions are apart since 18. */
#if PG_VERSION_NUM >= 180000
#define MEMBER_ITERATOR EquivalenceMemberIterator
#define MEMBERS_BEGIN(iterator, class, rel) \
	setup_eclass_member_iterator(iterator, class, (rel)->relids)
#define MEMBERS_NEXT(iterator, class) eclass_member_iterator_next(iterator)
#define PATHKEY_IS_ASCENDING(key) ((key)->pk_cmptype == COMPARE_LT)
#else
#define MEMBER_ITERATOR int
#define MEMBERS_BEGIN(iterator, class, rel) (*(iterator) = 0)
#define MEMBERS_NEXT(iterator, class)                     \
	(*(iterator) < list_length((class)->ec_members)       \
		 ? list_nth((class)->ec_members, (*(iterator))++) \
		 : NULL)
#define PATHKEY_IS_ASCENDING(key) ((key)->pk_strategy == BTLessStrategyNumber)
#endif

/*
 * A path key for an expression: which outer joins may make it null is in the expression since 16.
 */
#if PG_VERSION_NUM >= 160000
#define BUILD_EXPRESSION_PATHKEY(root, expr, opno, relids) \
	build_expression_pathkey(root, expr, opno, relids, true)
#else
#define BUILD_EXPRESSION_PATHKEY(root, expr, opno, relids) \
	build_expression_pathkey(root, expr, NULL, opno, relids, true)
#endif

/*
 * A copy of a query's table in another query, of which it is the only one: permissions are apart
 * since 16.
 */
#if PG_VERSION_NUM >= 160000
#define COPY_PERMISSIONS(rte, from, to)                                                         \
	do                                                                                          \
	{                                                                                           \
		if ((rte)->perminfoindex == 0)                                                          \
			break;                                                                              \
		(to)->rteperminfos = list_make1(copyObject(                                             \
			list_nth_node(RTEPermissionInfo, (from)->rteperminfos, (rte)->perminfoindex - 1))); \
		(rte)->perminfoindex = 1;                                                               \
	} while (0)
#else
#define COPY_PERMISSIONS(rte, from, to) ((void) (rte))
#endif

/*
 * The user whose rights a query's table is read with, by a view; InvalidOid for the one who asks. A
 * table that a query got later is read as the one that it stands for, whose permissions alone are
 * checked. Since 16 the planner wants an entry that says who reads it, and the executor none that
 * asks for nothing: DROP_IDLE_PERMISSIONS() removes such from a finished plan.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/plannodes.h"
#include "parser/parse_relation.h"
#define CHECKED_USER(query, rte) \
	(list_nth_node(RTEPermissionInfo, (query)->rteperminfos, (rte)->perminfoindex - 1)->checkAsUser)
#define SET_CHECKED_USER(query, rte, user)                                             \
	do                                                                                 \
	{                                                                                  \
		RTEPermissionInfo *rights = addRTEPermissionInfo(&(query)->rteperminfos, rte); \
		rights->requiredPerms = 0;                                                     \
		rights->checkAsUser = (user);                                                  \
	} while (0)
#define COMBINE_TABLES(query, other)                                              \
	CombineRangeTables(&(query)->rtable, &(query)->rteperminfos, (other)->rtable, \
					   (other)->rteperminfos)
#define DROP_IDLE_PERMISSIONS(stmt) drop_idle_permissions(stmt)

static inline void
drop_idle_permissions(PlannedStmt *stmt)
{
	Index *numbers = palloc0((list_length(stmt->permInfos) + 1) * sizeof(Index));
	List *kept = NIL;
	ListCell *cell;

	foreach (cell, stmt->permInfos)
	{
		if (lfirst_node(RTEPermissionInfo, cell)->requiredPerms == 0)
			continue;
		kept = lappend(kept, lfirst(cell));
		numbers[foreach_current_index(cell) + 1] = list_length(kept);
	}
	foreach (cell, stmt->rtable)
		lfirst_node(RangeTblEntry, cell)->perminfoindex =
			numbers[lfirst_node(RangeTblEntry, cell)->perminfoindex];
	stmt->permInfos = kept;
}
#else
#define CHECKED_USER(query, rte) ((rte)->checkAsUser)
#define SET_CHECKED_USER(query, rte, user) ((rte)->checkAsUser = (user))
#define COMBINE_TABLES(query, other) \
	((query)->rtable = list_concat((query)->rtable, (other)->rtable))
#define DROP_IDLE_PERMISSIONS(stmt) ((void) (stmt))
#endif

/* Columns of a table in terms of a query's results; the command's own table is named since 18. */
#if PG_VERSION_NUM >= 180000
#define REPLACE_VARS(node, number, rte, entries, has_sublinks)                               \
	ReplaceVarsFromTargetList(node, number, 0, rte, entries, 0, REPLACEVARS_REPORT_ERROR, 0, \
							  has_sublinks)
#else
#define REPLACE_VARS(node, number, rte, entries, has_sublinks)                            \
	ReplaceVarsFromTargetList(node, number, 0, rte, entries, REPLACEVARS_REPORT_ERROR, 0, \
							  has_sublinks)
#endif

/*
 * From the columns of one row type to those of another, by their names; an error where there is
 * none.
 */
#if PG_VERSION_NUM >= 160000
#define BUILD_ATTRMAP(to, from) build_attrmap_by_name(to, from, false)
#else
#define BUILD_ATTRMAP(to, from) build_attrmap_by_name(to, from)
#endif

/* Is a column NOT NULL?  Since 18 that may not have been checked for all rows. */
#if PG_VERSION_NUM >= 170000
#define IS_NOT_NULL_COLUMN(rel, table, column) \
	((void) (table), bms_is_member(column, (rel)->notnullattnums))
#else
#define IS_NOT_NULL_COLUMN(rel, table, column) \
	TupleDescAttr(RelationGetDescr(table), (column) -1)->attnotnull
#endif

/* A column of a table that no outer join makes null; which joins do is kept since 16. */
#if PG_VERSION_NUM >= 160000
#define CLEAR_NULLING(var) ((var)->varnullingrels = NULL)
#else
#define CLEAR_NULLING(var) ((void) (var))
#endif

/* Is a column among those that find_nonnullable_vars() returns? */
#if PG_VERSION_NUM >= 160000
#include "access/sysattr.h"
#include "nodes/multibitmapset.h"
#define IS_NONNULLABLE(var, vars) \
	mbms_is_member((var)->varno, (var)->varattno - FirstLowInvalidHeapAttributeNumber, vars)
#else
#define IS_NONNULLABLE(var, vars) list_member(vars, var)
#endif

/* What ExecutorRun() and its hook are given: without execute_once since 18. */
#if PG_VERSION_NUM >= 180000
#define EXECUTOR_RUN_PARAMETERS QueryDesc *query, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_ARGUMENTS query, direction, count
#else
#define EXECUTOR_RUN_PARAMETERS \
	QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once
#define EXECUTOR_RUN_ARGUMENTS query, direction, count, execute_once
#endif

/* What EXPLAIN says of a node can be added to since 18. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#define HAVE_EXPLAIN_NODE_HOOK
#endif

/*
 * May the user do with a relation what its owner may? One function for all kinds of objects since
 * 16.
 */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_class.h"
#define RELATION_OWNERCHECK(relid, role) object_ownercheck(RelationRelationId, relid, role)
#else
#define RELATION_OWNERCHECK(relid, role) pg_class_ownercheck(relid, role)
#endif

/*
 * Who evaluates an index's expressions as the table's owner leaves the search path behind, since
 * 17.
 */
#if PG_VERSION_NUM >= 170000
#define RESTRICT_SEARCH_PATH() RestrictSearchPath()
#else
#define RESTRICT_SEARCH_PATH() ((void) 0)
#endif

/* What a node adds to EXPLAIN: headers of their own since 18. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* Beginning an index scan: what it is to count is said since 18. */
#if PG_VERSION_NUM >= 180000
#define INDEX_BEGINSCAN(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, norderbys)
#else
#define INDEX_BEGINSCAN(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, nkeys, norderbys)
#endif

/*
 * The pages of a bitmap in their order, which before 18 come with their rows. After BITMAP_NEXT()
 * BITMAP_ROWS() copies the offsets of a page to an array of TBM_MAX_ROWS and returns how many there
 * are, -1 for all rows.
 */
#include "access/htup_details.h"
#include "nodes/tidbitmap.h"
#define TBM_MAX_ROWS MaxHeapTuplesPerPage
#if PG_VERSION_NUM >= 180000
typedef struct BitmapPages
{
	TBMPrivateIterator *iterator;
	TBMIterateResult page;
} BitmapPages;
#define BITMAP_BEGIN(pages, bitmap) ((pages)->iterator = tbm_begin_private_iterate(bitmap))
#define BITMAP_NEXT(pages) tbm_private_iterate((pages)->iterator, &(pages)->page)
#define BITMAP_END(pages) tbm_end_private_iterate((pages)->iterator)
#define BITMAP_BLOCK(pages) ((pages)->page.blockno)
#define BITMAP_RECHECK(pages) ((pages)->page.recheck)
#define BITMAP_ROWS(pages, offsets) \
	((pages)->page.lossy ? -1 : tbm_extract_page_tuple(&(pages)->page, offsets, TBM_MAX_ROWS))
#else
typedef struct BitmapPages
{
	TBMIterator *iterator;
	TBMIterateResult *page;
} BitmapPages;
#define BITMAP_BEGIN(pages, bitmap) ((pages)->iterator = tbm_begin_iterate(bitmap))
#define BITMAP_NEXT(pages) (((pages)->page = tbm_iterate((pages)->iterator)) != NULL)
#define BITMAP_END(pages) tbm_end_iterate((pages)->iterator)
#define BITMAP_BLOCK(pages) ((pages)->page->blockno)
#define BITMAP_RECHECK(pages) ((pages)->page->recheck)
#define BITMAP_ROWS(pages, offsets)                                 \
	(memcpy(offsets, (pages)->page->offsets,                        \
			Max((pages)->page->ntuples, 0) * sizeof(OffsetNumber)), \
	 (pages)->page->ntuples)
#endif

#endif /* HNSWC_COMPAT_H */
