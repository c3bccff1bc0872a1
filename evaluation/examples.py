"""The contact sheet of a retrieval run: what was asked, what was made, and whom the gallery gave back."""

from __future__ import annotations

import numpy as np
from PIL import Image

from data.images import sheet, to_uint8
from evaluation.cache import Job, checked
from evaluation.questions import Answer
from evaluation.ranks import nearest
from evaluation.studio import Studio

EACH = 4  # queries shown of the best, of the middle, of the worst
SIDE = 128  # pixels a picture is shown at, at least


def shown_queries(answer: Answer) -> list[tuple[str, int]]:
    """(best | median | worst, query): by rank, among equals by the cosine to the face donor; none is shown twice."""
    order = np.lexsort((-answer.own, answer.ranks))
    each = min(EACH, len(order) // 3 or 1)
    middle = max(0, (len(order) - each) // 2)
    groups = {"best": order[:each], "median": order[middle : middle + each], "worst": order[-each:][::-1]}
    shown: dict[int, str] = {}
    for name, rows in groups.items():
        for row in rows.tolist():
            shown.setdefault(row, name)
    return [(name, row) for row, name in shown.items()]


def contact_sheet(studio: Studio, faces: list[Job], codes: dict[str, np.ndarray], answer: Answer) -> Image.Image:
    """One row per shown query: face donor, hair donor, transfer, with the face pasted back, the gallery's nearest
    person and, where hair is judged, its nearest hair."""
    names, queries = zip(*shown_queries(answer), strict=True)
    shown = np.array(queries)
    face_seeds, hair_seeds = codes["face_seed"][shown], codes["hair_seed"][shown]
    face, hair = studio.pictures(face_seeds), studio.pictures(hair_seeds)
    face_points = studio.points(face)[0]
    made = studio.transfer(face, hair, face_points, studio.points(hair)[0])
    pictures = [face, hair, made, studio.blend(face, made, face_points)]
    captions = [
        [f"{name}: face {seed}" for name, seed in zip(names, face_seeds, strict=True)],
        [f"hair {seed}" for seed in hair_seeds],
        [f"transfer: rank {answer.ranks[query]}" for query in shown],
        ["face pasted back"] * len(shown),
    ]
    searches = [("embedding", "transfer", face_seeds, "person")]
    if studio.hair is not None:
        searches.append(("hair", "hair_transfer", hair_seeds, "hair"))
    for column, code, donors, what in searches:
        found, cosines = nearest(codes[code][shown], (checked(job)[column] for job in faces))
        seeds = faces[0].seeds[0][0] + found
        pictures.append(studio.pictures(seeds))
        right = np.where(seeds == donors, " = donor", "")
        captions.append([f"{what} {cosine:.2f}{mark}" for cosine, mark in zip(cosines, right, strict=True)])
    rows = np.stack([to_uint8(x) for x in pictures], axis=1)
    texts = [text for row in zip(*captions, strict=True) for text in row]
    scale = max(1, SIDE // rows.shape[2])
    return sheet(rows.reshape(-1, *rows.shape[2:]), len(pictures), texts, scale)
