"""The extension's side of a run: tables, index, queries and changes, all through SQL."""
import json
import os
import statistics
import tempfile
import time

import numpy as np

from .server import INDEX, OPERATORS, Failure, write_records

DROP_CACHES = "/proc/sys/vm/drop_caches"


class Side:
    def __init__(self, server, client, vectors, args, say):
        self.server, self.client, self.vectors, self.args, self.say = server, client, vectors, args, say
        self.operator = OPERATORS[args.metric]
        self.settings = dict(pair.split("=", 1) for pair in args.set)
        self.efs = [int(ef) for ef in args.ef.split(",")]
        self.half = args.type == "halfvec"
        self.extra = {}  # columns of the CSV
        self.extra_at = {ef: {} for ef in self.efs}
        self.open_loop = {}  # columns by (ef, clients)
        self.added = np.empty((0, 0), np.float32)  # rows inserted behind the base

    def load(self):
        dimensions = self.vectors.base.shape[1]
        wide = self.args.sparse or dimensions * (2 if self.half else 4) > 7900
        kind = f"{self.args.type}({dimensions})"
        self.server.sql("SET client_min_messages = warning", "CREATE EXTENSION IF NOT EXISTS hnswc",
                        "DROP TABLE IF EXISTS items, queries, staging",
                        f"CREATE TABLE items (id int4 PRIMARY KEY, v {kind})",
                        f"CREATE TABLE queries (id int4 PRIMARY KEY, v {kind})",
                        f"CREATE TABLE staging (id int4 PRIMARY KEY, v {kind})",
                        # found by a lookup, a query vector costs no TOAST reads where it fits
                        f"ALTER TABLE queries ALTER v SET STORAGE {'EXTERNAL' if wide else 'PLAIN'}",
                        f"ALTER TABLE items SET (parallel_workers = {self.args.workers})")
        if self.args.exact and not wide:
            self.server.sql("ALTER TABLE items ALTER v SET STORAGE PLAIN")
        began = time.monotonic()
        self.server.copy("items", self.vectors.base, 1, self.half)
        self.server.copy("queries", self.vectors.queries, 1, self.half)
        self.server.sql("VACUUM ANALYZE items", "VACUUM ANALYZE queries")
        self.say(f"hnswc: loaded in {time.monotonic() - began:.1f} s")

    def index_statements(self, index, table):
        """What builds an index of the vectors as the options say."""
        return (f"SET maintenance_work_mem = '{self.args.maintenance_work_mem}'",
                f"SET max_parallel_maintenance_workers = {self.args.workers}",
                f"CREATE INDEX {index} ON {table} USING hnsw (v {self.args.type}_{self.args.metric}_ops)"
                + (f" WITH ({self.args.options})" if self.args.options else ""))

    def build(self):
        self.server.sql("CHECKPOINT")
        before = self.server.wal()
        seconds = self.server.timed(*self.index_statements(INDEX, "items"))
        wal = self.server.wal() - before
        size = int(self.server.sql(f"SELECT pg_relation_size('{INDEX}')"))
        self.extra.update(build_seconds=round(seconds, 2), index_bytes=size, build_wal=round(wal / size, 3))
        self.say(f"hnswc: built in {seconds:.1f} s, {size / 2 ** 20:,.1f} MB, {size / len(self.vectors.base):,.0f} bytes a row, "
                 f"{wal / size:.3f} times that in WAL")

    def query(self, vector, source="items"):
        return f"SELECT id FROM {source} ORDER BY v {self.operator} {vector} LIMIT {self.args.k}"

    def check_plan(self):
        plan = self.server.sql("EXPLAIN " + self.query("(SELECT v FROM queries WHERE id = 1)"))
        if f"Index Scan using {INDEX}" not in plan:
            raise Failure(f"the index is not used:\n{plan}")

    def settings_at(self, ef):
        return {"hnsw.ef_search": ef, **self.settings}

    def statements_of(self, settings):
        load = "DO $$ BEGIN PERFORM '[1]'::vector; END $$"  # before it is loaded, any value of its settings is taken
        return [load] + [f"SET {name} = '{value}'" for name, value in settings.items()]

    def _set_statements(self, ef, **more):
        return self.statements_of({**more, **self.settings_at(ef)})

    def answers(self, ef, source="items", **settings):
        """All queries in one statement; the inner plan is the one that the clients get."""
        lines = self.server.sql(*self._set_statements(ef, enable_seqscan="off", **settings),
                                f"SELECT array_to_string(ARRAY({self.query('q.v', source)}), ' ') FROM queries q ORDER BY q.id")
        return [[int(i) - 1 for i in line.split()] for line in lines.split("\n")]

    def speed(self, ef, clients, pipeline=1):
        return self.client.speed(self.query("$1"), clients, self.args.seconds, self.settings_at(ef), pipeline)

    def speed_together(self, ef):
        """Queries a second when all are asked in one statement."""
        statement = (f"SELECT count(*) FROM queries q CROSS JOIN LATERAL ({self.query('q.v')}) found "
                     "WHERE $1 IS NOT NULL")  # the client has a parameter for everybody
        settings = {"enable_seqscan": "off", **self.settings_at(ef)}
        return self.client.speed(statement, 1, self.args.seconds, settings) * len(self.vectors.queries)

    def exact(self):
        """Milliseconds of a sequential scan by each operator, and by none."""
        operators = OPERATORS.values()
        orders = {"none": "ORDER BY id", **{o: f"ORDER BY v {o} (SELECT v FROM queries WHERE id = 1)" for o in operators}}
        times = {name: [] for name in orders}
        for _ in range(self.args.repeat + 1):
            for name, order in orders.items():
                plan = self.server.sql("SET enable_indexscan = off", "SET enable_bitmapscan = off",
                                       "SET max_parallel_workers_per_gather = 0",
                                       f"EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT id FROM items {order} LIMIT 10")
                times[name].append(json.loads(plan)[0]["Execution Time"])
        self.say("without an index, ms: " + ", ".join(f"{name} {statistics.median(all_[1:]):.1f}" for name, all_ in times.items()))

    def _explained(self, query):
        """Pages read and milliseconds of one of the query vectors."""
        plan = json.loads(self.server.sql(*self._set_statements(self.efs[0]), "SET enable_seqscan = off",
                                          "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) "
                                          + self.query(f"(SELECT v FROM queries WHERE id = {query})")))[0]
        lookup = plan["Plan"]["Plans"][0]  # of the query vector
        return plan["Plan"]["Shared Read Blocks"] - lookup["Shared Read Blocks"], plan["Execution Time"]

    def cold(self, count):
        """Pages of index and table that a query reads when nothing is in shared buffers: the server is restarted before it."""
        reads = []
        for query in range(1, count + 1):
            self.server.restart()
            reads.append(self._explained(query)[0])
        self.extra["cold_reads"] = round(statistics.mean(reads), 1)
        self.say(f"hnswc: {self.extra['cold_reads']:,.1f} pages read by a query at ef {self.efs[0]} from a cold cache")

    def evicted(self, count):
        """The same, and its time, with shared buffers as they are but nothing in the operating system's cache."""
        found = []
        for query in range(1, count + 1):
            os.sync()
            with open(DROP_CACHES, "w") as drop:
                drop.write("3")
            found.append(self._explained(query))
        reads, times = statistics.mean(r for r, _ in found), statistics.median(t for _, t in found)
        self.extra.update(evicted_reads=round(reads, 1), evicted_ms=round(times, 2))
        self.say(f"hnswc: {reads:,.1f} pages read by a query at ef {self.efs[0]}, {times:.1f} ms, with the system's cache dropped")

    def inserts(self, count):
        """Rows near those of the base, ids beyond them, moved over from a staging table."""
        base, rng = self.vectors.base, np.random.default_rng(2)
        rows = base[rng.integers(0, len(base), 5 * count)]
        rows = (rows + 0.02 * base.std() * rng.standard_normal(rows.shape)).astype(np.float32)
        self.added = rows
        first = len(base) + 1
        self.server.copy("staging", rows[:4 * count], first, self.half)
        self.server.sql("VACUUM ANALYZE staging")
        before = self.server.wal()
        one = self._insert(first, 1, count)
        wal = (self.server.wal() - before) / count
        two = self._insert(first + count, 2, count)
        commit = f"SET synchronous_commit = {self.args.synchronous_commit}"
        together = count / self.server.timed(commit, f"INSERT INTO items SELECT id, v FROM staging WHERE id >= {first + 3 * count}")
        with tempfile.NamedTemporaryFile() as file:
            write_records(file, rows[4 * count:], first + 4 * count, self.half)
            file.flush()
            copied = count / self.server.timed(commit, f"\\copy items FROM '{file.name}' (FORMAT binary)")
        self.extra.update(inserts_per_second=round(one, 1), inserts_per_second_2=round(two, 1), wal_per_insert=round(wal),
                          rows_per_second_together=round(together, 1), rows_per_second_copy=round(copied, 1))
        self.say(f"hnswc: {one:,.0f} single-row inserts a second on one connection, {two:,.0f} on two, "
                 f"{together:,.0f} rows a second in one statement, {copied:,.0f} by COPY; {wal:,.0f} bytes of WAL a row")

    def _insert(self, first, clients, count):
        return self.server.pgbench("\\set i :i + 1\nINSERT INTO items SELECT id, v FROM staging WHERE id = :i;\n", clients,
                                   lambda client: ["-D", f"i={first - 1 + client * count}", "-t", str(count)],
                                   {"synchronous_commit": self.args.synchronous_commit})

    def vacuum(self):
        self.server.sql("DELETE FROM items WHERE id % 5 = 0")
        memory = f"SET maintenance_work_mem = '{self.args.maintenance_work_mem}'"
        seconds = self.server.timed(memory, "VACUUM (INDEX_CLEANUP ON) items")
        self.extra["vacuum_seconds"] = round(seconds, 2)
        self.say(f"hnswc: vacuum after deleting a fifth took {seconds:.1f} s")
        left = self.vectors.after(self.added, lambda ids: (ids + 1) % 5 != 0)
        for ef in self.efs:
            self.extra_at[ef]["recall_vacuumed"] = round(left.recall(self.answers(ef)), 5)
        self.server.sql(memory, f"SET max_parallel_maintenance_workers = {self.args.workers}", f"REINDEX INDEX {INDEX}")
        for ef in self.efs:
            self.extra_at[ef]["recall_rebuilt"] = round(left.recall(self.answers(ef)), 5)
            self.say("hnswc: recall at ef {:>4} after vacuum {recall_vacuumed:.4f}, of an index built anew {recall_rebuilt:.4f}"
                     .format(ef, **self.extra_at[ef]))
