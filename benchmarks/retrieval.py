"""Exact ranks of 1,000 mates among 100,000 x 512: `evaluation.rank_of_mate` against a full sort by numpy.

Both are timed in turns in one process, so their ratio is of one machine at one time; both must give the same ranks. On
a machine with other work, set OMP_NUM_THREADS=1: threads that wait for each other would be measured instead.

    python -m benchmarks.retrieval
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from data.command import run
from evaluation import rank_of_mate


def main(*, queries: int = 1000, gallery: int = 100_000, numbers: int = 512, rounds: int = 3) -> None:
    """Times exact ranking against sorting all scores, and prints seconds and the ratio.

    Args:
        queries: number of queries
        gallery: number of gallery rows
        numbers: numbers per embedding
        rounds: timings of each; the best is printed
    """
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((gallery, numbers), np.float32))
    mate = rng.integers(0, gallery, queries)
    # As far from its mate as a query that is usually found, sometimes not.
    asked = unit(
        rows[mate] + unit(rng.standard_normal((queries, numbers), np.float32)) * rng.uniform(0, 6, (queries, 1))
    )
    ours, theirs = (lambda: rank_of_mate(asked, rows, mate)), (lambda: sorted_ranks(asked, rows, mate))
    assert_same(ours(), theirs())
    seconds: dict[str, list[float]] = {"ours": [], "sort": []}
    for _ in range(rounds):
        seconds["ours"].append(timed(ours))
        seconds["sort"].append(timed(theirs))
    fast, slow = min(seconds["ours"]), min(seconds["sort"])
    print(
        f"{queries} queries x {gallery} x {numbers}: ours {fast:.2f} s, argsort {slow:.2f} s, ratio {slow / fast:.1f}"
    )


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length, float32."""
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def sorted_ranks(queries: np.ndarray, gallery: np.ndarray, mate: np.ndarray) -> np.ndarray:
    """(Q,) ranks from a full argsort of each query's scores, 100 queries at a time."""
    ranks = []
    for start in range(0, len(queries), 100):
        order = np.argsort(-(queries[start : start + 100] @ gallery.T), axis=1)
        ranks.append(1 + np.argmax(order == mate[start : start + 100, None], axis=1))
    return np.concatenate(ranks)


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal but for rows that float32 products, which the sort uses, cannot tell apart."""
    assert np.abs(ours - theirs).max() <= 2 and (ours == theirs).mean() > 0.98, "the two rankings differ"
    assert ((ours == 1) == (theirs == 1)).mean() > 0.998, "the two rankings differ at rank 1"


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    run(main)
