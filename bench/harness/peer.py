"""hnswlib as the other side: compiles bench/hnswlib_peer.cpp, hands it the data, and talks to it through pipes."""
import os
import subprocess

from . import data
from .server import ROOT, Failure


class Peer:
    """One index in one process; commands and answers are lines (see hnswlib_peer.cpp)."""

    def __init__(self, vectors, m, ef_construction, threads, cpu, directory):
        binary = os.path.join(directory, "hnswlib_peer")
        compiled = subprocess.run(["g++", "-O3", "-march=native", "-pthread", "-o", binary,
                                   os.path.join(ROOT, "bench/hnswlib_peer.cpp")], check=False)
        if compiled.returncode:
            raise Failure("hnswlib_peer.cpp does not compile")
        angular = vectors.metric == "cosine"
        files = {"base": vectors.base, "query": vectors.queries}
        for name, rows in files.items():
            data.write_fvecs(os.path.join(directory, name), data.normalised(rows) if angular else rows)
        self.queries = len(vectors.queries)
        self.process = subprocess.Popen(
            [binary, *(os.path.join(directory, name) for name in files), "l2" if vectors.metric == "l2" else "ip",
             str(m), str(ef_construction), str(threads), str(cpu)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        _, seconds, size = self._line().split()
        self.build_seconds, self.bytes = float(seconds), int(size)
        self.pinned = self._line() == "pinned 1"
        for name in files:
            os.unlink(os.path.join(directory, name))

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure("hnswlib_peer ended")
        return line.strip()

    def _tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def answers(self, ef, k):
        self._tell("answer", ef, k)
        return [[int(i) for i in self._line().split()] for _ in range(self.queries)]

    def speed(self, ef, k, seconds):
        self._tell("speed", ef, k, seconds)
        return float(self._line().split()[1])

    def stop(self):
        self.process.kill()
        self.process.wait()
