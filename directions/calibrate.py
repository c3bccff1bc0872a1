"""Dose and response: how far an attribute really moves along a vector, by rendering edited samples and measuring them.

Every number is a change within one sample (slopes pooled over samples, each with its own level), so differences between
the samples do not enter. What renders and what measures are arguments: any picture maker and any scorer will do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from directions.linear import bootstrap_interval
from directions.pool import Measure

Render = Callable[[np.ndarray], np.ndarray]  # (N, w_dim) float32 -> (N, H, W, 3) uint8

DOSES = (-1.5, -0.75, 0.0, 0.75, 1.5)  # intended changes, in SD of the attribute among the samples
KEEPS_UP = 0.5  # a step belongs to the linear range when its response is at least this share of the central ones
LEAST_MEASURED = 3  # samples a slope needs at the least


@dataclass(frozen=True, eq=False)
class Calibration:
    """The measured effect of moving along a vector."""

    step: float  # attribute units per unit length; NaN where nothing could be measured
    step_95: tuple[float, float]
    linear_range: tuple[float, float]  # changes in attribute units
    r2: float  # of change against dose within the linear range
    leakage: dict[str, dict[str, Any]]  # other attributes: SD of theirs per SD of the target's, with a 95 % interval
    doses: np.ndarray  # (D,) attribute units by `step`
    response: np.ndarray  # (D,) mean measured change from dose 0, attribute units
    measured: dict[str, np.ndarray]  # every attribute, (S, D)
    images: np.ndarray  # (S, D, H, W, 3) uint8

    @property
    def works(self) -> bool:
        """Whether the attribute rises along the vector beyond doubt."""
        return bool(np.isfinite(self.step) and self.step_95[0] > 0)

    @property
    def figures(self) -> dict[str, Any]:
        """All numbers, for reports."""
        return {
            "step": self.step,
            "step_95": self.step_95,
            "linear_range": self.linear_range,
            "r2": self.r2,
            "doses": self.doses,
            "response": self.response,
            "samples": len(self.images),
            "leakage": self.leakage,
        }


def calibrate(
    w: np.ndarray,
    vector: np.ndarray,
    attribute: str,
    expected_step: float,
    sd: dict[str, float],
    render: Render,
    measure: Measure,
) -> Calibration:
    """Renders and measures samples moved along `vector` by five doses.

    `w` (S, d) samples no model was fitted on; `vector` (d,) unit length; `expected_step`: attribute units per unit
    length as a linear model foresees it, which sets the size of the doses; `sd`: of every attribute among the faces.
    """
    lengths = np.array(DOSES) * sd[attribute] / expected_step
    moved = w[:, None, :] + lengths[None, :, None] * vector
    images = render(moved.reshape(-1, w.shape[1]).astype(np.float32))
    grid = (len(w), len(lengths))
    measured = {name: column.reshape(grid).astype(np.float64) for name, column in measure(images).items()}
    target = measured[attribute]
    response = _changes(target)
    inside = _linear(response)
    step, step_95 = _slope(lengths[inside], target[:, inside])
    leakage = {}
    for name, values in measured.items():
        if name != attribute:
            slope, interval = _slope(lengths[inside], values[:, inside])
            unit = sd[attribute] / (sd[name] * step) if step * sd[name] else np.nan
            leakage[name] = {"slope": slope * unit, "slope_95": tuple(sorted(end * unit for end in interval))}
    doses = lengths * step
    return Calibration(
        step=step,
        step_95=step_95,
        linear_range=(float(doses[inside].min()), float(doses[inside].max())),
        r2=_within_r2(lengths[inside], target[:, inside], step),
        leakage=leakage,
        doses=doses,
        response=response,
        measured=measured,
        images=images.reshape(*grid, *images.shape[1:]),
    )


def _changes(values: np.ndarray) -> np.ndarray:
    """(S, D) with the middle column undosed -> (D,) mean change from it over the samples measured at both; else NaN."""
    change = values - values[:, [values.shape[1] // 2]]
    known = np.isfinite(change)
    total = np.where(known, change, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _linear(response: np.ndarray) -> slice:
    """The doses around the middle one, at least its neighbours, up to which the response keeps rising at its pace."""
    middle = len(response) // 2
    low, high = middle - 1, middle + 1
    pace = KEEPS_UP * (response[high] - response[low]) / 2
    while high + 1 < len(response) and response[high + 1] - response[high] >= max(pace, 0):
        high += 1
    while low > 0 and response[low] - response[low - 1] >= max(pace, 0):
        low -= 1
    return slice(low, high + 1)


def _slope(lengths: np.ndarray, values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Slope of (S, D) values on (D,) lengths within samples, and its 95 % interval over samples; NaN without data."""
    x, y, known = _within(lengths, values)
    sums = np.stack([(x * y).sum(axis=1), (x * x).sum(axis=1)], axis=1)[known.sum(axis=1) > 1]
    if len(sums) < LEAST_MEASURED:
        return np.nan, (np.nan, np.nan)
    return float(_ratio(sums)), bootstrap_interval(sums, _ratio)


def _within_r2(lengths: np.ndarray, values: np.ndarray, slope: float) -> float:
    x, y, _ = _within(lengths, values)
    total = (y**2).sum()
    return float(1 - ((y - slope * x) ** 2).sum() / total) if total > 0 else np.nan


def _within(lengths: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(S, D) lengths and values less each sample's own mean, 0 where not measured, and where they are measured."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    centred = []
    for part in (np.broadcast_to(lengths, values.shape), values):
        part = np.where(known, part, 0)
        centred.append(np.where(known, part - part.sum(axis=1, keepdims=True) / count, 0))
    return centred[0], centred[1], known


def _ratio(sums: np.ndarray) -> float:
    return sums[:, 0].sum() / sums[:, 1].sum()
