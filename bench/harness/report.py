"""The CSV, the plot and the summary; nothing here measures."""
import csv
import math
import shutil
import subprocess
from typing import NamedTuple

COLUMNS = ("side", "set", "metric", "type", "rows", "dimensions", "options", "clients", "pipeline", "pinned", "k", "ef", "recall",
           "qps", "qps_min", "qps_max", "repeats", "open_loop_rate", "arrivals", "unanswered", "p50_us", "p95_us", "p99_us", "p999_us",
           "build_seconds", "build_workers", "build_wal", "index_bytes", "bytes_per_row",
           "cold_reads", "evicted_reads", "evicted_ms", "inserts_per_second", "inserts_per_second_2",
           "rows_per_second_together", "rows_per_second_copy", "wal_per_insert", "vacuum_seconds", "recall_vacuumed", "recall_rebuilt")
RECALLS = (0.90, 0.95, 0.98, 0.99, 0.995, 0.999)
RECALL_TICKS = ("0", ".2", ".5", ".8", ".9", ".95", ".98", ".99", ".995", ".998", ".999", ".9995", ".9998", ".9999")


class Point(NamedTuple):
    """One measurement of a curve; points are ordered by recall."""
    recall: float
    qps: float
    ef: int

    @classmethod
    def of(cls, row):
        """Of a row of the CSV."""
        return cls(float(row["recall"]), float(row["qps"]), int(row["ef"]))


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def curves(rows, prefix=""):
    """{label: [Point, ...] by recall}"""
    found = {}
    for row in rows:
        clients = int(row["clients"])
        label = f"{prefix}{row['side']}, " + (f"{clients} client" + "s" * (clients > 1) if clients else "one statement")
        if int(row.get("pipeline") or 1) > 1:
            label += ", pipelined"
        found.setdefault(label, []).append(Point.of(row))
    return {label: sorted(points) for label, points in found.items()}


def qps_at(points, recall):
    """Straight between neighbouring points, QPS on a logarithmic scale; None where the curve does not reach."""
    best = None
    for (r0, q0, _), (r1, q1, _) in zip(points, points[1:]):
        if r0 <= recall <= r1:
            part = 0 if r1 == r0 else (recall - r0) / (r1 - r0)
            here = math.exp(math.log(q0) + part * (math.log(q1) - math.log(q0)))
            best = max(best or 0, here)
    if best is None and points and points[0].recall > recall:
        return points[0].qps  # the cheapest setting measured is already better than asked for
    return best


def print_summary(all_curves):
    """QPS at equal recall; the first curve is what the others are compared with."""
    labels = list(all_curves)
    print("\nQPS at equal recall (interpolated; * = the lowest ef measured is above that recall)")
    print(f"{'recall':>8}" + "".join(f"{label:>28}" for label in labels)
          + "".join(f"{'first/' + str(i + 2):>10}" for i in range(len(labels) - 1)))
    for recall in RECALLS:
        values = [qps_at(all_curves[label], recall) for label in labels]
        if not any(values):
            continue
        cells = ""
        for label, value in zip(labels, values):
            star = "*" if value and all_curves[label][0].recall > recall else ""
            cells += f"{f'{value:,.0f}{star}' if value else '-':>28}"
        for other in values[1:]:
            cells += f"{f'{values[0] / other:.2f}' if values[0] and other else '-':>10}"
        print(f"{recall:>8}{cells}")


def quoted(text):
    """As a string of gnuplot's in which nothing has a meaning of its own."""
    return "'" + text.replace("'", "''") + "'"


def decade_ticks(values):
    """gnuplot's list of 1, 2 and 5 times powers of ten, from below the least value to above the greatest."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    places = [digit * 10 ** power for power in range(first, last + 1) for digit in (1, 2, 5)]
    return ", ".join(f"{quoted(f'{place:,.15g}')} {place:.15g}" for place in places)


def recall_axis(points):
    """How an axis of 1 - recall looks: the place of a point, gnuplot's list of ticks, least and greatest place.

    A logarithmic axis has no place for recall 1. It gets one of its own at the end, half the least error that was measured.
    """
    errors = [round(1 - point.recall, 9) for point in points]
    least = min([error for error in errors if error > 0], default=0.001)
    full = least / 2 if min(errors) <= 0 else None
    low, high = full or least, max(*errors, 2 * least)
    ticks = [(text, round(1 - float(text), 9)) for text in RECALL_TICKS]
    shown = [f"'{text}' {error}" for text, error in ticks if error >= (1.4 * full if full else 0)]
    shown += [f"'1' {full}"] if full else []
    return (lambda point: max(1 - point.recall, full or 0)), ", ".join(shown), low / 1.3, high * 1.3


def plot(path, all_curves, title, k):
    """QPS by recall@k as an SVG, through gnuplot; ef stands at each point."""
    points = [point for curve in all_curves.values() for point in curve]
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plot")
        return
    place, recall_ticks, low, high = recall_axis(points)
    speeds = [point.qps for point in points]
    blocks, lines, highest = "", [], {}
    for label, curve in all_curves.items():  # a side's curves share the recall at an ef: one label above them all
        for point in curve:
            at = label.split(",")[0], place(point), point.ef
            highest[at] = max(highest.get(at, 0), point.qps)
    labels = "".join(f"{x} {qps} {ef}\n" for (_, x, ef), qps in highest.items())
    for i, (label, curve) in enumerate(all_curves.items()):
        blocks += f"$d{i} << EOD\n" + "".join(f"{place(point)} {point.qps}\n" for point in curve) + "EOD\n"
        lines.append(f"$d{i} using 1:2 with linespoints lw 2 lc {i + 1} pt {i + 5} ps 0.6 title {quoted(label)}")
    subprocess.run(["gnuplot"], text=True, check=True, input=f"""
set terminal svg size 900,600 background "white"
set output {quoted(path)}
set title {quoted(title + "; at each point its ef")} noenhanced
set key noenhanced below
set xlabel "recall@{k} (logarithmic in 1 - recall)" noenhanced offset 0,0.4
set ylabel "queries a second (logarithmic)"
set logscale xy
set xrange [{high}:{low}]
set yrange [{min(speeds) / 1.25}:{max(speeds) * 1.25}]
set xtics ({recall_ticks})
set ytics ({decade_ticks(speeds)})
set grid xtics ytics
{blocks}$ef << EOD
{labels}EOD
plot {", ".join(lines)}, $ef using 1:2:3 with labels font ",10" offset 0,0.7 notitle
""")
