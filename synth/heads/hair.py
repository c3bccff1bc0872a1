"""Scalp hair: where it grows, how guide hairs run, and the strands around them. Centimetres, frame of the head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.maths import gauss, mix, noise, smooth, spline, stream, unit
from synth.heads.maths import length as extent
from synth.heads.styles import Cut
from synth.heads.surface import Surface

NODES = 15  # control points of a guide
MOST_CHILDREN = 19  # drawn for every guide, so that fewer can be used without changing the others
HAIRLINE_ANGLE = torch.tensor([0, 0.35, 0.7, 0.95, 1.2, 1.42, 1.55, 1.75, 2.1, 2.6, 3.2])
HAIRLINE_HEIGHT = torch.tensor([6.5, 6.45, 6.2, 5.2, 3.6, 1.5, -1.4, 0.8, -2.2, -5.2, -6.0])


@dataclass(frozen=True)
class Tone:
    """Colours (3,) linear of strands, and how they lie along them."""

    first: Tensor
    second: Tensor
    share: float = 0.0  # of locks in the second colour, about: less when it is small
    ombre: float = 0.0  # share of the length, from the tips up, in the second colour
    tip: float = 0.1  # how much lighter the tips are
    root: float = 0.0  # how much darker the roots are

    @staticmethod
    def plain(colour: Tensor, tip: float) -> Tone:
        """One colour."""
        return Tone(colour, colour, tip=tip)


@dataclass
class Strands:
    """s strands of n control points: nodes (3, n, s), visible fraction, tint, curl phase and turns, length (s,)."""

    nodes: Tensor
    end: Tensor
    tint: Tensor
    phase: Tensor
    turns: Tensor
    length: Tensor
    streak: Tensor  # (s,) how much of the tone's second colour a strand has
    tone: Tone
    label: int
    curl: float = 0.0
    wave: float = 0.0


def scalp(surface: Surface, cut: Cut, seed: int) -> Tensor:
    """(h, w) how much hair grows at each point of the skin grid, 0 to 1: above the hairline, behind the ears."""
    angle = surface.angle.abs()
    i = torch.searchsorted(HAIRLINE_ANGLE, angle).clamp(1, len(HAIRLINE_ANGLE) - 1)
    t = ((angle - HAIRLINE_ANGLE[i - 1]) / (HAIRLINE_ANGLE[i] - HAIRLINE_ANGLE[i - 1])).clamp(0, 1)
    line = mix(HAIRLINE_HEIGHT[i - 1], HAIRLINE_HEIGHT[i], t)
    line = line + cut.recede * (gauss(angle - 0.75, 0.35) * 1.6 + 0.7 * gauss(angle, 0.8))
    line = line + cut.hairline * gauss(angle, 0.9) + cut.peak * (0.5 * gauss(angle - 0.5, 0.3) - gauss(angle, 0.2))
    y = surface.still[..., 1]
    ring = 1 - cut.crown * smooth(4.5, 5.5, y + 0.25 * surface.still[..., 2].clamp_min(0))
    row = torch.cos(surface.still[..., 0] * 3.7 / (1 + 0.02 * (y - 8).clamp_max(0) ** 2).clamp_max(1.6))
    row = 1 - cut.rows * smooth(0.2, -0.3, row)
    return ring * row * smooth(-0.5, 0.5, y - line - 0.2 * noise(stream(seed, 1), y.shape[0], y.shape[1], 30, 2))


def fullness(points: Tensor, cut: Cut) -> Tensor:
    """(...) of places (..., 3) on the skull: 1 where hair has its length, 0 or less where the cut shaves it."""
    x, y = points[..., 0], points[..., 1]
    sides = 1 - cut.fade * (1 - smooth(1.3, 7.2, y))
    ridge = 1 - cut.ridge * smooth(1.7, 2.9, x.abs())
    beyond = max(2.6, abs(cut.part_x) + 0.6)
    return sides.clamp_min(0) * ridge * (1 - cut.shave * smooth(beyond - 0.4, beyond + 0.5, cut.side * x))


def place(surface: Surface, weight: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """`count` random points and normals (count, 3) on the skin, `weight` (h, w) per unit of area."""
    p = surface.points
    area = extent(torch.linalg.cross(p[1:, :-1] - p[:-1, :-1], p[:-1, 1:] - p[:-1, :-1]))[..., 0]
    mass = (area * weight[:-1, :-1]).double().reshape(-1).cumsum(0)
    pick, du, dv = torch.rand(3, count, generator=generator)
    cell = torch.searchsorted(mass, pick.double() * mass[-1]).clamp(max=len(mass) - 1)
    row, column = cell // area.shape[1], cell % area.shape[1]
    corner, down, right = p[row, column], p[row + 1, column], p[row, column + 1]
    return corner + (down - corner) * du[:, None] + (right - corner) * dv[:, None], surface.normals[row, column]


def grow(roots: Tensor, cut: Cut, a: Anatomy, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Guides (g, NODES, 3) and lengths (g, 1): flow over the skull, layer height, gravity, collisions, a clear face."""
    count = roots.shape[0]
    spread = torch.rand(count, 2, generator=generator)
    rank = spread[:, 1:]
    mess = torch.randn(count, 3, generator=generator) * cut.mess
    lumps = torch.sin(roots @ torch.randn(3, 3, generator=generator) * 0.5).mean(-1, keepdim=True)
    kept = fullness(roots, cut)[:, None]
    length = cut.length * (0.7 + 0.45 * spread[:, :1]) * (0.15 + 0.85 * kept)
    skull, skull_radius = torch.tensor([0.0, 2.0, -0.4]), torch.tensor([7.5 * a.width, 9.1, 9.5])
    jaw, jaw_radius = torch.tensor([0.0, -6.0, -1.0]), torch.tensor([5.9 * a.width * a.jaw, 9.0, 7.0])
    crown = torch.tensor([0.8, 10.2, -5.5])
    on_top = smooth(3.0, 9.0, roots[:, 1:2]) * smooth(-6, 3, roots[:, 2:3])
    height = (0.1 + cut.volume * (0.25 + 0.75 * rank) * (1 + cut.top * on_top)) * (1 + 0.35 * lumps)
    stubble = 0.2 - 0.17 * max(cut.ridge, cut.shave)
    height = height * (stubble + (1 - stubble) * kept)
    stride = length / (NODES - 1)
    away = torch.tanh((roots[:, :1] - cut.part_x) * 1.5)
    drawn = cut.back + 1.4 * cut.up * smooth(4.5, 6.0, roots[:, 1:2])
    combed = torch.tensor([-0.9 * cut.side * cut.shave, 0.0, 0.0])
    steady = combed + drawn * torch.tensor([0.0, 0.0, -1.0]) + cut.forward * torch.tensor([0.0, -0.2, 1.0]) + mess
    over_face = (roots[:, 0].abs() < 4.4) & (roots[:, 2] > 2) & (cut.fringe > 0.5)
    side = torch.where(roots[:, 0] > cut.part_x, 1.0, -1.0)
    p, direction, points = roots, None, [roots]
    for k in range(NODES - 1):
        v = (p - skull) / skull_radius
        m = extent(v)
        normal = unit(v / skull_radius)
        low = smooth(0.0, -5.0, p[:, 1:2])
        flow = steady + cut.whorl * unit(p - crown)
        flow = flow + cut.part * torch.cat(
            [away * smooth(-2, 5, p[:, 1:2]), torch.full_like(away, -0.3), torch.zeros_like(away)], 1
        )
        flow = flow - (flow * normal).sum(-1, keepdim=True) * normal
        rise = (cut.lift * (height - (m - 1) * 8.6) / (0.35 + 0.5 * height)).clamp(-0.6, 2.2) * (1 - low)
        wish = flow + normal * rise
        wish[:, 1] -= cut.gravity * min(1.0, (k + 1) / 3) * 2.2
        direction = unit(wish) if direction is None else unit(mix(direction, unit(wish), 0.65))
        p = p + direction * stride
        for centre, radius, part in ((skull, skull_radius, 1.0), (jaw, jaw_radius, 0.7)):
            d = p - centre
            p = centre + d / extent(d / (radius + height.clamp(max=2.0) * part)).clamp(0.3, 1)
        if cut.clear > 0.15:
            edge = (6.5 * a.width + 0.4 * rank[:, 0]) * smooth(7.6, 2.2, p[:, 1]) * smooth(3.0, 6.5, p[:, 2])
            x = side * torch.maximum(side * p[:, 0], edge)
            z = p[:, 2].minimum(4.6 + 7.0 * smooth(2.5, 6.5, p[:, 1]))
            kept_clear = torch.stack([x, p[:, 1], z], 1)
            p = torch.where(over_face[:, None], p, kept_clear)
        points.append(p)
    return torch.stack(points, 1), length


