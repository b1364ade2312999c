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

static inline PGconn *
connect_server(void)
{
	PGconn *conn = PQconnectdb("");

	if (PQstatus(conn) != CONNECTION_OK)
		fail(conn, "connection");
	return conn;
}

/* All vectors to ask with, in binary form: the first column of the query's rows. */
static inline PGresult *
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

static inline Value
value_at_random(const PGresult *vectors)
{
	int row = (int) (lrand48() % PQntuples(vectors));

	return (Value){PQgetvalue(vectors, row, 0), PQgetlength(vectors, row, 0), 1};
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
	Value value = value_at_random(vectors);

	if (!PQsendQueryPrepared(conn, "q", 1, &value.bytes, &value.length, &value.binary, 1))
		fail(conn, "query");
}

/* The same, and waits for the answer. */
static inline void
ask(PGconn *conn, const PGresult *vectors)
{
	Value value = value_at_random(vectors);

	check_answer(conn, PQexecPrepared(conn, "q", 1, &value.bytes, &value.length, &value.binary, 1));
}

/* Prepares the query, whose $1 has the type of the vectors; asks until its plan is generic. */
static inline void
prepare_warm(PGconn *conn, const char *query, const PGresult *vectors)
{
	Oid type = PQftype(vectors, 0);
	PGresult *prepared = PQprepare(conn, "q", query, 1, &type);

	if (PQresultStatus(prepared) != PGRES_COMMAND_OK)
		fail(conn, query);
	PQclear(prepared);
	for (int i = 0; i < WARM_UP; i++)
		ask(conn, vectors);
}

#endif
