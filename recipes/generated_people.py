"""Pictures of the built-in generator in which every person appears several times, for the face embedders.

    python -m recipes.generated_people --out runs/renders/generated-people      # 0.01 s per picture and core

The built-in generator's latents are factors of heads (recipes.factors): a person is a set of factors of identity, and
each of its pictures takes all others, hair, expression, pose, light and surroundings, from another sample. Rendering
as many heads takes four times as long. Columns: image (N, S, S, 3) uint8, person (N,) int64. The same command goes on
where it was stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.command import run
from data.files import sha256
from data.progress import Progress
from data.shards import write_arrays
from data.weights import builtin
from data.workers import Workers
from data.world import cores
from recipes import factors
from recipes.generated import missing, read_set, sampled
from synth import latents, load_generator

FIRST = 60_000_000  # first seed of the persons: far from all that is sampled for training, measuring or scoring
AROUND = 1_060_000_000  # first seed of all that is not the person: a gallery of 60 million faces would meet it
IDENTITY = [number for number, name in enumerate(factors.NAMES) if name.startswith("identity.")]


def person_latents(persons: range, views: int) -> Tensor:
    """(P * views, z_dim): the persons of these numbers, `views` rows each."""
    own = latents([FIRST + number for number in persons], factors.Z_DIM)
    around = latents([AROUND + number * views + view for number in persons for view in range(views)], factors.Z_DIM)
    return factors.exchanged(around, own.repeat_interleave(views, 0), IDENTITY)


def _sampled(task: tuple[range, int, float]) -> np.ndarray:
    persons, views, psi = task
    torch.set_num_threads(1)
    return sampled(load_generator("builtin", "cpu"), person_latents(persons, views), psi)


def main(
    *,
    out: Path,
    persons: int = 6_000,
    views: int = 6,
    shard_size: int = 120,
    psi: float = 1.0,
    workers: int | None = None,
) -> None:
    """Samples persons of the built-in generator, each with several hairstyles, poses and lights.

    Args:
        out: folder for the shards
        persons: number of persons
        views: pictures of each person
        shard_size: persons per file
        psi: truncation of the samples
        workers: processes, one thread each (none: one per core)
    """
    if persons < 2 or shard_size < 1 or persons % shard_size:
        raise ValueError(f"--persons {persons} must be a multiple of --shard-size {shard_size}, and at least 2")
    if not 2 <= views <= 100:
        raise ValueError(f"--views is {views}: a person needs 2 to 100 pictures")
    G = load_generator("builtin", "cpu")
    attrs = {"generator_sha256": G.sha256, "persons": persons, "views": views, "shard_size": shard_size, "psi": psi}
    tasks = {
        path: range(index * shard_size, (index + 1) * shard_size)
        for index, path in missing(out, persons // shard_size, attrs)
    }
    if not tasks:
        return
    with Workers(min(workers or cores(), len(tasks)), "a sampling process") as pool:
        found = pool.in_order(_sampled, [(numbers, views, psi) for numbers in tasks.values()])
        for (path, numbers), images in zip(Progress(tasks.items(), unit="shard"), found, strict=True):
            write_arrays(path, {"image": images, "person": np.repeat(np.array(numbers, np.int64), views)}, attrs)


def load_people(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """image and person of all shards of a folder, and how they were made."""
    remedy = f"run `python -m recipes.generated_people --out {folder}`"
    data, made = read_set(folder, "persons", ("image", "person"), remedy)
    if made["generator_sha256"] != sha256(builtin("generator")):  # whose latents mean what recipes.factors says
        raise ValueError(f"{folder} was made by another generator than the built-in one: delete it and {remedy}")
    return data, made


if __name__ == "__main__":
    run(main)
