"""Colours and labels of the skin: blush, freckles, lips, lashes, nostrils, stubble, lines of age."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.labels import LABEL
from synth.heads.maths import gauss, mix, noise, smooth, stream
from synth.heads.surface import Surface


def beard_zone(a: Anatomy, surface: Surface) -> Tensor:
    """(h, w) of the face: 1 where a full beard grows, fading at its edges, 0 on the lips."""
    f = surface.face
    zone = smooth(-4.4, -6.2, f.y + 0.25 * f.x.abs() - 1.2 * gauss(f.x, 2.2)) * smooth(-1, 2.5, f.depth)
    return zone * (1 - f.upper_lip - f.lower_lip).clamp(0)


def paint_skin(a: Anatomy, surface: Surface, seed: int) -> tuple[Tensor, Tensor]:
    """Albedo (h, w, 3) linear and labels (h, w) of the skin grid."""
    h, w = surface.hole.shape
    f = surface.face
    mottling = noise(stream(seed, 4), h, w, 24, 2, 0.7) * 0.022 + surface.grain * 0.010
    albedo = a.skin * (1 + mottling[..., None] * torch.tensor([0.6, 1.0, 1.1]))
    part = albedo[f.rows, f.columns]
    ax, x, y, front = f.x.abs(), f.x, f.y, f.front
    red = 0.34 * gauss(ax - 4.2, 2.0) * gauss(y + 3.2, 1.8) + 0.35 * gauss(x, 1.1) * gauss(y + a.nose_length, 1.0)
    red = red + 0.1 * f.socket + 0.12 * gauss(y + 10.3, 1.2) * gauss(x, 2)
    red = red * a.flush
    part = part * (1 - (red * front)[..., None] * torch.tensor([0.08, 0.34, 0.32]))
    if a.freckles > 0:
        spots = smooth(
            1.6 - 0.8 * a.freckles, 2.6 - 0.8 * a.freckles, noise(stream(seed, 5), h, w, 90, 1)[f.rows, f.columns]
        )
        zone = gauss(y + 2.6, 2.4) * gauss(ax - 2.5, 3.2)
        part = part * (1 - (0.38 * spots * zone * front)[..., None] * torch.tensor([0.6, 1.0, 1.1]))
    part = part * (1 - (_moles(a, surface, seed) * front)[..., None] * torch.tensor([0.6, 0.75, 0.8]))
    lips = (0.85 * (f.upper_lip + f.lower_lip)).clamp(0, 1)
    part = mix(
        part, a.lips * (1 + 0.04 * noise(stream(seed, 6), h, w, 50, 1)[f.rows, f.columns])[..., None], lips[..., None]
    )
    dark = 1 - (1 - _shading(a, surface)) * (1 - _lines(a, surface))
    part = part * (1 - dark[..., None] * torch.tensor([0.85, 0.95, 1.0]))
    if a.stubble > 0:
        hairs = (0.8 + 0.25 * noise(stream(seed, 7), h, w, 60, 2)[f.rows, f.columns]).clamp(0, 1.2)
        part = part * (
            1
            - (0.34 * a.stubble * beard_zone(a, surface) * hairs).clamp(0, 0.8)[..., None]
            * torch.tensor([0.85, 0.8, 0.7])
        )
    if a.eyeshadow > 0:
        lid = gauss(y - f.upper_lid - 0.3, 0.42) * smooth(1.35, 0.8, f.eye_across.abs()) * front
        part = part * (1 - (0.75 * a.eyeshadow * lid)[..., None] * torch.tensor([0.7, 0.95, 0.8]))
    albedo[f.rows, f.columns] = part
    return albedo, _labels(a, surface)


def _moles(a: Anatomy, surface: Surface, seed: int) -> Tensor:
    """(h, w) of the face: darkness of up to six moles, clear of eyes and lips."""
    f = surface.face
    dark = torch.zeros_like(f.x)
    g = stream(seed, 8)
    for across, up, size in torch.rand(6, 3, generator=g)[: round(6 * a.moles)].tolist():
        x, y = 9.0 * across - 4.5, 12.5 * up - 9.0
        dark = dark + gauss(f.x - x, 0.13 + 0.12 * size) * gauss(f.y - y, 0.13 + 0.12 * size)
    return dark.clamp(0, 1) * (1 - f.upper_lip - f.lower_lip).clamp(0) * (1 - f.socket)


def _shading(a: Anatomy, surface: Surface) -> Tensor:
    """(h, w) of the face: darkness of sockets, lids and lash lines."""
    f = surface.face
    across = f.eye_across.abs()
    bags = gauss(f.y - f.lower_lid + 0.5, 0.25) * smooth(1.2, 0.6, across)
    soft = 0.20 * torch.exp(1.6 * torch.log(f.socket.clamp_min(1e-6))) + 0.32 * f.fold + (0.10 + 0.3 * a.old) * bags
    lash = (
        smooth(0.24, 0.08, (f.y - f.upper_lid - 0.04).abs()) * smooth(1.1, 0.92, across) * (0.72 + 0.25 * a.femininity)
    )
    lash = lash + 0.38 * smooth(0.1, 0.0, (f.y - f.lower_lid).abs()) * smooth(1.0, 0.8, across)
    return 1 - (1 - soft.clamp(0, 1)) * (1 - lash.clamp(0, 0.97))


def _lines(a: Anatomy, surface: Surface) -> Tensor:
    """(h, w) of the face: darkness of nostrils, the line between the lips and the folds of age."""
    f = surface.face
    ax, y = f.x.abs(), f.y
    nostril = torch.exp(-(((ax - 0.62 * a.nose_width) / 0.36) ** 2) - ((y + a.nose_length + 0.60) / 0.22) ** 2)
    floor = 0.12 - a.nose_length
    fold = (
        (a.old + 0.4 * max(a.smile, 0.0))
        * 0.40
        * gauss(ax - 2.3 - 0.28 * (floor - y).clamp(0, 3), 0.15)
        * gauss(y + 5.4, 1.3)
    )
    brow_lines = (
        a.old
        * 0.20
        * smooth(0.2, 1.0, torch.sin(y * 6.5 + 1.2 * surface.grain[f.rows, f.columns]))
        * smooth(3, 4.2, y)
        * smooth(5, 3, ax)
        * smooth(6.6, 5.8, y)
    )
    crow = a.old * 0.30 * smooth(0.3, 1.0, torch.sin(y * 8 - ax * 2)) * gauss(ax - a.eye_x - 2.5, 0.6) * gauss(y, 0.9)
    furrow = a.furrow * 0.8 * gauss(ax - 0.5, 0.12) * gauss(y - 1.8, 0.6)
    cleft = a.cleft * 0.35 * gauss(ax, 0.13) * gauss(y + 10.2, 0.6)
    corner = 0.35 * gauss(y - f.mouth_line, 0.3) * gauss(ax - a.mouth_half_width, 0.3)
    clear = (1 - nostril.clamp(0, 0.88)) * (1 - 0.70 * f.crease) * (1 - corner) * (1 - fold.clamp(0, 0.8))
    return 1 - clear * (1 - (brow_lines + crow + furrow + cleft).clamp(0, 0.6))


def _labels(a: Anatomy, surface: Surface) -> Tensor:
    """(h, w) uint8 labels of the skin grid: skin, nose and lips."""
    f = surface.face
    labels = torch.full(surface.hole.shape, LABEL["skin"], dtype=torch.uint8)
    part = labels[f.rows, f.columns]
    reach = f.nose_half_width * 1.35 + 0.35 * smooth(0.6, 1.0, f.nose_along)
    part[(f.x.abs() < reach) & (f.y < 0.6) & (f.y > -a.nose_length - 0.75) & (f.depth > 5)] = LABEL["nose"]
    part[f.upper_lip > 0.5] = LABEL["u_lip"]
    part[f.lower_lip > 0.5] = LABEL["l_lip"]
    return labels
