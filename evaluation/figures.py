"""From ranks to figures: shares, means, their uncertainty, and what a gallery of another size would have shown."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

RESAMPLES = 2000
NORMAL_95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def summary(ranks: np.ndarray, gallery: int, seed: int = 0) -> dict[str, object]:
    """Figures of (M,) 1-based ranks among `gallery` rows; intervals are 95 %, over queries.

    rank_1 and rank_5 are shares in [0, 1]. The interval of rank_1 is Wilson's, that of the mean rank a percentile
    bootstrap seeded by `seed`.
    """
    hits = int((ranks == 1).sum())
    return {
        "queries": len(ranks),
        "gallery": gallery,
        "rank_1": hits / len(ranks),
        "rank_1_ci95": list(wilson(hits, len(ranks))),
        "rank_5": float((ranks <= 5).mean()),
        "mean_rank": float(ranks.mean()),
        "mean_rank_ci95": list(bootstrap(ranks, seed)),
        "median_rank": float(np.median(ranks)),
        "worst_rank": int(ranks.max()),
    }


def chance(gallery: int) -> dict[str, float]:
    """What guessing gives: rank_1, mean and median rank of a mate at a uniformly random place."""
    return {"rank_1": 1 / gallery, "mean_rank": (gallery + 1) / 2, "median_rank": (gallery + 1) / 2}


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a share in [0, 1] (E. B. Wilson, JASA 1927): not empty even at 0 and 100 %."""
    share, z2 = hits / trials, NORMAL_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    # The interval of a sure share ends at the share itself; rounding must not put it a hair inside.
    return (0.0 if hits == 0 else float(middle - half)), (1.0 if hits == trials else float(middle + half))


def bootstrap(values: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of (M,) values, resampled with replacement."""
    draws = np.random.RandomState(seed)
    means = [values[draws.randint(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def curve(ranks: np.ndarray, gallery: int, seed: int = 0) -> list[dict[str, object]]:
    """Rank-1 share and mean rank as the gallery grows: at 100, 1000, ... and at the whole of `gallery`.

    Each smaller gallery is the average over *all* subsets of n rows that hold the mate, computed, not drawn: of N - 1
    others, a lie ahead of the mate, so none of them is among n - 1 with probability C(N-1-a, n-1) / C(N-1, n-1), and
    the mean rank is 1 + a (n-1) / (N-1).
    """
    sizes = [10**k for k in range(2, 12) if 10**k < gallery] + [gallery]
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
    """Rank-1 share by how far the donors' heads are turned apart, degrees; a query without a found face is left out."""
    gap = np.abs(face_yaw - hair_yaw)
    buckets: list[dict[str, object]] = []
    for low, high in ((0, 15), (15, 30), (30, None)):
        here = ranks[(gap >= low) & (gap < (np.inf if high is None else high))]
        hits = int((here == 1).sum())
        bucket: dict[str, object] = {"degrees": [low, high], "queries": len(here)}
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


def table(report: dict) -> str:
    """The report's main figures as text, one line per question."""
    lines = [f"gallery {report['gallery']}, {report['queries']} queries, psi {report['conditions']['psi']:g}"]
    lines.append(f"{'':28}rank-1 (95 % interval)     mean rank   median")
    questions = {
        "transfer": "face donor of the transfer",
        "reconstruction": "... of the reconstruction",
        "own_picture": "... of its own picture",
        "hair_donor": "hair donor of the transfer",
    }
    for name, words in questions.items():
        row = report[name]
        low, high = (100 * x for x in row["rank_1_ci95"])
        share = f"{100 * row['rank_1']:6.2f} % ({low:.2f} - {high:.2f})"
        lines.append(f"{words:28}{share:26}{row['mean_rank']:10.2f}{row['median_rank']:9.1f}")
    guess = report["chance"]
    share = f"{100 * guess['rank_1']:6.2f} %"
    lines.append(f"{'chance':28}{share:26}{guess['mean_rank']:10.2f}{guess['median_rank']:9.1f}")
    points = [f"{100 * p['rank_1']:.1f} % of {p['gallery']}" for p in report["rank_1_by_gallery_size"]]
    lines.append("rank-1 by gallery size: " + ", ".join(points))
    return "\n".join(lines)
