/*
 * open_loop: asks a prepared query at given times, whether earlier answers are there or not,
 * for bench/run --open-loop.
 *
 *   open_loop VECTORS QUERY SECONDS RATE SEED CPU...
 *
 * VECTORS, QUERY and the connection are those of client.c. There is one connection for each CPU
 * named, and its backend is pinned to that CPU; with one connection the program is pinned
 * there, too.
 *
 * All times of arrival are drawn before the clock starts: RATE a second on average, at random
 * as those of independent users are (a Poisson process). An arrival is sent at its time, or
 * waits in one queue for the first connection that is free. The latency of an arrival counts
 * from its time to its answer, so the time in the queue and every delay of this program are
 * part of it: a server that stops for a second delays all arrivals of that second, not one
 * query.
 *
 * After SECONDS no more arrive. The program waits for the answers SECONDS more at most. An
 * arrival without an answer by then counts with the time it has waited so far: its latency is
 * at least that, and none is left out.
 *
 * Prints "arrived N unanswered N pinned 0|1" and then a latency a line, in microseconds, in the
 * order of arrival.
 */
#define _GNU_SOURCE
#include <math.h>
#include <poll.h>
#include <sys/prctl.h>

#include "asking.h"

/* What a connection without a query is busy with. */
#define IDLE (-1L)

typedef struct Arrivals
{
	double *times;     /* when each is due, in seconds of now(), ascending */
	double *latencies; /* seconds; set when answered */
	long count;
	long sent;     /* those before this one were sent */
	long answered; /* of those sent, in any order */
} Arrivals;

typedef struct Connections
{
	PGconn **conns;
	long *asked; /* the arrival that each waits for an answer to, or IDLE */
	struct pollfd *polled;
	int count;
	int pinned;
} Connections;

static void *
allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (memory == NULL)
	{
		fprintf(stderr, "open_loop: no memory for %zu times %zu bytes\n", n, size);
		exit(1);
	}
	return memory;
}

/* Draws the times of arrival, from 0 to seconds. */
static Arrivals
arrivals_draw(double rate, double seconds)
{
	Arrivals arrivals = {0};
	long room = 16 + (long) (rate * seconds + 10 * sqrt(rate * seconds));
	double time = 0;

	arrivals.times = allocate((size_t) room, sizeof(double));
	arrivals.latencies = allocate((size_t) room, sizeof(double));
	while (arrivals.count < room && (time -= log(1 - drand48()) / rate) < seconds)
		arrivals.times[arrivals.count++] = time;
	return arrivals;
}

/* Opens a connection for each CPU, with the query prepared and warm. Also gets the vectors. */
static Connections
connections_open(char **cpus, int count, const char *values, const char *query, PGresult **vectors)
{
	Connections open = {0};

	open.conns = allocate((size_t) count, sizeof(PGconn *));
	open.asked = allocate((size_t) count, sizeof(long));
	open.polled = allocate((size_t) count, sizeof(struct pollfd));
	open.count = count;
	open.pinned = count > 1 || pin(0, atoi(cpus[0]));
	for (int i = 0; i < count; i++)
	{
		open.conns[i] = connect_server();
		open.pinned &= pin_backend(open.conns[i], atoi(cpus[i]));
		if (i == 0)
			*vectors = vectors_get(open.conns[0], values);
		prepare_warm(open.conns[i], query, *vectors);
		open.asked[i] = IDLE;
		open.polled[i].fd = PQsocket(open.conns[i]);
		open.polled[i].events = POLLIN;
	}
	return open;
}

/* Sends what is due as far as connections are free. Returns the number of free connections left. */
static int
send_due(Arrivals *arrivals, Connections *open, const PGresult *vectors)
{
	int idle = 0;

	for (int i = 0; i < open->count; i++)
	{
		if (open->asked[i] != IDLE)
			continue;
		if (arrivals->sent < arrivals->count && arrivals->times[arrivals->sent] <= now())
		{
			send_query(open->conns[i], vectors);
			open->asked[i] = arrivals->sent++;
		}
		else
			idle++;
	}
	return idle;
}

/* Sleeps until an answer comes, the given time is there, or a signal. */
static void
wait_until(Connections *open, double until)
{
	double left = fmax(0, until - now());
	struct timespec timeout = {.tv_sec = (time_t) left};

	timeout.tv_nsec = (long) (1e9 * (left - floor(left)));
	if (ppoll(open->polled, (nfds_t) open->count, &timeout, NULL) < 0 && errno != EINTR)
	{
		perror("open_loop: ppoll");
		exit(1);
	}
}

/* Reads what has come; queries that are complete get their latency. */
static void
take_answers(Arrivals *arrivals, Connections *open)
{
	for (int i = 0; i < open->count; i++)
	{
		PGconn *conn = open->conns[i];

		if (open->polled[i].revents == 0)
			continue;
		if (!PQconsumeInput(conn))
			fail(conn, "query");
		while (open->asked[i] != IDLE && !PQisBusy(conn))
		{
			PGresult *answer = PQgetResult(conn);

			if (answer != NULL)
				check_answer(conn, answer);
			else
			{
				arrivals->latencies[open->asked[i]] = now() - arrivals->times[open->asked[i]];
				arrivals->answered++;
				open->asked[i] = IDLE;
			}
		}
	}
}

/* Asks until all are answered or the time is up; what has no answer then gets its wait so far. */
static void
run(Arrivals *arrivals, Connections *open, const PGresult *vectors, double seconds)
{
	double began = now();
	double end = began + 2 * seconds;

	for (long i = 0; i < arrivals->count; i++)
		arrivals->times[i] += began;
	while (arrivals->answered < arrivals->count && now() < end)
	{
		int idle = send_due(arrivals, open, vectors);
		int more = idle > 0 && arrivals->sent < arrivals->count;

		wait_until(open, more ? arrivals->times[arrivals->sent] : end);
		take_answers(arrivals, open);
	}
	end = now();
	for (long i = arrivals->sent; i < arrivals->count; i++)
		arrivals->latencies[i] = end - arrivals->times[i];
	for (int i = 0; i < open->count; i++)
		if (open->asked[i] != IDLE)
			arrivals->latencies[open->asked[i]] = end - arrivals->times[open->asked[i]];
}

int
main(int argc, char **argv)
{
	double rate = argc > 6 ? atof(argv[4]) : 0;
	double seconds = argc > 6 ? atof(argv[3]) : 0;
	Arrivals arrivals;
	Connections open;
	PGresult *vectors;
	long unanswered;

	if (!(rate > 0 && seconds > 0))
	{
		fprintf(stderr, "usage: open_loop VECTORS QUERY SECONDS RATE SEED CPU...\n");
		return 2;
	}
	srand48(atol(argv[5]));
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* wake up at the time, not up to 50 us later */
	open = connections_open(argv + 6, argc - 6, argv[1], argv[2], &vectors);
	arrivals = arrivals_draw(rate, seconds);
	run(&arrivals, &open, vectors, seconds);
	unanswered = arrivals.count - arrivals.answered;
	printf("arrived %ld unanswered %ld pinned %d\n", arrivals.count, unanswered, open.pinned);
	for (long i = 0; i < arrivals.count; i++)
		printf("%.1f\n", 1e6 * arrivals.latencies[i]);
	for (int i = 0; i < open.count; i++)
		PQfinish(open.conns[i]);
	return 0;
}
