"""The directions of a generator in figures, each beside what is asked of it.

    python -m benchmarks.directions                     # samples 4096 faces of the built-in generator first
    python -m benchmarks.directions --count 20000
    python -m benchmarks.directions --parts speed       # only the time of a fit on 100,000 codes of 512 numbers

Runs directions.measure, fit, compare and pairs as their commands do; then edits faces of other seeds to asked angles
and lengths. Beside the drift of the hair within pairs stands that of rendered heads that truly turned: no measurement
of the same hair from another side can be expected to do better.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import read_json, write_json
from data.images import write_image
from data.shards import Shards
from directions.aim import aim_along
from directions.attributes import HAIR_ATTRIBUTES
from directions.compare import SPACES, compare, comparison
from directions.direction import Direction, load_direction
from directions.fit import fit_directions
from directions.instruments import Columns, Instruments
from directions.likeness import Describer
from directions.linear import bootstrap_interval, fit_linear, held_out
from directions.measure import measure_shards
from directions.measured import MeasuredFaces, open_faces
from directions.pairs import gaps_within, make_pairs
from directions.pool import MeasuringPool
from directions.render import Renderer
from directions.report import aligned, matrix, table, write_report
from directions.scorer import Measurer, Scorer
from directions.spaces import drawn, mapped, open_space
from synth.heads import Head, render_poses
from synth.sample import sample

FIRST = 22_000_000  # first seed of faces and heads that no set for training reaches
ANGLES = (-30.0, -15.0, 0.0, 15.0, 30.0)
LONGER = (-10.0, 10.0, 20.0)  # % of image height
EDITED = 60  # faces moved to all of these values
PSI = 0.7  # of them: what directions.edit takes
REACH, MAX_GAP = 35.0, 40.0  # degrees: yaws and turns of the rendered heads
CODES, WIDTH = 100_000, 512
PARTS = "speed,fit,edits,compare,pairs,turns"


def main(
    *,
    faces: Path | None = None,
    count: int = 4096,
    heads: int = 64,
    parts: str = PARTS,
    generator: str = "builtin",
    parser: str = "builtin",
    out: Path = Path("runs/benchmarks/directions"),
) -> None:
    """Prints how well directions, edits and pairs do.

    Args:
        faces: folder of sampled faces; None: samples some in `out`
        count: number of faces to sample
        heads: rendered heads for the drift of a true turn
        parts: what to do: speed (of a fit), fit, edits, compare, pairs, turns (of rendered heads)
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of a face parser
        out: folder for all results, figures.json among them; parts done earlier keep their figures there
    """
    wanted = [part.strip() for part in parts.split(",")]
    if unknown := set(wanted) - set(PARTS.split(",")):
        raise ValueError(f"--parts has {', '.join(sorted(unknown))}, but the parts are {PARTS}")
    figures: dict[str, Any] = read_json(out / "figures.json") if (out / "figures.json").is_file() else {}

    def keep(part: str, found: Any) -> None:
        figures[part] = found
        write_json(out / "figures.json", figures)

    if "speed" in wanted:
        keep("speed", fit_codes())
        print("fit on {codes:,} x {width}: {wall:.0f} s, {cpu:.0f} s of one core".format(**figures["speed"]))
    if wanted != ["speed"]:
        _on_faces(wanted, figures, keep, faces or out / "faces", count, heads, generator, Scorer(parser), out)
    print(aligned([["what", "figure", "asked"], *shown(read_json(out / "figures.json"))]))


def _on_faces(
    wanted: list[str],
    figures: dict[str, Any],
    keep: Any,
    faces: Path,
    count: int,
    heads: int,
    generator: str,
    scorer: Scorer,
    out: Path,
) -> None:
    """The parts that need sampled faces."""
    if faces == out / "faces":
        sample(generator, list(range(count)), faces)
    started = time.perf_counter()
    measure_shards(faces, scorer)
    if time.perf_counter() - started > 10:
        keep("measuring", {"faces_per_second": count / (time.perf_counter() - started)})
    report = fit_directions(faces, out / "directions", generator=generator, scorer=scorer)
    print(f"{table(report)}\n\n{matrix(report)}\n")
    keep("fit", report["directions"])
    known, network, render = open_faces(Shards(faces), generator, scorer, None)
    with MeasuringPool(scorer) as pool:
        tools = Instruments(render, pool, Describer())
        if "edits" in wanted:
            for name, values, absolute in (("yaw", ANGLES, True), ("hair_length", LONGER, False)):
                direction = load_direction(out / "directions" / f"{name}.json", network)
                keep(f"edits_{name}", edits(direction, network, render, np.array(values), absolute, tools))
        if "compare" in wanted:
            spaces = [open_space(space, render, known.psi) for space in SPACES.split(",")]
            ways, picture = compare(known, "yaw", tools, spaces)
            write_image(picture, out / "directions" / "compare-yaw.png")
            write_json(out / "directions" / "compare-yaw.json", ways)
            write_report(out / "directions")
            print(f"for one SD of yaw:\n{comparison(ways)}\n")
            keep("ways", ways)
    if "pairs" in wanted:
        keep("pairs", make_pairs(faces, out / "directions", out / "pairs", generator=generator, scorer=scorer))
    if "turns" in wanted:
        keep("true_drift", _true_drift(known, heads, render.size, scorer))


def edits(
    direction: Direction,
    network: Any,
    render: Renderer,
    values: np.ndarray,
    absolute: bool,
    tools: Instruments,
) -> dict[str, Any]:
    """New faces moved to values, or by amounts if not `absolute`: by the mean curve and by looking.

    Each {"slope" of what was reached on what was asked, "median_error" in the attribute's unit, both with intervals};
    "reachable": share of the asked values that lie in what the face can reach, on which the errors by looking are.
    """
    space = open_space(direction.space, render, PSI)
    seeds = np.arange(FIRST, FIRST + EDITED)
    w = mapped(drawn(seeds, network.z_dim), network, PSI)
    known = MeasuredFaces(seeds, w, {}, network.sha256, PSI, {})
    codes = space.codes(known)
    start = space.start(codes, known, np.arange(EDITED))
    name = direction.attribute
    before = tools.measure(space.render(start))[name].astype(np.float64)[:, None]
    asked = np.tile(values, (EDITED, 1)) if absolute else before + values
    base = 0.0 if absolute else before
    lengths = np.stack([direction.length_to(codes, column) for column in asked.T], axis=1)
    moved = start[:, None] + lengths[:, :, None] * space.lift(direction.vector)
    images = space.render(moved.reshape(-1, start.shape[1]).astype(np.float32))
    by_curve = tools.measure(images)[name].reshape(asked.shape)
    aimed = aim_along(direction, space, codes, start, asked, tools.measure)
    inside = (aimed.reach[:, :1] <= asked) & (asked <= aimed.reach[:, 1:])
    return {
        "by_curve": _agreement(asked - base, by_curve - base),
        "by_looking": _agreement(asked - base, np.where(inside, aimed.measured - base, np.nan)),
        "reachable": float(inside.mean()),
        "reach": np.nanmedian(np.where(np.isfinite(aimed.reach), aimed.reach, np.nan), axis=0).tolist(),
    }


def _agreement(asked: np.ndarray, got: np.ndarray) -> dict[str, Any]:
    """Slope and median error of (faces, values), with intervals over faces."""
    pairs = np.stack([asked, got], axis=2)
    pairs = pairs[np.isfinite(pairs).all(axis=2).any(axis=1)]
    return {
        "slope": _slope(pairs),
        "slope_95": bootstrap_interval(pairs, _slope),
        "median_error": _error(pairs),
        "median_error_95": bootstrap_interval(pairs, _error),
        "measured": float(np.isfinite(got).mean()),
    }


def fit_codes() -> dict[str, Any]:
    """Time of a fit of the size that a StyleGAN2 of 1024 px asks for, of a noisy linear attribute."""
    random = np.random.RandomState(0)
    w = random.randn(CODES, WIDTH).astype(np.float32) * np.logspace(0, -1.5, WIDTH, dtype=np.float32)
    score = w @ random.randn(WIDTH)
    values = score + 0.7 * score.std() * random.randn(CODES)
    wall, cpu = time.perf_counter(), time.process_time()
    fit_linear(w, values, held_out(np.arange(CODES)), 0.0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    return {"codes": CODES, "width": WIDTH, "wall": wall, "cpu": cpu, "threads": threads}


def _true_drift(known: MeasuredFaces, heads: int, size: int, scorer: Scorer) -> dict[str, float]:
    """{attribute: RMS change within a true turn, in SD of the faces}."""
    true = true_turns(heads, size, Measurer(scorer))
    return {
        name: float(np.sqrt(np.nanmean((true[name][:, 1] - true[name][:, 0]) ** 2)) / known.sd[name])
        for name in HAIR_ATTRIBUTES
    }


def true_turns(heads: int, size: int, measure: Measurer) -> Columns:
    """Measured attributes (heads, 2) of rendered heads in two poses whose gaps are drawn as those of pairs."""
    images = []
    for seed in range(FIRST, FIRST + heads):
        yaw = np.random.RandomState(seed).uniform(-REACH, REACH, 1)
        gap = gaps_within(np.array([seed]), yaw, (-REACH, REACH), MAX_GAP)
        poses = [(float(yaw[0]), 0.0), (float(yaw[0] + gap[0]), 0.0)]
        images += [picture.image for picture in render_poses(Head.sample(seed), poses, size)]
    return {name: column.reshape(-1, 2) for name, column in measure(np.stack(images)).items()}


def shown(figures: dict[str, Any]) -> list[list[str]]:
    """Rows of what, figure and what is asked, of the parts that were done."""
    rows: list[list[str]] = []
    if "fit" in figures:
        found = figures["fit"]
        rows.append(["yaw, accuracy held out", _with(found["yaw"], "accuracy"), ">= 0.93"])
        rows.append(["yaw, AUC held out", _with(found["yaw"], "auc"), ">= 0.98"])
        for name in ("hair_length", "hair_lightness"):
            rows.append([f"{name}, AUC held out", _with(found[name], "auc"), ">= 0.95"])
    for name, unit, asked in (("yaw", "deg", ("0.9 to 1.1", "<= 4 deg")), ("hair_length", "%", ("", ""))):
        if (part := figures.get(f"edits_{name}")) is not None:
            for how in ("by_curve", "by_looking"):
                what = f"{name} edits {how.replace('_', ' ')}"
                rows.append([f"{what}, slope of reached on asked", _with(part[how], "slope"), asked[0]])
                rows.append([f"{what}, median error", f"{_with(part[how], 'median_error')} {unit}", asked[1]])
            low, high = part["reach"]
            rows.append([f"{name}: asked values in reach", f"{part['reachable']:.0%} ({low:.0f} to {high:.0f})", ""])
    if "ways" in figures:
        rows += _shown_ways(figures["ways"])
    if "speed" in figures:
        rows.append(["fit on 100,000 x 512", f"{figures['speed']['wall']:.0f} s", "<= 60 s"])
    if "pairs" in figures:
        pairs = figures["pairs"]
        rows.append(["pairs accepted", f"{pairs['pairs']:,} of {pairs['faces']:,}", ""])
        rows.append(["  left out", ", ".join(f"{count} {why}" for why, count in pairs["rejected"].items()), ""])
        rows.append(
            ["all pairs nearer than 5 % of strangers", f"{pairs['hair']['nearer_than_strangers']:.1%}", ">= 95 %"]
        )
        for name in HAIR_ATTRIBUTES:
            true = figures.get("true_drift", {}).get(name)
            beside = "" if true is None else f", {true:.2f} SD in heads truly turned"
            rows.append([f"  drift of {name}", f"{pairs['drift'][name]['rms_sd']:.2f} SD{beside}", ""])
    return rows


def _shown_ways(ways: dict[str, Any]) -> list[list[str]]:
    """Rows of how edits of yaw compare."""
    plain, kept = ways["covariance"]["likeness"], ways["conditional"]["likeness"]
    leaks = [f"{ways[way]['leak_rms']:.3f} SD" for way in ("covariance", "conditional")]
    return [
        ["hair kept by one SD of yaw", _with(kept["hair"], "cosine"), ""],
        [
            "  by a random step as visible",
            _with(ways["random, as visible"]["likeness"]["hair"], "cosine"),
            "clearly less",
        ],
        ["  by a random step as long in W", _with(ways["random, as long"]["likeness"]["hair"], "cosine"), ""],
        ["hair kept, plain", _with(plain["hair"], "cosine"), "conditional not worse"],
        ["person kept, conditional", _with(kept["identity"], "cosine"), ""],
        ["person kept, plain", _with(plain["identity"], "cosine"), "conditional not worse"],
        ["RMS leak, plain and conditional", ", ".join(leaks), "less"],
    ]


def _with(figures: dict[str, Any], name: str) -> str:
    low, high = figures[f"{name}_95"]
    return f"{figures[name]:.3f} ({low:.3f}-{high:.3f})"


def _slope(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.polyfit(asked, got, 1)[0]) if len(asked) > 1 else float("nan")


def _error(pairs: np.ndarray) -> float:
    asked, got = pairs[np.isfinite(pairs).all(axis=2)].T
    return float(np.median(np.abs(got - asked))) if len(asked) else float("nan")


if __name__ == "__main__":
    run(main)
