/*
 * bit.c: distances between bit strings: Hamming and Jaccard, for PostgreSQL's own type "bit".
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/varbit.h"

#include "../compat.h"
#include "../distance/distance.h"
#include "operand.h"
#include "value.h"

/* A bit string as it lies, see operand.h. */
typedef struct BitOperand
{
	int32 length; /* in bits */
	const uint8 *bytes;
} BitOperand;

static inline BitOperand
bit_operand(FunctionCallInfo fcinfo, int n)
{
	const struct varlena *value = operand(fcinfo, n);
	const char *data = VARDATA_ANY(value);
	Size size = VARSIZE_ANY_EXHDR(value);
	BitOperand result;

	if (unlikely(!stored_bit_is_good(data, size)))
		value_damaged("bit", size);
	memcpy(&result.length, data + offsetof(VarBit, bit_len) - VARHDRSZ, sizeof(result.length));
	result.bytes = (const uint8 *) data + offsetof(VarBit, bit_dat) - VARHDRSZ;
	return result;
}

#define OPERANDS(a, b)                     \
	BitOperand a = bit_operand(fcinfo, 0); \
	BitOperand b = bit_operand(fcinfo, 1); \
	check_lengths(a.length, b.length)

#define BYTES(operand) (((size_t) (operand).length + BITS_PER_BYTE - 1) / BITS_PER_BYTE)

static inline void
check_lengths(int32 a, int32 b)
{
	if (unlikely(a != b))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("different bit lengths %u and %u", a, b)));
}

/* hamming_distance(a, b): the number of bits that differ. */
PG_FUNCTION_INFO_V1(hamming_distance);
Datum
hamming_distance(PG_FUNCTION_ARGS)
{
	OPERANDS(a, b);
	PG_RETURN_FLOAT8((float8) distance->hamming(a.bytes, b.bytes, BYTES(a)));
}

/*
 * jaccard_distance(a, b): 1 less the share of the ones of either that both have; 1 if they have
 * none in common.
 */
PG_FUNCTION_INFO_V1(jaccard_distance);
Datum
jaccard_distance(PG_FUNCTION_ARGS)
{
	int64 both;
	int64 one;

	OPERANDS(a, b);
	both = distance->and_count(a.bytes, b.bytes, BYTES(a));
	one = distance->hamming(a.bytes, b.bytes, BYTES(a));
	PG_RETURN_FLOAT8(both == 0 ? 1.0 : (float8) one / (float8) (one + both));
}
