"""Photos as embeddings: each photo is read, aligned and encoded once, and with a cache folder once for all commands.

A cached embedding is a small file named by the sha256 of the photo's bytes and of the network's weights, so a photo
that changes, or another one of the same name, never gets an old result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.files import sha256
from data.images import read_image, to_tensor
from data.shards import read_arrays, write_arrays
from faces import Aligned, align
from faces.parsing import Parser
from hairnet.looks import Look
from hairnet.model import HairNet
from hairnet.photo.portraits import Portrait
from hairnet.split import template_points
from hairnet.steering import fingerprint

Role = Literal["face", "hair"]
KEPT_PORTRAITS = 8  # opened photos kept in memory, tens of megabytes each


@dataclass
class Album:
    """Photos of people for one network."""

    net: HairNet
    parser: Parser
    aligned: bool = False  # whether the files are FFHQ crops already, such as generated faces
    cache: Path | None = None
    encodings: int = 0  # how often a photo has been encoded; cached ones do not count
    _portraits: dict[Path, Portrait] = field(default_factory=dict)
    _embeddings: dict[tuple[Path, Role], Tensor] = field(default_factory=dict)

    def portrait(self, path: Path) -> Portrait:
        """A photo, aligned; ValueError naming the file when it shows no face. The last few are kept."""
        if path not in self._portraits:
            photo = read_image(path)
            try:
                aligned = whole(photo) if self.aligned else align(photo)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            while len(self._portraits) >= KEPT_PORTRAITS:
                self._portraits.pop(next(iter(self._portraits)))
            self._portraits[path] = Portrait(aligned, self.parser)
        return self._portraits[path]

    def embedding(self, path: Path, role: Role) -> Tensor:
        """(1, D): the face's or the hair's."""
        if (path, role) not in self._embeddings:
            self._embeddings[path, role] = self._cached(path, role)
        return self._embeddings[path, role]

    def embeddings(self, paths: Sequence[Path], role: Role) -> Tensor:
        """(N, D)."""
        return torch.cat([self.embedding(path, role) for path in paths])

    def look(self, face: Path, hairs: Sequence[Path]) -> Look:
        """Everything that the person in one photo can wear of others; nothing is encoded again."""
        look = self.net.look(self.portrait(face), [self.portrait(hair) for hair in hairs])
        look.face_embedding = self.embedding(face, "face")
        look.hair_embeddings = self.embeddings(hairs, "hair")
        return look

    @cached_property
    def _key(self) -> str:
        seen = f"{fingerprint(self.net)} {self.aligned} {self.net.network.config.raised}"
        return hashlib.sha256(seen.encode()).hexdigest()[:16]

    def _cached(self, path: Path, role: Role) -> Tensor:
        if self.cache is None:
            return self._encoded(path, role)
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist: give the path of an image file")
        place = self.cache / f"{sha256(path)[:32]}-{self._key}-{role}.h5"
        if place.is_file():
            return torch.from_numpy(read_arrays(place, ("embedding",))["embedding"]).to(self.net.device)
        found = self._encoded(path, role)
        write_arrays(place, {"embedding": found.cpu().numpy()}, {"role": role})
        return found

    @torch.no_grad()
    def _encoded(self, path: Path, role: Role) -> Tensor:
        shown = self.portrait(path).aligned
        encode = self.net.encode_face if role == "face" else self.net.encode_hair
        self.encodings += 1
        return encode(to_tensor(np.array(shown.image)[None]), shown.points[None])


def whole(crop: Image.Image) -> Aligned:
    """A picture that is an FFHQ crop already, at its own size."""
    if crop.width != crop.height:
        raise ValueError("an aligned crop is square, but this picture is not: leave --aligned out")
    points = template_points(1, crop.width)[0]
    return Aligned(crop, _corners(crop.width), points, crop)


def _corners(side: int) -> np.ndarray:
    return np.array([[0, 0], [0, side], [side, side], [side, 0]], np.float64) - 0.5
