"""Sparse vectors to measure with: made up as texts are, with exact answers by brute force.

Documents are about a few topics. A topic prefers some terms of the vocabulary, whose frequencies follow Zipf's law; the rest of a
document is drawn from the whole vocabulary. So rows share frequent terms with everyone and rare ones with their like, as learned
sparse embeddings (SPLADE and its kin) do.
"""
import copy

import numpy as np

DIMENSIONS = 30000


class Rows:
    """Vectors one behind the other: row i has elements start[i] to start[i + 1]."""

    def __init__(self, start, indices, values):
        self.start, self.indices, self.values = start, indices, values
        self.shape = (len(start) - 1, DIMENSIONS)

    def __len__(self):
        return self.shape[0]

    def row(self, i):
        part = slice(self.start[i], self.start[i + 1])
        return self.indices[part], self.values[part]

    def sums(self, elements):
        return np.add.reduceat(elements, self.start[:-1])

    def part(self, first, last):
        start = self.start[first:last + 1]
        return Rows(start - start[0], self.indices[start[0]:start[-1]], self.values[start[0]:start[-1]])

    def records(self, first_id):
        """Rows (id, v) as COPY BINARY has them."""
        for i in range(len(self)):
            indices, values = self.row(i)
            value = np.array([DIMENSIONS, len(indices), 0], ">i4").tobytes() + indices.astype(">i4").tobytes() \
                + values.astype(">f4").tobytes()
            yield np.array([2], ">i2").tobytes() + np.array([4, first_id + i, len(value)], ">i4").tobytes() + value


def synthetic(rows, nonzeros, seed=1):
    """Some `nonzeros` elements a row, a fifth more or less."""
    rng = np.random.default_rng(seed)
    frequency = 1.0 / np.arange(10, DIMENSIONS + 10)
    frequency /= frequency.sum()
    weight = rng.lognormal(0, 0.4, DIMENSIONS) * np.minimum(2.5, 0.35 * -np.log10(frequency))  # rare terms weigh more
    topics = []
    for _ in range(max(20, rows // 250)):
        terms = rng.choice(DIMENSIONS, 4 * nonzeros, replace=False, p=frequency ** 0.6 / (frequency ** 0.6).sum())
        topics.append((terms, rng.dirichlet(np.full(len(terms), 0.5))))
    start, indices, values = [0], [], []
    for _ in range(rows):
        wanted = int(nonzeros * rng.uniform(0.8, 1.2))
        about = [topics[i] for i in rng.choice(len(topics), rng.integers(1, 4), replace=False)]
        pool = np.concatenate([terms for terms, _ in about] + [rng.choice(DIMENSIONS, nonzeros, p=frequency)])
        chance = np.concatenate([odds for _, odds in about] + [np.full(nonzeros, 0.5 * len(about) / nonzeros)])
        # as many of the pool as wanted, by their chances (Efraimidis and Spirakis)
        keys = np.log(rng.random(len(pool))) / (chance + 1e-9)
        found = np.unique(pool[np.argsort(-keys)[:wanted]])
        indices.append(found)
        values.append((weight[found] * rng.lognormal(0, 0.3, len(found))).astype(np.float32))
        start.append(start[-1] + len(found))
    return Rows(np.array(start), np.concatenate(indices), np.concatenate(values))


class SparseSet:
    """What data.VectorSet is to dense vectors."""

    def __init__(self, rows, nonzeros, queries, metric, k):
        made = synthetic(rows + queries, nonzeros)
        self.name, self.k = f"sparse-{rows}-{nonzeros}", k
        self.base, self.queries = made.part(0, rows), made.part(rows, rows + queries)
        self.distances = [self._distances(*self.queries.row(i), metric) for i in range(queries)]
        self._set_kth(slice(None))

    def _set_kth(self, left):
        self.kth = [np.partition(all_of_them[left], self.k - 1)[self.k - 1] for all_of_them in self.distances]

    def after(self, _, kept):
        """The same queries when of the base only those kept(id) are left; rows are never added."""
        after = copy.copy(self)
        after._set_kth(kept(np.arange(len(self.base))))
        return after

    def _distances(self, indices, values, metric):
        """Of one query to all rows, in double precision."""
        query = np.zeros(DIMENSIONS)
        query[indices] = values
        met, base = query[self.base.indices], self.base.values.astype(np.float64)
        if metric == "l1":
            return np.abs(query).sum() + self.base.sums(np.abs(base - met) - np.abs(met))
        if metric == "l2":
            return np.sqrt((query ** 2).sum() + self.base.sums(base * (base - 2 * met)))
        product = self.base.sums(base * met)
        if metric == "ip":
            return -product
        return 1 - product / np.sqrt((query ** 2).sum() * self.base.sums(base ** 2))

    def recall(self, answers):
        hits = 0
        for all_of_them, kth, ids in zip(self.distances, self.kth, answers):
            ids = np.unique(np.asarray(ids[:self.k], dtype=np.int64))
            hits += int((all_of_them[ids] <= kth + 1e-6 * abs(kth) + 1e-12).sum())
        return hits / (self.k * len(self.queries))
