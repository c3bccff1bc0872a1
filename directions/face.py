"""Measures of face and pose on FFHQ-aligned crops: (N,) each, NaN where not measurable."""

from __future__ import annotations

import numpy as np

from directions.crops import Crops

SKIN, NOSE, GLASSES, MOUTH = 1, 2, 3, 10  # CelebAMask-HQ's numbers of the classes
LIPS = (MOUTH, 11, 12)
LEAST_LIPS = 0.002  # share of the image
ENDS = 2.0  # standard deviations of a lip pixel's place from the middle of the mouth to its ends
CORNERS = (48, 54)  # of the mouth, iBUG's numbers


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
    """How far the ends of the lips lie above their middle, in percent of the image height.

    A parabola through all pixels of lips and open mouth, each at its height over its place in the width of the mouth;
    the ends are two standard deviations of that place from the middle. Landmarks follow a smile less (r with the
    renderer's 0.25 instead of 0.42 at 64 px).
    """
    lips = crops.where(*LIPS).astype(np.float64)
    count, side = lips.sum(axis=(1, 2)), lips.shape[1]
    y, x = (axis.astype(np.float64) for axis in np.mgrid[: lips.shape[1], : lips.shape[2]])
    enough = (count >= max(4.0, LEAST_LIPS * side**2)) & np.isfinite(crops.angles[:, 0])  # lips of a face
    safe = np.maximum(count, 1)
    middle = (lips * x).sum(axis=(1, 2)) / safe
    spread = np.sqrt((lips * (x - middle[:, None, None]) ** 2).sum(axis=(1, 2)) / safe)
    place = (x - middle[:, None, None]) / np.maximum(spread, 0.5)[:, None, None]
    powers = np.stack([(lips * place**k).sum(axis=(1, 2)) for k in range(5)], axis=1)
    heights = np.stack([(lips * place**k * y).sum(axis=(1, 2)) for k in range(3)], axis=1)
    normal = np.stack([powers[:, k : k + 3] for k in range(3)], axis=1) + 1e-6 * np.eye(3)
    bend = np.linalg.solve(normal, heights[:, :, None])[:, 2, 0]
    return np.where(enough, -100 * ENDS**2 * bend / side, np.nan)


def glasses(crops: Crops) -> np.ndarray:
    """Percent of the image area that is glasses."""
    return crops.area(GLASSES)


def skin_lightness(crops: Crops) -> np.ndarray:
    """Mean CIE L* of face and nose."""
    return crops.colour(SKIN, NOSE)[:, 0]
