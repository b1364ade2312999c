/*
 * search.c: searching one layer (Algorithm 2 of the paper), one body for scans, inserts and builds.
 *
 * The paper's two heaps are one array sorted by distance with a cursor: the nearest candidate not
 * yet expanded is always at the cursor, the farthest result is always last. A node is expanded by
 * measuring all its unvisited neighbours in one batch, which is merged into the pool at once; for
 * pools of ordinary size that costs less than keeping heaps. One batch is measured while the next
 * is on its way from memory.
 *
 * Dead nodes take part in the walk, since they may be the only bridge to live ones, but do not
 * count towards ef.
 *
 * Bounded by distance (reach.c), the pool is trimmed to what is within reach: everything that is
 * left in it is expanded all the same. What leaves a pool is never nearer than what stays.
 */
#include "postgres.h"

#include <math.h>

#include "graph/graph.h"
#include "graph/order.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define FIRST_POOL_SIZE 128
/* Candidates whose lists are fetched before they are asked for. */
#define EXPECTED 2
#define FIRST_DISCARDED_SIZE 1024
/* Discarded candidates looked at together for runners-up. */
#define RUNNERS_UP_CHUNK 64
/*
 * A descent keeps so many nodes on a layer, a share of the ef that it is for: where data come in
 * clusters, the nearest node of a layer is often in another cluster than the nearest of the layer
 * below, and a walk on layer 0 that begins in the wrong one leaves it only with a large ef. The
 * topmost layers, with m = 16 some dozens of nodes, are descended greedily; but never layer 1,
 * which says where the walk on layer 0 begins.
 *
 * By inner product few link to short vectors, and a cluster of them has few ways in: there it has
 * to be twice as many.
 */
#define LEAST_BREADTH 3
#define EF_PER_BREADTH 8
#define EF_PER_BREADTH_IP 4
#define GREEDY_LAYERS 2
/* So few discarded candidates are sorted rather than divided first. */
#define LITTLE_TO_SORT 32
/*
 * Nodes that a search expands beside those that stay in its pool; each leads to m or so that are
 * new.
 */
#define EXPANDED_ON_THE_WAY 8

GraphSearch *
graph_search_create(GraphStore *store, bool keep)
{
	GraphSearch *search = palloc0(sizeof(GraphSearch));

	search->store = store;
	search->keep = keep;
	visited_init(&search->visited);
	search->pool_size = FIRST_POOL_SIZE;
	search->pool = palloc(search->pool_size * sizeof(Candidate));
	search->discarded_size = FIRST_DISCARDED_SIZE;
	search->discarded = palloc(search->discarded_size * sizeof(Candidate));
	return search;
}

/* Makes room for so many candidates in an array. */
static inline Candidate *
candidates_reserve(Candidate *candidates, int *size, int wanted)
{
	if (likely(wanted <= *size))
		return candidates;
	*size = Max(2 * *size, wanted);
	return repalloc_huge(candidates, (Size) *size * sizeof(Candidate));
}

/*
 * How many of the pool are no farther than dist. Without a branch on what is compared, since that
 * is a coin toss.
 */
static inline int
search_rank(const GraphSearch *search, float dist)
{
	const Candidate *from = search->pool;
	int n = search->npool;

	if (n == 0)
		return 0;
	while (n > 1)
	{
		int half = n / 2;
		const Candidate *upper = from + half;

		from = __builtin_expect_with_probability(upper[-1].dist <= dist, 1, 0.5) ? upper : from;
		n -= half;
	}
	return (int) (from - search->pool) + (from->dist <= dist);
}

/* Segments of the pool up to so long are moved faster without a call. */
#define SHORT_MOVE 16

/* Moves candidates [from, end) of an array up by so many places. */
static inline void
candidates_shift(Candidate *candidates, int from, int end, int by)
{
	if (end - from > SHORT_MOVE)
		memmove(&candidates[from + by], &candidates[from], (end - from) * sizeof(Candidate));
	else
		for (int i = end - 1; i >= from; i--)
			candidates[i + by] = candidates[i];
}

/* The distance of the rank-th nearest live node of the pool, which has so many. */
static inline float
search_rank_dist(const GraphSearch *search, int rank)
{
	int at = rank - 1;

	Assert(rank > 0 && rank <= search->nlive);
	if (unlikely(search->nlive < search->npool))
	{
		int left = rank;

		for (at = -1; left > 0;)
			left -= !(search->pool[++at].flags & CANDIDATE_BRIDGE);
	}
	return search->pool[at].dist;
}

