"""The rule from seeds to z, and the mixing of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

MOST_PSI = 2.0  # further from the mean than any training has seen; beyond it faces fall to pieces


def check_psi(psi: float) -> None:
    """ValueError naming --psi when it is no truncation that makes faces; commands call it before any work."""
    if not -MOST_PSI <= psi <= MOST_PSI:
        raise ValueError(
            f"--psi is {psi:g}, but it is from {-MOST_PSI:g} to {MOST_PSI:g}: 1 is no truncation, 0 the mean face"
        )


def latents(seeds: Iterable[int], z_dim: int) -> Tensor:
    """(N, z_dim) float32: one row per seed, each from its own stream, as NVIDIA's tools draw it.

    A seed's row does not depend on the other seeds; seeds are 0 to 2**32 - 1.
    """
    seeds = [int(seed) for seed in seeds]
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed {seed} is out of range: seeds are 0 to {2**32 - 1}")
    rows = [np.random.RandomState(seed).randn(1, z_dim) for seed in seeds]
    return torch.from_numpy(np.concatenate(rows or [np.empty((0, z_dim))]).astype(np.float32))


def mix(ws: Tensor, other: Tensor, rows: Iterable[int]) -> Tensor:
    """(N, num_ws, w_dim): `ws` with the given rows of `other` (style mixing: 0-3 coarse, 4-7 middle, the rest fine)."""
    rows = list(rows)
    if any(not 0 <= row < ws.shape[1] for row in rows):
        raise ValueError(f"rows {rows} are not all in ws of {ws.shape[1]} rows; give numbers from 0")
    chosen = torch.zeros(ws.shape[1], 1, dtype=torch.bool, device=ws.device)
    chosen[rows] = True
    return torch.where(chosen, other, ws)
