"""Latency at a given rate of arrivals (--open-loop): percentiles of all arrivals, of which none is left out.

A client that waits for each answer asks less while the server is slow, so it sees one slow query where users see many
(coordinated omission). Here arrivals have times of their own, and each latency counts from that time: see bench/open_loop.c.
"""
PERCENTILES = {"p50_us": 500, "p95_us": 950, "p99_us": 990, "p999_us": 999}  # in thousandths
FEWEST_ARRIVALS = 100
MOST_A_SECOND = 1_000_000


def problem(rate, seconds):
    """What is wrong with a rate that was asked for, or None."""
    if not 0 < rate <= MOST_A_SECOND:
        return f"expected --open-loop above 0 and at most {MOST_A_SECOND:,} queries a second, not {rate:g}"
    if rate * seconds < FEWEST_ARRIVALS:
        return (f"--open-loop {rate:g} for --seconds {seconds:g} are some {rate * seconds:.0f} queries: expected {FEWEST_ARRIVALS} "
                "or more; raise --seconds")
    return None


def percentiles(latencies):
    """Nearest rank; a percentile that has no arrival above it is left out, as it would be the greatest of a few."""
    ordered, count = sorted(latencies), len(latencies)
    return {name: ordered[-(-count * share // 1000) - 1] for name, share in PERCENTILES.items() if count * (1000 - share) >= 1000}


def columns(latencies, rate, unanswered):
    return {"open_loop_rate": rate, "arrivals": len(latencies), "unanswered": unanswered, **percentiles(latencies)}


def measure(side, counts, rate):
    """{(ef, clients): columns of the CSV}, over all rounds; prints them."""
    args, found, seen = side.args, {}, {}
    for turn in range(args.repeat):
        for ef in side.efs:
            for clients in counts:
                latencies, unanswered = side.client.latencies(side.query("$1"), clients, args.seconds, side.settings_at(ef), rate, turn + 1)
                before = seen.get((ef, clients), ([], 0))
                seen[ef, clients] = before[0] + latencies, before[1] + unanswered
    side.say(f"latency in microseconds, {rate:g} queries a second arriving at random, queueing included:")
    print(f"{'ef':>6}{'clients':>9}{'arrivals':>10}" + "".join(f"{name:>10}" for name in ("p50", "p95", "p99", "p99.9")))
    for (ef, clients), (latencies, unanswered) in seen.items():
        made = found[ef, clients] = columns(latencies, rate, unanswered)
        cells = "".join(f"{format(made[name], ',.0f') if name in made else '-':>10}" for name in PERCENTILES)
        print(f"{ef:>6}{clients:>9}{len(latencies):>10,}{cells}"
              + (f"  cannot keep up: {unanswered:,} without an answer, counted with their wait so far" if unanswered else ""))
    return found
