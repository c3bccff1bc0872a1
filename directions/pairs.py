"""Pairs for training: a face, and its hair seen from another side: `python -m directions.pairs runs/x/faces`.

The hair source of a face is the face itself, turned in the latent space by a random angle along a yaw direction that
holds the measured attributes of the hair fixed. So the hair is the same, and the head does not lie as the face does.

`pairs-00017.h5` belongs to `shard-00017.h5` and holds, one row per face in the shard's order,
    seed     (N,) int64
    w_face   (N, w_dim) float32    as in the shard
    w_hair   (N, w_dim) float32    the same hair, turned by yaw_gap
    yaw_gap  (N,) float32          degrees, positive: the hair source is turned to the image's right
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from data.command import run
from data.files import sha256, sweep_temporaries, write_json
from data.images import write_image
from data.shards import Shards, read_attrs, write_arrays
from directions.attributes import HAIR_ATTRIBUTES
from directions.calibrate import Render
from directions.direction import Direction, load_directions, save_direction
from directions.linear import held_out
from directions.measured import MeasuredFaces, open_faces
from directions.pictures import caption, strip
from directions.pool import Measure, MeasuringPool
from directions.turn import fit_turn, stored_turn

TURN, REPORT, PICTURE = "turn.json", "report.json", "pairs.png"
STREAM = 1  # the gaps' own random stream: the seed alone has drawn z
LEAST_CHECKED = 8
SHOWN = 12
PAIRS_IN_ROW = 4
PARTS = ("face", "hair")


def main(
    faces: Path,
    *,
    directions: Path | None = None,
    out: Path | None = None,
    max_yaw_gap: float = 40.0,
    check: int = 128,
    generator: str = "builtin",
    parser: str = "builtin",
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Makes misaligned pairs with the same hair out of sampled faces, and measures on a sample of them that they are.

    Writes pairs-00000.h5 for every shard, turn.json (the yaw direction that keeps the hair), report.json and pairs.png.
    An interrupted run is taken up again by the same command.

    Args:
        faces: folder of shards that directions.measure has measured
        directions: folder that directions.fit has written; None: "directions" beside the folder of faces
        out: folder for the pairs; None: "pairs" beside the folder of faces
        max_yaw_gap: largest angle between face and hair source in degrees, above 0 and below 90
        check: held-out pairs to render and measure, at least 8
        generator: "builtin" or the checkpoint that made the faces
        parser: "builtin" or the path of the face parser that measured them
        workers: processes that measure; None: one per core
        device: cpu or cuda; None: cuda if there is one
    """
    report = make_pairs(
        faces,
        directions or faces.parent / "directions",
        out or faces.parent / "pairs",
        max_yaw_gap=max_yaw_gap,
        check=check,
        generator=generator,
        parser=parser,
        workers=workers,
        device=device,
    )
    gap = report["yaw_gap"]
    print(f"{report['pairs']:,} pairs; of 1 degree asked {gap['slope']:.2f} were measured, MAE {gap['mae']:.1f} deg")
    for name, drift in report["drift"].items():
        print(f"{name}: {drift['rms_sd']:.2f} SD apart within pairs, {drift['unrelated_rms_sd']:.2f} SD between faces")


