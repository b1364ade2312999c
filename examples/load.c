/*
 * load.c: loads vectors by binary COPY with libpq, then builds the index.
 *
 *   cc -O2 -I"$(pg_config --includedir)" load.c -L"$(pg_config --libdir)" -lpq -o load
 *   ./load 100000 "dbname=mydb"
 *
 * Makes the table loaded_by_c (id bigint, embedding vector(8)) with as many rows as asked for. Put
 * your own vectors in the place of embedding_of(). Rows are collected in a buffer and sent in large
 * pieces: COPY does not care where one ends.
 */
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define DIMENSIONS 8
#define BUFFER_SIZE 65536
#define ROW_SIZE \
	(2 + 4 + 8 + 4 + 4 + 4 * DIMENSIONS) /* field count, then length and content of both fields */

static PGconn *conn;
static char buffer[BUFFER_SIZE];
static size_t used;

static void
fail(const char *what)
{
	fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
	PQfinish(conn);
	exit(1);
}

static void
execute(const char *sql, ExecStatusType expected)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != expected)
		fail(sql);
	PQclear(result);
}

static void
embedding_of(int64_t id, float *embedding)
{
	for (int i = 0; i < DIMENSIONS; i++)
		embedding[i] = (float) sin((double) (id * (i + 1)));
}

/* Numbers in network byte order. */
static void
put16(int16_t value)
{
	uint16_t bytes = htons((uint16_t) value);

	memcpy(buffer + used, &bytes, 2);
	used += 2;
}

static void
put32(int32_t value)
{
	uint32_t bytes = htonl((uint32_t) value);

	memcpy(buffer + used, &bytes, 4);
	used += 4;
}

static void
put_float(float value)
{
	int32_t bits;

	memcpy(&bits, &value, 4);
	put32(bits);
}

static void
flush(void)
{
	if (PQputCopyData(conn, buffer, (int) used) != 1)
		fail("COPY");
	used = 0;
}

static void
put_row(int64_t id)
{
	float embedding[DIMENSIONS];

	if (used + ROW_SIZE > BUFFER_SIZE)
		flush();
	embedding_of(id, embedding);
	put16(2); /* fields */
	put32(8); /* bytes of the id */
	put32((int32_t) (id >> 32));
	put32((int32_t) id);
	put32(4 + 4 * DIMENSIONS); /* bytes of the vector: dimensions, zero, elements */
	put16(DIMENSIONS);
	put16(0);
	for (int i = 0; i < DIMENSIONS; i++)
		put_float(embedding[i]);
}

int
main(int argc, char **argv)
{
	/* signature, flags, length of an extension */
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	int64_t rows = argc > 1 ? atoll(argv[1]) : 1000;
	PGresult *result;

	conn = PQconnectdb(argc > 2 ? argv[2] : "");
	if (PQstatus(conn) != CONNECTION_OK)
		fail("connection");
	execute("CREATE TABLE loaded_by_c (id bigint, embedding vector(8))", PGRES_COMMAND_OK);
	execute("COPY loaded_by_c (id, embedding) FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
	memcpy(buffer, header, 19);
	used = 19;
	for (int64_t id = 1; id <= rows; id++)
		put_row(id);
	if (used + 2 > BUFFER_SIZE)
		flush();
	put16(-1); /* the end */
	flush();
	if (PQputCopyEnd(conn, NULL) != 1)
		fail("COPY");
	result = PQgetResult(conn);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail("COPY");
	printf("%s rows\n", PQcmdTuples(result));
	PQclear(result);
	while ((result = PQgetResult(conn)) != NULL)
		PQclear(result);
	execute("CREATE INDEX ON loaded_by_c USING hnsw (embedding vector_l2_ops)", PGRES_COMMAND_OK);
	PQfinish(conn);
	return 0;
}
