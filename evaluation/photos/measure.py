"""The figures of transfers between photos.

Three methods stand side by side: `untouched` is the face photo itself (perfect in all that should stay, and what nobody
should be content with in hair), `generated` the network's own picture (blend off), `blended` the finished one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from data.images import to_tensor
from evaluation.figures import bootstrap
from evaluation.metrics.masks import boundary_f, iou
from evaluation.metrics.perceptual import Perceptual, distance
from evaluation.metrics.pictures import psnr, squared_error, ssim_map, within
from evaluation.ranks import rank_of_mate
from faces import Embedder, detect_batch
from faces.labels import LABEL
from faces.parsing import Parser
from faces.pose import yaw_from_points
from hairnet.split import template_points

METRICS = {  # name -> (unit, better, what it means)
    "identity": ("cosine", "higher", "to the face donor, by the face network"),
    "rank_1": ("share", "higher", "the face donor is the most similar of all photos"),
    "hair_cosine": ("cosine", "higher", "to the hair donor, by the hair descriptor"),
    "hair_iou": ("", "higher", "hair, by the parser, against the hair donor's, both as FFHQ crops"),
    "hair_boundary_f": ("", "higher", "outline of the same"),
    "rest_psnr": ("dB", "higher", "to the face photo where neither has hair"),
    "rest_ssim": ("", "higher", "to the face photo where neither has hair"),
    "rest_perceptual": ("", "lower", "perceptual distance there"),
}
BATCH = 16
GAPS = ((0, 15), (15, 30), (30, None))  # degrees of yaw between the donors


def measure(
    pictures: dict[str, np.ndarray],
    points: dict[str, np.ndarray],
    rows: np.ndarray,
    embedder: Embedder,
    hair: Embedder | None,
    parser: Parser,
    perceptual: Perceptual,
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, int]]:
    """Figures (N,) by method and metric, and in how many of each method's pictures no face was found.

    pictures: (N, S, S, 3) uint8 of "face", "hair", "generated", "blended". points: (N, 5, 2) of "face" and "hair".
    rows: (N,) which photo each face is, so that rank 1 is among different photos.
    """
    donor = embed(embedder, pictures["face"], points["face"])
    first = {row: k for k, row in reversed(list(enumerate(rows.tolist())))}
    gallery = donor[sorted(first.values())]
    place = {row: k for k, row in enumerate(sorted(first, key=lambda row: first[row]))}
    mates = np.array([place[row] for row in rows.tolist()])
    labels = {name: labels_of(parser, images) for name, images in pictures.items()}
    wanted = None if hair is None else embed(hair, pictures["hair"])
    figures, unfound = {}, {}
    for name, source in (("untouched", "face"), ("generated", "generated"), ("blended", "blended")):
        made = pictures[source]
        found = points["face"] if source == "face" else detect_batch(made)
        unfound[name] = int(np.isnan(found[:, 0, 0]).sum())
        known = np.where(np.isnan(found), template_points(len(found), made.shape[1]), found).astype(np.float32)
        codes = embed(embedder, made, known)
        figures[name] = {
            "identity": (codes * donor).sum(1).astype(np.float64),
            "rank_1": (rank_of_mate(codes, gallery, mates) == 1).astype(np.float64),
            **({} if hair is None else {"hair_cosine": (embed(hair, made) * wanted).sum(1).astype(np.float64)}),
            **regions(pictures["face"], made, labels["face"], labels[source], labels["hair"], perceptual),
        }
    return figures, unfound


def regions(
    face: np.ndarray, made: np.ndarray, old: np.ndarray, new: np.ndarray, donor: np.ndarray, perceptual: Perceptual
) -> dict[str, np.ndarray]:
    """Figures of hair and of all else. Pictures (N, S, S, 3) uint8; old, new, donor: label maps (N, S, S)."""
    found: dict[str, list[float]] = {
        name: [] for name in METRICS if name.startswith(("rest", "hair_iou", "hair_bound"))
    }
    for start in range(0, len(made), BATCH):
        part = slice(start, start + BATCH)
        maps = perceptual.maps(to_tensor(face[part]), to_tensor(made[part]))
        for k, row in enumerate(range(len(made))[part]):
            rest = (~covered(old[row]) & ~covered(new[row])).astype(np.float32)
            mine, theirs = new[row] == LABEL["hair"], donor[row] == LABEL["hair"]
            found["hair_iou"].append(iou(mine, theirs))
            found["hair_boundary_f"].append(boundary_f(mine, theirs))
            found["rest_psnr"].append(psnr(squared_error(face[row], made[row]), rest))
            found["rest_ssim"].append(within(ssim_map(face[row], made[row]), rest))
            found["rest_perceptual"].append(distance(maps, k, rest))
    return {name: np.array(values) for name, values in found.items()}


def covered(labels: np.ndarray) -> np.ndarray:
    """Where hair, or a hat over it, is."""
    return (labels == LABEL["hair"]) | (labels == LABEL["hat"])


@torch.no_grad()
def labels_of(parser: Parser, images: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 -> (N, S, S) uint8 in CelebAMask-HQ's order."""
    device = next(parser.parameters()).device
    parts = [parser.labels(to_tensor(images[k : k + BATCH]).to(device)).cpu() for k in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def embed(embedder: Embedder, images: np.ndarray, points: np.ndarray | None = None) -> np.ndarray:
    """(N, S, S, 3) uint8 and their points (N, 5, 2) -> (N, D) float32 unit length."""
    device, parts = next(iter(embedder.state_dict().values())).device, []
    for k in range(0, len(images), BATCH):
        told = None if points is None else points[k : k + BATCH]
        parts.append(embedder(to_tensor(images[k : k + BATCH]).to(device), told).cpu())
    return torch.cat(parts).numpy()


def summarised(figures: dict[str, dict[str, np.ndarray]], inside: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """{metric: {method: {"mean", "ci95", "count"}}} over the pairs `inside` (N,) bool; NaN is left out, and counted."""
    told: dict[str, dict[str, Any]] = {}
    for method, parts in figures.items():
        for metric, values in parts.items():
            here = values[inside]
            here = here[np.isfinite(here)]
            told.setdefault(metric, {})[method] = (
                {"mean": float(here.mean()), "ci95": list(bootstrap(here, seed)), "count": len(here)}
                if len(here)
                else None
            )
    return told


def by_gap(figures: dict[str, dict[str, np.ndarray]], points: dict[str, np.ndarray], seed: int) -> list[dict[str, Any]]:
    """The same by how far the heads of the two donors are turned apart, degrees."""
    gap = np.abs(yaw_from_points(points["face"]) - yaw_from_points(points["hair"]))
    buckets = []
    for low, high in GAPS:
        inside = (gap >= low) & (gap < (np.inf if high is None else high))
        buckets.append(
            {"degrees": [low, high], "pairs": int(inside.sum()), "figures": summarised(figures, inside, seed)}
        )
    return buckets
