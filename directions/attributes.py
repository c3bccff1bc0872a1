"""What is measured on a face picture. An attribute is a function of crops with a unit: a new one is one more entry here
or a file of one's own (directions.own).

Every function gives one number for each crop, NaN where it cannot be measured (no face found; hardly any hair).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from directions import face, hair
from directions.crops import Crops


@dataclass(frozen=True)
class Attribute:
    """A unit, what gives (N,) numbers in it, and what they mean."""

    unit: str
    measure: Callable[[Crops], np.ndarray]
    definition: str = ""


# name -> attribute; the order is that of columns and reports
MEASURED = {
    "yaw": Attribute("deg", face.yaw, "turn of the head, positive: to the image's right"),
    "hair_length": Attribute("% of image height", hair.length, "from the eye line down to where 95 % of the hair ends"),
    "hair_volume": Attribute("% of image area", hair.volume, "area of the hair"),
    "hair_lightness": Attribute("CIE L*", hair.lightness, "mean lightness of the hair"),
    "hair_greyness": Attribute("% of white", hair.greyness, "10 L* / (C* + 10) of the hair's mean colour"),
    "hair_hue": Attribute("deg of hue", hair.hue, "CIELAB hue angle of the hair's mean colour: 40 red, 85 blond"),
    "hair_curliness": Attribute("% of gradient", hair.curliness, "how little the hair's texture runs one way"),
    "hair_fringe": Attribute("% of forehead", hair.fringe, "forehead that hair covers"),
    "baldness": Attribute("% of crown", hair.baldness, "crown that is skin"),
    "pitch": Attribute("deg", face.pitch, "nod of the head, positive: down"),
    "roll": Attribute("deg", face.roll, "lean of the head, positive: to the image's right"),
    "mouth_open": Attribute("% of image area", face.mouth_open, "area of the open mouth"),
    "smile": Attribute("% of image height", face.smile, "how far the ends of the lips lie above their middle"),
    "glasses": Attribute("% of image area", face.glasses, "area of the glasses"),
    "skin_lightness": Attribute("CIE L*", face.skin_lightness, "mean lightness of face and nose"),
}
# which get a direction unless others are asked
ATTRIBUTES = ("yaw", "pitch", "hair_length", "hair_volume", "hair_lightness")
OF_HAIR = (*(name for name in MEASURED if name.startswith("hair_")), "baldness")
# What has to stay the same within a pair: the turn of the head changes the texture and the fringe that one sees.
HAIR_ATTRIBUTES = ("hair_length", "hair_volume", "hair_lightness", "hair_greyness", "hair_fringe")
DECIMALS = 1  # in captions and tables


def others(name: str) -> list[str]:
    """What an edit of an attribute holds fixed unless told otherwise: all else, since dark hair often comes with dark
    skin; but hair does not hold hair, for its measures go together."""
    return [other for other in MEASURED if other != name and not (name in OF_HAIR and other in OF_HAIR)]


def measure(crops: Crops) -> dict[str, np.ndarray]:
    """{attribute: (N,) float32} of all attributes; ValueError naming one that does not give them."""
    return {name: _column(name, attribute, crops) for name, attribute in MEASURED.items()}


def _column(name: str, attribute: Attribute, crops: Crops) -> np.ndarray:
    try:
        column = np.asarray(attribute.measure(crops), np.float32)
    except Exception as error:  # whatever a file of one's own raises
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{name} cannot be measured ({reason}): mend its measure(crops)") from error
    if column.shape != (len(crops.images),):
        raise ValueError(
            f"measure(crops) of {name} gives the shape {column.shape}, but it is one number for each of the "
            f"{len(crops.images)} crops: mend it"
        )
    return column
