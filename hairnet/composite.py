"""Laying generated hair into a photo: old hair away, new hair on, everything else untouched.

A generator's picture is coarser than a photo and its background is invented, so it decides as little as possible:
  what lies behind old hair   its labels say (forehead, neck, background, ...); the photo's own pixels of that kind,
                              spread from around, say how it looks; only ears and what the photo lacks are its own
  new hair                    is its own, with the tones that hair has in the hair donor's photo
  all else                    is the photo: inner face, clothes and background keep their sharpness

Both layers are smooth, so they are made at SIDE px per FFHQ crop and enlarged onto the photo. Pixels are (S,S,3) floats
in [0, 255], masks (S,S) in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from faces.labels import LABEL
from faces.parsing import Parser

HAIR, BACKGROUND, SKIN = LABEL["hair"], LABEL["background"], LABEL["skin"]
# Kinds of surface that can lie behind hair and be spread: labels that look alike.
KINDS = ((BACKGROUND,), (SKIN, LABEL["nose"]), (LABEL["neck"],), (LABEL["cloth"],))
SIDE = 256  # px of an FFHQ crop
SOFT = 2.0  # px: sigma of the masks' edges
REACH = 8  # px: loose strands reach this far beyond what the parser calls hair
RIM = 5  # px: this far inside its edge, hair is mixed with what lies behind it
CORE = 8.0  # px: the core of the inner face, which stays free of hair, begins about this far inside its edge
LEAST = 0.002  # of the crop: less than this of anything has no tones to take
CONTRAST = 1.4  # largest change of contrast, either way, when tones are matched


@dataclass(frozen=True)
class Layers:
    """A square crop's pixels (S,S,3) and class probabilities (19,S,S), CelebAMask-HQ order."""

    pixels: np.ndarray
    classes: np.ndarray

    @property
    def hair(self) -> np.ndarray:
        """(S,S): a coverage out of the parser's probability, certain from 0.75 up, none below 0.25."""
        return np.clip((self.classes[HAIR] - 0.25) / 0.5, 0, 1)

    def kinds(self) -> np.ndarray:
        """(S,S,len(KINDS)): probability of each kind."""
        return np.stack([self.classes[list(labels)].sum(0) for labels in KINDS], -1)

    @classmethod
    def read(cls, image: Image.Image, parser: Parser, size: int = SIDE) -> Layers:
        """A crop at `size` px, parsed."""
        image = image.resize((size, size), Image.Resampling.BICUBIC)
        pixels = np.array(image, np.float32)
        x = torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            logits = parser(x.to(next(parser.parameters()).device))
        return cls(pixels, F.softmax(logits, 1)[0].cpu().numpy())


def remove_hair(photo: Layers, made: Layers, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What lies behind the photo's hair, wherever the generated crop has none.

    Args:
        photo: a wide crop of the face donor; its middle SIDE px are the FFHQ crop
        made: the generated crop, SIDE px
        face: (S,S) the inner face, over the wide crop
    Returns:
        (S,S,3) pixels and the (S,S) mask by which they cover the photo
    """
    margin = (photo.hair.shape[0] - SIDE) // 2
    middle = slice(margin, margin + SIDE)
    new = np.pad(made.hair, margin)
    new[margin + SIDE :] = new[margin + SIDE - 1]  # long hair goes on below the crop; nothing else does beyond it
    solid = (1 - photo.classes[BACKGROUND] - photo.classes[HAIR]).clip(0, 1)
    strands = maximum_filter(photo.hair, 2 * REACH + 1) * (1 - solid)  # loose ones are looked for over background only
    old = np.maximum(photo.hair, strands)
    clear = (1 - old).clip(0, 1)

    # Which kind is behind: where the generator has a picture, what that shows besides hair; elsewhere, what is around.
    kinds = photo.kinds()
    behind = spread(kinds, clear)
    behind[middle, middle] = spread(made.kinds(), 1 - made.hair)

    pixels = photo.pixels.copy()
    skin = photo.classes[SKIN] * clear * face
    pixels[middle, middle] = match_tones(made.pixels, made.classes[SKIN] * (1 - made.hair), photo.pixels, skin)
    for k in range(len(KINDS)):
        known = np.clip(2 * kinds[..., k] * clear - 1, 0, 1)
        if known.sum() > LEAST * SIDE**2:
            pixels += _soft(behind[..., k])[..., None] * (spread(photo.pixels, known) - pixels)
    # The inner face is the photo's, but for locks that fall into it.
    gone = _soft(old * (1 - face * (1 - photo.hair))) * (1 - _soft(new))
    return pixels, gone.clip(0, 1)


def new_hair(made: Layers, donor: Layers, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The generated hair with the donor's tones: (S,S,3) pixels and the (S,S) mask by which they cover the photo.

    `face` (S,S): the inner face over the same crop. Its core stays free: no hair over eyes, nose and mouth.
    """
    core = np.clip((gaussian_filter(face, CORE) - 0.7) / 0.25, 0, 1)
    pixels, certain = made.pixels, minimum_filter(made.hair, 2 * RIM + 1)
    if certain.mean() > LEAST:  # the rim, which shows something of the invented background, is grown anew from inside
        pixels = spread(pixels, certain)
    matched = match_tones(pixels, certain, donor.pixels, minimum_filter(donor.hair, 2 * RIM + 1))
    return matched, _soft(made.hair * (1 - core))


def match_tones(pixels: np.ndarray, where: np.ndarray, other: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The pixels with the mean and, within CONTRAST, the spread per channel that the others have.

    `where` is the mask that counts in `pixels`, `there` in `other`. If one is as good as empty nothing is changed.
    """
    if min(where.mean(), there.mean()) < LEAST:
        return pixels
    (mean, deviation), (wanted, wanted_deviation) = _moments(pixels, where), _moments(other, there)
    return (pixels - mean) * np.clip(wanted_deviation / deviation, 1 / CONTRAST, CONTRAST) + wanted


def spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(S,S,C) values where `known` (S,S) is 1, and smooth continuations of them where it is 0 (push-pull pyramid)."""
    weighed = np.concatenate([values * known[..., None], known[..., None]], 2).astype(np.float32)
    levels = [torch.from_numpy(weighed.transpose(2, 0, 1).copy())[None]]  # (1,C+1,s,s): values times weight, weight
    while levels[-1].shape[-1] > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    filled = levels[-1][:, :-1] / (levels[-1][:, -1:] + 1e-6)
    for level in reversed(levels[:-1]):
        grown = F.interpolate(filled, level.shape[-2:], mode="bilinear", align_corners=False)
        filled = torch.lerp(grown, level[:, :-1] / (level[:, -1:] + 1e-6), level[:, -1:].clamp(0, 1))
    return filled[0].numpy().transpose(1, 2, 0)


def _moments(pixels: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (3,) of pixels (S,S,3) under a mask (S,S)."""
    weight = (mask / mask.sum())[..., None]
    mean = (pixels * weight).sum((0, 1))
    return mean, np.sqrt((np.square(pixels - mean) * weight).sum((0, 1))) + 1.0


def _soft(mask: np.ndarray) -> np.ndarray:
    return gaussian_filter(mask.astype(np.float32), SOFT)
