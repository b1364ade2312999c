/*
 * key_paths.c: paths by indexes with key columns.
 *
 * Such an index has a graph for each value of its key columns, and a scan has to be told which
 * ones: each of the columns has to be fixed, by =, = ANY, IS NULL, or by itself if it is boolean.
 * The planner finds these conditions, for parameters of nested loops as well, and knows by the
 * flags of the access method that there is no path without the first of them. That the others are
 * there is for hnswcostestimate() to see.
 *
 * Flags that only indexes with key columns should have are set here, index by index: others are as
 * if the access method knew of one column.
 *
 * The planner's own paths by = ANY on a column behind the first are not in order, in its opinion
 * (until 17): for that, and for orders that are the distance in other words (path.c), the
 * conditions are found here.
 */
#include "postgres.h"

#include "am/am.h"
#include "catalog/pg_operator.h"
#include "column/element.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "planner/key_paths.h"
#include "utils/lsyscache.h"

void
key_index_describe(IndexOptInfo *index)
{
	if (own_vector_column(index) == 0)
		return;
	index->amoptionalkey = false;
	index->amsearchnulls = true;
}

/* May a condition of the table be one of an index scan, before the others? */
static bool
may_go_first(const IndexOptInfo *index, RestrictInfo *rinfo)
{
	return !rinfo->pseudoconstant && bms_equal(rinfo->clause_relids, index->rel->relids) &&
		   restriction_is_securely_promotable(rinfo, index->rel);
}

/* Is an expression a value that does not depend on the table's row? */
static bool
is_value(const IndexOptInfo *index, Node *expr)
{
	return !bms_is_member(index->rel->relid, pull_varnos(NULL, expr)) &&
		   !contain_volatile_functions(expr);
}

/* Is that equality to the column's type, by the column's idea of what is equal? */
static bool
is_equality(const IndexOptInfo *index, int column, Oid opno, Oid collation)
{
	return get_op_opfamily_strategy(opno, index->opfamily[column]) == HNSWC_EQUAL_STRATEGY &&
		   (!OidIsValid(index->indexcollations[column]) ||
			index->indexcollations[column] == collation);
}

/* column = value, or the other way round: then the condition is turned. */
static RestrictInfo *
match_operator(IndexOptInfo *index, int column, RestrictInfo *rinfo)
{
	OpExpr *clause = (OpExpr *) rinfo->clause;
	Node *left;
	Node *right;
	Oid commutator;

	if (list_length(clause->args) != 2)
		return NULL;
	left = linitial(clause->args);
	right = lsecond(clause->args);
	if (match_index_to_operand(left, column, index) && is_value(index, right) &&
		is_equality(index, column, clause->opno, clause->inputcollid))
		return rinfo;
	commutator = get_commutator(clause->opno);
	if (match_index_to_operand(right, column, index) && is_value(index, left) &&
		OidIsValid(commutator) && is_equality(index, column, commutator, clause->inputcollid))
		return commute_restrictinfo(rinfo, commutator);
	return NULL;
}

static bool
matches_array(IndexOptInfo *index, int column, const ScalarArrayOpExpr *clause)
{
	return clause->useOr && match_index_to_operand(linitial(clause->args), column, index) &&
		   is_value(index, lsecond(clause->args)) &&
		   is_equality(index, column, clause->opno, clause->inputcollid);
}

/* A boolean column by itself, or NOT: column = true or false. */
static RestrictInfo *
match_boolean(PlannerInfo *root, IndexOptInfo *index, int column, Node *clause)
{
	bool wanted = !is_notclause(clause);
	Node *operand = wanted ? clause : (Node *) get_notclausearg((Expr *) clause);

	if (get_op_opfamily_strategy(BooleanEqualOperator, index->opfamily[column]) !=
			HNSWC_EQUAL_STRATEGY ||
		!match_index_to_operand(operand, column, index))
		return NULL;
	return make_simple_restrictinfo(
		root, make_opclause(BooleanEqualOperator, BOOLOID, false, (Expr *) operand,
							(Expr *) makeBoolConst(wanted, false), InvalidOid, InvalidOid));
}

/* The condition, as an index scan has it, if it fixes a column; NULL if not. */
static RestrictInfo *
match_condition(PlannerInfo *root, IndexOptInfo *index, int column, RestrictInfo *rinfo)
{
	Node *clause = (Node *) rinfo->clause;
	RestrictInfo *matched = IsA(clause, OpExpr) ? match_operator(index, column, rinfo) : NULL;

	if (matched != NULL)
		return matched;
	if (IsA(clause, ScalarArrayOpExpr))
		return matches_array(index, column, (ScalarArrayOpExpr *) clause) ? rinfo : NULL;
	if (IsA(clause, NullTest))
		return ((NullTest *) clause)->nulltesttype == IS_NULL && !((NullTest *) clause)->argisrow &&
					   match_index_to_operand((Node *) ((NullTest *) clause)->arg, column, index)
				   ? rinfo
				   : NULL;
	/* an operator, too, may be what the index has as an expression */
	return match_boolean(root, index, column, clause);
}

/* The first condition of a table that fixes a column; NULL if there is none. */
static IndexClause *
find_clause(PlannerInfo *root, IndexOptInfo *index, int column)
{
	ListCell *cell;

	foreach (cell, index->rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, cell);
		RestrictInfo *matched =
			may_go_first(index, rinfo) ? match_condition(root, index, column, rinfo) : NULL;

		if (matched != NULL)
		{
			IndexClause *clause = makeNode(IndexClause);

			clause->rinfo = rinfo;
			clause->indexquals = list_make1(matched);
			clause->lossy = false;
			clause->indexcol = (AttrNumber) column;
			clause->indexcols = NIL;
			return clause;
		}
	}
	return NULL;
}

bool
key_clauses(PlannerInfo *root, IndexOptInfo *index, List **clauses)
{
	*clauses = NIL;
	for (int column = 0; column < own_vector_column(index); column++)
	{
		IndexClause *clause = find_clause(root, index, column);

		if (clause == NULL)
			return false;
		*clauses = lappend(*clauses, clause);
	}
	return true;
}

/* Does a condition of an index scan fix its column? */
static bool
fixes(const IndexClause *clause)
{
	ListCell *cell;

	foreach (cell, clause->indexquals)
	{
		Node *qual = (Node *) lfirst_node(RestrictInfo, cell)->clause;

		if (IsA(qual, OpExpr) ||
			(IsA(qual, NullTest) && ((NullTest *) qual)->nulltesttype == IS_NULL))
			return true;
		if (IsA(qual, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) qual)->useOr)
			return true;
	}
	return false;
}

/* Is a condition on the vector more than that it is not null, which is so in an index? */
static bool
is_about_vector(const IndexClause *clause)
{
	ListCell *cell;

	foreach (cell, clause->indexquals)
	{
		Node *qual = (Node *) lfirst_node(RestrictInfo, cell)->clause;

		if (!IsA(qual, NullTest) || ((NullTest *) qual)->nulltesttype != IS_NOT_NULL)
			return true;
	}
	return false;
}

bool
key_columns_are_fixed(const IndexPath *path)
{
	int vector = own_vector_column(path->indexinfo);
	Bitmapset *fixed = NULL;
	ListCell *cell;

	foreach (cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol == vector && is_about_vector(clause))
			return false;
		if (clause->indexcol < vector && fixes(clause))
			fixed = bms_add_member(fixed, clause->indexcol);
	}
	return bms_num_members(fixed) == vector;
}
