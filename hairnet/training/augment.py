"""Blemishes of photos, put on the encoders' inputs alone, so that real pictures do not look foreign to them.

The targets stay clean. No input is mirrored by itself (a mirrored hair picture would teach mirrored partings; see
`lesson` for all pictures of a step together), and colours move only a little, since those of hair and skin are content.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

GAIN = 0.12  # contrast: factor 1 +- GAIN around mid-grey
OFFSET = 0.08  # brightness, of [-1, 1]
TINT = 0.05  # white balance: offset per channel
CLEAN = 0.3  # share of the pictures that stay as they are: small traits of a face show in them alone
BLUR = 0.5  # share of the pictures that lose detail, each by its own amount
NOISE = 0.06  # largest standard deviation of the sensor's noise
SHIFT = 0.03  # largest displacement, in parts of the side: detectors on photos place the crop less exactly


class Draws:
    """Random numbers for the rows of a step, of which this process of `world` has every world-th, from `rank` on.

    They are drawn for all rows and then picked: how many processes share a step changes nothing in it.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu", rank: int = 0, world: int = 1) -> None:
        self.rng = torch.Generator(device).manual_seed(seed)
        self.rank, self.world = rank, world

    def uniform(self, low: float, high: float, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) between low and high."""
        whole = torch.rand(rows * self.world, *shape, generator=self.rng, device=self.rng.device)
        return whole[self.rank :: self.world] * (high - low) + low

    def normal(self, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) of mean 0 and deviation 1."""
        whole = torch.randn(rows * self.world, *shape, generator=self.rng, device=self.rng.device)
        return whole[self.rank :: self.world]


def blemish(images: Tensor, draws: Draws) -> Tensor:
    """(N,3,H,W) in [-1, 1] -> the same, most with changed tone, less detail and noise, each by its own numbers."""
    n = len(images)
    clean = draws.uniform(0, 1, n, 1, 1, 1) < CLEAN
    gain = draws.uniform(1 - GAIN, 1 + GAIN, n, 1, 1, 1)
    offset = draws.uniform(-OFFSET, OFFSET, n, 1, 1, 1) + draws.uniform(-TINT, TINT, n, 3, 1, 1)
    half = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear", align_corners=False)
    softness = draws.uniform(0, 1, n, 1, 1, 1) * (draws.uniform(0, 1, n, 1, 1, 1) < BLUR)
    noise = draws.normal(*images.shape) * draws.uniform(0, NOISE, n, 1, 1, 1)
    blemished = (torch.lerp(images, half, softness) * gain + offset + noise).clamp(-1, 1)
    return torch.where(clean, images, blemished)


def shift(images: Tensor, draws: Draws) -> Tensor:
    """(N,C,H,W) -> each picture displaced by up to SHIFT of its side, its border repeated."""
    n = len(images)
    move = draws.uniform(-2 * SHIFT, 2 * SHIFT, n, 2)  # grid_sample's side is 2 units long
    theta = torch.eye(2, 3, device=images.device).repeat(n, 1, 1)
    theta[:, :, 2] = move
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)
