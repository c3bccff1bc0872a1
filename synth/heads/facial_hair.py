"""Brows and beards, with the colours of the face. Centimetres, frame of the head."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.factors import Identity
from synth.heads.features import SIDES
from synth.heads.hair import Strands, Tone, place, strands
from synth.heads.labels import BEARD, LABEL
from synth.heads.maths import mix, smooth, stream, unit
from synth.heads.paint import beard_zone
from synth.heads.surface import Surface

# Beards: up to which `beard_shape`, then whether lip, chin and cheeks grow: a moustache, a goatee, a full beard,
# a chin curtain, mutton chops.
SHAPES = ((0.15, 1, 0, 0), (0.4, 1, 1, 0), (0.75, 1, 1, 1), (0.88, 0, 1, 1), (1.0, 1, 0, 1))


def front_depth(surface: Surface, x: Tensor, y: Tensor) -> Tensor:
    """Depth of the face at points (x, y) of any shape; rows of the grid are level there and columns ordered in x."""
    p = surface.still
    middle = p.shape[1] // 2
    quarter = p.shape[1] // 4
    rows = p[:, middle, 1]
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    row = (torch.searchsorted(-rows, -flat_y) - 1).clamp(1, len(rows) - 3)
    fy = ((rows[row] - flat_y) / (rows[row] - rows[row + 1])).clamp(0, 1)
    line = mix(p[row, quarter:-quarter], p[row + 1, quarter:-quarter], fy[:, None, None])
    xs = line[..., 0].contiguous()
    column = (torch.searchsorted(xs, flat_x[:, None].contiguous()) - 1).clamp(0, xs.shape[1] - 2)
    left, right = xs.gather(1, column), xs.gather(1, column + 1)
    fx = ((flat_x[:, None] - left) / (right - left).clamp_min(1e-4)).clamp(0, 1)
    z = line[..., 2]
    return mix(z.gather(1, column), z.gather(1, column + 1), fx).reshape(x.shape)


def brow_height(a: Anatomy, t: Tensor) -> Tensor:
    """Height of the middle of a brow, from its inner (t = 0) to its outer end (t = 1)."""
    bow = 0.42 * torch.sin(t * 2.4) - 0.30 * t**3 - 0.16 * (1 - t)
    arch = 0.5 * a.brow_arch * (torch.sin(t * 3.14) - 0.4)
    return a.brow_y + a.raised + bow - 0.12 * t + arch + a.brow_slope * (t - 0.4)


def brows(a: Anatomy, surface: Surface, seed: int, children: int) -> list[Strands]:
    """Both eyebrows."""
    out = []
    tone = Tone.plain(a.brows, 0.0)
    for sign, side in SIDES:
        g = stream(seed, 10 + sign)
        t, across = torch.rand(2, 260, generator=g)
        x = mix(a.brow_start, a.eye_x + a.eye_half_width + 0.35, t)
        y = (
            brow_height(a, t)
            - 0.9 * a.furrow * (1 - t)
            + (across - 0.5) * 2 * a.brow_half_thickness * (1 - 0.65 * t**1.5)
        )
        length = 0.75 * (1 - 0.4 * t)
        k = torch.linspace(0, 1, 5)[None]
        run = length[:, None] * k
        xs = sign * (x[:, None] + (0.45 + 0.55 * t)[:, None] * run)
        ys = y[:, None] + (0.75 - 1.15 * t)[:, None] * run * 0.7 - 0.1 * k * k
        guides = torch.stack([xs, ys, front_depth(surface, xs, ys) + 0.1], -1)
        out.append(strands(guides, length[:, None], children, g, tone, LABEL[f"{side}_brow"], spread=0.12))
    return out


def _shape(i: Identity) -> tuple[int, int, int]:
    """Whether lip, chin and cheeks grow hair."""
    _, lip, chin, cheeks = next(shape for shape in SHAPES if i.beard_shape <= shape[0])
    return lip, chin, cheeks


def _grown(i: Identity, a: Anatomy, surface: Surface, full: Tensor) -> Tensor:
    """(h, w) of the face: which of lip, chin and cheeks the shape of the beard lets grow."""
    f = surface.face
    lip, chin, cheeks = _shape(i)
    above = (f.y > f.mouth_line) * smooth(a.mouth_half_width + 0.5, a.mouth_half_width - 0.1, f.x.abs())
    middle = smooth(4.2, 3.2, f.x.abs())
    return lip * above + (1 - above) * (chin * middle + cheeks * full * (1 - middle))


def beard(i: Identity, a: Anatomy, surface: Surface, children: int) -> list[Strands]:
    """A beard of the factor's shape above 0.6, thin on the cheeks below 0.8; none on feminine faces."""
    if i.beard <= 0.6 or i.femininity > 0.45:
        return []
    g = stream(i.noise, 20)
    f = surface.face
    lips_clear = (
        (f.x.abs() > a.mouth_half_width + 0.25)
        | (f.y - f.mouth_line > a.upper_lip * 1.25 + 0.45)
        | (f.y - f.mouth_line < -a.lower_lip * 1.2 - 0.4)
    )
    full = smooth(0.72, 0.84, torch.tensor(i.beard))
    zone = torch.zeros_like(surface.grain)
    zone[f.rows, f.columns] = (
        beard_zone(a, surface)
        * lips_clear
        * (f.depth > 0.5)
        * _grown(i, a, surface, full)
        * (f.y < -a.nose_length - 0.9)
    )
    lip, chin, cheeks = _shape(i)
    roots, normals = place(surface, zone, 200 * lip + 450 * chin + 850 * cheeks, g)
    wild = torch.randn(roots.shape, generator=g)
    near = smooth(a.mouth_y - 0.6, a.mouth_y - 2.2, roots[:, 1]).maximum(
        smooth(a.mouth_half_width + 0.4, a.mouth_half_width + 1.8, roots[:, 0].abs())
    )[:, None, None]
    length = 0.3 + near * (0.2 + 2.0 * i.beard_length * float(full))
    away = unit(normals * 0.6 + torch.tensor([0.0, -0.8, 0.1]) + 0.35 * wild)
    k = torch.linspace(0, 1, 6)[None, :, None]
    guides = (
        roots[:, None]
        + normals[:, None] * 0.05
        + away[:, None] * k * length
        + torch.tensor([0.0, -0.25, -0.1]) * k * k * length
    )
    guides = guides + torch.sign(roots[:, None]) * torch.tensor([0.45, 0.0, 0.0]) * k * length * (1 - near)
    return [strands(guides, length[:, :, 0], children, g, Tone.plain(a.brows * 1.15, 0.1), BEARD, spread=0.3)]
