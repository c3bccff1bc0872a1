"""Our shards against a zip of uncompressed PNGs (the layout of NVIDIA's dataset_tool), images/s side by side.

    python -m benchmarks.shards [--size 256] [--count 1000]

Both hold the same smooth-plus-noise pictures, are written and read in one process in turns, files in the page cache.
Our write includes what makes a shard trustworthy: sync to disk, two sha256 passes, the rename. The second pass, which
reads the file again, is also timed alone, beside hashing the same bytes in memory and reading the bare file.
"""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from data.command import run
from data.shards import Shards, altered, shard_path, write_arrays

ROUNDS = 3


def main(*, size: int = 256, count: int = 1000) -> None:
    """Prints images/s of writing, reading in random order and reading in order, and our ratio to the zip.

    Args:
        size: side of the images in pixels
        count: number of images
    """
    images = pictures(count, size)
    order = np.random.RandomState(0).permutation(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "images.zip"
        jobs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "write": (lambda: write_shard(folder, images), lambda: write_zip(archive, images)),
            "random read": (lambda: read_shard(folder, order), lambda: read_zip(archive, order)),
            "read in order": (lambda: read_shard(folder, range(count)), lambda: read_zip(archive, range(count))),
        }
        print(f"{count} images of {size} x {size}, best of {ROUNDS}; images per second of processor time")
        for name, (ours, theirs) in jobs.items():
            times = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
            shard, zipped = count / min(a for a, _ in times), count / min(b for _, b in times)
            print(f"{name:14} shard {shard:8.0f}   zip of PNGs {zipped:8.0f}   ratio {shard / zipped:5.1f}")
            if name == "write":
                print_verification(shard_path(folder, 0), images, 1 / shard)


def print_verification(path: Path, images: np.ndarray, written: float) -> None:
    """Images/s of the reading back that ends a write, and of the rest; `written`: seconds per image of both."""
    jobs = {"read back": lambda: altered(path), "bare reading": path.read_bytes, "bare sha256": lambda: sha256(images)}
    best = {name: min(seconds(job) for _ in range(ROUNDS)) / len(images) for name, job in jobs.items()}
    alone = written - best["read back"] - best["bare sha256"]
    print(f"{'write alone':14} shard {1 / alone:8.0f}   without the sha256 passes and reading back")
    for name, spent in best.items():
        print(f"{name:14} shard {1 / spent:8.0f}   {images[0].nbytes / spent / 1e9:5.2f} GB/s")


def pictures(count: int, size: int) -> np.ndarray:
    """(count, size, size, 3) uint8: colour gradients with noise, which is about as compressible as a photo."""
    random = np.random.RandomState(0)
    ramp = np.linspace(0, 1, size)
    slopes = random.rand(count, 2, 3)
    smooth = ramp[None, :, None, None] * slopes[:, None, None, 0] + ramp[None, None, :, None] * slopes[:, None, None, 1]
    return np.clip(smooth * 100 + random.randint(0, 16, (1, size, size, 3)), 0, 255).astype(np.uint8)


def write_shard(folder: Path, images: np.ndarray) -> None:
    shape = images.shape
    batches = (images[k : k + 16] for k in range(0, len(images), 16))
    w = np.zeros((len(images), 512), np.float32)
    seed = np.arange(len(images))
    write_arrays(shard_path(folder, 0), {"seed": seed, "w": w, "image": (shape, np.uint8, batches)}, {})


def write_zip(path: Path, images: np.ndarray) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for k, pixels in enumerate(images):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, format="png", compress_level=0, optimize=False)
            archive.writestr(f"{k // 1000:05d}/img{k:08d}.png", buffer.getvalue())


def read_shard(folder: Path, order: Iterable[int]) -> int:
    shards = Shards(folder)
    return sum(int(shards.images([k])[0, 0, 0, 0]) for k in order)


def read_zip(path: Path, order: Iterable[int]) -> int:
    total = 0
    with zipfile.ZipFile(path) as archive:
        for k in order:
            with archive.open(f"{k // 1000:05d}/img{k:08d}.png") as file:
                total += int(np.asarray(Image.open(file))[0, 0, 0])
    return total


def seconds(job: Callable[[], object]) -> float:
    """Of processor time: with files in the page cache, those of an idle machine, however busy this one is."""
    start = time.process_time()
    job()
    return time.process_time() - start


if __name__ == "__main__":
    run(main)
