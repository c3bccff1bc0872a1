"""From a linear score to the attribute's value and back: attributes are seldom linear in w, but they rise with a score.

A head that may turn by at most 40 degrees, say, turns more slowly the nearer it gets to that end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_PACE = 0.15  # of the mean slope: where the value rises more slowly, the score has no more to say


@dataclass(frozen=True, eq=False)
class Curve:
    """Straight between knots, (K,) float64 each, both rising; beyond them it goes on with the mean slope."""

    scores: np.ndarray
    values: np.ndarray

    def __post_init__(self) -> None:
        knots = np.stack([self.scores, self.values])
        if knots.shape[1] < 2 or not np.isfinite(knots).all() or (np.diff(knots) <= 0).any():
            raise ValueError("a curve needs two knots or more, and both scores and values have to rise")

    @property
    def slope(self) -> float:
        """Attribute units per score from the first knot to the last."""
        return float((self.values[-1] - self.values[0]) / (self.scores[-1] - self.scores[0]))

    def value(self, score: np.ndarray) -> np.ndarray:
        """Scores of any shape -> values."""
        return np.interp(score, self.scores, self.values) + self.slope * _beyond(score, self.scores)

    def score(self, value: np.ndarray) -> np.ndarray:
        """Values of any shape -> scores; the inverse of `value`."""
        return np.interp(value, self.values, self.scores) + _beyond(value, self.values) / self.slope


def rising_curve(scores: np.ndarray, values: np.ndarray) -> Curve | None:
    """The curve through (P,) measured mean values, cut at either end where they stop to rise at a fair pace.

    `scores` rise; None when the values do not rise around the middle.
    """
    slopes = np.diff(values) / np.diff(scores)
    middle = len(slopes) // 2
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    rises = (slopes > 0) & (slopes >= LEAST_PACE * np.ptp(known) / np.ptp(scores))
    if not rises[middle]:
        return None
    first = middle - int(np.argmin(np.append(rises[middle::-1], False))) + 1
    last = middle + int(np.argmin(np.append(rises[middle:], False)))
    return Curve(scores[first : last + 1], values[first : last + 1])


def _beyond(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """How far x lies outside the knots, signed; 0 within."""
    return x - np.clip(x, knots[0], knots[-1])
