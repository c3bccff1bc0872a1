"""CIEDE2000: how unlike two colours look. 1 is just seen, 10 is another shade, 50 another colour.

Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", Color Research and Application 30(1), 2005; numbers in
brackets are its equations. The tests hold all 34 of their pairs.
"""

from __future__ import annotations

import numpy as np

POW7 = 25.0**7


def ciede2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIELAB colours (..., 3) and (..., 3) -> (...) float64 Delta E 00 with all weights 1."""
    l1, a1, b1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    g = 0.5 * (1 - _saturating((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2))  # (4)
    c1, h1 = _polar((1 + g) * a1, b1)
    c2, h2 = _polar((1 + g) * a2, b2)
    grey = c1 * c2 == 0  # a grey has no hue
    turn = h2 - h1
    turn = np.where(grey, 0.0, turn - 360 * np.round(turn / 360))  # (10), in [-180, 180]
    # (14): the middle of the two hues on the shorter way round; exactly opposite ones take the plain mean
    half_way = (h1 + h2) / 2 + np.where(np.abs(h1 - h2) > 180, np.where(h1 + h2 < 360, 180.0, -180.0), 0.0)
    hue = np.where(grey, h1 + h2, half_way)

    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)  # (16)
    s_c = 1 + 0.045 * chroma  # (17)
    s_h = 1 + 0.015 * chroma * _hue_weight(hue)  # (18)
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h  # (11)
    rotation = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))  # (19), twice the angle of (20)
    r_t = -np.sin(rotation) * 2 * _saturating(chroma)  # (20), (21)
    return np.sqrt(np.maximum(d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h, 0.0))  # (22)


def _polar(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chroma and hue in degrees, 0 to 360. (5), (6), (7)"""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _saturating(chroma: np.ndarray) -> np.ndarray:
    return np.sqrt(chroma**7 / (chroma**7 + POW7))


def _hue_weight(hue: np.ndarray) -> np.ndarray:
    """(15)"""
    terms = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    return 1 + sum(weight * np.cos(np.radians(times * hue + shift)) for weight, times, shift in terms)
