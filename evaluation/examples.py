"""The contact sheet of a retrieval run: what was asked, what was made, and whom the gallery gave back."""

from __future__ import annotations

import numpy as np
from PIL import Image

from data.images import sheet, to_uint8
from evaluation.cache import Job, checked
from evaluation.ranks import nearest
from evaluation.studio import Studio

IN_ORDER, WORST = 8, 4  # queries shown: the first ones as they come, and the worst of the others
SIDE = 128  # pixels a picture is shown at, at least


def contact_sheet(studio: Studio, faces: list[Job], codes: dict[str, np.ndarray], ranks: np.ndarray) -> Image.Image:
    """Four columns (face donor, hair donor, transfer, the gallery's nearest face), one row per shown query."""
    rest = np.argsort(-ranks, kind="stable")
    rest = rest[(rest >= IN_ORDER) & (ranks[rest] > 1)][:WORST]
    shown = np.concatenate([np.arange(min(IN_ORDER, len(ranks))), rest])
    found, cosines = nearest(codes["transfer"][shown], (checked(job)["embedding"] for job in faces))
    face_seeds, hair_seeds = codes["face_seed"][shown], codes["hair_seed"][shown]
    found_seeds = faces[0].seeds[0][0] + found
    face, hair = studio.pictures(face_seeds), studio.pictures(hair_seeds)
    made = studio.transfer(face, hair, studio.points(face)[0], studio.points(hair)[0])
    columns = [to_uint8(x) for x in (face, hair, made, studio.pictures(found_seeds))]
    captions = []
    for k, query in enumerate(shown):
        captions += [f"face {face_seeds[k]}", f"hair {hair_seeds[k]}", f"donor's rank {ranks[query]}"]
        captions += [f"nearest: {cosines[k]:.2f}" + (" (donor)" if found_seeds[k] == face_seeds[k] else "")]
    rows = np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])
    return sheet(rows, 4, captions, scale=max(1, SIDE // rows.shape[1]))
