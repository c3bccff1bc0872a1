"""Measures of face and pose on FFHQ-aligned crops: (N,) each, NaN where not measurable."""

from __future__ import annotations

import numpy as np

from directions.crops import Crops

SKIN, NOSE, GLASSES, MOUTH = 1, 2, 3, 10  # CelebAMask-HQ's numbers of the classes
CORNERS, UPPER_LIP = (48, 54), 62  # iBUG's numbers: corners of the mouth, middle of the upper lip's lower edge


def yaw(crops: Crops) -> np.ndarray:
    """Degrees, positive when the head turns to the image's right."""
    return crops.angles[:, 0]


def pitch(crops: Crops) -> np.ndarray:
    """Degrees, positive when the face looks down."""
    return crops.angles[:, 1]


def roll(crops: Crops) -> np.ndarray:
    """Degrees, positive when the head leans to the image's right; FFHQ alignment leaves little of it."""
    return crops.angles[:, 2]


def mouth_open(crops: Crops) -> np.ndarray:
    """Percent of the image area that is open mouth."""
    return crops.area(MOUTH)


def smile(crops: Crops) -> np.ndarray:
    """How far the corners of the mouth lie above the lower edge of the upper lip, in percent of the eye distance."""
    heights = crops.heights(*CORNERS, UPPER_LIP)
    return 100 * (heights[:, 2] - heights[:, :2].mean(axis=1)) / np.maximum(crops.eye_distance, 1e-9)


def glasses(crops: Crops) -> np.ndarray:
    """Percent of the image area that is glasses."""
    return crops.area(GLASSES)


def skin_lightness(crops: Crops) -> np.ndarray:
    """Mean CIE L* of face and nose."""
    return crops.colour(SKIN, NOSE)[:, 0]
