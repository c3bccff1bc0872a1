"""The new picture: the photo without its hair, and on it the new hair. Everything else stays the photo's.

- uncover: the photo's old hair gives way to what lies behind it.
- dress: the donor's hair in the shape that the network drew, or the hair as the network drew it.
- blend: alpha, by the hair's matte; multiband, coarse tones over a wide seam and strands over a sharp one; poisson, the
  donor's gradients with the tones that the photo has around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import maximum_filter

from data.images import sheet
from faces.labels import LABEL
from faces.parsing import Parser
from hairnet.photo.canvas import CROP, WIDE, WORK, Canvas, in_crop, scaled
from hairnet.photo.spread import spread
from hairnet.photo.strands import Hair, dress, network_hair
from hairnet.photo.uncover import uncover

Blend = Literal["alpha", "multiband", "poisson", "none"]
Strands = Literal["photo", "network"]
BANDS = 5  # of the multiband blend, each twice as coarse
STAGE = 320  # px: side of a picture in the sheet of stages


@dataclass(frozen=True)
class Composite:
    """A finished composite and what it was made of; arrays (S,S[,C]) over the face's canvas."""

    picture: np.ndarray  # (S,S,3) in [0, 255]
    mask: np.ndarray  # (S,S): 0 where the photo was not touched
    donor: Canvas
    face: Canvas
    generated: Image.Image
    wanted: np.ndarray  # (WORK,WORK): the network's hair
    bald: np.ndarray  # (S,S,3)
    hair: Hair

    @property
    def crop(self) -> Image.Image:
        """The FFHQ crop in the middle, at the photo's resolution."""
        side, margin = round(self.face.side / WIDE), self.face.side * (1 - 1 / WIDE) / 2
        whole = Image.fromarray(np.rint(self.picture).clip(0, 255).astype(np.uint8))
        box = (margin, margin, self.face.side - margin, self.face.side - margin)
        return whole.resize((side, side), Image.Resampling.BICUBIC, box)

    def stages(self) -> Image.Image:
        """Every stage on one sheet."""
        generated = in_crop(np.asarray(self.generated.resize((CROP, CROP), Image.Resampling.BICUBIC), np.float32), 255)
        pictures = {
            "hair donor": self.donor.pixels,
            "its hair": _on_green(self.donor.pixels, self.donor.hair),
            "photo": self.face.pixels,
            "its hair ": _on_green(self.face.pixels, self.face.hair),
            "network": generated,
            "shape it wants": self.wanted[..., None].repeat(3, 2) * 255,
            "old hair away": self.bald,
            "new hair": _on_green(self.hair.pixels, self.hair.matte),
            "changed": self.mask[..., None].repeat(3, 2) * 255,
            "result": self.picture,
        }
        small = [np.rint(scaled(picture, STAGE)).clip(0, 255).astype(np.uint8) for picture in pictures.values()]
        return sheet(np.stack(small), 5, list(pictures))


def composite(
    donor: Canvas,
    face: Canvas,
    generated: Image.Image,
    parser: Parser,
    blend: Blend = "alpha",
    strands: Strands = "photo",
) -> Composite:
    """The face's canvas with new hair.

    Args:
        donor, face: the two photos
        generated: the network's picture, an FFHQ crop of any size
        parser: reads the generated picture
        blend: alpha, multiband or poisson
        strands: "photo" fills the shape with the donor's own hair; "network" takes the hair as generated
    """
    made, made_pixels = read_generated(generated, parser)
    wanted = network_hair(made)
    fill, gone = uncover(face, made, made_pixels)
    bald = face.pixels + gone[..., None] * (fill - face.pixels)
    if strands == "photo":
        hair = dress(donor, face, wanted)
    else:
        drawn = scaled(in_crop(made_pixels), face.side)
        hair = Hair(drawn, scaled(wanted * in_crop(np.ones((CROP, CROP), np.float32)), face.side), drawn)
    picture, mask = lay(hair, bald, gone, blend)
    return Composite(picture, mask, donor, face, generated, wanted, bald, hair)


def lay(hair: Hair, bald: np.ndarray, gone: np.ndarray, blend: Blend = "alpha") -> tuple[np.ndarray, np.ndarray]:
    """New hair on the photo without its own: picture (S,S,3), and (S,S) 0 where the photo is not touched.

    `gone` (S,S) says where `bald` (S,S,3) is not the photo.
    """
    mask = np.maximum(gone, hair.matte)
    if blend == "poisson":
        return poisson(hair, bald, mask)
    if blend == "multiband":
        picture, seam = multiband(hair.pixels, bald, hair.matte)
        return picture, np.maximum(mask, seam)
    return bald + hair.matte[..., None] * (hair.pixels - bald), mask


@torch.no_grad()
def read_generated(generated: Image.Image, parser: Parser) -> tuple[np.ndarray, np.ndarray]:
    """A generated crop as probabilities (19,CROP,CROP) and pixels (CROP,CROP,3) in [0, 255]."""
    size = max(parser.input_size, 64)
    x = torch.from_numpy(np.asarray(generated.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1)
    logits = parser(x.permute(2, 0, 1)[None].to(next(parser.parameters()).device)).float().cpu()
    made = F.interpolate(F.softmax(logits, 1), (CROP, CROP), mode="bilinear", align_corners=False)[0].numpy()
    # hair that is drawn smooth looks like a woollen hat; where it does, hair was asked for
    made[LABEL["hair"]] += made[LABEL["hat"]]
    made[LABEL["hat"]] = 0
    return made, np.asarray(generated.resize((CROP, CROP), Image.Resampling.BICUBIC), np.float32)


def multiband(front: np.ndarray, back: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Burt and Adelson's blend: each band of the Laplacian pyramids by the mask of that band. Picture, widest mask."""
    x, y = (torch.from_numpy(picture).permute(2, 0, 1)[None].float() for picture in (front, back))
    m = torch.from_numpy(mask)[None, None].float()
    bands, widest = [], m
    for _ in range(BANDS):
        half = ((x.shape[-2] + 1) // 2, (x.shape[-1] + 1) // 2)
        small_x, small_y, small_m = (F.interpolate(t, half, mode="area") for t in (x, y, m))
        fine_x, fine_y = (a - _grown(b, a) for a, b in ((x, small_x), (y, small_y)))
        bands.append(fine_y + m * (fine_x - fine_y))
        x, y, m = small_x, small_y, small_m
        widest = torch.maximum(widest, _grown(m, widest))
    total = y + m * (x - y)
    for band in reversed(bands):
        total = band + _grown(total, band)
    touched = widest[0, 0].numpy()
    return np.where(touched[..., None] > 0, total[0].permute(1, 2, 0).numpy(), back), touched


def poisson(hair: Hair, bald: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The donor's pixels around and in the hair, shifted by what they differ from the photo at the rim (a membrane)."""
    inside = scaled(maximum_filter(scaled(hair.matte, WORK), 9), hair.matte.shape[0])
    small = scaled(inside, WORK)
    rim = ((small < 0.05) & (maximum_filter(small, 9) > 0.05)).astype(np.float32)
    if not rim.any():
        return bald, mask
    shift = scaled(spread(scaled(bald - hair.around, WORK), rim), bald.shape[0])
    return bald + inside[..., None] * (hair.around + shift - bald), np.maximum(mask, inside)


def _grown(small: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return F.interpolate(small, like.shape[-2:], mode="bilinear", align_corners=False)


def _on_green(pixels: np.ndarray, matte: np.ndarray) -> np.ndarray:
    return pixels * matte[..., None] + np.array([0, 200, 0], np.float32) * (1 - matte[..., None])
