"""Laying a generated crop into the photo: new hair on it, old hair away, everything else untouched.

A generator's picture is coarser than a photo and its background is invented, so as little of it as possible is used:
  new hair            the generated pixels,
  old hair, gone      generated skin, ears, neck or clothes, their tones matched to the photo's; where nothing but
                      background is behind it, the photo's own background, spread from around,
  all else            the photo: the whole inner face and the background keep their sharpness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_dilation

from faces.align import inner_face
from faces.labels import LABEL

BACKGROUND, SKIN, HAIR = LABEL["background"], LABEL["skin"], LABEL["hair"]
SOFT = 0.008  # of the side: sigma of the masks' edges
LEAST_SPACE = 0.002  # of the crop: less background than this cannot be spread
REACH = 0.02  # of the side: old hair is wider than the parser says by its loose strands


@dataclass(frozen=True)
class Layers:
    """A crop's pixels (S,S,3) float in [0, 255] and class probabilities (19,S,S), CelebAMask-HQ order."""

    pixels: np.ndarray
    classes: np.ndarray

    @property
    def hair(self) -> np.ndarray:
        return self.classes[HAIR]

    @classmethod
    def read(cls, image: Image.Image, parser: torch.nn.Module, size: int) -> Layers:
        """Enlarges a crop to `size` and parses it."""
        large = image.resize((size, size), Image.Resampling.BICUBIC) if image.width != size else image
        x = torch.from_numpy(np.asarray(large, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            device = next(parser.parameters()).device
            logits = parser(x.to(device)).float().cpu()
        classes = F.interpolate(F.softmax(logits, 1), (size, size), mode="bilinear", align_corners=False)[0]
        return cls(np.asarray(large, np.float32), classes.numpy())


def composite(photo: Layers, made: Layers, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photo's crop with the generated hair.

    Args:
        photo: the face donor's crop
        made: the generated crop at the same size
        points: (5, 2) of the face donor, px of the crop
    Returns:
        ((S,S,3) uint8 picture, (S,S) float32 mask of what differs from the photo's crop)
    """
    size = photo.pixels.shape[0]
    face = inner_face(points, size)
    new = _soft(_steep(made.hair), size)
    old = _soft(_wider(_steep(photo.hair), size), size) * (1 - face)
    gone = old * (1 - new)
    filled = match_tones(made, photo, face)
    open_space = photo.classes[BACKGROUND] * (1 - old)
    if open_space.mean() > LEAST_SPACE:
        behind = made.classes[BACKGROUND] / (1 - made.hair + 1e-3)  # of what is seen where there is no hair
        behind = _soft(np.clip(behind, 0, 1), size)[..., None]
        filled = filled + behind * (spread(photo.pixels, open_space) - filled)
    picture = photo.pixels + gone[..., None] * (filled - photo.pixels)
    picture = picture + new[..., None] * (made.pixels - picture)
    return np.rint(picture).clip(0, 255).astype(np.uint8), np.clip(new + gone, 0, 1).astype(np.float32)


def match_tones(made: Layers, photo: Layers, face: np.ndarray) -> np.ndarray:
    """The generated pixels with, per channel, the mean and deviation that the skin of the inner face has in the photo.

    Both crops show the same inner face, so its skin is what can be compared; a gain beyond 0.5 to 2 is refused.
    """
    weight = face * made.classes[SKIN] * photo.classes[SKIN] + 1e-6 * face
    weight = (weight / (weight.sum() + 1e-12))[..., None]

    def moments(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = (pixels * weight).sum((0, 1))
        return mean, np.sqrt((np.square(pixels - mean) * weight).sum((0, 1))) + 1.0

    (mean, deviation), (wanted, spread_) = moments(made.pixels), moments(photo.pixels)
    return (made.pixels - mean) * np.clip(spread_ / deviation, 0.5, 2) + wanted


def spread(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(S,S,3) pixels where `known` (S,S) is 1, and smooth continuations of them where it is 0 (push-pull pyramid)."""
    weighed = np.concatenate([pixels * known[..., None], known[..., None]], 2).astype(np.float32)
    levels = [torch.from_numpy(weighed.transpose(2, 0, 1).copy())[None]]  # (1,4,s,s): colour times weight, weight
    while levels[-1].shape[-1] > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    filled = levels[-1][:, :3] / (levels[-1][:, 3:] + 1e-6)
    for level in reversed(levels[:-1]):
        colour, weight = level[:, :3], level[:, 3:]
        grown = F.interpolate(filled, colour.shape[-2:], mode="bilinear", align_corners=False)
        filled = torch.lerp(grown, colour / (weight + 1e-6), weight.clamp(0, 1))
    return filled[0].numpy().transpose(1, 2, 0)


def _steep(probability: np.ndarray) -> np.ndarray:
    """A probability as a coverage: certain from 0.7 up, none below 0.3."""
    return np.clip((probability - 0.3) / 0.4, 0, 1)


def _soft(mask: np.ndarray, size: int) -> np.ndarray:
    return gaussian_filter(mask.astype(np.float32), SOFT * size)


def _wider(mask: np.ndarray, size: int) -> np.ndarray:
    reach = max(1, round(REACH * size))
    return grey_dilation(mask, (2 * reach + 1, 2 * reach + 1))
