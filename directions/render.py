"""Latent codes to pictures as they lie in a folder of shards: same size, same noise, whole micro-batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from data.images import to_uint8

MICRO_BATCH = 16


class Renderer:
    """`render(w)` -> pictures; what a code looks like does not depend on its neighbours in a call.

    `generator`: of synth.load_generator; `size`: side of the pictures in px, None = the generator's; `noise`: as in
    synthesis, "const" or "none".
    """

    def __init__(self, generator: Any, size: int | None = None, noise: str = "const"):
        self.generator, self.size, self.noise = generator, size or generator.resolution, noise

    def __call__(self, w: np.ndarray) -> np.ndarray:
        """(N, w_dim) float32 -> (N, size, size, 3) uint8."""
        assert w.ndim == 2 and len(w), f"codes have the shape {w.shape}"
        codes = torch.from_numpy(np.ascontiguousarray(w, np.float32)).to(self.generator.w_avg.device)
        batches = [self._batch(codes[start : start + MICRO_BATCH]) for start in range(0, len(codes), MICRO_BATCH)]
        return np.concatenate(batches)

    def _batch(self, codes: torch.Tensor) -> np.ndarray:
        padding = codes[-1:].expand(MICRO_BATCH - len(codes), -1)
        ws = torch.cat([codes, padding])[:, None].expand(-1, self.generator.num_ws, -1)
        with torch.inference_mode():
            x = self.generator.synthesis(ws, noise=self.noise)
            if x.shape[-1] != self.size:
                x = interpolate(x, size=(self.size, self.size), mode="area")
        return to_uint8(x)[: len(codes)]
