"""Directions in a network's hair embedding: along each of them one aspect of the hair changes, by a known amount.

They lie beside the network, as `hair-directions.safetensors`, and belong to it alone: `python -m hairnet.steer` finds
them. The authors' own `latent_directions.pkl` is read as well, without executing anything of it; it has no units.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from data.weights import load_network as read_network
from data.weights import save_network
from directions.curve import Curve
from hairnet.mix import Take
from synth.formats.container import read_content
from synth.formats.inert import Array

if TYPE_CHECKING:
    from hairnet.model import HairNet

FILE = "hair-directions.safetensors"
KIND = "hair-directions"
COLOUR = ("hair_lightness", "hair_red", "hair_yellow")  # which make up the colour; all others are of the shape
REMEDY = "run `python -m hairnet.steer` for this network"


@dataclass(frozen=True, eq=False)
class HairDirection:
    """How one aspect of the hair changes in the embedding; embeddings are (N, D).

    `ridge` @ e + `intercept` is a linear score of an embedding, `curve` gives the measured value at every score.
    """

    aspect: str
    unit: str
    vector: np.ndarray  # (D,) unit length: where to move
    ridge: np.ndarray  # (D,) score per unit of the embedding
    intercept: float
    curve: Curve  # from score to value; its ends are the reach
    figures: dict[str, Any]

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest value that moves have been measured to reach, on average."""
        return float(self.curve.values[0]), float(self.curve.values[-1])

    def estimate(self, embeddings: Tensor) -> np.ndarray:
        """(N, D) -> (N,) values, in the aspect's unit."""
        return self.curve.value(self._score(embeddings))

    def move(self, embeddings: Tensor, by: float | np.ndarray) -> Tensor:
        """(N, D) embeddings moved `by` an amount of the aspect's unit, one number or (N,)."""
        score = self._score(embeddings)
        lengths = (self.curve.score(self.curve.value(score) + by) - score) / float(self.ridge @ self.vector)
        return embeddings + _tensor(lengths[:, None] * self.vector, embeddings)

    def _score(self, embeddings: Tensor) -> np.ndarray:
        return _array(embeddings) @ self.ridge + self.intercept


@dataclass(frozen=True)
class Steering:
    """All directions of one network."""

    directions: dict[str, HairDirection]

    def __getitem__(self, aspect: str) -> HairDirection:
        if aspect not in self.directions:
            raise ValueError(f"--attribute is {aspect!r}, but it is one of {', '.join(self.directions)}")
        return self.directions[aspect]

    def take(self, own: Tensor, other: Tensor, take: Take) -> Tensor:
        """Hair embeddings (N, D) with colour or shape alone from `other`, the rest from `own`.

        The colour's part of their difference is the combination of its directions that makes up the same change of its
        scores; those directions hold the shape.
        """
        if take == "all":
            return other
        colours = [self.directions[aspect] for aspect in COLOUR]
        vectors, ridges = (np.stack([getattr(one, name) for one in colours]) for name in ("vector", "ridge"))
        change = _array(other - own) @ ridges.T
        colour = _tensor(np.linalg.solve(ridges @ vectors.T, change.T).T @ vectors, own)
        return own + colour if take == "colour" else other - colour


def fingerprint(net: HairNet) -> str:
    """sha256 of all weights that decide what an embedding means."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_steering(path: Path, net: HairNet, directions: dict[str, HairDirection], recipe: dict[str, Any]) -> None:
    """Writes directions that were found for a network."""
    tensors = {
        f"{aspect}.{name}": torch.from_numpy(np.ascontiguousarray(getattr(one, name), np.float32))
        for aspect, one in directions.items()
        for name in ("vector", "ridge")
    }
    known = {
        aspect: {
            "unit": one.unit,
            "intercept": one.intercept,
            "scores": one.curve.scores.tolist(),
            "values": one.curve.values.tolist(),
            "figures": one.figures,
        }
        for aspect, one in directions.items()
    }
    save_network(path, tensors, {"kind": KIND, "network": fingerprint(net), "directions": known, "recipe": recipe})


def load_steering(path: Path, net: HairNet) -> Steering:
    """The directions in a file that `hairnet.steer` wrote; ValueError for another network's."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: {REMEDY}")
    tensors, config = read_network(path)
    if config["kind"] != KIND:
        raise ValueError(f"{path} is of kind {config['kind']}, not {KIND}: {REMEDY}")
    if config.get("network") != fingerprint(net):
        raise ValueError(f"{path} belongs to another network: {REMEDY}")
    try:
        directions = {
            aspect: HairDirection(
                aspect,
                str(known["unit"]),
                tensors[f"{aspect}.vector"].double().numpy(),
                tensors[f"{aspect}.ridge"].double().numpy(),
                float(known["intercept"]),
                Curve(np.array(known["scores"], np.float64), np.array(known["values"], np.float64)),
                dict(known["figures"]),
            )
            for aspect, known in config["directions"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {REMEDY}") from error
    for one in directions.values():
        if one.vector.ndim != 1 or one.vector.shape != one.ridge.shape or not one.ridge @ one.vector > 0:
            raise ValueError(f"{path} is damaged: {REMEDY}")
    return Steering(directions)


def read_published(path: Path) -> dict[str, np.ndarray]:
    """{name: (D,) float64} of a latent_directions.pkl, a dict of arrays; nothing of the file is executed."""
    content = read_content(path)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path} is not a file of latent directions: it holds a {type(content).__name__}, not a dict")
    found = {}
    for name, value in content.items():
        numbers = value.value if isinstance(value, Array) else value
        numbers = numbers.double().numpy() if isinstance(numbers, Tensor) else numbers
        if not isinstance(numbers, np.ndarray) or numbers.dtype.kind != "f" or not np.isfinite(numbers).all():
            raise ValueError(f"{path} has {name!r}, which is not an array of numbers: give one array for each name")
        found[str(name)] = numbers.astype(np.float64).ravel()
    return found


def _array(embeddings: Tensor) -> np.ndarray:
    return embeddings.detach().double().cpu().numpy()


def _tensor(moves: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(moves).to(like)
