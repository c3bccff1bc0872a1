"""From a latent z to the Head that it stands for: what the built-in generator's pictures are renders of.

A fixed rotation hides the axes of z, the Gaussian's cumulative distribution makes every turned coordinate a number in
[0, 1], and these are the heads' factors by name. Everything else about a head is fixed, its noise seeds too, so that
the picture is a function of z. Plain backgrounds, no glasses, no hats: a small network cannot learn everything.
"""

from __future__ import annotations

import colorsys
import math
from typing import Any

import torch
from torch import Tensor

from synth.heads import Head
from synth.heads.factors import MAX_YAW, Expression, Hair, Identity, Light, Pose, Scene
from synth.heads.styles import STYLES
from synth.layers import normalise_second_moment

ROTATION_SEED = 4242
YAW = 35.0  # degrees either way; the heads themselves could turn to MAX_YAW

# Haircuts in rows of growing length and columns of one cut each (parted, forward, curled): two latents with three or
# four values each are far easier to learn than one with eleven.
CUTS = (
    ("quiff", "crew", "afro"),
    ("side part", "short", "curly"),
    ("bob", "fringe", "curly"),
    ("long", "long fringe", "wavy"),
)

# Latent -> range of its factor. Names without a group of heads' factors are combined in `head`.
LIVE: dict[str, tuple[float, float]] = {
    **{f"identity.{name}": (0.0, 1.0) for name in (
        "femininity", "face_width", "jaw_width", "chin", "face_length", "cheekbones", "fullness", "eye_distance",
        "eye_width", "eye_height", "eye_tilt", "brow_height", "brow_arch", "brow_thickness",
        "nose_length", "nose_width", "nose_height", "nose_bridge", "mouth_height", "mouth_width", "upper_lip",
        "lower_lip", "forehead", "iris", "makeup", "beard", "beard_length", "nose_tip", "brow_slope", "brow_gap",
        "tint", "flush", "beard_shape",
    )},
    "identity.age": (0.0, 0.8), "identity.skin": (0.0, 0.95), "identity.brow_lightness": (0.05, 0.65),
    "expression.mouth_open": (0.3, 0.65), "expression.smile": (0.15, 0.9), "expression.blink": (0.0, 0.6),
    "expression.brow_raise": (0.15, 0.8), "expression.gaze_x": (0.25, 0.75),
    "cut.row": (0.0, 1.0), "cut.column": (0.0, 1.0),
    **{f"hair.{name}": (0.0, 1.0) for name in (
        "lightness", "length", "volume", "part", "fringe", "curl", "wave", "top",
    )},
    "hair.hue": (0.15, 0.9), "hair.grey": (0.0, 0.75), "hair.recede": (0.0, 0.6),
    "pose.yaw": (0.5 - YAW / (2 * MAX_YAW), 0.5 + YAW / (2 * MAX_YAW)),
    "pose.pitch": (0.05, 0.95), "pose.roll": (0.1, 0.9),
    "light.side": (0.0, 1.0), "light.height": (0.2, 1.0), "light.warmth": (0.0, 1.0), "light.key": (0.2, 0.9),
    "light.fill": (0.2, 0.9), "light.exposure": (0.2, 0.8),
    **{f"background.{name}": (0.15, 0.85) for name in ("red", "green", "blue")},
    "scene.background_gradient": (0.0, 1.0),
    **{f"cloth.{name}": (0.0, 1.0) for name in ("red", "green", "blue")},
}  # fmt: skip
NAMES = tuple(LIVE)
Z_DIM = len(LIVE)
STEPPED = [NAMES.index("cut.row"), NAMES.index("cut.column")]  # latents that choose between things
CODE_DIM = Z_DIM + len(STEPPED)


def rotation() -> Tensor:
    """`(Z_DIM, Z_DIM)` orthogonal: the same on every machine, since it comes from a seed in float64."""
    random = torch.randn(Z_DIM, Z_DIM, generator=torch.Generator().manual_seed(ROTATION_SEED), dtype=torch.float64)
    return torch.linalg.qr(random)[0].float()


