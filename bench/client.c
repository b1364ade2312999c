/*
 * client: asks one prepared query again and again, as a driver with binary parameters does, for
 * bench/run.
 *
 *   client VECTORS QUERY SECONDS CPU SEED PIPELINE
 *
 * VECTORS is a query whose first column has the values to ask with, QUERY one with the parameter $1
 * of their type. The connection is libpq's environment. Pins itself to CPU and, where the server is
 * on this machine and it is permitted, its backend too; asks for SECONDS with values at random;
 * prints "qps N pinned 0|1". PIPELINE statements are sent together, in libpq's pipeline mode,
 * before their answers are read; with 1 each is waited for before the next. pgbench would send a
 * value as text, so that the time to parse hundreds of numbers would be measured, or make the query
 * look it up in a table.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

/* Queries before the clock starts: plans become generic after five. */
#define WARM_UP 6

static void
fail(PGconn *conn, const char *what)
{
	fprintf(stderr, "client: %s: %s", what, PQerrorMessage(conn));
	exit(1);
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

static int
pin(int process, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(process, sizeof(set), &set) == 0;
}

static PGresult *
vectors_get(PGconn *conn, const char *query)
{
	PGresult *vectors = PQexecParams(conn, query, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(vectors) != PGRES_TUPLES_OK || PQntuples(vectors) == 0)
		fail(conn, query);
	return vectors;
}

/* The value of a parameter. */
typedef struct Value
{
	const char *bytes;
	int length;
	int binary;
} Value;

static Value
value_at_random(const PGresult *vectors)
{
	int row = (int) (lrand48() % PQntuples(vectors));

	return (Value){PQgetvalue(vectors, row, 0), PQgetlength(vectors, row, 0), 1};
}

static void
check_answer(PGconn *conn, PGresult *answer)
{
	if (PQresultStatus(answer) != PGRES_TUPLES_OK)
		fail(conn, "query");
	PQclear(answer);
}

static void
ask(PGconn *conn, const PGresult *vectors)
{
	Value value = value_at_random(vectors);

	check_answer(conn, PQexecPrepared(conn, "q", 1, &value.bytes, &value.length, &value.binary, 1));
}

/* Sends n statements, of which none waits for another's answer, and reads all answers. */
static void
ask_together(PGconn *conn, const PGresult *vectors, int n)
{
	PGresult *end;

	for (int i = 0; i < n; i++)
	{
		Value value = value_at_random(vectors);

		if (!PQsendQueryPrepared(conn, "q", 1, &value.bytes, &value.length, &value.binary, 1))
			fail(conn, "query");
	}
	if (!PQpipelineSync(conn))
		fail(conn, "pipeline");
	for (int i = 0; i < n; i++)
	{
		check_answer(conn, PQgetResult(conn));
		if (PQgetResult(conn) != NULL)
			fail(conn, "query");
	}
	end = PQgetResult(conn);
	if (PQresultStatus(end) != PGRES_PIPELINE_SYNC)
		fail(conn, "pipeline");
	PQclear(end);
}

int
main(int argc, char **argv)
{
	PGconn *conn;
	PGresult *vectors;
	Oid type;
	int pinned;
	int pipeline;
	long asked = 0;
	double began;
	double seconds;
	double end;

	if (argc != 7 || (pipeline = atoi(argv[6])) < 1)
	{
		fprintf(stderr, "usage: client VECTORS QUERY SECONDS CPU SEED PIPELINE\n");
		return 2;
	}
	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
		fail(conn, "connection");
	/* a process of that number is the backend only if it runs here */
	pinned =
		pin(0, atoi(argv[4])) && PQhost(conn)[0] == '/' && pin(PQbackendPID(conn), atoi(argv[4]));
	vectors = vectors_get(conn, argv[1]);
	type = PQftype(vectors, 0);
	if (PQresultStatus(PQprepare(conn, "q", argv[2], 1, &type)) != PGRES_COMMAND_OK)
		fail(conn, argv[2]);
	srand48(atol(argv[5]));
	for (int i = 0; i < WARM_UP; i++)
		ask(conn, vectors);
	if (pipeline > 1 && !PQenterPipelineMode(conn))
		fail(conn, "pipeline");
	seconds = atof(argv[3]);
	began = now();
	do
	{
		if (pipeline > 1)
			ask_together(conn, vectors, pipeline);
		else
			ask(conn, vectors);
		asked += pipeline;
		end = now();
	} while (end - began < seconds);
	printf("qps %.3f pinned %d\n", (double) asked / (end - began), pinned);
	PQclear(vectors);
	PQfinish(conn);
	return 0;
}
