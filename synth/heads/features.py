"""Eyes, lashes, the inside of the mouth and ears, as patches in the frame of the head (cm)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.labels import LABEL
from synth.heads.maths import gauss, grid_normals, mix, smooth, unit
from synth.heads.patches import EYE, MATTE, SKIN, Patch, keep, patch
from synth.heads.surface import EYE_TURN, EYEBALL_RADIUS, EYEBALL_Z, lid_heights

SIDES = ((-1, "r"), (1, "l"))  # +x is the subject's left


def grid(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column coordinates of a grid."""
    a, b = torch.meshgrid(rows, columns, indexing="ij")
    return a, b


def eyes(a: Anatomy, pixels_per_cm: float) -> list[Patch]:
    """Both eyeballs, seen through the lids, and the strips of the upper lashes."""
    m = int(2.9 * pixels_per_cm) + 4
    t = torch.linspace(-1, 1, m)
    y, x = grid(t * 1.15, 1.66 * torch.sin(t * 1.5))
    depth = (2.56 - x**2 * 0.82 - y**2).clamp_min(0.01).sqrt()
    normal = unit(torch.stack([x * 0.7, y, depth], -1))
    out = []
    for sign, side in SIDES:
        points = torch.stack([x + sign * a.eye_x, y, EYEBALL_Z - EYE_TURN * sign * x + depth - 0.22], -1)
        across = sign * x / a.eye_half_width
        upper, lower = lid_heights(a, across.clamp(-1, 1))
        wet = torch.where(across.abs() < 0.78, EYE, MATTE)
        ball = patch(points, normal, _eye_colour(a, x, y, across, upper), LABEL[f"{side}_eye"], wet)
        seen = (across.abs() < 0.97) & (y < upper + 0.08) & (y > lower - 0.08)
        out += [keep(ball, seen), _lashes(a, sign, pixels_per_cm)]
    return out


def _eye_colour(a: Anatomy, x: Tensor, y: Tensor, across: Tensor, upper: Tensor) -> Tensor:
    """(m, m, 3) sclera, iris with fibres, pupil and a catch light; shadowed under the lid, flesh at the corners."""
    dx, dy = x - a.gaze_x, y - a.gaze_y - 0.02
    d = (dx**2 + dy**2).sqrt()
    iris, pupil = 0.62, 0.25
    angle = torch.atan2(dy, dx)
    fibres = 0.8 + 0.2 * torch.sin(angle * 23 + 3 * torch.sin(angle * 7)) * smooth(pupil, iris, d)
    colour = torch.tensor([0.50, 0.47, 0.46]) * (1 - 0.35 * smooth(0.7, 1.4, x.abs())[..., None])
    flesh = mix(a.skin, torch.tensor([0.42, 0.18, 0.16]), 0.6) * 0.75
    colour = mix(colour, flesh + 0 * colour, smooth(0.74, 0.95, across.abs())[..., None])
    ring = a.iris * (fibres * (1.12 - 0.8 * smooth(iris - 0.16, iris, d)))[..., None]
    colour = mix(colour, ring, smooth(iris + 0.04, iris - 0.04, d)[..., None])
    colour = colour * (1 - 0.97 * smooth(pupil + 0.03, pupil - 0.03, d))[..., None]
    colour = colour * (1 - 0.70 * smooth(0.40, 0.02, upper - y))[..., None]
    glint = (0.95 * gauss(dx + 0.18, 0.14) * gauss(dy - 0.20, 0.14))[..., None]
    return mix(colour, torch.full((3,), 0.95), glint)


def _lashes(a: Anatomy, sign: int, pixels_per_cm: float) -> Patch:
    """A dark strip standing out from the edge of the upper lid."""
    along, out = grid(
        torch.linspace(-0.97, 0.97, int(3.5 * pixels_per_cm)),
        torch.linspace(-0.35, 1, max(3, int(0.6 * pixels_per_cm))),
    )
    upper, _ = lid_heights(a, along.clamp(-1, 1))
    y = upper + 0.02
    x = along * a.eye_half_width
    length = (0.13 + 0.15 * a.femininity) * (0.6 + 0.5 * along)
    z = (
        EYEBALL_Z
        - EYE_TURN * x
        + (EYEBALL_RADIUS**2 - 0.82 * x**2 - y**2).clamp_min(0.1).sqrt()
        + 0.02
        + out.clamp(0) * 0.3
        + out.clamp(max=0) * 0.02
    )
    points = torch.stack([sign * (a.eye_x + x + 0.12 * out.clamp(0) * along), y + length * out, z], -1)
    return patch(points, torch.tensor([0.0, 0.7, 0.7]), torch.tensor([0.012, 0.009, 0.008]), LABEL["skin"], MATTE)


