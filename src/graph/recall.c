/*
 * recall.c: how many of the true nearest searches find, by how wide they are.
 *
 * A scan finds the nearest in steps (rank/rounds.c): the first, then up to the tenth, and so on,
 * each step with a width of its own. So recall is measured of the ranks that a step adds: of the
 * second to the tenth, and of the fifty-first to the hundredth; and for the nearest by itself of
 * the first two, as one of each query would be few to count.
 *
 * Queries are elements of the graph, and each is left out: a walk does not pass through it, or it
 * would know all the element's neighbours as soon as it is near. What a search has found is what is
 * in its pool or just missed it, since that is measured exactly. One search is widened from width
 * to width, as a scan's is, so that all widths together take hardly longer than the widest.
 *
 * Which are the true nearest is not known here. The widest search says what it takes them to be,
 * and its caller measures these and checks whether there are others.
 */
#include "postgres.h"

#include <math.h>

#include "code/metric.h"
#include "graph/graph.h"

/* The first widths: of the first two ranks, and of the third. */
#define LEAST_WIDTH 4
#define LEAST_WIDTH_100 100
/* Widths of the third; the last of them is the widest search. */
#define WIDTHS_100 5
/* The rank that searches for few go by, as in a scan. */
#define BOUND_RANK 10

/* A power of two, large enough that most nodes are told from the nearest. */
#define MAYBE_SIZE 4096

static const int ranks[GRAPH_RECALL_RANKS] = {1, 10, 100};
static const int ranks_from[GRAPH_RECALL_RANKS] = {0, 1, 50};
static const int ranks_to[GRAPH_RECALL_RANKS] = {2, 10, 100};

struct RecallSearch
{
	GraphSearch *search;
	const GraphReach *reach;
	CodeMetric metric;
	int runners_up;
	const CodeQuery *query; /* of the last search */
	float norm;
	NodeId left_out;
	/* what has been found with each width of the widest search */
	NodeId *met[WIDTHS_100];
	int nmet[WIDTHS_100];
	NodeId *met_now; /* of the search at hand */
	int met_size;
	bool maybe[MAYBE_SIZE]; /* by some bits of a node: is it perhaps one of the nearest? */
	Candidate runners[GRAPH_MAX_RUNNERS_UP];
};

int
graph_recall_rank(int r)
{
	return ranks[r];
}

void
graph_recall_ranks(int r, int *from, int *to)
{
	*from = ranks_from[r];
	*to = ranks_to[r];
}

int
graph_recall_width(int r, int i)
{
	bool many = ranks[r] > BOUND_RANK;

	if (i >= (many ? WIDTHS_100 : GRAPH_RECALL_WIDTHS))
		return 0;
	return (int) rint((many ? LEAST_WIDTH_100 : LEAST_WIDTH) * exp2(i / 2.0));
}

RecallSearch *
graph_recall_create(GraphStore *store, const GraphReach *reach, CodeMetric metric, int runners_up)
{
	RecallSearch *recall = palloc0(sizeof(RecallSearch));

	recall->search = graph_search_create(store, true);
	recall->reach = reach;
	recall->metric = metric;
	recall->runners_up = runners_up;
	for (int i = 0; i < WIDTHS_100; i++)
	{
		int width = graph_recall_width(GRAPH_RECALL_RANKS - 1, i);

		recall->met[i] = palloc((GRAPH_REACH_MOST * width + GRAPH_MAX_RUNNERS_UP) * sizeof(NodeId));
		recall->met_size = GRAPH_REACH_MOST * width + GRAPH_MAX_RUNNERS_UP;
	}
	recall->met_now = palloc(recall->met_size * sizeof(NodeId));
	return recall;
}

/* Searches, or goes on searching, with a width for a rank; false in an empty graph. */
static bool
search_width(RecallSearch *recall, int rank, int ef, bool first)
{
	GraphSearch *search = recall->search;
	GraphBound bound;
	int nentries;
	int top;

	graph_bound(recall->reach, ef, rank, recall->norm, &bound);
	bound.base += code_query_estimate(recall->query, 0);
	if (code_metric(recall->metric)->is_binary)
		bound.least = ef;
	if (!first)
	{
		graph_search_widen(search, ef, &bound);
		return true;
	}
	nentries = graph_search_descend(search, recall->query, 0, ef, &top);
	if (nentries == 0)
		return false;
	if (bound.rank > 0)
		graph_search_within(search, recall->query, ef, &bound, nentries);
	else
		graph_search_layer(search, recall->query, 0, ef, nentries);
	return true;
}

