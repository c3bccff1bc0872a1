"""Neck, shoulders and what is worn: cloth, glasses, a beanie, earrings and a necklace. Patches in cm."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.heads.anatomy import Anatomy
from synth.heads.appearance import hsl
from synth.heads.factors import Scene
from synth.heads.features import SIDES, grid
from synth.heads.labels import LABEL
from synth.heads.maths import gauss, grid_normals, mix, noise, smooth, stream, unit
from synth.heads.patches import MATTE, SKIN, Patch, keep, patch
from synth.heads.surface import Surface


def neck(a: Anatomy, pixels_per_cm: float) -> Patch:
    """From under the jaw to the collarbones."""
    y, angle = grid(torch.linspace(-6, -18, int(9 * pixels_per_cm)), torch.linspace(-2.5, 2.5, int(19 * pixels_per_cm)))
    taper = mix(0.72, 1.0, smooth(-6.0, -9.5, y))
    radius = (mix(5.9, 4.9, a.femininity) + 0.10 * (-y - 12).clamp(0) ** 1.7) * taper
    tendon = 0.25 * gauss(angle.abs() - 0.45, 0.15) * smooth(-10, -15, y)
    z = -1.6 - 0.1 * (y + 12) + taper * (5.2 - 0.4 * a.femininity) * torch.cos(angle) + tendon
    points = torch.stack([radius * torch.sin(angle), y, z], -1)
    return patch(points, grid_normals(points), a.skin * 0.96, LABEL["neck"], SKIN, body=True)


def cloth(scene: Scene, pixels_per_cm: float) -> Patch:
    """Shoulders in a pullover with a collar, a neckline and perhaps stripes or blots."""
    t, angle = grid(
        torch.linspace(0, 0.75, int(10 * pixels_per_cm)), torch.linspace(-1.9, 1.9, int(34 * pixels_per_cm))
    )
    collar = scene.collar * (0.25 if scene.necklace > 0.5 else 1.0)
    fold = noise(stream(scene.noise, 1), t.shape[0], t.shape[1], 6, 3) * 0.22 * t
    neckline = scene.neckline**2 * 5 * torch.exp(-((angle / 0.5) ** 2))
    x = (6.5 + 14 * t**0.75 + 0.8 * collar) * torch.sin(angle)
    y = -13.2 + 1.7 * collar * (1 - t) - neckline * (1 - t) - 9 * t**1.35 - 0.6 * torch.cos(angle)
    z = -2.4 + (6.4 + 4 * t**0.7 + 0.25 * neckline) * torch.cos(angle) + fold
    points = torch.stack([x, y, z], -1)
    first = hsl(scene.cloth_hue * 0.999, 0.6 * scene.cloth_saturation, 0.10 + 0.75 * scene.cloth_lightness)
    second = hsl((scene.cloth_hue + 0.13) % 1.0, 0.6 * scene.cloth_saturation, 0.85 - 0.7 * scene.cloth_lightness)
    stripes = smooth(0.1, 0.4, torch.sin(t * 60)) * float(scene.cloth_pattern > 0.82)
    blots = smooth(1.0, 1.3, noise(stream(scene.noise, 2), t.shape[0], t.shape[1], 12, 2)) * float(
        0.7 < scene.cloth_pattern <= 0.82
    )
    colour = mix(first, second, (stripes + blots)[..., None]) * (1 - 0.3 * gauss(t, 0.04))[..., None]
    return patch(points, grid_normals(points), colour, LABEL["cloth"], MATTE, body=True)


def glasses(scene: Scene, pixels_per_cm: float) -> tuple[list[Patch], Tensor]:
    """Frame patches, and the points of the two lenses (n, 3) that only the labels and a faint sheen know of."""
    if scene.glasses <= 0.5:
        return [], torch.zeros(0, 3)
    shape = scene.glasses_shape
    half_width, half_height = 2.3, 1.45 + 0.45 * shape
    square = mix(0.55, 1.0, shape)
    thick = 0.09 + 0.08 * (1 - shape)
    colours = ((0.02, 0.02, 0.025), (0.10, 0.05, 0.02), (0.35, 0.25, 0.10), (0.30, 0.30, 0.32))
    colour = torch.tensor(colours[min(3, int(scene.glasses_colour * 4))])
    wide, around = grid(
        torch.linspace(-1, 1, max(2, int(thick * 2.6 * pixels_per_cm) + 1)),
        torch.linspace(0, 2 * math.pi, int(14 * pixels_per_cm)),
    )
    out, lenses = [], []

    def bend(c: Tensor) -> Tensor:
        return c.abs() ** square * c.sign()

    def lens_depth(q: Tensor) -> Tensor:
        return 10.0 - 0.055 * q**2

    for sign, _ in SIDES:
        radius = 1 + wide * thick / 2.2
        x, y = (
            sign * 3.2 + bend(torch.cos(around)) * half_width * radius,
            -0.25 + bend(torch.sin(around)) * half_height * radius,
        )
        out.append(
            patch(torch.stack([x, y, lens_depth(x)], -1), torch.tensor([0.0, 0.3, 0.95]), colour, LABEL["eye_g"], MATTE)
        )
        fill, turn = grid(torch.linspace(0, 1, int(2.6 * pixels_per_cm)), around[0])
        x, y = (
            sign * 3.2 + bend(torch.cos(turn)) * half_width * fill,
            -0.25 + bend(torch.sin(turn)) * half_height * fill,
        )
        lenses.append(torch.stack([x, y, lens_depth(x)], -1).reshape(-1, 3))
        across, along = grid(torch.linspace(-1, 1, wide.shape[0]), torch.linspace(0, 1, int(14 * pixels_per_cm)))
        arm = torch.stack(
            [sign * (5.5 + 2.3 * along.sqrt()), 0.3 + 1.2 * thick * across - 0.3 * along, 8.3 - 10 * along], -1
        )
        out.append(patch(arm, torch.tensor([float(sign), 0.0, 0.2]), colour, LABEL["eye_g"], MATTE))
    across, along = grid(torch.linspace(-1, 1, wide.shape[0]), torch.linspace(-1, 1, int(2.6 * pixels_per_cm)))
    bridge = torch.stack([along * 0.95, 0.3 - 0.25 * along**2 + 0.9 * thick * across, 10.1 + 0 * along], -1)
    out.append(patch(bridge, torch.tensor([0.0, 0.3, 0.95]), colour, LABEL["eye_g"], MATTE))
    return out, torch.cat(lenses)


def hat_height(points: Tensor) -> Tensor:
    """Height over the tilted plane that a beanie's rim lies in, for points (..., 3)."""
    return points[..., 1] - 0.22 * (points[..., 2] - 8)


