"""Queries with a filter (--filter): by the vectors' index, by one on the filter's column, and as the planner chooses."""
import numpy as np

TABLE = "filtered"
VECTORS_INDEX, FILTER_INDEX = f"{TABLE}_v_idx", f"{TABLE}_part_idx"
BY_VECTORS, BY_FILTER, CHOSEN = "vectors' index", "filter's index, exact", "as planned"
FILTERED_SCAN = "HNSW Filtered Scan"
# ways to ask, by the settings that leave no other without a sequential scan
WAYS = {BY_VECTORS: {"enable_bitmapscan": "off", "enable_sort": "off"}, BY_FILTER: {"enable_indexscan": "off"}, CHOSEN: {}}


def load(side, sizes):
    """A copy of the table with a column that is i for sizes[i - 1] rows at random, and 0 for the others."""
    cases = " ".join(f"WHEN place <= {bound} THEN {i}" for i, bound in enumerate(np.cumsum(sizes), 1))
    side.server.sql("SET client_min_messages = warning", f"DROP TABLE IF EXISTS {TABLE}", "SELECT setseed(0.5)",
                    f"CREATE TABLE {TABLE} AS SELECT id, v, CASE {cases} ELSE 0 END AS part "
                    "FROM (SELECT id, v, row_number() OVER (ORDER BY random()) AS place FROM items) placed ORDER BY id",
                    *side.index_statements(VECTORS_INDEX, TABLE),
                    f"CREATE INDEX {FILTER_INDEX} ON {TABLE} (part)",
                    f"ALTER TABLE {TABLE} ALTER part SET STATISTICS 1000", f"VACUUM ANALYZE {TABLE}")


def print_ways(side, sizes):
    """QPS of all ways at the first ef for filters that keep so many rows, recall, and which one the planner takes."""
    load(side, sizes)
    ef = side.efs[0]
    side.say(f"filters of {len(side.vectors.base):,} rows, ef {ef}, queries a second:")
    print(f"{'rows kept':>10}" + "".join(f"{way:>24}" for way in WAYS) + f"{'recall':>10}{'as planned':>12}  planner takes")
    for part, size in enumerate(sizes, 1):
        source = f"{TABLE} WHERE part = {part}"
        speeds = [side.client.speed(side.query("$1", source), 1, side.args.seconds,
                                    {"enable_seqscan": "off", "max_parallel_workers_per_gather": 0, **way, **side.settings_at(ef)})
                  for way in WAYS.values()]
        kept = np.array(side.server.sql(f"SELECT id - 1 FROM {source}").split(), dtype=int)
        left = side.vectors.after(side.added, lambda ids, kept=kept: np.isin(ids, kept))
        recalls = [left.recall(side.answers(ef, source, **WAYS[way])) for way in (BY_VECTORS, CHOSEN)]
        plan = side.server.sql("EXPLAIN " + side.query("(SELECT v FROM queries WHERE id = 1)", source))
        names = {FILTERED_SCAN: "filtered scan", VECTORS_INDEX: BY_VECTORS, FILTER_INDEX: BY_FILTER}
        taken = next((name for part_of_plan, name in names.items() if part_of_plan in plan), "neither")
        print(f"{size:>10,}" + "".join(f"{speed:>24,.0f}" for speed in speeds) + f"{recalls[0]:>10.4f}{recalls[1]:>12.4f}  {taken}")
