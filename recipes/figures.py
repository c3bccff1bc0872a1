"""How good a parser or an embedder is: the figures that recipes, benchmarks and cards print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.files import write_json
from data.images import to_tensor
from evaluation import rank_of_mate
from faces.labels import CLASSES, NAMES

ROWS = 64  # images per pass


def confusion(labels_of: Callable[[Tensor], Tensor], images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(19, 19) int64 pixel counts, rows the true label, columns the answer.

    Args:
        labels_of: (N, 3, H, W) in [-1, 1] -> (N, H, W) uint8, such as `Parser.labels`.
        images: (N, H, W, 3) uint8.
        labels: (N, H, W) uint8 in CelebAMask-HQ's order.
    """
    counts = np.zeros(CLASSES * CLASSES, np.int64)
    for start in range(0, len(images), ROWS):
        answer = labels_of(to_tensor(images[start : start + ROWS])).cpu().numpy()
        keys = labels[start : start + ROWS].astype(np.int64) * CLASSES + answer
        counts += np.bincount(keys.ravel(), minlength=CLASSES * CLASSES)
    return counts.reshape(CLASSES, CLASSES)


def parsing_figures(counts: np.ndarray) -> dict[str, float]:
    """Intersection over union of each class that occurs, their mean, the hair's, and the share of right pixels."""
    right = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - right
    present = counts.sum(1) > 0
    iou = {name: float(right[k] / union[k]) for k, name in enumerate(NAMES) if present[k]}
    mean = float(np.mean(list(iou.values()))) if iou else float("nan")
    accuracy = float(right.sum() / max(1, counts.sum()))
    figures = {"hair_iou": iou.get("hair", float("nan")), "mean_iou": mean, "pixel_accuracy": accuracy}
    return {name: round(value, 4) for name, value in (figures | {f"iou_{k}": v for k, v in iou.items()}).items()}


def report(network: str, figures: dict[str, dict[str, float]], photos: Path, out: Path) -> None:
    """Prints a benchmark's figures by what they are of, says when there were no `photos`, writes the same as JSON."""
    for name, values in figures.items():
        print(name + ": " + ", ".join(f"{key} {value:.3f}" for key, value in values.items()))
    if not photos.is_dir():
        print(f"photos: skipped, {photos} is not a folder")
    write_json(out, {"network": network, **figures})


def embeddings(embed: Callable[[Tensor], Tensor], images: np.ndarray) -> np.ndarray:
    """(N, D) float32 of (N, H, W, 3) uint8 images."""
    with torch.no_grad():
        parts = [embed(to_tensor(images[k : k + ROWS])).cpu().numpy() for k in range(0, len(images), ROWS)]
    return np.concatenate(parts)


def retrieval_figures(vectors: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Rank-1 (gallery: the first image of each class, queries: all others) and TAR at FAR 1e-3 (all pairs).

    Args:
        vectors: (N, D) float32 of unit length.
        classes: (N,) int64 who, or which hair, each image shows; every class at least twice.
    """
    names, first, inverse = np.unique(classes, return_index=True, return_inverse=True)
    queries = np.setdiff1d(np.arange(len(classes)), first)
    assert len(names) > 1 and len(queries), "retrieval needs several classes, and a class twice"
    ranks = np.asarray(rank_of_mate(vectors[queries], vectors[first], inverse[queries]))
    scores = vectors @ vectors.T
    above = np.triu_indices(len(classes), 1)
    same = (classes[:, None] == classes[None, :])[above]
    genuine, impostor = scores[above][same], scores[above][~same]
    threshold = np.quantile(impostor, 1 - 1e-3)
    return {
        "classes": len(names),
        "queries": len(queries),
        "rank_1": round(float((ranks == 1).mean()), 4),
        "mean_rank": round(float(ranks.mean()), 3),
        "tar_at_far_1e-3": round(float((genuine > threshold).mean()), 4),
        "mean_genuine": round(float(genuine.mean()), 4),
        "mean_impostor": round(float(impostor.mean()), 4),
    }
