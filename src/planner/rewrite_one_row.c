/*
 * rewrite_one_row.c: orders by the distance from what a table of one row has.
 *
 *   WITH taste AS (SELECT avg(v) AS v FROM liked)
 *     SELECT id FROM t, taste ORDER BY t.v <=> taste.v LIMIT 20
 *   SELECT b.id FROM t a JOIN t b ON b.id <> a.id WHERE a.id = 7 ORDER BY a.v <=> b.v LIMIT 20
 *
 * An index can deliver the order of distances from a value, but for the planner these are distances
 * between the columns of two tables: it would join, measure and sort all rows. With one row at most
 * (one_row.h) there is one value, which a query can be asked for beforehand:
 *
 *   ... ORDER BY t.v <=> (SELECT v FROM taste) LIMIT 20
 *   ... ORDER BY (SELECT v FROM t WHERE id = 7) <=> b.v LIMIT 20
 *
 * If there is no row the value is null, and nothing is to be sorted. Since a scan for the distance
 * from null would go through the whole index all the same, it becomes a condition of the query that
 * there is a row; not so where the table is joined from outside, as rows are returned then.
 * Conditions on the same distance are changed with the order, so that they end a scan.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "planner/bound.h"
#include "planner/chain.h"
#include "planner/one_row.h"
#include "planner/rewrite.h"

/* Tables whose columns are in one distance: $1 - $2 + $3, at most. */
#define MAX_ONE_ROWS 4

typedef struct OneRows
{
	OneRow rows[MAX_ONE_ROWS];
	int nrows;
} OneRows;

/* The tables in an expression; since 16 the joins that may make columns null count, too. */
static Bitmapset *
tables_in(const Query *query, Node *expr)
{
	Bitmapset *tables = pull_varnos(NULL, expr);
	int table = -1;

	while ((table = bms_next_member(tables, table)) >= 0)
		if (rt_fetch(table, query->rtable)->rtekind == RTE_JOIN)
			tables = bms_del_member(tables, table);
	return tables;
}

/* An expression with the values of tables of one row in the place of their columns. */
static Node *
with_values(Node *expr, void *arg)
{
	OneRows *rows = arg;

	if (expr == NULL)
		return NULL;
	if (IsA(expr, Var) && ((Var *) expr)->varlevelsup == 0)
		for (int i = 0; i < rows->nrows; i++)
			if (((Var *) expr)->varno == rows->rows[i].table)
				return one_row_value(&rows->rows[i], (Var *) expr);
	return expression_tree_mutator(expr, with_values, arg);
}

/* Has each of the tables but one, which may have an index, one row at most? */
static bool
find_one_rows(QueryLevel *level, Bitmapset *tables, Index indexed, OneRows *rows)
{
	int table = -1;

	if (rt_fetch(indexed, level->query->rtable)->rtekind != RTE_RELATION)
		return false;
	rows->nrows = 0;
	while ((table = bms_next_member(tables, table)) >= 0)
	{
		if (table == indexed)
			continue;
		if (rows->nrows == MAX_ONE_ROWS || !one_row_find(level, table, &rows->rows[rows->nrows]))
			return false;
		rows->nrows++;
	}
	return rows->nrows > 0;
}

/* Chooses the table that may have an index. */
static bool
choose_one_rows(QueryLevel *level, Bitmapset *tables, OneRows *rows)
{
	int table = bms_num_members(tables) < 2 ? -1 : bms_prev_member(tables, -1);

	/* the last one in FROM is mostly the one that is searched */
	for (; table >= 0; table = bms_prev_member(tables, table))
		if (find_one_rows(level, tables, table, rows))
			return true;
	return false;
}

/* Is that a bound of the distance between these tables? */
static bool
is_bound(const Query *query, Node *condition, const Bitmapset *tables)
{
	Bound bound;

	return bound_find(condition, &bound) && bms_equal(tables_in(query, condition), tables) &&
		   !contain_volatile_functions(condition) && !contain_subplans(condition);
}

/* A query's conditions, those that bound the distance with values in the place of columns. */
static Node *
with_values_in_bounds(Query *query, const Bitmapset *tables, OneRows *rows)
{
	List *conditions = NIL;
	ListCell *cell;

	foreach (cell, conjuncts(query->jointree->quals))
	{
		Node *condition = lfirst(cell);

		conditions =
			lappend(conditions,
					is_bound(query, condition, tables) ? with_values(condition, rows) : condition);
	}
	return conditions == NIL ? NULL : (Node *) make_ands_explicit(conditions);
}

void
order_by_value(QueryLevel *level)
{
	Query *query = level->query;
	Node *expr = sorted_by(query);
	Bitmapset *tables;
	OneRows rows;

	if (expr == NULL || !has_distance(expr) || contain_volatile_functions(expr) ||
		contain_subplans(expr))
		return;
	tables = tables_in(query, expr);
	if (!choose_one_rows(level, tables, &rows))
		return;
	sort_by(query, with_values(expr, &rows));
	query->jointree->quals = with_values_in_bounds(query, tables, &rows);
	for (int i = 0; i < rows.nrows; i++)
		if (rows.rows[i].may_be_none && !rows.rows[i].is_outer)
			query->jointree->quals =
				make_and_qual(query->jointree->quals, one_row_exists(&rows.rows[i]));
}
