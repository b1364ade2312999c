"""Queries a second through SQL: compiles bench/client.c and runs one for each connection."""
import os
import re
import subprocess

from .server import ROOT, Failure, pg_config


class Client:
    def __init__(self, server, directory):
        self.server = server
        self.binary = os.path.join(directory, "client")
        compiled = subprocess.run(["gcc", "-O2", "-I" + pg_config("--includedir"), "-o", self.binary,
                                   os.path.join(ROOT, "bench/client.c"), "-L" + pg_config("--libdir"), "-lpq"], check=False)
        if compiled.returncode:
            raise Failure("bench/client.c does not compile")

    def start(self, query, seconds, settings, cpu, seed=1, pipeline=1):
        return subprocess.Popen([self.binary, "SELECT v FROM queries ORDER BY id", query, str(seconds), str(cpu), str(seed), str(pipeline)],
                                env=self.server.env_of(settings, "hnswc_bench"), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, process):
        """QPS of one that was started."""
        out, err = process.communicate()
        found = re.match(r"qps ([0-9.]+) pinned ([01])", out)
        if process.returncode or not found:
            raise Failure(err.strip() or "the client ended")
        self.server.pinned &= found.group(2) == "1"
        return float(found.group(1))

    def speed(self, query, clients, seconds, settings, pipeline=1):
        """Queries a second of all connections, client i and its backend on CPU i mod CPUs, so many statements sent together."""
        cpus = self.server.cpus
        running = [self.start(query, seconds, settings, cpus[i % len(cpus)], i + 1, pipeline) for i in range(clients)]
        return sum([self.finish(process) for process in running])
