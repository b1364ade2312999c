"""Vectors to measure with, their exact nearest neighbours, and recall.

A set is a base, queries, and for each query the true distance of its k-th nearest. Recall is judged by distance: an
answer counts if it is no farther than the true k-th nearest, so that ties do not count against anyone; an id returned
twice counts once.
"""
import os

import numpy as np

METRICS = ("l2", "cosine", "ip", "l1")


def read_vecs(path, dtype):
    """.fvecs and .ivecs: for each vector its dimension as int32, then the values."""
    raw = np.fromfile(path, dtype=np.int32)
    if raw.size == 0:
        raise SystemExit(f"{path} is empty")
    return raw.reshape(-1, raw[0] + 1)[:, 1:].view(dtype)


def write_fvecs(path, vectors):
    out = np.empty((len(vectors), vectors.shape[1] + 1), dtype=np.float32)
    out[:, :1].view(np.int32)[:] = vectors.shape[1]
    out[:, 1:] = vectors
    out.tofile(path)


def read_directory(path):
    """base.fvecs, query.fvecs and, if there, gt.ivecs."""
    truth = os.path.join(path, "gt.ivecs")
    return (read_vecs(os.path.join(path, "base.fvecs"), np.float32),
            read_vecs(os.path.join(path, "query.fvecs"), np.float32),
            read_vecs(truth, np.int32) if os.path.exists(truth) else None)


def read_hdf5(path):
    """ann-benchmarks' form: train, test, neighbors."""
    try:
        import h5py
    except ImportError:
        raise SystemExit("reading .hdf5 needs python3-h5py")
    with h5py.File(path) as file:
        return (np.array(file["train"], dtype=np.float32), np.array(file["test"], dtype=np.float32),
                np.array(file["neighbors"], dtype=np.int32) if "neighbors" in file else None)


