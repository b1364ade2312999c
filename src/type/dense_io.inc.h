/*
 * dense_io.inc.h: text, binary and type modifier of a dense type.
 *
 * A body to be included once per type; the names it needs are listed in vector.c.
 */

/* Errors out when an element is NaN or infinite. */
static void
DENSE_FN(check_finite)(const DENSE_ELEMENT *x, int n)
{
	int bad = 0;

	for (int i = 0; i < n; i++)
		bad |= !DENSE_IS_FINITE(x[i]);
	if (likely(!bad))
		return;
	for (int i = 0; i < n; i++)
		if (!DENSE_IS_FINITE(x[i]))
			dense_not_finite(&DENSE_DESCRIPTOR, DENSE_TO_FLOAT(x[i]));
}

/*
 * A new value from floats whose number has been checked; errors out when one is not finite as an
 * element. `text` is what they were parsed from, for the message, or NULL.
 */
static DENSE_TYPE *
DENSE_FN(from_floats)(const float *x, int dim, const char *text)
{
	DENSE_TYPE *result = DENSE_NEW(dim);

	for (int i = 0; i < dim; i++)
		result->x[i] = DENSE_FROM_FLOAT(x[i]);
	for (int i = 0; i < dim; i++)
		if (unlikely(!DENSE_IS_FINITE(result->x[i])) && isfinite(x[i]))
		{
			if (text != NULL)
				dense_text_out_of_range(&DENSE_DESCRIPTOR, text, i);
			dense_out_of_range(&DENSE_DESCRIPTOR, x[i]);
		}
	DENSE_FN(check_finite)(result->x, dim);
	return result;
}

/* name_in(cstring, oid, typmod): from "[1,2.5,-3]".  Invalid syntax, range and dimension errors. */
DENSE_EXPORT(DENSE_FN(in));
Datum
DENSE_FN(in)(PG_FUNCTION_ARGS)
{
	float x[DENSE_MAX_DIM];
	const char *text = PG_GETARG_CSTRING(0);
	int dim = dense_parse(&DENSE_DESCRIPTOR, text, x);

	dense_check_expected(PG_GETARG_INT32(2), dim);
	PG_RETURN_POINTER(DENSE_FN(from_floats)(x, dim, text));
}

/* name_out(value): the shortest text that reads back as the same value. */
DENSE_EXPORT(DENSE_FN(out));
Datum
DENSE_FN(out)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	/*
	 * a number may take FLOAT_SHORTEST_DECIMAL_LEN - 1 and a comma; then brackets and the
	 * terminator
	 */
	char *text = palloc((Size) v->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char *p = text;

	*p++ = '[';
	for (int i = 0; i < v->dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(DENSE_TO_FLOAT(v->x[i]), p);
	}
	*p++ = ']';
	*p = '\0';

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_CSTRING(text);
}

/* name_typmod_in(cstring[]): n of name(n), 1 to the type's maximum. */
DENSE_EXPORT(DENSE_FN(typmod_in));
Datum
DENSE_FN(typmod_in)(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dense_typmod(&DENSE_DESCRIPTOR, PG_GETARG_ARRAYTYPE_P(0)));
}

/*
 * name_recv(internal, oid, typmod): int16 dimensions, int16 zero, then the elements, all in network
 * order. Errors for a wrong number of dimensions, a second field that is not zero, missing bytes,
 * elements not finite.
 */
DENSE_EXPORT(DENSE_FN(recv));
Datum
DENSE_FN(recv)(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	BinaryInput input = message_input(buf);
	BinaryHead head;
	BinaryStatus status = binary_read_dense_head(&input, DENSE_DESCRIPTOR.max_dim, &head);
	DENSE_TYPE *result;

	message_check(&DENSE_DESCRIPTOR, buf, status, &head);
	dense_check_expected(PG_GETARG_INT32(2), head.dim);
	result = DENSE_NEW(head.dim);
	status = DENSE_READ(&input, result->x, head.dim);
	message_check(&DENSE_DESCRIPTOR, buf, status, &head);
	message_done(buf, &input);
	PG_RETURN_POINTER(result);
}

/* name_send(value): the bytes that name_recv reads. */
DENSE_EXPORT(DENSE_FN(send));
Datum
DENSE_FN(send)(PG_FUNCTION_ARGS)
{
	DENSE_TYPE *v = DENSE_GETARG(0);
	bytea *result = message_new(BINARY_DENSE_HEAD + sizeof(DENSE_ELEMENT) * v->dim);

	DENSE_WRITE(binary_write_dense_head(MESSAGE_BYTES(result), v->dim), v->x, v->dim);
	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(result);
}
