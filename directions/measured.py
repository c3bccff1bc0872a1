"""Sampled and measured faces as one table: what fits and pairs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from data.shards import Shards, attributes_path, read_attrs
from directions.attributes import MEASURED
from directions.render import Renderer
from directions.scorer import OLD, Scorer, stranger
from synth import load_generator

AGAIN = "`python -m directions.measure`"
TOLD = ("version_", "parser_sha256", "pose_sha256", "check", "measures", "own_")  # attributes that say what measured


@dataclass(frozen=True, eq=False)
class MeasuredFaces:
    """`columns` are {attribute: (N,) float32}, NaN where not measured; `scorer` says what measured them."""

    seeds: np.ndarray  # (N,) int64
    w: np.ndarray  # (N, w_dim) float32
    columns: dict[str, np.ndarray]
    generator: str  # sha256
    psi: float
    scorer: dict[str, Any]

    @cached_property
    def sd(self) -> dict[str, float]:
        """Standard deviation of every attribute, NaN where it is 0 or fewer than two faces were measured."""
        return {name: _sd(column) for name, column in self.columns.items()}


def read_faces(shards: Shards) -> MeasuredFaces:
    """All faces of a folder that directions.measure has measured in one way."""
    psi, generator = shards.attrs.get("psi"), shards.attrs.get("generator_sha256")
    if not isinstance(psi, float) or not isinstance(generator, str):
        raise ValueError(f"{shards.paths[0]} does not say psi and generator: make it with `python -m synth.sample`")
    columns = {name: shards.attributes(name) for name in MEASURED}
    scored = [read_attrs(attributes_path(path)) for path in shards.paths]
    scorers = [OLD | {name: attrs[name] for name in attrs if name.startswith(TOLD)} for attrs in scored]
    if len({str(sorted(item for item in told.items() if "version_" not in item[0])) for told in scorers}) > 1:
        raise ValueError(f"{shards.folder} was measured in several ways: delete its *.attributes.h5 and measure again")
    return MeasuredFaces(shards.seeds, shards.w, columns, generator, psi, scorers[0])


def open_faces(
    shards: Shards, generator: str, scorer: Scorer, device: str | None
) -> tuple[MeasuredFaces, Any, Renderer]:
    """(the faces of a folder, the generator that made them, a renderer of pictures like theirs).

    ValueError when the generator or the scorer of a command's flags is not the one that made or measured the faces.
    """
    faces = read_faces(shards)
    network = load_generator(generator, device)
    if network.sha256 != faces.generator:
        raise ValueError(f"{shards.folder} was sampled from another generator than {generator}: give it as --generator")
    identity = scorer.identity
    if any(faces.scorer.get(name) != identity[name] for name in identity if name.startswith(("measures", "own_"))):
        raise ValueError(f"{shards.folder} was measured by an earlier version of its attributes: run {AGAIN} again")
    if flag := stranger(faces.scorer, identity):
        raise ValueError(
            f"{shards.folder} was measured with another {flag}: give that one, or delete its *.attributes.h5 and run "
            f"{AGAIN} again"
        )
    size = shards.images([0]).shape[1]
    return faces, network, Renderer(network, size, "none" if shards.attrs.get("noise") == "none" else "const")


def _sd(column: np.ndarray) -> float:
    known = column[np.isfinite(column)].astype(np.float64)
    return float(known.std()) if len(known) > 1 and np.ptp(known) > 0 else float("nan")
