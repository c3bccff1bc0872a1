"""The directions of a generator in figures, each beside what is asked of it.

    python -m benchmarks.directions                     # samples 4096 faces of the built-in generator first
    python -m benchmarks.directions --count 20480

Runs directions.measure, fit, compare and pairs as their commands do; then edits faces of other seeds to asked angles,
and fits a direction on 100,000 codes of 512 numbers. Beside the drift of the hair within pairs stands that of rendered
heads that truly turned: no measurement of the same hair from another side can be expected to do better.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.command import run
from data.files import write_json
from data.shards import Shards
from directions.attributes import HAIR_ATTRIBUTES, Measurer
from directions.compare import compare, comparison
from directions.direction import Direction, load_direction
from directions.edit import edit
from directions.fit import fit_directions
from directions.instruments import Columns, Instruments
from directions.likeness import Describer
from directions.linear import bootstrap_interval, fit_linear, held_out
from directions.measure import measure_shards
from directions.measured import open_faces
from directions.pairs import make_pairs, yaw_gaps
from directions.pool import MeasuringPool
from directions.report import aligned, matrix, table
from synth import latents
from synth.heads import Head, render_poses
from synth.sample import sample

FIRST = 22_000_000  # first seed of faces and heads that no set for training reaches
ANGLES = (-30.0, -15.0, 0.0, 15.0, 30.0)
EDITED = 100  # faces moved to all of these angles
PSI = 0.7  # of them: what directions.edit takes
REACH, MAX_GAP = 35.0, 40.0  # degrees: yaws and turns of the rendered heads
CODES, WIDTH = 100_000, 512


def main(
    *,
    faces: Path | None = None,
    count: int = 4096,
    heads: int = 64,
    generator: str = "builtin",
    parser: str = "builtin",
    out: Path = Path("runs/benchmarks/directions"),
) -> None:
    """Prints how well directions, edits and pairs do.

    Args:
        faces: folder of measured faces; None: samples and measures some in `out`
        count: number of faces to sample
        heads: rendered heads for the drift of a true turn
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of a face parser
        out: folder for all results, figures.json among them
    """
    if faces is None:
        faces = out / "faces"
        sample(generator, list(range(count)), faces)
    measure_shards(faces, parser=parser)
    report = fit_directions(faces, out / "directions", generator=generator, parser=parser)
    print(f"{table(report)}\n\n{matrix(report)}\n")
    known, network, render = open_faces(Shards(faces), generator, parser, None)
    yaw = load_direction(out / "directions" / "yaw.json", network)
    with MeasuringPool(parser) as pool:
        tools = Instruments(render, pool, Describer())
        ways, _ = compare(known, "yaw", tools)
        edits = asked_and_measured(network, yaw, tools)
    print(f"for one SD of yaw:\n{comparison(ways)}\n")
    pairs = make_pairs(faces, out / "directions", out / "pairs", generator=generator, parser=parser)
    started = time.perf_counter()
    fit_codes()
    figures = {"edits": edits, "seconds_100k": time.perf_counter() - started, "ways": ways, "pairs": pairs}
    print(aligned(shown(report, figures)))
    true = true_turns(heads, render.size, Measurer(parser))
    print(f"\n{'drift within pairs, SD':<25} turned in w   truly turned")
    for name in HAIR_ATTRIBUTES:
        drift = float(np.sqrt(np.nanmean((true[name][:, 1] - true[name][:, 0]) ** 2)) / known.sd[name])
        figures[f"true_drift_{name}"] = drift
        print(f"{name:<25} {pairs['drift'][name]['rms_sd']:.2f}          {drift:.2f}")
    write_json(out / "figures.json", figures)


def shown(report: dict[str, Any], figures: dict[str, Any]) -> list[list[str]]:
    """Rows of what, figure and what is asked."""
    found, ways, pairs, edits = report["directions"], figures["ways"], figures["pairs"], figures["edits"]

    def cosine(way: str, name: str) -> str:
        one = ways[way]["likeness"][name]
        return f"{one['cosine']:.3f} ({one['cosine_95'][0]:.3f}-{one['cosine_95'][1]:.3f})"

    yaw = found["yaw"]
    plain, kept = ("covariance", "conditional")
    return [
        ["what", "figure", "asked"],
        ["yaw, accuracy and AUC held out", f"{yaw['accuracy']:.3f}, {yaw['auc']:.4f}", ">= 0.93, >= 0.98"],
        *(
            [f"{name}, AUC held out", f"{found[name]['auc']:.3f}", ">= 0.95"]
            for name in ("hair_length", "hair_lightness")
        ),
        ["yaw edits, slope of measured on asked", f"{edits['slope']:.3f}", "0.9 to 1.1"],
        ["yaw edits, median error", f"{edits['median_error']:.1f} deg", "<= 4 deg"],
        ["hair kept by one SD of yaw", cosine(kept, "hair"), ""],
        ["  by a random step as visible", cosine("random, as visible", "hair"), "clearly less"],
        ["  by a random step as long in W", cosine("random, as long", "hair"), ""],
        ["hair kept, plain and conditional", f"{cosine(plain, 'hair')}, {cosine(kept, 'hair')}", "not worse"],
        ["person kept, plain and conditional", f"{cosine(plain, 'identity')}, {cosine(kept, 'identity')}", "not worse"],
        [
            "RMS leak, plain and conditional",
            ", ".join(f"{ways[way]['leak_rms']:.3f} SD" for way in (plain, kept)),
            "less",
        ],
        ["fit on 100,000 x 512", f"{figures['seconds_100k']:.0f} s", "<= 60 s"],
        ["pairs accepted", f"{pairs['pairs']:,} of {pairs['faces']:,}", ""],
        ["pairs nearer than 5 % of strangers", f"{pairs['hair']['nearer_than_strangers']:.1%}", ">= 95 %"],
    ]


def asked_and_measured(network: Any, yaw: Direction, tools: Instruments) -> dict[str, Any]:
    """Yaw edits of new faces to fixed angles: slope of measured on asked, median error, both with intervals."""
    seeds = list(range(FIRST, FIRST + EDITED))
    w = network.mapping(latents(seeds, network.z_dim).to(network.w_avg.device), psi=PSI)[:, 0]
    start = torch.from_numpy(yaw.estimate(w.cpu().numpy()))
    measured = [tools.measure(tools.render(edit(w, yaw, angle - start).cpu().numpy()))["yaw"] for angle in ANGLES]
    pairs = np.stack(
        [np.stack([np.full(EDITED, angle), got], axis=1) for angle, got in zip(ANGLES, measured, strict=True)]
    )
    pairs = pairs.transpose(1, 0, 2)  # (faces, angles, asked and measured)
    return {
        "slope": _slope(pairs),
        "slope_95": bootstrap_interval(pairs, _slope),
        "median_error": _error(pairs),
        "median_error_95": bootstrap_interval(pairs, _error),
        "found": float(np.isfinite(pairs).mean()),
    }


def fit_codes() -> None:
    """A fit of the size that a StyleGAN2 of 1024 px asks for, of a noisy linear attribute."""
    random = np.random.RandomState(0)
    w = random.randn(CODES, WIDTH).astype(np.float32) * np.logspace(0, -1.5, WIDTH, dtype=np.float32)
    score = w @ random.randn(WIDTH)
    fit_linear(w, score + 0.7 * score.std() * random.randn(CODES), held_out(np.arange(CODES)), 0.0)


def true_turns(heads: int, size: int, measure: Measurer) -> Columns:
    """Measured attributes (heads, 2) of rendered heads in two poses whose gaps are drawn as those of pairs."""
    images = []
    for seed in range(FIRST, FIRST + heads):
        yaw = np.random.RandomState(seed).uniform(-REACH, REACH, 1)
        gap = yaw_gaps(np.array([seed]), yaw, (-REACH, REACH), MAX_GAP)
        poses = [(float(yaw[0]), 0.0), (float(yaw[0] + gap[0]), 0.0)]
        images += [picture.image for picture in render_poses(Head.sample(seed), poses, size)]
    return {name: column.reshape(-1, 2) for name, column in measure(np.stack(images)).items()}


def _slope(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.polyfit(asked, got, 1)[0])


def _error(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.median(np.abs(got - asked)))


if __name__ == "__main__":
    run(main)
