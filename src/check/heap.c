/*
 * heap.c: rows of the table, as the index has them.
 *
 * The addresses of all rows are noted as pages are read, with the node that has each, and sorted.
 * Proved here:
 *
 * - No row is in two places.
 * - No row is beyond the end of the table.
 *
 * and, if asked for, of each row of the table that the check's snapshot sees, which an index must
 * have had before (amcheck's heapallindexed):
 *
 * - It is in the index, with its vector.  Rows without a vector, and under cosine those without a
 *   direction, are not, and the index's meta page says that there are such.
 *
 * A row that vacuum removes may be followed by another at the same address, which is then found in
 * two places though it never was there at one time; so what is found twice is looked at again.
 *
 * Locks: those of slots.c.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "check/check.h"
#include "column/element.h"
#include "miscadmin.h"
#include "node/key_columns.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"

/* An address of a row as a number that sorts as it does. */
static int64
tid_key(ItemPointer tid)
{
	return ((int64) ItemPointerGetBlockNumber(tid) << 16) | ItemPointerGetOffsetNumber(tid);
}

static ItemPointerData
key_tid(int64 key)
{
	ItemPointerData tid;

	ItemPointerSet(&tid, (BlockNumber) (key >> 16), (OffsetNumber) (key & 0xFFFF));
	return tid;
}

/* A row in the index. */
typedef struct IndexedRow
{
	int64 key; /* its address */
	NodeId node;
} IndexedRow;

void
check_rows_begin(HnswCheck *check)
{
	TupleDesc desc = CreateTemplateTupleDesc(2);
	AttrNumber columns[2] = {1, 2};
	Oid operators[2] = {Int8LessOperator, Int8LessOperator};
	Oid collations[2] = {InvalidOid, InvalidOid};
	bool nulls_first[2] = {false, false};

	TupleDescInitEntry(desc, 1, NULL, INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, NULL, INT8OID, -1, 0);
	check->rows.in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	check->rows.out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	check->rows.sort = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first,
											maintenance_work_mem, NULL, TUPLESORT_RANDOMACCESS);
}

void
check_note_row(HnswCheck *check, ItemPointer tid, NodeId node)
{
	TupleTableSlot *row = check->rows.in;

	ExecClearTuple(row);
	row->tts_values[0] = Int64GetDatum(tid_key(tid));
	row->tts_values[1] = Int64GetDatum((int64) node);
	row->tts_isnull[0] = row->tts_isnull[1] = false;
	ExecStoreVirtualTuple(row);
	tuplesort_puttupleslot(check->rows.sort, row);
	check->counts.index_rows++;
}

/* The next row in the order of addresses; false at the end. */
static bool
next_row(HnswCheck *check, IndexedRow *row)
{
	bool isnull;

	if (!tuplesort_gettupleslot(check->rows.sort, true, false, check->rows.out, NULL))
		return false;
	row->key = DatumGetInt64(slot_getattr(check->rows.out, 1, &isnull));
	row->node = (NodeId) DatumGetInt64(slot_getattr(check->rows.out, 2, &isnull));
	return true;
}

/* How often a node has the row; the node's slot is in `copy` afterwards. */
static int
node_has_row(HnswCheck *check, SlotCopy *copy, const IndexedRow *row)
{
	PageKind kind = check->kinds[node_block(check->layout, row->node)];
	ItemPointerData tid = key_tid(row->key);
	DuplicateSlot *list = (DuplicateSlot *) copy->slot;
	int n = 0;

	if (!slot_copy_read(check, copy, row->node, kind) || copy->slot->state != SLOT_LIVE)
		return 0;
	if (kind == PAGE_ELEMENT)
		return ItemPointerEquals(&copy->slot->u.heap_tid, &tid);
	for (int i = 0; i < Min(list->count, check->layout->duplicates_per_slot); i++)
		n += ItemPointerEquals(&list->tids[i], &tid);
	return n;
}

