"""Latent codes to pictures as they lie in a folder of shards: same size, same noise, whole micro-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
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
        return self._render(w, lambda codes: codes[:, None].expand(-1, self.generator.num_ws, -1))

    def layered(self, ws: np.ndarray) -> np.ndarray:
        """W+: (N, num_ws, w_dim) float32 -> (N, size, size, 3) uint8."""
        return self._render(ws, lambda codes: codes)

    def styled(self, styles: np.ndarray, widths: dict[str, int]) -> np.ndarray:
        """S: (N, sum of widths) float32, of layers named by `widths`, -> (N, size, size, 3) uint8."""
        if styles.shape[1] != sum(widths.values()):
            raise ValueError(f"styles have {styles.shape[1]} numbers, this generator takes {sum(widths.values())}")
        return self._render(styles, lambda codes: dict(zip(widths, codes.split(list(widths.values()), 1), strict=True)))

    def _render(self, codes: np.ndarray, decode: Callable[[Tensor], Tensor | dict[str, Tensor]]) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(codes, np.float32)).to(self.generator.w_avg.device)
        batches = [self._batch(x[start : start + MICRO_BATCH], decode) for start in range(0, len(x), MICRO_BATCH)]
        return np.concatenate(batches)

    def _batch(self, codes: Tensor, decode: Callable[[Tensor], Tensor | dict[str, Tensor]]) -> np.ndarray:
        padding = codes[-1:].expand(MICRO_BATCH - len(codes), *codes.shape[1:])
        with torch.inference_mode():
            x = self.generator.synthesis(decode(torch.cat([codes, padding])), noise=self.noise)
            if x.shape[-1] != self.size:
                x = interpolate(x, size=(self.size, self.size), mode="area")
        return to_uint8(x)[: len(codes)]
