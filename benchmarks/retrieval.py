"""Exact ranks of 1,000 mates among 100,000 x 512: `evaluation.rank_of_mate` against faiss's flat index.

faiss finds the ten nearest, exactly: rank-1 to rank-10; ours tells the rank of every mate. Both are timed in
turns in one process, with as many threads, so their ratio is of one machine at one time; the faster of several rounds
counts. Both must agree. Then: seconds at a quarter, half and the whole of the gallery, and how much memory a streamed
gallery takes. Without faiss (`pip install 'hairnet[bench]'`) a full sort by numpy stands in its place.

    python -m benchmarks.retrieval
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from data.command import run
from data.files import write_json
from evaluation import rank_of_mate

TOP = 10
PART = 512  # gallery rows per file of a retrieval run
SORTED = 100  # queries sorted at a time


def main(
    *,
    queries: int = 1000,
    gallery: int = 100_000,
    numbers: int = 512,
    rounds: int = 3,
    out: Path = Path("runs/benchmarks/retrieval.json"),
    memory_of: Path | None = None,
) -> None:
    """Times exact ranking against faiss's flat index; prints seconds, their ratio, linearity and memory.

    Args:
        queries: number of queries
        gallery: number of gallery rows
        numbers: numbers per embedding
        rounds: timings of each; the best counts
        out: the same figures as JSON
        memory_of: internal, of the process that measures memory: the folder with the arrays
    """
    if memory_of is not None:
        print(json.dumps(memory(memory_of)))
        return
    asked, rows, mate = case(queries, gallery, numbers)
    seconds: dict[str, list[float]] = {}
    flat = faiss_index(rows)
    theirs = "faiss" if flat else "sort"
    works: dict[str, Callable[[], object]] = {
        "ours": lambda: rank_of_mate(asked, rows, mate, device="cpu"),
        theirs: (lambda: flat(asked)) if flat else (lambda: sorted_ranks(asked, rows, mate)),
    }
    for part in (4, 2):
        less = rows[: gallery // part]
        works[f"1/{part}"] = lambda less=less: rank_of_mate(asked, less, mate % len(less), device="cpu")  # type: ignore[misc]
    for _ in range(rounds):
        for name, work in works.items():
            seconds.setdefault(name, []).append(timed(work))
    best = {name: min(values) for name, values in seconds.items()}
    agree = agreement(rank_of_mate(asked, rows, mate, device="cpu"), asked, rows, mate, flat)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("queries", asked), ("gallery", rows), ("mate", mate)):
            np.save(Path(folder) / f"{name}.npy", array)
        words = [sys.executable, "-m", "benchmarks.retrieval", "--memory-of", folder]
        held = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    print(f"{queries} queries x {gallery} x {numbers}, {torch.get_num_threads()} threads, best of {rounds}")
    print(f"ours {best['ours']:.2f} s, {theirs} {best[theirs]:.2f} s, ratio {best['ours'] / best[theirs]:.2f}")
    print(f"a quarter, half, the whole of the gallery: {best['1/4']:.2f}, {best['1/2']:.2f}, {best['ours']:.2f} s")
    print(
        f"memory of a process that streams the gallery: {held['peak']:.0f} MB, {held['before']:.0f} MB before it began"
    )
    print(f"agreement within the first {TOP}: {100 * agree:.2f} %")
    write_json(out, {"queries": queries, "gallery": gallery, "numbers": numbers, "seconds": best, "against": theirs,
                     "ratio": best["ours"] / best[theirs], "megabytes": held, "agreement": agree})  # fmt: skip


def case(queries: int, gallery: int, numbers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Queries (Q, D), gallery (N, D), mates (Q,): as far from its mate as one that is usually found, sometimes not."""
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((gallery, numbers), np.float32))
    mate = rng.integers(0, gallery, queries)
    noise = unit(rng.standard_normal((queries, numbers), np.float32))
    return unit(rows[mate] + noise * rng.uniform(0, 6, (queries, 1))), rows, mate


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length, float32."""
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def faiss_index(rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray] | None:
    """A search of faiss's flat index over `rows`: queries -> rows (Q, TOP) of the nearest; None without faiss."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed (pip install 'hairnet[bench]'): a full sort stands in its place")
        return None
    faiss.omp_set_num_threads(torch.get_num_threads())
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda asked: index.search(asked, TOP)[1]


def sorted_ranks(queries: np.ndarray, gallery: np.ndarray, mate: np.ndarray) -> np.ndarray:
    """(Q,) ranks from a full argsort of each query's scores."""
    ranks = []
    for start in range(0, len(queries), SORTED):
        order = np.argsort(-(queries[start : start + SORTED] @ gallery.T), axis=1)
        ranks.append(1 + np.argmax(order == mate[start : start + SORTED, None], axis=1))
    return np.concatenate(ranks)


def agreement(
    ranks: np.ndarray,
    asked: np.ndarray,
    rows: np.ndarray,
    mate: np.ndarray,
    flat: Callable[[np.ndarray], np.ndarray] | None,
) -> float:
    """Share of queries for which both say the same place within the first TOP, or both say that it is behind them.

    Not all: the others' float32 products cannot tell rows that are closer than their rounding apart.
    """
    if flat is None:
        theirs = sorted_ranks(asked, rows, mate)
    else:
        hit = flat(asked) == mate[:, None]
        theirs = np.where(hit.any(1), 1 + hit.argmax(1), TOP + 1)
    share = float((np.minimum(ranks, TOP + 1) == np.minimum(theirs, TOP + 1)).mean())
    assert share > 0.99, f"the two rankings agree in {100 * share:.1f} % only"
    return share


class Files:
    """A gallery on disk, a part in memory at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows, self.numbers = np.load(path, mmap_mode="r").shape

    def __iter__(self) -> Iterator[np.ndarray]:
        with open(self.path, "rb") as file:
            file.seek(-4 * self.rows * self.numbers, os.SEEK_END)
            while part := file.read(4 * PART * self.numbers):
                yield np.frombuffer(bytearray(part), np.float32).reshape(-1, self.numbers)


def memory(folder: Path) -> dict[str, float]:
    """MB of a whole process before it opens a gallery, and at its peak while it ranks the gallery from disk."""
    asked, mate = np.load(folder / "queries.npy"), np.load(folder / "mate.npy")
    before = megabytes()
    rank_of_mate(asked, Files(folder / "gallery.npy"), mate, device="cpu")
    return {"before": before, "peak": megabytes()}


def megabytes() -> float:
    """The most that this process has held so far."""
    status = Path("/proc/self/status")  # Linux's getrusage counts what the parent held when it started this process
    if status.is_file():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two libraries' threads in turns must not spin for each other
    run(main)
