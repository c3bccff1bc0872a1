"""Colours of skin, eyes, lips, hair and cloth in linear RGB, from factors in [0, 1]."""

from __future__ import annotations

import colorsys
from dataclasses import replace

import torch
from torch import Tensor

from synth.heads.factors import Hair, Identity
from synth.heads.maths import mix, step, stream

# Square roots of linear reflectance (so that mixing looks even), from pale to deep brown.
SKIN = (
    (0.88, 0.715, 0.63),
    (0.86, 0.665, 0.555),
    (0.80, 0.58, 0.45),
    (0.67, 0.45, 0.32),
    (0.50, 0.32, 0.22),
    (0.35, 0.22, 0.16),
)
IRIS = ((0.16, 0.08, 0.04), (0.28, 0.15, 0.07), (0.34, 0.28, 0.12), (0.22, 0.36, 0.42), (0.30, 0.42, 0.52))
HAIR = (
    (0.014, 0.012, 0.012), (0.030, 0.021, 0.016), (0.075, 0.045, 0.028), (0.16, 0.092, 0.05),
    (0.29, 0.18, 0.09), (0.46, 0.32, 0.165), (0.66, 0.52, 0.32), (0.78, 0.70, 0.54),
)  # fmt: skip


def palette(colours: tuple[tuple[float, float, float], ...], at: float) -> Tensor:
    """(3,) colour at `at` in [0, 1] along a list of colours."""
    table = torch.tensor(colours)
    at = min(1.0, max(0.0, at)) * (len(colours) - 1)
    i = min(int(at), len(colours) - 2)
    return mix(table[i], table[i + 1], at - i)


def hsl(hue: float, saturation: float, lightness: float) -> Tensor:
    """(3,) linear RGB of a display hue, saturation and lightness."""
    return torch.tensor(colorsys.hls_to_rgb(hue, lightness, saturation)).clamp(0.01, 0.97) ** 2.2


def skin_colour(identity: Identity) -> Tensor:
    """(3,) linear skin reflectance, rosy (tint 0) to golden (tint 1), and a little of its own."""
    tint = 1 + 0.02 * torch.randn(3, generator=stream(identity.noise, 1))
    tint = tint + (2 * identity.tint - 1) * torch.tensor([-0.01, 0.022, -0.05])
    return (palette(SKIN, identity.skin**1.15) * tint).clamp(0.05, 0.97) ** 2


def lip_colour(identity: Identity, skin: Tensor) -> Tensor:
    """(3,) linear lip reflectance: flushed skin, or lipstick as makeup grows."""
    shade, depth = torch.rand(2, generator=stream(identity.noise, 2)).tolist()
    natural = skin * (torch.tensor([0.95, 0.60, 0.61]) - depth * torch.tensor([0.18, 0.20, 0.18]))
    shades = ((0.42, 0.05, 0.07), (0.55, 0.16, 0.17), (0.36, 0.06, 0.14))
    lipstick = palette(shades, shade)
    return mix(natural, lipstick, 0.7 * step(0.4, 1.0, identity.makeup))


def iris_colour(identity: Identity) -> Tensor:
    """(3,) linear iris colour, from dark brown over hazel to blue grey."""
    return palette(IRIS, identity.iris)


def hair_colour(hair: Hair) -> Tensor:
    """(3,) linear hair reflectance: a lightness ramp, made redder or ashier by hue, then greyed or dyed."""
    colour = palette(HAIR, hair.lightness**1.1)
    warm = hair.hue - 0.5
    red = torch.tensor([1 + 1.0 * max(0.0, warm), 1 - 0.35 * max(0.0, warm), 1 - 0.9 * max(0.0, warm)])
    ash = max(0.0, -warm)
    colour = mix(colour * red, colour.mean() * torch.tensor([1.03, 1.0, 0.96]), 0.9 * ash)
    silver = torch.tensor([0.46, 0.455, 0.45]) * (0.45 + 0.75 * hair.lightness**0.5)
    colour = mix(colour, silver, hair.grey)
    vivid = hsl(hair.hue * 0.999, 0.65, 0.3 + 0.3 * hair.lightness)
    return mix(colour, vivid, step(0.4, 0.6, hair.dye)).clamp(0.008, 0.9)


def streak_colour(hair: Hair) -> Tensor:
    """(3,) linear second colour: darker than the natural one below `streak` 0.3, lighter up to 0.9, a dye above."""
    if hair.streak > 0.9:
        return hsl((hair.hue + 0.5 * hair.lightness) % 1.0 * 0.999, 0.7, 0.45)
    natural = hair_colour(replace(hair, dye=0.0))
    if hair.streak < 0.3:
        return (natural * mix(0.3, 0.65, hair.streak / 0.3)).clamp_min(0.008)
    t = (hair.streak - 0.3) / 0.6
    lighter = hair_colour(replace(hair, lightness=min(1.0, hair.lightness + mix(0.25, 0.6, t)), grey=0.0, dye=0.0))
    return torch.maximum(lighter, natural * mix(1.2, 1.6, t)).clamp_max(0.95)


def brow_colour(identity: Identity) -> Tensor:
    """(3,) linear colour of brows and beard; it belongs to the face and not to the (perhaps swapped) hair."""
    colour = palette(HAIR, 0.85 * identity.brow_lightness)
    silver = torch.tensor([0.24, 0.235, 0.23])
    return mix(colour, silver, 0.7 * step(0.8, 1.05, identity.age)) * 0.8
