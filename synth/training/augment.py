"""Adaptive augmentation of what a discriminator sees (Karras et al. 2020, "Training GANs with limited data").

Each change happens to a picture with probability p, so that as long as p stays below 0.8 or so the generator does not
learn to make the changes themselves. p follows the discriminator: when it tells the pictures of the training from fakes
too well, which is how learning by heart begins, p rises. With many pictures it stays at 0 by itself.
"""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from synth.training.distributed import mean_over_ranks

TARGET = 0.6  # mean sign of the discriminator on real pictures that p holds on to (app. C: 0.6)
EVERY = 4  # steps between two changes of p
RISE_IMAGES = 500_000  # in which p can go from 0 to 1
MOST = 0.8  # above it changes leak into the pictures of the generator
SCALE = 0.2 * math.log(2)  # standard deviation of the logarithm of zooms and stretches
SHIFT = 0.125  # of the side, of whole and of fractional shifts
LUMA = 1 / math.sqrt(3)  # components of the grey axis
BRIGHTNESS, CONTRAST, SATURATION = 0.2, 0.5 * math.log(2), math.log(2)


class Adaptive:
    """The probability p, and the mean sign of the discriminator on real pictures since its last change."""

    def __init__(self) -> None:
        self.p, self.signs = 0.0, [0.0] * 0

    def heard(self, real_sign: float, images: int) -> None:
        """After a step: the mean sign of the discriminator on its real pictures, `images` of them on all ranks."""
        self.signs.append(real_sign)
        if len(self.signs) == EVERY:
            sign = torch.tensor(sum(self.signs) / EVERY, dtype=torch.float64)
            if dist.is_initialized() and dist.get_backend() == "nccl":
                sign = sign.cuda()
            step = math.copysign(EVERY * images / RISE_IMAGES, mean_over_ranks(sign).item() - TARGET)
            self.p, self.signs = min(MOST, max(0.0, self.p + step)), []

    def view(self, images: Tensor) -> Tensor:
        """(N, 3, R, R) -> the same pictures, changed."""
        return augmented(images, self.p) if self.p else images

    def state(self) -> Tensor:
        """(1 + number of signs,) float64."""
        return torch.tensor([self.p, *self.signs], dtype=torch.float64)

    def load_state(self, state: Tensor) -> None:
        """The inverse of `state`."""
        self.p, *self.signs = state.tolist()


def augmented(images: Tensor, p: float) -> Tensor:
    """(N, 3, R, R) moved, turned, zoomed and recoloured, each with probability p; drawn from torch's generator."""
    count = len(images)
    return recoloured(moved(images, placements(count, images.shape[2], p)), colours(count, p))


def placements(count: int, side: int, p: float) -> Tensor:
    """(N, 3, 3) from places in the changed pictures to places in the given ones, both in [-1, 1]."""
    quarter = torch.randint(4, (count,)) * (math.pi / 2) * chance(count, p)
    whole = (torch.rand(count, 2) * 2 - 1) * SHIFT * chance(count, p)[:, None]
    whole = (whole * side).round() * (2 / side)
    zoom = torch.exp2(torch.randn(count) * SCALE * chance(count, p))
    turn_chance = 1 - math.sqrt(1 - p)  # two turns, before and after the stretch: p for at least one of them
    before = (torch.rand(count) * 2 - 1) * math.pi * chance(count, turn_chance)
    stretch = torch.exp2(torch.randn(count) * SCALE * chance(count, p))
    after = (torch.rand(count) * 2 - 1) * math.pi * chance(count, turn_chance)
    shift = torch.randn(count, 2) * (2 * SHIFT) * chance(count, p)[:, None]
    return (
        translations(whole)
        @ rotations(quarter)
        @ scalings(zoom, zoom)
        @ rotations(before)
        @ scalings(stretch, 1 / stretch)
        @ rotations(after)
        @ translations(shift)
    )


def colours(count: int, p: float) -> Tensor:
    """(N, 3, 4): a matrix on RGB in [-1, 1], and what is added."""
    grey = torch.full((3, 3), LUMA**2)
    result = (
        torch.eye(3).expand(count, 3, 3) * torch.exp2(torch.randn(count) * CONTRAST * chance(count, p))[:, None, None]
    )
    result = result - 2 * grey * (torch.randint(2, (count,)) * chance(count, p))[:, None, None]  # lightness turned over
    result = hues((torch.rand(count) * 2 - 1) * math.pi * chance(count, p)) @ result
    saturation = torch.exp2(torch.randn(count) * SATURATION * chance(count, p))[:, None, None]
    result = (grey + (torch.eye(3) - grey) * saturation) @ result
    added = (torch.randn(count) * BRIGHTNESS * chance(count, p))[:, None, None].expand(count, 3, 1)
    return torch.cat([result, added], dim=2)


def moved(images: Tensor, matrices: Tensor) -> Tensor:
    """The pictures at the places of `placements`, reflected beyond their borders; halved zooms are averaged."""
    count, _, side, _ = images.shape
    grid = F.affine_grid(matrices[:, :2].to(images), [count, 3, 2 * side, 2 * side], align_corners=False)
    fine = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return F.avg_pool2d(fine, 2)


def recoloured(images: Tensor, matrices: Tensor) -> Tensor:
    """The pictures with `colours` applied."""
    matrices = matrices.to(images)
    flat = matrices[:, :, :3] @ images.flatten(2) + matrices[:, :, 3:]
    return flat.reshape(images.shape)


def chance(count: int, p: float) -> Tensor:
    """(N,) ones with probability p, zeros otherwise."""
    return (torch.rand(count) < p).float()


def rotations(angles: Tensor) -> Tensor:
    """(N,) radians -> (N, 3, 3)."""
    zero, one = torch.zeros_like(angles), torch.ones_like(angles)
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)


def scalings(x: Tensor, y: Tensor) -> Tensor:
    """Two (N,) -> (N, 3, 3)."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], dim=1))


def translations(shifts: Tensor) -> Tensor:
    """(N, 2) -> (N, 3, 3)."""
    result = torch.eye(3).repeat(len(shifts), 1, 1)
    result[:, :2, 2] = shifts
    return result


def hues(angles: Tensor) -> Tensor:
    """(N,) radians about the grey axis -> (N, 3, 3), by Rodrigues' formula."""
    axis = torch.full((3, 3), LUMA**2)
    cross = LUMA * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    cos, sin = angles.cos()[:, None, None], angles.sin()[:, None, None]
    return torch.eye(3) * cos + cross * sin + axis * (1 - cos)