def strands(
    guides: Tensor, length: Tensor, children: int, generator: torch.Generator, tone: Tone, label: int, *,
    spread: float, cut: Cut | None = None,
) -> Strands:  # fmt: skip
    """`children` strands around each guide (g, n, 3), clumped and cut as `cut` says (None: as they are)."""
    g, n, _ = guides.shape
    many = MOST_CHILDREN
    offset = torch.randn(g, many, 3, generator=generator)[:, :children] * spread * 0.5
    end = 0.7 + 0.3 * torch.rand(g, many, generator=generator)[:, :children] ** 0.6
    family = torch.randn(g, 3, generator=generator)
    own = torch.randn(g, many, 4, generator=generator)[:, :children]
    tint = 0.5 * family[:, :1] + 0.5 * own[..., 0]
    phase = 3.1 * family[:, 1:2] + 0.5 * own[..., 1]
    turns = (cut.turns if cut else 1.0) * (1 + 0.2 * family[:, 2:]).expand(g, children) * 6.283
    rank = 0.5 + 0.5 * torch.erf(family[:, 2:] / 1.4142)  # even between 0 and 1
    edge = 1.16 * tone.share  # soft, 0.16 wide: no lock has a share of 0, all have one of 1
    streak = smooth(edge, edge - 0.16, rank).expand(g, children)
    s = torch.linspace(0, 1, n)[:, None]
    gather = (1 - (cut.clump if cut else 0.2) * s) * smooth(-0.5, 0.25, s)
    nodes = guides[:, None] + offset[:, :, None] * gather
    if cut:
        end = torch.minimum(end, _trim(nodes, cut, 0.35 * own[..., 2]))
    flat = nodes.reshape(g * children, n, 3).permute(2, 1, 0).contiguous()
    return Strands(
        flat, end.reshape(-1), tint.reshape(-1), phase.reshape(-1), turns.reshape(-1),
        length.expand(g, children).reshape(-1), streak.reshape(-1), tone, label,
        cut.curl if cut else 0.0, cut.wave if cut else 0.0,
    )  # fmt: skip


