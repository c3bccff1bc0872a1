"""Strips of edited faces with what was measured on them as captions."""

from __future__ import annotations

import numpy as np
from PIL import Image

from data.images import sheet
from directions.attributes import DECIMALS, MEASURED

LEAST_SIDE = 248  # px: smaller pictures are enlarged, so that captions fit


def strip(images: np.ndarray, captions: list[list[str]]) -> Image.Image:
    """(rows, columns, H, W, 3) uint8 and one caption each -> a sheet."""
    rows, columns, height = images.shape[:3]
    flat = images.reshape(rows * columns, *images.shape[2:])
    return sheet(flat, columns, [text for row in captions for text in row], scale=-(-LEAST_SIDE // height))


def edit_caption(attribute: str, by: float, measured: float) -> str:
    """Such as `moved by +20.0: measured yaw -12.3 deg`."""
    return f"moved by {by:+.{DECIMALS}f}: measured {caption(attribute, measured)}"


def caption(attribute: str, value: float) -> str:
    """Such as `yaw -12.3 deg`, or `yaw not measured`."""
    if not np.isfinite(value):
        return f"{attribute.removeprefix('hair_')} not measured"
    unit = MEASURED[attribute].unit.split(" of ")[0].removeprefix("CIE ")
    return f"{attribute.removeprefix('hair_')} {value:.{DECIMALS}f} {unit}".rstrip()
