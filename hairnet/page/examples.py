"""Example photos of the page: rendered heads, of nobody.

python -m hairnet.page.examples        draws them again, the same bytes
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PIL import Image

from data.command import run
from data.images import write_image

FOLDER = Path(__file__).parent / "examples"
FACES = {"face-1": 40, "face-2": 31, "face-3": 44, "face-4": 28}  # name: seed
HAIRS = {"long": 32, "curls": 34, "violet": 52, "bob": 15, "braids": 24, "afro": 39}
YAW = {
    "face-2": -12.0,
    "face-4": 8.0,
    "long": 6.0,
    "bob": 5.0,
    "afro": 0.0,
}  # degrees, of heads that look far to the side
SIDE = 384  # px


def faces() -> list[Path]:
    return [FOLDER / f"{name}.jpg" for name in FACES]


def hairs() -> list[Path]:
    return [FOLDER / f"{name}.jpg" for name in HAIRS]


def main(*, out: Path = FOLDER) -> None:
    """Renders the examples.

    Args:
        out: folder for the pictures
    """
    from synth.heads import Head, render

    for name, seed in (FACES | HAIRS).items():
        head = Head.sample(seed)
        if name in YAW:
            head = head.turned(YAW[name], 0)
        # no glasses on a donor of hair: their arms would be worn with it
        head = dataclasses.replace(head, scene=dataclasses.replace(head.scene, glasses=0.0))
        write_image(Image.fromarray(render(head, SIDE).image), out / f"{name}.jpg")


if __name__ == "__main__":
    run(main)
