/*
 * missing.h: rows that an index leaves out, and which paths may do without them.
 *
 * An index has no row whose vector is null and, for cosine, none whose vector is zero and so has no
 * direction. In ascending order of distance these rows come last: after NaN, the distance of zero
 * vectors, come nulls. So a query that stops after the nearest rows does not miss them, but one
 * that looks at all rows does.
 */
#ifndef HNSWC_MISSING_H
#define HNSWC_MISSING_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* Which rows an index may be without. */
typedef struct MissingRows
{
	bool nulls;
	bool zeros;
} MissingRows;

typedef enum PathUse
{
	PATH_FREE,        /* as good as any */
	PATH_LAST_RESORT, /* only where the user has disabled all others */
	PATH_NEVER,
} PathUse;

/*
 * The rows that pass the table's filter and may be missing from an index, whose indexed expression
 * is `element`. Reads the index's meta page. What is said holds until the table's next relcache
 * invalidation: see insert.c.
 */
extern MissingRows missing_rows(PlannerInfo *root, const IndexOptInfo *index, Node *element);

/*
 * May a scan end before it has returned all rows of its index? By the settings, or the index's
 * options.
 */
extern bool is_scan_cut(const IndexOptInfo *index);

/* May the path, in the order of a distance, deliver what the query level asks for? */
extern PathUse missing_use(PlannerInfo *root, const IndexPath *path);

#endif /* HNSWC_MISSING_H */
