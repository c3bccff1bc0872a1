"""The rule from seeds to z."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


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
