"""The noise fields of the synthesis: one for every 3x3 convolution, in one of three modes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MODES = ("const", "none", "random")


class Noise:
    """What the layers of one pass get: "const" their stored field, "none" nothing, "random" a fresh one per sample.

    `seeds`: only with "random", one whole number >= 0 per sample. The fields of a sample then depend on its seed alone:
    not on the batch, the device, or which of the blocks are run. None: torch's generator decides.
    """

    def __init__(self, mode: str, seeds: Sequence[int] | None = None):
        if mode not in MODES:
            raise ValueError(f"noise is {mode!r}; it must be one of {', '.join(MODES)}")
        if seeds is not None and mode != "random":
            raise ValueError(f"seeds are given for noise {mode!r}; they are for noise 'random'")
        self.mode, self.seeds = mode, seeds

    def field(self, stored: Tensor, count: int, up: bool) -> Tensor | None:
        """Stored (R, R) field of a layer -> (1 or count, R, R), or None for no noise; `up`: its place in the block."""
        if self.mode == "none":
            return None
        if self.mode == "const":
            return stored[None]
        size = stored.shape[0]
        if self.seeds is None:
            return torch.randn(count, size, size, device=stored.device)
        if len(self.seeds) != count:
            raise ValueError(f"{len(self.seeds)} seeds are given for {count} samples; give one for each")
        streams = [np.random.default_rng([int(seed), size, int(up)]) for seed in self.seeds]
        fields = np.stack([stream.standard_normal((size, size), np.float32) for stream in streams])
        return torch.from_numpy(fields).to(stored.device)
