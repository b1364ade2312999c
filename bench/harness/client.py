"""Queries through SQL: compiles bench/client.c for queries a second, bench/open_loop.c for latencies at a rate."""
import math
import os
import re
import subprocess

from .server import ROOT, Failure, pg_config


class Client:
    def __init__(self, server, directory):
        self.server = server
        self.directory = directory
        self.of_cpu = math.nan  # of the last one finished
        self.closed_loop = self._compile("client")
        self.open_loop = self._compile("open_loop")

    def _compile(self, name):
        binary, source = os.path.join(self.directory, name), f"bench/{name}.c"
        compiled = subprocess.run(["gcc", "-O2", "-I" + pg_config("--includedir"), "-o", binary, os.path.join(ROOT, source),
                                   "-L" + pg_config("--libdir"), "-lpq", "-lm"], check=False)
        if compiled.returncode:
            raise Failure(f"{source} does not compile")
        return binary

    def _run(self, binary, query, settings, *words, vectors="SELECT v FROM queries ORDER BY id"):
        return subprocess.Popen([binary, vectors, query, *(str(word) for word in words)],
                                env=self.server.env_of(settings, "hnswc_bench"), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start(self, query, seconds, settings, cpu, seed=1, pipeline=1):
        return self._run(self.closed_loop, query, settings, seconds, cpu, seed, pipeline)

    def finish(self, process):
        """QPS of one that was started."""
        out, err = process.communicate()
        found = re.match(r"qps ([0-9.]+) pinned ([01]) cpu ([0-9.]+|-?nan)", out)
        if process.returncode or not found:
            raise Failure(err.strip() or "the client ended")
        self.server.pinned &= found.group(2) == "1"
        self.of_cpu = float(found.group(3))
        return float(found.group(1))

    def speed_of_cpu(self, query, seconds, settings, vectors):
        """Queries a second of CPU time, client and backend together, with the values of a query."""
        qps = self.finish(self._run(self.closed_loop, query, settings, seconds, self.server.cpus[0], 1, 1, vectors=vectors))
        return qps if math.isnan(self.of_cpu) else self.of_cpu

    def speed(self, query, clients, seconds, settings, pipeline=1):
        """Queries a second of all connections, client i and its backend on CPU i mod CPUs, so many statements sent together."""
        cpus = self.server.cpus
        running = [self.start(query, seconds, settings, cpus[i % len(cpus)], i + 1, pipeline) for i in range(clients)]
        return sum([self.finish(process) for process in running])

    def latencies(self, query, clients, seconds, settings, rate, seed):
        """Microseconds of each query when so many arrive a second, and how many had no answer (see bench/open_loop.c)."""
        cpus = self.server.cpus
        process = self._run(self.open_loop, query, settings, seconds, rate, seed, *(cpus[i % len(cpus)] for i in range(clients)))
        out, err = process.communicate()
        first, *lines = out.splitlines() or [""]
        found = re.match(r"arrived ([0-9]+) unanswered ([0-9]+) pinned ([01])", first)
        if process.returncode or not found or len(lines) != int(found.group(1)):
            raise Failure(err.strip() or "the client ended")
        self.server.pinned &= found.group(3) == "1"
        return [float(line) for line in lines], int(found.group(2))