/* Writes what a scan would measure of what the search has found; returns how many. */
static int
copy_met(RecallSearch *recall, int ef, NodeId *out)
{
	GraphSearch *search = recall->search;
	int n = Min(recall->runners_up + ef / 8, GRAPH_MAX_RUNNERS_UP);
	int nout = 0;

	for (int i = 0; i < search->npool; i++)
		if (!(search->pool[i].flags & CANDIDATE_BRIDGE))
			out[nout++] = search->pool[i].node;
	n = recall->runners_up > 0 ? graph_search_runners_up(search, n, INFINITY, recall->runners) : 0;
	for (int i = 0; i < n; i++)
		out[nout++] = recall->runners[i].node;
	Assert(nout <= recall->met_size);
	/* they are not taken: the search goes on */
	for (int i = 0; n > 0 && i < search->ndiscarded; i++)
		search->discarded[i].flags &= ~CANDIDATE_TAKEN;
	return nout;
}

int
graph_recall_search(RecallSearch *recall, const CodeQuery *query, float norm, NodeId left_out,
					Candidate *nearest)
{
	GraphSearch *search = recall->search;
	int r = GRAPH_RECALL_RANKS - 1;
	int n = 0;

	recall->query = query;
	recall->norm = norm;
	recall->left_out = search->left_out = left_out;
	for (int i = 0; i < WIDTHS_100; i++)
	{
		int ef = graph_recall_width(r, i);

		if (!search_width(recall, ranks[r], ef, i == 0))
			return 0;
		recall->nmet[i] = copy_met(recall, ef, recall->met[i]);
	}
	for (int i = 0; i < search->npool && n < GRAPH_NEAREST; i++)
		if (!(search->pool[i].flags & CANDIDATE_BRIDGE))
			nearest[n++] = search->pool[i];
	return n;
}

/* Which of the nearest have been met? */
static void
mark_met(const RecallSearch *recall, const GraphNearest *nearest, const NodeId *met, int nmet,
		 bool *marks)
{
	memset(marks, 0, GRAPH_NEAREST * sizeof(bool));
	for (int i = 0; i < nmet; i++)
		if (recall->maybe[met[i] % MAYBE_SIZE])
			for (int at = 0; at < nearest->n; at++)
				marks[at] |= nearest->nodes[at] == met[i];
}

/* How many of those with marks are the nearest behind `from` up to `to`, or as near? */
static int
count_marks(const GraphNearest *nearest, int from, int to, const bool *marks)
{
	int within = 0;
	int before = 0;

	Assert(from < to && to <= nearest->n);
	for (int i = 0; i < nearest->n && nearest->dist[i] <= nearest->dist[to - 1]; i++)
	{
		within += marks[i];
		before += marks[i] && from > 0 && nearest->dist[i] <= nearest->dist[from - 1];
	}
	return Min(within, to) - Min(before, from);
}

/* Counts for the first two ranks, which one search serves. */
static void
count_few(RecallSearch *recall, const GraphNearest *nearest, GraphRecall *sums)
{
	int found[2] = {0, 0};
	bool all = false;

	for (int i = 0; i < GRAPH_RECALL_WIDTHS; i++)
	{
		int ef = graph_recall_width(0, i);

		/* who has found all finds all with more */
		if (!all)
		{
			bool marks[GRAPH_NEAREST];
			int n;

			(void) search_width(recall, BOUND_RANK, ef, i == 0);
			n = copy_met(recall, ef, recall->met_now);
			mark_met(recall, nearest, recall->met_now, n, marks);
			for (int r = 0; r < 2; r++)
				found[r] = count_marks(nearest, ranks_from[r], ranks_to[r], marks);
			all = found[0] == ranks_to[0] && found[1] == ranks_to[1] - ranks_from[1];
		}
		sums->found[0][i] += found[0];
		sums->found[1][i] += found[1];
	}
}

void
graph_recall_count(RecallSearch *recall, const GraphNearest *nearest, GraphRecall *sums)
{
	Assert(nearest->n >= ranks[2]);
	for (int r = 0; r < GRAPH_RECALL_RANKS; r++)
		sums->wanted[r] += ranks_to[r] - ranks_from[r];
	memset(recall->maybe, 0, sizeof(recall->maybe));
	for (int i = 0; i < nearest->n; i++)
		recall->maybe[nearest->nodes[i] % MAYBE_SIZE] = true;
	for (int i = 0; i < WIDTHS_100; i++)
	{
		bool marks[GRAPH_NEAREST];

		mark_met(recall, nearest, recall->met[i], recall->nmet[i], marks);
		sums->found[2][i] += count_marks(nearest, ranks_from[2], ranks_to[2], marks);
	}
	count_few(recall, nearest, sums);
	recall->search->left_out = NODE_NONE;
}

bool
graph_nearest_has(const GraphNearest *nearest, NodeId node)
{
	for (int i = 0; i < nearest->n; i++)
		if (nearest->nodes[i] == node)
			return true;
	return false;
}
