"""Mixtures of embeddings and of codes: between several, stronger or weaker, and one aspect alone. No pictures here.

Embeddings are (N, ...) tensors of any form that a network's encoders give; codes are ws (N, num_ws, w_dim).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Take = Literal["all", "colour", "shape"]
STRONGEST = 1.5  # strength beyond which there are no faces any more, only artefacts
MOST_CORRECTIONS = 3  # the first does nearly all of it
MOST_STEPS = 1000
# Style inputs of blocks up to this part of the pictures' side decide the shape, the others the colour: of 64 px the two
# of the 4 px block, measured on 64 pairs (docs/uses.md; splits further on keep the shape better and move hardly any
# colour), of 1024 px the eight of 4 to 32 px, as is usual for faces there.
SHAPE_PART = 32


def path(count: int, steps: int) -> np.ndarray:
    """(steps, count) float64 weights: from the first of `count` things over each of the others to the last.

    Every row sums to 1 and lies between two neighbours; steps are even in all, and the things themselves are met where
    steps - 1 is a multiple of count - 1.
    """
    if count < 1 or not count <= steps <= MOST_STEPS:
        raise ValueError(f"--steps is {steps}: it must lie in {max(count, 1)} (one for each) to {MOST_STEPS}")
    places = np.linspace(0, count - 1, steps)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count)[None]))


def checked_weights(weights: Sequence[float] | np.ndarray | None, count: int) -> np.ndarray:
    """(count,) float64: how much of each of `count` things; None is all of the first.

    ValueError unless they are as many numbers from 0 that sum to 1.
    """
    given = np.eye(count)[0] if weights is None else np.asarray(weights, np.float64)
    if given.shape != (count,) or not (given >= 0).all() or abs(given.sum() - 1) > 1e-6:
        raise ValueError(f"weights are {weights}: give {count} numbers from 0 that sum to 1")
    return given


def between(embeddings: Tensor, weights: np.ndarray | Tensor) -> Tensor:
    """(K, ...) embeddings or codes and (N, K) weights -> (N, ...): weighted sums."""
    w = torch.as_tensor(weights, dtype=embeddings.dtype, device=embeddings.device)
    return (w @ embeddings.flatten(1)).unflatten(1, embeddings.shape[1:])


def stronger(own: Tensor, other: Tensor, strength: float | Sequence[float] | Tensor) -> Tensor:
    """From `own` (N, ...), strength 0, to `other` (N, ...), strength 1, and beyond; one strength or (N,)."""
    amount = torch.as_tensor(strength, dtype=own.dtype, device=own.device)
    amount = amount.reshape(-1, *[1] * (own.ndim - 1)) if amount.ndim else amount
    return (1 - amount) * own + amount * other


def shape_layers(num_ws: int) -> int:
    """How many of a generator's style inputs, from the first, decide the shape of hair rather than its colour."""
    side = 2 ** ((num_ws + 2) // 2)  # of its pictures, px
    largest = max(4, side // SHAPE_PART)
    return min(num_ws, 2 * int(np.log2(largest)) - 2)


def by_layers(own: Tensor, other: Tensor, take: Take) -> Tensor:
    """Codes (N, num_ws, w_dim) that take colour or shape alone from `other`, the rest from `own`."""
    if take == "all":
        return other
    first = shape_layers(own.shape[1])
    shape, colour = (other, own) if take == "shape" else (own, other)
    return torch.cat([shape[:, :first], colour[:, first:]], 1)


def check_strength(strength: float) -> None:
    """ValueError for a strength out of range."""
    if not 0 <= strength <= STRONGEST:
        raise ValueError(f"--strength is {strength}: it must lie in 0 (the face's own hair) to {STRONGEST}")


def check_corrections(corrections: int) -> None:
    """ValueError for a number of second looks out of range."""
    if not 0 <= corrections <= MOST_CORRECTIONS:
        raise ValueError(f"--corrections is {corrections}: it is a number of second looks, 0 to {MOST_CORRECTIONS}")
