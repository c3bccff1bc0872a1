"""How well two masks agree: over their area and along their outline. Masks are (H, W) bool."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

TOLERANCE = 0.0075  # of the picture's diagonal: Perazzi et al., "A benchmark dataset ... (DAVIS)", CVPR 2016


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union, 0 to 1; two empty masks agree."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def boundary_f(a: np.ndarray, b: np.ndarray) -> float:
    """F-measure of the outlines, 0 to 1: which share of each lies within the tolerance (at least 1 px) of the other."""
    first, second = outline(a), outline(b)
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    reach = max(1.0, round(TOLERANCE * float(np.hypot(*a.shape))))
    precision = float((distance_transform_edt(~second)[first] <= reach).mean())
    recall = float((distance_transform_edt(~first)[second] <= reach).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def outline(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: the mask's pixels with a neighbour outside it; the picture's border is none."""
    return mask & ~binary_erosion(mask, border_value=1)
