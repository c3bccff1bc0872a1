"""Draws the pictures of docs/heads.md: every hairstyle, second colours and hairlines, and all that a render holds.

python -m recipes.head_pictures
"""

from __future__ import annotations

import colorsys
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.command import run
from data.images import sheet, write_image
from synth.heads import LABEL_NAMES, STYLES, Hair, Head, Render, render, render_poses

FIRST = 40_000  # row k of the table is worn by the head of seed FIRST + k
VIEWS = [(-8.0, 0.0), (34.0, 3.0)]  # yaw, pitch in degrees
TILE = 68  # px
VARIED: dict[str, dict[str, float]] = {  # what is done to the hair of `variations`, by its caption
    "one colour": {},
    "highlights": {"highlights": 0.4},
    "all streaked": {"highlights": 0.9},
    "lowlights": {"highlights": 0.5, "streak": 0.1},
    "ombre": {"ombre": 0.6},
    "dyed streaks": {"highlights": 0.4, "streak": 0.95},
    "low hairline": {"hairline": 0.0},
    "high hairline": {"hairline": 1.0},
    "widow's peak": {"peak": 1.0},
    "rounded": {"peak": 0.0},
}
VARIED_STYLES = ("bob", "curly", "slicked")
SHOWN = 41_822  # the head of `contents`: with a beard, glasses and a necklace
COLOURS = np.array(
    [colorsys.hsv_to_rgb(0.618 * k % 1, 0.35 + 0.3 * (k % 3), 0.95 - 0.2 * (k % 2)) for k in range(len(LABEL_NAMES))]
)


def wearer(row: int) -> Head:
    """A bare-headed, beardless head with one row of the table of styles."""
    head = Head.sample(FIRST + row)
    hair = replace(head.hair, dye=0.0, grey=0.0, lightness=0.2 + 0.5 * head.hair.lightness)
    hair = replace(hair, style=row / (len(STYLES) - 1), highlights=0.0, ombre=0.0, hairline=0.5, peak=0.5)
    identity = replace(head.identity, beard=0.0, femininity=0.5 + 0.45 * STYLES[row].lean)
    return replace(head, hair=hair, identity=identity, scene=replace(head.scene, glasses=0.0, hat=0.0))


def hairstyles() -> np.ndarray:
    """(N, TILE, 2 TILE, 3) uint8: every style from the front and from the side."""
    pairs = (render_poses(wearer(row), VIEWS, TILE) for row in range(len(STYLES)))
    return np.stack([np.concatenate([view.image for view in pair], axis=1) for pair in pairs])


def variations() -> np.ndarray:
    """(N, TILE, 3 TILE, 3) uint8: three styles with each of VARIED."""
    names = [style.name for style in STYLES]
    heads = [wearer(names.index(name)) for name in VARIED_STYLES]
    heads = [replace(head, hair=replace(head.hair, lightness=0.35, streak=0.6, recede=0.0)) for head in heads]
    rows = []
    for factors in VARIED.values():
        worn = [replace(head, hair=Hair(**vars(head.hair) | factors)).turned(-8) for head in heads]
        rows.append(np.concatenate([render(head, TILE).image for head in worn], axis=1))
    return np.stack(rows)


def contents(shown: Render) -> np.ndarray:
    """(5, S, S, 3) uint8: picture, labels, share of hair, share of beard, landmarks over the picture."""
    labels = (255 * COLOURS[shown.labels]).astype(np.uint8)
    hair, beard = (np.repeat((255 * share).astype(np.uint8)[..., None], 3, 2) for share in (shown.hair, shown.beard))
    marked = shown.image // 2
    for points, colour in ((shown.landmarks68, (90, 230, 120)), (shown.landmarks5, (255, 90, 90))):
        x, y = points.astype(int).T.clip(1, len(marked) - 2)
        for step in (0, 1):
            marked[y + step, x] = marked[y, x + step] = colour
    return np.stack([shown.image, labels, hair, beard, marked])


def main(*, out: Path = Path("docs")) -> None:
    """Draws hairstyles.jpg, hair-colours.jpg and render.jpg.

    Args:
        out: folder of the pictures
    """
    names = [style.name for style in STYLES]
    write_image(sheet(hairstyles(), 6, names), out / "hairstyles.jpg")
    write_image(sheet(variations(), 5, list(VARIED)), out / "hair-colours.jpg")
    captions = ["image", "labels", "hair", "beard", "68 and 5 landmarks"]
    write_image(sheet(contents(render(Head.sample(SHOWN), 112)), 5, captions), out / "render.jpg")


if __name__ == "__main__":
    run(main)
