"""How clean the edits are: along the SVM's normal, along its edit vector, and along the turn that keeps the hair.

    python -m benchmarks.directions                # samples 2048 faces of the built-in generator first
    python -m benchmarks.directions --faces runs/demo/faces

For each way to turn a head: the largest change of another attribute that comes with one SD of yaw, and how far w then
lies from the samples (Mahalanobis, SD). Beside the drift of the hair within pairs stands that of rendered heads that
truly turned: no measurement of the same hair from another side can be expected to do better. Then faces/s of measuring.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from data.command import run
from data.files import write_json
from data.shards import Shards
from directions.attributes import HAIR_ATTRIBUTES, Measurer
from directions.calibrate import PLACES, calibrate
from directions.linear import fit_linear, held_out, ridge_slope
from directions.measure import measure_shards
from directions.measured import open_faces
from directions.pairs import verify, yaw_gaps
from directions.pool import Columns
from directions.vectors import edit_vector
from synth.heads import Head, render_poses
from synth.sample import sample

FACES = 2048
FIRST = 22_000_000  # first seed of the rendered heads: no set for training reaches it
REACH = 35.0  # degrees of yaw between which the rendered heads turn
EDITED = 48
KEPT = "edit vector, hair kept"
MAX_GAP = 40.0


def main(
    *,
    faces: Path | None = None,
    heads: int = 64,
    generator: str = "builtin",
    parser: str = "builtin",
    out: Path = Path("runs/benchmarks/directions.json"),
) -> None:
    """Prints leakage, drift and speed.

    Args:
        faces: folder of measured faces; None: samples and measures some beside `out`
        heads: rendered heads for the drift of a true turn
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of a face parser
        out: the same figures as JSON
    """
    if faces is None:
        faces = out.parent / "directions" / "faces"
        sample(generator, list(range(FACES)), faces, device="cpu")
    measure_shards(faces, parser=parser)
    known, _, render = open_faces(Shards(faces), generator, parser, None)
    measure = Measurer(parser)
    started = time.perf_counter()
    measure(Shards(faces).images(np.arange(256)))
    figures: dict = {"faces_per_second": 256 / (time.perf_counter() - started), "ways": {}}

    values = known.columns["yaw"]
    sound = np.isfinite(values)
    test = held_out(known.seeds)
    fit = fit_linear(known.w[sound], values[sound], test[sound], 0.0)
    train = known.w[~test]
    scores = known.w.astype(np.float64) @ fit.ridge + fit.ridge_intercept
    places = np.percentile(scores, PLACES)
    kept = [_slope(known.w[~test], known.columns[name][~test]) for name in HAIR_ATTRIBUTES]
    ways = {
        "normal of the SVM": fit.normal / np.linalg.norm(fit.normal),
        "edit vector": edit_vector(train, fit.normal)[0],
        KEPT: edit_vector(train, fit.normal, np.stack(kept))[0],
    }
    precision = np.linalg.pinv(np.cov(train.T.astype(np.float64)), hermitian=True)
    print(f"{'one SD of yaw along the':<25} largest leak   distance of w")
    for name, vector in ways.items():
        w, score = known.w[test][:EDITED], scores[test][:EDITED]
        found = calibrate(w, score, fit.ridge @ vector, places, vector, "yaw", known.sd, render, measure)
        leak = max(abs(leak["slope"]) for leak in found.leakage.values())
        length = known.sd["yaw"] / found.step
        distance = length * float(np.sqrt(vector @ precision @ vector))
        figures["ways"][name] = found.figures | {"largest_leak": leak, "mahalanobis": distance}
        print(f"{name:<25} {leak:.3f} SD       {distance:.2f} SD")

    rows = np.flatnonzero(test & sound)[-heads:]
    gaps = yaw_gaps(known.seeds[rows], values[rows].astype(np.float64), (-REACH, REACH), MAX_GAP)
    lengths = gaps / figures["ways"][KEPT]["step"]
    w_hair = (known.w[rows] + lengths[:, None] * ways[KEPT]).astype(np.float32)
    pairs, _ = verify(known.w[rows], w_hair, gaps, known.sd, render, measure)
    true = true_turns(heads, render.size, measure)
    figures |= {"pairs": pairs["drift"], "rendered_heads": {}}
    print(f"\n{'drift within pairs, SD':<25} turned in w   truly turned")
    for name in HAIR_ATTRIBUTES:
        drift = float(np.sqrt(np.nanmean((true[name][:, 1] - true[name][:, 0]) ** 2)) / known.sd[name])
        figures["rendered_heads"][name] = drift
        print(f"{name:<25} {pairs['drift'][name]['rms_sd']:.2f}          {drift:.2f}")
    print(f"\nmeasuring: {figures['faces_per_second']:.0f} faces/s in one process")
    write_json(out, figures)


def true_turns(heads: int, size: int, measure: Measurer) -> Columns:
    """Measured attributes (heads, 2) of rendered heads in two poses whose gaps are drawn as those of pairs."""
    images = []
    for seed in range(FIRST, FIRST + heads):
        yaw = np.random.RandomState(seed).uniform(-REACH, REACH, 1)
        gap = yaw_gaps(np.array([seed]), yaw, (-REACH, REACH), MAX_GAP)
        poses = [(float(yaw[0]), 0.0), (float(yaw[0] + gap[0]), 0.0)]
        images += [picture.image for picture in render_poses(Head.sample(seed), poses, size)]
    return {name: column.reshape(-1, 2) for name, column in measure(np.stack(images)).items()}


def _slope(w: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Slope of an attribute on w, from the faces on which it was measured."""
    sound = np.isfinite(values)
    return ridge_slope(w[sound], values[sound])


if __name__ == "__main__":
    run(main)
