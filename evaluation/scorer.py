"""Does a face network tell people apart? Its figures on photos of known people, before its word is taken on transfers.

python -m evaluation.scorer people --embedder w600k_r50.onnx        people/<person>/<photo>.jpg
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import check_file_place, write_json
from data.images import read_image
from data.progress import Progress
from evaluation.figures import wilson
from evaluation.judge import embedder_file
from evaluation.provenance import provenance
from evaluation.scores import separation
from faces import Embedder, load_embedder

FALSE_ACCEPTS = 1e-3  # share of strangers at which the true accepts are told
ROWS = 256  # photos that are compared with all at a time
PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def people_in(folder: Path) -> list[tuple[str, Path]]:
    """(person, photo) of all photos in folder/<person>/, by name; ValueError unless two people have two photos each."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give one with a folder of photos for each person")
    people = [place for place in sorted(folder.iterdir()) if place.is_dir()]
    found = [
        (place.name, path) for place in people for path in sorted(place.iterdir()) if path.suffix.lower() in PHOTOS
    ]
    photos = Counter(person for person, _ in found)
    if sum(count > 1 for count in photos.values()) < 2:
        raise ValueError(
            f"{folder} has fewer than two folders with two photos or more: give one such folder per person"
        )
    return found


def embed_all(embedder: Embedder, photos: list[tuple[str, Path]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Embeddings (N, D) and persons (N,) of the photos that show a face, and the names of those that do not."""
    vectors, persons, unfound = [], [], []
    for person, path in Progress(photos, desc="photos", unit="photo"):
        try:
            vectors.append(embedder.embed_photo(read_image(path)))
            persons.append(person)
        except ValueError as error:
            unfound.append(f"{path.parent.name}/{path.name}: {error}")
    if len(vectors) < 2:
        raise ValueError(
            f"a face was found in {len(vectors)} of {len(photos)} photos: give photos that show one upright"
        )
    return np.stack(vectors), np.array(persons), unfound


def verification(vectors: np.ndarray, persons: np.ndarray, unfound: int = 0) -> dict[str, Any]:
    """Figures of embeddings (N, D) of persons (N,): rank-1 among all other photos (a photo without a face counts as a
    miss), and over all pairs the area under the ROC curve, true accepts at a share of false ones, d'."""
    hits, same, strangers = scored_pairs(vectors, np.unique(persons, return_inverse=True)[1])
    photos = len(persons) + unfound
    strangers.sort()
    threshold = strangers[len(strangers) - 1 - int(FALSE_ACCEPTS * len(strangers))]
    # how many strangers are below each mate; one that is as near counts half
    below = (np.searchsorted(strangers, same) + np.searchsorted(strangers, same, "right")) / 2
    return {
        "photos": photos,
        "people": len(np.unique(persons)),
        "undetected": unfound,
        "rank_1": hits / photos,
        "rank_1_ci95": list(wilson(hits, photos)),
        "auc": float(below.mean() / len(strangers)),
        "true_accepts": float((same > threshold).mean()),
        "at_false_accepts": FALSE_ACCEPTS,
        "worst_mate": float(same.min()),
        "nearest_strangers": float(strangers[-1]),
        "separation": separation(same, strangers),
    }


def scored_pairs(vectors: np.ndarray, ids: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Embeddings (N, D) of persons (N,) int -> how many have a photo of the same person nearest, and the cosines
    float32 of all pairs of one person, of all pairs of two: a block of rows at a time, 4 bytes are kept of a pair."""
    pairs, alike = len(ids) * (len(ids) - 1) // 2, sum(k * (k - 1) // 2 for k in np.bincount(ids).tolist())
    same, strangers = np.empty(alike, np.float32), np.empty(pairs - alike, np.float32)
    exact, columns = vectors.astype(np.float64), np.arange(len(ids))
    hits = filled = others = 0
    for first in range(0, len(ids), ROWS):
        rows = columns[first : first + ROWS]
        scores = exact[rows] @ exact.T
        mates, later = ids[rows, None] == ids, columns > rows[:, None]
        here, there = scores[mates & later], scores[~mates & later]
        same[filled : filled + len(here)], strangers[others : others + len(there)] = here, there
        filled, others = filled + len(here), others + len(there)
        scores[columns[: len(rows)], rows] = -np.inf
        hits += int((ids[scores.argmax(1)] == ids[rows]).sum())
    return hits, same, strangers


def main(
    photos: Path,
    *,
    embedder: str = "builtin",
    out: Path = Path("runs/evaluation/scorer.json"),
    device: str | None = None,
) -> None:
    """Tells how well a face network recognises people in photos: rank-1, AUC, true accepts at false ones.

    Each network sees faces aligned as in its training (faces.reading); of several faces the most central one counts.

    Args:
        photos: folder with one folder of photos for each person
        embedder: "builtin", "builtin-loss" or a file: .safetensors, .onnx (insightface), .pth, .pt
        out: the figures as JSON
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    listed = people_in(photos)
    check_file_place(out)
    file = embedder_file(embedder)
    network = load_embedder(file, device)
    vectors, persons, unfound = embed_all(network, listed)
    report = {"title": network.title, **verification(vectors, persons, len(unfound)), "left_out": unfound}
    write_json(out, report | {"provenance": provenance({"face scorer": file})})
    low, high = report["rank_1_ci95"]
    print(
        f"{network.title}: {report['photos']} photos of {report['people']} people, {len(unfound)} without a face found"
    )
    print(f"rank-1 {report['rank_1']:.3f} (95 % interval {low:.3f} - {high:.3f})   AUC {report['auc']:.5f}")
    print(
        f"true accepts {report['true_accepts']:.3f} at false accepts {FALSE_ACCEPTS:g}   d' "
        f"{report['separation']['d_prime']:.2f}   worst mate {report['worst_mate']:.3f}, nearest strangers "
        f"{report['nearest_strangers']:.3f}"
    )
    print(out)


if __name__ == "__main__":
    run(main)
