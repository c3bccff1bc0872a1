"""Dose and response: where an attribute really goes along a vector, by rendering edited samples and measuring them.

Every sample is moved to the same places of a linear score; what is measured there, on average, gives the curve from
scores to values. Slopes and leakage are changes within one sample, so differences between samples do not enter. What
renders and what measures are arguments: any picture maker and any scorer will do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from directions.curve import Curve, rising_curve
from directions.instruments import Instruments
from directions.linear import bootstrap_interval, held_out
from directions.spaces import Coded

CALIBRATED = 48  # held-out samples that are edited, rendered and measured
PLACES = (1, 10, 30, 50, 70, 90, 99)  # percentiles of the samples' scores
LEAST_MEASURED = 3  # samples that a mean or a slope needs


@dataclass(frozen=True, eq=False)
class Calibration:
    """The measured effect of moving along a vector."""

    curve: Curve | None  # from score to value, where the value rises with it; None: it does not
    step: float  # attribute units per unit length, mean along the curve
    step_95: tuple[float, float]
    r2: float  # of the measured values, all samples at all places of the curve, by the curve
    mae: float  # of the same, attribute units: how far from the wanted value an edit ends
    leakage: dict[str, dict[str, Any]]  # other attributes: SD of theirs per SD of the target's, with a 95 % interval
    scores: np.ndarray  # (P,) the places
    response: np.ndarray  # (P,) mean measured value there, NaN where too few were measured
    measured: dict[str, np.ndarray]  # every attribute, (S, P)
    images: np.ndarray  # (S, P, H, W, 3) uint8

    @property
    def works(self) -> bool:
        """Whether the attribute rises along the vector beyond doubt."""
        return self.curve is not None and self.step_95[0] > 0

    @property
    def leak_rms(self) -> float:
        """Root mean square of the leakage into all other attributes, SD per SD."""
        slopes = np.array([leak["slope"] for leak in self.leakage.values()])
        return float(np.sqrt(np.nanmean(slopes**2))) if np.isfinite(slopes).any() else float("nan")

    @property
    def figures(self) -> dict[str, Any]:
        """All numbers, for reports."""
        return {
            "step": self.step,
            "step_95": self.step_95,
            "reach": None if self.curve is None else self.curve.values[[0, -1]],
            "edit_r2": self.r2,
            "edit_mae": self.mae,
            "scores": self.scores,
            "response": self.response,
            "within_reach": [] if self.curve is None else np.isin(self.scores, self.curve.scores),
            "samples": len(self.images),
            "leakage": self.leakage,
            "leak_rms": self.leak_rms,
        }


def calibrate_on(
    known: Coded,
    attribute: str,
    vector: np.ndarray,
    slope: np.ndarray,
    intercept: float,
    tools: Instruments,
    train: bool = False,
) -> Calibration:
    """Calibrates a unit `vector` on some held-out faces, over the scores `slope` @ code + `intercept` of all faces.

    `train`: on as many training faces instead, to choose a vector by. ValueError when the attribute does not rise along
    the vector.
    """
    sample = known.faces
    scores = known.codes.astype(np.float64) @ slope + intercept
    places = np.percentile(scores, PLACES)
    gain = float(slope @ vector)
    if gain <= 0 or places[0] == places[-1]:
        raise ValueError(f"its linear models contradict each other, so it is not linear in {known.space.name}")
    some = held_out(sample.seeds) != train
    chosen = np.flatnonzero(some & np.isfinite(sample.columns[attribute]))[:CALIBRATED]
    tools = replace(tools, render=known.space.render)
    start, score = known.start(chosen), scores[chosen]
    calibration = calibrate(start, score, gain, places, known.space.lift(vector), attribute, sample.sd, tools)
    if not calibration.works:
        raise ValueError("moving along it has no measurable effect on rendered faces")
    return calibration


def calibrate(
    w: np.ndarray,
    score: np.ndarray,
    gain: float,
    places: np.ndarray,
    vector: np.ndarray,
    attribute: str,
    sd: dict[str, float],
    tools: Instruments,
) -> Calibration:
    """Renders and measures samples moved along `vector` to every place of the score.

    `w` (S, d) samples no model was fitted on, `score` (S,) their scores; `gain` > 0: score per unit length along
    `vector` (d,); `places` (P,) rising scores; `sd`: of every attribute among the faces.
    """
    lengths = (places[None, :] - score[:, None]) / gain
    moved = w[:, None, :] + lengths[:, :, None] * vector
    images = tools.render(moved.reshape(-1, w.shape[1]).astype(np.float32))
    measured = {
        name: column.reshape(lengths.shape).astype(np.float64) for name, column in tools.measure(images).items()
    }
    target = measured[attribute]
    response = _means(target)
    curve = rising_curve(places, response)
    inside = np.ones(len(places), bool) if curve is None else np.isin(places, curve.scores)
    slope, slope_95 = _slope(places[inside] / gain, target[:, inside])
    wanted = np.broadcast_to(response[inside], target[:, inside].shape)
    leakage = {
        name: _leak(response[inside] / sd[attribute], values[:, inside] / sd[name])
        for name, values in measured.items()
        if name != attribute
    }
    error = (target[:, inside] - wanted)[np.isfinite(target[:, inside])]
    spread = target[:, inside][np.isfinite(target[:, inside])]
    return Calibration(
        curve=curve,
        step=slope,
        step_95=slope_95,
        r2=float(1 - (error**2).mean() / spread.var()) if spread.size and spread.var() > 0 else np.nan,
        mae=float(np.abs(error).mean()) if error.size else np.nan,
        leakage=leakage,
        scores=places,
        response=response,
        measured=measured,
        images=images.reshape(*lengths.shape, *images.shape[1:]),
    )


def _means(values: np.ndarray) -> np.ndarray:
    """(S, P) -> (P,) mean of what was measured, NaN where that is too little."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count >= LEAST_MEASURED, mean, np.nan)


def _leak(doses: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """Slope of (S, P) values on (P,) doses with its interval."""
    slope, interval = _slope(doses, values)
    return {"slope": slope, "slope_95": interval}


def _slope(doses: np.ndarray, values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Slope of (S, P) values on (P,) doses within samples, and its 95 % interval over samples; NaN without data."""
    known = np.isfinite(values) & np.isfinite(doses)
    x, y = (centred(part, known) for part in (np.broadcast_to(doses, values.shape), values))
    sums = np.stack([(x * y).sum(axis=1), (x * x).sum(axis=1)], axis=1)[known.sum(axis=1) > 1]
    if len(sums) < LEAST_MEASURED or not sums[:, 1].any():
        return np.nan, (np.nan, np.nan)
    return float(_ratio(sums)), bootstrap_interval(sums, _ratio)


def centred(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(S, P) less each row's mean over what is known, 0 elsewhere."""
    total = np.where(known, values, 0).sum(axis=1, keepdims=True)
    mean = total / np.maximum(known.sum(axis=1, keepdims=True), 1)
    return np.where(known, values - mean, 0)


def _ratio(sums: np.ndarray) -> float:
    return sums[:, 0].sum() / sums[:, 1].sum()
