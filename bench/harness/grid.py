"""Queries with filters of many kinds, by every plan (--filter grid, --filter columns, --filter joins).

The grid: filters that pass 50 % to .01 % of the rows, at random, near the queries and far from them, and conditions of several
kinds. With real columns (DIR/base.tsv, DIR/query.tsv) those of debian-384. Joins: chunks of documents, ten each, whose owner is
asked for. Each is asked for in every way that there is, and as the planner has it.
"""
import csv
import json
import math
import os
from typing import Callable, NamedTuple

import numpy as np

from .data import distances_to, exact_nearest, read_vecs
from .server import Failure

TABLE = "filtered"
VECTORS_INDEX = f"{TABLE}_v_idx"
PLAIN, FILTERED, SORT = "vectors' index", "filtered scan", "sort"
# settings that leave one way, where there is more than one
WAYS = {PLAIN: {"hnsw.filtered_scan": "off", "enable_sort": "off", "enable_bitmapscan": "off", "enable_seqscan": "off"},
        FILTERED: {"hnsw.filtered_scan": "force"},
        SORT: {"enable_indexscan": "off", "enable_seqscan": "off"}}
KINDS = ("grid", "columns", "joins")
ALWAYS = {"max_parallel_workers_per_gather": 0}
SHARES = (.5, .1, .03, .01, .003, .001, .0001)
KIND_SHARES = (.03, .003)
# queries that are near an anchor, and twice as many everywhere; those that recall is of, where answers take long
NEAR_QUERIES, LEAST_RECALL_QUERIES, RECALL_SECONDS = 60, 20, 3
# a way that finds less is not the best, however fast
ENOUGH_RECALL = 0.95
COLUMNS = ("set", "rows", "filter", "kept", "plain_qps", "plain_recall", "filtered_qps", "filtered_recall", "sort_qps", "planner",
           "planner_qps", "planner_recall", "times_best")


class Filter(NamedTuple):
    name: str
    condition: str  # on the table's columns; $2 and so on are the query's
    queries: np.ndarray  # those that are asked, from 0
    kept: Callable  # of a query: which rows pass; the same for all queries where no truth is given
    columns: tuple = ()  # of the table queries: $2 and so on
    truth: np.ndarray = None  # exact answers of all queries, -1 where there are fewer; None: not known
    join: str = ""  # with another table


def percent(share):
    return f"{100 * share:g} %".replace("0.", ".") if share < .01 else f"{100 * share:g} %"


# the grid

def grid_columns(vectors):
    """Columns by name: ranks at random, and the rank by distance from one of the queries; which one that is."""
    rows, rng = len(vectors.base), np.random.default_rng(5)
    anchor = int(rng.integers(len(vectors.queries)))
    columns = {"place": rng.permutation(rows), "other": rng.permutation(rows)}
    columns["twin"] = columns["place"]
    columns["shifted"] = (columns["place"] - round(.1 * rows) + round(.0001 * rows)) % rows
    columns["near"] = np.empty(rows, dtype=int)
    columns["near"][np.argsort(distances_to(vectors.queries[anchor], vectors.base, vectors.metric), kind="stable")] = np.arange(rows)
    for name, share in zip(("part", "fine"), KIND_SHARES):
        columns[name] = columns["place"] // round(share * rows)
        columns[f"{name}_of_20"] = columns["place"] // max(1, round(share * rows / 20))
    return columns, anchor


def grid_filters(vectors, columns, anchor):
    rows, everywhere = len(vectors.base), np.arange(min(len(vectors.queries), 2 * NEAR_QUERIES))
    around = np.sort(np.argsort(distances_to(vectors.queries[anchor], vectors.queries, vectors.metric))[:NEAR_QUERIES])
    twenty = ", ".join(map(str, range(20)))

    def made(name, condition, kept, queries=everywhere):
        return Filter(name, condition, queries, lambda _: kept)

    c = columns
    for share in SHARES:
        n = max(1, round(share * rows))
        yield made(f"{percent(share)}, at random", f"place < {n}", c["place"] < n)
        yield made(f"{percent(share)}, near the queries", f"near < {n}", c["near"] < n, around)
        yield made(f"{percent(share)}, far from them", f"near >= {rows - n}", c["near"] >= rows - n, around)
    for name, share in zip(("part", "fine"), KIND_SHARES):
        n = round(math.sqrt(share) * rows)
        yield made(f"{percent(share)}, =", f"{name} = 0", c[name] == 0)
        yield made(f"{percent(share)}, IN of 20", f"{name}_of_20 IN ({twenty})", c[f"{name}_of_20"] < 20)
        yield made(f"{percent(share)}, jsonb @>", f"attributes @> '{{\"{name}\": 0}}'", c[name] == 0)
        yield made(f"{percent(share)}, AND of two", f"place < {n} AND other < {n}", (c["place"] < n) & (c["other"] < n))
    n = round(.01 * rows)
    yield made("1 %, .01 % expected", f"place < {n} AND twin < {n}", c["place"] < n)
    n = round(.1 * rows)
    yield made(".01 %, 1 % expected", f"place < {n} AND shifted < {n}", (c["place"] < n) & (c["shifted"] < n))


