"""Losses of the built-in generator: how far a picture is from its render.

Pictures are `(N, 3, H, W)` float32 in [-1, 1] throughout.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hairnet.training.losses import charbonnier

GABOR_WAVELENGTHS = (2.7, 4.5)  # pixels: one strand of hair, one lock of hair at 64 px
GABOR_ORIENTATIONS = 6
GABOR_SIZE = 7


def centre_weight(size: int, device: torch.device) -> Tensor:
    """`(1, 1, size, size)` weights of mean 1: the face centre counts about twice as much as the corners."""
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    weight = 1 + torch.exp(-(axis[None, :] / 0.55).square() - ((axis[:, None] - 0.05) / 0.55).square())
    return (weight / weight.mean())[None, None]


def pixel_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Charbonnier on pixels, on gradients and on a three-level pyramid, weighted to the face centre."""
    error = fake - real
    weight = centre_weight(error.shape[2], error.device)
    across = charbonnier(error[..., 1:] - error[..., :-1]) * weight[..., 1:]
    down = charbonnier(error[..., 1:, :] - error[..., :-1, :]) * weight[..., 1:, :]
    loss = (charbonnier(error) * weight).mean() + 0.7 * (across.mean() + down.mean())
    for _ in range(3):
        error = F.avg_pool2d(error, 2)
        loss = loss + 0.5 * charbonnier(error).mean()
    return loss


def gabor_bank(device: torch.device) -> Tensor:
    """`(2 * bands, 1, 7, 7)` zero-mean, unit-norm even filters, then their odd partners."""
    axis = torch.arange(GABOR_SIZE, dtype=torch.float32) - GABOR_SIZE // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    even: list[Tensor] = []
    odd: list[Tensor] = []
    for wavelength in GABOR_WAVELENGTHS:
        window = torch.exp(-(x.square() + y.square()) / (2 * (0.5 * wavelength) ** 2))
        for k in range(GABOR_ORIENTATIONS):
            angle = math.pi * k / GABOR_ORIENTATIONS
            phase = 2 * math.pi / wavelength * (x * math.cos(angle) + y * math.sin(angle))
            for wave, bank in ((phase.cos(), even), (phase.sin(), odd)):
                patch = window * (wave - (wave * window).sum() / window.sum())
                bank.append(patch / patch.norm())
    return torch.stack(even + odd)[:, None].to(device)


def texture_loss(fake: Tensor, real: Tensor, bank: Tensor) -> Tensor:
    """L1 between local amplitudes of oriented waves: asks for strands of the right direction, scale and
    contrast at the right place, without asking where exactly each strand lies (which no small network can learn)."""

    def amplitude(images: Tensor) -> Tensor:
        grey = images.mean(1, keepdim=True)
        response = F.conv2d(F.pad(grey, (GABOR_SIZE // 2,) * 4, mode="reflect"), bank)
        energy = response.square().unflatten(1, (2, -1)).sum(1)
        return (F.avg_pool2d(energy, 5, stride=2, padding=2, count_include_pad=False) + 1e-3).sqrt()

    return (amplitude(fake) - amplitude(real)).abs().mean()


def feature_loss(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean over the discriminator's layers of the L1 between features, relative to their size."""
    terms = [
        (a.float() - b.float()).abs().mean() / (b.float().abs().mean() + 1e-3) for a, b in zip(fake, real, strict=True)
    ]
    return torch.stack(terms).mean()
