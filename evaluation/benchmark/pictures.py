"""The rendered pictures of the triples: made on demand, kept in files of PART triples, checked by their sha256.

    <cache>/064-1f0c.../00000-00019.h5     face, hair, truth (n, S, S, 3), labels, alpha (n, S, S) uint8, number (n,)

`face` and `hair` are what a method is given, `truth` is the face's person with the other's hair in the face's pose,
`labels` (CelebAMask-HQ order) and `alpha` (255: all hair) are the truth's own. The folder is named after all that the
bytes depend on: the size and the sha256 of the renderer's programs and of the heads it is given.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from data.progress import Progress
from data.shards import read_arrays, read_attrs, write_arrays
from data.workers import Workers
from evaluation.benchmark.triples import Triple, all_triples, list_sha256
from synth import heads
from synth.heads import render

PART = 20  # triples per file
ARRAYS = ("face", "hair", "truth", "labels", "alpha")
# Of all pictures of the whole list at 64 px. Another processor may round a colour the other way: a run says so then.
PICTURES_SHA256 = "19d2b16332247fcf5f8fff89cc01d661907b43bf38175ad197ae576d8e8ce07f"
STATED_SIZE = 64


def parts_of(triples: list[Triple]) -> list[list[Triple]]:
    """The triples of each file."""
    return [triples[k : k + PART] for k in range(0, len(triples), PART)]


def folder_of(cache: Path, size: int) -> Path:
    """Where pictures of this size, made by this version of the renderer, are kept."""
    return cache / f"{size:03d}-{world_sha256()[:12]}"


def part_path(folder: Path, part: list[Triple]) -> Path:
    """The file of some triples; a part of a shortened list has a name of its own."""
    first, last = part[0].number, part[-1].number
    whole = last - first + 1 == len(part)
    return folder / f"{first:05d}-{last:05d}{'' if whole else '-' + list_sha256(part)[:8]}.h5"


@functools.cache
def world_sha256() -> str:
    """sha256 of what decides what the triples look like: the renderer's programs and all heads' factors."""
    digest = hashlib.sha256()
    for path in sorted(Path(heads.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    for triple in all_triples():
        digest.update(repr(triple.heads()).encode())
    return digest.hexdigest()


def render_all(triples: list[Triple], size: int, cache: Path, workers: int) -> list[Path]:
    """Renders what is missing; the files of all triples, in order."""
    folder = folder_of(cache, size)
    parts = parts_of(triples)
    missing = [part for part in parts if not part_path(folder, part).is_file()]
    if missing:
        left = sum(map(len, missing))
        with Progress(total=len(triples), initial=len(triples) - left, desc="rendering", unit="triple") as bar:
            for count in _in_processes([(part, size, folder) for part in missing], min(workers, len(missing))):
                bar.update(count)
    paths = [part_path(folder, part) for part in parts]
    for path, part in zip(paths, parts, strict=True):
        if read_attrs(path).get("list_sha256") != list_sha256(part):
            raise ValueError(f"{path} holds pictures of other triples: delete it and run the command again")
    return paths


def pictures_sha256(paths: Iterable[Path]) -> str:
    """The sha256 of the pixels, labels and alphas of files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        arrays = read_arrays(path, ARRAYS)
        for name in ARRAYS:
            digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def rendered(part: list[Triple], size: int) -> dict[str, np.ndarray]:
    """The arrays of some triples."""
    rows: dict[str, list[Any]] = {name: [] for name in (*ARRAYS, "number")}
    for triple in part:
        face, hair, truth = (render(head, size) for head in triple.heads())
        alpha = np.rint(truth.hair * 255).astype(np.uint8)
        row = (face.image, hair.image, truth.image, truth.labels, alpha, np.int64(triple.number))
        for name, value in zip(rows, row, strict=True):
            rows[name].append(value)
    return {name: np.stack(values) for name, values in rows.items()}


def _render_part(task: tuple[list[Triple], int, Path]) -> int:
    part, size, folder = task
    write_arrays(part_path(folder, part), {**rendered(part, size)}, {"size": size, "list_sha256": list_sha256(part)})
    return len(part)


def _in_processes(tasks: list[tuple[list[Triple], int, Path]], workers: int) -> Iterable[int]:
    """Triples done, file by file, as they come."""
    if workers <= 1:
        yield from map(_render_part, tasks)
        return
    with Workers(workers, "a rendering process") as pool:
        yield from pool.as_done(_render_part, tasks)
