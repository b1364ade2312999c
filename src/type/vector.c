/*
 * vector.c: the SQL functions of the type "vector".
 *
 * The functions are the bodies shared by the dense types, here with elements of float4. A dense
 * type defines, before the includes:
 *
 *	DENSE_TYPE			the C struct: a varlena header, int16 dim, int16 unused, DENSE_ELEMENT x[]
 *	DENSE_ELEMENT		one element
 *	DENSE_TO_FLOAT		element to float, exact; DENSE_FROM_FLOAT back, rounding, infinite on
 *                      overflow
 *	DENSE_IS_FINITE		neither NaN nor infinite, of an element, without branches
 *	DENSE_DESCRIPTOR	the type's DenseType
 *	DENSE_FN(f)			the C name of the function f
 *	DENSE_NEW(dim)		a new value; DENSE_GETARG(i) an argument, detoasted
 *	DENSE_READ, DENSE_WRITE	elements from and to their binary form, of binary_form.h
 *	DENSE_OPERAND(x)	elements as operator.h takes them
 */
#include "vector.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "../distance/operator.h"
#include "dense.h"
#include "operand.h"
#include "message.h"

static const DenseType vector_type = {.name = "vector", .max_dim = VECTOR_MAX_DIM};

StaticAssertDecl(VECTOR_MAX_DIM <= DENSE_MAX_DIM, "texts are parsed into DENSE_MAX_DIM floats");

#define DENSE_TYPE Vector
#define DENSE_ELEMENT float
#define DENSE_TO_FLOAT(element) (element)
#define DENSE_FROM_FLOAT(number) (number)
#define DENSE_IS_FINITE(element) (fabsf(element) <= FLT_MAX)
#define DENSE_DESCRIPTOR vector_type
#define DENSE_FN(name) vector_##name
#define DENSE_NEW(dim) vector_new(dim)
#define DENSE_GETARG(i) PG_GETARG_VECTOR_P(i)
#define DENSE_READ(input, x, n) binary_read_floats(input, x, n)
#define DENSE_WRITE(out, x, n) binary_write_floats(out, x, n)
#define DENSE_OPERAND(x) elements_floats(x)

/*
 * Declares a function to PostgreSQL; the step in between lets DENSE_FN expand before names are
 * pasted.
 */
#define DENSE_EXPORT(function) PG_FUNCTION_INFO_V1(function)

#include "dense_io.inc.h"
#include "dense_cast.inc.h"
#include "dense_arith.inc.h"
#include "dense_distance.inc.h"
#include "dense_aggregate.inc.h"
