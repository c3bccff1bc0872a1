"""Hair that is gathered: knots, tails and plaits, as guide hairs in the frame of the head (cm)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.heads.maths import smooth, unit
from synth.heads.styles import Cut

KNOT_HAIRS, TAIL_HAIRS, TAIL_NODES = 700, 330, 26
SKULL, SKULL_RADIUS = (0.0, 2.0, -0.4), (7.5, 9.1, 9.5)  # centre and half axes of an ellipsoid


def gathered(cut: Cut, fullness: float, generator: torch.Generator) -> list[tuple[Tensor, float]]:
    """Guides (g, n, 3) and the length (cm) of each knot and tail that the cut has; `fullness` in [0, 1]."""
    sides = (-1.0, 1.0) if cut.apart > 1 else (cut.side,)
    out = []
    if cut.bun > 0.2:
        out += [(knot(cut, side, fullness, generator), 2.5) for side in sides]
    if cut.tail > 5:
        out += [(tail(cut, side, fullness, generator), cut.tail) for side in sides]
    return out


def knot(cut: Cut, side: float, fullness: float, generator: torch.Generator) -> Tensor:
    """Guides (g, 8, 3) wound around a knot at the back of the crown, or higher and to the side if there are two."""
    v = unit(torch.randn(KNOT_HAIRS, 3, generator=generator))
    w = unit(torch.linalg.cross(v, torch.tensor([0.3, 0.2, 1.0]).expand_as(v)))
    radius = (1.6 + 1.3 * fullness) * cut.bun
    k = torch.linspace(0, 1.1, 8)[None, :, None]
    centre = torch.tensor([side * cut.apart, 11.7 - 0.4 * cut.apart, -3.2 + 0.3 * cut.apart])
    return (v[:, None] * torch.cos(k) + w[:, None] * torch.sin(k)) * radius + centre


def tail(cut: Cut, side: float, fullness: float, generator: torch.Generator) -> Tensor:
    """Guides (g, TAIL_NODES, 3) of a tail: tied at the skull, out and then down, loose or plaited of three."""
    t = torch.linspace(0, 1, TAIL_NODES)
    x, y = side * (cut.apart + cut.aside), cut.tail_height
    behind = max(0.02, 1 - (x / SKULL_RADIUS[0]) ** 2 - ((y - SKULL[1]) / SKULL_RADIUS[1]) ** 2)
    root = torch.tensor([x, y, -0.4 - 9.5 * math.sqrt(behind)])
    out = unit((root - torch.tensor(SKULL)) / torch.tensor(SKULL_RADIUS) ** 2)
    away = 2.6 * smooth(0.0, 0.22, t)
    drop = torch.stack([0 * t, -cut.tail * (t - 0.12).clamp_min(0) ** 1.15, cut.drape * smooth(0.0, 0.75, t)], -1)
    drop[:, 0] = 7.0 * cut.side * float(abs(x) < 1) * smooth(0.15, 0.6, t)  # over one shoulder
    path = root + away[:, None] * out + drop

    thick = (1.1 + 0.6 * fullness) * smooth(-0.25, 0.12, t) * smooth(1.25, 0.55, t)
    strand = torch.randint(0, 3, (TAIL_HAIRS,), generator=generator)
    within = torch.randn(TAIL_HAIRS, 2, generator=generator).clamp(-1.5, 1.5) * 0.5
    turn = 2 * math.pi * (t * cut.tail / 6.5 + strand[:, None] / 3)
    across = cut.plait * 0.85 * torch.sin(turn) + within[:, :1] * (1 - 0.25 * cut.plait)
    deep = cut.plait * 0.6 * torch.sin(2 * turn) + within[:, 1:] * (1 - 0.25 * cut.plait)
    sideways = torch.tensor([0.8, 0.0, -0.6 * side]) if abs(x) > 1 else torch.tensor([1.0, 0.0, 0.0])
    forwards = torch.linalg.cross(sideways, torch.tensor([0.0, 1.0, 0.0]))
    return path + (across * thick)[..., None] * sideways + (deep * thick)[..., None] * forwards
