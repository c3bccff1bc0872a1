"""The directions of a generator in figures, each beside what is asked of it.

    python -m benchmarks.directions                     # samples 4096 faces of the built-in generator first
    python -m benchmarks.directions --count 20000
    python -m benchmarks.directions --parts speed       # only the time of fits on 100,000 codes of 512 numbers

Runs directions.measure, fit, compare and pairs as their commands do; then edits faces of other seeds to asked angles
and lengths, and looks at what turning them leaves as it is (benchmarks.turning). Beside the drift of the hair within
pairs stands that of rendered heads that truly turned: no measurement of the same hair from another side can be expected
to do better. All figures are printed at the end, and kept in figures.json.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.edits import FIRST, edits, unseen
from benchmarks.speed import fit_codes
from benchmarks.turning import (
    CONDITIONAL,
    PLAIN,
    REACH,
    STEPS,
    TURN,
    TURNED,
    VISIBLE,
    kept,
    leaks,
    shown_kept,
    shown_leaks,
    truly_turned,
    verdict,
    with_interval,
)
from data.command import run
from data.files import read_json, write_json
from data.images import write_image
from data.shards import Shards
from directions.attributes import HAIR_ATTRIBUTES
from directions.compare import SPACES, compare, comparison
from directions.direction import Direction, load_direction
from directions.fit import fit_directions
from directions.instruments import Columns, Instruments
from directions.likeness import Describer
from directions.measure import measure_shards
from directions.measured import MeasuredFaces, open_faces
from directions.pairs import STREAMS, gaps_within, make_pairs
from directions.pool import MeasuringPool
from directions.report import aligned, matrix, table, write_report
from directions.scorer import Measurer, Scorer
from directions.spaces import open_space
from recipes.directions import FACES
from synth.heads import Head, render_poses
from synth.heads.factors import MAX_PITCH
from synth.sample import sample

ANGLES = (-30.0, -15.0, 0.0, 15.0, 30.0)
LONGER = (-10.0, 10.0, 20.0)  # % of image height
MAX_GAP, MAX_NOD = 40.0, 5.0  # degrees: turns and nods of the rendered heads, as directions.pairs makes them
ACCEPTED = 20_000  # pairs asked of recipes.directions' faces
PARTS = "speed,fit,edits,kept,plain,compare,pairs,turns"


@dataclass(frozen=True)
class Options:
    """What the parts on sampled faces are done with, as the command's flags say it."""

    faces: Path
    count: int
    heads: int  # rendered
    turned: int  # faces to turn
    generator: str
    scorer: Scorer
    out: Path