def unit_factors(z: Tensor) -> Tensor:
    """`(N, Z_DIM)` latents -> `(N, Z_DIM)` numbers in [0, 1], columns named by NAMES; the length of z is ignored."""
    turned = normalise_second_moment(z.float()) @ rotation()
    return 0.5 * (1 + torch.erf(turned / math.sqrt(2)))


def exchanged(z: Tensor, donor: Tensor, columns: list[int]) -> Tensor:
    """Latents (N, Z_DIM) -> latents of the same heads but for the factors of these columns, which are the donors'.

    These are exactly the donors'. The others give way a little (about 3 %): a latent has its length and keeps it, and
    a donor's cut, which is chosen by thresholds, must not become another one.
    """
    turned, other = (normalise_second_moment(x.float()) @ rotation() for x in (z, donor))
    theirs, own = other[:, columns], [column for column in range(Z_DIM) if column not in columns]
    room = Z_DIM - theirs.square().sum(1, keepdim=True)
    mine = turned[:, own] * (room / turned[:, own].square().sum(1, keepdim=True)).sqrt()
    turned[:, columns], turned[:, own] = theirs, mine
    return turned @ rotation().T


def code(z: Tensor) -> Tensor:
    """`(N, Z_DIM)` -> `(N, CODE_DIM)`: what W shall hold.

    Uncorrelated columns of mean 0 and variance 1: the factors, and for the stepped ones one wave, which tells the
    middle from both ends.
    """
    unit = unit_factors(z)
    return torch.cat([(2 * unit - 1) * math.sqrt(3), math.sqrt(2) * torch.cos(2 * math.pi * unit[:, STEPPED])], dim=1)


def head(unit: Tensor) -> Head:
    """One row of `unit_factors` -> the head.

    Ties hold within a person (beards and make-up, dark skin and dark eyes) and never between a person and the hair:
    every face can wear every hair, and an exchange of hair leaves all of the face as it was.
    """
    value = {name: low + (high - low) * float(u) for (name, (low, high)), u in zip(LIVE.items(), unit, strict=True)}
    group = {kind: _below(value, kind) for kind in ("identity", "expression", "hair", "pose", "light", "scene")}
    identity, hair, scene = group["identity"], group["hair"], group["scene"]

    row = min(int(value["cut.row"] * len(CUTS)), len(CUTS) - 1)
    column = min(int(value["cut.column"] * len(CUTS[row])), len(CUTS[row]) - 1)
    hair["style"] = [style.name for style in STYLES].index(CUTS[row][column]) / (len(STYLES) - 1)
    man = _step(0.55, 0.35, identity["femininity"])
    identity["beard"] *= man
    identity["makeup"] *= 1 - man
    identity["iris"] *= 1 - 0.85 * _step(0.2, 0.6, identity["skin"])
    hair["grey"] **= 2  # most hair is not grey
    scene |= _hsl("background", value, saturation=0.5) | _hsl("cloth", value, saturation=0.9)
    return Head(
        identity=Identity(**identity, freckles=0.0),
        expression=Expression(**group["expression"]),
        hair=Hair(**hair, dye=0.0, messiness=0.2),
        pose=Pose(**group["pose"]),
        light=Light(**group["light"]),
        scene=Scene(**scene, background_blobs=0.0, cloth_pattern=0.0),
    )


def _below(value: dict[str, float], group: str) -> dict[str, Any]:
    """The values named `group.name`, by name."""
    return {name.partition(".")[2]: number for name, number in value.items() if name.startswith(f"{group}.")}


def _hsl(thing: str, value: dict[str, float], saturation: float) -> dict[str, float]:
    """Red, green and blue, as latents have them, -> hue (a circle with a seam), saturation, lightness of the heads."""
    red, green, blue = (value[f"{thing}.{name}"] for name in ("red", "green", "blue"))
    hue, lightness, vividness = colorsys.rgb_to_hls(red, green, blue)
    return {f"{thing}_hue": hue, f"{thing}_saturation": saturation * vividness, f"{thing}_lightness": lightness}


def _step(low: float, high: float, at: float) -> float:
    """0 before `low`, 1 after `high` (which may lie below `low`), smooth between."""
    t = min(1.0, max(0.0, (at - low) / (high - low)))
    return t * t * (3 - 2 * t)
