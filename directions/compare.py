"""Compares ways to change one attribute at equal effect: `python -m directions.compare runs/x/faces --attribute yaw`.

The ways are vectors in W. `normal`: that of the SVM, which InterFaceGAN goes along. `whitened`: the normal of an SVM on
whitened w, taken back to W. `covariance`: the covariance of w times the normal of the SVM. `regression`: the covariance
times the slope of a ridge regression. `conditional`: `covariance` with other attributes held fixed, as directions.fit
does. `in Z`, `in S` and so on: the conditional way in other spaces (directions.spaces).

Beside them stand random steps from each face. `random, as long`: in any direction, as long as one SD of the attribute
is along `covariance`; most directions of W do nothing. `random, as visible`: likely steps (of the covariance of w) that
change pixels as much as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import check_folder_place, write_json
from data.images import write_image
from data.shards import Shards
from directions.attributes import MEASURED, others
from directions.calibrate import CALIBRATED, Calibration, calibrate_on
from directions.fit import parse_attributes
from directions.instruments import Instruments
from directions.likeness import DESCRIPTORS, Describer, likeness, one_sd_apart
from directions.linear import LinearFit, bootstrap_interval, fit_linear, held_out
from directions.measured import MeasuredFaces, open_faces
from directions.pictures import caption, strip
from directions.pool import MeasuringPool
from directions.report import REPORT, aligned, write_report
from directions.scorer import Scorer
from directions.spaces import Coded, Space, coded, in_w, open_space
from directions.training import REGRESSION, Training
from directions.vectors import WAYS, distance

SPACES = "Z,W+coarse,W+middle,W+fine,S"
RANDOM_SEED = 0
SCALES = np.arange(1, 11) / 20  # of the way from one face towards another


def main(
    faces: Path,
    *,
    attribute: str = "yaw",
    spaces: str = SPACES,
    out: Path | None = None,
    generator: str = "builtin",
    parser: str = "builtin",
    pose: str = "builtin",
    check: bool = False,
    own: str = "",
    identity: str = "builtin",
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Edits the same held-out faces along every way, renders and measures them, and prints what else changes.

    Writes compare-ATTRIBUTE.json and compare-ATTRIBUTE.png (one face, a row for each way), also into report.html.

    Args:
        faces: folder of shards that directions.measure has measured
        attribute: what to change
        spaces: further spaces with commas between them, each with its conditional vector: Z, S, W+coarse, W+4-7
        out: folder for the results; None: "directions" beside the folder of faces
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        pose: "builtin", the path of a pose network, or "mtcnn": facenet-pytorch's detector; the one that measured them
        check: MTCNN has to agree: no face, or another yaw, is not measured; true where directions.measure was told so
        own: Python files with attributes of one's own, with commas between them (see directions/own.py)
        identity: "builtin" or the path of a face embedder, which tells how much edits change the person
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    scorer = Scorer(parser, pose, check, own)
    names = parse_attributes(attribute, "--attribute")
    if len(names) != 1:
        raise ValueError(f"--attribute is {attribute!r}, but it is one of {', '.join(MEASURED)}")
    folder = out or faces.parent / "directions"
    check_folder_place(folder)
    sample, _, render = open_faces(Shards(faces), generator, scorer, device)
    wanted = [open_space(one.strip(), render, sample.psi) for one in spaces.split(",") if one.strip()]
    with MeasuringPool(scorer, device, workers) as measure:
        tools = Instruments(render, measure, Describer(identity, device=device))
        figures, picture = compare(sample, names[0], tools, wanted)
    write_json(folder / f"compare-{names[0]}.json", figures)
    write_image(picture, folder / f"compare-{names[0]}.png")
    print(f"for one SD of {names[0]}:\n{comparison(figures)}")
    if (folder / REPORT).is_file():
        write_report(folder)


def compare(
    sample: MeasuredFaces, name: str, tools: Instruments, spaces: Sequence[Space] = ()
) -> tuple[dict[str, Any], Any]:
    """({way: figures}, a picture of one face along every way); `spaces`: further ones than W.

    A way along which the attribute does not rise has the reason instead of figures, under "failed".
    """
    figures: dict[str, Any] = {}
    strips: list[tuple[str, Calibration]] = []
    here = in_w(sample, tools.render)
    for known in (here, *(coded(sample, space) for space in spaces)):
        train, fit, vectors = _ways(known, name)
        if known is not here:
            vectors = {f"in {known.space.name}": vectors["conditional"]}
        for way, vector in vectors.items():
            try:
                found = calibrate_on(known, name, vector, fit.ridge, fit.ridge_intercept, tools)
            except ValueError as reason:
                figures[way] = {"failed": str(reason)}
                continue
            length = sample.sd[name] / found.step
            figures[way] = _figures(found) | {
                "length_per_sd": length,
                "distance_per_sd": length * distance(train, vector),
                "likeness": likeness(found, sample.sd[name], tools.describe),
                "pixels": _pixel_change(*(found.images[:, place] for place in one_sd_apart(found, sample.sd[name]))),
                "auc": fit.figures["auc"],
            }
            strips.append((way, found))
    if "failed" in figures["covariance"]:
        raise ValueError(f"{name} cannot be compared: {figures['covariance']['failed']}")
    figures |= _random(sample.w[held_out(sample.seeds)], figures["covariance"], tools)
    captions = [
        [f"{way}: measured {caption(name, value)}" for value in found.measured[name][0]] for way, found in strips
    ]
    return figures, strip(np.stack([found.images[0] for _, found in strips]), captions)


def _ways(known: Coded, name: str) -> tuple[np.ndarray, LinearFit, dict[str, np.ndarray]]:
    """(training codes (N, d), linear models, {way: unit vector (d,)}) of an attribute."""
    rows = np.flatnonzero(np.isfinite(known.faces.columns[name]))
    w, values, test = known.codes[rows], known.faces.columns[name][rows], held_out(known.faces.seeds[rows])
    threshold = 0.0 if name == "yaw" else float(np.median(values[~test]))
    fit = fit_linear(w, values, test, threshold)
    models = fit.normal, fit.ridge, fit.figures["C"]
    plain = Training(known, name, rows[~test], threshold, band=1.0, kept=[])
    found = {way: plain.vector(way, *models) for way in (*WAYS, REGRESSION)}
    found["conditional"] = replace(plain, kept=others(name)).vector("covariance", *models)
    return plain.w, fit, found


def comparison(figures: dict[str, Any]) -> str:
    """A line for every way."""
    rows = [["way", "RMS leak", "largest leak", "edit error", "length", "distance", *DESCRIPTORS]]
    for way, found in figures.items():
        if "failed" in found:
            rows.append([f"{way}: {found['failed']}", *[""] * (len(rows[0]) - 1)])
            continue
        numbers = [""] * 5
        if "leak_rms" in found:
            worst, slope = found["leak_largest"]
            numbers = [f"{found['leak_rms']:.3f} SD", f"{slope:+.2f} SD {worst}", f"{found['edit_mae']:.1f}"]
            numbers += [f"{found['length_per_sd']:.2f}", f"{found['distance_per_sd']:.2f} SD"]
        rows.append([way, *numbers, *(_interval(found["likeness"][name]) for name in DESCRIPTORS)])
    return aligned(rows)


def _figures(found: Calibration) -> dict[str, Any]:
    """What a calibration says, with its leakage summed up."""
    leaks = {name: leak["slope"] for name, leak in found.leakage.items() if np.isfinite(leak["slope"])}
    worst = max(leaks, key=lambda name: abs(leaks[name]))
    return found.figures | {"leak_largest": (worst, leaks[worst])}


def _random(w: np.ndarray, edit: dict[str, Any], tools: Instruments) -> dict[str, Any]:
    """Likeness of held-out faces (N, d) to themselves a random step away: as long, and as visible, as an edit."""
    random = np.random.RandomState(RANDOM_SEED)
    start = w[:CALIBRATED]
    images = tools.render(start)
    before = tools.describe(images)

    def changed(steps: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """(change of pixels, {descriptor: cosines}) of steps (n, d)."""
        moved = tools.render((start + steps).astype(np.float32))
        after = tools.describe(moved)
        return _pixel_change(images, moved), {name: (before[name] * after[name]).sum(axis=1) for name in DESCRIPTORS}

    steps = random.randn(*start.shape)
    steps *= edit["length_per_sd"] / np.linalg.norm(steps, axis=1, keepdims=True)
    found = {"random, as long": changed(steps)[1]}
    likely = w[random.permutation(len(w))[: len(start)]] - w[random.permutation(len(w))[: len(start)]]
    trials = [changed(likely * scale) for scale in SCALES]
    pixels = [trial[0] for trial in trials]
    nearest = int(np.argmin(np.abs(np.array(pixels) - edit["pixels"])))
    found["random, as visible"] = trials[nearest][1]
    return {
        way: {
            "likeness": {name: {"cosine": one.mean(), "cosine_95": bootstrap_interval(one)} for name, one in c.items()}
        }
        for way, c in found.items()
    }


def _pixel_change(before: np.ndarray, after: np.ndarray) -> float:
    """Root mean square over two (N, H, W, 3) uint8, grey levels."""
    return float(np.sqrt(np.mean((before.astype(np.float32) - after) ** 2)))


def _interval(one: dict[str, Any]) -> str:
    return f"{one['cosine']:.3f} ({one['cosine_95'][0]:.3f}-{one['cosine_95'][1]:.3f})"


if __name__ == "__main__":
    run(main)
