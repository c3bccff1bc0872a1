"""Measures of hair on FFHQ-aligned crops: (N,) float64 each, NaN where not measurable."""

from __future__ import annotations

import numpy as np

from directions.crops import LEAST_AREA, Crops

HAIR = 13  # CelebAMask-HQ's numbers of the classes
SKIN = (1, 2, 6, 7)  # face, nose and brows
EYE_LINE = 0.474  # share of the image height at which FFHQ alignment puts the eyes
LENGTH_PERCENTILE = 0.95  # of hair pixels by row: single strands below it do not count
FOREHEAD = (0.36, 0.64, 0.25, 0.40)  # left, right, top, bottom, shares of the side: between the eyes, over the brows
CROWN = (0.25, 0.75, 0.0, 0.27)  # all above the forehead
LEAST_SEEN = 0.04  # share of such a box that hair and skin have to cover together: else there is a hat


def length(crops: Crops) -> np.ndarray:
    """How far below the eye line the hair reaches, in percent of the image height (negative: it ends above)."""
    marked = crops.where(HAIR)
    enough = marked.mean(axis=(1, 2)) >= LEAST_AREA
    return np.where(enough, 100 * (_lowest_row(marked) - EYE_LINE), np.nan)


def volume(crops: Crops) -> np.ndarray:
    """Percent of the image area that is hair."""
    return crops.area(HAIR)


def lightness(crops: Crops) -> np.ndarray:
    """Mean CIE L* of the hair: 0 black, 100 white."""
    return crops.colour(HAIR)[:, 0]


def saturation(crops: Crops) -> np.ndarray:
    """Percent that chroma has in the mean colour of the hair, 100 C* / sqrt(L*^2 + C*^2): 0 is black, grey or white."""
    lab = crops.colour(HAIR)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return 100 * chroma / np.maximum(np.hypot(lab[:, 0], chroma), 1e-9)


def fringe(crops: Crops) -> np.ndarray:
    """Percent of the forehead that hair covers."""
    return 100 * _share_of_hair(crops.box(*FOREHEAD))


def baldness(crops: Crops) -> np.ndarray:
    """Percent of the crown that is skin."""
    return 100 - 100 * _share_of_hair(crops.box(*CROWN))


def _share_of_hair(part: Crops) -> np.ndarray:
    """Of what is hair or skin; NaN where something else hides nearly all."""
    covered, bare = (part.where(*classes).mean(axis=(1, 2)) for classes in ((HAIR,), SKIN))
    seen = covered + bare
    return np.where(seen >= LEAST_SEEN, covered / np.maximum(seen, 1e-9), np.nan)


def _lowest_row(marked: np.ndarray) -> np.ndarray:
    """(N, H, W) bool -> (N,) height in [0, 1] above which lie 95 % of the marked pixels; 0 without any.

    Interpolated within a row, for at 64 px a whole row is 1.6 % of the height.
    """
    in_row = marked.sum(axis=2).astype(np.float64)
    above = np.cumsum(in_row, axis=1)
    wanted = LENGTH_PERCENTILE * above[:, -1:]
    row = np.argmax(above >= wanted, axis=1)[:, None]
    here = np.take_along_axis(in_row, row, axis=1)
    before = np.take_along_axis(above, row, axis=1) - here
    share = (wanted - before) / np.maximum(here, 1)
    return ((row + share) / marked.shape[1])[:, 0]
