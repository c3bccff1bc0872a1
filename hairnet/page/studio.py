"""What the page does with photos, without the page: files in, pictures, notes and files out.

Photos that were looked at are kept ready in memory, within a bound and only as long as their files are there, so that
a slider's next position does not begin with reading them again.
"""

from __future__ import annotations

import reprlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from PIL import Image

from data.images import SAVING, read_image, write_image
from faces.align import align_at
from faces.detect import Faces, chosen, detect
from faces.parsing import Parser
from hairnet.looks import Look
from hairnet.mix import STRONGEST, Take
from hairnet.model import HairNet, Portrait
from hairnet.page.folder import Folder
from hairnet.photo.composite import Blend, Strands
from hairnet.photo.quality import warnings

SHOWN = 1400  # px: long side of the pictures on the page; downloads have the photo's own size
KEPT_BYTES = 800_000_000  # of all photos that are kept ready
CANVAS_BYTES = 50_000_000  # of one portrait's canvas, at most
KEPT_LOOKS = 2  # faces with their fitted hair, for sliders: 0.1 to 0.3 GB each
MOST_DONORS = 8
BROWSERS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}  # what a browser can show

Chosen = tuple[Path, str | None]  # a photo, and which face of it, as in faces.detect.chosen
Say = Callable[[float, str], None]  # progress in [0, 1], in words


