"""Photos as users name them: the files of a folder, a list with commas; and names for what is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".heic", ".heif"}


def photos_of(folder: Path, flag: str = "") -> list[Path]:
    """The files of a folder that are named like photos, by name; ValueError naming the flag when there are none."""
    what = f"{flag} {folder}".lstrip()
    if not folder.is_dir():
        raise ValueError(f"{what} is not a folder: give one that holds photos")
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS and path.is_file())
    if not photos:
        raise ValueError(f"{what} holds no photos: give a folder of images such as .jpg, .png or .webp")
    return photos


def names_of(photos: Sequence[Path]) -> dict[Path, str]:
    """Names for results of one folder's photos: bob of bob.jpg, but bob.jpg and bob.png where there are both.

    Case is no difference, and no two names are the same.
    """
    taken = Counter(name.lower() for path in photos for name in (path.stem, path.name))
    return {path: path.stem if taken[path.stem.lower()] == 1 else path.name for path in photos}


def parse_paths(text: str, flag: str) -> list[Path]:
    """Text such as a.png,b.png -> paths; a comma cannot be part of a name here."""
    paths = [Path(part.strip()) for part in text.split(",") if part.strip()]
    if not paths:
        raise ValueError(f"{flag} is {text!r}, but it takes photos with commas between them, such as a.png,b.png")
    return paths
