"""PostgreSQL: a throw-away cluster or an existing one, loading, and pgbench with clients and backends on one CPU each."""
import os
import re
import shutil
import subprocess
import tempfile
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPERATORS = {"l2": "<->", "cosine": "<=>", "ip": "<#>", "l1": "<+>"}
INDEX = "items_v_idx"


class Failure(Exception):
    """The benchmark cannot go on; the message is for the user."""


def dense_records(vectors, first_id, half):
    """Rows (id, v) as COPY BINARY has them, thousands at a time."""
    dimensions = vectors.shape[1]
    value = np.dtype(">f2" if half else ">f4")
    row = np.dtype([("fields", ">i2"), ("id_size", ">i4"), ("id", ">i4"), ("v_size", ">i4"),
                    ("dimensions", ">i2"), ("unused", ">i2"), ("v", value, (dimensions,))])
    for start in range(0, len(vectors), 10000):
        part = vectors[start:start + 10000]
        rows = np.zeros(len(part), dtype=row)
        rows["fields"], rows["id_size"] = 2, 4
        rows["v_size"], rows["dimensions"] = 4 + value.itemsize * dimensions, dimensions
        rows["id"] = np.arange(first_id + start, first_id + start + len(part))
        rows["v"] = part
        yield rows.tobytes()


def pg_config(option):
    return subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), option], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.strip()


def write_records(file, vectors, first_id, half=False):
    """What COPY BINARY reads: (id, v), ids counted from first_id."""
    file.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    for records in vectors.records(first_id) if hasattr(vectors, "records") else dense_records(vectors, first_id, half):
        file.write(records)
    file.write(b"\xff\xff")


class Server:
    """Runs SQL through psql in the environment of the cluster."""

    def __init__(self, existing, settings, say):
        self.env = dict(os.environ)
        self.directory = None
        self.pinned = True
        self.cpus = sorted(os.sched_getaffinity(0))
        self.env["PATH"] = pg_config("--bindir") + os.pathsep + self.env["PATH"]
        if not existing:
            self._start(settings)
        say("server: " + self.sql("SELECT version()").split(" on ")[0] + (", existing" if existing else ", throw-away"))

    def _start(self, settings):
        self.directory = tempfile.mkdtemp(prefix="hnswc-bench.")
        os.chmod(self.directory, 0o711)
        self.cluster = os.path.join(self.directory, "pg")
        options = [word for pair in settings.items() for word in ("-o", "=".join(pair))]
        started = subprocess.run([os.path.join(ROOT, "test/cluster"), "start", self.cluster, *options], text=True,
                                 stdout=subprocess.PIPE)
        if started.returncode:
            self.stop()
            raise Failure("the cluster did not start")
        self.env.update(PGHOST=self.cluster, PGPORT="5432", PGUSER="postgres", PGDATABASE="postgres")

    def stop(self):
        if self.directory:
            subprocess.run([os.path.join(ROOT, "test/cluster"), "stop", self.cluster], check=False)
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def restart(self):
        """Empties a throw-away cluster's shared buffers; the operating system's cache stays as it is."""
        subprocess.run([os.path.join(ROOT, "test/cluster"), "restart", self.cluster], check=True)

    def sql(self, *statements):
        """Each statement by itself, in one session; what they print."""
        words = [word for statement in statements for word in ("-c", statement)]
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words], env=self.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise Failure(f"psql: {done.stderr.strip()}\nin: {'; '.join(statements)[:300]}")
        if done.stderr.strip():
            print("    " + done.stderr.strip().replace("\n", "\n    "))
        return done.stdout.strip()

    def timed(self, *statements):
        """Seconds that the last statement took; those before it set it up."""
        began = "SELECT clock_timestamp() AS began \\gset"
        script = ";\n".join(statements[:-1]) + ";\n" + began + "\n" + statements[-1] + ";\n"
        script += "SELECT extract(epoch FROM clock_timestamp() - :'began'::timestamptz);\n"
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], env=self.env, text=True, input=script,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise Failure(f"psql: {done.stderr.strip()}")
        if done.stderr.strip():
            print("    " + done.stderr.strip().replace("\n", "\n    "))
        return float(done.stdout.strip().split("\n")[-1])

    def wal(self):
        """Bytes of WAL written since the cluster began."""
        return int(self.sql("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))

    def copy(self, table, vectors, first_id, half=False):
        """COPY BINARY of (id, v), ids counted from first_id."""
        with subprocess.Popen(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"COPY {table} FROM STDIN (FORMAT binary)"],
                              env=self.env, stdin=subprocess.PIPE) as psql:
            write_records(psql.stdin, vectors, first_id, half)
            psql.stdin.close()
        if psql.returncode:
            raise Failure(f"loading {table} failed")

    def copy_text(self, table, text):
        """COPY of lines of text."""
        done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"COPY {table} FROM STDIN"], env=self.env, input=text, text=True)
        if done.returncode:
            raise Failure(f"loading {table} failed")

    def env_of(self, settings, application):
        """The environment of a connection with these settings and application_name."""
        return dict(self.env, PGOPTIONS=" ".join(f"-c {name}={value}" for name, value in settings.items()), PGAPPNAME=application)

    def pgbench(self, script, clients, options, settings):
        """Transactions a second of so many clients: a pgbench each, with options(client), it and its backend on the same CPU."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            running = []
            for client in range(clients):
                cpu = self.cpus[client % len(self.cpus)]
                running.append(subprocess.Popen(
                    ["taskset", "-c", str(cpu), "pgbench", "-n", "-M", "prepared", "-c", "1", "-f", file.name,
                     *options(client)],
                    env=self.env_of(settings, f"hnswc_bench_{client}"), text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            self._pin_backends(running)
            total = 0.0
            for process in running:
                out, err = process.communicate()
                speed = re.search(r"tps = ([0-9.]+)", out)
                if process.returncode or not speed or re.search(r"number of failed transactions: [1-9]", out):
                    raise Failure(f"pgbench: {out}\n{err}")
                total += float(speed.group(1))
        return total

    def _pin_backends(self, running):
        """pgbench opens one connection to look around and then the one it measures: look until that one is there."""
        seen, settled = {}, 0
        while settled < 2 and any(p.poll() is None for p in running):
            now = {}
            for line in self.sql("SELECT pid, application_name FROM pg_stat_activity "
                                 "WHERE application_name LIKE 'hnswc\\_bench\\_%'").splitlines():
                pid, name = line.split("|")
                now[name] = int(pid)
                try:
                    os.sched_setaffinity(int(pid), {self.cpus[int(name.rsplit("_", 1)[1]) % len(self.cpus)]})
                except PermissionError:
                    self.pinned = False
                except ProcessLookupError:
                    pass
            settled = settled + 1 if now == seen and len(now) == len(running) else 0
            seen = now
            time.sleep(0.1)
