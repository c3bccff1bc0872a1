"""From ranks to figures: shares, means, their uncertainty, and what a gallery of another size would have shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import gammaln

RESAMPLES = 2000
NORMAL_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def summary(ranks: np.ndarray, gallery: int, seed: int = 0) -> dict[str, object]:
    """Figures of (M,) 1-based ranks among `gallery` rows; intervals are 95 %, over queries.

    rank_1, rank_5 and rank_10 are shares in [0, 1] with Wilson's intervals; those of the mean and the median rank are
    percentile bootstraps seeded by `seed`. A query is a seed of its own, so resampling queries resamples persons.
    """
    shares: dict[str, object] = {}
    for top in (1, 5, 10):
        hits = int((ranks <= top).sum())
        shares |= {f"rank_{top}": hits / len(ranks), f"rank_{top}_ci95": list(wilson(hits, len(ranks)))}
    return {
        "queries": len(ranks),
        "gallery": gallery,
        **shares,
        "mean_rank": float(ranks.mean()),
        "mean_rank_ci95": list(bootstrap(ranks, seed)),
        "median_rank": float(np.median(ranks)),
        "median_rank_ci95": list(bootstrap(ranks, seed, np.median)),
        "worst_rank": int(ranks.max()),
    }


def chance(gallery: int) -> dict[str, float]:
    """What guessing gives: shares, mean and median rank of a mate at a uniformly random place."""
    shares = {f"rank_{top}": min(1.0, top / gallery) for top in (1, 5, 10)}
    return {**shares, "mean_rank": (gallery + 1) / 2, "median_rank": (gallery + 1) / 2}


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a share in [0, 1] (E. B. Wilson, JASA 1927): not empty even at 0 and 100 %."""
    share, z2 = hits / trials, NORMAL_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    # The interval of a sure share ends at the share itself; rounding must not put it a hair inside.
    return (0.0 if hits == 0 else float(middle - half)), (1.0 if hits == trials else float(middle + half))


def bootstrap(values: np.ndarray, seed: int, figure: Callable[..., Any] = np.mean) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a figure of (M,) values, resampled with replacement."""
    draws = np.random.RandomState(seed)
    found = [figure(values[draws.randint(0, len(values), len(values))]) for _ in range(RESAMPLES)]
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def cmc(ranks: np.ndarray, gallery: int) -> list[dict[str, object]]:
    """The cumulative match characteristic: the share of mates among the first k, for k = 1, 2, 3, 5, 7, 10, 20, ..."""
    points: list[dict[str, object]] = []
    for k in [k for k in ladder(1, (1, 2, 3, 5, 7)) if k < gallery] + [gallery]:
        hits = int((ranks <= k).sum())
        points.append({"k": k, "share": hits / len(ranks), "share_ci95": list(wilson(hits, len(ranks)))})
    return points


def ladder(first: int, steps: tuple[int, ...]) -> list[int]:
    """The whole numbers steps x 10^n from `first` on, up to a hundred thousand million."""
    return [step * 10**n for n in range(12) for step in steps if step * 10**n >= first]


def curve(ranks: np.ndarray, gallery: int, seed: int = 0) -> list[dict[str, object]]:
    """Rank-1 share and mean rank as the gallery grows: at 100, 200, 500, 1000, ... and at the whole of `gallery`.

    Each smaller gallery is the average over *all* subsets of n rows that hold the mate, computed, not drawn: of N - 1
    others, a lie ahead of the mate, so none of them is among n - 1 with probability C(N-1-a, n-1) / C(N-1, n-1), and
    the mean rank is 1 + a (n-1) / (N-1).
    """
    sizes = [size for size in ladder(100, (1, 2, 5)) if size < gallery] + [gallery]
    points: list[dict[str, object]] = []
    for size in sizes:
        first = first_in_subset(ranks - 1, gallery - 1, size - 1)
        rank = 1 + (ranks - 1) * ((size - 1) / max(gallery - 1, 1))
        points.append(
            {
                "gallery": size,
                "rank_1": float(first.mean()),
                "rank_1_ci95": list(bootstrap(first, seed)),
                "mean_rank": float(rank.mean()),
            }
        )
    return points


def first_in_subset(ahead: np.ndarray, others: int, drawn: int) -> np.ndarray:
    """(M,) probability that none of the `ahead` better rows is among `drawn` of `others`, drawn without replacement."""
    left = others - ahead - drawn  # rows that are neither ahead nor drawn; fewer than 0: one ahead must be drawn
    fits = np.maximum(left, 0)
    log_share = (
        gammaln(others - ahead + 1.0) - gammaln(fits + 1.0) - (gammaln(others + 1.0) - gammaln(others - drawn + 1.0))
    )
    return np.where(left < 0, 0.0, np.where(ahead == 0, 1.0, np.exp(np.minimum(log_share, 0.0))))


def by_yaw_gap(ranks: np.ndarray, face_yaw: np.ndarray, hair_yaw: np.ndarray) -> list[dict[str, object]]:
    """Rank-1 share by how far the donors' heads are turned apart, degrees; the last bucket (degrees None) holds the
    queries with a donor whose face was not found."""
    gap = np.abs(face_yaw - hair_yaw)
    buckets: list[dict[str, object]] = []
    for degrees in ([0, 15], [15, 30], [30, None], None):
        low, high = degrees or (0, None)
        inside = np.isnan(gap) if degrees is None else (gap >= low) & (gap < (np.inf if high is None else high))
        here = ranks[inside]
        hits = int((here == 1).sum())
        bucket: dict[str, object] = {"degrees": degrees, "queries": len(here)}
        if len(here):
            bucket |= {"rank_1": hits / len(here), "rank_1_ci95": list(wilson(hits, len(here)))}
        buckets.append(bucket)
    return buckets


def cosines(transfer: np.ndarray, face: np.ndarray, hair: np.ndarray) -> dict[str, float]:
    """Mean cosine of the transfers (M, D) to their face donors and hair donors, and of the two donors: strangers."""
    return {
        "face_donor": float((transfer * face).sum(1).mean()),
        "hair_donor": float((transfer * hair).sum(1).mean()),
        "strangers": float((face * hair).sum(1).mean()),
    }
