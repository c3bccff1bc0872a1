"""PSNR and SSIM of pictures, over all of them or within a soft region. Pictures are (H, W, 3) uint8."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

SAME = 100.0  # dB: what identical pictures get; one level's difference in one pixel of a 1024 px picture is 108
SIGMA, REACH = 1.5, 5  # px: SSIM's Gaussian window of 11 x 11
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
LEAST = 1.0  # px: a region smaller than this is none


def within(values: np.ndarray, region: np.ndarray) -> float:
    """The mean of (H, W) values weighted by a region (H, W) in [0, 1]; NaN where the region is empty."""
    area = float(region.sum(dtype=np.float64))
    return float((values * region).sum(dtype=np.float64) / area) if area >= LEAST else float("nan")


def psnr(squares: np.ndarray, region: np.ndarray) -> float:
    """Peak signal to noise ratio in dB, at most SAME, of `squared_error` within a region; NaN in an empty one."""
    error = within(squares, region)
    if np.isnan(error):
        return error
    return SAME if error == 0 else min(SAME, float(10 * np.log10(255**2 / error)))


def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W): the squared difference of two pictures, averaged over the channels."""
    return ((a.astype(np.float64) - b) ** 2).mean(2)


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W): structural similarity around each pixel, averaged over the channels; 1 is the same.

    Wang et al., "Image quality assessment", IEEE TIP 13(4), 2004, equation 13 with its constants and window.
    """

    def blurred(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, (SIGMA, SIGMA, 0), radius=(REACH, REACH, 0))

    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    both = blurred(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return (top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).mean(2)
