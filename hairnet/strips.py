"""Rows and tables of pictures with a line of text under each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from data.images import sheet

LEAST_SIDE = 248  # px: smaller pictures are shown several times as large, so that captions fit
MOST_SIDE = 16_384  # px: of a page; larger ones get smaller pictures


def contact(pictures: Sequence[Image.Image], columns: int, captions: list[str] | None) -> Image.Image:
    """Square pictures of any sizes, all at the largest one's, row by row."""
    side = shown_side(max(picture.width for picture in pictures), columns, -(-len(pictures) // columns))
    fit = [one if one.width == side else one.resize((side, side), Image.Resampling.LANCZOS) for one in pictures]
    cells = np.stack([np.asarray(one.convert("RGB")) for one in fit])
    return sheet(cells, columns, captions, scale=max(1, -(-LEAST_SIDE // side)))


def shown_side(side: int, columns: int, rows: int) -> int:
    """At which side a page shows pictures of `side`."""
    return min(side, MOST_SIDE // max(columns, rows))


def blank(side: int) -> Image.Image:
    """An empty cell."""
    return Image.new("RGB", (side, side), "white")


def frame(folder: Path, number: int) -> Path:
    """Where a step goes by itself."""
    return folder / f"step-{number:04d}.png"
