"""What can be scored: anything that makes a picture of a hair picture and a face picture.

A method is a function of two PIL crops, `method(hair, face) -> PIL`, or of whole batches: `Batch`. `Chosen` names
one of the methods here with its files, and can be handed to another process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from data.files import sha256
from data.images import read_image, to_tensor, to_uint8
from data.weights import resolve
from evaluation.benchmark.paste import paste_all
from faces import Aligned, load_parser
from faces.landmarks import load_pose_network
from faces.parsing import Parser
from hairnet import load_network
from hairnet.embeddings import whole
from hairnet.model import HairNet, Portrait
from hairnet.photo.composite import Blend
from hairnet.split import find_points

Pictures = np.ndarray  # (N, S, S, 3) uint8
Batch = Callable[[Pictures, Pictures], Pictures]  # hair pictures, face pictures -> results
OWN = ("truth", "copy-face", "paste", "hairnet")  # methods with a name of their own; any other is a folder


@dataclass(frozen=True)
class Chosen:
    """A method and the files it works with."""

    name: str  # one of OWN, or the name of a folder
    network: str = "builtin"
    generator: str | None = None
    blend: Blend = "none"
    parser: str = "builtin"
    folder: Path | None = None

    @property
    def title(self) -> str:
        """What its files are called: with the blend, if there is one."""
        return f"{self.name}-{self.blend}" if self.name == "hairnet" and self.blend != "none" else self.name

    @property
    def weights(self) -> dict[str, str]:
        """sha256 of each network file that its pictures depend on."""
        if self.name == "paste":
            return {"paste_parser": sha256(resolve(self.parser, "parser")), "pose": sha256(resolve("builtin", "pose"))}
        if self.name != "hairnet":
            return {}
        network = load_network(self.network, "cpu", self.generator)
        made = {"network": sha256(resolve(self.network, "hairnet")), "generator": network.generator.sha256}
        return made if self.blend == "none" else made | {"blend_parser": sha256(resolve(self.parser, "parser"))}

    def load(self, device: str) -> Batch | None:
        """The method, ready to work; None for the truth and for a folder, whose pictures are there already."""
        if self.name == "copy-face":
            return lambda hair, face: face
        if self.name == "paste":
            parser, marks = load_parser(self.parser, device), load_pose_network("builtin", device)
            return lambda hair, face: paste_all(hair, face, parser, marks)
        if self.name == "hairnet":
            network = load_network(self.network, device, self.generator)
            if self.blend == "none":
                return lambda hair, face: generated(network, hair, face)
            return each(Blended(network, load_parser(self.parser, device), self.blend))
        return None


def each(method: Callable[[Image.Image, Image.Image], Image.Image]) -> Batch:
    """A method of single pictures as one of batches."""

    def batch(hair: Pictures, face: Pictures) -> Pictures:
        pairs = zip(map(Image.fromarray, hair), map(Image.fromarray, face), strict=True)
        return np.stack([fitted(method(*pair), face.shape[1]) for pair in pairs])

    return batch


def fitted(picture: Image.Image, size: int) -> np.ndarray:
    """A square picture of any size as (size, size, 3) uint8; ValueError for one that is not square."""
    if picture.width != picture.height:
        raise ValueError(f"a result is {picture.width} x {picture.height} px: it must be square, like the face picture")
    if picture.width != size:
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return np.array(picture.convert("RGB"))


@torch.no_grad()
def generated(network: HairNet, hair: Pictures, face: Pictures) -> Pictures:
    """The network's own pictures, unblended, at the pictures' size."""
    device = network.device
    made = network.pictures(network.codes(to_tensor(face).to(device), to_tensor(hair).to(device)))
    size = face.shape[1]
    if made.shape[-1] != size:
        made = F.interpolate(made, (size, size), mode="bilinear", align_corners=False, antialias=True)
    return to_uint8(made)


@dataclass(frozen=True)
class Blended:
    """A HairNet whose hair is blended into the face picture, as `hairnet.transfer` does with photos."""

    network: HairNet
    parser: Parser
    blend: Blend

    def __call__(self, hair: Image.Image, face: Image.Image) -> Image.Image:
        donor, person = (Portrait(whole_picture(one), self.parser) for one in (hair, face))
        return self.network.wear(donor, person, self.blend).photo


def whole_picture(crop: Image.Image) -> Aligned:
    """A picture that is an aligned crop already, as one that was cut out of a photo of the same pixels."""
    return replace(whole(crop), points=find_points(to_tensor(np.array(crop)[None]))[0])


def result_file(folder: Path, number: int) -> Path:
    """The picture of a triple in a folder of results: 0000.png, or .jpg, .webp."""
    for suffix in (".png", ".jpg", ".jpeg", ".webp"):
        if (path := folder / f"{number:04d}{suffix}").is_file():
            return path
    return folder / f"{number:04d}.png"


def check_folder(folder: Path, numbers: list[int]) -> str:
    """The sha256 of all results of a folder; ValueError when pictures are missing."""
    if not folder.is_dir():
        raise ValueError(f"--method {folder} is none of {', '.join(OWN)} and no folder of results: give one of these")
    missing = [number for number in numbers if not result_file(folder, number).is_file()]
    if missing:
        raise ValueError(
            f"{folder} lacks {len(missing)} of {len(numbers)} pictures, {missing[0]:04d}.png first: make them, or copy "
            "the face picture where the method fails"
        )
    return sha256_of([sha256(result_file(folder, number)) for number in numbers])


def sha256_of(parts: Any) -> str:
    """The sha256 of something that JSON can write."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_results(folder: Path, numbers: list[int], size: int) -> Pictures:
    """Results of a folder, at the pictures' size."""
    return np.stack([_read_result(result_file(folder, number), size) for number in numbers])


def _read_result(path: Path, size: int) -> np.ndarray:
    try:
        return fitted(read_image(path), size)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
