"""Sampled and measured faces as one table: what fits and pairs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from data.files import sha256
from data.shards import Shards, attributes_path, read_attrs
from data.weights import resolve
from directions.attributes import MEASURED
from directions.render import Renderer
from synth import load_generator


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
    """All faces of a folder that directions.measure has measured with one parser."""
    psi, generator = shards.attrs.get("psi"), shards.attrs.get("generator_sha256")
    if not isinstance(psi, float) or not isinstance(generator, str):
        raise ValueError(f"{shards.paths[0]} does not say psi and generator: make it with `python -m synth.sample`")
    columns = {name: shards.attributes(name) for name in MEASURED}
    scored = [read_attrs(attributes_path(path)) for path in shards.paths]
    if len({attrs.get("parser_sha256") for attrs in scored}) > 1:
        raise ValueError(f"{shards.folder} was measured with several parsers: delete its *.attributes.h5 and measure")
    told = [name for name in scored[0] if name.startswith("version_") or name == "parser_sha256"]
    scorer = {name: scored[0][name] for name in told}
    return MeasuredFaces(shards.seeds, shards.w, columns, generator, psi, scorer)


def open_faces(shards: Shards, generator: str, parser: str, device: str | None) -> tuple[MeasuredFaces, Any, Renderer]:
    """(the faces of a folder, the generator that made them, a renderer of pictures like theirs).

    ValueError when the generator or the parser of a command's flags is not the one that made or measured the faces.
    """
    faces = read_faces(shards)
    network = load_generator(generator, device)
    if network.sha256 != faces.generator:
        raise ValueError(f"{shards.folder} was sampled from another generator than {generator}: give it as --generator")
    if sha256(resolve(parser, "parser")) != faces.scorer.get("parser_sha256"):
        raise ValueError(f"{shards.folder} was measured with another parser than {parser}: give it as --parser")
    size = shards.images([0]).shape[1]
    return faces, network, Renderer(network, size, "none" if shards.attrs.get("noise") == "none" else "const")


def _sd(column: np.ndarray) -> float:
    known = column[np.isfinite(column)].astype(np.float64)
    return float(known.std()) if len(known) > 1 and np.ptp(known) > 0 else float("nan")
