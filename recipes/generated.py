"""Pictures of the built-in generator with the labels of the renders that they stand for.

    python -m recipes.generated --out runs/renders/generated        # 0.05 s per picture and core

The built-in generator's latents are factors of heads (recipes.factors), so every sample has a render of the same person
with the same hair in the same place, and that render's labels are the sample's. They teach the parser the generator's
own handwriting, such as hair without strands, which renders alone do not show. Columns: image (N, S, S, 3) uint8,
labels (N, S, S) uint8 in CelebAMask-HQ's order, seed (N,) int64. The same command goes on where it was stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.command import run
from data.images import to_tensor, to_uint8
from data.progress import Progress
from data.shards import read_arrays, read_attrs, shard_path, write_arrays
from data.workers import Workers
from data.world import cores
from faces.parsing import resized
from recipes import factors
from recipes.generator_data import maker
from synth import heads, latents, load_generator

FIRST = 50_000_000  # first seed: far from all that is sampled for training, measuring or scoring
ROWS = 32  # pictures per synthesis call


def labels_of(task: tuple[Tensor, int]) -> np.ndarray:
    """(N, size, size) uint8: the labels of the renders that latents (N, z_dim) stand for; for one process."""
    z, size = task
    return np.stack([heads.render(factors.head(unit), size).labels for unit in factors.unit_factors(z)])


def main(
    *,
    out: Path,
    images: int = 4_800,
    size: int = 128,
    shard_size: int = 240,
    psi: float = 1.0,
    workers: int | None = None,
) -> None:
    """Samples the built-in generator and labels its pictures by rendering what they stand for.

    Args:
        out: folder for the shards
        images: number of pictures
        size: side of the label maps in pixels, 16 to 1024; the pictures are enlarged to it (bilinear)
        shard_size: pictures per file
        psi: truncation of the samples
        workers: processes that render, one thread each (none: one per core)
    """
    if not 16 <= size <= 1024:
        raise ValueError(f"--size is {size}: it must lie in 16 to 1024")
    if images < 1 or shard_size < 1 or images % shard_size:
        raise ValueError(f"--images {images} must be a positive multiple of --shard-size {shard_size}")
    G = load_generator("builtin", "cpu")
    attrs = {
        "generator_sha256": G.sha256,
        "images": images,
        "size": size,
        "shard_size": shard_size,
        "psi": psi,
        "maker": maker(),
    }
    tasks = {}
    for index, path in missing(out, images // shard_size, attrs):
        seeds = range(FIRST + index * shard_size, FIRST + (index + 1) * shard_size)
        tasks[path] = (seeds, latents(seeds, G.z_dim))
    if not tasks:
        return
    with Workers(min(workers or cores(), len(tasks)), "a rendering process") as pool:
        found = pool.in_order(labels_of, [(z, size) for _, z in tasks.values()])
        for (path, (seeds, z)), labels in zip(Progress(tasks.items(), unit="shard"), found, strict=True):
            arrays: dict[str, Any] = {
                "seed": np.array(seeds, np.int64),
                "image": enlarged(sampled(G, z, psi), size),
                "labels": labels,
            }
            write_arrays(path, arrays, attrs)


def sampled(generator: Any, z: Tensor, psi: float) -> np.ndarray:
    """(N, R, R, 3) uint8 pictures of latents."""
    with torch.no_grad():
        parts = [generator.synthesis(generator.mapping(rows, psi), noise="const") for rows in z.split(ROWS)]
    return to_uint8(torch.cat(parts))


def enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """(N, R, R, 3) uint8 -> (N, size, size, 3) uint8, as a parser of that size sees pictures of R px."""
    return to_uint8(resized(to_tensor(images), size))


def load_generated(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """image and labels of all shards of a folder, and how they were made."""
    return read_set(folder, "images", ("image", "labels"), f"run `python -m recipes.generated --out {folder}`")


def missing(out: Path, shards: int, attrs: dict[str, Any]) -> list[tuple[int, Path]]:
    """The shards of a set that are still to be made; ValueError when one that is there was made otherwise."""
    paths = [shard_path(out, index) for index in range(shards)]
    for path in paths:
        if path.is_file() and read_attrs(path) != attrs:
            raise ValueError(f"{path} was made otherwise: give another --out or the same flags as before")
    return [(index, path) for index, path in enumerate(paths) if not path.is_file()]


def read_set(
    folder: Path, counted: str, names: tuple[str, ...], remedy: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The named columns of all shards of a folder, and how they were made; ValueError when some are not there.

    counted: the attribute that, over shard_size, says how many shards there are. remedy: what makes them.
    """
    if not shard_path(folder, 0).is_file():
        raise FileNotFoundError(f"{folder} has no pictures: {remedy}")
    made = read_attrs(shard_path(folder, 0))
    if counted not in made:
        raise ValueError(
            f"{folder} holds other pictures than {counted}: give another folder, or delete it and {remedy}"
        )
    paths = [shard_path(folder, index) for index in range(made[counted] // made["shard_size"])]
    for path in paths:
        if not path.is_file() or read_attrs(path) != made:
            raise ValueError(f"{path} is missing or made otherwise: {remedy}, with the flags as before")
    parts = [read_arrays(path, names) for path in paths]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}, made


if __name__ == "__main__":
    run(main)
