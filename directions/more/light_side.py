"""From which side the light comes; an attribute in a file of its own: `--own directions/more/light_side.py`."""

from __future__ import annotations

import numpy as np

from directions.crops import Crops
from directions.face import CORNERS, SKIN

UNIT = "CIE L*"
DEFINITION = "lightness of the face's right half less that of its left"
LEAST_SIDE = 0.01  # share of the image: half a face with less skin has no lightness


def measure(crops: Crops) -> np.ndarray:
    """CIE L* of the skin right of the line from eyes to mouth less that left of it: positive when light comes from the
    image's right; a profile has too little skin on one side."""
    height, width = crops.labels.shape[1:]
    points = crops.landmarks.astype(np.float64)
    top, bottom = points[:, 36:48].mean(axis=1), points[:, list(CORNERS)].mean(axis=1)
    down = (bottom - top)[:, None, None]
    y, x = np.mgrid[:height, :width]
    away = np.stack([x, y], axis=-1)[None] - top[:, None, None]
    right = away[..., 0] * down[..., 1] - away[..., 1] * down[..., 0] > 0
    skin = crops.where(SKIN)
    sides = []
    for side in (skin & right, skin & ~right):
        mean = np.einsum("nhw,nhw->n", crops.lab[..., 0], side) / np.maximum(side.sum(axis=(1, 2)), 1)
        sides.append(np.where(side.mean(axis=(1, 2)) >= LEAST_SIDE, mean, np.nan))
    return np.where(np.isfinite(down).all(axis=(1, 2, 3)), sides[0] - sides[1], np.nan)
