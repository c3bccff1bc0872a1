"""How near results come to the truth: every figure of every triple.

Regions are the truth's own, soft where the renderer's alpha is: hair by its alpha, face and background by their labels
where no hair covers them, head is all but background and cloth. What hair a *result* has, only a parser can say; the
figures of the truth itself tell how far to trust it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.files import sha256
from data.images import to_tensor
from data.weights import resolve
from directions.colour import cielab
from evaluation.judge import embedder_file
from evaluation.metrics.colour import ciede2000
from evaluation.metrics.masks import boundary_f, iou
from evaluation.metrics.perceptual import distance, load_perceptual, perceptual_files
from evaluation.metrics.pictures import psnr, squared_error, ssim_map, within
from evaluation.metrics.strands import angle_between, orientation
from faces import load_embedder, load_parser
from faces.labels import LABEL

HAIR = LABEL["hair"]
INNER = ("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "mouth", "u_lip", "l_lip")
FACE = [LABEL[name] for name in INNER]
AROUND = [LABEL["background"], LABEL["cloth"]]
REGIONS = {
    "whole": "the whole picture",
    "head": "all but background and cloth",
    "hair": "the truth's hair",
    "face": "the truth's face, where no hair covers it",
    "background": "the truth's background, where no hair covers it",
}
INSIDE_HAIR = 0.9  # alpha: nearer to the outline, it is the outline whose direction is seen
FEW = 20.0  # px of a 64 px picture: less hair than this is none; a parser sees a few such pixels on bald heads


@dataclass(frozen=True)
class Metric:
    """One column of the report."""

    unit: str
    better: str  # "higher" or "lower"
    means: str


def _metrics() -> dict[str, Metric]:
    found = {}
    for region, where in REGIONS.items():
        found[f"psnr_{region}"] = Metric("dB", "higher", f"peak signal to noise ratio, {where}; at most 100")
        found[f"ssim_{region}"] = Metric("", "higher", f"structural similarity, {where}")
        found[f"perceptual_{region}"] = Metric("", "lower", f"perceptual distance to the truth, {where}")
    return found | {
        "hair_iou": Metric("", "higher", "the result's hair, as the parser sees it, over the truth's labels"),
        "hair_boundary_f": Metric("", "higher", "outlines of the same two, within 1 px of a 64 px picture"),
        "hair_colour": Metric("CIEDE2000", "lower", "between the mean colours of the result's and the truth's hair"),
        "strand_angle": Metric("degrees", "lower", "between directions of strands in the truth's hair; chance is 45"),
        "identity": Metric("cosine", "higher", "scoring embedder: the result and the person's own picture"),
        "identity_truth": Metric("cosine", "higher", "scoring embedder: the result and the truth"),
        "hair_cosine": Metric("cosine", "higher", "hair descriptor: the result and the truth"),
        "hair_cosine_donor": Metric("cosine", "higher", "hair descriptor: the result and the hair donor's picture"),
    }


METRICS = _metrics()


@dataclass(frozen=True)
class Judges:
    """The files of the networks that score, each found once, and where they run."""

    parser: Path
    embedder: Path
    hair: Path
    perceptual: tuple[Path, ...]
    device: str = "cpu"

    @classmethod
    def find(
        cls,
        parser: str = "builtin",
        embedder: str = "builtin",
        hair_embedder: str = "builtin",
        perceptual: str = "builtin",
        device: str = "cpu",
    ) -> Judges:
        """The judges that the flags name; FileNotFoundError for a file that is not there."""
        face, hair = embedder_file(embedder), embedder_file(hair_embedder, "hair")
        return cls(resolve(parser, "parser"), face, hair, perceptual_files(perceptual), device)

    @property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """By what they judge."""
        one = {"parser": self.parser, "embedder": self.embedder, "hair": self.hair}
        return {name: (file,) for name, file in one.items()} | {"perceptual": self.perceptual}

    def digests(self) -> dict[str, str]:
        """The sha256 of each judge's file, of several with commas."""
        return {name: ",".join(map(sha256, files)) for name, files in self.files.items()}


