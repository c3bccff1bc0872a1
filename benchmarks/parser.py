"""How well a parser reads faces it has not seen: fresh renders and, where they are at hand, labelled real photos.

    python -m benchmarks.parser                       # the built-in parser
    python -m benchmarks.parser --network other.safetensors --photos folder

The photos are CelebAMask-HQ pictures in `images/` with label maps of the same names in `masks/` (its own label order);
nothing is ever trained on them. By default they are looked for beside the checkout, in shared/material/parsing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from data.command import run
from data.images import read_image
from faces import Parser, load_parser
from recipes.figures import confusion, parsing_figures, report
from recipes.renders import Plan

FIRST = 20_000_000  # first seed of the renders: no set for training reaches it
PHOTOS = Path(__file__).resolve().parents[2] / "shared/material/parsing"


def on_renders(parser: Parser, heads: int, size: int) -> dict[str, float]:
    """Figures on `heads` fresh heads of `size` px."""
    plan = Plan("faces", heads, wigs=1, poses=1, size=size, first=FIRST, shard_size=heads)
    pictures = [picture for picture, *_ in plan.renders(0)]
    images, labels = np.stack([p.image for p in pictures]), np.stack([p.labels for p in pictures])
    return parsing_figures(confusion(parser.labels, images, labels))


def on_photos(parser: Parser, folder: Path, size: int = 256) -> dict[str, float]:
    """Figures on labelled photos, pictures and labels at `size` px."""
    pictures, labels = [], []
    for path in sorted((folder / "images").iterdir()):
        pictures.append(np.asarray(read_image(path).resize((size, size), Image.Resampling.LANCZOS)))
        with Image.open(folder / "masks" / f"{path.stem}.png") as mask:
            labels.append(np.asarray(mask.resize((size, size), Image.Resampling.NEAREST)))
    return parsing_figures(confusion(parser.labels, np.stack(pictures), np.stack(labels)))


def main(
    *,
    network: str = "builtin",
    renders: int = 200,
    size: int = 128,
    photos: Path = PHOTOS,
    out: Path = Path("runs/benchmarks/parser.json"),
) -> None:
    """Prints a parser's figures on fresh renders and on labelled photos.

    Args:
        network: "builtin" or the path of a parser, as faces.load_parser takes it
        renders: number of fresh heads
        size: side of their renders in pixels
        photos: folder with images/ and masks/; skipped where there is none
        out: the same figures as JSON
    """
    parser = load_parser(network, device="cpu")
    figures: dict[str, dict[str, float]] = {f"{renders} renders of {size} px": on_renders(parser, renders, size)}
    if photos.is_dir():
        figures["photos"] = on_photos(parser, photos)
    report(network, figures, photos, out)


if __name__ == "__main__":
    run(main)
