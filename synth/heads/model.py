"""Everything of a head that its pose does not change: surfaces, strands, landmarks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synth.heads import facial_hair, features, wear
from synth.heads.anatomy import Anatomy
from synth.heads.appearance import hair_colour, streak_colour
from synth.heads.factors import Hair, Head
from synth.heads.hair import MOST_CHILDREN, Strands, Tone, dense, fullness, grow, place, scalp, strands
from synth.heads.labels import LABEL
from synth.heads.landmarks import landmarks68
from synth.heads.maths import mix, noise, smooth, stream
from synth.heads.paint import paint_skin
from synth.heads.patches import MATTE, SKIN, Cloud, Patch, cloud, keep, patch
from synth.heads.styles import Cut, haircut
from synth.heads.surface import Surface, head_surface
from synth.heads.updo import gathered

GUIDES = 420
COARSE = 3.0  # grid points per cm of the surface that roots are placed on, the same at every picture size


@dataclass
class Model:
    """Solid parts, strands, points of the lenses (3, n) and landmarks (3, 68); centimetres, frame of the head."""

    solid: Cloud
    strands: list[Strands]
    lenses: Tensor
    marks: Tensor
    hat_line: float | None


def sculpt(head: Head, pixels_per_cm: float) -> Model:
    """Build the head at a density of points for `pixels_per_cm`."""
    a = Anatomy.of(head.identity, head.expression)
    cut = haircut(head.hair)
    seed = head.identity.noise
    surface = head_surface(a, seed, pixels_per_cm)
    coarse = head_surface(a, seed, COARSE)
    colour, streak = hair_colour(head.hair), streak_colour(head.hair)
    tone = Tone(colour, streak, head.hair.highlights, head.hair.ombre)
    patches = [
        _skin(a, cut, head, surface, mix(colour, streak, 0.6 * head.hair.highlights)),
        *features.eyes(a, pixels_per_cm),
        *features.mouth(a, pixels_per_cm),
    ]
    patches += features.ears(a, pixels_per_cm) + wear.beanie(head.scene, surface)
    frames, lenses = wear.glasses(head.scene, pixels_per_cm)
    patches += frames + wear.jewellery(a, head.scene, pixels_per_cm)
    patches += [wear.neck(a, pixels_per_cm), wear.cloth(head.scene, pixels_per_cm)]
    many = 0.6 + 0.65 * min(1.0, max(0.0, (pixels_per_cm - 6.2) / 9))  # share of the children that this size shows
    hairs = _scalp_hair(a, cut, head.hair, coarse, tone, many)
    hairs += facial_hair.brows(a, coarse, seed, 1 + round(many)) + facial_hair.beard(
        head.identity, a, coarse, round(5 * many)
    )
    return Model(cloud(patches), hairs, lenses.T.contiguous(), landmarks68(a, coarse), wear.hat_line(head.scene))


def _skin(a: Anatomy, cut: Cut, head: Head, surface: Surface, colour: Tensor) -> Patch:
    """The skin, and the undercoat of hair on the scalp."""
    albedo, labels = paint_skin(a, surface, head.identity.noise)
    seed = head.hair.noise
    grown = scalp(surface, cut, seed) * min(1.0, cut.density + 0.06 * (cut.density == 0))
    grain = (1 + 0.35 * noise(stream(seed, 2), grown.shape[0], grown.shape[1], 70, 2)).clamp(0.3, 1.7)
    dark = mix(0.8, 0.55, min(1.0, cut.cap / 0.3))
    cover = grown * cut.paint
    kept = fullness(surface.still, cut)
    shaved = mix(0.6, 0.3, min(1.0, max(cut.fade - 1, cut.ridge, cut.shave, 0.0)))
    thinned = shaved + (1 - shaved) * kept
    albedo = mix(albedo, colour * dark * grain[..., None], (cover * thinned)[..., None])
    hairy = cover > 0.3
    labels[hairy] = LABEL["hair"]
    thickness = grown * kept * (cut.cap * min(cut.volume, 2.5) * 0.8)
    line = wear.hat_line(head.scene)
    if line is not None:
        thickness = thickness * (wear.hat_height(surface.still) < line)
    points = surface.points + surface.normals * thickness[..., None]
    return keep(patch(points, surface.normals, albedo, labels, torch.where(hairy, MATTE, SKIN)), ~surface.hole)


def _scalp_hair(a: Anatomy, cut: Cut, hair: Hair, coarse: Surface, tone: Tone, many: float) -> list[Strands]:
    count = int(cut.density * GUIDES)
    if count == 0:
        return []
    g = stream(hair.noise, 3)
    grown = scalp(coarse, cut, hair.noise)
    front = smooth(2.0, 6.0, coarse.points[..., 2])
    roots, _ = place(coarse, grown * (grown > 0.3) * (1 + (0.6 + 0.9 * cut.fringe) * front), count, g)
    guides, length = grow(roots, cut, a, g)
    children = min(MOST_CHILDREN, max(3, round(cut.children * many)))
    tips = cut.up > 0 or not (cut.bun or cut.tail)  # of loose hair; those of hair that is all gathered are in the knot
    loose = replace(tone, ombre=tone.ombre if tips else 0.0, tip=0.25, root=0.25 + 0.35 * hair.roots)
    tied = replace(tone, tip=-0.1, root=0.2)
    out = [strands(guides, length, children, g, loose, LABEL["hair"], spread=cut.spread, cut=cut)]
    g = stream(hair.noise, 4)
    for bundle, extent in gathered(cut, hair.top, g):
        every = torch.full((bundle.shape[0], 1), extent)
        out.append(strands(bundle, every, max(2, round(3 * many)), g, tied, LABEL["hair"], spread=0.2))
    return out


@dataclass
class Threads:
    """The n points of strands that exist: places (3, n), and their numbers (n,) on a grid of `steps` per strand."""

    strand: Strands
    points: Tensor
    number: Tensor
    along: Tensor  # (steps,) 0 at the root, 1 at the tip

    def of(self, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the points `own`: their strands, how far along they are, and the former point of the step there."""
        steps = len(self.along)
        number = self.number.index_select(0, own)
        column = number // steps
        following = self.number.index_select(0, (own + 1).clamp(max=len(self.number) - 1))
        start = column * steps
        last = (following >= start + steps) | (own == len(self.number) - 1)
        return column, self.along.index_select(0, number - start), (own - last.long()).clamp_min(0)


