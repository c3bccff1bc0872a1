"""A photo as compositing sees it: a square around the FFHQ crop, wider than it, with its labels and its hair's matte.

Hair does not end at the crop's borders, so a canvas is WIDE times as wide as the crop, about the same centre. Beyond
the photo's own border it shows the photo mirrored; `inside` says where that is. Arrays are (S,S[,C]) float32, pixels in
[0, 255], masks in [0, 1]; `WORK` px is the side at which everything smooth is computed, `pixels` and `hair` are as
fine as the photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import distance_transform_edt, maximum_filter

from faces import Aligned
from faces.align import inner_face
from faces.labels import LABEL, MIRRORED
from faces.parsing import Parser
from hairnet.photo.matte import guided, hair_or_skin, likeliest, one_head_of_hair
from hairnet.photo.spread import spread

WIDE = 1.5  # crops
CROP = 192  # px: the crop within WORK
WORK = round(WIDE * CROP)
MARGIN = (WORK - CROP) // 2
CROP_SIDES = (256, 1024)  # px of the crop: the canvas is as fine as the photo, within these
# A parser that has seen tight hair finds wide hair in a smaller picture of it; the mean of these views, each also
# mirrored, finds both. A parser of large pictures has seen all hair, and costs time.
ZOOMS, ZOOMS_OF_LARGE = (1.0, 1.15, 1.3, WIDE), (1.0, WIDE)
LARGE = 256  # px


@dataclass(frozen=True)
class Canvas:
    """One photo's square, read once and used as hair donor, as face donor or as both."""

    pixels: np.ndarray  # (S, S, 3)
    hair: np.ndarray  # (S, S): how much of each pixel is hair, strand by strand
    classes: np.ndarray  # (19, WORK, WORK) probabilities, CelebAMask-HQ order
    face: np.ndarray  # (WORK, WORK): the inner face
    inside: np.ndarray  # (WORK, WORK): 1 where the photo is, 0 where it is mirrored
    quad: np.ndarray  # (4, 2): corners in the photo

    @property
    def side(self) -> int:
        return self.pixels.shape[0]

    @classmethod
    def read(cls, aligned: Aligned, parser: Parser) -> Canvas:
        """The square around an aligned face; 0.3 to 1.5 s on one core, by its resolution."""
        crop_side = float(np.linalg.norm(aligned.quad[3] - aligned.quad[0]))
        side = round(WIDE * float(np.clip(crop_side, *CROP_SIDES)))
        centre = aligned.quad.mean(0)
        quad = centre + (aligned.quad - centre) * WIDE
        picture, inside = see(aligned.source, quad, side)
        pixels = np.asarray(picture, np.float32)
        classes = parse(parser_view(pixels, inside), parser)
        points = ((aligned.points + 0.5) / aligned.image.width * CROP + MARGIN) - 0.5
        face = inner_face(points, WORK)
        likely = hair_or_skin(scaled(pixels, WORK), classes, face * inside)
        onward = likeliest(likely, classes) & (inside > 0.5) & (face < 0.5)
        coarse = one_head_of_hair(np.clip((likely - 0.3) / 0.4, 0, 1) * inside, face, onward)
        beyond = distance_transform_edt(inside < 0.5, return_distances=False, return_indices=True)
        coarse = coarse[tuple(beyond)]  # hair that the photo's edge cuts goes on, as its mirrored pixels do
        glasses = maximum_filter(classes[LABEL["eye_g"]], 5)  # their dark arms look like hair
        hair = guided(pixels / 255, coarse) * scaled(np.clip(1.5 - 3 * glasses, 0, 1), side)
        return cls(pixels, hair, classes, face, inside, quad)

    def to_photo(self, aligned: Aligned, picture: np.ndarray, mask: np.ndarray) -> Image.Image:
        """The whole photo with `picture` (S,S,3), a changed canvas, laid in wherever `mask` (S,S) is above 0."""
        image = Image.fromarray(np.rint(picture).clip(0, 255).astype(np.uint8))
        return replace(aligned, quad=self.quad).to_photo(image, np.clip(mask * 64, 0, 1))


