"""The skin of the head as a grid of points: a lofted profile, then the relief of the face. Centimetres throughout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.maths import gauss, grid_normals, mix, noise, smooth, stream

# Sections from crown to under the chin: front height, half width, front depth, back depth, rise of the back.
PROFILE = torch.tensor([
    [11.75, 0.01, -1.2, -1.25, 0], [11.45, 2.5, 1.6, -4.0, 0], [10.8, 4.2, 3.5, -5.8, 0], [9.65, 5.8, 5.6, -7.5, 0],
    [8.2, 6.9, 7.1, -8.7, 0], [6.4, 7.5, 8.4, -9.5, 0], [4.2, 7.75, 9.1, -9.8, 0], [2.0, 7.65, 9.35, -9.6, 0],
    [0.0, 7.4, 9.15, -9.2, 0], [-2.0, 7.1, 9.15, -8.5, 0], [-4.0, 6.75, 9.25, -7.7, 0], [-6.0, 6.3, 9.3, -7.0, 0.6],
    [-8.0, 5.65, 9.05, -6.6, 1.6], [-9.6, 4.8, 8.8, -6.4, 2.6], [-10.7, 3.9, 8.35, -6.2, 3.2],
    [-11.3, 3.1, 7.5, -6.0, 3.6], [-11.45, 2.6, 6.2, -5.8, 3.8], [-11.0, 2.2, 4.5, -5.6, 4.0],
])  # fmt: skip
EYEBALL_Z = 6.75  # depth of the eyeball's centre
EYEBALL_RADIUS = 1.62
EYE_TURN = 0.20  # how much deeper the outer corner of an eye lies, cm per cm


@dataclass
class Face:
    """Coordinates and fields of the part of the grid that bears the face; all (h, w)."""

    rows: slice
    columns: slice
    x: Tensor  # before any deformation
    y: Tensor
    depth: Tensor
    front: Tensor  # 1 on the face, fading to 0 towards the ears
    socket: Tensor
    nose_along: Tensor  # 0 at the root of the nose, 1 at its tip
    nose_half_width: Tensor
    mouth_line: Tensor  # height of the line between the lips
    mouth_across: Tensor  # -1 and 1 at the corners
    upper_lip: Tensor  # coverage 0..1
    lower_lip: Tensor
    crease: Tensor
    upper_lid: Tensor  # height of the lid's edge
    lower_lid: Tensor
    eye_across: Tensor  # -1 at the inner, 1 at the outer corner
    fold: Tensor


@dataclass
class Surface:
    """The skin grid: points and normals (h, w, 3), where the eyes are cut out, and the angle around the head (w,)."""

    points: Tensor
    normals: Tensor
    hole: Tensor
    angle: Tensor
    still: Tensor  # points before jaw and noise, (h, w, 3)
    grain: Tensor
    face: Face


@lru_cache(maxsize=8)
def _sections(rows: int) -> Tensor:
    """(rows, 5) Catmull-Rom interpolation of the profile, evenly spaced along its outline."""
    delta = PROFILE[1:] - PROFILE[:-1]
    length = (delta[:, 0] ** 2 + delta[:, 1] ** 2 * 0.6 + delta[:, 2] ** 2).sqrt()
    along = torch.cat([torch.zeros(1), length.cumsum(0)])
    along = along / along[-1]
    t = torch.linspace(0, 1, rows)
    k = torch.searchsorted(along, t).clamp(1, len(PROFILE) - 1) - 1
    f = ((t - along[k]) / (along[k + 1] - along[k]))[:, None]
    a, b, c, d = (PROFILE[(k + step).clamp(0, len(PROFILE) - 1)] for step in (-1, 0, 1, 2))
    return b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))


def _loft(anatomy: Anatomy, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Skull and jaw without features: points (rows, columns, 3) and the angle (columns,), 0 in front."""
    height, half, front, back, rise = (c[:, None] for c in _sections(rows).T)
    low = smooth(-3.0, -10.0, height)
    up = smooth(1.0, 9.0, height)
    half = half.clamp_min(0.01) * anatomy.width * (1 + (anatomy.jaw - 1) * low)
    front = front + anatomy.chin * 0.5 * gauss(height + 10.6, 1.3) + anatomy.forehead * up * 0.5
    s = torch.linspace(-math.pi, math.pi, columns)[None]
    angle = s - 0.32 * torch.sin(s)
    ca, sa = torch.cos(angle), torch.sin(angle)
    power = 1.02 - 0.09 * gauss(height - 5, 3.5)
    centre = -1.2 + 1.4 * low
    cs = ca.abs() ** power * ca.sign()
    x = half * sa.abs() ** power * sa.sign()
    z = centre + torch.where(ca > 0, front - centre, centre - back) * cs
    y = (height - anatomy.chin * 0.3 * low) * anatomy.length + rise * (1 - ca) * 0.55
    return torch.stack([x, y, z], -1), angle[0]