@dataclass(frozen=True)
class Wishes:
    """What a guest asks for beside the photos."""

    strength: float = 1.0
    take: Take = "all"
    blend: Blend = "alpha"
    strands: Strands = "photo"
    share: float = 0.5  # of the second of two photos of hair

    def __post_init__(self) -> None:
        for name, most in (("strength", STRONGEST), ("share", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise ValueError(f"{name} is {shortened(value)}: it must be a number from 0 to {most:g}")
        for name, kind in (("take", Take), ("blend", Blend), ("strands", Strands)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(
                    f"{name} is {shortened(getattr(self, name))}: it must be one of {', '.join(get_args(kind))}"
                )


@dataclass(frozen=True)
class Seen:
    """A photo with its faces."""

    photo: Image.Image
    faces: Faces
    portraits: dict[int, Portrait]  # by row of faces

    @property
    def size(self) -> int:
        """Bytes, once its portraits have been used."""
        return 3 * self.photo.width * self.photo.height + CANVAS_BYTES * max(1, len(self.portraits))


@dataclass(frozen=True)
class Made:
    """One result: small pictures to show, and the whole photo to download."""

    before: Path
    after: Path
    download: Path
    name: str


class Studio:
    """Everything behind the page; it is safe to call from several threads, one at a time does the work."""

    def __init__(self, net: HairNet, parser: Parser, folder: Folder, megapixels: float) -> None:
        self.net, self.parser, self.folder, self.megapixels = net, parser, folder, megapixels
        self._seen: OrderedDict[Path, Seen] = OrderedDict()
        self._looks: OrderedDict[tuple[Chosen, ...], Look] = OrderedDict()
        self._lock = threading.RLock()

    def seen(self, path: Path) -> Seen:
        """A photo and its faces; ValueError in one sentence when there is none in it."""
        with self._lock:
            self._forget()
            if path not in self._seen:
                self._seen[path] = self._read(path)
            self._seen.move_to_end(path)
            while sum(seen.size for seen in self._seen.values()) > KEPT_BYTES and len(self._seen) > 1:
                self._seen.popitem(last=False)
            return self._seen[path]

    def portrait(self, chosen_face: Chosen) -> Portrait:
        """The chosen face of a photo, ready to be worked on."""
        path, pick = chosen_face
        with self._lock:
            seen = self.seen(path)
            try:
                row = chosen(seen.faces, *seen.photo.size, pick)
            except ValueError as error:
                raise ValueError(f"{path.name}: {error}") from error
            if row not in seen.portraits:
                seen.portraits[row] = Portrait(align_at(seen.photo, seen.faces.points[row]), self.parser)
            return seen.portraits[row]

    def notes(self, one: Chosen, donor: bool) -> list[str]:
        """What about a photo makes its result worse than it could be."""
        with self._lock:
            person = self.portrait(one)
            return [f"{one[0].name}: {sentence}" for sentence in warnings(person.aligned, person.canvas, donor)]

    def showable(self, path: Path) -> Path:
        """The photo in a format that browsers show: itself, or a copy."""
        if path.suffix.lower() in BROWSERS:
            return path
        copy = self.folder.new(f"{path.stem}.png")
        write_image(self.seen(path).photo, copy)
        return copy

    def transfer(
        self, face: Chosen, hairs: Sequence[Chosen], weights: Sequence[float], wishes: Wishes, say: Say
    ) -> Made:
        """The hair of a photo, or hair between that of several by `weights`, on the face of another."""
        with self._lock:
            for k, hair in enumerate(hairs):
                say(0.1 + 0.3 * k / len(hairs), f"Reading {hair[0].name}")
                _ = self.portrait(hair).canvas
            say(0.4, f"Reading {face[0].name}")
            person = self.portrait(face)
            _ = person.canvas
            say(0.6, "Transferring the hair")
            result = self._look(face, hairs).at(weights, wishes.strength, wishes.take, wishes.blend, wishes.strands)
            say(0.9, "Saving")
            name = "-and-".join(hair[0].stem for hair in hairs)
            return self._made(face[0], person.aligned.source, result.photo, name)

    def compare(self, face: Chosen, hairs: Sequence[Path], wishes: Wishes, say: Say) -> list[Made]:
        """The hair of each of several photos on one face."""
        made = []
        for k, hair in enumerate(hairs):
            start, share = k / len(hairs), 1 / len(hairs)
            made.append(
                self.transfer(face, [(hair, None)], [1.0], wishes, lambda x, text: say(start + share * x, text))  # noqa: B023
            )
        return made

    def _look(self, face: Chosen, hairs: Sequence[Chosen]) -> Look:
        key = (face, *hairs)
        if key not in self._looks:
            self._looks[key] = self.net.look(self.portrait(face), [self.portrait(hair) for hair in hairs])
        self._looks.move_to_end(key)
        while len(self._looks) > KEPT_LOOKS:
            self._looks.popitem(last=False)
        return self._looks[key]

    def _made(self, face: Path, before: Image.Image, after: Image.Image, hair: str) -> Made:
        suffix = face.suffix.lower() if face.suffix.lower() in SAVING else ".png"
        download = self.folder.new(f"{hair}-on-{face.stem}{suffix}")
        write_image(after, download)
        return Made(self._small(before, "before"), self._small(after, "after"), download, hair)

    def _small(self, photo: Image.Image, name: str) -> Path:
        shown = photo.copy()
        shown.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        place = self.folder.new(f"{name}.jpg")
        write_image(shown, place)
        return place

    def _read(self, path: Path) -> Seen:
        if not path.exists():
            raise ValueError(
                f"{path.name} is no longer here, as photos are deleted {self.folder.minutes:g} minutes after their "
                "last use: choose it again"
            )
        try:
            photo = read_image(path, round(self.megapixels * 1e6))
        except (ValueError, OSError) as error:
            raise ValueError(str(error).replace(str(path), path.name)) from error
        faces = detect(photo)
        try:
            chosen(faces, *photo.size)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        return Seen(photo, faces, {})

    def _forget(self) -> None:
        """Lets go of photos whose files are gone."""
        for path in [path for path in self._seen if not path.exists()]:
            del self._seen[path]
        for key in [key for key in self._looks if not all(path.exists() for path, _ in key)]:
            del self._looks[key]


def shortened(value: object) -> str:
    """A value in a sentence, whatever somebody has sent."""
    return reprlib.repr(value)


def left_to_right(faces: Faces) -> list[str]:
    """The picks of all faces of a photo, "1" the leftmost."""
    return [str(k) for k in range(1, len(faces) + 1)]


def checked_donors(paths: Sequence[Path]) -> list[Path]:
    """Between 1 and MOST_DONORS photos, each once."""
    unique = list(dict.fromkeys(paths))
    if not 1 <= len(unique) <= MOST_DONORS:
        raise ValueError(f"there are {len(unique)} hair photos: choose 1 to {MOST_DONORS}")
    return unique