/* Is the pool bounded by distance?  By which one? */
static inline bool
search_bound(const GraphSearch *search, float *farthest)
{
	const GraphBound *bound = &search->bound;
	float dist;

	if (bound->rank == 0 || search->nlive < Max(bound->rank, bound->least))
		return false;
	dist = search_rank_dist(search, bound->rank);
	/* an estimate may be below the base */
	*farthest = Max(dist, bound->base + bound->reach * (dist - bound->base));
	if (bound->least > 0)
		*farthest = Max(*farthest, search_rank_dist(search, bound->least));
	return true;
}

/*
 * Is there a distance from which on nothing enters the pool, as it is bounded or full? Which one?
 * Never one within the pool: a search that goes on may have a narrower bound than before, and what
 * it discards is to be no nearer than what it keeps.
 */
static inline bool
search_limit(const GraphSearch *search, float *limit)
{
	float last;

	if (search->npool == 0)
		return false;
	last = search->pool[search->npool - 1].dist;
	*limit = last;
	if (search->nlive >= search->ef)
		return true;
	if (!search_bound(search, limit))
		return false;
	*limit = Max(*limit, last);
	return true;
}

/* Discards the last of the pool. */
static inline void
search_discard_last(GraphSearch *search)
{
	Candidate *last = &search->pool[--search->npool];

	search->nlive -= !(last->flags & CANDIDATE_BRIDGE);
	search->discarded[search->ndiscarded++] = *last;
}

/* Merges candidates into the pool; what is then too much at the end is discarded. */
static inline void
search_merge(GraphSearch *search, const Candidate *candidates, int n)
{
	Candidate *pool = search->pool;
	int order[GRAPH_MAX_LINKS];
	int rank[GRAPH_MAX_LINKS];
	int end = search->npool;
	float farthest;

	candidates_order(candidates, n, order);
	for (int i = 0; i < n; i++)
		rank[i] = search_rank(search, candidates[order[i]].dist);
	for (int i = n - 1; i >= 0; i--)
	{
		candidates_shift(pool, rank[i], end, i + 1);
		pool[rank[i] + i] = candidates[order[i]];
		search->nlive += !(candidates[order[i]].flags & CANDIDATE_BRIDGE);
		end = rank[i];
	}
	search->npool += n;
	search->cursor = Min(search->cursor, end);
	while (search->nlive > search->ef)
		search_discard_last(search);
	if (search_bound(search, &farthest))
		while (pool[search->npool - 1].dist > farthest)
			search_discard_last(search);
}

/* Offers what a visit has found to the pool. */
static void
search_offer(GraphSearch *search, int nfound)
{
	Candidate *found = search->found;
	float limit = 0;
	bool limited = search_limit(search, &limit);
	int nnear = 0;

	search->nvisited += nfound;
	if (!search->keep)
		search->ndiscarded = 0;
	/* all may enter the pool, and what is in the pool leave it, be there ever so many dead */
	search->pool = candidates_reserve(search->pool, &search->pool_size, search->npool + nfound);
	search->discarded = candidates_reserve(search->discarded, &search->discarded_size,
										   search->ndiscarded + search->npool + nfound);
	for (int i = 0; i < nfound; i++)
	{
		bool near = !limited | (found[i].dist < limit);

		search->discarded[search->ndiscarded] = found[i];
		search->ndiscarded += !near;
		found[nnear] = found[i];
		nnear += near;
	}
	if (nnear > 0)
		search_merge(search, found, nnear);
}

/* What counts is what a search has met, not what its arrays have been made for. */
static Size
search_memory(const GraphSearch *search)
{
	return visited_memory(&search->visited) +
		   ((Size) search->npool + search->ndiscarded) * sizeof(Candidate);
}

static bool
search_at_limit(const GraphSearch *search)
{
	if (search->visit_limit > 0 && search->nvisited >= search->visit_limit)
		return true;
	return search->memory_limit > 0 && search_memory(search) > search->memory_limit;
}

/*
 * Marks the nearest candidate that is not expanded as such, copies its unvisited neighbours to
 * `batch` and starts fetching them. Returns how many there are; 0 when the whole pool is expanded.
 */
