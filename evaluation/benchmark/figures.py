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


def mean_and_interval(values: np.ndarray, seed: int) -> dict[str, Any] | None:
    """The mean of (N,) values that are not NaN and its 95 % percentile bootstrap interval; None when all are."""
    known = ~np.isnan(values)
    if not known.any():
        return None
    drawn = _resamples(len(values), seed)
    counts = drawn @ known
    means = (drawn @ np.where(known, values, 0.0))[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": float(values[known].mean()), "ci95": [float(low), float(high)], "count": int(known.sum())}


def _overall(triples: list[Triple]) -> np.ndarray:
    """The crowd; of a list without it, everything."""
    crowd = np.flatnonzero([triple.kind == "crowd" for triple in triples])
    return crowd if len(crowd) else np.arange(len(triples))


def _bucket(scores: Scores, rows: np.ndarray, seed: int) -> dict[str, Any]:
    return {
        "triples": len(rows),
        "figures": {name: mean_and_interval(values[rows], seed) for name, values in scores.items()},
    }


def _compared(methods: dict[str, Scores], rows: np.ndarray, seed: int) -> dict[str, Any]:
    names, metrics = list(methods), list(next(iter(methods.values())))
    figures: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    for metric in metrics:
        values = {name: methods[name][metric][rows] for name in names}
        figures[metric] = {name: mean_and_interval(values[name], seed) for name in names}
        differences[metric] = {
            f"{later} - {earlier}": mean_and_interval(values[later] - values[earlier], seed)
            for k, later in enumerate(names)
            for earlier in names[:k]
        }
    return {"triples": len(rows), "figures": figures, "differences": differences}


@functools.lru_cache(maxsize=32)
def _resamples(count: int, seed: int) -> np.ndarray:
    """(RESAMPLES, count) float64: how often each row is drawn. The same for all methods, so that they stay paired."""
    stream = np.random.RandomState([seed, count])
    drawn = stream.randint(0, count, (RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count).astype(np.float64)
