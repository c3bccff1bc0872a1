"""Blemishes of photos, put on the encoders' inputs alone, so that real pictures do not look foreign to them.

The targets stay clean. Nothing is mirrored (a mirrored hair picture would teach mirrored partings), and colours move
only a little, since the colours of hair and skin are content.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GAIN = 0.12  # contrast: factor 1 +- GAIN around mid-grey
OFFSET = 0.08  # brightness, of [-1, 1]
TINT = 0.05  # white balance: offset per channel
BLUR = 0.5  # share of the pictures that lose detail, each by its own amount
NOISE = 0.06  # largest standard deviation of the sensor's noise
SHIFT = 0.03  # largest displacement, in parts of the side: detectors on photos place the crop less exactly


def uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniform numbers on the generator's device."""
    return torch.rand(*shape, generator=rng, device=rng.device) * (high - low) + low


def blemish(images: Tensor, rng: torch.Generator) -> Tensor:
    """(N,3,H,W) in [-1, 1] -> the same with changed tone, less detail and noise; each picture by its own numbers."""
    n = len(images)
    gain = uniform(rng, 1 - GAIN, 1 + GAIN, n, 1, 1, 1)
    offset = uniform(rng, -OFFSET, OFFSET, n, 1, 1, 1) + uniform(rng, -TINT, TINT, n, 3, 1, 1)
    half = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear", align_corners=False)
    softness = uniform(rng, 0, 1, n, 1, 1, 1) * (uniform(rng, 0, 1, n, 1, 1, 1) < BLUR)
    noise = torch.randn(images.shape, generator=rng, device=rng.device) * uniform(rng, 0, NOISE, n, 1, 1, 1)
    return (torch.lerp(images, half, softness) * gain + offset + noise).clamp(-1, 1)


def shift(images: Tensor, rng: torch.Generator) -> Tensor:
    """(N,C,H,W) -> each picture displaced by up to SHIFT of its side, its border repeated."""
    n = len(images)
    move = uniform(rng, -2 * SHIFT, 2 * SHIFT, n, 2)  # grid_sample's side is 2 units long
    theta = torch.eye(2, 3, device=images.device).repeat(n, 1, 1)
    theta[:, :, 2] = move
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)
