"""Pairs for training: a face, and its hair seen from another side: `python -m directions.pairs runs/x/faces`.

The hair source of a face is the face itself, turned in the latent space by a random angle along the direction of yaw,
which holds everything else that is measured fixed. So the hair is the same, and the head does not lie as the face does.
Every pair is rendered and looked at; those that contradict this are left out, and counted by their reason.

`pairs-00017.h5` belongs to `shard-00017.h5` and holds, one row per face with a good pair, in the shard's order,
    seed     (N,) int64
    w_face   (N, w_dim) float32    as in the shard
    w_hair   (N, w_dim) float32    the same hair, turned by yaw_gap
    yaw_gap  (N,) float32          degrees, positive: the hair source is turned to the image's right
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import check_folder_place, sweep_temporaries, write_json
from data.images import write_image
from data.progress import Progress
from data.shards import Shards, read_arrays, read_attrs, write_arrays
from directions.check import GOOD, check_pairs, nearest_strangers, picture, summary
from directions.direction import Direction, fingerprint, load_direction
from directions.instruments import Instruments
from directions.likeness import Describer
from directions.measured import MeasuredFaces, open_faces
from directions.pool import MeasuringPool

REPORT, PICTURE = "report.json", "pairs.png"
STREAM = 1  # the gaps' own random stream: the seed alone has drawn z


def main(
    faces: Path,
    *,
    directions: Path | None = None,
    out: Path | None = None,
    max_yaw_gap: float = 40.0,
    generator: str = "builtin",
    parser: str = "builtin",
    hair: str = "builtin-hair",
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Makes misaligned pairs with the same hair out of sampled faces, and leaves out those that look otherwise.

    Writes for every shard pairs-00000.h5 and checked-00000.h5 (what was measured on each pair, and why it is left out),
    report.json and pairs.png. An interrupted run is taken up again by the same command.

    Args:
        faces: folder of shards that directions.measure has measured
        directions: folder that directions.fit has written; None: "directions" beside the folder of faces
        out: folder for the pairs; None: "pairs" beside the folder of faces
        max_yaw_gap: largest angle between face and hair source in degrees, above 0 and below 90
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        hair: "builtin-hair" or the path of a hair descriptor, which judges whether the hair is the same
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    report = make_pairs(
        faces,
        directions or faces.parent / "directions",
        out or faces.parent / "pairs",
        max_yaw_gap=max_yaw_gap,
        generator=generator,
        parser=parser,
        hair=hair,
        workers=workers,
        device=device,
    )
    gap, likeness = report["yaw_gap"], report["hair"]
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in report["rejected"].items())
    print(f"{report['pairs']:,} pairs of {report['faces']:,} faces; left out: {rejected}")
    print(f"of 1 degree asked {gap['slope']:.2f} were measured, mean error {gap['mae']:.1f} deg")
    print(f"{likeness['nearer_than_strangers']:.1%} have hair more alike than the 5 % most alike of strangers")
    for name, drift in report["drift"].items():
        print(f"{name}: {drift['rms_sd']:.2f} SD apart within pairs, {drift['unrelated_rms_sd']:.2f} SD between faces")


def make_pairs(
    faces: Path,
    directions: Path,
    out: Path,
    max_yaw_gap: float = 40.0,
    generator: str = "builtin",
    parser: str = "builtin",
    hair: str = "builtin-hair",
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Writes the pairs of every shard and returns the report."""
    if not 0 < max_yaw_gap < 90:
        raise ValueError(f"--max-yaw-gap is {max_yaw_gap}, but it is an angle above 0 and below 90 degrees")
    if not (directions / "yaw.json").is_file():
        raise FileNotFoundError(
            f"--directions {directions} has no yaw.json: give a folder of `python -m directions.fit`"
        )
    check_folder_place(out)
    shards = Shards(faces)
    sample, network, render = open_faces(shards, generator, parser, device)
    yaw = load_direction(directions / "yaw.json", network)
    describe = Describer(identity=None, hair=hair, device=device)
    with MeasuringPool(parser, device, workers) as measure:
        tools = Instruments(render, measure, describe)
        return pair_up(shards, sample, yaw, out, max_yaw_gap, tools, describe.sha256)


