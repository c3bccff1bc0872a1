"""The people of the benchmark: procedural heads of a world of their own, from seeds of their own.

Version 1 is frozen, whatever becomes of the built-in generator's world (recipes/factors.py), so that figures stay
comparable. The same factors vary as there, all others have their defaults: plain walls, no glasses, no jewellery. Three
reach farther (grey, receding hair, the lightness of brows), and `person` has ties as in a crowd, which the generator's
world has not: long hair is worn by women more often, dark skin goes with dark hair, brows with the hair's colour, grey
and receding hair with age. So networks of that world meet combinations here that they have not been taught.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from synth.heads import STYLES, Expression, Hair, Head, Identity, Light, Scene

Range = tuple[float, float]
WHOLE: Range = (0.0, 1.0)
IDENTITY: dict[str, Range] = {
    **dict.fromkeys(
        ("femininity", "face_width", "jaw_width", "chin", "face_length", "cheekbones", "fullness", "eye_distance",
         "eye_width", "eye_height", "eye_tilt", "brow_height", "brow_arch", "brow_thickness", "brow_lightness",
         "nose_length", "nose_width", "nose_height", "nose_bridge", "mouth_height", "mouth_width", "upper_lip",
         "lower_lip", "forehead", "iris", "makeup", "beard", "beard_length", "nose_tip", "brow_slope", "brow_gap",
         "tint", "flush", "beard_shape"),
        WHOLE,
    ),
    "age": (0.0, 0.8),
    "skin": (0.0, 0.95),
}  # fmt: skip
EXPRESSION: dict[str, Range] = {
    "mouth_open": (0.3, 0.65), "smile": (0.15, 0.9), "blink": (0.0, 0.6), "brow_raise": (0.15, 0.8),
    "gaze_x": (0.25, 0.75),
}  # fmt: skip
HAIR: dict[str, Range] = {
    **dict.fromkeys(
        ("lightness", "grey", "length", "volume", "part", "fringe", "curl", "wave", "top", "recede"), WHOLE
    ),
    "hue": (0.15, 0.9),
}
LIGHT: dict[str, Range] = {
    "side": WHOLE, "height": (0.2, 1.0), "warmth": WHOLE, "key": (0.2, 0.9), "fill": (0.2, 0.9), "exposure": (0.2, 0.8),
}  # fmt: skip
SCENE: dict[str, Range] = {
    "background_hue": WHOLE, "background_saturation": (0.0, 0.5), "background_lightness": (0.15, 0.85),
    "background_gradient": WHOLE, "cloth_hue": WHOLE, "cloth_saturation": (0.0, 0.9), "cloth_lightness": (0.1, 0.9),
    "hat_hue": WHOLE, "hat_lightness": WHOLE, "hat_line": WHOLE,
}  # fmt: skip

WOMEN_MORE_OFTEN = ("bob", "fringe", "long", "long fringe", "wavy", "slanted bob", "side ponytail", "pixie")
MEN_MORE_OFTEN = ("quiff", "crew", "short", "side part", "bald")


def person(seed: int, style: str) -> Head:
    """The head of this seed with that haircut (a name in synth.heads.STYLES), looking straight ahead."""
    stream = random.Random(f"benchmark/{int(seed)}")

    def drawn(ranges: dict[str, Range]) -> dict[str, Any]:
        return {name: low + (high - low) * stream.random() for name, (low, high) in ranges.items()}

    identity, expression, hair, light, scene = map(drawn, (IDENTITY, EXPRESSION, HAIR, LIGHT, SCENE))
    if style in WOMEN_MORE_OFTEN:
        identity["femininity"] = 0.3 + 0.7 * identity["femininity"]
    elif style in MEN_MORE_OFTEN:
        identity["femininity"] *= 0.75
    identity["beard" if identity["femininity"] > 0.45 else "makeup"] = 0.0
    hair["lightness"] *= 1 - 0.6 * min(1.0, max(0.0, (identity["skin"] - 0.45) / 0.3))
    identity["brow_lightness"] = 0.1 + hair["lightness"] * (0.3 + 0.4 * identity["brow_lightness"])
    identity["iris"] *= 1 - 0.85 * min(1.0, max(0.0, (identity["skin"] - 0.2) / 0.4))
    hair["grey"] *= min(1.0, max(0.0, (identity["age"] - 0.45) / 0.35))
    hair["recede"] *= (identity["femininity"] <= 0.45) * (0.3 + 0.7 * identity["age"])
    place = [row.name for row in STYLES].index(style) / (len(STYLES) - 1)
    return Head(
        identity=Identity(**identity),
        expression=Expression(**expression),
        hair=Hair(**hair, style=place, dye=0.0, messiness=0.2),
        light=Light(**light),
        scene=Scene(**scene, background_blobs=0.0, cloth_pattern=0.0),
    )


def in_a_hat(head: Head) -> Head:
    """The same head with a hat on."""
    return replace(head, scene=replace(head.scene, hat=1.0))