static int
search_next_batch(GraphSearch *search, NodeId *batch)
{
	GraphStore *store = search->store;
	int nbatch = 0;

	while (nbatch == 0 && search->cursor < search->npool)
	{
		Candidate *candidate = &search->pool[search->cursor++];
		int n;

		if (candidate->flags & CANDIDATE_EXPANDED)
			continue;
		candidate->flags |= CANDIDATE_EXPANDED;
		n = store->neighbours(store, candidate->node, search->layer, candidate->generation, batch);
		for (int i = 0; i < n; i++)
		{
			batch[nbatch] = batch[i];
			nbatch += visited_add(&search->visited, batch[i]);
		}
	}
	if (nbatch > 0)
		store->fetch(store, search->layer, batch, nbatch);
	/* unless the batches under way bring nearer ones, these are expanded next */
	for (int i = 0; i < EXPECTED && search->cursor + i < search->npool; i++)
		store->expect(store, search->pool[search->cursor + i].node, search->layer);
	return nbatch;
}

/*
 * Expands candidates, nearest first, until the whole pool is expanded or a limit is met. While a
 * batch is on its way from memory the next one is collected, from the pool as it is: the candidate
 * that is expanded too early by this would nearly always have been expanded anyway.
 */
static void
search_run(GraphSearch *search)
{
	GraphStore *store = search->store;
	NodeId *batch = search->batches[0];
	NodeId *ahead = search->batches[1];
	int nbatch = search_next_batch(search, batch);

	while (nbatch > 0)
	{
		NodeId *done = batch;
		int nahead = 0;

		/* a batch that has been collected counts as visited, and so has to be measured */
		search->limited = search_at_limit(search);
		if (!search->limited)
			nahead = search_next_batch(search, ahead);
		search_offer(search, store->visit(store, search->query, search->layer, batch, nbatch,
										  search->found));
		CHECK_FOR_INTERRUPTS();
		if (nahead == 0 && !search->limited)
			nahead = search_next_batch(search, ahead);
		batch = ahead;
		nbatch = nahead;
		ahead = done;
	}
}

/* Searches a layer for about ef nodes from its entries, as has been set up otherwise. */
static void
search_layer(GraphSearch *search, const CodeQuery *query, int layer, int ef, int nentries)
{
	NodeId *batch = search->batches[0];
	int nbatch = 0;

	Assert(ef > 0 && nentries > 0 && nentries <= GRAPH_MAX_ENTRIES);
	search->query = query;
	search->layer = layer;
	search->npool = search->nlive = search->cursor = 0;
	search->ndiscarded = 0;
	search->nbefore += search->nvisited;
	search->nvisited = 0;
	search->limited = false;
	visited_reset(&search->visited, (uint32) (ef + EXPANDED_ON_THE_WAY) * search->store->m);
	if (layer == 0 && search->left_out != NODE_NONE)
		(void) visited_add(&search->visited, search->left_out);
	if (layer == 0 && search->left_out != NODE_NONE)
		(void) visited_add(&search->visited, search->left_out);
	/* the elements of two entries may have been the same one */
	for (int i = 0; i < nentries; i++)
	{
		batch[nbatch] = search->entries[i];
		nbatch += visited_add(&search->visited, search->entries[i]);
	}
	search->store->fetch(search->store, layer, batch, nbatch);
	nbatch = search->store->visit(search->store, query, layer, batch, nbatch, search->found);
	search->nearest_entry = INFINITY;
	for (int i = 0; i < nbatch; i++)
		if (!(search->found[i].flags & CANDIDATE_DEAD))
			search->nearest_entry = Min(search->nearest_entry, search->found[i].dist);
	search_offer(search, nbatch);
	search_run(search);
}

void
graph_search_layer(GraphSearch *search, const CodeQuery *query, int layer, int ef, int nentries)
{
	search->ef = ef;
	search->bound.rank = 0;
	search_layer(search, query, layer, ef, nentries);
}

void
graph_search_within(GraphSearch *search, const CodeQuery *query, int ef, const GraphBound *bound,
					int nentries)
{
	search->ef = GRAPH_REACH_MOST * ef;
	search->bound = *bound;
	search_layer(search, query, 0, ef, nentries);
}

void
graph_search_begin_union(GraphSearch *search)
{
	Assert(search->keep);
	search->layer = 0;
	search->npool = search->nlive = search->cursor = 0;
	search->ndiscarded = 0;
	search->nbefore += search->nvisited;
	search->nvisited = 0;
	search->limited = false;
	search->nearest_entry = INFINITY;
	visited_reset(&search->visited, 0);
}

/* Marks candidates as met. */
static void
search_meet(GraphSearch *search, const Candidate *candidates, int n)
{
	for (int i = 0; i < n; i++)
		(void) visited_add(&search->visited, candidates[i].node);
}

