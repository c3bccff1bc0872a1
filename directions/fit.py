"""Finds a latent direction for every attribute: `python -m directions.fit runs/x/faces --out runs/x/directions`.

A linear SVM on all samples gives the boundary, the covariance of w turns its normal into the edit vector, and rendering
and measuring edited held-out samples gives the step in the attribute's own unit. What is reported is measured on
samples that no model has seen.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import write_json
from data.images import write_image
from data.shards import Shards
from directions.attributes import ATTRIBUTES, CONTROLS
from directions.calibrate import PLACES, Calibration, Render, calibrate
from directions.direction import Direction, load_direction, save_direction
from directions.linear import fit_linear, held_out, ridge_slope, svm_normal
from directions.measured import MeasuredFaces, open_faces
from directions.pictures import caption, strip
from directions.pool import Measure, MeasuringPool
from directions.vectors import edit_vector

REPORT = "report.json"
CALIBRATED = 48  # held-out samples that are edited, rendered and measured
SHOWN = 6  # of them in the picture
HALVES_SEED = 0


def main(
    faces: Path,
    *,
    attributes: str = ",".join(ATTRIBUTES),
    out: Path | None = None,
    generator: str = "builtin",
    parser: str = "builtin",
    band: float = 1.0,
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Fits, calibrates and saves a latent direction for each attribute, with a picture, and reports how good they are.

    Writes ATTRIBUTE.json and ATTRIBUTE.png for each, and report.json. Attributes that are done already are kept.

    Args:
        faces: folder of shards that directions.measure has measured
        attributes: names with commas between them: yaw, hair_length, hair_volume, hair_lightness
        out: folder for the results; None: "directions" beside the folder of faces
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        band: share of the training faces that the SVM sees, those farthest from its threshold, above 0 up to 1
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    out = out or faces.parent / "directions"
    report = fit_directions(
        faces, out, attributes=attributes, generator=generator, parser=parser, band=band, workers=workers, device=device
    )
    print(table(report))
    for name, reason in report["failed"].items():
        print(f"no direction for {name}: {reason}")
    if not report["directions"]:
        raise ValueError(f"none of {attributes} has a direction in {faces}: sample more faces or take other attributes")


def fit_directions(
    faces: Path,
    out: Path,
    attributes: str = ",".join(ATTRIBUTES),
    generator: str = "builtin",
    parser: str = "builtin",
    band: float = 1.0,
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Fits every named attribute; the report has {"directions": {name: figures}, "failed": {name: reason}}."""
    names = parse_attributes(attributes)
    if not 0 < band <= 1:
        raise ValueError(f"band is {band}, but it is a share of the faces: above 0 and at most 1")
    sample, network, render = open_faces(Shards(faces), generator, parser, device)
    report: dict[str, Any] = {"faces": len(sample.seeds), "psi": sample.psi, "directions": {}, "failed": {}}
    with MeasuringPool(parser, device, workers) as measure:
        for name in names:
            direction = _kept(out / f"{name}.json", network, sample, band)
            if direction is None:
                try:
                    direction, calibration = fit_direction(sample, name, render, measure, band)
                except ValueError as reason:
                    report["failed"][name] = str(reason)
                    continue
                write_image(_picture(name, calibration), out / f"{name}.png")
                save_direction(direction, out / f"{name}.json")
            report["directions"][name] = {"accuracy": direction.accuracy, "n": direction.n} | direction.figures
    write_json(out / REPORT, report)
    return report