class Panel:
    """The loaded judges at work."""

    def __init__(self, judges: Judges) -> None:
        self.device = judges.device
        self.parser = load_parser(judges.parser, judges.device)
        self.embedder = load_embedder(judges.embedder, judges.device)
        self.hair = load_embedder(judges.hair, judges.device)
        self.perceptual = load_perceptual(judges.perceptual, judges.device)

    @torch.no_grad()
    def scores(self, pictures: dict[str, np.ndarray], results: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric (N,) float64 of results (N, S, S, 3) uint8 for the pictures of the same triples; NaN: none."""
        made, truth, face, donor = (
            to_tensor(images).to(self.device)
            for images in (results, pictures["truth"], pictures["face"], pictures["hair"])
        )
        hair = (self.parser.labels(made) == HAIR).cpu().numpy()
        maps = self.perceptual.maps(made, truth)
        rows = []
        for k, result in enumerate(results):
            parts = regions(pictures["labels"][k], pictures["alpha"][k])
            row = _of_regions(result, pictures["truth"][k], parts)
            row |= {f"perceptual_{name}": distance(maps, k, part) for name, part in parts.items()}
            true_hair = pictures["labels"][k] == HAIR
            rows.append(row | _of_hair(result, hair[k], pictures["truth"][k], true_hair, parts["hair"]))
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        who, which = self.embedder(made), self.hair(made)
        columns["identity"] = _cosine(who, self.embedder(face))
        columns["identity_truth"] = _cosine(who, self.embedder(truth))
        columns["hair_cosine"] = _cosine(which, self.hair(truth))
        columns["hair_cosine_donor"] = _cosine(which, self.hair(donor))
        return {name: columns[name] for name in METRICS}


def regions(labels: np.ndarray, alpha: np.ndarray) -> dict[str, np.ndarray]:
    """The truth's labels and alpha (S, S) uint8 -> the regions (S, S) float32 in [0, 1]."""
    hair = alpha.astype(np.float32) / 255
    bare = 1 - hair
    around = np.isin(labels, AROUND)
    return {
        "whole": np.ones_like(hair),
        "head": np.where(around, hair, 1.0).astype(np.float32),
        "hair": hair,
        "face": np.isin(labels, FACE) * bare,
        "background": (labels == LABEL["background"]) * bare,
    }


def described() -> dict[str, dict[str, Any]]:
    """METRICS as JSON."""
    return {name: asdict(metric) for name, metric in METRICS.items()}


def _of_regions(result: np.ndarray, truth: np.ndarray, parts: dict[str, np.ndarray]) -> dict[str, float]:
    squares, similar = squared_error(result, truth), ssim_map(result, truth)
    found = {}
    for name, part in parts.items():
        found[f"psnr_{name}"] = psnr(squares, part)
        found[f"ssim_{name}"] = within(similar, part)
    return found


def _of_hair(
    result: np.ndarray, mask: np.ndarray, truth: np.ndarray, true_mask: np.ndarray, alpha: np.ndarray
) -> dict[str, float]:
    """`mask` (S, S) bool: the result's hair; `alpha` (S, S): the truth's."""
    few = FEW * alpha.size / 64**2
    mask, true_mask = (one if one.sum() >= few else np.zeros_like(one) for one in (mask, true_mask))
    wanted = _mean_colour(truth, alpha)
    # a result without hair has the colour of what is there instead
    found = _mean_colour(result, mask if mask.any() else alpha)
    (way, _), (true_way, sure) = orientation(result), orientation(truth)
    weight = sure * (alpha > INSIDE_HAIR)
    return {
        "hair_iou": iou(mask, true_mask),
        "hair_boundary_f": boundary_f(mask, true_mask),
        "hair_colour": float(ciede2000(found, wanted)) if alpha.sum() >= few else float("nan"),
        "strand_angle": within(angle_between(way, true_way), weight),
    }


def _mean_colour(picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(3,) CIELAB."""
    lab = cielab(picture).astype(np.float64)
    return (lab * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-9)


def _cosine(a: Tensor, b: Tensor) -> np.ndarray:
    return (a.double() * b.double()).sum(1).cpu().numpy()
