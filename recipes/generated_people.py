"""Pictures of the built-in generator in which every person, or every hairstyle, appears several times: for embedders.

    python -m recipes.generated_people --out runs/renders/generated-people      # 0.01 s per picture and core
    python -m recipes.generated_people --same hair --out runs/renders/generated-hairs

The built-in generator's latents are factors of heads (recipes.factors): a person is a set of factors of identity, and
each of its pictures takes all others, hair, expression, pose, light and surroundings, from another sample; a hairstyle
likewise. Rendering as many heads takes four times as long. Columns: image (N, S, S, 3) uint8, and person or hair (N,)
int64. The same command goes on where it was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
from recipes.generator_data import maker
from synth import latents, load_generator


@dataclass(frozen=True)
class Same:
    """What the pictures of one class share, and where the seeds of its classes and of all else begin."""

    factors: tuple[str, ...]  # beginnings of the names of the factors that are the class
    first: int  # far from all that is sampled for training, measuring or scoring
    around: int  # of all that is not the class: a gallery of 60 million faces would meet it

    @property
    def columns(self) -> list[int]:
        return [number for number, name in enumerate(factors.NAMES) if name.startswith(self.factors)]


SAME = {
    "person": Same(("identity.",), 60_000_000, 1_060_000_000),
    "hair": Same(("hair.", "cut."), 70_000_000, 1_560_000_000),
}


def class_latents(same: str, numbers: range, views: int) -> Tensor:
    """(C * views, z_dim): the persons or hairstyles of these numbers, `views` rows each."""
    what = SAME[same]
    own = latents([what.first + number for number in numbers], factors.Z_DIM)
    seeds = [what.around + number * views + view for number in numbers for view in range(views)]
    return factors.exchanged(latents(seeds, factors.Z_DIM), own.repeat_interleave(views, 0), what.columns)


def _sampled(task: tuple[str, range, int, float]) -> np.ndarray:
    same, numbers, views, psi = task
    torch.set_num_threads(1)
    return sampled(load_generator("builtin", "cpu"), class_latents(same, numbers, views), psi)


def main(
    *,
    out: Path,
    same: Literal["person", "hair"] = "person",
    classes: int = 6_000,
    views: int = 6,
    shard_size: int = 120,
    psi: float = 1.0,
    workers: int | None = None,
) -> None:
    """Samples persons of the built-in generator, each with several hairstyles, poses and lights; or hairstyles.

    Args:
        out: folder for the shards
        same: what the pictures of a class share: the person, or the hair
        classes: number of persons or hairstyles
        views: pictures of each
        shard_size: persons or hairstyles per file
        psi: truncation of the samples
        workers: processes, one thread each (none: one per core)
    """
    if classes < 2 or shard_size < 1 or classes % shard_size:
        raise ValueError(f"--classes {classes} must be a multiple of --shard-size {shard_size}, and at least 2")
    if not 2 <= views <= 100:
        raise ValueError(f"--views is {views}: a class needs 2 to 100 pictures")
    G = load_generator("builtin", "cpu")
    counted = _counted(same)
    attrs = {"generator_sha256": G.sha256, counted: classes, "views": views, "shard_size": shard_size, "psi": psi}
    attrs |= {"maker": maker()}
    tasks = {
        path: range(index * shard_size, (index + 1) * shard_size)
        for index, path in missing(out, classes // shard_size, attrs)
    }
    if not tasks:
        return
    with Workers(min(workers or cores(), len(tasks)), "a sampling process") as pool:
        found = pool.in_order(_sampled, [(same, numbers, views, psi) for numbers in tasks.values()])
        for (path, numbers), images in zip(Progress(tasks.items(), unit="shard"), found, strict=True):
            write_arrays(path, {"image": images, same: np.repeat(np.array(numbers, np.int64), views)}, attrs)


def load_people(folder: Path, same: str = "person") -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """image and person (or hair) of all shards of a folder, and how they were made."""
    remedy = f"run `python -m recipes.generated_people --same {same} --out {folder}`"
    data, made = read_set(folder, _counted(same), ("image", same), remedy)
    if made["generator_sha256"] != sha256(builtin("generator")):  # whose latents mean what recipes.factors says
        raise ValueError(f"{folder} was made by another generator than the built-in one: delete it and {remedy}")
    return data, made


def _counted(same: str) -> str:
    """The attribute of a folder that says how many classes it shows."""
    return f"{same}s"


if __name__ == "__main__":
    run(main)
