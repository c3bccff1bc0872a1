"""Random changes of training pictures, batched: places, backgrounds, colours, optics and noise of the world outside.

All pictures are (N, 3, S, S) float32 in [-1, 1], labels (N, S, S) uint8; randomness comes from a torch.Generator alone,
so that a resumed training draws what it would have drawn.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from faces.labels import LABEL, MIRRORED

IGNORED = 255  # label of pixels that an occlusion covers


def uniform(count: int, low: float, high: float, g: Generator) -> Tensor:
    """(count,) numbers in [low, high)."""
    return torch.rand(count, generator=g) * (high - low) + low


def chosen(count: int, share: float, g: Generator) -> Tensor:
    """(count,) bool, each true with probability `share`."""
    return torch.rand(count, generator=g) < share


def placed(
    x: Tensor,
    labels: Tensor | None,
    g: Generator,
    zoom: float,
    shift: float,
    turn: float,
    mirror: bool,
    growth: float = 0.0,
) -> tuple[Tensor, Tensor | None]:
    """Scaled by up to 1 +- zoom, shifted by up to `shift` sides, turned by up to `turn` degrees, half of them mirrored.

    With `growth` what lies around an FFHQ face is stretched outwards, by up to 1 + growth and by other amounts in other
    directions: hair of more volume than any render has. Labels follow (nearest) and swap the subject's sides when
    mirrored; what comes from outside repeats the border.
    """
    count, size = len(x), x.shape[-1]
    theta, _, flip = _drawn_place(count, g, zoom, shift, turn, mirror)
    if growth:
        places = _grown(count, size, growth, g)
        grid = torch.einsum("nij,nhwj->nhwi", theta[:, :, :2], places) + theta[:, None, None, :, 2]
    else:
        grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    moved = F.grid_sample(x, grid, "bilinear", "border", align_corners=False)
    if labels is None:
        return moved, None
    swapped = torch.where(flip[:, None, None], torch.from_numpy(MIRRORED)[labels.long()], labels)
    near = F.grid_sample(swapped[:, None].float(), grid, "nearest", "border", align_corners=False)
    return moved, near[:, 0].to(torch.uint8)


def placed_points(
    x: Tensor, points: Tensor, g: Generator, zoom: float, shift: float, turn: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Like `placed`, for pictures with points (N, K, 2) in pixels (a pixel's centre is half a pixel from its corner).

    Returns the pictures, where the points went, by how many degrees each new picture is turned clockwise (N,), and
    which are mirrored (N,) bool; that points then change their names is left to the caller.
    """
    count, size = len(x), x.shape[-1]
    theta, angle, flip = _drawn_place(count, g, zoom, shift, turn, mirror=True)
    grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    moved = F.grid_sample(x, grid, "bilinear", "border", align_corners=False)
    before = points * (2 / size) - 1
    after = torch.linalg.solve(theta[:, :, :2], (before - theta[:, None, :, 2]).mT).mT
    return moved, (after + 1) * (size / 2), torch.rad2deg(torch.where(flip, angle, -angle)), flip


