"""Measures of hair on FFHQ-aligned crops: (N,) float64 each, NaN where not measurable."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter

from directions.crops import LEAST_AREA, Crops

HAIR = 13  # CelebAMask-HQ's numbers of the classes
SKIN = (1, 2, 6, 7)  # face, nose and brows
EYE_LINE = 0.474  # share of the image height at which FFHQ alignment puts the eyes
LENGTH_PERCENTILE = 0.95  # of hair pixels by row: single strands below it do not count
FOREHEAD = (0.36, 0.64, 0.25, 0.40)  # left, right, top, bottom, shares of the side: between the eyes, over the brows
CROWN = (0.25, 0.75, 0.0, 0.27)  # all above the forehead
STRAND, CURL = 0.011, 0.016  # shares of the side: blur of the gradients, and the window in which they may agree
LEAST_CHROMA = 6.0  # C*: hair with less is black, grey or white
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


def hue(crops: Crops) -> np.ndarray:
    """CIELAB hue angle of the mean colour, -120 to 240 degrees: 40 red, 60 brown, 85 blond; NaN for grey."""
    lab = crops.colour(HAIR).astype(np.float64)
    angle = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    return np.where(_chroma(lab) >= LEAST_CHROMA, (angle + 120) % 360 - 120, np.nan)


def greyness(crops: Crops) -> np.ndarray:
    """How light the hair is for the little colour it has, 10 L* / (C* + 10): 6 black, 14 blond, 45 grey, 100 white."""
    lab = crops.colour(HAIR).astype(np.float64)
    return 10 * lab[:, 0] / (_chroma(lab) + 10)


def _chroma(lab: np.ndarray) -> np.ndarray:
    """(N, 3) CIELAB -> (N,) C*."""
    return np.hypot(lab[:, 1], lab[:, 2])


def curliness(crops: Crops) -> np.ndarray:
    """100 less how far gradients of lightness run one way around each point of the hair (structure tensor), percent.

    Straight strands give parallel edges, curls give edges of all directions. Of little use where a curl is not much
    wider than a pixel, as at 64 px.
    """
    side = crops.labels.shape[1]
    sigma, window = side * STRAND, side * CURL
    lightness = crops.lab[..., 0].astype(np.float64)
    across, down = (gaussian_filter(lightness, (0, sigma, sigma), order=order) for order in ((0, 0, 1), (0, 1, 0)))
    inside = binary_erosion(crops.where(HAIR), np.ones((1, 3, 3), bool))
    xx, yy, xy = (gaussian_filter(part * inside, (0, window, window)) for part in (across**2, down**2, across * down))
    one_way, total = ((part * inside).sum(axis=(1, 2)) for part in (np.hypot(xx - yy, 2 * xy), xx + yy))
    enough = inside.mean(axis=(1, 2)) >= LEAST_AREA
    return np.where(enough, 100 * (1 - one_way / np.maximum(total, 1e-9)), np.nan)


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
