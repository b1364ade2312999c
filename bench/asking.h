/*
 * asking: what client.c and open_loop.c share: a connection pinned beside its backend, query
 * vectors, a prepared query.
 *
 * Everything here ends the program with a message when the server reports an error: a benchmark
 * with errors has no result.
 */
#ifndef BENCH_ASKING_H
#define BENCH_ASKING_H

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <libpq-fe.h>

/* Queries before the clock starts: plans become generic after five. */
#define WARM_UP 6

static inline void
fail(PGconn *conn, const char *what)
{
	fprintf(stderr, "%s: %s: %s", program_invocation_short_name, what, PQerrorMessage(conn));
	exit(1);
}

/* Seconds of a clock that never jumps. */
static inline double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + 1e-9 * (double) time.tv_nsec;
}

/* Keeps a process on one CPU; 0 is the caller. Returns whether that is permitted. */
static inline int
pin(int process, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(process, sizeof(set), &set) == 0;
}

/* The same of the connection's backend, if the server runs on this machine. */
static inline int
pin_backend(PGconn *conn, int cpu)
{
	/* a process of that number is the backend only if it runs here */
	return PQhost(conn)[0] == '/' && pin(PQbackendPID(conn), cpu);
}

/*
 * Seconds that this program and the connection's backend have computed; NAN where that is not to be
 * had: the backend runs elsewhere, or the kernel does not tell.
 */
static inline double
cpu_seconds(PGconn *conn)
{
	struct timespec time;
	unsigned long long backend;
	char path[64];
	FILE *file;
	int found;

	if (PQhost(conn)[0] != '/')
		return NAN;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", PQbackendPID(conn));
	file = fopen(path, "r");
	if (file == NULL)
		return NAN;
	found = fscanf(file, "%llu", &backend);
	fclose(file);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return found == 1 ? (double) time.tv_sec + 1e-9 * ((double) time.tv_nsec + (double) backend)
					  : NAN;
}

static inline PGconn *
connect_server(void)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
		fail(conn, "connection");
	return conn;
}

/* Values that a query may have: $1 and so on. */
#define MAX_VALUES 4

/* All vectors to ask with, in binary form, and what belongs to each: the columns of the query. */
static inline PGresult *
vectors_get(PGconn *conn, const char *query)
{
	PGresult *vectors = PQexecParams(conn, query, 0, NULL, NULL, NULL, NULL, 1);

	if (PQresultStatus(vectors) != PGRES_TUPLES_OK || PQntuples(vectors) == 0 ||
		PQnfields(vectors) > MAX_VALUES)
		fail(conn, query);
	return vectors;
}

/* The values of a query's parameters. */
typedef struct Values
{
	int n;
	const char *bytes[MAX_VALUES];
	int lengths[MAX_VALUES];
	int binary[MAX_VALUES];
} Values;

/* A vector at random, and what belongs to it. */
static inline Values
values_at_random(const PGresult *vectors)
{
	int row = (int) (lrand48() % PQntuples(vectors));
	Values values = {.n = PQnfields(vectors)};

	for (int i = 0; i < values.n; i++)
	{
		values.bytes[i] = PQgetisnull(vectors, row, i) ? NULL : PQgetvalue(vectors, row, i);
		values.lengths[i] = PQgetlength(vectors, row, i);
		values.binary[i] = 1;
	}
	return values;
}

static inline void
check_answer(PGconn *conn, PGresult *answer)
{
	if (PQresultStatus(answer) != PGRES_TUPLES_OK)
		fail(conn, "query");
	PQclear(answer);
}

/* Sends the prepared query with a vector at random, and does not wait for the answer. */
static inline void
send_query(PGconn *conn, const PGresult *vectors)
{
	Values values = values_at_random(vectors);

	if (!PQsendQueryPrepared(conn, "q", values.n, values.bytes, values.lengths, values.binary, 1))
		fail(conn, "query");
}

/* The same, and waits for the answer. */
static inline void
ask(PGconn *conn, const PGresult *vectors)
{
	Values values = values_at_random(vectors);

	check_answer(
		conn, PQexecPrepared(conn, "q", values.n, values.bytes, values.lengths, values.binary, 1));
}

/*
 * Prepares the query, whose parameters have the types of the columns; asks until its plan is
 * generic, if it becomes that.
 */
static inline void
prepare_warm(PGconn *conn, const char *query, const PGresult *vectors)
{
	Oid types[MAX_VALUES];
	PGresult *prepared;

	for (int i = 0; i < PQnfields(vectors); i++)
		types[i] = PQftype(vectors, i);
	prepared = PQprepare(conn, "q", query, PQnfields(vectors), types);
	if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
		fail(conn, query);
	PQclear(prepared);
	for (int i = 0; i < WARM_UP; i++)
		ask(conn, vectors);
}

#endif
