"""Pairs for training: a face, and its hair seen from another side: `python -m directions.pairs runs/x/faces`.

The hair source of a face is the face itself, turned in the latent space by random angles along the directions of yaw
and pitch, which hold everything else that is measured fixed. So the hair is the same, and the head does not lie as the
face does: how far it turns and nods can only be read from the face.
Every pair is rendered and looked at; those that contradict this are left out, and counted by their reason.

`pairs-00017.h5` belongs to `shard-00017.h5` and holds, one row per face with a good pair, in the shard's order,
    seed     (N,) int64
    w_face   (N, w_dim) float32    as in the shard
    w_hair   (N, w_dim) float32    the same hair, turned by yaw_gap and bent by pitch_gap
    yaw_gap  (N,) float32          degrees, positive: the hair source is turned to the image's right
    pitch_gap (N,) float32         degrees, positive: it is bent further down; not with --max-pitch-gap 0
    light_side_gap  (N,) float32   CIE L*, only with --max-light-gap: so much more light comes from the image's right
and with --masks true `masks-00017.h5`, for trainings of your own, a row for each of these pairs,
    hair, inner  (N, 2, ceil(S * S / 8)) uint8   masks of hair and inner face in face and hair source, at S px,
                                                 as bits row by row (numpy.unpackbits)

Under torchrun every process takes its share of the shards; the command that finds all of them done writes the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import check_folder_place, write_json
from data.images import write_image
from data.shards import Shards, read_arrays
from directions.attributes import MEASURED
from directions.check import MOST_UNLIT, lights, nearest_strangers, picture, summary
from directions.direction import Direction, fingerprint, load_of
from directions.instruments import Columns, Instruments
from directions.likeness import Describer, file_of
from directions.measured import MeasuredFaces, open_faces
from directions.pair_files import done, earlier_strangers, write_shards
from directions.pool import MeasuringPool
from directions.scorer import Scorer
from faces.identity import refuse_scorer

REPORT, PICTURE = "report.json", "pairs.png"
YAW, PITCH, LIGHT = "yaw", "pitch", "light_side"
STREAMS = {"yaw": 1, "pitch": 2, "light": 3}  # random streams of the gaps, by `Move.name`: the seed alone has drawn z


def main(
    faces: Path,
    *,
    directions: Path | None = None,
    out: Path | None = None,
    max_yaw_gap: float = 40.0,
    max_pitch_gap: float = 5.0,
    max_light_gap: float = 0.0,
    masks: bool = False,
    generator: str = "builtin",
    parser: str = "builtin",
    pose: str = "builtin",
    check: bool = False,
    own: str = "",
    hair: str = "builtin-hair",
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Makes misaligned pairs with the same hair out of sampled faces, and leaves out those that look otherwise.

    Writes for every shard pairs-00000.h5 and checked-00000.h5 (what was measured on each pair, and why it is left out),
    then report.json and pairs.png. An interrupted run is taken up again by the same command.

    Args:
        faces: folder of shards that directions.measure has measured
        directions: folder that directions.fit has written; None: "directions" beside the folder of faces
        out: folder for the pairs; None: "pairs" beside the folder of faces
        max_yaw_gap: largest angle between face and hair source in degrees, above 0 and below 90
        max_pitch_gap: largest angle between them up or down in degrees, from 0 (none) to below 45; --directions has to
            have pitch.json, and --pose to read pitch well, as MTCNN does not
        max_light_gap: largest change of light_side in CIE L*; --directions has to have light_side.json, and --own what
            measures it, directions/more/light_side.py; 0: none
        masks: also stores masks of hair and inner face, in masks-00000.h5: one more pass of parser and pose over all
            pictures, for trainings of your own; hairnet.train does not read them
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        pose: "builtin", the path of a pose network, or "mtcnn": facenet-pytorch's detector; the one that measured them
        check: MTCNN has to agree: no face, or another yaw, is not measured; true where directions.measure was told so
        own: Python files with attributes of one's own, with commas between them (see directions/own.py)
        hair: "builtin-hair" or the path of a hair descriptor, which judges whether the hair is the same
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    report = make_pairs(
        faces,
        directions or faces.parent / "directions",
        out or faces.parent / "pairs",
        max_yaw_gap=max_yaw_gap,
        max_pitch_gap=max_pitch_gap,
        max_light_gap=max_light_gap,
        masks=masks,
        generator=generator,
        scorer=Scorer(parser, pose, check, own),
        hair=hair,
        workers=workers,
        device=device,
    )
    if report is None:
        print("other processes have shards left: the last to end writes the report, or the same command again")
        return
    likeness = report["hair"]
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in report["rejected"].items())
    print(f"{report['pairs']:,} pairs of {report['faces']:,} faces; left out: {rejected}")
    for name, what, unit in ((YAW, "degree", "deg"), (PITCH, "degree", "deg"), (LIGHT, "L*", "L*")):
        if gap := report.get(f"{name}_gap"):
            print(f"{name}: of 1 {what} asked {gap['slope']:.2f} were measured, mean error {gap['mae']:.1f} {unit}")
    print(f"{likeness['nearer_than_strangers']:.1%} have hair more alike than the 5 % most alike of strangers")
    for name, drift in report["drift"].items():
        print(f"{name}: {drift['rms_sd']:.2f} SD apart within pairs, {drift['unrelated_rms_sd']:.2f} SD between faces")


def make_pairs(
    faces: Path,
    directions: Path,
    out: Path,
    max_yaw_gap: float = 40.0,
    max_pitch_gap: float = 5.0,
    max_light_gap: float = 0.0,
    masks: bool = False,
    generator: str = "builtin",
    scorer: Scorer | None = None,
    hair: str = "builtin-hair",
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any] | None:
    """Writes the pairs of every shard and returns the report, None while other processes have work left."""
    if not 0 <= max_light_gap <= 50:
        raise ValueError(f"--max-light-gap is {max_light_gap}, but it is a lightness from 0 to 50")
    if not 0 < max_yaw_gap < 90:
        raise ValueError(f"--max-yaw-gap is {max_yaw_gap}, but it is an angle above 0 and below 90 degrees")
    if not 0 <= max_pitch_gap < 45:
        raise ValueError(f"--max-pitch-gap is {max_pitch_gap}, but it is an angle from 0 to below 45 degrees")
    gaps = {YAW: max_yaw_gap, PITCH: max_pitch_gap, LIGHT: max_light_gap}
    wanted = {name: most for name, most in gaps.items() if most}
    for name in wanted:
        if not (directions / f"{name}.json").is_file():
            without = "" if name == YAW else f", or --max-{named(name)}-gap 0"
            raise FileNotFoundError(
                f"--directions {directions} has no {name}.json: give a folder of `python -m directions.fit` "
                f"--attributes {','.join(wanted)}{without}"
            )
    scorer = scorer or Scorer()
    if max_light_gap and LIGHT not in MEASURED:
        raise ValueError(f"--max-light-gap needs {LIGHT} measured: give --own directions/more/{LIGHT}.py, as to fit")
    check_folder_place(out)
    shards = Shards(faces)
    sample, network, render = open_faces(shards, generator, scorer, device)
    moves = [Move(load_of(directions / f"{name}.json", name, network), most) for name, most in wanted.items()]
    if any(move.direction.space != "W" for move in moves):
        raise ValueError(
            f"--directions {directions} has directions in other spaces than W, but a pair is two w: fit in W"
        )
    refuse_scorer(file_of(hair), f"--hair {hair}")
    describe = Describer(identity=None, hair=hair, device=device)
    with MeasuringPool(scorer, device, workers) as measure:
        tools = Instruments(render, measure, describe)
        return pair_up(shards, sample, moves, out, tools, describe.sha256, measure.masks if masks else None)


def named(attribute: str) -> str:
    """As flags call it: yaw, pitch or light."""
    return "light" if lights([attribute]) else attribute


@dataclass(frozen=True)
class Move:
    """Along a direction, by up to so many of its units to either side."""

    direction: Direction
    most: float

    @property
    def name(self) -> str:
        """As flags call it: yaw, pitch or light."""
        return named(self.direction.attribute)

    @property
    def reach(self) -> tuple[float, float]:
        """Values between which edits lead."""
        return float(self.direction.curve.values[0]), float(self.direction.curve.values[-1])


def pair_up(
    shards: Shards,
    sample: MeasuredFaces,
    moves: list[Move],
    out: Path,
    tools: Instruments,
    judge: str,
    mask: Callable[[np.ndarray], Columns] | None = None,
) -> dict[str, Any] | None:
    """Moves every face of the shards along directions, that of yaw first, checks and writes the pairs, reports.

    `judge`: sha256 of the hair descriptor among the `tools`; `mask`: pictures -> packed masks, None: none are stored.
    """
    gaps = {
        move.direction.attribute: gaps_within(
            sample.seeds, move.direction.estimate(sample.w), move.reach, move.most, STREAMS[move.name]
        )
        for move in moves
    }
    made_by = {
        "generator_sha256": sample.generator,
        "direction_sha256": "".join(fingerprint(move.direction) for move in moves),
        "hair_sha256": judge,
        **{f"max_{name}_gap": 0.0 for name in STREAMS},
        **{f"max_{move.name}_gap": float(move.most) for move in moves},
        "psi": sample.psi,
    } | {name: value for name, value in sample.scorer.items() if not name.startswith("version_")}
    if lights(gaps):
        made_by["light_tolerance"] = MOST_UNLIT
    strangers = earlier_strangers(out, made_by)
    strangers = nearest_strangers(shards, tools) if strangers is None else strangers

    def sources(rows: np.ndarray) -> np.ndarray:
        return moved(sample.w[rows], moves, [gap[rows] for gap in gaps.values()])

    paths = write_shards(shards, sample, out, sources, gaps, strangers, made_by, tools, mask)
    if not all(done(own, mask) for own in paths):
        return None
    columns = [read_arrays(checked) for _, checked, _ in paths]
    checked = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    write_image(picture(shards, checked, sources, tools), out / PICTURE)
    report = summary(checked, sample, strangers, list(gaps)) | made_by
    write_json(out / REPORT, report)
    return report


def gaps_within(
    seeds: np.ndarray, values: np.ndarray, reach: tuple[float, float], most: float, stream: int = 1
) -> np.ndarray:
    """(N,) gaps, each uniform among those up to `most` that keep value + gap within `reach`.

    A gap depends on its seed and value alone, and on the `stream`, one for each attribute. A face beyond the reach is
    only moved back towards it.
    """
    low = np.clip(reach[0] - values, -most, 0)
    high = np.clip(reach[1] - values, 0, most)
    share = np.array([np.random.RandomState([seed, stream]).uniform() for seed in seeds])
    return low + share * (high - low)


def moved(w: np.ndarray, moves: list[Move], gaps: list[np.ndarray]) -> np.ndarray:
    """(N, w_dim) float32 codes moved by (N,) units along each direction, one after the other."""
    for move, gap in zip(moves, gaps, strict=True):
        lengths = move.direction.length_to(w, move.direction.estimate(w) + gap)
        w = w + lengths[:, None] * move.direction.vector
    return w.astype(np.float32)


if __name__ == "__main__":
    run(main)
