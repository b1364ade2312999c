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
/* A row of a set, from the index's entry on: its bit, and from there to the set. */
#define BITMAP_VISITS 1.0
/* A row that a scan without the set measures exactly, returns, and that is dropped. */
#define PLAIN_ROW_VISITS 30.0
/*
 * To begin without the set tells whether that will do, for the price of a search. So it is tried
 * where the set takes so many times as long, whatever is expected of the filter: that may be wrong.
 */
#define TRIAL_TIMES 10.0
/* Rows that a scan without a LIMIT looks for at first. */
#define LEAST_ROWS 10

/* The first search of a scan without the set. */
static double
plain_first_visits(const FilterModel *model)
{
	return Min(FIRST_VISITS + POOL_VISITS * model->ef_search * FILTER_EF, model->rows) * model->m /
		   16;
}

double
filter_plain_rows_visits(double rows, double share)
{
	return rows / share * PLAIN_ROW_VISITS;
}

double
filter_plain_visits(const FilterModel *model)
{
	return plain_first_visits(model) + filter_plain_rows_visits(model->limit, filter_share(model));
}

double
filter_set_visits(const FilterModel *model)
{
	double after = filter_walks(model) ? filter_walk_visits(model) : filter_measure_visits(model);

	return model->bitmap + model->wanted * BITMAP_VISITS + after;
}

bool
filter_begins_plain(const FilterModel *model)
{
	double set = filter_set_visits(model);

	return model->limit > 0 &&
		   (filter_plain_visits(model) < set || plain_first_visits(model) * TRIAL_TIMES < set);
}

double
filter_measure_visits(const FilterModel *model)
{
	return model->wanted * (model->mapped ? MEASURE_VISITS : FETCH_VISITS);
}

double
filter_share(const FilterModel *model)
{
	return Min(Max(model->wanted, 1) / Max(model->rows, 1), 1);
}

/*
 * As a plain scan has hnsw.ef_search of all rows, a walk has those of them that are in the set, and
 * the LIMIT's.
 */
double
filter_walk_ef(const FilterModel *model, double share)
{
	return ceil(Max(model->limit, LEAST_ROWS) / FILTER_ANSWERED_SHARE +
				model->ef_search * FILTER_EF * share);
}

double
filter_walk_visits(const FilterModel *model)
{
	double pool = filter_walk_ef(model, filter_share(model)) * model->rows / Max(model->wanted, 1);

	return Min(FIRST_VISITS + POOL_VISITS * pool, model->rows) * model->m / 16;
}

bool
filter_walks(const FilterModel *model)
{
	return filter_walk_ef(model, filter_share(model)) < model->wanted &&
		   filter_walk_visits(model) <= filter_measure_visits(model) * FILTER_WALK_SHARE;
}
