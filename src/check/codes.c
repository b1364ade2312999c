/*
 * codes.c: an element's code against the vector that the index keeps of it, or that a row of the
 * table has.
 *
 * Encoding the vector again gives the code that is stored, but for what CPUs of other instruction
 * sets round differently, which code_is_of() allows for.  An element keeps its vector until its
 * slot is reused.  During recovery that may be between two reads: then the slot has another
 * generation afterwards.
 *
 * Locks: the share lock of one page at a time.
 */
#include "postgres.h"

#include "check/check.h"
#include "memory.h"

void
check_codes_begin(HnswCheck *check)
{
	const IndexState *state = check->state;
	const PageLayout *layout = check->layout;
	Size scratch = coder_scratch_size(state->coder);

	if (state->vector_coder)
		scratch = Max(scratch, coder_scratch_size(state->vector_coder));
	check->codes.scratch = palloc_on_line(scratch);
	check->codes.vector = palloc_on_line(state->shape.spec.dims * sizeof(float));
	check->codes.decoded = palloc_on_line(state->shape.spec.dims * sizeof(float));
	check->codes.code = palloc_on_line(Max(layout->code_size, layout->vector_size));
	check->codes.stored = palloc_on_line(Max(layout->vector_size, 1));
}

bool
check_read_stored(HnswCheck *check, const PageTail *tail, uint32 slot)
{
	const PageLayout *layout = check->layout;
	BlockNumber block;
	uint32 offset;
	uint32 left = layout->vector_size;
	char *to = check->codes.stored;

	vector_place(layout, tail->vector_block, tail->vector_offset, slot, &block, &offset);
	for (; left > 0; block++, offset = 0)
	{
		uint32 size = Min(left, PAGE_STREAM_SIZE - offset);
		bool found;
		Buffer buffer;
		Page page;

		if (block >= check->nblocks && block >= RelationGetNumberOfBlocks(check->index))
			return false;
		buffer = check_lock(check, block);
		page = BufferGetPage(buffer);
		found = !PageIsNew(page) && page_tail(page)->page_id == HNSWC_PAGE_ID &&
				page_tail(page)->kind == PAGE_VECTOR &&
				((PageHeader) page)->pd_lower >= PAGE_STREAM_START + offset + size;
		if (found)
			memcpy(to, (char *) page + PAGE_STREAM_START + offset, size);
		UnlockReleaseBuffer(buffer);
		if (!found)
			return false;
		to += size;
		left -= size;
	}
	return true;
}

/* Is the slot still in that use? */
static bool
still_there(HnswCheck *check, NodeId node, const Slot *slot)
{
	return slot_copy_read(check, check->after, node, PAGE_ELEMENT) &&
		   slot_is_live(check->after->slot) && check->after->slot->generation == slot->generation;
}

bool
check_read_vector(HnswCheck *check, const PageTail *tail, NodeId node)
{
	if (!check_read_stored(check, tail, node_slot(check->layout, node)))
		return false;
	coder_decode(check->state->vector_coder, check->codes.stored, check->codes.vector,
				 check->codes.scratch);
	return true;
}

bool
check_code_is_of(HnswCheck *check, const Coder *coder, const void *code)
{
	/* half-precision copies are within 2^-11 of the vector that was encoded */
	bool rough = check->state->shape.rerank == RERANK_HALF;

	coder_encode(coder, check->codes.vector, check->codes.code, check->codes.scratch);
	return code_is_of(
		coder,
		&(CodeComparison){check->codes.vector, check->codes.code, check->codes.decoded, rough},
		code, check->codes.scratch);
}

void
check_code(HnswCheck *check, NodeId node, const Slot *slot, const PageTail *tail)
{
	const void *code = slot_code(check->layout, (Slot *) slot);

	if (check->layout->vector_size == 0 || !slot_is_live(slot))
		return;
	if (check_read_vector(check, tail, node) && check_code_is_of(check, check->state->coder, code))
		return;
	if (!still_there(check, node, slot))
		return;
	if (!check_read_vector(check, tail, node))
		check_failed(check, node, "its vector is not on pages of vectors");
	if (!check_code_is_of(check, check->state->coder, code))
		check_failed(check, node, "its code is not that of its vector");
}
