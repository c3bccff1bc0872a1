"""What attributes are functions of: FFHQ-aligned crops with their labels, landmarks and the angles of the heads.

In such crops the eyes lie on a fixed line and the head has a fixed size, so lengths and places need no other reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from directions.colour import cielab

LEAST_AREA = 0.002  # share of the image; a part that covers less has no colour and no end


@dataclass(frozen=True, eq=False)
class Crops:
    """N pictures and what networks read from them."""

    images: np.ndarray  # (N, H, W, 3) uint8 RGB
    labels: np.ndarray  # (N, H, W) uint8, CelebAMask-HQ's order
    landmarks: np.ndarray  # (N, 68, 2) pixels, iBUG's order, image-left first; NaN where not known
    angles: np.ndarray  # (N, 3) degrees: yaw, pitch, roll; NaN where no face was found

    def __post_init__(self) -> None:
        assert self.images.shape[:3] == self.labels.shape, f"{self.images.shape} and {self.labels.shape} differ"
        assert self.landmarks.shape[1:] == (68, 2) and self.angles.shape[1:] == (3,)

    @cached_property
    def lab(self) -> np.ndarray:
        """(N, H, W, 3) CIELAB."""
        return cielab(self.images)

    def area(self, *classes: int) -> np.ndarray:
        """(N,) percent of the image area that is of one of the classes."""
        return 100 * self.where(*classes).mean(axis=(1, 2))

    def where(self, *classes: int) -> np.ndarray:
        """(N, H, W) bool: of one of the classes."""
        return np.isin(self.labels, classes)

    def colour(self, *classes: int) -> np.ndarray:
        """(N, 3) mean CIELAB of the classes, NaN where they cover hardly anything."""
        marked = self.where(*classes)
        mean = np.einsum("nhwc,nhw->nc", self.lab, marked) / np.maximum(marked.sum(axis=(1, 2)), 1)[:, None]
        return np.where(marked.mean(axis=(1, 2))[:, None] >= LEAST_AREA, mean, np.nan)

    def box(self, left: float, right: float, top: float, bottom: float) -> Crops:
        """The part between shares of the width and of the height."""
        height, width = self.labels.shape[1:]
        rows = slice(round(top * height), round(bottom * height))
        columns = slice(round(left * width), round(right * width))
        return Crops(self.images[:, rows, columns], self.labels[:, rows, columns], self.landmarks, self.angles)
