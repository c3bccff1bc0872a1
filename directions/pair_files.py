"""The files of directions.pairs: which of them are there, and the writing of those that are not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from data.files import sweep_temporaries
from data.progress import Progress
from data.shards import Shards, read_arrays, read_attrs, write_arrays
from directions.attributes import MEASURED
from directions.check import BLOCK, GOOD, check_pairs
from directions.instruments import Columns, Instruments
from directions.measured import MeasuredFaces

Paths = tuple[Path, Path, Path]  # of a shard's pairs, of what was checked on them, of their masks


def done(paths: Paths, mask: Callable | None) -> bool:
    """Whether all files of a shard are there."""
    return all(path.exists() for path in (paths if mask else paths[:2]))


def earlier_strangers(out: Path, made_by: dict[str, Any]) -> float | None:
    """The likeness of strangers' hair by which a folder's pairs, made as `made_by` says, were checked; None: of none.

    Kept while a folder grows, so that all of its pairs have met the same bar.
    """
    for path in sorted(out.glob("checked-*.h5")):
        attrs = read_attrs(path)
        if same(attrs, made_by) and isinstance(bar := attrs.get("strangers_95"), float):
            return bar
    return None


def same(attrs: dict[str, Any], made_by: dict[str, Any]) -> bool:
    """Whether a file with these attributes was made as `made_by` says."""
    return all(attrs.get(name) == value for name, value in made_by.items())


def write_shards(
    shards: Shards,
    sample: MeasuredFaces,
    out: Path,
    sources: Callable[[np.ndarray], np.ndarray],
    gaps: Columns,
    strangers: float,
    made_by: dict[str, Any],
    tools: Instruments,
    mask: Callable[[np.ndarray], Columns] | None,
) -> list[Paths]:
    """Writes the pairs of every shard of this process that has none; returns the paths of all shards' files.

    `gaps`: {attribute: (N,) asked change of every face}.
    """
    sweep_temporaries(out)
    names = [path.stem[6:] for path in shards.paths]
    paths: list[Paths] = [
        (out / f"pairs-{name}.h5", out / f"checked-{name}.h5", out / f"masks-{name}.h5") for name in names
    ]
    for k, own in enumerate(paths):
        for path in own:
            if path.exists() and not same(read_attrs(path), made_by):
                raise ValueError(f"{path} was made with other settings: delete its folder or give another --out")
        seeds = sample.seeds[int(shards.starts[k]) : int(shards.starts[k + 1])]
        if own[1].exists() and not np.array_equal(read_arrays(own[1], ["seed"])["seed"], seeds):
            raise ValueError(f"{own[1]} is of other faces: delete its folder or give another --out")
    if strays := {*out.glob("pairs-*.h5"), *out.glob("checked-*.h5")} - {path for own in paths for path in own}:
        raise ValueError(f"{min(strays)} is of faces that are not in {shards.folder}: delete it or give another --out")
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    for k, own in enumerate(Progress(paths, unit="shard", desc="pairs", disable=rank > 0)):
        if k % world != rank or done(own, mask):
            continue
        rows = np.arange(int(shards.starts[k]), int(shards.starts[k + 1]))
        w_hair = sources(rows)
        checked = check_pairs(shards, rows, w_hair, {name: gaps[name][rows] for name in gaps}, sample, strangers, tools)
        good = checked["verdict"] == GOOD
        pairs: dict[str, Any] = {
            "seed": sample.seeds[rows][good],
            "w_face": sample.w[rows][good],
            "w_hair": w_hair[good],
        } | {f"{name}_gap": gap[rows][good].astype(np.float32) for name, gap in gaps.items()}
        if mask is not None:
            drawn = _masks(shards, rows[good], w_hair[good], tools, mask)
            write_arrays(own[2], {"seed": pairs["seed"], **drawn}, made_by | {"size": shards.images([0]).shape[1]})
        bar = {"strangers_95": strangers}  # not among what is compared: processes may differ in its last bits
        write_arrays(own[1], {"seed": sample.seeds[rows], **checked}, made_by | bar)
        write_arrays(own[0], pairs, made_by | {f"unit_{name}_gap": MEASURED[name].unit for name in gaps})
    return paths


def _masks(
    shards: Shards, rows: np.ndarray, w_hair: np.ndarray, tools: Instruments, mask: Callable[[np.ndarray], Columns]
) -> Columns:
    """{"hair", "inner": (N, 2, bytes) uint8} of the faces and of their hair sources."""
    parts: list[Columns] = []
    for start in range(0, len(rows), BLOCK):
        sides = (shards.images(rows[start : start + BLOCK]), tools.render(w_hair[start : start + BLOCK]))
        face, hair = (mask(side) for side in sides)
        parts.append({name: np.stack([face[name], hair[name]], axis=1) for name in face})
    width = -(-(shards.images([0]).shape[1] ** 2) // 8)
    none = np.zeros((0, 2, width), np.uint8)
    return {name: np.concatenate([part[name] for part in parts] or [none]) for name in ("hair", "inner")}