def _nose(a: Anatomy, ax: Tensor, y: Tensor, along: Tensor, half_width: Tensor) -> Tensor:
    """Height of bridge, tip and wings over the face."""
    t = along.clamp(0, 1)
    ends = smooth(-0.45, 0.25, along) * smooth(1.17, 0.97, (0.9 - y) / (a.nose_length + 0.9))
    bridge = (0.42 + 1.48 * t**1.35 + a.nose_bridge * torch.sin(t * 3.14) * 0.6) * a.nose_height * ends
    tip_y = -a.nose_length
    out = bridge * torch.exp(-((ax / half_width) ** 2) * (0.75 + 0.25 * gauss(ax, 0.7)))
    tip = gauss(ax, (0.56 + 0.28 * a.nose_tip) * a.nose_width) * gauss(y - tip_y - 0.08 - 0.40 * a.nose_tip, 0.72)
    out = out + 0.58 * a.nose_height * tip
    floor = tip_y + 0.12
    wings = gauss(ax - 1.18 * a.nose_width, 0.48) * gauss(y - floor, 0.62) * smooth(floor - 0.85, floor - 0.35, y)
    return out + 0.95 * a.nose_height * wings


def _mouth_line(a: Anatomy, x: Tensor) -> Tensor:
    across = (x / a.mouth_half_width) ** 2
    return a.mouth_y + a.smile * 0.7 * across.clamp(0, 1.6) - 0.10 * gauss(x, 0.5) - 0.1


def lid_heights(a: Anatomy, across: Tensor) -> tuple[Tensor, Tensor]:
    """Edges of the upper and the lower lid (cm above the eye's centre) along the eye, -1 inner .. 1 outer corner."""
    tilt = a.eye_tilt * across
    bow = (1 - (across.abs() ** 2.2).clamp(0, 1)) ** 0.8
    bow_low = (1 - (across**2).clamp(0, 1)) ** 0.9
    return tilt + a.lid * bow * (1 - 0.20 * across), tilt - 0.74 * a.lid * bow_low * (1 + 0.15 * across)


