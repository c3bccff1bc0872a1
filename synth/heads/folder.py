"""A folder of rendered heads: file names, what is complete, and the work of one process."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from data.images import write_image
from synth.heads.factors import Head
from synth.heads.render import render


def picture_path(out: Path, seed: int) -> Path:
    """Where the picture of a seed lies."""
    return out / f"head-{seed:06d}.png"


def labels_path(out: Path, seed: int) -> Path:
    """Where the label map of a seed lies."""
    return out / f"head-{seed:06d}-labels.png"


def complete(out: Path, seed: int, size: int, labels: bool) -> bool:
    """Whether all files of a seed are there at this size; files appear whole or not at all."""
    wanted = [picture_path(out, seed), *([labels_path(out, seed)] if labels else [])]
    return all(path.is_file() and _side(path) == size for path in wanted)


def _side(path: Path) -> int:
    try:
        with Image.open(path) as picture:
            return picture.width
    except OSError:
        return -1


def make(seed: int, out: Path, size: int, labels: bool) -> int:
    """Render one seed into its files; gives the seed back."""
    result = render(Head.sample(seed), size)
    if labels:
        write_image(Image.fromarray(result.labels), labels_path(out, seed))
    write_image(result.image, picture_path(out, seed))
    return seed
