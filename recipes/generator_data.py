"""Renders the pictures that the built-in generator learns from: one head per latent seed.

`renders-00017.h5` holds seeds [17 S, 18 S): seed (N,) int64 and image (N, size, size, 3) uint8. The latent of a seed is
`synth.latents`, its head `recipes.factors.head`. Files that exist are complete and are not made again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data.command import run
from data.shards import read_attrs, write_arrays
from data.workers import Workers
from data.world import cores
from recipes import factors
from recipes.renders import renderer
from synth import heads, latents

Task = tuple[Path, list[int], int]  # file, seeds, image size


def main(*, out: Path, images: int = 16_000, size: int = 64, shard_size: int = 250, workers: int = 0) -> None:
    """Renders heads for recipes.generator.

    Args:
        out: folder of the renders
        images: how many, from seed 0
        size: side of a picture in pixels, a power of two from 16 to 1024
        shard_size: pictures per file; the same for every run into one folder
        workers: processes, one thread each; 0 for one per core
    """
    if size not in (2**k for k in range(4, 11)):
        raise ValueError(f"--size {size} is not a power of two from 16 to 1024: choose one of them")
    if images < 1 or shard_size < 1 or images % shard_size:
        raise ValueError(f"--images {images} must be a positive multiple of --shard-size {shard_size}")
    if workers < 0:
        raise ValueError(f"--workers {workers} is negative: give a number of processes, 0 for one per core")
    out.mkdir(parents=True, exist_ok=True)
    for path in render_paths(out):
        attrs = read_attrs(path)
        if (attrs.get("image_size"), attrs.get("shard_size")) != (size, shard_size):
            raise ValueError(f"{path} has another --size or --shard-size: use the same, or another --out")
        if attrs.get("renderer") != maker():
            raise ValueError(f"{path} was rendered by another version of the renderer: use another --out")
    tasks: list[Task] = []
    for index in range(images // shard_size):
        path = out / f"renders-{index:05d}.h5"
        if not path.exists():
            tasks.append((path, list(range(index * shard_size, (index + 1) * shard_size)), size))
    done = images - len(tasks) * shard_size
    with tqdm(total=images, initial=done, unit="img", smoothing=0.05) as bar:
        if tasks:
            with Workers(min(workers or cores(), len(tasks)), "a rendering process") as pool:
                for count in pool.as_done(render_file, tasks):
                    bar.update(count)


def render_paths(folder: Path) -> list[Path]:
    """The complete files of renders in a folder, by seed."""
    return sorted(path for path in folder.glob("renders-*.h5") if re.fullmatch(r"renders-\d{5}\.h5", path.name))


def render_file(task: Task) -> int:
    """Render one file in this process; returns how many pictures."""
    path, seeds, size = task
    units = factors.unit_factors(latents(seeds, factors.Z_DIM))
    pictures = np.stack([heads.render(factors.head(unit), size).image for unit in units])
    attrs = {"image_size": size, "shard_size": len(seeds), "factors": json.dumps(factors.LIVE), "renderer": maker()}
    write_arrays(path, {"seed": np.array(seeds, np.int64), "image": pictures}, attrs)
    return len(seeds)


def maker() -> str:
    """sha256 of the programs that decide what a seed looks like."""
    return renderer(Path(factors.__file__))


if __name__ == "__main__":
    run(main)
