"""Where a query's time goes: stacks of the backend while a client asks, by perf, put into groups.

A stack belongs to the first group that has one of its functions; the innermost function alone decides in groups marked so. What
the compiler has inlined counts for the function it is in. Needs a build that is not stripped.
"""
import collections
import os
import subprocess
import tempfile
import time

from .server import Failure

SECONDS = 6
SCAN = {"hnswgettuple", "hnswrescan", "hnswbeginscan", "hnswendscan"}
GROUPS = (  # name, functions, only the innermost
    ("rows of the table", {"index_fetch_heap", "rows_expect", "rows_expect_tuple", "rows_hand_over"}, False),
    ("upper layers", {"graph_search_descend"}, False),
    ("query preparation", {"coder_query", "element_read"}, False),
    ("re-ranking", {"scan_measure", "vector_distances", "scan_queue_pool", "scan_queue_is_beyond", "scan_queue_is_empty",
                    "graph_search_runners_up", "page_store_bounds"}, False),
    ("codes", {"dot_u2", "dot_u4", "dot_u8", "dot_planes", "levels_distances", "planes_distances", "code_distances", "l1_u8",
               "ip_f32", "l2_f32", "l1_f32", "hamming", "and_count"}, True),
    ("nodes: finding and waiting for them", {"nodes_fetch", "nodes_measure"}, False),
    ("pool", {"search_offer", "search_merge", "__memmove_avx512_unaligned_erms", "__memmove_avx_unaligned_erms"}, True),
    ("links, visited set", {"graph_search_layer", "search_run"}, False),
)


def group_of(stack):
    functions = set(stack)
    for name, members, innermost in GROUPS:
        if stack[0] in members if innermost else functions & members:
            return name
    return "rest of the scan" if functions & SCAN else "protocol, executor"


def stacks(path):
    """Function names of each sample, innermost first."""
    text = subprocess.run(["perf", "script", "-i", path, "-F", "ip,sym"], text=True, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    for block in text.strip().split("\n\n"):
        lines = [line.split(None, 1) for line in block.strip().split("\n")]
        yield [line[1].split("+")[0] if len(line) > 1 else "" for line in lines]


def print_shares(side):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "perf.data")
        for ef in side.efs:
            cpu = side.server.cpus[0]
            running = side.client.start(side.query("$1"), SECONDS + 2, side.settings_at(ef), cpu)
            time.sleep(1)
            pid = side.server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'hnswc_bench'")
            recorded = subprocess.run(["perf", "record", "-g", "-F", "5000", "-o", path, "-p", pid, "--", "sleep", str(SECONDS)],
                                      text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            speed = side.client.finish(running)
            if recorded.returncode:
                raise Failure(f"perf: {recorded.stdout.strip()}")
            found = collections.Counter(group_of(stack) for stack in stacks(path))
            shares = "; ".join(f"{name} {100 * n / found.total():.0f} %" for name, n in found.most_common())
            side.say(f"ef {ef:>4}, {1e6 / speed:,.0f} us: {shares}")
        constant = side.client.speed("SELECT 1 WHERE $1 IS NOT NULL", 1, side.args.seconds, {})
        side.say(f"a prepared statement that returns a constant: {1e6 / constant:,.1f} us")
