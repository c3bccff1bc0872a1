"""Makes the shipped directions of the built-in generator: samples faces, measures them, fits.

    python -m recipes.directions --out runs/builtin/hairnet

Each stage keeps what is done, so the same command goes on after an interruption, and recipes.hairnet with the same
folder takes its faces and directions from here. Another generator needs another folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from data.command import run
from data.files import atomic_path
from directions.direction import BUILTIN
from directions.fit import fit_directions
from directions.measure import measure_shards
from directions.report import matrix, table
from synth.sample import sample

FACES = 22_528  # of which 20,000 and more make pairs
SHARD_SIZE = 4096


def main(*, out: Path, faces: int = FACES) -> None:
    """Fits the directions of the built-in generator and puts them into data/weights/directions.

    Args:
        out: folder for the stages: faces, directions
        faces: number of faces to sample, seeds 0 to faces - 1
    """
    report = directions_of("builtin", out, faces)
    print(f"{table(report)}\n\n{matrix(report)}")
    for name in report["directions"]:
        with atomic_path(BUILTIN / f"{name}.json") as temporary:
            shutil.copyfile(out / "directions" / f"{name}.json", temporary)


def directions_of(generator: str, out: Path, faces: int) -> dict:
    """Writes out/faces and out/directions; returns the report of the fit."""
    sample(generator, list(range(faces)), out / "faces", shard_size=SHARD_SIZE)
    measure_shards(out / "faces")
    return fit_directions(out / "faces", out / "directions", generator=generator)


if __name__ == "__main__":
    run(main)
