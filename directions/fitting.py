"""One direction out of measured faces: boundary, edit vector, calibration, and all figures that say how far it goes.

Of three edit vectors (directions.vectors) each is calibrated on training faces, by rendering and measuring, and of
those that stay among likely faces the one that leaks least into the other attributes at equal effect is taken: the
covariance, unless another is better beyond doubt. That one is calibrated anew on held-out faces: figures are of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from directions.attributes import MEASURED, others
from directions.calibrate import Calibration, calibrate_on
from directions.direction import Direction
from directions.instruments import Instruments
from directions.likeness import likeness
from directions.linear import LinearFit, fit_linear, held_out
from directions.measured import MeasuredFaces
from directions.spaces import Coded, in_w
from directions.training import REGRESSION, Training
from directions.vectors import WAYS, distance, edit_vector

FAR = 3.0  # times the least Mahalanobis distance at equal effect: a way that goes farther leaves the likely faces
EQUAL = 1.15  # leaks up to so many times the least are the same: 48 faces do not tell them apart
LEAST, GIVEN = "least", "given"  # instead of a way: that which leaks least; a vector from elsewhere


def fit_direction(
    sample: MeasuredFaces,
    name: str,
    tools: Instruments,
    band: float = 1.0,
    keep: list[str] | None = None,
    boundary: np.ndarray | None = None,
    known: Coded | None = None,
    way: str = LEAST,
) -> tuple[Direction, Calibration]:
    """The calibrated direction of one attribute; ValueError with the reason when the faces do not give one.

    `band`: see fit_linear; `keep`: names of what edits hold fixed, None: those of attributes.others; `boundary`:
    (d,) unit vector to go along as it is, or the other way where the attribute falls along it, instead of an own one;
    `known`: the sample in a space, None: in W; `way`: one of vectors.WAYS, "regression" or "least".
    """
    known = known or in_w(sample, tools.render)
    values = sample.columns[name]
    there = np.isfinite(values)
    if there.sum() < 2:
        raise ValueError(f"it was measured on {there.sum()} of {len(values)} faces")
    w, values, test = known.codes[there], values[there], held_out(sample.seeds[there])
    threshold = 0.0 if name == "yaw" else float(np.median(values[~test]))
    fit = fit_linear(w, values, test, threshold, band)
    kept = others(name) if keep is None else [other for other in keep if other != name]
    training = Training(known, name, np.flatnonzero(there)[~test], threshold, band, kept if boundary is None else [])
    figures: dict[str, Any]
    if boundary is not None:
        turned = bool(fit.ridge @ boundary < 0)
        vector, figures = -boundary if turned else boundary, {"way": GIVEN, "turned": turned, "removed": 0.0}
    else:
        vector, figures = _chosen(training, fit, way, tools)
    calibration = calibrate_on(known, name, vector, fit.ridge, fit.ridge_intercept, tools)
    assert calibration.curve is not None
    sd = sample.sd[name]
    figures |= fit.figures | calibration.figures | {"keeps": training.kept, "drop_rate": 1 - there.mean()}
    figures["likeness"] = likeness(calibration, sd, tools.describe)
    figures["distance_per_sd"] = sd / calibration.step * distance(training.w, vector)
    direction = Direction(
        attribute=name,
        unit=MEASURED[name].unit,
        space=known.space.name,
        vector=vector,
        step=calibration.step,
        curve=calibration.curve,
        normal=fit.normal,
        intercept=fit.intercept,
        threshold=threshold,
        ridge=fit.ridge,
        ridge_intercept=fit.ridge_intercept,
        sd=sd,
        value_range=tuple(np.percentile(values.astype(np.float64), [1, 99]).tolist()),
        accuracy=fit.figures["accuracy"],
        balanced_accuracy=fit.figures["balanced_accuracy"],
        n=len(values),
        generator=sample.generator,
        psi=sample.psi,
        seeds=f"{sample.seeds.min()}-{sample.seeds.max()}",
        scorer=sample.scorer,
        figures=figures,
    )
    return direction, calibration


def _chosen(training: Training, fit: LinearFit, way: str, tools: Instruments) -> tuple[np.ndarray, dict[str, Any]]:
    """(edit vector (d,), what is to be told of its choice)."""
    score = fit.ridge if way == REGRESSION else fit.normal
    removed = edit_vector(training.w, score, training.kept_slopes)[1]
    candidates = WAYS if way == LEAST else (way,)
    vectors = {one: training.vector(one, fit.normal, fit.ridge, fit.figures["C"]) for one in candidates}
    tried = _calibrations(training.known, training.name, vectors, fit, tools)
    sd = training.known.faces.sd[training.name]
    distances = {one: sd / found.step * distance(training.w, vectors[one]) for one, found in tried.items()}
    chosen = least_leaking(tried, distances)
    return vectors[chosen], {
        "way": chosen,
        "ways": {one: _brief(found, sd) for one, found in tried.items()},
        "removed": removed,
        "stability": training.stability(chosen, fit.figures["C"]),
    }


def _calibrations(
    known: Coded, name: str, vectors: dict[str, Any], fit: LinearFit, tools: Instruments
) -> dict[str, Calibration]:
    """{way: calibration on training faces} of those vectors along which the attribute rises; ValueError: along none."""
    found, reason = {}, ""
    for one, vector in vectors.items():
        try:
            found[one] = calibrate_on(known, name, vector, fit.ridge, fit.ridge_intercept, tools, train=True)
        except ValueError as error:
            reason = reason or str(error)
    if not found:
        raise ValueError(reason)
    return found


def least_leaking(tried: dict[str, Calibration], distances: dict[str, float]) -> str:
    """The way that leaks least; of those that leak as little but for chance, the first.

    A way whose distance is far more than the least is none: it gets its effect from codes that no sample has, and leaks
    little there because the other attributes cannot be read from such codes either.
    """
    likely = {one: found for one, found in tried.items() if distances[one] <= FAR * min(distances.values())}
    least = min(found.leak_rms for found in likely.values())
    return next((one for one, found in likely.items() if found.leak_rms <= EQUAL * least), next(iter(likely)))


def _brief(found: Calibration, sd: float) -> dict[str, float]:
    """What tells one way from another, at equal effect."""
    return {"leak_rms": found.leak_rms, "edit_mae": found.mae, "length_per_sd": sd / found.step}