def make_pairs(
    faces: Path,
    directions: Path,
    out: Path,
    max_yaw_gap: float = 40.0,
    check: int = 128,
    generator: str = "builtin",
    parser: str = "builtin",
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Writes the pairs of every shard and returns the report."""
    if not 0 < max_yaw_gap < 90:
        raise ValueError(f"--max-yaw-gap is {max_yaw_gap}, but it is an angle above 0 and below 90 degrees")
    if check < LEAST_CHECKED:
        raise ValueError(f"--check is {check}, but fewer than {LEAST_CHECKED} pairs show nothing")
    shards = Shards(faces)
    sample, network, render = open_faces(shards, generator, parser, device)
    yaw, hair = _directions(directions, network)
    turn = stored_turn(out / TURN, yaw, hair, network)
    with MeasuringPool(parser, device, workers) as measure:
        if turn is None:
            turn = fit_turn(yaw, hair, sample, render, measure)
            save_direction(turn, out / TURN)
        return pair_up(shards, sample, turn, out, max_yaw_gap, check, render, measure)


def pair_up(
    shards: Shards,
    sample: MeasuredFaces,
    turn: Direction,
    out: Path,
    max_yaw_gap: float,
    check: int,
    render: Render,
    measure: Measure,
) -> dict[str, Any]:
    """Turns every face of the shards along the saved `turn`, writes the pairs, checks `check` of them, reports."""
    w = sample.w
    yaw = turn.estimate(w)  # not the measured one, which is missing where no face was found
    reach = (float(turn.curve.values[0]), float(turn.curve.values[-1]))
    gaps = yaw_gaps(sample.seeds, yaw, reach, max_yaw_gap)
    made_by = {
        "generator_sha256": sample.generator,
        "turn_sha256": sha256(out / TURN),
        "max_yaw_gap": float(max_yaw_gap),
        "psi": sample.psi,
    }
    _write_shards(shards, sample, out, turn, gaps, made_by)
    chosen = np.flatnonzero(held_out(sample.seeds))[-check:]
    w_hair = turned(w[chosen], turn, gaps[chosen])
    checked, picture = verify(w[chosen], w_hair, gaps[chosen], sample.sd, render, measure)
    write_image(picture, out / PICTURE)
    report = {"pairs": len(yaw)} | made_by | checked | {"turn": turn.figures}
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


def verify(
    w_face: np.ndarray, w_hair: np.ndarray, gaps: np.ndarray, sd: dict[str, float], render: Render, measure: Measure
) -> tuple[dict[str, Any], Image.Image]:
    """Renders and measures pairs: (achieved yaw gap and drift of the hair, a picture of some of them).

    The drift of an attribute is the root mean square of its difference within a pair, in SD of all faces, beside the
    same between unrelated faces; `mean_sd` is its mean, and `mean_sd_per_40_deg` how much of it goes with the turn.
    """
    images = np.stack([render(w_face), render(w_hair)], axis=1)
    measured = {name: column.reshape(-1, 2) for name, column in measure(images.reshape(-1, *images.shape[2:])).items()}
    change = {name: (pair[:, 1] - pair[:, 0]).astype(np.float64) for name, pair in measured.items()}
    known = np.isfinite(change["yaw"])
    asked, got = gaps[known], change["yaw"][known]
    gap = {
        "asked_mean_abs": np.abs(gaps).mean(),
        "slope": (asked @ got) / (asked @ asked) if known.any() else np.nan,
        "mae": np.abs(got - asked).mean() if known.any() else np.nan,
        "faces_found": known.mean(),
    }
    drift = {name: _drift(measured[name], gaps, sd[name]) for name in HAIR_ATTRIBUTES}
    return {"checked": len(gaps), "yaw_gap": gap, "drift": drift}, _picture(images, measured["yaw"])


def _drift(pairs: np.ndarray, gaps: np.ndarray, sd: float) -> dict[str, float]:
    """Figures of one attribute measured on (N, 2) pairs."""
    change = (pairs[:, 1] - pairs[:, 0]).astype(np.float64) / sd
    unrelated = (np.roll(pairs[:, 1], 1) - pairs[:, 0]).astype(np.float64) / sd
    known = np.isfinite(change)
    slope = (change[known] @ gaps[known]) / (gaps[known] @ gaps[known])
    return {
        "rms_sd": np.sqrt(np.mean(change[known] ** 2)),
        "unrelated_rms_sd": np.sqrt(np.nanmean(unrelated**2)),
        "mean_sd": change[known].mean(),
        "mean_sd_per_40_deg": 40 * slope,
    }


def _picture(images: np.ndarray, yaw: np.ndarray) -> Image.Image:
    """Some of (N, 2, H, W, 3) pairs, face and hair source side by side, with their measured (N, 2) yaw."""
    count = min(SHOWN, len(images)) // PAIRS_IN_ROW * PAIRS_IN_ROW
    columns = 2 * PAIRS_IN_ROW
    values = yaw[:count].reshape(-1, columns)
    rows = [[f"{PARTS[k % 2]}, {caption('yaw', value)}" for k, value in enumerate(row)] for row in values]
    return strip(images[:count].reshape(-1, columns, *images.shape[2:]), rows)


def _directions(folder: Path, network: Any) -> tuple[Direction, list[Direction]]:
    """(yaw, the hair attributes that have a direction)."""
    known = load_directions(folder, network)
    hair = [known[name] for name in HAIR_ATTRIBUTES if name in known]
    if "yaw" not in known or not hair:
        raise ValueError(f"{folder} has no direction for yaw or none for hair: run `python -m directions.fit` for both")
    return known["yaw"], hair


def _write_shards(
    shards: Shards, sample: MeasuredFaces, out: Path, turn: Direction, gaps: np.ndarray, made_by: dict[str, Any]
) -> None:
    """Writes the pairs of every shard that has none."""
    sweep_temporaries(out)
    paths = [out / shard.name.replace("shard-", "pairs-") for shard in shards.paths]
    for path in filter(Path.exists, paths):
        if any(read_attrs(path).get(name) != value for name, value in made_by.items()):
            raise ValueError(f"{path} was made with other settings: delete its folder or give another --out")
    for k, path in enumerate(tqdm(paths, unit="shard", desc="pairs")):
        if path.exists():
            continue
        rows = slice(int(shards.starts[k]), int(shards.starts[k + 1]))
        seeds, w = sample.seeds[rows], sample.w[rows]
        w_hair = turned(w, turn, gaps[rows])
        gap = gaps[rows].astype(np.float32)
        attrs = made_by | {"unit_yaw_gap": "deg"}
        write_arrays(path, {"seed": seeds, "w_face": w, "w_hair": w_hair, "yaw_gap": gap}, attrs)


if __name__ == "__main__":
    run(main)