void
graph_search_add(GraphSearch *search, const GraphSearch *part)
{
	Assert(part->keep && part->layer == 0);
	search->query = part->query;
	search->ef = part->ef;
	search->bound = part->bound;
	search->pool =
		candidates_reserve(search->pool, &search->pool_size, search->npool + part->npool);
	memcpy(&search->pool[search->npool], part->pool, part->npool * sizeof(Candidate));
	search->npool += part->npool;
	search->nlive += part->nlive;
	search->discarded = candidates_reserve(search->discarded, &search->discarded_size,
										   search->ndiscarded + part->ndiscarded);
	memcpy(&search->discarded[search->ndiscarded], part->discarded,
		   part->ndiscarded * sizeof(Candidate));
	search->ndiscarded += part->ndiscarded;
	search->nvisited += part->nvisited;
	search->limited |= part->limited;
	search->nearest_entry = Min(search->nearest_entry, part->nearest_entry);
	search_meet(search, part->pool, part->npool);
	search_meet(search, part->discarded, part->ndiscarded);
}

void
graph_search_end_union(GraphSearch *search)
{
	float farthest;

	candidates_sort(search->pool, search->npool);
	search->discarded = candidates_reserve(search->discarded, &search->discarded_size,
										   search->ndiscarded + search->npool);
	while (search->nlive > search->ef)
		search_discard_last(search);
	if (search_bound(search, &farthest))
		while (search->pool[search->npool - 1].dist > farthest)
			search_discard_last(search);
	search->cursor = search->npool;
}

int
graph_search_keep_entries(GraphSearch *search, int n)
{
	n = Min(n, search->npool);
	for (int i = 0; i < n; i++)
		search->entries[i] = search->pool[i].node;
	return n;
}

int
graph_search_down(GraphSearch *search, int layer, int nentries)
{
	int n = 0;

	for (int i = 0; i < nentries; i++)
	{
		NodeId below = search->store->down(search->store, search->entries[i], layer);

		search->entries[n] = below;
		n += below != NODE_NONE;
	}
	return n;
}

/* How many nodes a descent for ef keeps on a layer. */
static int
descent_breadth(const GraphStore *store, int ef, int layer, int top)
{
	int breadth = ef / (store->fill ? EF_PER_BREADTH_IP : EF_PER_BREADTH);

	Assert(layer > 0 && layer <= top);
	if (layer > 1 && layer > top - GREEDY_LAYERS)
		return 1;
	return Max(LEAST_BREADTH, Min(breadth, GRAPH_MAX_ENTRIES));
}

int
graph_search_descend(GraphSearch *search, const CodeQuery *query, int layer, int ef, int *top)
{
	int n;

	search->entries[0] = search->store->entry(search->store, top);
	n = search->entries[0] != NODE_NONE;
	for (int above = *top; n > 0 && above > layer; above--)
	{
		int breadth = descent_breadth(search->store, ef, above, *top);

		graph_search_layer(search, query, above, breadth, n);
		/* when all have gone it goes on from where it began */
		if (search->npool > 0)
			n = graph_search_keep_entries(search, breadth);
		n = graph_search_down(search, above, n);
	}
	if (n == 0)
		/* nothing to go on with */
		search->npool = search->nlive = search->ndiscarded = search->bound.rank = 0;
	return n;
}

/*
 * Puts a candidate among those found, nearest first, of which the n nearest are kept; returns how
 * many they are.
 */
static inline int
keep_nearest(Candidate **nearest, int found, int n, Candidate *candidate)
{
	int at = found < n ? found++ : n - 1;

	for (; at > 0 && nearest[at - 1]->dist > candidate->dist; at--)
		nearest[at] = nearest[at - 1];
	nearest[at] = candidate;
	return found;
}

int
graph_search_runners_up(GraphSearch *search, int n, float limit, Candidate *out)
{
	Candidate *nearest[GRAPH_MAX_RUNNERS_UP];
	int found = 0;

	Assert(n > 0 && n <= GRAPH_MAX_RUNNERS_UP);
	/*
	 * backwards: what was discarded last is nearer, mostly, so the limit is soon what it comes to
	 */
	for (int end = search->ndiscarded; end > 0; end -= Min(end, RUNNERS_UP_CHUNK))
	{
		Candidate *within[RUNNERS_UP_CHUNK];
		int nwithin = 0;

		/* without a branch, since most are out of the question but not all */
		for (int i = Max(0, end - RUNNERS_UP_CHUNK); i < end; i++)
		{
			Candidate *candidate = &search->discarded[i];

			within[nwithin] = candidate;
			nwithin += (candidate->dist < limit) &
					   !(candidate->flags & (CANDIDATE_BRIDGE | CANDIDATE_TAKEN));
		}
		for (int i = nwithin - 1; i >= 0; i--)
		{
			if (within[i]->dist >= limit)
				continue;
			found = keep_nearest(nearest, found, n, within[i]);
			if (found == n)
				limit = nearest[n - 1]->dist;
		}
	}
	for (int i = 0; i < found; i++)
	{
		out[i] = *nearest[i];
		nearest[i]->flags |= CANDIDATE_TAKEN;
	}
	return found;
}

