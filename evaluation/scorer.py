"""Does a face network tell people apart? Its figures on photos of known people, before its word is taken on transfers.

python -m evaluation.scorer people --embedder w600k_r50.onnx        people/<person>/<photo>.jpg
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

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
PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def people_in(folder: Path) -> list[tuple[str, Path]]:
    """(person, photo) of all photos in folder/<person>/, by name; ValueError unless two people have two photos each."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give one with a folder of photos for each person")
    people = [place for place in sorted(folder.iterdir()) if place.is_dir()]
    found = [
        (place.name, path) for place in people for path in sorted(place.iterdir()) if path.suffix.lower() in PHOTOS
    ]
    several = {person for person, _ in found if sum(person == other for other, _ in found) > 1}
    if len(several) < 2:
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
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    first, second = np.triu_indices(len(vectors), 1)
    same, pairs = persons[first] == persons[second], scores[first, second]
    np.fill_diagonal(scores, -np.inf)
    hits, photos = int((persons[scores.argmax(1)] == persons).sum()), len(persons) + unfound
    strangers = np.sort(pairs[~same])[::-1]
    threshold = strangers[int(FALSE_ACCEPTS * len(strangers))]
    return {
        "photos": photos,
        "people": len(set(persons.tolist())),
        "undetected": unfound,
        "rank_1": hits / photos,
        "rank_1_ci95": list(wilson(hits, photos)),
        "auc": float(roc_auc_score(same, pairs)),
        "true_accepts": float((pairs[same] > threshold).mean()),
        "at_false_accepts": FALSE_ACCEPTS,
        "worst_mate": float(pairs[same].min()),
        "nearest_strangers": float(strangers[0]),
        "separation": separation(pairs[same], pairs[~same]),
    }


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
