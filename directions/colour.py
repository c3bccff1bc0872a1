"""Colours as people see them: sRGB bytes to CIELAB (D65)."""

from __future__ import annotations

import numpy as np

# sRGB (IEC 61966-2-1): byte -> linear light; linear RGB -> XYZ, each row divided by that of white
_BYTES = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_BYTES <= 0.04045, _BYTES / 12.92, ((_BYTES + 0.055) / 1.055) ** 2.4).astype(np.float32)
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32)
XYZ /= XYZ.sum(axis=1, keepdims=True)


def cielab(images: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> (..., 3) float32 L* (0 black, 100 white), a* (green to red), b* (blue to yellow)."""
    return lab_of_light(_LINEAR[images])


def lab_of_light(linear: np.ndarray) -> np.ndarray:
    """(..., 3) float32 linear RGB in [0, 1] -> (..., 3) float32 CIELAB."""
    xyz = linear @ XYZ.T
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