def synthetic(rows, dimensions, queries, seed=1):
    """
    As embeddings are: a few directions have most of the variance, and clusters of different sizes, widths and shapes
    overlap. Points are made in 48 dimensions whose deviations fall as i^-1/2, mapped to the dimensions asked for, and noise is
    added to all of these.
    """
    rng = np.random.default_rng(seed)
    clusters = int(np.clip(rows // 500, 8, 1000))
    inner = min(dimensions, 48)
    spread = (np.arange(1, inner + 1) ** -0.5).astype(np.float32)
    shapes = np.stack([rng.permutation(spread) for _ in range(16)])
    embed = rng.standard_normal((inner, dimensions), dtype=np.float32)
    centres = spread * rng.standard_normal((clusters, inner), dtype=np.float32)
    widths = rng.uniform(0.3, 0.9, clusters).astype(np.float32)
    weights = rng.dirichlet(np.full(clusters, 2.0))

    def draw(count):
        which = rng.choice(clusters, count, p=weights)
        points = rng.standard_normal((count, inner), dtype=np.float32)
        points = (centres[which] + widths[which, None] * shapes[which % len(shapes)] * points) @ embed
        return points + 0.1 * rng.standard_normal(points.shape, dtype=np.float32)

    return draw(rows), draw(queries), None


def normalised(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length == 0, 1, length)


def distances_to(query, vectors, metric):
    """True distances of one query, in double precision."""
    query, vectors = query.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        return ((vectors - query) ** 2).sum(axis=1)
    if metric == "l1":
        return np.abs(vectors - query).sum(axis=1)
    if metric == "ip":
        return -(vectors @ query)
    return 1 - (normalised(vectors) @ (query / (np.linalg.norm(query) or 1)))


def exact_nearest(base, queries, metric, k):
    """Ids of the k nearest, by brute force; candidates in single precision, twice as many as asked for."""
    wide = min(len(base), 2 * k + 10)
    if metric == "cosine":
        base, queries = normalised(base), normalised(queries)
    squares = (base ** 2).sum(axis=1) if metric == "l2" else 0
    found = np.empty((len(queries), k), dtype=np.int64)
    batch = max(1, 100_000_000 // max(1, len(base)) // 2)
    for start in range(0, len(queries), batch):
        part = queries[start:start + batch]
        if metric == "l1":
            scores = np.stack([np.abs(base - q).sum(axis=1) for q in part])
        else:
            scores = squares - (2 if metric == "l2" else 1) * (part @ base.T)
        near = np.argpartition(scores, wide - 1, axis=1)[:, :wide]
        for i, ids in enumerate(near):
            true = distances_to(part[i], base[ids], metric)
            found[start + i] = ids[np.argsort(true, kind="stable")[:k]]
    return found


def truth_holds(truth, base, queries, metric, k):
    """Given neighbours are checked on some queries: those of another metric would make recall look better."""
    if truth.shape[1] < k or len(truth) != len(queries) or truth.max() >= len(base):
        return False
    some = np.linspace(0, len(queries) - 1, min(20, len(queries))).astype(int)
    mine = exact_nearest(base, queries[some], metric, k)
    for q, ids in zip(some, mine):
        true = distances_to(queries[q], base[ids], metric).max()
        given = distances_to(queries[q], base[truth[q][:k]], metric).max()
        if given > true + 1e-5 * abs(true) + 1e-9:
            return False
    return True


class VectorSet:
    """A base, queries and what recall needs to know about the truth."""

    def __init__(self, name, base, queries, truth, metric, k):
        """truth: for each query the ids of the k nearest or more, nearest first."""
        self.name, self.base, self.queries, self.metric, self.k = name, base, queries, metric, k
        self.kth = np.array([distances_to(q, base[ids[:k]], metric).max() for q, ids in zip(queries, truth)])

    def after(self, added, kept):
        """The same queries when rows were added behind the base, and of all only those kept(id) are left."""
        base = np.concatenate((self.base, added)) if len(added) else self.base
        left = np.flatnonzero(kept(np.arange(len(base))))
        truth = left[exact_nearest(base[left], self.queries, self.metric, self.k)]
        return VectorSet(self.name, base, self.queries, truth, self.metric, self.k)

    def recall(self, answers):
        """answers: for each query the ids (0-based) that came back."""
        hits = 0
        for query, kth, ids in zip(self.queries, self.kth, answers):
            ids = np.unique(np.asarray(ids[:self.k], dtype=np.int64))
            if len(ids):
                true = distances_to(query, self.base[ids], self.metric)
                hits += int((true <= kth + 1e-6 * abs(kth) + 1e-12).sum())
        return min(1.0, hits / (self.k * len(self.queries)))


def load_set(args, say):
    if args.synthetic:
        rows, dimensions = (int(x) for x in args.synthetic.split(","))
        name, loaded = f"synthetic-{rows}-{dimensions}", synthetic(rows, dimensions, args.queries or 1000)
    elif args.data.endswith((".hdf5", ".h5")):
        name, loaded = os.path.splitext(os.path.basename(args.data))[0], read_hdf5(args.data)
    else:
        name, loaded = os.path.basename(os.path.normpath(args.data)), read_directory(args.data)
    base, queries, truth = loaded
    if args.rows and args.rows < len(base):
        base, truth = base[:args.rows], None
    if args.queries:
        queries, truth = queries[:args.queries], truth[:args.queries] if truth is not None else None
    say(f"{name}: {len(base):,} x {base.shape[1]}, {len(queries):,} queries, {args.metric}; exact answers...")
    if truth is not None and not truth_holds(truth, base, queries, args.metric, args.k):
        say(f"the neighbours given are not those by {args.metric}: computing them")
        truth = None
    source = "given" if truth is not None else "computed"
    if truth is None:
        truth = exact_nearest(base, queries, args.metric, args.k)
    made = VectorSet(name, base, queries, truth, args.metric, args.k)
    say(f"exact answers {source}; recall@{args.k} counts answers no farther than the true {args.k}th")
    return made
