"""From figures of triples to figures of buckets, with intervals, and from two methods to their difference."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from evaluation.benchmark.triples import BUCKETS, Triple

RESAMPLES = 2000
Scores = dict[str, np.ndarray]  # metric -> (N,) float64, NaN where it is not defined


def in_buckets(scores: Scores, triples: list[Triple], seed: int) -> dict[str, Any]:
    """{"overall": ..., "buckets": {...}}: triples, and each metric's mean, 95 % interval and count."""
    return {
        "overall": _bucket(scores, _overall(triples), seed),
        "buckets": {name: _bucket(scores, rows, seed) for name, rows in rows_of(triples).items()},
    }


def rows_of(triples: list[Triple]) -> dict[str, np.ndarray]:
    """The rows of each bucket that has any."""
    found = {name: np.flatnonzero([name in triple.buckets for triple in triples]) for name in BUCKETS}
    return {name: rows for name, rows in found.items() if len(rows)}


def compared(methods: dict[str, Scores], triples: list[Triple], seed: int) -> dict[str, Any]:
    """All methods side by side, and the paired differences of each to the ones before it."""
    named = {"overall": _overall(triples), **rows_of(triples)}
    found = {name: _compared(methods, rows, seed) for name, rows in named.items()}
    return {"methods": list(methods), "overall": found.pop("overall"), "buckets": found}


def means_and_intervals(columns: Scores, seed: int) -> dict[str, Any]:
    """Of each column (N,): the mean of what is not NaN, its 95 % percentile bootstrap interval, its count; or None."""
    values = np.stack(list(columns.values()), 1)
    known = ~np.isnan(values)
    drawn = _resamples(len(values), seed)
    counts = drawn @ known.astype(np.float64)
    sums = drawn @ np.where(known, values, 0.0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    found: dict[str, Any] = {}
    for k, name in enumerate(columns):
        if not known[:, k].any():
            found[name] = None
            continue
        low, high = np.nanpercentile(means[:, k], [2.5, 97.5])
        mean = float(values[known[:, k], k].mean())
        found[name] = {"mean": mean, "ci95": [float(low), float(high)], "count": int(known[:, k].sum())}
    return found


def _overall(triples: list[Triple]) -> np.ndarray:
    """The crowd; of a list without it, everything."""
    crowd = np.flatnonzero([triple.kind == "crowd" for triple in triples])
    return crowd if len(crowd) else np.arange(len(triples))


def _bucket(scores: Scores, rows: np.ndarray, seed: int) -> dict[str, Any]:
    return {
        "triples": len(rows),
        "figures": means_and_intervals({name: values[rows] for name, values in scores.items()}, seed),
    }


def _compared(methods: dict[str, Scores], rows: np.ndarray, seed: int) -> dict[str, Any]:
    names, metrics = list(methods), list(next(iter(methods.values())))
    pairs = [(later, earlier) for k, later in enumerate(names) for earlier in names[:k]]
    figures: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    for metric in metrics:
        values = {name: methods[name][metric][rows] for name in names}
        apart = {f"{later} - {earlier}": values[later] - values[earlier] for later, earlier in pairs}
        found = means_and_intervals(values | apart, seed)
        figures[metric] = {name: found[name] for name in names}
        differences[metric] = {name: found[name] for name in apart}
    return {"triples": len(rows), "figures": figures, "differences": differences}


@functools.lru_cache(maxsize=32)
def _resamples(count: int, seed: int) -> np.ndarray:
    """(RESAMPLES, count) float64: how often each row is drawn. The same for all methods, so that they stay paired."""
    stream = np.random.RandomState([seed, count])
    drawn = stream.randint(0, count, (RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count).astype(np.float64)