def hat_line(scene: Scene) -> float | None:
    """`hat_height` of the beanie's rim, or None without one."""
    return 4.3 + 1.1 * scene.hat_line if scene.hat > 0.5 else None


def beanie(scene: Scene, surface: Surface) -> list[Patch]:
    """A knitted shell over the skull above the rim, with a turned-up edge."""
    line = hat_line(scene)
    if line is None:
        return []
    height = hat_height(surface.still)
    rim = smooth(line + 3.2, line + 2.2, height)
    out = unit(
        (surface.still - torch.tensor([0.0, 2.0, -0.4])) / torch.tensor([7.5, 9.1, 9.5])
    )  # smoother than the skin's normals
    shell = surface.still + out * (0.95 + 0.40 * rim + 0.25 * gauss(height - line - 1.5, 1.2))[..., None]
    shell[..., 1] += 0.7 * smooth(6, 11, height)
    angle = surface.angle.expand_as(height)
    rib = 0.8 + 0.2 * torch.sin(angle * 90) * rim + 0.12 * torch.sin(angle * 45) * torch.sin(height * 9) * (1 - rim)
    colour = hsl(scene.hat_hue * 0.999, 0.5, 0.12 + 0.5 * scene.hat_lightness) * rib[..., None]
    whole = patch(shell, grid_normals(shell), colour, LABEL["hat"], MATTE)
    return [keep(whole, height > line)]


def jewellery(a: Anatomy, scene: Scene, pixels_per_cm: float) -> list[Patch]:
    """Earrings (studs, drops or hoops) and a necklace, of gold, silver or something coloured."""
    metals = ((0.75, 0.52, 0.20), (0.65, 0.66, 0.70), (0.55, 0.06, 0.08), (0.06, 0.25, 0.50))
    metal = torch.tensor(metals[sum(scene.metal > at for at in (0.4, 0.75, 0.88))])
    out = []
    if scene.earrings > 0.5:
        out += _earrings(a, min(1.0, (scene.earrings - 0.5) * 2), metal, pixels_per_cm)
    if scene.necklace > 0.5:
        out.append(_necklace(a, min(1.0, (scene.necklace - 0.5) * 2.4), metal, pixels_per_cm))
    return out


def _earrings(a: Anatomy, kind: float, metal: Tensor, pixels_per_cm: float) -> list[Patch]:
    """A pair below the lobes: studs, growing to drops (`kind` up to 0.6), then hoops."""
    v, w = grid(
        torch.linspace(-1.55, 1.55, int(3 * pixels_per_cm)), torch.linspace(-math.pi, math.pi, int(4 * pixels_per_cm))
    )
    hoop = kind > 0.6
    radius = 0.7 + 1.2 * (kind - 0.6) if hoop else 0.0
    if hoop:
        v = v * 2
        ring = torch.stack([0.2 * torch.sin(v), torch.sin(w), torch.cos(w)], -1)
        shape = ring * torch.tensor([1.0, radius, radius]) + 0.2 * ring * torch.cos(v)[..., None]
        drop = 1.0
    else:
        ring = torch.stack([torch.cos(v) * torch.cos(w), torch.sin(v), torch.cos(v) * torch.sin(w)], -1)
        drop = 0.42 + 1.6 * max(0.0, kind - 0.25)
        shape = ring * torch.tensor([0.42, drop, 0.42])
    hang = radius if hoop else drop
    out = []
    for sign, _ in SIDES:
        lobe = torch.tensor([sign * (7.15 * a.width + 0.65), -1.6 - 2.75 * a.ear - 0.7 * hang, -1.2])
        out.append(patch(lobe + shape, unit(ring + torch.tensor([0.0, 0.0, 0.6])), metal, LABEL["ear_r"], MATTE))
    return out


def _necklace(a: Anatomy, weight: float, metal: Tensor, pixels_per_cm: float) -> Patch:
    """A chain, or beads as `weight` grows, around the foot of the neck."""
    half = 0.22 + 0.3 * weight
    v, w = grid(
        torch.linspace(-1, 1, max(3, int(2.4 * half * pixels_per_cm))),
        torch.linspace(-1.75, 1.75, int(24 * pixels_per_cm)),
    )
    radius = mix(6.1, 5.1, a.femininity) + 0.3
    y = -12.75 + 1.3 * (1 - torch.cos(w)) + half * v
    z = -1.3 + (5.75 - 0.4 * a.femininity) * torch.cos(w) + 0.25 * half * (1 - v * v)
    points = torch.stack([radius * torch.sin(w), y, z], -1)
    beads = metal * (0.75 + 0.35 * torch.sin(w * (58 - 26 * weight)))[..., None]
    return patch(points, torch.tensor([0.0, 0.4, 0.9]), beads, LABEL["neck_l"], MATTE, body=True)