/* Farthest first. */
#define ST_SORT sort_descending
#define ST_ELEMENT_TYPE Candidate
#define ST_COMPARE(a, b) (((a)->dist < (b)->dist) - ((a)->dist > (b)->dist))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Orders candidates such that the last `wanted` are the nearest, farthest first; the others are in
 * no order.
 */
static void
order_nearest(Candidate *candidates, int n, int wanted)
{
	int from = 0;
	int end = n;
	int border = n - wanted;

	/* Hoare's selection, as long as there is much more to be divided than is wanted */
	while (end - from > 2 * wanted + LITTLE_TO_SORT)
	{
		float pivot = candidates[from + (end - from) / 2].dist;
		int i = from;
		int j = end - 1;

		while (i <= j)
		{
			while (candidates[i].dist > pivot)
				i++;
			while (candidates[j].dist < pivot)
				j--;
			if (i <= j)
			{
				Candidate swap = candidates[i];

				candidates[i++] = candidates[j];
				candidates[j--] = swap;
			}
		}
		/*
		 * [from, j] are no nearer than the pivot, [i, end) no farther, and what is between is at
		 * its distance
		 */
		if (border >= i)
			from = i;
		else if (border <= j)
			end = j + 1;
		else
			break;
	}
	sort_descending(candidates + from, n - from);
}

/* Adds the nearest of what was discarded to the end of the pool. */
static void
search_take_back(GraphSearch *search, int wanted)
{
	search->pool = candidates_reserve(search->pool, &search->pool_size, search->npool + wanted);
	order_nearest(search->discarded, search->ndiscarded, wanted);
	for (int i = 0; i < wanted; i++)
	{
		Candidate *nearest = &search->discarded[--search->ndiscarded];

		Assert(search->npool == 0 || search->pool[search->npool - 1].dist <= nearest->dist);
		search->pool[search->npool++] = *nearest;
		search->nlive += !(nearest->flags & CANDIDATE_BRIDGE);
	}
}

/* The same, until the pool has so many live nodes. */
static void
search_refill(GraphSearch *search, int nlive)
{
	while (search->nlive < nlive && search->ndiscarded > 0)
		search_take_back(search, Min(nlive - search->nlive, search->ndiscarded));
}

/*
 * The same, of all that is nearer than a distance, be it dead, as far as the pool has room for what
 * is alive.
 */
static void
search_refill_within(GraphSearch *search, float farthest)
{
	int within = 0;
	int live = 0;

	for (int i = 0; i < search->ndiscarded; i++)
	{
		bool near = search->discarded[i].dist < farthest;

		within += near;
		live += near & !(search->discarded[i].flags & CANDIDATE_BRIDGE);
	}
	if (search->nlive + live > search->ef)
		search_refill(search, search->ef);
	else if (within > 0)
		search_take_back(search, within);
}

void
graph_search_widen(GraphSearch *search, int ef, const GraphBound *bound)
{
	float farthest;

	Assert(search->keep);
	/* what is in the pool has been found, be it more than ef */
	search->ef = Max(bound->rank > 0 ? GRAPH_REACH_MOST * ef : ef, search->nlive);
	search->bound = *bound;
	/* a pool that is not bounded yet takes all it meets: what was discarded is nearer */
	search_refill(search, bound->rank > 0 ? Max(bound->rank, bound->least) : search->ef);
	if (search_bound(search, &farthest))
		search_refill_within(search, farthest);
	search->cursor = 0;
	if (!search->limited)
		search_run(search);
}

/*
 * The pool's candidates have been returned to whoever asks for more, so they leave the pool for
 * good; visited keeps them from coming back.
 */
bool
graph_search_resume(GraphSearch *search, int ef)
{
	const GraphBound unbounded = {0};

	search->npool = search->nlive = search->cursor = 0;
	if (search->ndiscarded == 0)
		return false;
	graph_search_widen(search, ef, &unbounded);
	return true;
}