def fit_direction(
    sample: MeasuredFaces, name: str, render: Render, measure: Measure, band: float = 1.0
) -> tuple[Direction, Calibration]:
    """The calibrated direction of one attribute; ValueError with the reason when the faces do not give one."""
    values = sample.columns[name]
    known = np.isfinite(values)
    if known.sum() < 2:
        raise ValueError(f"it was measured on {known.sum()} of {len(values)} faces")
    w, values, seeds = sample.w[known], values[known], sample.seeds[known]
    test = held_out(seeds)
    threshold = 0.0 if name == "yaw" else float(np.median(values[~test]))
    fit = fit_linear(w, values, test, threshold, band)
    vector, removed = edit_vector(w[~test], fit.normal, _control_slopes(sample))
    scores = w.astype(np.float64) @ fit.ridge + fit.ridge_intercept
    places = np.percentile(scores, PLACES)
    chosen = np.flatnonzero(test)[:CALIBRATED]
    gain = float(fit.ridge @ vector)
    if gain <= 0 or places[0] == places[-1]:
        raise ValueError("its linear models contradict each other, so it is not linear in w")
    calibration = calibrate(w[chosen], scores[chosen], gain, places, vector, name, sample.sd, render, measure)
    if calibration.curve is None or not calibration.works:
        raise ValueError("moving along it has no measurable effect on rendered faces")
    figures = fit.figures | calibration.figures | {"keeps": list(CONTROLS), "removed": removed}
    figures |= {"halves_cosine": _halves_cosine(w[~test], values[~test], threshold, fit.figures["C"])}
    direction = Direction(
        attribute=name,
        unit=ATTRIBUTES[name],
        space="W",
        vector=vector,
        step=calibration.step,
        curve=calibration.curve,
        normal=fit.normal,
        intercept=fit.intercept,
        threshold=threshold,
        ridge=fit.ridge,
        ridge_intercept=fit.ridge_intercept,
        sd=sample.sd[name],
        value_range=tuple(np.percentile(values.astype(np.float64), [1, 99]).tolist()),
        accuracy=fit.figures["accuracy"],
        balanced_accuracy=fit.figures["balanced_accuracy"],
        n=len(values),
        generator=sample.generator,
        psi=sample.psi,
        seeds=f"{sample.seeds.min()}-{sample.seeds.max()}",
        scorer=sample.scorer,
        figures=figures | {"data_sha256": _fingerprint(sample, band), "drop_rate": float(1 - known.mean())},
    )
    return direction, calibration


def parse_attributes(text: str) -> list[str]:
    """Text such as yaw,hair_length -> the names, each once; ValueError for one that is not measured."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in ATTRIBUTES:
            raise ValueError(f"--attributes has {name!r}, but what is measured is {', '.join(ATTRIBUTES)}")
    return names


def table(report: dict[str, Any]) -> str:
    """The report as text: one line per direction."""
    head = "accuracy (95 %)     AUC    shuffled  ridge R2  step    edit MAE  reach           leaks most into"
    lines = [f"{'direction':<15} {head}"]
    for name, figures in report["directions"].items():
        low, high = figures["accuracy_95"]
        leaks = {other: leak["slope"] for other, leak in figures["leakage"].items() if np.isfinite(leak["slope"])}
        worst = max(leaks, key=lambda other: abs(leaks[other]), default=None)
        leak = f"{worst} {leaks[worst]:+.2f} SD/SD" if worst else "-"
        lines.append(
            f"{name:<15} {figures['accuracy']:.3f} ({low:.3f}-{high:.3f}) {figures['auc']:.3f}  "
            f"{figures['accuracy_shuffled']:.3f}     {figures['ridge_r2']:.3f}     {figures['step']:<7.3g} "
            f"{figures['edit_mae']:<9.2f} {figures['reach'][0]:+.0f} to {figures['reach'][1]:<+10.0f} {leak}"
        )
    return "\n".join(lines)


def _kept(path: Path, generator: Any, sample: MeasuredFaces, band: float) -> Direction | None:
    """The direction that an earlier run has made of the same faces with the same settings, if there is one."""
    if not path.is_file():
        return None
    try:
        direction = load_direction(path, generator)
    except ValueError as error:
        raise ValueError(f"{path} is there but cannot be kept ({error}): delete it or give another --out") from error
    return direction if direction.figures.get("data_sha256") == _fingerprint(sample, band) else None


def _fingerprint(sample: MeasuredFaces, band: float) -> str:
    """Of everything that decides a direction."""
    digest = hashlib.sha256(repr((sample.generator, sample.psi, sorted(sample.scorer.items()), band)).encode())
    for array in (sample.seeds, sample.w, *sample.columns.values()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _control_slopes(sample: MeasuredFaces) -> np.ndarray:
    """(K, w_dim) slopes of the controls on w, which edits leave as they are."""
    slopes = []
    for name in CONTROLS:
        values = sample.columns[name]
        train = np.isfinite(values) & ~held_out(sample.seeds)
        slopes.append(ridge_slope(sample.w[train], values[train]))
    return np.stack(slopes)


def _halves_cosine(w: np.ndarray, values: np.ndarray, threshold: float, c: float) -> float:
    """Cosine between the edit vectors of two random halves of the samples: how far the direction is settled."""
    order = np.random.RandomState(HALVES_SEED).permutation(len(w))
    halves = np.array_split(order, 2)
    vectors = [edit_vector(w[half], svm_normal(w[half], values[half] > threshold, c))[0] for half in halves]
    return float(vectors[0] @ vectors[1])


def _picture(name: str, calibration: Calibration) -> Any:
    shown = calibration.measured[name][:SHOWN]
    return strip(calibration.images[:SHOWN], [[caption(name, value) for value in row] for row in shown])


if __name__ == "__main__":
    run(main)
