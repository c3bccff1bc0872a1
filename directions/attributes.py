"""What is measured on a face picture: head yaw; length, volume and lightness of the hair; lightness of the skin.

Pictures are FFHQ-aligned crops, so the eyes lie on a fixed line and lengths need no other reference. Every attribute is
a number in its own unit, NaN where it cannot be measured (no face found; hardly any hair).
"""

from __future__ import annotations

import numpy as np
import torch

from data.images import to_tensor
from faces.detect import detect_batch
from faces.parsing import load_parser
from faces.pose import yaw_from_points

# name -> unit; the order is that of columns and reports
ATTRIBUTES = {
    "yaw": "deg",
    "hair_length": "% of image height",
    "hair_volume": "% of image area",
    "hair_lightness": "CIE L*",
}
# what no direction changes: dark hair often comes with dark skin, but an edit of the one is not to touch the other
CONTROLS = {"skin_lightness": "CIE L*"}
MEASURED = ATTRIBUTES | CONTROLS
HAIR_ATTRIBUTES = tuple(name for name in ATTRIBUTES if name.startswith("hair_"))
DECIMALS = 1  # in captions and tables

HAIR = 13  # CelebAMask-HQ's numbers of the classes
SKIN = (1, 2)  # face and nose
EYE_LINE = 0.474  # share of the image height at which FFHQ alignment puts the eyes
LENGTH_PERCENTILE = 0.95  # of hair pixels by row: single strands below it do not count
LEAST_AREA = 0.002  # share of the image; with less hair its length and lightness mean nothing, likewise skin
BATCH = 32  # pictures per pass: fixed, since a network's last bits may change with the batch

# sRGB (IEC 61966-2-1) byte -> linear light, and the luminance weights of its primaries
_LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


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
        parts = [self._batch(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}

    def _batch(self, images: np.ndarray) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            labels = self.parser.labels(to_tensor(images).to(self.device)).cpu().numpy()
        yaw = np.asarray(yaw_from_points(detect_batch(images)), np.float32)
        return {"yaw": yaw} | hair_attributes(images, labels) | {"skin_lightness": skin_lightness(images, labels)}


def hair_attributes(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """(N, H, W, 3) uint8 and (N, H, W) CelebAMask-HQ labels -> hair_length, hair_volume, hair_lightness, (N,) float32.

    hair_length: how far below the eye line the hair reaches, in percent of the image height (negative: it ends above).
    hair_volume: percent of the image area that is hair. hair_lightness: mean CIE L* (0 black, 100 white) of the hair.
    """
    assert images.shape[:3] == labels.shape, f"images {images.shape} and labels {labels.shape} differ"
    hair = labels == HAIR
    volume = hair.mean(axis=(1, 2))
    length = np.where(volume >= LEAST_AREA, 100 * (_lowest_row(hair) - EYE_LINE), np.nan)
    return {
        "hair_length": length.astype(np.float32),
        "hair_volume": (100 * volume).astype(np.float32),
        "hair_lightness": _mean_lightness(images, hair),
    }


def skin_lightness(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 and (N, H, W) CelebAMask-HQ labels -> (N,) float32 mean CIE L* of the face's skin."""
    return _mean_lightness(images, np.isin(labels, SKIN))


def _lowest_row(hair: np.ndarray) -> np.ndarray:
    """(N, H, W) bool -> (N,) height in [0, 1] above which lie 95 % of the hair pixels; 0 without hair.

    Interpolated within a row, for at 64 px a whole row is 1.6 % of the height.
    """
    in_row = hair.sum(axis=2).astype(np.float64)
    above = np.cumsum(in_row, axis=1)
    wanted = LENGTH_PERCENTILE * above[:, -1:]
    row = np.argmax(above >= wanted, axis=1)[:, None]
    here = np.take_along_axis(in_row, row, axis=1)
    before = np.take_along_axis(above, row, axis=1) - here
    share = (wanted - before) / np.maximum(here, 1)
    return ((row + share) / hair.shape[1])[:, 0]


def _mean_lightness(images: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8, (N, H, W) bool -> (N,) float32 mean CIE L* of the marked pixels; NaN for hardly any."""
    luminance = _LINEAR[images] @ _LUMINANCE
    lightness = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)
    mean = (lightness * marked).sum(axis=(1, 2)) / np.maximum(marked.sum(axis=(1, 2)), 1)
    return np.where(marked.mean(axis=(1, 2)) >= LEAST_AREA, mean, np.nan).astype(np.float32)