def _drawn_place(
    count: int, g: Generator, zoom: float, shift: float, turn: float, mirror: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """(N, 2, 3) maps from places of the new picture to places of the old, in [-1, 1]; their angle; which mirror."""
    scale, angle = 1 + uniform(count, -zoom, zoom, g), torch.deg2rad(uniform(count, -turn, turn, g))
    flip = chosen(count, 0.5, g) if mirror else torch.zeros(count, dtype=torch.bool)
    sign = torch.where(flip, -1.0, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    dx, dy = uniform(count, -2 * shift, 2 * shift, g), uniform(count, -2 * shift, 2 * shift, g)
    theta = torch.stack([torch.stack([cos * sign, -sin, dx], -1), torch.stack([sin * sign, cos, dy], -1)], 1)
    return theta, angle, flip


def _grown(count: int, size: int, growth: float, g: Generator) -> Tensor:
    """(N, S, S, 2) places in [-1, 1] to sample from: nearer to the face than they are, outside a radius around it."""
    centre, radius = torch.tensor([0.0, 0.1]), 0.55  # of an FFHQ face, in half sides
    places = F.affine_grid(torch.eye(2, 3)[None], [1, 3, size, size], align_corners=False) - centre
    distance = places.norm(dim=-1).clamp_min(1e-6)  # (1, S, S)
    direction = torch.atan2(places[..., 1], places[..., 0])
    phase, share = uniform(count, 0, 2 * math.pi, g)[:, None, None], uniform(count, 0, 1, g)[:, None, None] ** 1.5
    lobes = torch.randint(0, 3, (count, 1, 1), generator=g)  # the same all around, to one side, to two
    stretch = 1 + growth * share * (0.6 + 0.4 * torch.cos(lobes * direction + phase))
    near = radius + (distance - radius) / stretch
    return places * (torch.where(distance > radius, near, distance) / distance)[..., None] + centre


def new_hair(x: Tensor, labels: Tensor, g: Generator, share: float) -> Tensor:
    """Hair of another natural colour, shading and smoothness in a share of the pictures."""
    count, size = len(x), x.shape[-1]
    hair = (labels == LABEL["hair"]).float()[:, None]
    soft = F.avg_pool2d(hair, 3, 1, 1, count_include_pad=False)
    luma = (x.mean(1, keepdim=True) + 1) / 2
    mean = (luma * hair).sum((2, 3), keepdim=True) / hair.sum((2, 3), keepdim=True).clamp_min(1)
    strands = (luma - mean) * hair
    smooth = F.avg_pool2d(strands, 5, 1, 2, count_include_pad=False)

    def number(low: float, high: float) -> Tensor:
        return uniform(count, low, high, g)[:, None, None, None]

    strands = torch.lerp(strands, smooth, number(0, 1)) * number(0.3, 1.5)
    lightness, warmth = number(0.15, 0.9) ** 2, number(0, 1)  # from black to fair, from grey to red
    colour = lightness * torch.cat([torch.ones_like(warmth), 1 - 0.35 * warmth, 1 - 0.7 * warmth], 1)
    shading = F.interpolate(torch.randn(count, 1, 5, 5, generator=g), (size, size), mode="bilinear")
    changed = (colour * torch.exp(number(0, 0.6) * shading) + strands) * 2 - 1
    alpha = soft * chosen(count, share, g)[:, None, None, None]
    return (x + alpha * (changed - x)).clamp(-1, 1)


def new_backgrounds(x: Tensor, labels: Tensor, g: Generator, share: float) -> Tensor:
    """Label 0 replaced in a share of the pictures by smooth colours, coarse clutter or other pictures of the batch.

    The edge is softened by a pixel, so that no cut-out outline tells the background.
    """
    count, size = len(x), x.shape[-1]
    levels = (2, 6, 20)  # px: from one soft gradient to clutter as fine as hair
    grids = [torch.rand(count, 3, n, n, generator=g) * 2 - 1 for n in levels]
    fields = [F.interpolate(grid, (size, size), mode="bilinear") for grid in grids]
    weights = torch.rand(count, len(levels), generator=g) ** 2
    clutter = sum(w[:, None, None, None] * field for w, field in zip(weights.unbind(1), fields, strict=True))
    clutter = (clutter * 0.8 + uniform(count, -0.9, 0.9, g)[:, None, None, None]).clamp(-1, 1)
    others = x[torch.randperm(count, generator=g)].flip(2 if torch.rand((), generator=g) < 0.5 else 3)
    behind = torch.where(chosen(count, 0.25, g)[:, None, None, None], others, clutter)
    alpha = F.avg_pool2d((labels == LABEL["background"]).float()[:, None], 3, 1, 1, count_include_pad=False)
    alpha = alpha * chosen(count, share, g)[:, None, None, None]
    return x + alpha * (behind - x)


def occluded(x: Tensor, labels: Tensor | None, g: Generator, share: float) -> tuple[Tensor, Tensor | None]:
    """Plain or speckled rectangles over a share of the pictures; their labels are IGNORED."""
    count, size = len(x), x.shape[-1]
    side = uniform(count, 0.1, 0.4, g), uniform(count, 0.1, 0.4, g)
    centre = uniform(count, 0, 1, g), uniform(count, 0, 1, g)
    place = torch.linspace(0, 1, size)
    inside = [(place[None] - c[:, None]).abs() < s[:, None] / 2 for c, s in zip(centre, side, strict=True)]
    covered = inside[0][:, None, :] & inside[1][:, :, None] & chosen(count, share, g)[:, None, None]
    colour = (torch.rand(count, 3, 1, 1, generator=g) * 2 - 1) + 0.2 * torch.randn(count, 1, size, size, generator=g)
    x = torch.where(covered[:, None], colour.clamp(-1, 1), x)
    return x, None if labels is None else torch.where(covered, IGNORED, labels)


def recoloured(x: Tensor, g: Generator, strength: float, grey: float) -> Tensor:
    """Gamma, exposure, contrast, saturation, hue and a colour cast, `strength` 0 to 1; a share `grey` loses colour."""
    count = len(x)

    def factor(range_: float) -> Tensor:
        return torch.exp2(uniform(count, -range_ * strength, range_ * strength, g))[:, None, None, None]

    light = ((x + 1) / 2).clamp_min(1e-4)
    light = (light ** factor(0.8)) * factor(0.5) * torch.exp2(torch.randn(count, 3, 1, 1, generator=g) * 0.2 * strength)
    mean = light.mean((1, 2, 3), keepdim=True)
    light = (light - mean) * factor(0.5) + mean
    luma = (light * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    saturation = torch.where(chosen(count, grey, g)[:, None, None, None], torch.zeros(()), factor(1.0))
    chroma = (light - luma) * saturation
    angle = uniform(count, -0.35 * strength, 0.35 * strength, g)
    return ((luma + torch.einsum("nij,njhw->nihw", _hue_turn(angle), chroma)) * 2 - 1).clamp(-1, 1)


def _hue_turn(angle: Tensor) -> Tensor:
    """(N,) radians -> (N, 3, 3) rotations about the grey axis."""
    c, s, third = torch.cos(angle), torch.sin(angle), 1 / 3
    root = math.sqrt(third)
    a, b, d = c + third * (1 - c), third * (1 - c) - root * s, third * (1 - c) + root * s
    return torch.stack([a, b, d, d, a, b, b, d, a], -1).view(-1, 3, 3)


def defocused(x: Tensor, g: Generator, share: float) -> Tensor:
    """A Gaussian blur of 0.4 to 1.6 px, or an enlargement of a smaller picture, in a share of the pictures each."""
    count, size = len(x), x.shape[-1]
    radius = torch.arange(-3, 4).float()
    sigma = torch.where(chosen(count, share, g), uniform(count, 0.4, 1.6, g), torch.full((count,), 1e-3))
    kernel = torch.exp(-0.5 * (radius[None] / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)  # (N*3, 7), one per picture and channel
    y = F.pad(x.reshape(1, count * 3, size, size), (3, 3, 3, 3), mode="replicate")
    y = F.conv2d(y, kernel[:, None, :, None], groups=count * 3)
    y = F.conv2d(y, kernel[:, None, None, :], groups=count * 3).view_as(x)
    rows = chosen(count, share / 2, g).nonzero()[:, 0]
    if len(rows):
        small = int(torch.randint(size * 3 // 8, size, (), generator=g))
        shrunk = F.interpolate(y[rows], (small, small), mode="bilinear", align_corners=False, antialias=True)
        y[rows] = F.interpolate(shrunk, (size, size), mode="bilinear", align_corners=False)
    return y


def noisy(x: Tensor, g: Generator, share: float, most: float = 0.12) -> Tensor:
    """White noise of a standard deviation up to `most` in a share of the pictures."""
    count = len(x)
    sigma = uniform(count, 0, most, g) * chosen(count, share, g)
    return (x + sigma[:, None, None, None] * torch.randn(x.shape, generator=g)).clamp(-1, 1)


def compressed(x: Tensor, g: Generator, share: float) -> Tensor:
    """What JPEG does to a share of the pictures: 8x8 cosine blocks, rounded more coarsely at higher frequencies."""
    rows = chosen(len(x), share, g).nonzero()[:, 0]
    if not len(rows):
        return x
    count, size = len(rows), x.shape[-1]
    assert size % 8 == 0
    basis = _cosines()
    blocks = x[rows].view(count, 3, size // 8, 8, size // 8, 8).transpose(3, 4)
    frequency = torch.arange(8.0)
    step = (1 + frequency[:, None] + frequency[None, :]) * uniform(count, 0.01, 0.08, g).view(-1, 1, 1, 1, 1, 1)
    rounded = torch.round(basis @ blocks @ basis.T / step) * step
    x = x.clone()
    x[rows] = (basis.T @ rounded @ basis).transpose(3, 4).reshape(count, 3, size, size).clamp(-1, 1)
    return x


@cache
def _cosines() -> Tensor:
    """The orthonormal 8-point cosine transform (8, 8)."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)[None, :]
    basis = torch.cos(math.pi * (2 * n + 1) * k / 16) / 2
    basis[0] /= math.sqrt(2)
    return basis