def see(photo: Image.Image, quad: np.ndarray, side: int) -> tuple[Image.Image, np.ndarray]:
    """The square `quad` (4,2) of a photo as a (side, side) picture, and (WORK, WORK) float32: 1 inside the photo."""
    scale = min(1.0, side / float(np.linalg.norm(quad[3] - quad[0])))
    if scale < 1:
        size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        photo, quad = photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0), (quad + 0.5) * scale - 0.5
    low, high = np.floor(quad.min(0)).astype(int) - 2, np.ceil(quad.max(0)).astype(int) + 3
    box = (*np.clip(low, 0, np.array(photo.size) - 1).tolist(), *np.clip(high, 1, photo.size).tolist())
    before, after = np.array(box[:2]) - low, high - np.array(box[2:])
    around = ((before[1], after[1]), (before[0], after[0]))
    pixels = np.pad(np.asarray(photo.crop(box)), (*around, (0, 0)), "symmetric")
    shown = np.pad(np.full((box[3] - box[1], box[2] - box[0]), 255, np.uint8), around)
    corners = (quad - low + 0.5).flatten().tolist()
    warp = Image.Transform.QUAD
    picture = Image.fromarray(pixels).transform((side, side), warp, corners, Image.Resampling.BICUBIC)
    inside = Image.fromarray(shown).transform((WORK, WORK), warp, corners, Image.Resampling.BILINEAR)
    return picture, (np.asarray(inside) > 127).astype(np.float32)


@torch.no_grad()
def parse(picture: Image.Image, parser: Parser) -> np.ndarray:
    """Class probabilities (19, WORK, WORK) of a canvas: the mean over several zooms, each with its mirror image."""
    device = next(parser.parameters()).device
    total, weight = torch.zeros(1, 19, WORK, WORK), torch.full((1, 1, WORK, WORK), 1e-6)
    for zoom in ZOOMS if parser.input_size <= LARGE else ZOOMS_OF_LARGE:
        margin = picture.width * (1 - zoom / WIDE) / 2
        box = (margin, margin, picture.width - margin, picture.width - margin)
        size = max(parser.input_size, 64)
        view = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box), np.float32)
        x = torch.from_numpy(view / 127.5 - 1).permute(2, 0, 1)[None].to(device)
        seen, mirrored = F.softmax(parser(torch.cat([x, x.flip(-1)])).float(), 1).cpu().split(1)
        mean = (seen + mirrored.flip(-1)[:, torch.from_numpy(MIRRORED.astype(np.int64))]) / 2
        covered = round(CROP * zoom)
        start = (WORK - covered) // 2
        place = (slice(None), slice(None), slice(start, start + covered), slice(start, start + covered))
        # a view is least certain near its own borders
        ramp = (1 - torch.linspace(-1, 1, covered).abs()).mul(10).clamp(0.02, 1)
        trust = (ramp[:, None] * ramp)[None, None]
        total[place] += trust * F.interpolate(mean, (covered, covered), mode="bilinear", align_corners=False)
        weight[place] += trust
    return (total / weight)[0].numpy()


def parser_view(pixels: np.ndarray, inside: np.ndarray) -> Image.Image:
    """A canvas for the parser: a mirrored head above the head would mislead it, so the photo fades out smoothly."""
    small = scaled(pixels, WORK)
    small = np.where(inside[..., None] > 0.5, small, spread(small, inside))
    return Image.fromarray(np.rint(small).clip(0, 255).astype(np.uint8))


def scaled(x: np.ndarray, side: int) -> np.ndarray:
    """(S,S[,C]) -> (side,side[,C]) float32: averaged when it shrinks, bilinear when it grows."""
    if x.shape[0] == side:
        return x.astype(np.float32)
    planes = torch.from_numpy(np.ascontiguousarray(x, np.float32)).reshape(*x.shape[:2], -1).permute(2, 0, 1)[None]
    shrinks = side < x.shape[0]
    planes = F.interpolate(planes, (side, side), mode="bilinear", align_corners=False, antialias=shrinks)
    return planes[0].permute(1, 2, 0).reshape(side, side, *x.shape[2:]).numpy()


def in_crop(x: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """(CROP,CROP[,C]) over the crop -> (WORK,WORK[,C]) over the canvas, `fill` around it."""
    return np.pad(x, ((MARGIN, MARGIN), (MARGIN, MARGIN), *[(0, 0)] * (x.ndim - 2)), constant_values=fill)
