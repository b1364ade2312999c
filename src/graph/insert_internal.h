/*
 * insert_internal.h: what insert.c, link.c and mend.c share: all that gives links to nodes.
 */
#ifndef HNSWC_INSERT_INTERNAL_H
#define HNSWC_INSERT_INTERNAL_H

#include "graph/graph.h"

/* insert.c */

/*
 * Was the search just done begun near what it found? If not, searches for the same from the layer
 * above may miss it. Asks nothing of graphs that have fewer nodes than the search is for.
 */
extern bool insert_is_covered(const GraphSearch *search);
/* Leaves those in the search's pool that are alive, but for one node. */
extern void insert_keep_live(GraphSearch *search, NodeId but);
/*
 * Selects neighbours on a layer from the search's pool into insert->links[layer]; returns how many.
 */
extern int insert_select(GraphInsert *insert, int layer);

/* link.c */

/*
 * Adds a link from `node` to `created`. When the list is full it is selected anew from what it had
 * and the new one. With `force` the new one gets in whatever the selection says. Returns whether
 * `node` links to it now.
 */
extern bool graph_link_back(GraphInsert *insert, int layer, NodeId node, NodeId created,
							bool force);
/*
 * Links all of insert->links[layer] to `created`; at least one, the nearest that can, so that it is
 * reachable.
 */
extern void graph_link_all_back(GraphInsert *insert, int layer, NodeId created);

#endif /* HNSWC_INSERT_INTERNAL_H */
