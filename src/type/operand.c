/*
 * operand.c: detoasts arguments of distances, and keeps them from call to call.
 *
 * The bytes of a toast pointer stand for the same value for as long as it can be seen, and those of
 * a compressed value always do. Pointers into memory (indirect and expanded values) say nothing by
 * their bytes and are not kept.
 */
#include "operand.h"

/* Memory that is used again; it grows to the largest content there was. */
typedef struct Kept
{
	char *bytes;
	Size size;
	Size room;
} Kept;

typedef struct Operand
{
	Kept stored; /* an argument as it came; empty: none */
	Kept value;  /* and detoasted */
} Operand;

static void
keep(Kept *kept, MemoryContext context, const void *bytes, Size size)
{
	kept->size = 0;
	if (size > kept->room)
	{
		if (kept->bytes)
			pfree(kept->bytes);
		kept->room = 0;
		kept->bytes = NULL;
		kept->bytes = MemoryContextAlloc(context, size);
		kept->room = size;
	}
	memcpy(kept->bytes, bytes, size);
	kept->size = size;
}

const struct varlena *
operand_detoasted(FunctionCallInfo fcinfo, int n)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(n));
	Size size = VARSIZE_ANY(stored);
	FmgrInfo *call = fcinfo->flinfo;
	struct varlena *value;
	Operand *operand;

	if (call == NULL || (VARATT_IS_EXTERNAL(stored) && !VARATT_IS_EXTERNAL_ONDISK(stored)))
		return pg_detoast_datum(stored);
	if (call->fn_extra == NULL)
		call->fn_extra = MemoryContextAllocZero(call->fn_mcxt, 2 * sizeof(Operand));
	operand = (Operand *) call->fn_extra + n;
	if (operand->stored.size != size || memcmp(operand->stored.bytes, stored, size) != 0)
	{
		operand->stored.size = 0; /* nothing, should there be an error */
		value = pg_detoast_datum(stored);
		keep(&operand->value, call->fn_mcxt, value, VARSIZE(value));
		keep(&operand->stored, call->fn_mcxt, stored, size);
		pfree(value);
	}
	return (const struct varlena *) operand->value.bytes;
}