def _relief(a: Anatomy, face: Face, grain: Tensor) -> Tensor:
    """How far every point of the face stands out of the loft."""
    x, y, ax = face.x, face.y, face.x.abs()
    dz = -0.78 * face.socket - 0.40 * gauss(ax - 1.6, 0.8) * gauss(y - 0.25, 0.9)
    dz += a.brow_ridge * gauss(y - a.brow_y + 0.15, 0.75) * gauss(ax - 2.6, 2.6) * (1 - 0.5 * gauss(x, 0.7))
    lift = max(a.smile, 0.0)
    dz += (a.cheek + 0.4 * lift) * gauss(ax - 4.3, 1.7) * gauss(y + 2.9 - 0.6 * lift, 1.7)
    dz += a.fullness * gauss(ax - 4.6, 2.0) * gauss(y + 6.5, 2.5)
    dz += _nose(a, ax, y, face.nose_along, face.nose_half_width)
    floor = 0.12 - a.nose_length
    labial = gauss(ax - 2.15 - 0.25 * (floor - y).clamp(0, 3), 0.42) * gauss(y + 5.2, 1.3)
    dz += 0.35 * gauss(x, 2.2) * gauss(y + 5.2, 1.1) - 0.22 * labial * (0.3 + lift + 1.4 * a.old)
    dz -= 0.16 * gauss(x, 0.3) * smooth(a.mouth_y + 0.5, floor - 1.0, y) * smooth(floor - 0.7, floor - 1.0, y)
    swell = (1 - face.mouth_across**2).clamp(0)
    above, below = _lip_positions(a, face, swell)
    dz += 0.30 * torch.exp(-(((above - 0.55) / 0.5) ** 2)) * swell * (a.upper_lip / 0.6)
    dz += 0.40 * torch.exp(-(((below - 0.5) / 0.5) ** 2)) * swell
    dz -= 0.28 * face.crease + 0.2 * gauss(ax - a.mouth_half_width - 0.15, 0.35) * gauss(y - face.mouth_line, 0.4)
    dz -= 0.36 * gauss(x, 2.4) * gauss(y - a.mouth_y + 1.75, 0.55)
    dz += (0.55 - 0.2 * a.femininity) * gauss(x, 1.8) * gauss(y + 9.8 + a.chin * 0.3, 0.9)
    dz -= a.cleft * 0.22 * gauss(x, 0.2) * gauss(y + 10.2, 0.7)
    # the jowls of age, crow's feet, lines on the forehead, and the frown
    dz += a.old * 0.35 * gauss(ax - 4.4, 1.1) * gauss(y + 9.0, 1.2)
    wave = torch.sin(y * 6.5 + 1.2 * grain)
    dz -= a.old * 0.06 * wave * smooth(3, 4.2, y) * smooth(5, 3, ax)
    dz -= a.old * 0.05 * torch.sin(y * 8 - ax * 2) * gauss(ax - a.eye_x - 2.5, 0.6) * gauss(y, 0.9)
    dz -= a.furrow * 0.3 * gauss(ax - 0.5, 0.17) * gauss(y - 1.8, 0.7)
    return dz


def _lip_positions(a: Anatomy, face: Face, swell: Tensor) -> tuple[Tensor, Tensor]:
    """Position across each lip: 0 at the line between them, 1 at the outer edge."""
    bow = (1 - 0.25 * gauss(face.x, 0.3)) * (1 + 0.25 * gauss(face.x.abs() - 0.6, 0.5))
    thin = 1 - 0.15 * max(a.smile, 0.0)
    upper = a.upper_lip * swell**0.7 * bow * thin
    lower = a.lower_lip * swell**0.6 * thin
    rise = face.y - face.mouth_line
    return rise / upper.clamp_min(0.05), -rise / lower.clamp_min(0.05)


def _lids(a: Anatomy, face: Face, depth: Tensor) -> Tensor:
    """Depth of the skin around the eyes: it lies on the eyeball."""
    xe = face.x.abs() - a.eye_x
    ball = (EYEBALL_RADIUS**2 - xe**2 * 0.82 - (face.y - 0.02) ** 2).clamp_min(0).sqrt()
    lid = torch.where(ball > 0.05, torch.maximum(depth, EYEBALL_Z - EYE_TURN * xe + ball - 0.03), depth)
    near = smooth(1.75, 1.1, (xe**2 * 0.72 + (face.y * 1.25) ** 2).sqrt())
    return mix(depth, lid, near)


