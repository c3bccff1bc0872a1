"""From scores to figures: finding a person who may not be in the gallery at all, and how far strangers stand apart."""

from __future__ import annotations

import numpy as np

from evaluation.figures import wilson
from evaluation.questions import Answer

ALARMS = (0.1, 0.01)  # FPIR at which TPIR is told
BINS = 80  # of a histogram over cosines from -1 to 1


def open_set(answer: Answer) -> list[dict[str, object]]:
    """TPIR at FPIR (NIST IR 8271, section 3): the open question "is this person in the gallery, and who is it?".

    The search of a person who is not there is each query's own search without its mate: its best score is `rival`. The
    threshold is the lowest at which at most the share FPIR of those searches would raise an alarm (rival >= threshold).
    TPIR is the share of queries whose mate is first and reaches the threshold.
    """
    points: list[dict[str, object]] = []
    for fpir in ALARMS:
        allowed = int(np.floor(fpir * len(answer.rival)))
        ordered = np.sort(answer.rival)[::-1]
        # just above the first score that must not raise an alarm
        threshold = float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else -1.0
        found = (answer.ranks == 1) & (answer.own >= threshold)
        hits = int(found.sum())
        points.append(
            {
                "fpir": fpir,
                "false_alarms": int((answer.rival >= threshold).sum()),
                "threshold": threshold,
                "tpir": hits / len(found),
                "tpir_ci95": list(wilson(hits, len(found))),
            }
        )
    return points


def separation(genuine: np.ndarray, strangers: np.ndarray) -> dict[str, object]:
    """Histograms of cosines (K,) of mates and (L,) of strangers, as shares of each, and their distance d'.

    d' is the difference of the means in units of the root of the mean variance; None where there is no variance.
    """
    edges = np.linspace(-1, 1, BINS + 1)
    spread = float(np.sqrt((genuine.var() + strangers.var()) / 2))
    return {
        "edges": edges.tolist(),
        "genuine": (np.histogram(genuine.clip(-1, 1), edges)[0] / len(genuine)).tolist(),
        "strangers": (np.histogram(strangers.clip(-1, 1), edges)[0] / len(strangers)).tolist(),
        "mean_genuine": float(genuine.mean()),
        "mean_stranger": float(strangers.mean()),
        "pairs_of_strangers": len(strangers),
        "d_prime": float((genuine.mean() - strangers.mean()) / spread) if spread > 0 else None,
    }


def stranger_scores(queries: np.ndarray, gallery: np.ndarray, first: int, donors: list[np.ndarray]) -> np.ndarray:
    """Cosines of all pairs of queries (M, D) and gallery rows (B, D) `first` and on, each query's donors left out.

    donors: gallery rows (M,) of the face donors, of the hair donors.
    """
    scores = queries @ gallery.T
    strange = np.ones_like(scores, dtype=bool)
    for rows in donors:
        here = np.flatnonzero((rows >= first) & (rows < first + len(gallery)))
        strange[here, rows[here] - first] = False
    return scores[strange].astype(np.float64)
