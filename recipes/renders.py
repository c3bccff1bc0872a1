"""Training renders of procedural heads, as shards beside each other in a folder.

    python -m recipes.renders --set faces  --out runs/renders/poses     # for pose and, larger, parser: 4,800 heads
    python -m recipes.renders --set people --out runs/renders/people    # for the embedders: 3,000 persons
    python -m recipes.renders --set wigs   --out runs/renders/wigs      # for the hair descriptor: the same hairstyles

`faces`: independent heads. Columns: image (N, S, S, 3) uint8, labels (N, S, S) uint8 in CelebAMask-HQ's order, yaw,
pitch, roll (N,) float32 degrees, landmarks68 (N, 68, 2) float32 pixels, seed (N,) int64.
`people`: P persons x P hairstyles. Every person wears R hairstyles, each with another expression, light and scene, and
every hairstyle is worn by R persons. Columns: image, person, hair (N,) int64, yaw.
`wigs`: the hairstyles of `people`, all on one mannequin in one light, from the front and from one side: what a
hairstyle looks like when nothing else tells. Columns: image, alpha (N, S, S) uint8 (how much of a pixel is hair), hair,
yaw.

The same command goes on where it was stopped. Rows depend on their number alone, never on shards or workers, and on the
renderer, whose sha256 every shard carries: shards of two versions are never one set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from data.command import run
from data.shards import read_arrays, read_attrs, shard_path, write_arrays
from data.workers import Workers
from data.world import cores
from synth import heads
from synth.heads import Head, Render, render_poses

HAIR_SEEDS = 1 << 30  # hairstyles and surroundings are drawn from other seeds than persons,
SCENE_SEEDS = 1 << 31  # so that neither tells which person it is


@dataclass(frozen=True)
class Plan:
    """What is rendered; two folders with the same plan hold the same bytes."""

    set: str  # "faces", "people" or "wigs"
    heads: int  # faces: heads; people: persons, and as many hairstyles; wigs: hairstyles
    wigs: int  # people: hairstyles per person (others: 1)
    poses: int  # renders of each head, which share its geometry
    size: int  # px
    first: int  # first seed
    shard_size: int  # renders per file

    def __post_init__(self) -> None:
        for name, low, high in (("heads", 1, 1 << 29), ("wigs", 1, 1000), ("poses", 1, 16), ("size", 16, 1024)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"--{name} is {getattr(self, name)}: it must lie in {low} to {high}")
        if not 0 <= self.first <= HAIR_SEEDS - self.heads:
            raise ValueError(f"--first is {self.first}: the seeds must lie in 0 to {HAIR_SEEDS}")
        if self.shard_size < self.poses or self.shard_size % self.poses:
            raise ValueError(f"--shard-size is {self.shard_size}: it must be a multiple of --poses, {self.poses}")
        if self.set == "people" and self.wigs > self.heads:
            raise ValueError(f"--wigs is {self.wigs}: there are only {self.heads} hairstyles, as many as --heads")

    @property
    def rows(self) -> int:
        return self.heads * self.wigs * self.poses

    @property
    def shards(self) -> int:
        return -(-self.rows // self.shard_size)

    def head(self, number: int) -> tuple[Head, int, int]:
        """The number-th head, its person and its hairstyle; poses aside."""
        if self.set == "faces":
            return Head.sample(self.first + number), number, number
        if self.set == "wigs":
            return Head().wearing(Head.sample(HAIR_SEEDS + self.first + number)), 0, number
        person, wig = divmod(number, self.wigs)
        # each round of wigs is shifted by another amount: a hairstyle meets every person at most once
        shift = np.random.RandomState(self.first).permutation(self.heads)[wig]
        hair = int((person + shift) % self.heads)
        around = Head.sample(SCENE_SEEDS + self.first * self.wigs + number)
        head = replace(around, identity=Head.sample(self.first + person).identity)
        return head.wearing(Head.sample(HAIR_SEEDS + self.first + hair)), person, hair

    def turns(self, number: int, head: Head) -> list[tuple[float, float]]:
        """(yaw, pitch) in degrees of each render of the number-th head: its own pose, then others."""
        from synth.heads.factors import MAX_PITCH, MAX_YAW

        if self.set == "wigs":
            return [(MAX_YAW * pose / self.poses, 0.0) for pose in range(self.poses)]
        own = ((2 * head.pose.yaw - 1) * MAX_YAW, (2 * head.pose.pitch - 1) * MAX_PITCH)
        drawn = np.random.RandomState([self.first, number]).uniform(-1, 1, (self.poses - 1, 2)) * (MAX_YAW, MAX_PITCH)
        return [own, *((float(yaw), float(pitch)) for yaw, pitch in drawn)]

    def renders(self, shard: int) -> Iterator[tuple[Render, int, int, int]]:
        """(render, number of the head, person, hair) of one shard, in order."""
        first, last = shard * self.shard_size, min((shard + 1) * self.shard_size, self.rows)
        for number in range(first // self.poses, last // self.poses):
            head, person, hair = self.head(number)
            for picture in render_poses(head, self.turns(number, head), self.size):
                yield picture, number, person, hair


def renderer(*more: Path) -> str:
    """sha256 of the programs that decide what a head looks like, and of `more`."""
    digest = hashlib.sha256()
    for path in [*more, *sorted(Path(heads.__file__).parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_shard(plan: Plan, folder: Path, shard: int) -> int:
    """Renders and writes one shard; the number of its renders."""
    columns: dict[str, list] = {}
    for picture, number, person, hair in plan.renders(shard):
        row: dict[str, Any] = {"image": picture.image, "yaw": np.float32(picture.yaw)}
        if plan.set == "wigs":
            row |= {"alpha": np.round(picture.hair * 255).astype(np.uint8), "hair": np.int64(hair)}
        elif plan.set == "faces":
            row |= {"labels": picture.labels, "pitch": np.float32(picture.pitch), "roll": np.float32(picture.roll)}
            row |= {"landmarks68": picture.landmarks68.astype(np.float32), "seed": np.int64(plan.first + number)}
        else:
            row |= {"person": np.int64(person), "hair": np.int64(hair)}
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    arrays: dict[str, Any] = {name: np.stack(values) for name, values in columns.items()}
    write_arrays(shard_path(folder, shard), arrays, asdict(plan) | {"renderer": renderer()})
    return len(columns["image"])


def write_set(plan: Plan, folder: Path, workers: int | None = None) -> None:
    """Writes all missing shards with `workers` processes (None: one per core)."""
    missing = [shard for shard in range(plan.shards) if not shard_path(folder, shard).is_file()]
    wanted = asdict(plan) | {"renderer": renderer()}
    for shard in sorted(set(range(plan.shards)) - set(missing)):
        path = shard_path(folder, shard)
        if (found := read_attrs(path)) != wanted:
            other = ", ".join(f"{name} {found.get(name)}" for name in wanted if found.get(name) != wanted[name])
            raise ValueError(f"{path} was made otherwise ({other}): give another --out or the same flags as before")
    workers = max(1, min(workers or cores(), len(missing)))
    done = plan.rows - sum(min(plan.shard_size, plan.rows - shard * plan.shard_size) for shard in missing)
    tasks = [(plan, folder, shard) for shard in missing]
    with tqdm(total=plan.rows, initial=done, unit="render", desc=plan.set, smoothing=0.1) as bar:
        if workers == 1:
            for task in tasks:
                bar.update(_work(task))
            return
        with Workers(workers, "a rendering process") as pool:
            for count in pool.as_done(_work, tasks):
                bar.update(count)


def _work(task: tuple[Plan, Path, int]) -> int:
    return write_shard(*task)


def load_set(folder: str | Path, kind: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The named columns of all shards of a set, in order; ValueError when it is another set or not complete."""
    folder = Path(folder)
    remedy = f"run `python -m recipes.renders --set {kind} --out {folder}`"
    if not shard_path(folder, 0).is_file():
        raise FileNotFoundError(f"{folder} has no renders: {remedy}")
    made = read_attrs(shard_path(folder, 0))
    plan = Plan(**{name: value for name, value in made.items() if name != "renderer"})
    missing = [shard for shard in range(plan.shards) if not shard_path(folder, shard).is_file()]
    if plan.set != kind or missing:
        raise ValueError(f"{folder} is a set of {plan.set} without {len(missing)} of {plan.shards} shards: {remedy}")
    if mixed := [shard for shard in range(plan.shards) if read_attrs(shard_path(folder, shard)) != made]:
        raise ValueError(f"{shard_path(folder, mixed[0])} belongs to another set or renderer than the first: {remedy}")
    parts = [read_arrays(shard_path(folder, shard), names) for shard in range(plan.shards)]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def main(
    *,
    set: Literal["faces", "people", "wigs"],
    out: Path,
    heads: int | None = None,
    wigs: int = 3,
    poses: int | None = None,
    size: int = 64,
    first: int = 0,
    shard_size: int = 256,
    workers: int | None = None,
) -> None:
    """Renders procedural heads for training; the same command again resumes.

    Args:
        set: faces (independent heads with labels), people (persons x hairstyles) or wigs (those hairstyles alone)
        out: folder for the shards
        heads: faces: number of heads, default 4800; people, wigs: number of persons and of hairstyles, default 3000
        wigs: people: how many hairstyles each person wears
        poses: renders of each head in different poses, which share two thirds of the work (none: faces 1, others 2)
        size: side of the renders in pixels, 16 to 1024
        first: first seed; sets for checks start elsewhere than sets for training, say at 1000000
        shard_size: renders per file
        workers: processes, one thread each (none: one per core)
    """
    heads = heads or (4_800 if set == "faces" else 3_000)
    poses = poses or (1 if set == "faces" else 2)
    plan = Plan(set, heads, wigs if set == "people" else 1, poses, size, first, shard_size)
    write_set(plan, out, workers)
    print(f"{plan.rows} renders of {size} px in {out}")


if __name__ == "__main__":
    run(main)
