"""Finding faces and their five points with MTCNN (Zhang et al., 2016; facenet-pytorch's weights), always on the CPU.

Two doors: `detect` for photos of any size, `detect_batch` for many small pictures of one size, such as a shard's.
The detector is imported at the first call, so that commands which never look at a photo start quickly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL import Image

LONG_SIDE = (256, 1024)  # px: photos are searched on a copy whose long side lies in this range
SMALLEST_FACE = 20  # px on that copy
SMALLEST_SIDE = 24  # px on that copy: below it there is no picture to search

BATCH_SIDE = 160  # px: side at which `detect_batch` searches
BATCH_ROWS = 32  # images per pass: 32 x 160 px stay within a core's cache
# (smallest face in px of BATCH_SIDE, pyramid factor), tried in turn on the images without a face so far. The face of an
# FFHQ crop is 80-110 px wide at this side: the first pass needs two levels of the pyramid (140 images/s on one core),
# the second is MTCNN's own pyramid (60 images/s).
BATCH_PASSES = ((60.0, 0.6), (40.0, 0.709))


@dataclass(frozen=True)
class Faces:
    """All faces of one photo, the largest first, in pixels of the photo (the centre of the first pixel is 0, 0)."""

    boxes: np.ndarray  # (N, 4) float32: left, top, right, bottom
    points: np.ndarray  # (N, 5, 2) float32: left eye, right eye, nose, left and right mouth corner; image-left first
    probs: np.ndarray  # (N,) float32 in [0, 1]

    def __len__(self) -> int:
        return len(self.boxes)


@cache
def _mtcnn(smallest_face: float, factor: float) -> Any:
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, min_face_size=smallest_face, factor=factor, device=torch.device("cpu")).eval()


def _floats(values: Any, *shape: int) -> np.ndarray:
    """MTCNN answers with None or with arrays of dtype object; here (N, *shape) float32, N = 0 for None."""
    if values is None:
        return np.zeros((0, *shape), np.float32)
    return np.asarray([np.asarray(value, np.float32) for value in values], np.float32).reshape(-1, *shape)


def detect(photo: Image.Image) -> Faces:
    """All faces of `photo` (PIL, any mode, any size >= 1 px). Deterministic; 0.1-0.4 s on one core for any photo."""
    photo = photo.convert("RGB")
    scale = float(np.clip(max(photo.size), *LONG_SIDE)) / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    if min(size) < SMALLEST_SIDE:
        return Faces(_floats(None, 4), _floats(None, 5, 2), _floats(None))
    copy = photo.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    boxes, probs, points = _mtcnn(SMALLEST_FACE, 0.709).detect(copy, landmarks=True)
    found = _floats(boxes, 4)
    return Faces(found / scale, _floats(points, 5, 2) / scale, _floats(probs if len(found) else None))


def most_central(boxes: np.ndarray, width: int, height: int) -> int:
    """Row of the box (N, 4) whose centre is nearest to the picture's. Pictures of one person show others at the side,
    often more clearly: the most probable face is the wrong one in 6 % of the LFW photos, the most central in none."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return int(np.argmin(((centres - np.array([width, height]) / 2) ** 2).sum(1)))


def chosen(faces: Faces, width: int, height: int, pick: str | None = None) -> int:
    """Row of one face of a photo: the most central one, or the one that `pick` names.

    `pick` is a number, counted from the left of the photo as `listed` does, or a point "x,y" in pixels of the photo.
    """
    if len(faces) == 0:
        raise ValueError("no face found in the photo: use one that shows a face upright and at least 20 px wide")
    if pick is None:
        return most_central(faces.boxes, width, height)
    order = np.argsort(faces.boxes[:, 0], kind="stable")
    if re.fullmatch(r"\d{1,4}", pick):
        if not 1 <= int(pick) <= len(order):
            raise ValueError(f"there is no face {pick} in the photo: it shows {listed(faces)}")
        return int(order[int(pick) - 1])
    match = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", pick)
    if match is None:
        raise ValueError(f'{pick!r} names no face: give its number from the left, or a point in it as "x,y" in pixels')
    point = np.array([int(match[1]), int(match[2])])
    within = ((faces.boxes[:, :2] <= point) & (point <= faces.boxes[:, 2:])).all(1)
    if not within.any():
        raise ValueError(f"there is no face at {pick} in the photo: it shows {listed(faces)}")
    distance = np.abs((faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - point).sum(1)
    return int(np.argmin(np.where(within, distance, np.inf)))


def listed(faces: Faces) -> str:
    """All faces in words, from the left: "2 faces, 1 at 40,50 and 2 at 200,60"."""
    order = np.argsort(faces.boxes[:, 0], kind="stable")
    centres = np.rint((faces.boxes[order, :2] + faces.boxes[order, 2:]) / 2).astype(int)
    named = [f"{k} at {x},{y}" for k, (x, y) in enumerate(centres, 1)]
    count = f"{len(named)} face{'s' * (len(named) != 1)}"
    return f"{count}, {', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else f"{count}, {named[0]}"


def detect_batch(images: np.ndarray) -> np.ndarray:
    """Five points of the most central face of each image.

    Args:
        images: (N, H, W, 3) uint8 RGB, square or nearly so, faces as large as in an FFHQ crop (above 25 % of the side).
    Returns:
        (N, 5, 2) float32 in pixels of `images`, NaN where there is no face; order as in `Faces.points`.
    """
    points = np.full((len(images), 5, 2), np.nan, np.float32)
    for smallest_face, factor in BATCH_PASSES:
        missing = np.flatnonzero(np.isnan(points[:, 0, 0]))
        for start in range(0, len(missing), BATCH_ROWS):
            rows = missing[start : start + BATCH_ROWS]
            points[rows] = _central_points(images[rows], smallest_face, factor)
    return points


def _central_points(images: np.ndarray, smallest_face: float, factor: float) -> np.ndarray:
    """(n, H, W, 3) uint8 -> (n, 5, 2) float32, NaN where no face is found; one pass of the detector."""
    height, width = images.shape[1:3]
    scale = BATCH_SIDE / min(height, width)
    size = (round(height * scale), round(width * scale))
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    x = torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    all_boxes, _, all_points = _mtcnn(smallest_face, factor).detect(x.permute(0, 2, 3, 1), landmarks=True)
    found = np.full((len(images), 5, 2), np.nan, np.float32)
    for row, (boxes, points) in enumerate(zip(all_boxes, all_points, strict=True)):
        if boxes is not None:
            found[row] = _floats(points, 5, 2)[most_central(_floats(boxes, 4), size[1], size[0])]
    return (found + 0.5) / scale - 0.5
