"""Light on the winners of the z-buffer: a shadowing key lamp, sky, fill, occlusion; skin, eyes and hair. Linear RGB."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from synth.heads.camera import DISTANCE
from synth.heads.factors import Light
from synth.heads.maths import mix
from synth.heads.patches import EYE, SKIN, STRAND
from synth.heads.raster import BLOCK

MAP_SIDE, MAP_SCALE, MAP_REACH = 160, 3.2, 25.0  # shadow map: cells, cells per cm, cm from its centre
FILTER = ((0.0, 0.0), (-1.5, -1.0), (1.0, -1.5), (-1.0, 1.5), (1.5, 1.0), (2.5, 0.0), (-2.5, 0.5))


@dataclass
class Lit:
    """p surface points in the camera's frame: position, normal or strand direction (3, p), albedo (3, p), material."""

    position: Tensor
    normal: Tensor
    albedo: Tensor
    material: Tensor
    pixel: Tensor

    def some(self, at: Tensor) -> Lit:
        """The points numbered `at`."""
        return Lit(
            self.position.index_select(1, at), self.normal.index_select(1, at), self.albedo.index_select(1, at),
            self.material.index_select(0, at), self.pixel.index_select(0, at),
        )  # fmt: skip


class Lamp:
    """The key lamp: direction, colours, and the map of what it reaches first."""

    def __init__(self, light: Light) -> None:
        side, height = (light.side * 2 - 1) * 1.1, 0.15 + 0.75 * light.height
        self.direction = torch.tensor(
            [math.sin(side) * math.cos(height), math.sin(height), math.cos(side) * math.cos(height)]
        )
        warm = (light.warmth - 0.5) * 0.18
        self.key = torch.tensor([1 + warm, 1.0, 1 - warm])[:, None] * mix(1.65, 2.3, light.key)
        self.fill = torch.tensor([1 - warm * 0.6, 1.0, 1 + warm * 0.6])[:, None] * mix(0.5, 0.85, light.fill)
        u = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]), self.direction)
        u = u / u.norm()
        self._frame = torch.stack([u, torch.linalg.cross(self.direction, u), self.direction])
        self._map = torch.full((MAP_SIDE * MAP_SIDE,), -99.0)

    def cast(self, points: Tensor) -> None:
        """Points (3, n) stand in the lamp's way."""
        u, v, w = self._frame @ points.reshape(3, -1)
        column = ((u + MAP_REACH) * MAP_SCALE).int().clamp_(0, MAP_SIDE - 1)
        row = ((v + MAP_REACH) * MAP_SCALE).int().clamp_(0, MAP_SIDE - 1)
        self._map.scatter_reduce_(0, (row * MAP_SIDE + column).long(), w, "amax")

    def reaches(self, points: Tensor, softness: Tensor, bias: Tensor) -> Tensor:
        """(p,) share of the lamp's light that arrives at points (3, p); `softness` of the edge and `bias` in cm."""
        u, v, w = self._frame @ points
        u, v = (u + MAP_REACH) * MAP_SCALE, (v + MAP_REACH) * MAP_SCALE
        slope, level = 2 / softness, (bias + softness + w) * 2 / softness
        total = torch.zeros_like(w)
        for dx, dy in FILTER:
            cell = (v + dy).int().clamp_(0, MAP_SIDE - 1) * MAP_SIDE + (u + dx).int().clamp_(0, MAP_SIDE - 1)
            total += torch.sigmoid(level - self._map.index_select(0, cell) * slope)
        return total / len(FILTER)


