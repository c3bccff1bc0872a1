"""Small field functions on tensors, and noise that depends on a seed and a place, never on the size of the grid."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def gauss(x: Tensor, width: float) -> Tensor:
    """A bump: exp(-(x / width)^2)."""
    x = x * (1 / width)
    return (x * x).neg_().exp_()


def smooth(start: float | Tensor, end: float | Tensor, x: Tensor) -> Tensor:
    """0 at `start`, 1 at `end`, with flat ends; `start` may be the larger."""
    t = ((x - start) / (end - start)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def step(start: float, end: float, x: float) -> float:
    """`smooth` of a plain number."""
    t = min(1.0, max(0.0, (x - start) / (end - start)))
    return t * t * (3 - 2 * t)


def mix(a, b, t):
    """a at t = 0, b at t = 1."""
    return a + (b - a) * t


def unit(v: Tensor) -> Tensor:
    """v / |v| for v (..., 3)."""
    return v / length(v).clamp_min(1e-6)


def length(v: Tensor) -> Tensor:
    """|v| for v (..., 3), as (..., 1); much faster than a reduction over so short an axis."""
    x, y, z = v.unbind(-1)
    return (x * x + y * y + z * z).sqrt_()[..., None]


def stream(noise: int, purpose: int) -> torch.Generator:
    """Random numbers of one purpose of one factor group; purposes never disturb each other."""
    return torch.Generator().manual_seed((int(noise) * 1000003 + purpose * 7919 + 12345) & 0x7FFFFFFF)


@lru_cache(maxsize=256)
def spline(samples: int, intervals: int, end: float = 1.0) -> Tensor:
    """(samples, intervals + 1) weights of a uniform cubic B-spline on [0, end] over intervals + 1 clamped nodes."""
    t = torch.linspace(0, end, samples) * intervals
    i = t.long().clamp(max=intervals - 1)
    f = t - i
    weights = torch.zeros(samples, intervals + 1)
    rows = torch.arange(samples)
    basis = ((1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3)
    for offset, value in zip((-1, 0, 1, 2), basis, strict=True):
        weights.index_put_((rows, (i + offset).clamp(0, intervals)), value / 6, accumulate=True)
    return weights


def noise(
    generator: torch.Generator, height: int, width: int, cells: int, octaves: int = 3, gain: float = 0.6
) -> Tensor:
    """(height, width) smooth noise of unit scale, `cells` bumps across; the same field at every resolution."""
    out = torch.zeros(height, width)
    for octave in range(octaves):
        n = cells * 2**octave
        nodes = torch.randn(n + 1, n + 1, generator=generator) * (1.6 * gain**octave)
        out += spline(height, n) @ nodes @ spline(width, n).T
    return out


def grid_normals(points: Tensor) -> Tensor:
    """(h, w, 3) unit normals of a grid of points (h, w, 3): d/drow x d/dcolumn by central differences."""
    du = torch.empty_like(points)
    dv = torch.empty_like(points)
    du[:, 1:-1] = points[:, 2:] - points[:, :-2]
    du[:, 0] = points[:, 1] - points[:, 0]
    du[:, -1] = points[:, -1] - points[:, -2]
    dv[1:-1] = points[2:] - points[:-2]
    dv[0] = points[1] - points[0]
    dv[-1] = points[-1] - points[-2]
    return unit(torch.linalg.cross(dv, du, dim=-1))
