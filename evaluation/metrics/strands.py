"""Which way strands run: orientation by the structure tensor (Bigun and Granlund 1987), and how far two are apart."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, sobel

FINE, AROUND = 0.5, 1.5  # px at 64 px pictures: blur before gradients are taken, and of the tensor
AT = 64
LEVELS = 4.0  # of 255: gradients weaker than this say little of a direction


def orientation(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 -> the direction of strands (H, W) in radians modulo pi, and how sure it is, (H, W) in [0, 1].

    Sure is the tensor's coherence, less where there is hardly any gradient.
    """
    scale = picture.shape[0] / AT
    grey = gaussian_filter(picture.astype(np.float64) @ (0.299, 0.587, 0.114), FINE * scale)
    dx, dy = sobel(grey, 1) / 8, sobel(grey, 0) / 8
    xx, yy, xy = (gaussian_filter(product, AROUND * scale) for product in (dx * dx, dy * dy, dx * dy))
    along = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2  # across the gradient
    energy, spread = xx + yy, np.hypot(xx - yy, 2 * xy)
    floor = (LEVELS / scale) ** 2
    return along % np.pi, spread / (energy + floor)


def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two directions in radians modulo pi -> the angle between them in degrees, 0 to 90; chance is 45."""
    turn = np.abs(first - second) % np.pi
    return np.degrees(np.minimum(turn, np.pi - turn))
