"""Shapes as depths, so that they can be added, and shapes between shapes."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

EDGE = 4.0  # px of the working size: width of a shape's soft edge
FAR = 24.0  # px: what is further outside or deeper inside counts as this far when shapes are mixed


def depth(shape: np.ndarray) -> np.ndarray:
    """(W,W) in px: how deep inside the shape each pixel is, negative outside; without an outline it is W everywhere."""
    inside = shape > 0.5
    if not inside.any() or inside.all():
        return np.full(shape.shape, len(shape) if inside.all() else -len(shape), np.float32)
    return (distance_transform_edt(inside) - distance_transform_edt(~inside)).astype(np.float32)


def solid(deep: np.ndarray) -> np.ndarray:
    """(W,W) depths -> the shape in [0, 1], with a soft edge."""
    return np.clip(deep / EDGE + 0.5, 0, 1).astype(np.float32)


def mean_depth(depths: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """(W,W): of the shape between several, by weights (K,) that sum to 1: locks grow, they do not fade in."""
    near = [np.clip(deep, -FAR, FAR) for deep in depths]
    return np.asarray(sum(w * deep for w, deep in zip(weights, near, strict=True)), np.float32)
