/*
 * client: asks one prepared query again and again, as a driver with binary parameters does, for
 * bench/run.
 *
 *   client VECTORS QUERY SECONDS CPU SEED PIPELINE
 *
 * VECTORS is a query whose rows have the values to ask with, QUERY one with as many parameters, $1
 * and so on, of their types. The connection is libpq's environment. Pins itself to CPU and, where
 * the server is on this machine and it is permitted, its backend too; asks for SECONDS with values
 * at random; prints "qps N pinned 0|1 cpu N", the last for queries a second of CPU time that both
 * took, which what else the machine does hardly changes, or nan where that is not known. PIPELINE
 * statements are sent together, in libpq's pipeline mode, before their answers are read; with 1
 * each is waited for before the next. pgbench would send a value as text, so that the time to parse
 * hundreds of numbers would be measured, or make the query look it up in a table.
 */
#define _GNU_SOURCE
#include "asking.h"

/* Sends n statements, of which none waits for another's answer, and reads all answers. */
static void
ask_together(PGconn *conn, const PGresult *vectors, int n)
{
	PGresult *end;

	for (int i = 0; i < n; i++)
		send_query(conn, vectors);
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
	int cpu;
	int pinned;
	int pipeline;
	long asked = 0;
	double began;
	double seconds;
	double end;
	double cpu_began;

	if (argc != 7 || (pipeline = atoi(argv[6])) < 1)
	{
		fprintf(stderr, "usage: client VECTORS QUERY SECONDS CPU SEED PIPELINE\n");
		return 2;
	}
	conn = connect_server();
	cpu = atoi(argv[4]);
	pinned = pin(0, cpu) && pin_backend(conn, cpu);
	vectors = vectors_get(conn, argv[1]);
	srand48(atol(argv[5]));
	prepare_warm(conn, argv[2], vectors);
	if (pipeline > 1 && !PQenterPipelineMode(conn))
		fail(conn, "pipeline");
	seconds = atof(argv[3]);
	cpu_began = cpu_seconds(conn);
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
	printf("qps %.3f pinned %d cpu %.3f\n", (double) asked / (end - began), pinned,
		   (double) asked / (cpu_seconds(conn) - cpu_began));
	PQclear(vectors);
	PQfinish(conn);
	return 0;
}
