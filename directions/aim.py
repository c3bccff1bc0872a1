"""Edits that look at what they do: a face is moved along a direction until what is measured is what was asked.

The curve of a direction is a mean over faces, and one face may follow it in steps: a bob stays a bob for a while and is
long hair at once. So a face is rendered and measured at places all along the direction, then between the two places
that enclose the asked value, halving the gap; the best of all that were tried is taken. What a face can reach is the
range of what was measured on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from directions.direction import Direction
from directions.instruments import Columns
from directions.spaces import Space

PLACES = 17  # along the direction, at first
HALVINGS = 4
MARGIN = 0.15  # of the range of usual scores: how far edits go beyond either end
PREFERENCE = 0.01  # SD of the attribute that a whole range of scores counts for: of equals, the nearest edit


@dataclass(frozen=True, eq=False)
class Aimed:
    """Edits of N faces to K values each."""

    lengths: np.ndarray  # (N, K) along the vector, 0 where nothing could be measured on any try
    measured: np.ndarray  # (N, K) there, NaN: nothing could be measured
    reach: np.ndarray  # (N, 2) least and largest value measured on any try; inf, -inf: nothing could be measured


def aim_along(
    direction: Direction,
    space: Space,
    codes: np.ndarray,
    start: np.ndarray,
    wanted: np.ndarray,
    measure: Callable[[np.ndarray], Columns],
) -> Aimed:
    """Moves faces, `codes` (N, d) in the direction's space and `start` (N, D) there, to (N, K) wanted values."""
    usual = direction.figures.get("scores", direction.curve.scores)
    return aim(
        start,
        direction.score(codes),
        float(direction.ridge @ direction.vector),
        space.lift(direction.vector),
        (usual[0], usual[-1]),
        wanted,
        direction.sd,
        direction.attribute,
        space.render,
        measure,
    )


def aim(
    start: np.ndarray,
    score: np.ndarray,
    gain: float,
    vector: np.ndarray,
    ends: tuple[float, float],
    wanted: np.ndarray,
    sd: float,
    attribute: str,
    render: Callable[[np.ndarray], np.ndarray],
    measure: Callable[[np.ndarray], Columns],
) -> Aimed:
    """Moves faces along `vector` to wanted values of an attribute.

    `start` (N, D) codes with their `score` (N,); `gain` > 0: score per unit length; `ends`: scores of usual faces;
    `wanted` (N, K) values, `sd` of the attribute.
    """
    span = ends[1] - ends[0]
    low, high = ends[0] - MARGIN * span, ends[1] + MARGIN * span
    places = np.tile(np.linspace(low, high, PLACES), (len(start), 1))
    places = np.sort(np.concatenate([places, np.clip(score, low, high)[:, None]], axis=1), axis=1)
    values = _measured(start, (places - score[:, None]) / gain, vector, attribute, render, measure)
    left, right = _brackets(places, values, wanted, score)
    for _ in range(HALVINGS):
        middle = (left[0] + right[0]) / 2
        found = _measured(start, (middle - score[:, None]) / gain, vector, attribute, render, measure)
        places, values = np.concatenate([places, middle], axis=1), np.concatenate([values, found], axis=1)
        rising = right[1] >= left[1]
        below = (found < wanted) == rising
        left = (np.where(below, middle, left[0]), np.where(below, found, left[1]))
        right = (np.where(below, right[0], middle), np.where(below, right[1], found))
    miss = np.abs(values[:, None] - wanted[:, :, None]) / sd
    miss = miss + PREFERENCE * np.abs(places - score[:, None])[:, None] / span
    best = np.argmin(np.where(np.isfinite(miss), miss, np.inf), axis=2)
    known = np.isfinite(values)
    lengths = np.take_along_axis(places, best, axis=1) - score[:, None]
    lengths[~known.any(axis=1)] = 0  # nothing says which try was best
    lowest = np.where(known, values, np.inf).min(axis=1)
    highest = np.where(known, values, -np.inf).max(axis=1)
    return Aimed(lengths / gain, np.take_along_axis(values, best, axis=1), np.stack([lowest, highest], axis=1))


def _measured(
    start: np.ndarray,
    lengths: np.ndarray,
    vector: np.ndarray,
    attribute: str,
    render: Callable[[np.ndarray], np.ndarray],
    measure: Callable[[np.ndarray], Columns],
) -> np.ndarray:
    """What is measured on (N, D) starts moved by (N, P) lengths."""
    moved = start[:, None] + lengths[:, :, None] * vector
    images = render(moved.reshape(-1, start.shape[1]).astype(np.float32))
    return measure(images)[attribute].reshape(lengths.shape).astype(np.float64)


def _brackets(
    places: np.ndarray, values: np.ndarray, wanted: np.ndarray, score: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Of (N, P) rising places, those neighbours between which a wanted value (N, K) lies, the nearest to the start;
    where there are none, the place of the nearest value twice. ((N, K) places, values) of either neighbour."""
    first, last = values[:, None, :-1], values[:, None, 1:]
    goal = wanted[:, :, None]
    crosses = ((first <= goal) & (goal <= last)) | ((last <= goal) & (goal <= first))
    away = np.abs((places[:, 1:] + places[:, :-1]) / 2 - score[:, None])[:, None]
    crossing = np.argmin(np.where(crosses, away, np.inf), axis=2)
    miss = np.abs(values[:, None] - goal)
    nearest = np.argmin(np.where(np.isfinite(miss), miss, np.inf), axis=2)
    some = crosses.any(axis=2)

    def at(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.take_along_axis(places, index, axis=1), np.take_along_axis(values, index, axis=1)

    return at(np.where(some, crossing, nearest)), at(np.where(some, crossing + 1, nearest))
