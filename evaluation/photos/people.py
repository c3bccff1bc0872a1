"""The photos of a folder, who is in them, and whose hair each shall wear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.images import read_image
from data.photos import photos_of
from data.progress import Progress
from faces.align import align_at
from faces.detect import chosen, detect
from faces.parsing import Parser
from hairnet.model import Portrait


@dataclass(frozen=True, eq=False)
class Person:
    """The most central face of a photo."""

    path: Path
    points: np.ndarray  # (5, 2) px of the photo

    def portrait(self, parser: Parser) -> Portrait:
        """The photo, read again: thousands of open photos would not fit in memory."""
        return Portrait(align_at(read_image(self.path), self.points), parser)


def find_people(folder: Path) -> tuple[list[Person], list[str]]:
    """The people of a folder's photos by file name, and a sentence on each photo that had to be left out."""
    if not folder.is_dir():
        raise ValueError(f"--images {folder} is not a folder: give one with photos of faces")
    people, left_out = [], []
    for path in Progress(photos_of(folder), desc="finding faces", unit="photo"):
        try:
            photo = read_image(path)
            faces = detect(photo)
            people.append(Person(path, faces.points[chosen(faces, *photo.size)]))
        except ValueError as error:
            left_out.append(f"{path.name}: {error}")
    if len(people) < 2:
        raise ValueError(f"--images {folder} shows {len(people)} faces that can be used: a transfer needs two photos")
    return people, left_out


def draw_pairs(people: int, pairs: int, seed: int) -> list[tuple[int, int]]:
    """(face, hair) rows: walks through all photos in random orders, so that each is a face, and a hair donor, equally
    often, and the hair donor of one transfer is the face of the next."""
    draws = np.random.RandomState(seed)
    found: list[tuple[int, int]] = []
    while len(found) < pairs:
        order = draws.permutation(people)
        found += list(zip(order.tolist(), np.roll(order, -1).tolist(), strict=True))
    return found[:pairs]