def main(
    *,
    faces: Path | None = None,
    count: int = 4096,
    heads: int = 64,
    turned: int = TURNED,
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
        turned: faces of other seeds for the parts kept and plain, 3 or more
        parts: what to do: speed (of fits), fit, edits, kept (hair, along yaw and at random), plain (yaw with nothing
            held fixed against conditional), compare, pairs, turns (of rendered heads)
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of a face parser
        out: folder for all results, figures.json among them; parts done earlier keep their figures there
    """
    if turned < 3:
        raise ValueError(f"--turned is {turned}, but it takes 3 faces or more")
    wanted = [part.strip() for part in parts.split(",")]
    if unknown := set(wanted) - set(PARTS.split(",")):
        raise ValueError(f"--parts has {', '.join(sorted(unknown))}, but the parts are {PARTS}")
    figures: dict[str, Any] = read_json(out / "figures.json") if (out / "figures.json").is_file() else {}

    def keep(part: str, found: Any) -> None:
        figures[part] = found
        write_json(out / "figures.json", figures)

    if "speed" in wanted:
        keep("speed", fit_codes())
    if wanted != ["speed"]:
        options = Options(faces or out / "faces", count, heads, turned, generator, Scorer(parser), out)
        _on_faces(wanted, options, keep)
    print(aligned([["what", "figure", "asked"], *shown(read_json(out / "figures.json"))]))


def _on_faces(wanted: list[str], options: Options, keep: Callable[[str, Any], None]) -> None:
    """The parts that need sampled faces."""
    faces, generator, scorer, out = options.faces, options.generator, options.scorer, options.out
    if faces == out / "faces":
        sample(generator, list(range(options.count)), faces)
    started = time.perf_counter()
    measure_shards(faces, scorer)
    if time.perf_counter() - started > 10:
        keep("measuring", {"faces_per_second": options.count / (time.perf_counter() - started)})
    report = fit_directions(faces, out / "directions", generator=generator, scorer=scorer)
    print(f"{table(report)}\n\n{matrix(report)}\n")
    keep("fit", report["directions"])
    known, network, render = open_faces(Shards(faces), generator, scorer, None)
    with MeasuringPool(scorer) as pool:
        tools = Instruments(render, pool, Describer())
        if "edits" in wanted:
            for name, values, absolute in (("yaw", ANGLES, True), ("hair_length", LONGER, False)):
                direction = load_direction(out / "directions" / f"{name}.json", network)
                keep(f"edits_{name}", edits(direction, render, np.array(values), absolute, tools))
        if "kept" in wanted:
            yaw = load_direction(out / "directions" / "yaw.json", network)
            found = kept(yaw, unseen(yaw.space, render, options.turned), tools)
            keep("kept", found)
            print(f"{shown_kept(found)}\n")
        if "plain" in wanted:
            couple = _plain_and_conditional(options, network)
            found = leaks(couple, unseen(couple[PLAIN].space, render, options.turned), known.sd, tools)
            keep("plain", found)
            print(f"{shown_leaks(found)}\n")
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
        keep("true_drift", _true_drift(known, options.heads, render.size, scorer))
        keep("true_kept", truly_turned(options.heads, render.size, Describer()))


def _plain_and_conditional(options: Options, network: Any) -> dict[str, Direction]:
    """Yaw with nothing held fixed and as it was fitted; all else is alike, the way to the edit vector too."""
    conditional = load_direction(options.out / "directions" / "yaw.json", network)
    fit_directions(
        options.faces,
        options.out / PLAIN,
        attributes="yaw",
        keep="",
        way=conditional.figures["way"],
        generator=options.generator,
        scorer=options.scorer,
    )
    return {PLAIN: load_direction(options.out / PLAIN / "yaw.json", network), CONDITIONAL: conditional}


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
        draws = np.random.RandomState(seed)
        yaw, pitch = (draws.uniform(-reach, reach, 1) for reach in (REACH, MAX_PITCH))
        turn = gaps_within(np.array([seed]), yaw, (-REACH, REACH), MAX_GAP, STREAMS["yaw"])
        nod = gaps_within(np.array([seed]), pitch, (-MAX_PITCH, MAX_PITCH), MAX_NOD, STREAMS["pitch"])
        poses = [(float(yaw[0]), float(pitch[0])), (float((yaw + turn)[0]), float((pitch + nod)[0]))]
        images += [picture.image for picture in render_poses(Head.sample(seed), poses, size)]
    return {name: column.reshape(-1, 2) for name, column in measure(np.stack(images)).items()}


def shown(figures: dict[str, Any]) -> list[list[str]]:
    """Rows of what, figure and what is asked, of the parts that were done."""
    rows: list[list[str]] = []
    if "fit" in figures:
        found = figures["fit"]
        rows.append(["yaw, accuracy held out", with_interval(found["yaw"], "accuracy"), ">= 0.93"])
        rows.append(["yaw, AUC held out", with_interval(found["yaw"], "auc"), ">= 0.98"])
        for name in ("hair_length", "hair_lightness"):
            rows.append([f"{name}, AUC held out", with_interval(found[name], "auc"), ">= 0.95"])
    for name, unit, asked in (("yaw", "deg", ("0.9 to 1.1", "<= 4 deg")), ("hair_length", "%", ("", ""))):
        if (part := figures.get(f"edits_{name}")) is not None:
            for how in ("by_curve", "by_looking"):
                what = f"{name} edits {how.replace('_', ' ')}"
                rows.append([f"{what}, slope of reached on asked", with_interval(part[how], "slope"), asked[0]])
                rows.append([f"{what}, median error", f"{with_interval(part[how], 'median_error')} {unit}", asked[1]])
            low, high = part["reach"]
            rows.append([f"{name}: asked values in reach", f"{part['reachable']:.0%} ({low:.0f} to {high:.0f})", ""])
    if "kept" in figures:
        rows += _shown_kept(figures["kept"], figures.get("true_kept"))
    if "plain" in figures:
        rows += _shown_plain(figures["plain"])
    if "ways" in figures:
        ways = {way: figures["ways"][way]["likeness"]["hair"] for way in (CONDITIONAL, VISIBLE)}
        rows.append(["hair kept by one SD of yaw", with_interval(ways[CONDITIONAL], "cosine"), ""])
        rows.append(["  by a random step as visible", with_interval(ways[VISIBLE], "cosine"), ""])
    if "models" in (speed := figures.get("speed", {})):  # figures kept from an earlier form lack them
        for part, what in (("models", "SVM and ridge"), ("direction", "a whole direction, without renders")):
            took = "{wall:.0f} s, {cpu:.0f} s of processors".format(**speed[part])
            rows.append([f"fit on {speed['codes']:,} x {speed['width']}: {what}", took, "<= 60 s"])
    if "pairs" in figures:
        pairs = figures["pairs"]
        share = pairs["pairs"] / pairs["faces"]
        asked_share = f">= {ACCEPTED / FACES:.1%}: {ACCEPTED:,} of the recipe's {FACES:,}"
        rows.append(["pairs accepted", f"{pairs['pairs']:,} of {pairs['faces']:,}, {share:.1%}", asked_share])
        rows.append(["  left out", ", ".join(f"{count} {why}" for why, count in pairs["rejected"].items()), ""])
        for name in ("yaw", "pitch"):
            if gap := pairs.get(f"{name}_gap"):
                what = f"slope {gap['slope']:.2f}, mean error {gap['mae']:.1f} deg"
                rows.append([f"  {name} of the hair source, measured on asked", what, ""])
        nearer = with_interval(pairs["hair"], "nearer_than_strangers")
        rows.append(["all pairs nearer than 5 % of strangers, share", nearer, ">= 0.95"])
        for name in HAIR_ATTRIBUTES:
            true = figures.get("true_drift", {}).get(name)
            beside = "" if true is None else f", {true:.2f} SD in heads truly turned"
            rows.append([f"  drift of {name}", f"{pairs['drift'][name]['rms_sd']:.2f} SD{beside}", ""])
    return rows


def _shown_kept(found: dict[str, Any], true: dict[str, Any] | None) -> list[list[str]]:
    """Rows of the hair along yaw, of heads truly turned and along random steps, by turns."""
    hair, rows = found["hair"], []
    for k, turn in enumerate(found["turns"]):
        rows.append([f"hair kept over {turn:g} deg of yaw", with_interval(hair[TURN][k]), ""])
        if true is not None:
            rows.append(["  in heads truly turned", with_interval(true["hair"][k]), ""])
        for way in STEPS:
            figures = f"{with_interval(hair[way][k])}; gain of yaw {with_interval(hair[f'gain over {way}'][k])}"
            rows.append([f"  {way}{'' if way == VISIBLE else ', as long'}", figures, "above 0"])
    return rows


def _shown_plain(found: dict[str, Any]) -> list[list[str]]:
    """Rows of yaw with nothing held fixed against yaw with all else held fixed."""
    compared = {f"leak into {name}, RMS": (found["leaks"][name], False) for name in ("all", "all of hair")}
    for what, name in (("hair", "hair"), ("person", "identity")):
        for turn, one in zip(found["turns"], found[name], strict=True):
            compared[f"{what} kept over {turn:g} deg"] = (one, True)
    rows = []
    for what, (one, more_is_better) in compared.items():
        figures = ", ".join(with_interval(one, way) for way in (PLAIN, CONDITIONAL))
        figures = f"{figures}, {with_interval(one, 'difference')}: {verdict(one, more_is_better)}"
        rows.append([f"{what}: plain, conditional, difference", figures, "not worse"])
    worse = [name for name, one in found["leaks"].items() if verdict(one, False) == "worse"]
    rows.append(["attributes that conditional yaw leaks into more", ", ".join(worse) or "none", ""])
    return rows


if __name__ == "__main__":
    run(main)
