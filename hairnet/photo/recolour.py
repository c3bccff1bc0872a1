"""Hair of another colour: its own strands, lights and shadows, in the colours of other hair.

Colours of hair are taken as a Gaussian in CIELAB, its mean and its covariance: highlights are not only lighter but also
yellower, and the covariance knows. Between two Gaussians there is one linear map that moves colours least (Olkin and
Pukelsheim 1982; Pitie and Kokaram 2007 for pictures).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from directions.colour import XYZ, lab_of_light

LEAST_SPREAD = 3.0  # CIELAB units of standard deviation: less is noise, which the map must not blow up
LEAST_GAIN, MOST_GAIN = 0.4, 2.0  # of contrasts along any axis of the map
SURE = 0.9  # matte of pixels that are hair alone
LEAST = 20  # pixels without which hair has no colour


@dataclass(frozen=True)
class Colours:
    """Colours of one head of hair in CIELAB."""

    mean: np.ndarray  # (3,)
    covariance: np.ndarray  # (3, 3)

    @classmethod
    def of(cls, pixels: np.ndarray, matte: np.ndarray) -> Colours | None:
        """From pixels (S,S,3) in [0, 255] where the matte (S,S) is sure; None when hardly any are."""
        sure = matte > SURE
        if sure.sum() < LEAST:
            return None
        lab = to_lab(pixels[sure]).astype(np.float64)
        return cls(lab.mean(0), np.cov(lab.T) + LEAST_SPREAD**2 * np.eye(3))

    def towards(self, other: Colours, amount: float) -> Colours:
        """`amount` 0 these, 1 the other's; beyond 1 the mean goes on and the spread stays the other's."""
        share = min(max(amount, 0.0), 1.0)
        covariance = self.covariance + share * (other.covariance - self.covariance)
        return Colours(self.mean + amount * (other.mean - self.mean), covariance)


def mixed(colours: list[Colours], weights: np.ndarray) -> Colours:
    """The colours between several, by weights (K,) that sum to 1."""
    mean = sum(weight * one.mean for weight, one in zip(weights, colours, strict=True))
    covariance = sum(weight * one.covariance for weight, one in zip(weights, colours, strict=True))
    return Colours(np.asarray(mean), np.asarray(covariance))


def recolour(pixels: np.ndarray, own: Colours, wanted: Colours, where: np.ndarray) -> np.ndarray:
    """Hair pixels (S,S,3) in [0, 255] of `own` colours with the `wanted` ones, wherever `where` (S,S) is above 0."""
    changed = pixels.astype(np.float32).copy()
    inside = where > 0
    lab = to_lab(changed[inside])
    changed[inside] = to_rgb((lab - own.mean) @ _map(own.covariance, wanted.covariance).T + wanted.mean)
    return changed


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in [0, 255], of any fineness -> (..., 3) float32 CIELAB."""
    x = np.clip(rgb, 0, 255).astype(np.float32) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return lab_of_light(linear)


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) CIELAB -> (..., 3) float32 sRGB in [0, 255]; colours that sRGB does not have are clipped."""
    y = (np.clip(lab[..., 0], 0, 100) + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1).astype(np.float32)
    xyz = np.where(f > 6 / 29, f**3, (116 * f - 16) * 27 / 24389)
    linear = np.clip(xyz @ np.linalg.inv(XYZ).T.astype(np.float32), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _map(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(3,3): the symmetric linear map from one covariance to the other, its gains within bounds."""
    root = _power(own, 0.5)
    back = _power(own, -0.5)
    values, axes = np.linalg.eigh(back @ _power(root @ wanted @ root, 0.5) @ back)
    return (axes * np.clip(values, LEAST_GAIN, MOST_GAIN)) @ axes.T


def _power(symmetric: np.ndarray, exponent: float) -> np.ndarray:
    values, axes = np.linalg.eigh(symmetric)
    return (axes * np.maximum(values, 1e-9) ** exponent) @ axes.T