def pair_up(
    shards: Shards,
    sample: MeasuredFaces,
    turn: Direction,
    out: Path,
    max_yaw_gap: float,
    tools: Instruments,
    judge: str,
) -> dict[str, Any]:
    """Turns every face of the shards along the direction `turn`, checks and writes the pairs, reports.

    `judge`: sha256 of the hair descriptor among the `tools`.
    """
    yaw = turn.estimate(sample.w)  # not the measured one, which is missing where no face was found
    reach = (float(turn.curve.values[0]), float(turn.curve.values[-1]))
    gaps = yaw_gaps(sample.seeds, yaw, reach, max_yaw_gap)
    strangers = nearest_strangers(shards, tools)
    made_by = {
        "generator_sha256": sample.generator,
        "direction_sha256": fingerprint(turn),
        "hair_sha256": judge,
        "max_yaw_gap": float(max_yaw_gap),
        "psi": sample.psi,
    }
    checked = _write_shards(shards, sample, out, turn, gaps, strangers, made_by, tools)
    write_image(picture(shards, checked, lambda rows: turned(sample.w[rows], turn, gaps[rows]), tools), out / PICTURE)
    report = summary(checked, sample, strangers) | made_by
    write_json(out / REPORT, report)
    return report


def yaw_gaps(seeds: np.ndarray, yaw: np.ndarray, reach: tuple[float, float], max_yaw_gap: float) -> np.ndarray:
    """(N,) gaps in degrees, each uniform among those up to `max_yaw_gap` that keep yaw + gap within `reach`.

    A gap depends on its seed and yaw alone. A face beyond the reach is only turned back towards it.
    """
    low = np.clip(reach[0] - yaw, -max_yaw_gap, 0)
    high = np.clip(reach[1] - yaw, 0, max_yaw_gap)
    share = np.array([np.random.RandomState([seed, STREAM]).uniform() for seed in seeds])
    return low + share * (high - low)


def turned(w: np.ndarray, turn: Direction, gaps: np.ndarray) -> np.ndarray:
    """(N, w_dim) float32 codes turned by (N,) degrees."""
    lengths = turn.length_to(w, turn.estimate(w) + gaps)
    return (w + lengths[:, None] * turn.vector).astype(np.float32)


def _write_shards(
    shards: Shards,
    sample: MeasuredFaces,
    out: Path,
    turn: Direction,
    gaps: np.ndarray,
    strangers: float,
    made_by: dict[str, Any],
    tools: Instruments,
) -> dict[str, np.ndarray]:
    """Writes the pairs of every shard that has none; returns what was checked on the pairs of all."""
    sweep_temporaries(out)
    paths = [(out / f"pairs-{shard.stem[6:]}.h5", out / f"checked-{shard.stem[6:]}.h5") for shard in shards.paths]
    for path, _ in paths:
        if path.exists() and any(read_attrs(path).get(name) != value for name, value in made_by.items()):
            raise ValueError(f"{path} was made with other settings: delete its folder or give another --out")
    columns = []
    for k, (path, beside) in enumerate(Progress(paths, unit="shard", desc="pairs")):
        if not (path.exists() and beside.exists()):
            rows = np.arange(int(shards.starts[k]), int(shards.starts[k + 1]))
            w_hair = turned(sample.w[rows], turn, gaps[rows])
            checked = check_pairs(shards, rows, w_hair, gaps[rows], sample, strangers, tools)
            good = checked["verdict"] == GOOD
            pairs: dict[str, Any] = {
                "seed": sample.seeds[rows][good],
                "w_face": sample.w[rows][good],
                "w_hair": w_hair[good],
                "yaw_gap": gaps[rows][good].astype(np.float32),
            }
            write_arrays(beside, {"seed": sample.seeds[rows], **checked}, made_by)
            write_arrays(path, pairs, made_by | {"unit_yaw_gap": "deg"})
        columns.append(read_arrays(beside))
    return {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}


if __name__ == "__main__":
    run(main)