def spread_strands(model: Model, turns: list[Tensor], pixels_per_cm: float) -> list[Threads]:
    """The strands that any of the head's rotations (3, 3) may show, as points."""
    out = []
    step = 1.8 if pixels_per_cm < 14 else 1.4
    centre = torch.tensor([0.0, 1.0, -0.5])
    for strand in model.strands:
        nearest = torch.stack(
            [torch.einsum("k,kns->ns", turn[2], strand.nodes).amax(0) - turn[2] @ centre for turn in turns]
        ).amax(0)
        seen = nearest > -4.0
        seen[::4] = True  # enough of what is behind for the outline
        part = _choose(strand, seen)
        points, t = dense(part, pixels_per_cm, step)
        exists = t < part.end[:, None]
        if model.hat_line is not None and part.label == LABEL["hair"]:
            below = points[1] - 0.22 * (points[2] - 8) < model.hat_line - 0.1
            exists &= below & ~((points[2] > 5.5) & (points[0].abs() < 5.2))  # a fringe is tucked in
        number = exists.view(-1).nonzero()[:, 0]
        if len(number) > 1:
            out.append(Threads(part, points.view(3, -1).index_select(1, number), number, t))
    return out


def _choose(s: Strands, seen: Tensor) -> Strands:
    return Strands(
        s.nodes[:, :, seen], s.end[seen], s.tint[seen], s.phase[seen], s.turns[seen], s.length[seen],
        s.streak[seen], s.tone, s.label, s.curl, s.wave,
    )  # fmt: skip