def occlusion(points: Lit, side: int, pixels_per_cm: float) -> Tensor:
    """(p,) openness to the sky: how far each point lies behind the blurred depth around it."""
    coarse = max(1, round(pixels_per_cm / 1.9))
    sheet = torch.zeros(2, side * side)
    sheet[0, points.pixel] = points.position[2]
    sheet[1, points.pixel] = 1.0
    low = functional.avg_pool2d(sheet.view(1, 2, side, side), coarse, ceil_mode=True)
    out = torch.ones_like(points.position[2])
    for radius, weight in ((0.8, 0.30), (2.4, 0.13)):
        k = max(3, int(radius * pixels_per_cm / coarse) | 1)
        blurred = low
        for _ in range(2):
            blurred = functional.avg_pool2d(blurred, k, 1, k // 2)
        depth = functional.interpolate(blurred[:, :1] / blurred[:, 1:].clamp_min(0.02), (side, side), mode="bilinear")
        behind = depth.reshape(-1).index_select(0, points.pixel) - points.position[2]
        out = out * torch.exp(-weight * (behind - 0.05).clamp(0, 4))
    return out


def shade(lit: Lit, lamp: Lamp, light: Light, centre: Tensor, side: int, pixels_per_cm: float) -> Tensor:
    """(3, p) linear radiance of the points."""
    strand = lit.material == STRAND
    openness = occlusion(lit, side, pixels_per_cm)
    camera = torch.stack([centre[0], centre[1], centre[2] + DISTANCE])[:, None]
    out = torch.empty_like(lit.albedo)
    for choice, law in ((~strand, _solid), (strand, _strand)):
        for at in choice.nonzero()[:, 0].split(BLOCK):
            some = lit.some(at)
            viewer = camera - some.position
            viewer = viewer / (viewer * viewer).sum(0).sqrt()
            out.index_copy_(1, at, law(some, viewer, openness.index_select(0, at), lamp, light))
    return out


def _solid(lit: Lit, viewer: Tensor, openness: Tensor, lamp: Lamp, light: Light) -> Tensor:
    """Skin, eyes, cloth: wrapped diffuse light that reddens into the shade, sky and fill, an oily sheen, a rim."""
    shadow = 0.2 + 0.8 * lamp.reaches(lit.position, torch.tensor(0.4), torch.tensor(0.8))
    normal = lit.normal
    to_lamp = lamp.direction @ normal
    to_viewer = (normal * viewer).sum(0).clamp(0, 1)
    half = lamp.direction[:, None] + viewer
    gloss = ((normal * half).sum(0) / (half * half).sum(0).sqrt()).clamp(0, 1)
    wrap = torch.tensor([0.32, 0.16, 0.10])[:, None]
    diffuse = ((to_lamp + wrap) / (1 + wrap)).clamp(0) ** 1.15
    tinted = torch.stack([shadow**0.8, shadow, shadow**1.1])
    sky = torch.tensor([0.9, 0.97, 1.06])[:, None]
    ambient = (0.55 + 0.25 * normal[1] + 0.2 * normal[2]) * openness * lamp.fill * sky
    ambient = ambient + 0.16 * light.rim * (1 - to_viewer) ** 2 * openness
    front = (to_lamp > 0).float()
    oily = (
        mix(0.04, 0.20, light.gloss)
        * (gloss**28 + 0.5 * gloss**8)
        * (0.35 + 1.95 * (1 - to_viewer) ** 3).clamp(0, 1.5)
        * shadow
        * openness
    )
    wet = 1.2 * gloss**140
    sheen = (
        torch.where(lit.material == SKIN, oily, torch.where(lit.material == EYE, wet, torch.zeros_like(wet))) * front
    )
    return lit.albedo * (diffuse * tinted * lamp.key * 0.72 + ambient) + sheen * lamp.key * 0.7


def _strand(lit: Lit, viewer: Tensor, openness: Tensor, lamp: Lamp, light: Light) -> Tensor:
    """Hair after Kajiya and Kay: a cylinder's diffuse light, a white and a coloured highlight along the strand."""
    tangent, albedo, position = lit.normal, lit.albedo, lit.position
    half = lamp.direction[:, None] + viewer
    half = half / (half * half).sum(0).sqrt()
    along_lamp = lamp.direction @ tangent
    along_half = (tangent * half).sum(0)
    across = (1 - along_lamp**2).clamp(0).sqrt()
    arrives = lamp.reaches(position, torch.tensor(1.3), torch.tensor(0.9)) * 0.9 + 0.1
    open_hair = openness**1.5
    shift = torch.sin(position[0] * 5 + position[1] * 3) * 0.04
    white = (1 - (along_half + 0.08 + shift) ** 2).clamp(0) ** 60
    coloured = (1 - (along_half - 0.14 + shift) ** 2).clamp(0) ** 14
    diffuse = albedo * ((0.15 + 0.85 * across) * arrives * lamp.key * 0.55 + lamp.fill * 0.8 * open_hair)
    shine = white * (0.04 + 0.25 * albedo) * mix(0.5, 1.4, light.shine) + coloured * albedo * 1.5
    return diffuse + shine * arrives * lamp.key * 0.6 * open_hair


def develop(linear: Tensor, light: Light) -> Tensor:
    """Display values in [0, 1] of linear radiance: exposure, a filmic curve, gamma 2.2."""
    x = linear * (mix(1.0, 1.2, light.exposure) * 0.62)
    return ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0, 1) ** (1 / 2.2)