/* A row that was found twice: at one node, or at one before and after it is at the other. */
static void
look_at_twice(HnswCheck *check, const IndexedRow *first, const IndexedRow *second)
{
	ItemPointerData tid = key_tid(first->key);
	int here = node_has_row(check, check->before, first);
	bool twice = here > 1;

	if (first->node != second->node)
		twice = here > 0 && node_has_row(check, check->end, second) > 0 &&
				node_has_row(check, check->after, first) > 0 &&
				check->before->slot->generation == check->after->slot->generation;
	if (twice)
		check_failed(check, second->node, "row (%u,%u) is there, and at block %u, slot %u, too",
					 ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid),
					 node_block(check->layout, first->node), node_slot(check->layout, first->node));
}

/* A row of a block that the table did not have when the check began. */
static void
look_at_beyond(HnswCheck *check, const IndexedRow *row)
{
	ItemPointerData tid = key_tid(row->key);
	BlockNumber nblocks = RelationGetNumberOfBlocks(check->heap);

	if (ItemPointerGetBlockNumber(&tid) >= nblocks && node_has_row(check, check->before, row) > 0)
		check_failed(check, row->node,
					 "row (%u,%u) is beyond the end of the table, which has %u blocks",
					 ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid), nblocks);
}

/* All rows of the index, in their order. */
static void
check_each_once(HnswCheck *check)
{
	int64 end = (int64) RelationGetNumberOfBlocks(check->heap) << 16;
	IndexedRow before = {-1, NODE_NONE};
	IndexedRow row;

	while (next_row(check, &row))
	{
		CHECK_FOR_INTERRUPTS();
		if (row.key == before.key)
			look_at_twice(check, &before, &row);
		if (row.key >= end)
			look_at_beyond(check, &row);
		before = row;
	}
}

/* A scan of the table beside the sorted rows of the index. */
typedef struct HeapScan
{
	HnswCheck *check;
	const ElementType *type;
	MemoryContext row_cxt;
	IndexedRow *rows; /* those of one block of the table */
	int nrows;
	int size;
	BlockNumber block; /* which; InvalidBlockNumber: none */
	IndexedRow next;   /* the first one behind */
	bool more;         /* there is one */
	bool any_null;
	bool any_zero;
} HeapScan;

static void
rewind_rows(HeapScan *heap)
{
	tuplesort_rescan(heap->check->rows.sort);
	heap->more = next_row(heap->check, &heap->next);
	heap->block = InvalidBlockNumber;
	heap->nrows = 0;
}

/*
 * Collects the index's rows of a block.  Tables are read in the order of their blocks, or it begins
 * anew.
 */
static void
load_block(HeapScan *heap, BlockNumber block)
{
	if (heap->block == block)
		return;
	if (heap->block != InvalidBlockNumber && block < heap->block)
		rewind_rows(heap);
	heap->block = block;
	heap->nrows = 0;
	while (heap->more && (BlockNumber) (heap->next.key >> 16) <= block)
	{
		if ((BlockNumber) (heap->next.key >> 16) == block)
		{
			if (heap->nrows == heap->size)
			{
				heap->size *= 2;
				heap->rows = repalloc(heap->rows, heap->size * sizeof(IndexedRow));
			}
			heap->rows[heap->nrows++] = heap->next;
		}
		heap->more = next_row(heap->check, &heap->next);
	}
}

static int
row_compare(const void *a, const void *b)
{
	int64 x = ((const IndexedRow *) a)->key;
	int64 y = ((const IndexedRow *) b)->key;

	return (x > y) - (x < y);
}

/*
 * Has the node, or the element that its list belongs to, the code and the vector of
 * check->codes.vector?
 */
static bool
node_has_vector(HnswCheck *check, NodeId node)
{
	SlotCopy *copy = check->before;
	PageTail tail;
	PageKind kind = check->kinds[node_block(check->layout, node)];

	if (kind == PAGE_DUPLICATE)
	{
		if (!slot_copy_read(check, copy, node, kind))
			return false;
		node = ((DuplicateSlot *) copy->slot)->owner;
	}
	if (!slot_copy_read(check, copy, node, PAGE_ELEMENT) ||
		!check_code_is_of(check, check->state->coder, slot_code(check->layout, copy->slot)))
		return false;
	if (check->layout->vector_size == 0)
		return true;
	return check_read_tail(check, node_block(check->layout, node), &tail) &&
		   check_read_stored(check, &tail, node_slot(check->layout, node)) &&
		   check_code_is_of(check, check->state->vector_coder, check->codes.stored);
}

