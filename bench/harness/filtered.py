"""Queries with a filter (--filter): by the vectors' index, by one on the filter's column, and as the planner chooses."""
import numpy as np

from .server import OPERATORS

TABLE = "filtered"
VECTORS_INDEX, FILTER_INDEX = f"{TABLE}_v_idx", f"{TABLE}_part_idx"
# ways to ask, by the settings that leave no other
WAYS = {
    "vectors' index": {"enable_bitmapscan": "off", "enable_sort": "off", "enable_seqscan": "off"},
    "filter's index, exact": {"enable_indexscan": "off", "enable_seqscan": "off"},
}


def load(side, sizes):
    """A copy of the table with a column that is i for sizes[i - 1] rows at random, and 0 for the others."""
    args, bounds = side.args, [0]
    for size in sizes:
        bounds.append(bounds[-1] + size)
    cases = " ".join(f"WHEN place <= {bound} THEN {i}" for i, bound in enumerate(bounds[1:], 1))
    side.server.sql("SET client_min_messages = warning", f"DROP TABLE IF EXISTS {TABLE}", "SELECT setseed(0.5)",
                    f"CREATE TABLE {TABLE} AS SELECT id, v, CASE {cases} ELSE 0 END AS part "
                    "FROM (SELECT id, v, row_number() OVER (ORDER BY random()) AS place FROM items) placed ORDER BY id",
                    f"SET maintenance_work_mem = '{args.maintenance_work_mem}'",
                    f"SET max_parallel_maintenance_workers = {args.workers}",
                    f"CREATE INDEX {VECTORS_INDEX} ON {TABLE} USING hnsw (v {args.type}_{args.metric}_ops)"
                    + (f" WITH ({args.options})" if args.options else ""),
                    f"CREATE INDEX {FILTER_INDEX} ON {TABLE} (part)",
                    f"ALTER TABLE {TABLE} ALTER part SET STATISTICS 1000", f"VACUUM ANALYZE {TABLE}")


def print_ways(side, sizes):
    """QPS of both ways at the first ef for filters that keep so many rows, recall, and which one the planner takes."""
    load(side, sizes)
    ef, k = side.efs[0], side.args.k
    side.say(f"filters of {len(side.vectors.base):,} rows, ef {ef}, queries a second:")
    print(f"{'rows kept':>10}" + "".join(f"{way:>24}" for way in WAYS) + f"{'recall':>10}  planner takes")
    for part, size in enumerate(sizes, 1):
        def query(vector):
            return f"SELECT id FROM {TABLE} WHERE part = {part} ORDER BY v {OPERATORS[side.args.metric]} {vector} LIMIT {k}"
        ways = {way: {**side.settings_at(ef), **settings, "max_parallel_workers_per_gather": 0} for way, settings in WAYS.items()}
        speeds = [side.client.speed(query("$1"), 1, side.args.seconds, settings) for settings in ways.values()]
        kept = np.array(side.server.sql(f"SELECT id - 1 FROM {TABLE} WHERE part = {part}").split(), dtype=int)
        left = side.vectors.after(side.added, lambda ids, kept=kept: np.isin(ids, kept))
        found = side.answers(ef, query, ways["vectors' index"])
        plan = side.server.sql("EXPLAIN " + query("(SELECT v FROM queries WHERE id = 1)"))
        taken = list(WAYS)[0] if VECTORS_INDEX in plan else list(WAYS)[1] if FILTER_INDEX in plan else "neither"
        print(f"{size:>10,}" + "".join(f"{speed:>24,.0f}" for speed in speeds) + f"{left.recall(found):>10.4f}  {taken}")
