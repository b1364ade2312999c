"""The CSV, the plot and the summary; nothing here measures."""
import csv
import math
import shutil
import subprocess

COLUMNS = ("side", "set", "metric", "type", "rows", "dimensions", "options", "clients", "pipeline", "pinned", "k", "ef", "recall",
           "qps", "qps_min", "qps_max", "repeats", "open_loop_rate", "arrivals", "unanswered", "p50_us", "p95_us", "p99_us", "p999_us",
           "build_seconds", "build_workers", "build_wal", "index_bytes", "bytes_per_row",
           "cold_reads", "evicted_reads", "evicted_ms", "inserts_per_second", "inserts_per_second_2",
           "rows_per_second_together", "rows_per_second_copy", "wal_per_insert", "vacuum_seconds", "recall_vacuumed", "recall_rebuilt")
RECALLS = (0.90, 0.95, 0.98, 0.99, 0.995, 0.999)


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def curves(rows, prefix=""):
    """{label: [(recall, qps), ...] by recall}"""
    found = {}
    for row in rows:
        clients = int(row["clients"])
        label = f"{prefix}{row['side']}, " + (f"{clients} client" + "s" * (clients > 1) if clients else "one statement")
        if int(row.get("pipeline") or 1) > 1:
            label += ", pipelined"
        found.setdefault(label, []).append((float(row["recall"]), float(row["qps"])))
    return {label: sorted(points) for label, points in found.items()}


def qps_at(points, recall):
    """Straight between neighbouring points, QPS on a logarithmic scale; None where the curve does not reach."""
    best = None
    for (r0, q0), (r1, q1) in zip(points, points[1:]):
        if r0 <= recall <= r1:
            part = 0 if r1 == r0 else (recall - r0) / (r1 - r0)
            here = math.exp(math.log(q0) + part * (math.log(q1) - math.log(q0)))
            best = max(best or 0, here)
    if best is None and points and points[0][0] > recall:
        return points[0][1]  # the cheapest setting measured is already better than asked for
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
            star = "*" if value and all_curves[label][0][0] > recall else ""
            cells += f"{f'{value:,.0f}{star}' if value else '-':>28}"
        for other in values[1:]:
            cells += f"{f'{values[0] / other:.2f}' if values[0] and other else '-':>10}"
        print(f"{recall:>8}{cells}")


def plot(path, all_curves, title):
    """Recall against QPS as an SVG, through gnuplot."""
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plot")
        return
    blocks, lines = "", []
    for i, (label, points) in enumerate(all_curves.items()):
        blocks += f"$d{i} << EOD\n" + "".join(f"{r} {q}\n" for r, q in points) + "EOD\n"
        lines.append(f"$d{i} using 1:2 with linespoints lw 2 pt {i + 5} ps 0.6 title \"{label}\"")
    subprocess.run(["gnuplot"], text=True, check=True, input=f"""
set terminal svg size 900,600 background "white"
set output "{path}"
set title "{title}" noenhanced
set key noenhanced top right
set xlabel "recall"
set ylabel "queries a second"
set logscale y
set grid xtics ytics mytics
{blocks}plot {", ".join(lines)}
""")