def load_grid(side):
    columns, anchor = grid_columns(side.vectors)
    names = list(columns)
    copy(side.server, "grid_columns", "id int4, " + ", ".join(f"{name} int4" for name in names),
         "".join("\t".join(map(str, row)) + "\n" for row in zip(range(1, len(side.vectors.base) + 1), *columns.values())))
    make_table(side, "grid_columns", ", jsonb_build_object('part', part, 'fine', fine) AS attributes",
               [f"({name})" for name in names] + ["USING gin (attributes)"])
    return grid_filters(side.vectors, columns, anchor)


# real columns

def read_tsv(path):
    with open(path, encoding="utf-8") as file:
        head, *lines = (line.rstrip("\n").split("\t") for line in file)
    return {name: [line[i] if i < len(line) else "" for line in lines] for i, name in enumerate(head)}


def load_columns(side):
    """debian-384: packages with section, maintainer, size and tags."""
    path = side.args.data
    base, query = (read_tsv(os.path.join(path, name)) for name in ("base.tsv", "query.tsv"))
    rows, queries = len(side.vectors.base), np.arange(len(side.vectors.queries))
    kinds = {"section": "text", "maintainer": "text", "installed_kb": "int4", "tags": "text[]"}

    def values(of, count):
        lines = []
        for i in range(count):
            tags = "{" + ",".join(f'"{tag.strip()}"' for tag in of["tags"][i].split(",") if tag.strip()) + "}"
            lines.append("\t".join([str(i + 1), of["section"][i], of["maintainer"][i], of["installed_kb"][i] or "\\N", tags]) + "\n")
        return "".join(lines)

    kind = "id int4, " + ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    copy(side.server, "real_columns", kind, values(base, rows))
    copy(side.server, "query_columns", kind, values(query, len(queries)))
    make_table(side, "real_columns", "", ["(section)", "(maintainer)", "(installed_kb)", "USING gin (tags)"])
    side.server.sql("ALTER TABLE queries RENAME TO plain_queries",
                    "CREATE TABLE queries AS SELECT id, v, section, maintainer FROM plain_queries JOIN query_columns USING (id) ORDER BY id",
                    "ALTER TABLE queries ADD PRIMARY KEY (id)", "DROP TABLE plain_queries, query_columns")
    section, maintainer, kilobytes = (np.array(base[name][:rows]) for name in ("section", "maintainer", "installed_kb"))
    kilobytes = np.array([int(k) if k else -1 for k in kilobytes])
    tag = np.array(["role::devel-lib" in [t.strip() for t in tags.split(",")] for tags in base["tags"][:rows]])
    of = {name: np.array(query[name]) for name in ("section", "maintainer")}

    def truth(name):
        file = os.path.join(path, f"gt_{name}.ivecs")
        return read_vecs(file, np.int32)[:len(queries)] if os.path.exists(file) and rows == len(base["id"]) else None

    return [Filter("the query's section", "section = $2", queries, lambda q: section == of["section"][q], ("section",), truth("section")),
            Filter("another section", "section <> $2", queries, lambda q: section != of["section"][q], ("section",), truth("notsection")),
            Filter("the query's maintainer", "maintainer = $2", queries, lambda q: maintainer == of["maintainer"][q], ("maintainer",),
                   truth("maintainer")),
            Filter("installed_kb >= 76510", "installed_kb >= 76510", queries, lambda _: kilobytes >= 76510, (), truth("big")),
            Filter("installed_kb < 100", "installed_kb < 100", queries, lambda _: (kilobytes < 100) & (kilobytes >= 0), (), truth("small")),
            Filter("tags @> '{role::devel-lib}'", "tags @> '{role::devel-lib}'", queries, lambda _: tag)]


# joins

