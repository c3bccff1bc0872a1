"""Embeddings on disk, one small HDF5 file per range of rows, so that a killed run loses only what it was writing.

    <out>/gallery-<key>/000000000-000000511.h5     seed (N,), embedding (N, D); with a hair descriptor hair (N, E);
                                                   with a scorer that wants points found (N,)
    <out>/transfers-<key>/000000000-000000063.h5   face_seed, hair_seed, face_yaw, hair_yaw, made_yaw (N,),
                                                   transfer, blended, reconstruction (N, D),
                                                   hair_transfer, hair_reconstruction (N, E)

The key is a hash of all that the numbers depend on, the sha256 of each network and of the programs among it; the same
facts in full are the attributes of every file. Ranges belong to gallery rows, not to workers: any number of processes
or machines fills the same folder, and a larger gallery starts from the files of a smaller one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.progress import Progress
from data.shards import read_arrays, read_attrs, write_arrays
from data.workers import Workers
from data.world import settle, settled
from evaluation.studio import Setup, Studio

GALLERY_ROWS = 512  # per file
QUERY_ROWS = 64  # a query costs about eight times a gallery row


@dataclass(frozen=True)
class Job:
    """One file to be made: rows `start` and on. The Studio method named `kind` makes them of `seeds`, each (N,)."""

    path: Path
    kind: str
    start: int
    seeds: tuple[np.ndarray, ...]
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.seeds[0])


def gallery_jobs(out: Path, facts: dict[str, Any], first_seed: int, rows: int) -> list[Job]:
    """The files of gallery rows 0 ... rows - 1, whose seeds count up from first_seed."""
    seeds = first_seed + np.arange(rows, dtype=np.int64)
    return _jobs(out, "gallery", {**facts, "first_seed": first_seed}, (seeds,), GALLERY_ROWS)


def transfer_jobs(out: Path, facts: dict[str, Any], face_seeds: np.ndarray, hair_seeds: np.ndarray) -> list[Job]:
    """The files of the queries: the hair of hair_seeds[k] on the face of face_seeds[k]."""
    seeds = (face_seeds.astype(np.int64), hair_seeds.astype(np.int64))
    drawn = hashlib.sha256(seeds[0].tobytes() + seeds[1].tobytes()).hexdigest()
    return _jobs(out, "transfers", {**facts, "donors_sha256": drawn}, seeds, QUERY_ROWS)


def make(jobs: list[Job], setup: Setup, workers: int) -> int:
    """Makes the files that are missing, `workers` processes at a time; returns how many rows that were."""
    missing = [job for job in jobs if not job.path.is_file()]
    if not missing:
        return 0
    kind, done = missing[0].kind, sum(map(len, jobs)) - sum(map(len, missing))
    with Progress(total=sum(map(len, jobs)), initial=done, desc=f"embedding {kind}", unit="rows", smoothing=0.1) as bar:
        for rows in _in_processes(missing, setup, min(workers, len(missing))):
            bar.update(rows)
    return sum(map(len, missing))


def read(jobs: list[Job]) -> dict[str, np.ndarray]:
    """All arrays of the files, joined in row order."""
    parts = [checked(job) for job in jobs]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_rows(jobs: list[Job], rows: np.ndarray, column: str = "embedding") -> np.ndarray:
    """(M, D) embeddings of gallery rows, from those files alone that hold them."""
    found: np.ndarray | None = None
    for k in np.unique(rows // GALLERY_ROWS):
        embedding = checked(jobs[k])[column]
        if found is None:
            found = np.zeros((len(rows), embedding.shape[1]), np.float32)
        here = rows // GALLERY_ROWS == k
        found[here] = embedding[rows[here] - k * GALLERY_ROWS]
    assert found is not None, "no rows asked for"
    return found


def unfound(jobs: list[Job]) -> int | None:
    """Gallery rows in which no face was found, so the scorer saw its usual place; None: it wants no points."""
    if "found" not in checked(jobs[0]):
        return None
    return int(sum((read_arrays(job.path, ["found"])["found"] == 0).sum() for job in jobs))


def checked(job: Job) -> dict[str, np.ndarray]:
    """The arrays of a finished file; ValueError when it is not the file this job would have made."""
    arrays, attrs = read_arrays(job.path), read_attrs(job.path)
    seeds = [arrays[name] for name in ("seed", "face_seed", "hair_seed") if name in arrays]
    same = len(seeds) == len(job.seeds) and all(map(np.array_equal, seeds, job.seeds))
    if not same or any(attrs.get(name) != value for name, value in job.facts.items()):
        raise ValueError(f"{job.path} holds embeddings of other seeds or networks; delete it and run the command again")
    return arrays


def _jobs(out: Path, kind: str, facts: dict[str, Any], seeds: tuple[np.ndarray, ...], size: int) -> list[Job]:
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    jobs = []
    for start in range(0, len(seeds[0]), size):
        part = tuple(column[start : start + size] for column in seeds)
        name = f"{start:09d}-{start + len(part[0]) - 1:09d}.h5"
        jobs.append(Job(out / f"{kind}-{key}" / name, kind, start, part, facts))
    return jobs


def _in_processes(jobs: list[Job], setup: Setup, workers: int) -> Iterator[int]:
    """Rows of each finished file, as they come."""
    if workers <= 1:
        with settled():
            studio = Studio(setup)
            for job in jobs:
                yield _work(studio, job)
        return
    with Workers(workers, "an embedding process", _start, (setup,)) as pool:
        yield from pool.as_done(_work_here, jobs)


def _work(studio: Studio, job: Job) -> int:
    write_arrays(job.path, getattr(studio, job.kind)(*job.seeds), job.facts)
    return len(job)


_studio: Studio  # the networks of a worker process, loaded once


def _start(setup: Setup) -> None:
    """Prepares a worker process."""
    global _studio
    settle()
    _studio = Studio(setup)


def _work_here(job: Job) -> int:
    return _work(_studio, job)
