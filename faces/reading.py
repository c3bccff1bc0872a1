"""How a published face network wants to see a face: where its parts stand in the picture, and what the numbers mean.

The same network scores far worse on a face that stands elsewhere than in its training, so each comes with its own
alignment. ArcFace networks (insightface and relatives) want five points at fixed places of a 112 px picture; FaceNet
(facenet-pytorch) wants the box that MTCNN draws, stretched to 160 px.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from data.files import read_json, sha256
from data.images import to_tensor
from faces.align import crop_quad
from faces.detect import chosen, detect
from faces.parsing import resized

# Where insightface puts eyes, nose and mouth corners, px of a 112 px picture (centre of the first pixel at 0, 0).
ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
ARCFACE_SIDE = 112
# Shares of an FFHQ crop (top, bottom, left, right): what pSp cuts out for ArcFace when no points are known, and the box
# that MTCNN draws there (mean of 42 real faces; its corners vary by 2 to 4 %).
FACE = (35 / 256, 223 / 256, 32 / 256, 220 / 256)
BOX = (0.19, 0.90, 0.24, 0.77)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Reading:
    """The network gets (u / 255 - mean) / deviation of RGB pixels u, in a picture of `size` px placed by `place`."""

    size: int = ARCFACE_SIDE
    mean: tuple[float, ...] = HALF
    deviation: tuple[float, ...] = HALF
    place: str = "points"  # "points": ARCFACE's five; "box": the detector's box, stretched

    def __post_init__(self) -> None:
        numbers = len(self.mean) == len(self.deviation) == 3 and min(self.deviation) > 0
        if not numbers or self.place not in ("points", "box"):
            raise ValueError('mean and deviation are three numbers each (deviation above 0), place "points" or "box"')

    def of_crop(self, x: Tensor, points: np.ndarray | None = None) -> Tensor:
        """FFHQ crops (N, 3, H, W) in [-1, 1] and their points (N, 5, 2) px -> (N, 3, size, size) for the network.

        Differentiable. Without points the face's usual place in an FFHQ crop is taken.
        """
        if self.place == "box":
            return self.numbers(resized(cut(x, BOX), self.size))
        if points is None:
            return self.numbers(resized(cut(x, FACE), self.size))
        return self.numbers(warped(x, points, self.size))

    def of_photo(self, photo: Image.Image) -> Tensor:
        """The most central face of a photo -> (1, 3, size, size) for the network; ValueError where there is none."""
        faces = detect(photo)
        row = chosen(faces, *photo.size)
        if self.place == "box":  # as facenet-pytorch's extract_face: whole pixels, no margin, bilinear
            left, top = np.maximum(faces.boxes[row, :2], 0).astype(int).tolist()
            right, bottom = np.minimum(faces.boxes[row, 2:], photo.size).astype(int).tolist()
            box = (left, top, max(right, left + 1), max(bottom, top + 1))
            crop = photo.convert("RGB").crop(box).resize((self.size, self.size), Image.Resampling.BILINEAR)
        else:
            crop = crop_quad(photo.convert("RGB"), arcface_quad(faces.points[row]), self.size)
        return self.numbers(to_tensor(np.array(crop)[None]))

    def numbers(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> the same in the network's numbers."""
        if self.mean == self.deviation == HALF:
            return x
        mean, deviation = (x.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.deviation))
        return ((x + 1) / 2 - mean) / deviation


FACENET = Reading(size=160, deviation=(128 / 255,) * 3, place="box")
KNOWN = {  # sha256 of files that do not say it themselves: foamliu/MobileFaceNet
    "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507": Reading(112, *IMAGENET),
}


def reading_of(path: Path, size: int, first: list[str]) -> Reading:
    """How the ONNX network of `path` sees faces, `size` its input's side, `first` the kinds of its first operations.

    A file beside it, `<name>.onnx.json`, has the last word: {"mean": [...], "deviation": [...], "place": "points"}.
    Otherwise insightface's rule: a network that begins with Sub and Mul takes 0 to 255, any other -1 to 1.
    """
    note = path.with_name(path.name + ".json")
    if note.is_file():
        content = read_json(note)
        try:
            return Reading(size, tuple(map(float, content["mean"])), tuple(map(float, content["deviation"])),
                           content.get("place", "points"))  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{note} does not say how {path.name} sees faces ({error}): correct it") from error
    if (digest := sha256(path)) in KNOWN:
        return KNOWN[digest]
    begins = " ".join(first[:8])
    if re.search(r"\bSub\b", begins) and re.search(r"\bMul\b", begins):
        return Reading(size, (0.0, 0.0, 0.0), (1 / 255,) * 3)
    return Reading(size)


def similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(N, K, 2) or (K, 2) points -> (N, 2, 3) maps, each the turn, scale and shift that bring its points nearest to
    `targets` (K, 2) in the sense of least squares (Umeyama 1991, without reflection)."""
    points = np.asarray(points, np.float64).reshape(-1, len(targets), 2)
    middle, aim = points.mean(1), np.asarray(targets, np.float64).mean(0)
    a, b = points - middle[:, None], targets - aim
    size = np.maximum((a**2).sum((1, 2)), 1e-9)
    # as complex numbers: the factor is <a, b> / <a, a>
    real = (a * b).sum((1, 2)) / size
    imaginary = (a[..., 0] * b[:, 1] - a[..., 1] * b[:, 0]).sum(1) / size
    turn = np.stack([np.stack([real, -imaginary], -1), np.stack([imaginary, real], -1)], 1)
    return np.concatenate([turn, (aim - np.einsum("nij,nj->ni", turn, middle))[..., None]], -1)


def arcface_quad(points: np.ndarray) -> np.ndarray:
    """Five points (5, 2) of a photo -> corners (4, 2) of ArcFace's square in it; order as in `align.crop_quad`."""
    back = inverse(similarity(points, ARCFACE))[0]
    low, high = -0.5, ARCFACE_SIDE - 0.5
    corners = np.array([[low, low], [low, high], [high, high], [high, low]])
    return corners @ back[:, :2].T + back[:, 2]


def warped(x: Tensor, points: np.ndarray, size: int) -> Tensor:
    """Crops (N, 3, H, H) and their points (N, 5, 2) in px -> (N, 3, size, size) with the points at ARCFACE's places."""
    side = x.shape[-1]
    if side > 4 * size:  # a bilinear warp that shrinks by more than two would skip pixels
        x = resized(x, 2 * size)
    maps = inverse(similarity((np.asarray(points) + 0.5) / side, (ARCFACE + 0.5) / ARCFACE_SIDE))  # shares to shares
    theta = maps.copy()
    theta[:, :, 2] = 2 * maps[:, :, 2] + maps[:, :, :2].sum(-1) - 1  # the same for coordinates from -1 to 1
    grid = F.affine_grid(torch.from_numpy(theta).to(x), [len(x), 3, size, size], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def inverse(maps: np.ndarray) -> np.ndarray:
    """(N, 2, 3) affine maps -> their inverses."""
    turn = np.linalg.inv(maps[:, :, :2])
    return np.concatenate([turn, -np.einsum("nij,nj->ni", turn, maps[:, :, 2])[..., None]], -1)


def cut(x: Tensor, window: tuple[float, ...]) -> Tensor:
    """The part of (N, C, H, W) between (top, bottom, left, right), shares of the sides, at whole pixels."""
    height, width = x.shape[-2:]
    top, bottom, left, right = window
    return x[..., round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
