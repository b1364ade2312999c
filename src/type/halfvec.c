/*
 * halfvec.c: the SQL functions of the type "halfvec".
 *
 * The bodies shared by the dense types, with elements of two bytes; vector.c says what the names to
 * define are.
 */
#include "halfvec.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "../distance/distance.h"
#include "../distance/operator.h"
#include "../distance/half.h"
#include "dense.h"
#include "operand.h"
#include "message.h"
#include "vector.h"

static const DenseType halfvec_type = {.name = "halfvec", .max_dim = HALFVEC_MAX_DIM};

StaticAssertDecl(HALFVEC_MAX_DIM <= DENSE_MAX_DIM, "texts are parsed into DENSE_MAX_DIM floats");

#define DENSE_TYPE HalfVector
#define DENSE_ELEMENT uint16
#define DENSE_TO_FLOAT(element) half_to_float(element)
#define DENSE_FROM_FLOAT(number) half_from_float(number)
#define DENSE_IS_FINITE(element) (((element) &0x7C00) != 0x7C00)
#define DENSE_DESCRIPTOR halfvec_type
#define DENSE_FN(name) halfvec_##name
#define DENSE_NEW(dim) halfvec_new(dim)
#define DENSE_GETARG(i) PG_GETARG_HALFVEC_P(i)
#define DENSE_READ(input, x, n) binary_read_halves(input, x, n)
#define DENSE_WRITE(out, x, n) binary_write_halves(out, x, n)
#define DENSE_OPERAND(x) elements_halves(x)

#define DENSE_EXPORT(function) PG_FUNCTION_INFO_V1(function)

#include "dense_io.inc.h"
#include "dense_cast.inc.h"
#include "dense_arith.inc.h"
#include "dense_distance.inc.h"
#include "dense_aggregate.inc.h"

/*
 * vector_to_halfvec(vector, typmod, explicit): each element rounded; an error for one beyond the
 * range of a half.
 */
PG_FUNCTION_INFO_V1(vector_to_halfvec);
Datum
vector_to_halfvec(PG_FUNCTION_ARGS)
{
	Vector *v = PG_GETARG_VECTOR_P(0);
	HalfVector *result = halfvec_new(v->dim);

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	distance->half_from_f32(result->x, v->x, 1.0f, v->dim);
	for (int i = 0; i < v->dim; i++)
		if (unlikely(!DENSE_IS_FINITE(result->x[i])))
			dense_out_of_range(&halfvec_type, v->x[i]);
	PG_RETURN_POINTER(result);
}

/* halfvec_to_vector(halfvec, typmod, explicit): exact. */
PG_FUNCTION_INFO_V1(halfvec_to_vector);
Datum
halfvec_to_vector(PG_FUNCTION_ARGS)
{
	HalfVector *v = PG_GETARG_HALFVEC_P(0);
	Vector *result = vector_new(v->dim);

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	distance->f32_from_half(result->x, v->x, 1.0f, v->dim);
	PG_RETURN_POINTER(result);
}
