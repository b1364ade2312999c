/*
 * insert.c: adding one row.
 *
 * The vector is encoded, the graph searched and the new element linked in by the graph layer
 * through the page store; here are only its beginning and end.
 *
 * Locks: the insert lock, shared, from before the search until the last link is written, so that
 * vacuum can wait for inserts that may still link to what it removes.
 */
#include "postgres.h"

#include "am/am.h"
#include "column/element.h"
#include "node/key_columns.h"
#include "memory.h"
#include "miscadmin.h"
#include "storage/sinval.h"
#include "storage/standby.h"
#include "utils/inval.h"

static void *
encode(const Coder *coder, Size size, const float *vector)
{
	void *code = palloc_on_line(size);

	coder_encode(coder, vector, code, palloc_on_line(coder_scratch_size(coder)));
	return code;
}

static void
insert_row(Relation index, IndexState *state, const float *vector, ItemPointer heap_tid,
		   const KeyProbe *key)
{
	PageStore *pages = page_store_open(index, state, true);
	GraphInsert *insert = graph_insert_create(&pages->store, state->shape.ef_construction);
	CodeQuery *query = coder_query(state->coder, palloc_on_line(code_query_size(state->coder)),
								   vector, palloc_on_line(coder_scratch_size(state->coder)));
	NewElement stored = {*heap_tid};
	GraphElement element = {.stored = &stored, .base = NODE_NONE};
	BlockNumber lock;

	code_query_relative(query);
	element.code = stored.code = encode(state->coder, state->layout.code_size, vector);
	if (state->layout.vector_size > 0)
		stored.vector = encode(state->vector_coder, state->layout.vector_size, vector);
	/* neighbours are told apart by finer codes than they are found by: then the row is, too */
	if (pages->store.select_coder != pages->store.coder)
		insert->select_query =
			coder_query(state->vector_coder, palloc_on_line(code_query_size(state->vector_coder)),
						vector, palloc_on_line(coder_scratch_size(state->vector_coder)));
	lock = index_insert_lock(index);
	if (state->shape.nkeys > 0)
		pages->key = key_make(&pages->reader, key, true);
	graph_insert(insert, query, &element, graph_random_layer(state->shape.m));
	index_insert_unlock(index, lock);
}

/*
 * Tells all sessions, here and on standbys, that they have to plan anew what reads a table. At
 * once, and not at the end of the transaction, which may never come to it.
 */
static void
tell_all(Relation heap)
{
	SharedInvalidationMessage message = {0};

	/* this session first, before its next command */
	CacheInvalidateRelcache(heap);
	message.rc.id = SHAREDINVALRELCACHE_ID;
	message.rc.dbId = MyDatabaseId;
	message.rc.relId = RelationGetRelid(heap);
	if (XLogStandbyInfoActive() && RelationNeedsWAL(heap))
		LogStandbyInvalidations(1, &message, false);
	SendSharedInvalidMessages(&message, 1);
}

/*
 * A row is not indexed. Plans may rely on all rows being there (path.c), and none that does may be
 * used where the row can be seen.
 *
 * Such a plan was made by somebody who saw the flag on the meta page set. When index_leave_out()
 * returns it is cleared and that is logged, so no plan that is made from here on relies on it, and
 * all that were made before are dropped by the message. The row is not seen before its transaction
 * has ended, which is later than the message, in the log and so on standbys, too.
 *
 * Each backend sends the message once for an index, when it leaves out its first row, whether it
 * was that backend that cleared the flag or another one. Who cleared it may not have sent it yet,
 * or never will, because of an error or a crash in between. It does not matter what becomes of the
 * transaction. After this message there is no plan left that a second one could drop.
 *
 * A statement that has been given its plan before the message may take its snapshot after the row's
 * transaction has ended, and miss the row. As with other changes that take no lock against readers,
 * sessions look for messages when they lock a table. So the same goes for a statement in a
 * transaction that has locked the table before.
 */
static void
leave_out(Relation index, IndexState *state, Relation heap, uint16 flag)
{
	if (state->told & flag)
		return;
	index_leave_out(index, state, flag, true);
	tell_all(heap);
	state->told |= flag;
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
	int column = index_vector_column(index);
	float *vector;

	state = index_state_get(index, &entry);
	if (isnull[column])
	{
		leave_out(index, state, heap, META_NO_NULL);
		return false;
	}
	cxt = AllocSetContextCreate(CurrentMemoryContext, "hnsw insert", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	vector = palloc_on_line(state->shape.spec.dims * sizeof(float));
	if (element_read(type, state->shape.spec.dims, values[column], vector))
	{
		KeyProbe key = {0};

		if (state->shape.nkeys > 0)
			key_columns_probe(key_columns_open(index, state), values, isnull, &key);
		insert_row(index, state, vector, heap_tid, &key);
	}
	else
		leave_out(index, state, heap, META_NO_ZERO);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return false;
}
