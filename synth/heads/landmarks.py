"""Known points of the face: 68 in iBUG's order, and the five of alignment; image-left (the subject's right) first."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.facial_hair import brow_height, front_depth
from synth.heads.surface import Surface, lid_heights


def landmarks68(a: Anatomy, surface: Surface) -> Tensor:
    """(3, 68) points in cm in the frame of the head: jaw, brows, nose, eyes, outer lips, inner lips."""
    brow_t = torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])
    brow_x = a.brow_start + (a.eye_x + a.eye_half_width + 0.3 - a.brow_start) * brow_t
    brow_y = brow_height(a, brow_t)
    nose = [(0.0, 0.6 - k * (a.nose_length + 0.6) / 3) for k in range(4)]
    wing, base = 1.25 * a.nose_width, -a.nose_length - 0.55
    nose += [(-wing, base + 0.3), (-0.6 * wing, base), (0.0, base - 0.1), (0.6 * wing, base), (wing, base + 0.3)]
    across = torch.tensor([1.0, 0.35, -0.35, -1.0, -0.35, 0.35])
    upper, lower = lid_heights(a, across)
    lids = torch.stack([upper, upper, upper, upper, lower, lower])[torch.arange(6), torch.arange(6)]
    right_eye = [(-(a.eye_x + a.eye_half_width * t), y) for t, y in zip(across.tolist(), lids.tolist(), strict=True)]
    order = (3, 2, 1, 0, 5, 4)
    left_eye = [(-right_eye[k][0], right_eye[k][1]) for k in order]
    flat = list(zip((-brow_x).tolist(), brow_y.tolist(), strict=True))
    flat += list(zip(brow_x.flip(0).tolist(), brow_y.flip(0).tolist(), strict=True))
    flat += nose + right_eye + left_eye
    lips, drops = _lips(a)
    xy = torch.tensor(flat + lips)
    z = front_depth(surface, xy[:, 0], xy[:, 1])
    face = torch.stack([xy[:, 0], xy[:, 1], z])
    face[1, -20:] -= torch.tensor(drops)
    return torch.cat([_jaw(a, surface), face], 1)


def _lips(a: Anatomy) -> tuple[list[tuple[float, float]], list[float]]:
    """The 12 outer and 8 inner lip points (x, y) with the mouth closed, and how far opening it lowers each."""

    def line(t: float) -> float:
        return a.mouth_y + a.smile * 0.7 * t * t - 0.1

    points, drops = [], []
    outer = [(-1.0, 0), (-0.62, 1), (-0.25, 1), (0.0, 0.85), (0.25, 1), (0.62, 1), (1.0, 0)]
    for t, side in outer:
        points.append((t * a.mouth_half_width, line(t) + side * a.upper_lip * (1 - t * t) ** 0.7))
        drops.append(0.0)
    for t in (0.62, 0.25, 0.0, -0.25, -0.62):
        points.append((t * a.mouth_half_width, line(t) - a.lower_lip * (1 - t * t) ** 0.6))
        drops.append(a.open * (1 - t * t) ** 0.6)
    for t, low in ((-0.9, 0), (-0.35, 0), (0.0, 0), (0.35, 0), (0.9, 0), (0.35, 1), (0.0, 1), (-0.35, 1)):
        points.append((t * a.mouth_half_width, line(t)))
        drops.append(low * a.open * (1 - t * t) ** 0.6)
    return points, drops


def _jaw(a: Anatomy, surface: Surface) -> Tensor:
    """(3, 17) points along the edge of the jaw, from the image-left ear over the chin."""
    out = []
    heights = surface.points[:, surface.points.shape[1] // 2, 1]
    chin = -10.9 * a.length - 0.3 * a.chin - a.open
    for k in range(17):
        t = (k - 8) / 8
        angle = math.radians(88) * math.sin(t * math.pi / 2)
        column = int((surface.angle < angle).sum())
        row = int((heights > chin + (0.3 - chin) * abs(t) ** 1.9).sum())
        out.append(surface.points[min(row, len(heights) - 1), min(column, len(surface.angle) - 1)])
    return torch.stack(out, 1)


def five(points: Tensor) -> Tensor:
    """(..., 5) of (..., 68): centres of the image-left and image-right eye, tip of the nose, corners of the mouth."""
    eyes = [points[..., start : start + 6].mean(-1) for start in (36, 42)]
    return torch.stack([*eyes, points[..., 30], points[..., 48], points[..., 54]], -1)
