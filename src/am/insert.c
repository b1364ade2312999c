/*
 * insert.c: adding one row.
 *
 * The vector is encoded, the graph searched and the new element linked in by the graph layer through the page store;
 * here are only its beginning and end.
 *
 * Locks: the insert lock, shared, from before the search until the last link is written, so that vacuum can wait for
 * inserts that may still link to what it removes.
 */
#include "postgres.h"

#include "am/am.h"
#include "am/element.h"
#include "graph/memory.h"
#include "utils/inval.h"

static void *
encode(const Coder *coder, Size size, const float *vector)
{
	void *code = palloc_on_line(size);

	coder_encode(coder, vector, code, palloc_on_line(coder_scratch_size(coder)));
	return code;
}

static void
insert_row(Relation index, IndexState *state, const float *vector, ItemPointer heap_tid)
{
	PageStore *pages = page_store_open(index, state, true);
	GraphInsert *insert = graph_insert_create(&pages->store, state->ef_construction);
	CodeQuery *query = coder_query(state->coder, palloc_on_line(code_query_size(state->coder)), vector,
								   palloc_on_line(coder_scratch_size(state->coder)));

	pages->element.heap_tid = *heap_tid;
	pages->element.code = encode(state->coder, state->layout.code_size, vector);
	if (state->layout.vector_size > 0)
		pages->element.vector = encode(state->vector_coder, state->layout.vector_size, vector);
	index_insert_lock(index);
	graph_insert(insert, query, pages->element.code, graph_random_layer(state->m));
	index_insert_unlock(index);
}

/*
 * A row is not indexed.  Plans may rely on all rows being there (path.c): others have to be made from now on.  A query
 * that has its plan already, but not yet its snapshot, may miss this row as it may miss any.
 */
static void
leave_out(Relation index, IndexState *state, Relation heap, uint16 flag)
{
	if (index_leave_out(index, state, flag, true))
		CacheInvalidateRelcache(heap);
}

bool
hnswinsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid, Relation heap,
		   IndexUniqueCheck checkUnique, bool indexUnchanged, IndexInfo *indexInfo)
{
	MemoryContext cxt;
	MemoryContext old;
	NodeId entry;
	IndexState *state;
	const ElementType *type = element_type(index);
	float *vector;

	state = index_state_get(index, &entry);
	if (isnull[0])
	{
		leave_out(index, state, heap, META_NO_NULL);
		return false;
	}
	cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw insert", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	vector = palloc_on_line(state->spec.dims * sizeof(float));
	element_check_state(index, type, state);
	if (element_read(type, state->spec.dims, values[0], vector))
		insert_row(index, state, vector, heap_tid);
	else
		leave_out(index, state, heap, META_NO_ZERO);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return false;
}
