"""Measures the attributes of sampled faces: `python -m directions.measure runs/x/faces`.

Beside every complete shard it writes `shard-00017.attributes.h5` with the columns of directions.attributes; the shard
itself is never changed. Run again, it measures what is missing. Several machines may share a folder: under torchrun
every process takes its share of the shards.
"""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import sha256, sweep_temporaries, write_json
from data.progress import Progress
from data.shards import Shards, attributes_path, read_arrays, read_attrs, write_arrays
from directions.attributes import MEASURED
from directions.pool import MeasuringPool, join
from directions.scorer import BATCH, OLD, Scorer, stranger

REPORT = "attributes.json"
COPIED = ("generator_sha256", "psi", "image_size")  # attributes of the shard that its measurements repeat
PACKAGES = ("torch", "numpy", "facenet-pytorch")


def main(
    faces: Path,
    *,
    parser: str = "builtin",
    pose: str = "builtin",
    check: bool = False,
    own: str = "",
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Measures head pose, hair, glasses, mouth and skin of all sampled faces.

    Writes a small file beside every shard and attributes.json, with the share of faces that were found. An interrupted
    run is taken up again by the same command.

    Args:
        faces: folder of shards that synth.sample has written
        parser: "builtin" or the path of a face parser
        pose: "builtin", the path of a pose network, or "mtcnn": facenet-pytorch's detector, thirty times slower
        check: also asks MTCNN, and takes as not measured where it finds no face or another yaw
        own: Python files with attributes of one's own, with commas between them (see directions/own.py)
        workers: processes of one thread each; None: one per core
        device: cpu or cuda, for the networks; None: cuda if there is one (MTCNN always runs on the CPU)
    """
    report = measure_shards(faces, Scorer(parser, pose, check, own), workers=workers, device=device)
    if report is not None:
        print(f"a face was found in {report['found']:.1%} of {report['faces']:,} pictures")


def measure_shards(
    folder: Path, scorer: Scorer | None = None, workers: int | None = None, device: str | None = None
) -> dict[str, Any] | None:
    """Measures every shard that has no measurements; returns the report, None while other processes have work left."""
    shards = Shards(folder)
    scorer = scorer or Scorer()
    measured_by = scorer.identity
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    sweep_temporaries(folder)
    missing = []
    for k, path in enumerate(shards.paths):
        if not _measured(path, measured_by) and k % world == rank:
            missing.append(k)
    if missing:
        with MeasuringPool(scorer, device, workers, shards) as pool:
            _measure(shards, missing, pool, measured_by)
    if not all(_measured(path, measured_by) for path in shards.paths):
        return None
    report = summary(shards)
    write_json(folder / REPORT, report)
    return report


def summary(shards: Shards) -> dict[str, Any]:
    """Share of faces found, and of every attribute the share measured, mean, SD and percentiles 1, 50, 99."""
    columns = {name: shards.attributes(name) for name in MEASURED}
    report: dict[str, Any] = {"faces": len(shards), "found": float(np.isfinite(columns["yaw"]).mean())}
    for name, values in columns.items():
        known = values[np.isfinite(values)].astype(np.float64)
        figures = {"unit": MEASURED[name].unit, "measured": len(known) / len(values)}
        if len(known):
            percentiles = np.percentile(known, [1, 50, 99]).tolist()
            figures |= {"mean": known.mean(), "sd": known.std(), "percentiles_1_50_99": percentiles}
        report[name] = figures
    return report


def _measure(shards: Shards, missing: list[int], pool: MeasuringPool, measured_by: dict[str, Any]) -> None:
    """Measures the shards `missing` in order; a file is written as soon as its shard is done."""
    batches = {k: _batches(int(shards.starts[k]), int(shards.starts[k + 1])) for k in missing}
    done = len(shards) - sum(int(shards.starts[k + 1] - shards.starts[k]) for k in missing)
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    with Progress(total=len(shards), initial=done, unit="face", desc="measure") as bar:
        results = pool.shard_rows([rows for k in missing for rows in batches[k]])
        for k in missing:
            parts = []
            for rows in batches[k]:
                parts.append(next(results))
                bar.update(len(rows))
            shard = shards.paths[k]
            attrs = {name: value for name, value in read_attrs(shard).items() if name in COPIED}
            attrs |= {"shard_sha256": sha256(shard), "batch": BATCH} | measured_by
            attrs |= {f"version_{package}": version for package, version in versions.items()}
            attrs |= {f"unit_{name}": attribute.unit for name, attribute in MEASURED.items()}
            seeds = read_arrays(shard, ["seed"])
            write_arrays(attributes_path(shard), {**seeds, **join(parts)}, attrs)


def _batches(first: int, last: int) -> list[np.ndarray]:
    """Row numbers of one shard in batches that never cross into another: its result depends on nothing else."""
    return [np.arange(row, min(row + BATCH, last)) for row in range(first, last, BATCH)]


def _measured(shard: Path, measured_by: dict[str, Any]) -> bool:
    """Whether a shard has all its measurements; ValueError when they are another shard's or another scorer's."""
    path = attributes_path(shard)
    if not path.exists():
        return False
    there, own = read_attrs(path), read_attrs(shard)
    if flag := stranger(there, measured_by):
        raise ValueError(f"{path} was measured with another {flag}: give that one or delete the file")
    columns = read_arrays(path)
    same = all(there.get(name) == own.get(name) for name in COPIED)
    if not same or not np.array_equal(columns.get("seed", np.empty(0)), read_arrays(shard, ["seed"])["seed"]):
        raise ValueError(f"{path} belongs to another shard than {shard.name}: delete it and run the command again")
    told = OLD | there
    same = all(told.get(name) == value for name, value in measured_by.items())  # of versions and files of one's own
    return set(MEASURED) <= set(columns) and same


if __name__ == "__main__":
    run(main)
