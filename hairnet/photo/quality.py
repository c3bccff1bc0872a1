"""What about a photo makes a transfer worse than it could be, in sentences for its owner."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import laplace, maximum_filter

from faces import Aligned
from faces.labels import LABEL
from faces.pose import yaw_from_points
from hairnet.photo.canvas import MARGIN, Canvas, scaled

SMALLEST_CROP = 100.0  # px of the photo: side of the FFHQ crop, about twice a face's width
SHARPNESS = 0.05  # least mean edge of a face at SIDE px, of its own contrast
SIDE = 128  # px of a canvas
LARGEST_YAW = 40.0  # degrees as five points say; they see a turn of 60 degrees as one of 40 to 50
HAT, BALD = 0.03, 0.02  # of the crop: more hat, or less hair than this
CUT = 0.08  # of the hair's outline that may lie on the photo's edge


def warnings(aligned: Aligned, canvas: Canvas, donor: bool) -> list[str]:
    """Sentences about one photo; `donor`: its hair is what is wanted."""
    found = []
    side = float(np.linalg.norm(aligned.quad[3] - aligned.quad[0]))
    if side < SMALLEST_CROP:
        found.append(f"the face is small ({side / 2:.0f} px wide): use a larger photo")
    elif sharpness(canvas) < SHARPNESS:
        found.append("the face is blurred: use a sharper photo")
    yaw = float(yaw_from_points(aligned.points[None])[0])
    if abs(yaw) > LARGEST_YAW:
        found.append(f"the face is turned by {abs(yaw):.0f} degrees: use one that looks towards the camera")
    crop = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    if canvas.classes[LABEL["hat"]][crop].mean() > HAT:
        found.append("there seems to be a hat: hair under it cannot be seen")
    hair = scaled(canvas.hair, canvas.inside.shape[0]) * canvas.inside
    if donor and hair[crop].mean() < BALD:
        found.append("hardly any hair was found: there is little to transfer")
    elif donor and cut_by_edge(hair, canvas.inside) > CUT:
        found.append("the hair is cut by the picture's edge: what lies beyond it is made up")
    return found


def sharpness(canvas: Canvas) -> float:
    """Mean second difference over the inner face at SIDE px, relative to the brightness's deviation there."""
    light, face = scaled(canvas.pixels.mean(-1), SIDE), scaled(canvas.face, SIDE) > 0.5
    return float(np.abs(laplace(light))[face].mean() / (light[face].std() + 4) / 4) if face.any() else 0.0


def cut_by_edge(hair: np.ndarray, inside: np.ndarray) -> float:
    """Part of the hair's outline (W,W) that lies on the photo's edge."""
    solid = hair > 0.5
    outline = solid & (maximum_filter(~solid, 3))
    outline |= solid & maximum_filter(inside < 0.5, 3)
    at_edge = solid & maximum_filter(inside < 0.5, 3)
    return float(at_edge.sum() / max(outline.sum(), 1))
