"""What each encoder sees of an aligned crop: the inner face on black, or everything else with the inner face black.

The inner face is what `faces.align.inner_face` makes of five points: eyes, nose, mouth corners. So one rule holds for
training pictures and for photos, and forehead, ears, neck and background belong to the hair picture, as in the paper.
A network may want its edge raised above the brows, which the paper's hull of landmarks cuts through (`raised`).

Five points rather than parser labels: they come from a detector that was trained on photos (labels of a parser that
was trained on renders would make the split itself fail on photos), and alignment has already found them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.images import to_uint8
from faces import detect_batch
from faces.align import inner_face

BLACK = -1.0
MASK_SIDE = 64  # px
# The five points of an average FFHQ crop, in parts of its side; stands in where no face is found.
TEMPLATE = np.array([(0.375, 0.474), (0.627, 0.474), (0.501, 0.615), (0.404, 0.750), (0.598, 0.750)], np.float32)
MEASURED = 1024  # pictures on which the points are measured before they are predicted for all others
RENDER_ROWS = 32  # pictures per synthesis call: fixed, so that the same w always gives the same picture


def template_points(count: int, size: int) -> np.ndarray:
    """(count, 5, 2) float32 points in pixels of a crop of side `size`."""
    return np.repeat(TEMPLATE[None] * size - 0.5, count, axis=0)


def placed_at(points: np.ndarray, size: int, other: int) -> np.ndarray:
    """Points (N,5,2) in pixels of crops of side `size` -> float64, in those of crops of side `other`."""
    return (np.asarray(points, np.float64) + 0.5) * (other / size) - 0.5


def find_points(images: Tensor) -> np.ndarray:
    """Five points of each aligned crop (N,3,H,W): measured, or the template's where no face is found. (N,5,2), px."""
    points = detect_batch(to_uint8(images))
    return np.where(np.isnan(points), template_points(len(points), images.shape[-1]), points).astype(np.float32)


def masks_of(points: np.ndarray, size: int, raised: float = 0.0) -> Tensor:
    """Points (N,5,2) in pixels of crops of side `size` -> (N,1,64,64) float32 in [0, 1], 1 on the inner face.

    `raised`: eye distances by which its edge lies above the brows' hull. Drawn at MASK_SIDE whatever the crop's size:
    their edge is blurred anyway, and they are kept for all pictures.
    """
    placed = placed_at(points, size, MASK_SIDE)
    return torch.from_numpy(np.stack([inner_face(p, MASK_SIDE, raised) for p in placed]).astype(np.float32))[:, None]


def face_part(images: Tensor, masks: Tensor) -> Tensor:
    """Crops (N,3,H,W) and masks (N,1,h,w) of any side -> the inner faces on black."""
    return BLACK + (images - BLACK) * resize(masks, images.shape[-1])


def hair_part(images: Tensor, masks: Tensor) -> Tensor:
    """Crops (N,3,H,W) and masks (N,1,h,w) of any side -> all but the inner faces, which are black."""
    return BLACK + (images - BLACK) * (1 - resize(masks, images.shape[-1]))


def resize(images: Tensor, size: int) -> Tensor:
    """(N,C,H,W) -> (N,C,size,size): averaged when it shrinks, bilinear when it grows."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)


@torch.no_grad()
def render(generator: Any, w: Tensor, amp: bool = False) -> Tensor:
    """Pictures (N,3,R,R) in [-1, 1] of w (N,w_dim), always RENDER_ROWS at a time."""
    parts = []
    for rows in w.split(RENDER_ROWS):
        padded = F.pad(rows, (0, 0, 0, RENDER_ROWS - len(rows)))
        with torch.autocast(w.device.type, torch.bfloat16, enabled=amp):
            ws = padded[:, None].expand(-1, generator.num_ws, -1)
            parts.append(generator.synthesis(ws, noise="const")[: len(rows)].float().clamp(-1, 1))
    return torch.cat(parts)


class PointsOfW:
    """Predicts the five points of a generated picture from its w, to spare detecting faces in every training picture.

    An aligned crop's eyes and mouth stand nearly still; what moves (the nose and the widths, with yaw and pitch) is
    close to linear in w. So a ridge regression on up to MEASURED detections places the points within about a
    hundredth of the side (`error`, held out), where the detector itself is no better.
    """

    def __init__(self, generator: Any, w: Tensor, amp: bool = False) -> None:
        rows = torch.linspace(0, len(w) - 1, min(MEASURED, len(w))).long()
        picked = w[rows.to(w.device)]
        found = [detect_batch(to_uint8(render(generator, part, amp))) for part in picked.split(256)]
        points = (np.concatenate(found) + 0.5) / generator.resolution  # in parts of the side
        seen = ~np.isnan(points[:, 0, 0])
        x, y = picked.double().cpu().numpy()[seen], points[seen].reshape(-1, 10).astype(np.float64)
        self.error = float("nan")
        self.mean, self.origin = TEMPLATE.reshape(10), np.zeros(x.shape[1])
        self.slope = np.zeros((x.shape[1], 10))
        if len(x) >= 2 * x.shape[1]:
            held = np.arange(len(x)) % 8 == 7
            self._fit(x[~held], y[~held])
            self.error = float(np.abs(self._predict(x[held]) - y[held]).mean())
        if len(x) > 0:
            self._fit(x, y)

    def _fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.origin, self.mean = x.mean(0), y.mean(0)
        centred = x - self.origin
        gram = centred.T @ centred
        penalty = 1e-3 * np.trace(gram) / len(gram) + 1e-9
        self.slope = np.linalg.solve(gram + penalty * np.eye(len(gram)), centred.T @ (y - self.mean))

    def _predict(self, x: np.ndarray) -> np.ndarray:
        return self.mean + (x - self.origin) @ self.slope

    def __call__(self, w: Tensor, size: int) -> np.ndarray:
        """(N,w_dim) -> (N,5,2) float32 in pixels of a crop of side `size`."""
        parts = self._predict(w.double().cpu().numpy()).reshape(-1, 5, 2)
        return (parts * size - 0.5).astype(np.float32)
