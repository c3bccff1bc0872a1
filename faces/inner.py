"""The inner face: the region from the brows to the chin, predicted from five points."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from faces.pose import yaw_from_points

FEATHER = 0.02  # of the crop's side: sigma of the blurred edge (Subrtova et al. blur with 5 px at 256 px)
SUPERSAMPLING = 4

# Half of a head's outline (image-left), in eye distances from the middle of the eyes: right, down, towards the viewer.
# The hull of the mirrored whole stands for that of the 68 landmarks' jaw line and brows. Between the landmarks of 500
# renders, whose jaws are narrow (mean IoU 0.84 with their hulls), and the chins and temples of real photos.
OUTLINE = np.array(
    [
        [-0.32, -0.34, 0.15],
        [-0.66, -0.36, -0.08],
        [-0.88, -0.22, -0.40],
        [-1.03, 0.04, -1.00],
        [-1.00, 0.40, -0.95],
        [-0.88, 0.80, -0.78],
        [-0.67, 1.16, -0.36],
        [-0.38, 1.46, 0.00],
        [0.00, 1.60, 0.15],
    ]
)
MOUTH = np.array([0.0, 1.0, 0.12])  # the middle of the mouth corners, in the same coordinates


def inner_face(points: np.ndarray, size: int, raised: float = 0.0) -> np.ndarray:
    """Five points (5, 2) in pixels of a (size, size) crop -> (size, size) float32 in [0, 1], 1 inside the inner face.

    `raised`: eye distances by which its upper edge, at the brows, is moved up.

    The outline is turned by the points' yaw, then laid over the crop by the affine map that takes its eyes and mouth to
    the points': that map carries scale, roll and the foreshortening of pitch.
    """
    points = np.asarray(points, np.float64)
    yaw = np.radians(np.clip(yaw_from_points(points[None])[0], -60, 60))
    anchors = _turned(np.array([[-0.5, 0, 0], [0.5, 0, 0], MOUTH]), yaw)
    targets = np.stack([points[0], points[1], points[3:].mean(0)])
    affine = np.linalg.solve(np.column_stack([anchors, np.ones(3)]), targets)  # (3, 2)
    half = OUTLINE - (OUTLINE[:, 1:2] < 0) * (0, raised, 0)
    outline = _turned(np.concatenate([half, half * (-1, 1, 1)]), yaw)
    outline = np.column_stack([outline, np.ones(len(outline))]) @ affine
    hull = outline[ConvexHull(outline).vertices]
    canvas = Image.new("L", (size * SUPERSAMPLING, size * SUPERSAMPLING))
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in (hull + 0.5) * SUPERSAMPLING], fill=255)
    inside = np.asarray(canvas.reduce(SUPERSAMPLING), np.float32) / 255
    return np.clip(gaussian_filter(inside, FEATHER * size, truncate=3.0), 0, 1)


def _turned(points: np.ndarray, yaw: float) -> np.ndarray:
    """(K, 3) points of a frontal head -> (K, 2) as an orthographic view shows them after a turn by `yaw` radians."""
    return np.column_stack([points[:, 0] * np.cos(yaw) + points[:, 2] * np.sin(yaw), points[:, 1]])
