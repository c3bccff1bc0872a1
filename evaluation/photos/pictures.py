"""Makes the transfers of a run as files, so that a killed run goes on and any other program can look at them too.

<out>/pictures-<key>/face/00000.png        the face donor's FFHQ crop, 256 px
                     hair/00000.png        the hair donor's
                     generated/00000.png   what the generator drew (blend off)
                     blended/00000.png     the finished photo's crop (blend on)
                     pair/00000.json       points of both crops; written last: the pair is complete
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.files import read_json, write_json
from data.images import read_image, write_image
from data.progress import Progress
from evaluation.photos.people import Person
from faces.parsing import Parser
from hairnet.model import HairNet, Portrait
from hairnet.photo.composite import Blend, Strands

SIZE = 256  # px of every crop that is judged
KEPT = 2  # photos in memory: the hair donor of a transfer is the face of the next
MADE = ("face", "hair", "generated", "blended")


def folder_of(out: Path, facts: dict[str, Any]) -> Path:
    """Where the pictures of a run lie; other networks, photos or settings have another place."""
    return out / f"pictures-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]}"


def make_pictures(
    folder: Path,
    people: list[Person],
    pairs: list[tuple[int, int]],
    network: HairNet,
    parser: Parser,
    blend: Blend,
    strands: Strands,
) -> None:
    """Makes the pairs that are missing."""
    missing = [k for k in range(len(pairs)) if not (folder / "pair" / f"{k:05d}.json").is_file()]
    portraits: OrderedDict[int, Portrait] = OrderedDict()

    def portrait(row: int) -> Portrait:
        if row not in portraits:
            portraits[row] = people[row].portrait(parser)
        portraits.move_to_end(row)
        while len(portraits) > KEPT:
            portraits.popitem(last=False)
        return portraits[row]

    start = len(pairs) - len(missing)
    for k in Progress(missing, desc="transfers", unit="pair", initial=start, total=len(pairs)):
        face, hair = (portrait(row) for row in pairs[k])
        result = network.wear(hair, face, blend, strands)
        assert result.composite is not None
        pictures = {
            # through the same resampling as the result, so that what was not touched is the same
            "face": replace(result.composite, picture=face.canvas.pixels).crop,
            "hair": hair.aligned.image,
            "generated": result.generated,
            "blended": result.image,
        }
        for name, image in pictures.items():
            write_image(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS), folder / name / f"{k:05d}.png")
        points = {name: (one.aligned.points + 0.5) / one.aligned.image.width * SIZE - 0.5
                  for name, one in (("face", face), ("hair", hair))}  # fmt: skip
        write_json(folder / "pair" / f"{k:05d}.json", points)


def read_pictures(folder: Path, name: str, count: int) -> np.ndarray:
    """(count, SIZE, SIZE, 3) uint8."""
    return np.stack([np.array(read_image(folder / name / f"{k:05d}.png")) for k in range(count)])


def read_points(folder: Path, count: int) -> dict[str, np.ndarray]:
    """(count, 5, 2) float32 of "face" and "hair"."""
    pairs = [read_json(folder / "pair" / f"{k:05d}.json") for k in range(count)]
    return {name: np.array([pair[name] for pair in pairs], np.float32) for name in ("face", "hair")}