def load_joins(side):
    """Ten rows a document; owners of 10 and of 200 documents."""
    rows = len(side.vectors.base)
    document = np.arange(rows) // 10
    copy(side.server, "documents", "document int4 PRIMARY KEY, owner int4, team int4",
         "".join(f"{i}\t{i % (rows // 100)}\t{i % (rows // 2000)}\n" for i in range(document[-1] + 1)))
    side.server.sql("CREATE INDEX ON documents (owner)", "CREATE INDEX ON documents (team)", "VACUUM ANALYZE documents")
    copy(side.server, "chunks", "id int4, doc_id int4", "".join(f"{i + 1}\t{d}\n" for i, d in enumerate(document)))
    make_table(side, "chunks", "", ["(doc_id)"])
    queries = np.arange(min(len(side.vectors.queries), 2 * NEAR_QUERIES))
    for column, count in (("owner", rows // 100), ("team", rows // 2000)):
        kept = document % count == 5
        condition = f"{column} = 5"
        for name, join, where in (
                ("IN", "", f"doc_id IN (SELECT document FROM documents WHERE {condition})"),
                ("EXISTS", "", f"EXISTS (SELECT 1 FROM documents WHERE document = doc_id AND {condition})"),
                ("JOIN", "JOIN documents ON document = doc_id", condition)):
            yield Filter(f"{kept.sum() // 10} documents, {name}", where, queries, lambda _, kept=kept: kept, join=join)


# measuring

def copy(server, table, columns, text):
    server.sql("SET client_min_messages = warning", f"DROP TABLE IF EXISTS {table}", f"CREATE TABLE {table} ({columns})")
    server.copy_text(table, text)


def make_table(side, columns, more, indexes):
    """The table with the vectors and these columns; its indexes."""
    side.server.sql("SET client_min_messages = warning", f"DROP TABLE IF EXISTS {TABLE}",
                    f"CREATE TABLE {TABLE} AS SELECT * {more} FROM items JOIN {columns} USING (id) ORDER BY id",
                    f"ALTER TABLE {TABLE} ALTER id SET NOT NULL", f"DROP TABLE {columns}",
                    *side.index_statements(VECTORS_INDEX, TABLE), *(f"CREATE INDEX ON {TABLE} {index}" for index in indexes),
                    f"VACUUM ANALYZE {TABLE}")


class Grid:
    def __init__(self, side):
        self.side, self.server, self.vectors = side, side.server, side.vectors
        self.ef = side.efs[0]
        self.truths = (None, None)  # of which filter

    def _statement(self, filter_):
        return self.side.query("$1", f"{TABLE} {filter_.join} WHERE {filter_.condition}")

    def _settings(self, way):
        return {**ALWAYS, **self.side.settings_at(self.ef), **way}

    def _with_columns(self, filter_, template):
        """A statement with what stands for the query's vector and columns in place of $1, $2 and so on."""
        statement = self._statement(filter_)
        for i, column in enumerate(("v",) + filter_.columns, 1):
            statement = statement.replace(f"${i}", template.format(column))
        return statement

    def speed(self, filter_, way):
        ids = ", ".join(str(q + 1) for q in filter_.queries)
        vectors = f"SELECT {', '.join(('v',) + filter_.columns)} FROM queries WHERE id IN ({ids}) ORDER BY id"
        return self.side.client.speed_of_cpu(self._statement(filter_), self.side.args.seconds, self._settings(way), vectors)

    def answers(self, filter_, way, queries):
        """Of these queries; a statement in a function is planned as a client's prepared one is."""
        function = (f"CREATE FUNCTION pg_temp.ask() RETURNS SETOF text LANGUAGE plpgsql AS $ask$ DECLARE q queries; BEGIN "
                    f"FOR q IN SELECT * FROM queries WHERE id IN ({', '.join(str(i + 1) for i in queries)}) ORDER BY id LOOP "
                    f"RETURN NEXT ARRAY({self._with_columns(filter_, 'q.{}')})::text; END LOOP; END $ask$")
        lines = self.server.sql(*self.side.statements_of(self._settings(way)), function, "SELECT pg_temp.ask()").split("\n")
        return [[int(i) - 1 for i in line.strip("{}").split(",") if i] for line in lines]

    def truth(self, filter_, query):
        """The k nearest rows that pass, or as many as there are."""
        k = self.vectors.k
        if filter_.truth is not None:
            ids = filter_.truth[query][:k]
            return ids[ids >= 0]
        if self.truths[0] is not filter_:
            left = np.flatnonzero(filter_.kept(query))  # the same for all of them
            found = exact_nearest(self.vectors.base[left], self.vectors.queries[filter_.queries], self.vectors.metric, min(k, len(left)))
            self.truths = (filter_, dict(zip(filter_.queries, left[found])))
        return self.truths[1][query]

    def recall(self, filter_, way, speed):
        """Share of the true neighbours found; none where there are none to find."""
        count = int(min(len(filter_.queries), max(LEAST_RECALL_QUERIES, speed * RECALL_SECONDS)))
        queries, hits, wanted = filter_.queries[:count], 0, 0
        for query, ids in zip(queries, self.answers(filter_, way, queries)):
            truth = self.truth(filter_, query)
            wanted += len(truth)
            ids = np.unique(np.asarray(ids, dtype=int))
            if len(ids) and not filter_.kept(query)[ids].all():
                raise Failure(f"rows that do not pass were returned for {filter_.condition}")
            if len(truth) and len(ids):
                kth = distances_to(self.vectors.queries[query], self.vectors.base[truth], self.vectors.metric).max()
                true = distances_to(self.vectors.queries[query], self.vectors.base[ids], self.vectors.metric)
                hits += int((true <= kth + 1e-6 * abs(kth) + 1e-12).sum())
        return min(1.0, hits / wanted) if wanted else 1.0

    def chosen(self, filter_):
        """The way of the plan that a client's statement comes to, for the first of the queries."""
        names = ("v",) + filter_.columns
        values = ", ".join("%L" for _ in names)
        arguments = ", ".join(f"q.{name}" for name in names)
        types = "(" + ", ".join(f"{self.side.args.type}" if name == "v" else "text" for name in names) + ")"
        body = (f"CREATE FUNCTION pg_temp.plan() RETURNS SETOF json LANGUAGE plpgsql AS $plan$ DECLARE q queries; BEGIN "
                f"SELECT * INTO q FROM queries WHERE id = {filter_.queries[0] + 1}; "
                f"FOR i IN 1..6 LOOP EXECUTE format('EXECUTE p ({values})', {arguments}); END LOOP; "
                f"RETURN QUERY EXECUTE format('EXPLAIN (FORMAT json) EXECUTE p ({values})', {arguments}); END $plan$")
        plan = json.loads(self.server.sql(*self.side.statements_of(self._settings({})),
                                          f"PREPARE p {types} AS {self._statement(filter_)}", body, "SELECT pg_temp.plan()"))
        nodes = [plan[0]["Plan"]]
        for node in nodes:
            nodes += node.get("Plans", [])
            if node["Node Type"] == "Custom Scan":
                return FILTERED
            if node.get("Index Name") == VECTORS_INDEX:
                return PLAIN
        return SORT

    def row(self, filter_):
        speeds = {name: self.speed(filter_, way) for name, way in WAYS.items()}
        recalls = {name: self.recall(filter_, WAYS[name], speeds[name]) for name in (PLAIN, FILTERED)}
        recalls[SORT] = 1.0
        chosen = self.chosen(filter_)
        # which plan is taken may depend on the query, and there are several by a sort
        if filter_.columns or chosen == SORT:
            speeds["planned"] = self.speed(filter_, {})
            recalls["planned"] = self.recall(filter_, {}, speeds["planned"])
        planned = speeds.get("planned", speeds.get(chosen))
        # of the ways that find enough
        best = max([planned] + [speed for name, speed in speeds.items() if recalls[name] >= ENOUGH_RECALL])
        kept = np.mean([filter_.kept(q).sum() for q in filter_.queries])
        return {"set": self.vectors.name, "rows": len(self.vectors.base), "filter": filter_.name, "kept": round(kept),
                "plain_qps": round(speeds[PLAIN], 1), "plain_recall": round(recalls[PLAIN], 4),
                "filtered_qps": round(speeds[FILTERED], 1), "filtered_recall": round(recalls[FILTERED], 4),
                "sort_qps": round(speeds[SORT], 1), "planner": chosen, "planner_qps": round(planned, 1),
                "planner_recall": round(recalls.get("planned", recalls.get(chosen)), 4), "times_best": round(best / planned, 2)}


def print_row(row):
    print(f"{row['filter']:>28}{row['kept']:>10,}" + "".join(
        f"{row[name + '_qps']:>12,.0f} {row.get(name + '_recall', 1.0):.4f}" for name in ("plain", "filtered"))
        + f"{row['sort_qps']:>12,.0f}  {row['planner']:<15}{row['planner_recall']:.4f} {row['times_best']:>6.2f}", flush=True)


def measure(side, what):
    """what: grid, columns or joins. Prints a table of all filters, and writes it to PREFIX-filters.csv."""
    filters = list({"grid": load_grid, "columns": load_columns, "joins": load_joins}[what](side))
    everything = np.ones(len(side.vectors.base), dtype=bool)
    grid, rows = Grid(side), []
    side.say(f"filters of {len(side.vectors.base):,} rows, ef {grid.ef}, queries a second of CPU time and recall")
    for queries, asked in {tuple(f.queries): f.queries for f in filters}.items():
        none = Filter("none", "true", asked, lambda _: everything)
        speed = grid.speed(none, {})
        print(f"of {len(queries)} queries without a filter: {speed:,.0f} {grid.recall(none, {}, speed):.4f}")
    print(f"{'filter':>28}{'rows':>10}{PLAIN:>19}{FILTERED:>19}{SORT:>12}  planner takes   recall  best/planner")
    for filter_ in filters:
        rows.append(grid.row(filter_))
        print_row(rows[-1])
    print(f"worst of the planner's choices: {max(row['times_best'] for row in rows):.2f} times the best; least recall "
          f"{min(row['planner_recall'] for row in rows):.4f}")
    with open(side.args.out + "-filters.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
