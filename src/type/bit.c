/*
 * bit.c: distances between bit strings: Hamming and Jaccard, for PostgreSQL's own type "bit".
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/varbit.h"

#include "../distance/distance.h"

static void
check_lengths(VarBit *a, VarBit *b)
{
	if (VARBITLEN(a) != VARBITLEN(b))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("different bit lengths %u and %u", VARBITLEN(a), VARBITLEN(b))));
}

/* hamming_distance(a, b): the number of bits that differ. */
PG_FUNCTION_INFO_V1(hamming_distance);
Datum
hamming_distance(PG_FUNCTION_ARGS)
{
	VarBit *a = PG_GETARG_VARBIT_P(0);
	VarBit *b = PG_GETARG_VARBIT_P(1);

	check_lengths(a, b);
	PG_RETURN_FLOAT8((float8) distance->hamming(VARBITS(a), VARBITS(b), VARBITBYTES(a)));
}

/* jaccard_distance(a, b): 1 less the share of the ones of either that both have; 1 if they have none in common. */
PG_FUNCTION_INFO_V1(jaccard_distance);
Datum
jaccard_distance(PG_FUNCTION_ARGS)
{
	VarBit *a = PG_GETARG_VARBIT_P(0);
	VarBit *b = PG_GETARG_VARBIT_P(1);
	int64 both;
	int64 one;

	check_lengths(a, b);
	both = distance->and_count(VARBITS(a), VARBITS(b), VARBITBYTES(a));
	one = distance->hamming(VARBITS(a), VARBITS(b), VARBITBYTES(a));
	PG_RETURN_FLOAT8(both == 0 ? 1.0 : (float8) one / (float8) (one + both));
}