/* The element that has a row, in itself or in a list. */
static NodeId
owner_of(HnswCheck *check, NodeId node)
{
	if (check_node(check, node) != 0 &&
		check->kinds[node_block(check->layout, node)] == PAGE_DUPLICATE &&
		slot_copy_read(check, check->before, node, PAGE_DUPLICATE))
		return ((DuplicateSlot *) check->before->slot)->owner;
	return node;
}

/* A row of the table that the snapshot sees. */
static void
look_at_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *arg)
{
	HeapScan *heap = arg;
	HnswCheck *check = heap->check;
	IndexedRow wanted = {tid_key(tid), NODE_NONE};
	IndexedRow *row;
	int column = index_vector_column(index);
	MemoryContext old;
	bool indexed;

	CHECK_FOR_INTERRUPTS();
	load_block(heap, ItemPointerGetBlockNumber(tid));
	row = bsearch(&wanted, heap->rows, heap->nrows, sizeof(IndexedRow), row_compare);
	old = MemoryContextSwitchTo(heap->row_cxt);
	indexed = !isnull[column] && element_read(heap->type, check->state->shape.spec.dims,
											  values[column], check->codes.vector);
	MemoryContextSwitchTo(old);
	MemoryContextReset(heap->row_cxt);
	heap->any_null |= isnull[column];
	heap->any_zero |= !isnull[column] && !indexed;
	check->counts.heap_rows++;
	if (indexed && row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" does not have row (%u,%u) of table \"%s\"",
						RelationGetRelationName(index), ItemPointerGetBlockNumber(tid),
						ItemPointerGetOffsetNumber(tid), RelationGetRelationName(check->heap)),
				 errhint("REINDEX the index.")));
	if (!indexed && row != NULL)
		check_failed(check, row->node, "row (%u,%u) is there, but has no vector to be indexed",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	if (indexed && !node_has_vector(check, row->node))
		check_failed(check, row->node, "the vector is not that of row (%u,%u)",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	if (indexed && !check_row_key(check, owner_of(check, row->node), values, isnull))
		check_failed(check, row->node, "the key is not that of row (%u,%u)",
					 ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
}

/* Rows that are in no index have been noted on its meta page, which plans rely on. */
static void
check_left_out(HnswCheck *check, const HeapScan *heap)
{
	MetaPage meta;

	check_read_meta(check, &meta);
	if (heap->any_null && (meta.flags & META_NO_NULL))
		page_corrupted(check->index, HNSWC_META_BLOCK,
					   "the table has nulls, but the index does not know of any");
	if (heap->any_zero && (meta.flags & META_NO_ZERO))
		page_corrupted(
			check->index, HNSWC_META_BLOCK,
			"the table has vectors without a direction, but the index does not know of any");
}

static void
check_table(HnswCheck *check)
{
	HeapScan heap = {
		.check = check, .type = element_type(check->index), .size = MaxHeapTuplesPerPage};
	IndexInfo *info = BuildIndexInfo(check->index);
	TableScanDesc scan;

	heap.row_cxt =
		AllocSetContextCreate(CurrentMemoryContext, "hnsw check row", ALLOCSET_DEFAULT_SIZES);
	heap.rows = palloc(heap.size * sizeof(IndexedRow));
	rewind_rows(&heap);
	/* by the snapshot, as the first scan of CREATE INDEX CONCURRENTLY; from block 0 on */
	scan = table_beginscan_strat(check->heap, check->snapshot, 0, NULL, true, false);
	info->ii_Concurrent = true;
	/* allow_sync is about a scan of its own */
	table_index_build_scan(check->heap, check->index, info, true, false, look_at_row, &heap, scan);
	check_left_out(check, &heap);
	MemoryContextDelete(heap.row_cxt);
}

void
check_rows(HnswCheck *check)
{
	tuplesort_performsort(check->rows.sort);
	check_each_once(check);
	if (check->heapallindexed)
		check_table(check);
	tuplesort_end(check->rows.sort);
}
