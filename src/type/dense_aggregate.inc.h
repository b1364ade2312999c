/*
 * dense_aggregate.inc.h: the aggregate avg of a dense type; sum needs no more than addition.
 *
 * A body to be included once per type after dense_io.inc.h; the names it needs are listed in
 * vector.c. The state is a float8 array of a count and sums (see dense.h), so sums of parallel
 * workers combine and hardly round.
 */

/*
 * name_accum(state, value): counts the value in. Errors for other dimensions than before and for
 * overflow.
 */
DENSE_EXPORT(DENSE_FN(accum));
Datum
DENSE_FN(accum)(PG_FUNCTION_ARGS)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	DENSE_TYPE *v = DENSE_GETARG(1);
	float8 *old = dense_state(&DENSE_DESCRIPTOR, state, "accum");
	bool first = old[0] == 0;
	ArrayType *result = state;
	float8 *sum;
	int bad = 0;

	if (!first)
		dense_check_expected(DENSE_STATE_DIM(state), v->dim);
	/* an aggregate owns its state and lets it be changed in place */
	if (first || !AggCheckCallContext(fcinfo, NULL))
		result = dense_state_new(v->dim);

	sum = (float8 *) ARR_DATA_PTR(result);
	sum[0] = old[0] + 1;
	for (int i = 0, n = v->dim; i < n; i++)
	{
		float8 x = DENSE_TO_FLOAT(v->x[i]);

		sum[i + 1] = first ? x : old[i + 1] + x;
		bad |= !(fabs(sum[i + 1]) <= DBL_MAX);
	}
	if (unlikely(bad))
		float_overflow_error();
	PG_FREE_IF_COPY(v, 1);
	PG_RETURN_ARRAYTYPE_P(result);
}

/* name_combine(state, state): the state of both sets of values.  Errors as in name_accum. */
DENSE_EXPORT(DENSE_FN(combine));
Datum
DENSE_FN(combine)(PG_FUNCTION_ARGS)
{
	ArrayType *a = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *b = PG_GETARG_ARRAYTYPE_P(1);
	float8 *sum_a = dense_state(&DENSE_DESCRIPTOR, a, "combine");
	float8 *sum_b = dense_state(&DENSE_DESCRIPTOR, b, "combine");
	int n = DENSE_STATE_DIM(a) + 1;
	ArrayType *result;
	float8 *sum;

	/* no values on one side */
	if (sum_a[0] == 0)
		PG_RETURN_ARRAYTYPE_P(b);
	if (sum_b[0] == 0)
		PG_RETURN_ARRAYTYPE_P(a);

	dense_check_expected(n - 1, DENSE_STATE_DIM(b));
	result = dense_state_new(n - 1);
	sum = (float8 *) ARR_DATA_PTR(result);
	for (int i = 0; i < n; i++)
	{
		sum[i] = sum_a[i] + sum_b[i];
		if (unlikely(!(fabs(sum[i]) <= DBL_MAX)))
			float_overflow_error();
	}
	PG_RETURN_ARRAYTYPE_P(result);
}

/* name_avg(state): the mean of the values, NULL when there were none. */
DENSE_EXPORT(DENSE_FN(avg));
Datum
DENSE_FN(avg)(PG_FUNCTION_ARGS)
{
	ArrayType *state = PG_GETARG_ARRAYTYPE_P(0);
	float8 *sum = dense_state(&DENSE_DESCRIPTOR, state, "avg");
	int dim = DENSE_STATE_DIM(state);
	DENSE_TYPE *result;

	if (sum[0] == 0)
		PG_RETURN_NULL();

	dense_check_dim(&DENSE_DESCRIPTOR, dim);
	result = DENSE_NEW(dim);
	for (int i = 0; i < dim; i++)
		result->x[i] = DENSE_FROM_FLOAT((float) (sum[i + 1] / sum[0]));
	DENSE_FN(check_finite)(result->x, dim);
	PG_RETURN_POINTER(result);
}
