"""A folder of people's own pictures, made ready for a training once: square, of one size, in shards.

The shards are those of data/shards.py, the seed of a picture being its place in the sorted list of files; a file that
is no picture, or too small, is left out and named in skipped.json. Whatever is in the folder is treated as hostile.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.files import read_json, write_json
from data.images import HEIF, SAVING, read_image, to_range
from data.progress import Progress
from data.shards import Array, Shards, shard_path, write_arrays
from data.workers import Workers
from data.world import cores
from faces import align

SUFFIXES = (*SAVING, *HEIF, ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")
SHARD = 256  # files
INDEX = "skipped.json"
WAIT = 1.0  # seconds between two looks for the work of the first process

Task = tuple[Path, list[tuple[int, Path]], int, bool, str]  # file, (place, picture), side, align, fingerprint


class Pictures:
    """The pictures of a prepared folder: `batch(rows)` gives (B, 3, R, R) float32 in [-1, 1]."""

    def __init__(self, folder: Path) -> None:
        self.shards = Shards(folder)

    def __len__(self) -> int:
        return len(self.shards)

    def batch(self, rows: Tensor | np.ndarray) -> Tensor:
        """Rows (B,) -> pictures."""
        pixels = torch.from_numpy(self.shards.images(np.asarray(rows)))
        return to_range(pixels.permute(0, 3, 1, 2))


def files_of(folder: Path) -> list[Path]:
    """The files in a folder and below it that are named like pictures, in order; links to folders are not followed."""
    if not folder.is_dir():
        raise FileNotFoundError(f"--images {folder} is not a folder: give one with pictures")
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place) / name for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def fingerprint(folder: Path, files: list[Path], size: int, aligned: bool) -> str:
    """sha256 of what the prepared pictures depend on: names and sizes of the files, and how they are cut."""
    sizes = [(os.fspath(path.relative_to(folder)), path.stat().st_size if path.exists() else 0) for path in files]
    return hashlib.sha256(json.dumps([sizes, size, aligned]).encode()).hexdigest()


def prepare(folder: Path, out: Path, size: int, aligned: bool, rank: int = 0) -> str:
    """Makes the pictures of `folder` ready in `out`, where that has not been done; returns their fingerprint.

    `size`: side in pixels; `aligned`: cut to the face as FFHQ is, else to the largest square in the middle. Of several
    processes the first works, on all cores of its machine, and the others wait for its index.
    """
    files = files_of(folder)
    if not files:
        raise ValueError(f"--images {folder} holds no pictures ({', '.join(SUFFIXES)}): give a folder that does")
    mark = fingerprint(folder, files, size, aligned)
    index = out / INDEX
    if rank:
        while not index.is_file() or read_json(index)["fingerprint"] != mark:
            time.sleep(WAIT)
        return mark
    if index.is_file():
        if read_json(index)["fingerprint"] != mark:
            raise ValueError(f"{out} was made of other files, or with other flags: give another --out, or delete it")
        return mark
    sweep(out, mark)
    tasks: list[Task] = []
    for number, first in enumerate(range(0, len(files), SHARD)):
        places = list(enumerate(files[first : first + SHARD], first))
        tasks.append((shard_path(out, number), places, size, aligned, mark))
    skipped: dict[str, str] = {}
    with Progress(total=len(files), unit="pictures", smoothing=0.05) as bar:
        for count, reasons in reports(tasks):
            bar.update(count)
            skipped |= reasons
    write_json(index, {"fingerprint": mark, "files": len(files), "skipped": skipped})
    if skipped:
        print(f"{len(skipped)} of {len(files)} files are left out ({index}): {next(iter(skipped.values()))}")
    return mark


def reports(tasks: list[Task]) -> Iterator[tuple[int, dict[str, str]]]:
    """Of all tasks in their order, from a process per core; few pictures are read in this one."""
    count = min(cores(), len(tasks))
    if count == 1:
        yield from map(read_files, tasks)
        return
    with Workers(count, "a process that reads pictures") as workers:
        yield from workers.in_order(read_files, tasks)


def read_files(task: Task) -> tuple[int, dict[str, str]]:
    """Writes one shard in this process; returns how many files it is of, and which are left out for what reason.

    Its report is written last, so that a shard with one is not made again.
    """
    path, places, size, aligned, mark = task
    report = report_path(path)
    if report.is_file():
        return len(places), read_json(report)["skipped"]
    images, seeds, skipped = [], [], {}
    for place, file in places:
        try:
            images.append(square(read_image(file), file, size, aligned))
            seeds.append(place)
        except (ValueError, OSError) as error:
            skipped[printable(os.fspath(file))] = printable(str(error))
    if images:
        arrays: dict[str, Array] = {
            "seed": np.array(seeds, np.int64), "w": np.zeros((len(seeds), 1), np.float32), "image": np.stack(images),
        }  # fmt: skip
        write_arrays(path, arrays, {"image_size": size, "fingerprint": mark})
    write_json(report, {"fingerprint": mark, "skipped": skipped})
    return len(places), skipped


def report_path(shard: Path) -> Path:
    """shard-00017.h5 -> shard-00017.json"""
    return shard.with_suffix(".json")


def sweep(out: Path, mark: str) -> None:
    """Removes what a broken run has made ready of other files, or cut in another way."""
    for report in out.glob("shard-*.json"):
        if read_json(report)["fingerprint"] != mark:
            report.with_suffix(".h5").unlink(missing_ok=True)
            report.unlink()


def printable(text: str) -> str:
    """Text without the bytes of file names that are no UTF-8."""
    return os.fsencode(text).decode(errors="replace")


def square(image: Image.Image, file: Path, size: int, aligned: bool) -> np.ndarray:
    """(size, size, 3) uint8 of a picture; ValueError when it has no face, or less than `size` pixels a side."""
    if aligned:
        return np.array(align(image, size).image)
    side = min(image.size)
    if side < size:
        raise ValueError(f"{file} has {image.width} x {image.height} pixels, less than --size {size}: left out")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.array(image.resize((size, size), Image.Resampling.LANCZOS, box=box))