def _trim(nodes: Tensor, cut: Cut, jitter: Tensor) -> Tensor:
    """(g, children) fraction of each strand above the hem; `jitter` (g, children) cm makes the hem uneven."""
    n = nodes.shape[2]
    y = nodes[..., 1] + jitter[..., None]
    hem = torch.tensor(max(cut.cut, -16.0))
    y = y - cut.slant * cut.side * nodes[..., 0]
    hem = hem + (-13.0 - hem) * cut.behind * smooth(2.5, -1.5, nodes[..., 2])
    ahead = smooth(0.5, 4.5, nodes[..., 2] - 0.15 * nodes[..., 0].abs())
    over = y - (hem + (cut.bangs - hem).clamp_min(0) * cut.fringe * ahead).clamp_min(-15.5)
    below = over < 0
    first = torch.where(below.any(-1), below.float().argmax(-1), n - 1)
    after = over.gather(-1, first[..., None])[..., 0]
    before = over.gather(-1, (first - 1).clamp(0)[..., None])[..., 0]
    at = (first - 1 + (before / (before - after).clamp_min(1e-3)).clamp(0, 1)) / (n - 1)
    return torch.where(below.any(-1), at, torch.ones_like(at))


def coloured(strand: Strands, column: Tensor, along: Tensor) -> Tensor:
    """(3, n) linear albedo at n places of the strands `column`, `along` in [0, 1] of their full length."""
    tone = strand.tone
    streak = strand.streak.index_select(0, column) * smooth(0.0, 0.2, along)
    if tone.ombre > 0:
        middle = 1.15 * (1 - tone.ombre)  # of a soft edge, 0.15 to both sides: nothing at 0
        end = strand.end.index_select(0, column)
        streak = torch.maximum(streak, smooth(middle - 0.15, middle + 0.15, along / end.clamp_min(0.05)))
    shade = 1 + 0.17 * strand.tint.index_select(0, column) + tone.tip * (along - 0.3)
    shade = shade * (1 - tone.root * smooth(0.3, 0.0, along))
    return mix(tone.first[:, None], tone.second[:, None], streak) * shade.clamp(0.25, 2.0)


def dense(strand: Strands, pixels_per_cm: float, step: float) -> tuple[Tensor, Tensor]:
    """Points along the strands (3, s, m), and how far along each is (m,): `step` pixels apart on the longest."""
    reach = float(strand.end.max())
    m = max(4, int(float(strand.length.max()) * reach * pixels_per_cm / step))
    n = strand.nodes.shape[1] - 1
    points = torch.matmul(spline(m, n, reach), strand.nodes).transpose(1, 2).contiguous()
    t = torch.linspace(0, reach, m)
    if strand.curl > 0.01 or strand.wave > 0.01:
        along = t * strand.length[:, None]
        if strand.curl > 0.01:
            radius = strand.curl * smooth(0.0, 2.5, along)
            turn = along * strand.turns[:, None] + strand.phase[:, None]
            points[0] += radius * torch.cos(turn)
            points[2] += radius * torch.sin(turn)
        if strand.wave > 0.01:
            radius = strand.wave * smooth(0.0, 3.0, along)
            turn = along * 0.9 + strand.phase[:, None]
            points[0] += radius * torch.sin(turn)
            points[2] += radius * torch.cos(turn)
    return points, t
