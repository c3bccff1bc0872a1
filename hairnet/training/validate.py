"""How good a network is on pairs that it was not taught: figures and a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.images import sheet, to_uint8, write_image
from hairnet.network import Network
from hairnet.split import face_part, hair_part, resize
from hairnet.training.losses import Judges, cosine_distance, known_terms, w_distance
from hairnet.training.samples import FACE, HAIR, Samples, Views

COLUMNS = 12  # of the picture


@torch.no_grad()
def transfer_views(network: Network, samples: Samples, faces: Views, hairs: Views) -> tuple[Tensor, Tensor]:
    """(ws, pictures) of transfers between views, row by row."""
    size = network.config.size
    ws = network(face_part(resize(faces.images, size), faces.masks), hair_part(resize(hairs.images, size), hairs.masks))
    return ws, samples.generator.synthesis(ws, noise="const").float().clamp(-1, 1)


@torch.no_grad()
def validate(network: Network, samples: Samples, judges: Judges, units: Tensor) -> dict[str, float]:
    """Figures over all held-out pairs: known answers, and what identity and hair remain between different pairs.

    w: share of W's spread, as felt, that is not explained; pixels, mask, colour: see losses; identity, hair: cosines.
    """
    rows = torch.arange(len(samples))
    known = samples.take(torch.full_like(rows, FACE), rows)
    other = samples.take(torch.full_like(rows, HAIR), rows)
    ws, out = transfer_views(network, samples, known, other)
    terms = known_terms(judges, out, known.images)
    donors = other[torch.roll(rows, 1)]
    _, swapped = transfer_views(network, samples, known, donors)
    figures = {
        "w": float(w_distance(ws, known.w, units)),
        "pixels": float(terms["pixels"]),
        "mask": float(terms["mask"]),
        "colour": float(terms["colour"]),
        "identity": 1 - float(terms["identity"]),
        "swapped_identity": 1 - float(cosine_distance(judges.identity(swapped), judges.identity(known.images))),
    }
    if judges.hair is not None:
        figures["hair"] = 1 - float(cosine_distance(judges.hair(out), judges.hair(known.images)))
        figures["swapped_hair"] = 1 - float(cosine_distance(judges.hair(swapped), judges.hair(donors.images)))
    return figures


def draw_validation(path: Path, network: Network, samples: Samples, seed: int) -> None:
    """Writes a sheet of held-out transfers, always the same ones: hair donors above, faces below them, then results."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(samples), generator=rng)[:COLUMNS]
    faces = samples.take(torch.full_like(rows, FACE), rows)
    donors = samples.take(torch.full_like(rows, HAIR), torch.roll(rows, 1))
    _, out = transfer_views(network, samples, faces, donors)
    pictures = np.concatenate([to_uint8(x) for x in (donors.images, faces.images, out)])
    write_image(sheet(pictures, columns=len(rows), scale=max(1, 128 // pictures.shape[1])), path)
