/*
 * dense_cast.inc.h: conversions between a dense type and arrays, and to its own type with another
 * modifier.
 *
 * A body to be included once per type after dense_io.inc.h; the names it needs are listed in
 * vector.c.
 */

/* name(value, typmod, explicit): the same value, or "expected n dimensions". */
DENSE_EXPORT(DENSE_FN(to_typmod));
Datum
DENSE_FN(to_typmod)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);

	dense_check_expected(PG_GETARG_INT32(1), v->dim);
	PG_RETURN_POINTER(v);
}

/*
 * array_to_name(array, typmod, explicit): from int4[], float4[], float8[] or numeric[]. Errors for
 * NULL elements, more than one dimension, and numbers not finite as an element.
 */
DENSE_EXPORT(DENSE_FN(from_array));
Datum
DENSE_FN(from_array)(PG_FUNCTION_ARGS)
{
	float x[DENSE_MAX_DIM];
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int dim = dense_check_array(array);

	dense_check_dim(&DENSE_DESCRIPTOR, dim);
	dense_check_expected(PG_GETARG_INT32(1), dim);
	dense_array_floats(array, dim, x);
	PG_RETURN_POINTER(DENSE_FN(from_floats)(x, dim, NULL));
}

/* name_to_float4(value, typmod, explicit): the elements as real[]. */
DENSE_EXPORT(DENSE_FN(to_float4));
Datum
DENSE_FN(to_float4)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * v->dim;
	ArrayType *array = (ArrayType *) palloc0(size);
	float4 *x;

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = v->dim;
	ARR_LBOUND(array)[0] = 1;
	x = (float4 *) ARR_DATA_PTR(array);
	for (int i = 0; i < v->dim; i++)
		x[i] = DENSE_TO_FLOAT(v->x[i]);
	PG_RETURN_ARRAYTYPE_P(array);
}

/* binary_quantize(value): a bit per dimension, 1 where the element is above zero. */
DENSE_EXPORT(DENSE_FN(binary_quantize));
Datum
DENSE_FN(binary_quantize)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	Size size = VARBITTOTALLEN(v->dim);
	VarBit *result = (VarBit *) palloc0(size);
	bits8 *bits = VARBITS(result);

	SET_VARSIZE(result, size);
	VARBITLEN(result) = v->dim;
	for (int i = 0; i < v->dim; i++)
		bits[i / 8] |= (bits8) ((DENSE_TO_FLOAT(v->x[i]) > 0) << (7 - i % 8));
	PG_RETURN_VARBIT_P(result);
}
