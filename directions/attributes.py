"""What is measured on a face picture. An attribute is a function of crops with a unit: a new one is one more line.

Every function gives one number for each crop, NaN where it cannot be measured (no face found; hardly any hair).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from data.images import to_tensor
from directions import hair
from directions.crops import Crops
from faces.detect import detect_batch
from faces.parsing import load_parser
from faces.pose import yaw_from_points

SKIN, NOSE, GLASSES, MOUTH = 1, 2, 3, 10  # CelebAMask-HQ's numbers of the classes

# The nose's place between eyes (0) and mouth (1) says how far the face looks down; faces differ in it as well. Linear
# regression on MTCNN's points of 1022 renders with pitches of up to 13 degrees: mean error 4.2 degrees, r = 0.71.
PITCH_PER_SHARE, LEVEL_SHARE = 94.7, 0.574


@dataclass(frozen=True)
class Attribute:
    """A unit, and what gives (N,) numbers in it."""

    unit: str
    measure: Callable[[Crops], np.ndarray]


def others(name: str) -> list[str]:
    """What an edit of an attribute holds fixed unless told otherwise: all else, since dark hair often comes with dark
    skin; but hair does not hold hair, for its measures go together."""
    of_hair = (*HAIR_ATTRIBUTES, "baldness")
    return [other for other in MEASURED if other != name and not (name in of_hair and other in of_hair)]


def pitch(crops: Crops) -> np.ndarray:
    """Degrees, positive when the face looks down."""
    points = crops.points.astype(np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    share = ((points[:, 2] - eyes) * down).sum(axis=1) / np.maximum((down**2).sum(axis=1), 1e-9)
    return PITCH_PER_SHARE * (share - LEVEL_SHARE)


# name -> attribute; the order is that of columns and reports
MEASURED = {
    "yaw": Attribute("deg", lambda crops: yaw_from_points(crops.points)),
    "hair_length": Attribute("% of image height", hair.length),
    "hair_volume": Attribute("% of image area", hair.volume),
    "hair_lightness": Attribute("CIE L*", hair.lightness),
    "hair_saturation": Attribute("% of colour", hair.saturation),
    "hair_fringe": Attribute("% of forehead", hair.fringe),
    "baldness": Attribute("% of crown", hair.baldness),
    "pitch": Attribute("deg", pitch),
    "mouth_open": Attribute("% of image area", lambda crops: crops.area(MOUTH)),
    "glasses": Attribute("% of image area", lambda crops: crops.area(GLASSES)),
    "skin_lightness": Attribute("CIE L*", lambda crops: crops.colour(SKIN, NOSE)[:, 0]),
}
ATTRIBUTES = ("yaw", "hair_length", "hair_volume", "hair_lightness")  # which get a direction unless others are asked
HAIR_ATTRIBUTES = tuple(name for name in MEASURED if name.startswith("hair_"))
DECIMALS = 1  # in captions and tables
BATCH = 32  # pictures per pass: fixed, since a network's last bits may change with the batch


class Measurer:
    """Measures pictures in this process: `measurer(images)` -> {attribute: (N,) float32}.

    `parser`: "builtin" or a path; `device`: where the parser runs, None = cuda if there is one (the detector always
    runs on the CPU).
    """

    def __init__(self, parser: str = "builtin", device: str | None = None):
        self.parser = load_parser(parser, device)
        self.device = next(self.parser.parameters()).device

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """(N, H, W, 3) uint8 -> {attribute: (N,) float32}, NaN where not measurable."""
        parts = [measure(self._read(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}

    def _read(self, images: np.ndarray) -> Crops:
        with torch.inference_mode():
            labels = self.parser.labels(to_tensor(images).to(self.device)).cpu().numpy()
        return Crops(images, labels, detect_batch(images))


def measure(crops: Crops) -> dict[str, np.ndarray]:
    """{attribute: (N,) float32} of all attributes."""
    return {name: np.asarray(attribute.measure(crops), np.float32) for name, attribute in MEASURED.items()}
