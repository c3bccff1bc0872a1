"""One direction out of measured faces: boundary, edit vector, calibration, and all figures that say how far it goes.

Of three edit vectors (directions.vectors) each is calibrated by rendering and measuring, and of those that stay among
likely faces the one that leaks least into the other attributes at equal effect is taken: the covariance, unless another
is better beyond doubt.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from directions.attributes import MEASURED, others
from directions.calibrate import Calibration, calibrate_on
from directions.direction import Direction
from directions.instruments import Instruments
from directions.likeness import likeness
from directions.linear import ENOUGH, LinearFit, fit_linear, held_out, ridge_slopes, svm_normal
from directions.measured import MeasuredFaces
from directions.spaces import Coded, in_w
from directions.vectors import distance, edit_vector, ways

HALVES_SEED, BOOTSTRAP_SEED = 0, 1
BOOTSTRAPS = 8
FAR = 3.0  # times the least Mahalanobis distance at equal effect: a way that goes farther leaves the likely faces
EQUAL = 1.15  # leaks up to so many times the least are the same: 48 faces do not tell them apart
LEAST, REGRESSION = "least", "regression"  # instead of a way: that which leaks least; the ridge's slope, not the SVM's


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
    (d,) unit vector to go along as it is instead of an own one; `known`: the sample in a space, None: in W; `way`: one
    of vectors.WAYS, "regression" or "least".
    """
    known = known or in_w(sample, tools.render)
    values = sample.columns[name]
    there = np.isfinite(values)
    if there.sum() < 2:
        raise ValueError(f"it was measured on {there.sum()} of {len(values)} faces")
    w, values, seeds = known.codes[there], values[there], sample.seeds[there]
    test = held_out(seeds)
    threshold = 0.0 if name == "yaw" else float(np.median(values[~test]))
    fit = fit_linear(w, values, test, threshold, band)
    kept = others(name) if keep is None else [other for other in keep if other != name]
    if boundary is not None:
        kept = []
    slopes = kept_slopes(known, kept)
    vectors: dict[str, Any] = {"given": boundary}
    removed = 0.0
    if boundary is None:
        removed = edit_vector(w[~test], fit.normal, slopes)[1]
        vectors = ways(w[~test], values[~test] > threshold, fit.normal, fit.figures["C"], slopes)
        vectors = {one: vector for one, vector in vectors.items() if way in (LEAST, one)}
        if way == REGRESSION:
            vectors[REGRESSION] = edit_vector(w[~test], fit.ridge, slopes)[0]
    tried = _calibrations(known, name, vectors, fit, tools)
    sd = sample.sd[name]
    distances = {one: sd / found.step * distance(w[~test], vectors[one]) for one, found in tried.items()}
    chosen = least_leaking(tried, distances)
    vector, calibration = vectors[chosen], tried[chosen]
    assert calibration.curve is not None
    figures = fit.figures | calibration.figures | {"keeps": kept, "removed": removed, "drop_rate": 1 - there.mean()}
    figures |= {"way": chosen, "ways": {one: _brief(found, sd) for one, found in tried.items()}}
    figures |= {
        "likeness": likeness(calibration, sd, tools.describe),
        "distance_per_sd": distances[chosen],
        "halves_cosine": _halves_cosine(w[~test], values[~test] > threshold, fit, slopes),
        "stability": _stability(w[~test], values[~test] > threshold, fit, slopes),
    }
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


def kept_slopes(known: Coded, names: list[str]) -> np.ndarray:
    """(K, d) slopes on the codes of the attributes that an edit is to leave as they are, from the training faces.

    What does not vary, or was hardly ever measured, needs no holding.
    """
    slopes = np.zeros((len(names), known.codes.shape[1]))
    train = ~held_out(known.faces.seeds)
    values = {name: known.faces.columns[name] for name in names}
    together: dict[bytes, list[str]] = {}  # attributes measured on the same faces share the work
    for name in names:
        together.setdefault(np.isfinite(values[name]).tobytes(), []).append(name)
    for group in together.values():
        rows = train & np.isfinite(values[group[0]])
        found = ridge_slopes(known.codes[rows], np.stack([values[name][rows] for name in group], axis=1))
        slopes[[names.index(name) for name in group]] = found
    return slopes[slopes.any(axis=1)]


def _calibrations(
    known: Coded, name: str, vectors: dict[str, Any], fit: LinearFit, tools: Instruments
) -> dict[str, Calibration]:
    """{way: calibration} of those vectors along which the attribute rises; ValueError when it does along none."""
    found, reason = {}, ""
    for one, vector in vectors.items():
        try:
            found[one] = calibrate_on(known, name, vector, fit.ridge, fit.ridge_intercept, tools)
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


def _halves_cosine(w: np.ndarray, labels: np.ndarray, fit: LinearFit, slopes: np.ndarray) -> float:
    """Cosine between the edit vectors of two random halves of the samples: how far the direction is settled."""
    order = np.random.RandomState(HALVES_SEED).permutation(len(w))
    halves = np.array_split(order, 2)
    vectors = [edit_vector(w[half], svm_normal(w[half], labels[half], fit.figures["C"]), slopes)[0] for half in halves]
    return float(vectors[0] @ vectors[1])


def _stability(w: np.ndarray, labels: np.ndarray, fit: LinearFit, slopes: np.ndarray) -> dict[str, float]:
    """Cosines between the edit vectors of resampled faces: their mean and least."""
    random = np.random.RandomState(BOOTSTRAP_SEED)
    rows = np.linspace(0, len(w) - 1, min(len(w), ENOUGH)).astype(int)
    vectors = []
    for _ in range(BOOTSTRAPS):
        some = random.choice(rows, len(rows))
        vectors.append(edit_vector(w[some], svm_normal(w[some], labels[some], fit.figures["C"]), slopes)[0])
    cosines = (np.stack(vectors) @ np.stack(vectors).T)[np.triu_indices(BOOTSTRAPS, 1)]
    return {"cosine": float(cosines.mean()), "least": float(cosines.min())}
