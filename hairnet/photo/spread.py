"""Smooth continuation of known pixels into unknown ones."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

SMOOTHING = 4  # passes per level towards a fill without edges of its own


def spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(S,S,C) values where `known` (S,S) is 1, and smooth continuations of them where it is 0.

    A pyramid: averages of what is known are pushed up to coarse levels and pulled down into the holes; on each level
    the holes are smoothed (towards Laplace's equation), so that they meet their rims without a step.
    """
    weighed = np.concatenate([values * known[..., None], known[..., None]], 2).astype(np.float32)
    levels = [torch.from_numpy(weighed.transpose(2, 0, 1).copy())[None]]  # (1,C+1,s,s): values times weight, weight
    while levels[-1].shape[-1] > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    filled = levels[-1][:, :-1] / (levels[-1][:, -1:] + 1e-6)
    for level in reversed(levels[:-1]):
        filled = F.interpolate(filled, level.shape[-2:], mode="bilinear", align_corners=False)
        here, trust = level[:, :-1] / (level[:, -1:] + 1e-6), (4 * level[:, -1:]).clamp(0, 1)
        for _ in range(SMOOTHING):
            filled = torch.lerp(filled, here, trust)
            filled = F.avg_pool2d(F.pad(filled, (1, 1, 1, 1), mode="replicate"), 3, 1)
        filled = torch.lerp(filled, here, trust)
    return filled[0].numpy().transpose(1, 2, 0)