def mouth(a: Anatomy, pixels_per_cm: float) -> list[Patch]:
    """The dark inside of an open mouth with the upper teeth and the tongue; nothing when it is closed."""
    if a.open < 0.03:
        return []
    half = a.mouth_half_width * 0.80
    drop, x = grid(
        torch.linspace(-0.35, a.open + 0.35, int((a.open + 0.7) * 1.1 * pixels_per_cm) + 4),
        torch.linspace(-half, half, int(6 * pixels_per_cm) + 4),
    )
    line = a.mouth_y + a.smile * 0.7 * (x / a.mouth_half_width) ** 2 - 0.1
    teeth_edge = 0.10 + 0.42 * min(1.0, a.open * 1.5) * (1 - 0.35 * (x / half) ** 2)
    teeth = smooth(0.06, -0.06, drop - teeth_edge) * smooth(0.99, 0.82, (x / half).abs())
    gaps = 0.22 * gauss(((x / 0.72 + 0.5) % 1) - 0.5, 0.07)
    dark = torch.tensor([0.09, 0.03, 0.03]) + 0 * x[..., None]
    tongue = smooth(0.45, 0.95, drop / max(a.open, 0.3)) * gauss(x, 1.5)
    colour = mix(dark, torch.tensor([0.45, 0.15, 0.14]), (0.75 * tongue)[..., None])
    ivory = torch.tensor([0.88, 0.83, 0.74]) * (1 - gaps - 0.45 * (x / half).abs() ** 2)[..., None]
    colour = mix(colour, ivory, teeth[..., None])
    depth = 8.35 - 0.30 * x**2 - 0.5 * smooth(0.0, 0.1, drop - teeth_edge)
    return [
        patch(torch.stack([x, line - drop, depth], -1), torch.tensor([0.0, 0.1, 0.99]), colour, LABEL["mouth"], MATTE)
    ]


def ears(a: Anatomy, pixels_per_cm: float) -> list[Patch]:
    """Both ears: a disc with helix, antihelix, bowl and lobe."""
    around = torch.linspace(-math.pi, math.pi, int(13 * pixels_per_cm))
    outwards = torch.linspace(0.02, 1, int(2.6 * pixels_per_cm) + 3)
    u, t = grid(outwards, around)
    lobe = smooth(-0.55, -1.0, torch.sin(t))
    up = u * torch.sin(t) * (3.05 - 0.15 * lobe) * a.ear - 0.1
    forward = u * torch.cos(t) * (1.55 + 0.40 * torch.sin(t)) * a.ear
    helix = smooth(0.55, 0.86, u) * smooth(1.03, 0.92, u) * (1 - 0.8 * gauss(t, 0.7)) * (1 - 0.6 * lobe)
    relief = (
        0.55 * helix
        + 0.35 * gauss(u - 0.5, 0.13) * smooth(-0.3, 0.3, torch.sin(t))
        - 0.5 * gauss(up + 0.5, 0.8) * gauss(forward - 0.2, 0.6)
    )
    relief = relief + 0.25 * smooth(0.3, 0.9, torch.cos(t)) * u - 0.3 * smooth(0.9, 1.0, u)
    shade = 1 - 0.45 * gauss(up + 0.3, 0.8) * gauss(forward - 0.1, 0.55) - 0.25 * gauss(u - 0.7, 0.1)
    colour = a.skin * torch.tensor([1.02, 0.87, 0.85]) * shade[..., None]
    out = []
    for sign, side in SIDES:
        x = sign * (6.95 * a.width + 0.55 - forward * a.ear_flare + relief * 0.9)
        points = torch.stack([x, -1.6 + up - 0.12 * forward, -1.7 + forward * 0.95 - 0.1 * up + relief * 0.5], -1)
        normal = grid_normals(points)
        flip = torch.where(normal[..., 0] * sign + 0.4 * normal[..., 2] < 0, -1.0, 1.0)
        out.append(patch(points, normal * flip[..., None], colour, LABEL[f"{side}_ear"], SKIN))
    return out
