"""How much of a person and of a hairstyle an edit leaves: cosines between the descriptors of edited pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.files import sha256
from data.images import to_tensor
from data.weights import resolve
from directions.calibrate import Calibration
from directions.instruments import Columns
from directions.linear import bootstrap_interval
from faces.identity import KINDS, load_embedder

DESCRIPTORS = ("identity", "hair")
BATCH = 64  # pictures per pass


class Describer:
    """Describes hairstyles and persons, each by an embedder as load_embedder takes it; identity None: no persons.

    `sha256`: those of the networks' files, one after the other.
    """

    def __init__(self, identity: str | None = "builtin", hair: str = "builtin-hair-scorer", device: str | None = None):
        names = {"hair": hair} if identity is None else {"hair": hair, "identity": identity}
        self.networks = {what: load_embedder(name, device) for what, name in names.items()}
        self.sha256 = "".join(sha256(file_of(name)) for name in names.values())

    def __call__(self, images: np.ndarray) -> Columns:
        """(N, H, W, 3) uint8 -> {descriptor: (N, D) float32 of unit length}."""
        return {name: _embed(network, images) for name, network in self.networks.items()}


def likeness(calibration: Calibration, sd: float, describe: Callable[[np.ndarray], Columns]) -> dict[str, Any]:
    """Likeness of each sample to itself when its attribute differs by about one SD, `sd` units: equal effect for all.

    {"effect": in SD, descriptor: {"cosine", "cosine_95", "strangers": the same between different samples}}.
    """
    low, high = one_sd_apart(calibration, sd)
    first, second = (describe(calibration.images[:, place]) for place in (low, high))
    found: dict[str, Any] = {"effect": (calibration.response[high] - calibration.response[low]) / sd}
    for name in DESCRIPTORS:
        cosine = (first[name] * second[name]).sum(axis=1)
        strangers = (first[name] * np.roll(second[name], 1, axis=0)).sum(axis=1).mean()
        found[name] = {"cosine": cosine.mean(), "cosine_95": bootstrap_interval(cosine), "strangers": strangers}
    return found


def one_sd_apart(calibration: Calibration, sd: float) -> tuple[int, int]:
    """The two places of the curve whose responses differ by the amount nearest to `sd`."""
    assert calibration.curve is not None
    inside = np.flatnonzero(np.isin(calibration.scores, calibration.curve.scores))
    couples = [(int(low), int(high)) for low in inside for high in inside if low < high]
    return min(couples, key=lambda pair: abs(np.diff(calibration.response[list(pair)])[0] - sd))


def file_of(name: str) -> Path:
    kind = KINDS.get(name)
    return resolve("builtin", kind) if kind else resolve(name, "embedder")


@torch.inference_mode()
def _embed(network: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    device = next(network.parameters()).device
    parts = [network(to_tensor(images[k : k + BATCH]).to(device)).cpu() for k in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy()
