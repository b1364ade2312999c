/*
 * filter_model.c: what a scan of a set of rows takes.
 */
#include "postgres.h"

#include <math.h>

#include "rank/filter_model.h"
#include "rank/settings.h"

/*
 * Measuring a row of the set, in nodes that a walk visits: the row's entry is looked up, and its
 * node lies far from that of the row before, while a walk's are neighbours on the same pages.
 */
#define MEASURE_VISITS 3.0
/* The same of a row that has to be fetched from the table. */
#define FETCH_VISITS 30.0
/* Nodes that a walk visits with m = 16: at first, and for each candidate of its pool. */
#define FIRST_VISITS 400.0
#define POOL_VISITS 12.0
/* Rows that a scan without a LIMIT looks for at first. */
#define LEAST_ROWS 10

double
filter_measure_visits(const FilterModel *model)
{
	return model->wanted * (model->mapped ? MEASURE_VISITS : FETCH_VISITS);
}

/*
 * As a plain scan has hnsw.ef_search of all rows, a walk has those of them that are in the set, and
 * the LIMIT's.
 */
double
filter_walk_ef(const FilterModel *model)
{
	double share = Min(model->wanted / Max(model->rows, 1), 1);

	return ceil(Max(model->limit, LEAST_ROWS) / FILTER_ANSWERED_SHARE + model->ef_search * share);
}

double
filter_walk_visits(const FilterModel *model)
{
	double pool = filter_walk_ef(model) * model->rows / Max(model->wanted, 1);

	return Min(FIRST_VISITS + POOL_VISITS * pool, model->rows) * model->m / 16;
}

bool
filter_walks(const FilterModel *model)
{
	return filter_walk_ef(model) < model->wanted &&
		   filter_walk_visits(model) <= filter_measure_visits(model) * FILTER_WALK_SHARE;
}
