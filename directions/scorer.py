"""What measures pictures: a parser, a reader of poses, and attributes of one's own, as one setting of all commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from data.files import sha256
from data.images import to_tensor
from data.weights import resolve
from directions import own, pose
from directions.attributes import MEASURED, measure
from directions.crops import Crops
from directions.hair import HAIR
from faces.inner import inner_face
from faces.parsing import load_parser

BATCH = 32  # pictures per pass: fixed, since a network's last bits may change with the batch
EYES = (3, 4, 5)  # glasses and eyes, by CelebAMask-HQ's numbers
MEASURES = 4  # version of the attributes' definitions: columns of another one are measured again
OLD = {"pose_sha256": pose.MTCNN, "check": "", "measures": 1}  # of measurements that do not say it


@dataclass(frozen=True)
class Scorer:
    """`parser`, `pose`: "builtin" or a path, pose also "mtcnn"; `check`: MTCNN has to agree on yaw; `own`: files."""

    parser: str = "builtin"
    pose: str = "builtin"
    check: bool = False
    own: str = ""

    def __post_init__(self) -> None:
        if self.check and self.pose == pose.MTCNN:
            raise ValueError("--check true compares a pose network with MTCNN, but --pose is mtcnn: give one of them")
        object.__setattr__(self, "_own", own.register(self.own))

    @property
    def identity(self) -> dict[str, Any]:
        """What tells measurements of this scorer from those of another."""
        known: dict[str, Any] = {
            "parser_sha256": sha256(resolve(self.parser, "parser")),
            "pose_sha256": pose.reader_sha256(self.pose),
        }
        known |= {"check": pose.MTCNN if self.check else "", "measures": MEASURES}
        return known | {f"own_{name}": digest for name, digest in self.__dict__["_own"].items()}


def stranger(attrs: dict[str, Any], identity: dict[str, Any]) -> str | None:
    """The flag in which measurements with these attributes were made otherwise, None: in none."""
    told = OLD | attrs
    for name, flag in (("parser_sha256", "--parser"), ("pose_sha256", "--pose"), ("check", "--check")):
        if told.get(name) != identity[name]:
            return flag
    return None


class Measurer:
    """Measures pictures in this process: `measurer(images)` -> {attribute: (N,) float32}.

    `device`: where networks run, None = cuda if there is one (MTCNN always runs on the CPU).
    """

    def __init__(self, scorer: Scorer | None = None, device: str | None = None):
        scorer = scorer or Scorer()
        self.parser = load_parser(scorer.parser, device)
        self.read = pose.load_reader(scorer.pose, scorer.check, device)
        self.by_network = scorer.pose != pose.MTCNN
        self.device = next(self.parser.parameters()).device

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """(N, H, W, 3) uint8 -> {attribute: (N,) float32}, NaN where not measurable."""
        parts = [measure(self._read(images[start : start + BATCH])) for start in range(0, len(images), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in MEASURED}

    def masks(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """(N, S, S, 3) uint8 -> {"hair", "inner": (N, ceil(S * S / 8)) uint8}, bits of a mask row by row (packbits).

        `inner`: the inner face, brows to chin, as faces.inner draws it from five points; empty where there is no face.
        """
        packed: dict[str, list[np.ndarray]] = {"hair": [], "inner": []}
        for start in range(0, len(images), BATCH):
            crops = self._read(images[start : start + BATCH])
            packed["hair"].append(_packed(crops.where(HAIR)))
            packed["inner"].append(_packed(np.stack([_inner(marks, images.shape[1]) for marks in crops.landmarks])))
        return {name: np.concatenate(parts) for name, parts in packed.items()}

    def _read(self, images: np.ndarray) -> Crops:
        with torch.inference_mode():
            labels = self.parser.labels(to_tensor(images).to(self.device)).cpu().numpy()
        crops = Crops(images, labels, *self.read(images))
        if self.by_network:  # which answers for any picture
            faceless = ~pose.seen(crops.landmarks, crops.where(*EYES))
            crops.landmarks[faceless], crops.angles[faceless] = np.nan, np.nan
        return crops


def _inner(landmarks: np.ndarray, size: int) -> np.ndarray:
    """(68, 2) -> (size, size) bool."""
    points = np.stack([landmarks[list(members)].mean(axis=0) for members in pose.FIVE])
    if not np.isfinite(points).all():
        return np.zeros((size, size), bool)
    return inner_face(points, size) >= 0.5


def _packed(masks: np.ndarray) -> np.ndarray:
    """(N, S, S) bool -> (N, ceil(S * S / 8)) uint8."""
    return np.packbits(masks.reshape(len(masks), -1), axis=1)
