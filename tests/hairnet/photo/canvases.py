"""Canvases drawn by hand: a head of flat colours, known to the pixel."""

from __future__ import annotations

import numpy as np

from hairnet.photo.canvas import CROP, MARGIN, WORK, Canvas

BACKGROUND, SKIN, HAIR, EAR = 0, 1, 13, 8
COLOURS = {BACKGROUND: (40, 160, 60), SKIN: (210, 160, 130), HAIR: (60, 40, 30), EAR: (200, 140, 120)}
CENTRE = (WORK // 2, WORK // 2 + 8)  # x, y


def disc(radius: float, centre: tuple[float, float] = CENTRE) -> np.ndarray:
    y, x = np.mgrid[:WORK, :WORK]
    return np.hypot(x - centre[0], (y - centre[1]) * 0.8) < radius


def labels_of(hair: float) -> np.ndarray:
    """(WORK,WORK): a face of radius 50, and hair above it out to radius `hair`."""
    labels = np.where(disc(50), SKIN, BACKGROUND)
    y = np.mgrid[:WORK, :WORK][0]
    labels[disc(hair) & (y < CENTRE[1] - 20) & ~(disc(50) & (y > CENTRE[1] - 40))] = HAIR
    return labels


def onehot(labels: np.ndarray) -> np.ndarray:
    return np.stack([(labels == k).astype(np.float32) for k in range(19)])


def canvas(hair: float = 75, colours: dict[int, tuple[int, int, int]] | None = None) -> Canvas:
    labels = labels_of(hair)
    pixels = np.zeros((WORK, WORK, 3), np.float32)
    for label, colour in (COLOURS | (colours or {})).items():
        pixels[labels == label] = colour
    quad = np.array([[0, 0], [0, WORK], [WORK, WORK], [WORK, 0]], np.float64) - 0.5
    whole = np.ones((WORK, WORK), np.float32)
    return Canvas(pixels, (labels == HAIR).astype(np.float32), onehot(labels), disc(45).astype(np.float32), whole, quad)


def made(hair: float) -> tuple[np.ndarray, np.ndarray]:
    """What a network would have drawn: probabilities (19,CROP,CROP) and pixels (CROP,CROP,3)."""
    crop = slice(MARGIN, MARGIN + CROP)
    return onehot(labels_of(hair))[:, crop, crop], canvas(hair).pixels[crop, crop]