def _fields(a: Anatomy, points: Tensor, rows: slice, columns: slice, cell: float) -> Face:
    """The coordinates that relief and paint are written in; `cell` is the grid's spacing in cm."""
    x, y, depth = points[rows, columns].unbind(-1)
    ax = x.abs()
    along = ((0.9 - y) / (a.nose_length + 0.9)).clamp(-0.4, 1.12)
    t = along.clamp(0, 1)
    line = _mouth_line(a, x)
    across = x / a.mouth_half_width
    eye = (ax - a.eye_x) / a.eye_half_width
    upper_lid, lower_lid = lid_heights(a, eye)
    face = Face(
        rows=rows, columns=columns, x=x, y=y, depth=depth, front=smooth(2.0, 5.0, depth) * smooth(6.3, 5.3, y),
        socket=torch.exp(-(((ax - a.eye_x + 0.25) / 2.1) ** 2) - ((y - 0.15) / 1.35) ** 2),
        nose_along=along, nose_half_width=(0.86 + 0.24 * t**2 - 0.06 * gauss(along - 0.35, 0.3)) * a.nose_width,
        mouth_line=line, mouth_across=across, upper_lip=x, lower_lip=x,
        crease=gauss(y - line, 0.13) * smooth(1.08, 0.9, across.abs()),
        upper_lid=upper_lid, lower_lid=lower_lid, eye_across=eye,
        fold=gauss(y - upper_lid - 0.28 - 0.1 * a.femininity, 0.09) * smooth(1.25, 0.8, eye.abs()),
    )  # fmt: skip
    above, below = _lip_positions(a, face, (1 - across**2).clamp(0))
    edge = 0.9 * cell
    inside = (across.abs() < 1) * face.front
    face.upper_lip = (
        inside * smooth(-0.01, edge, y - line) * smooth(1 + edge / a.upper_lip, 1 - edge / a.upper_lip, above)
    )
    face.lower_lip = (
        inside * smooth(-0.01, edge, line - y) * smooth(1 + edge / a.lower_lip, 1 - edge / a.lower_lip, below)
    )
    return face


def _jaw_drop(a: Anatomy, face: Face) -> Tensor:
    """How far an open mouth lowers each point: a lens between the lips, the whole jaw below; 0 at the corners."""
    below = (face.mouth_line - face.y).clamp_min(0)
    lens = (1 - face.mouth_across**2).clamp(0) ** 0.6
    return (
        a.open
        * mix(lens, torch.ones_like(lens), smooth(0.0, 3.2, below))
        * (face.mouth_line > face.y)
        * smooth(2.5, 6.0, face.depth)
    )


def head_surface(a: Anatomy, seed: int, pixels_per_cm: float) -> Surface:
    """The skin grid at a density for `pixels_per_cm`; `seed` fixes its unevenness."""
    rows, columns = int(21.6 * pixels_per_cm) + 2, int(31 * pixels_per_cm) + 2
    points, angle = _loft(a, rows, columns)
    grain = noise(stream(seed, 3), rows, columns, 5, 3, 0.4)
    still = points.clone()
    ahead = torch.cos(angle) > -0.05
    first = int(torch.argmax(ahead.to(torch.uint8)))
    middle = points[:, columns // 2, 1]
    top = int((middle > 6.4).sum())
    face = _fields(a, points, slice(top, rows), slice(first, columns - first), 1 / pixels_per_cm)
    part = points[face.rows, face.columns]
    g = grain[face.rows, face.columns]
    depth = _lids(a, face, face.depth + _relief(a, face, g) * face.front)
    depth = depth - face.front * (
        0.12 * face.fold
        + 0.07
        * gauss(face.y - face.lower_lid + 0.55, 0.13)
        * smooth(1.1, 0.7, face.eye_across.abs())
        * (0.8 + 2.2 * a.old)
    )
    still[face.rows, face.columns, 2] = depth
    part[..., 2] = depth + 0.05 * g * face.front
    part[..., 1] -= _jaw_drop(a, face)
    hole = torch.zeros(rows, columns, dtype=torch.bool)
    hole[face.rows, face.columns] = (
        (face.eye_across.abs() < 1) & (face.y < face.upper_lid) & (face.y > face.lower_lid) & (face.depth > 3)
    )
    return Surface(points, grid_normals(points), hole, angle, still, grain, face)
