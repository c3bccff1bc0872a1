"""Draws the pictures of the README and of docs/ with the shipped networks.

python -m recipes.pictures
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from data.command import run
from data.images import sheet, to_tensor, to_uint8, write_image
from directions.attributes import ATTRIBUTES
from directions.edit import edit, load_named
from directions.pictures import edit_caption, strip
from directions.render import Renderer
from directions.scorer import Measurer
from hairnet import load_network
from synth import latents, load_generator
from synth.heads import Head, render
from synth.networks import Generator

PSI = 0.7
HEADS = range(1000, 1024)
SAMPLES = range(50_000, 50_036)
EDITED = 50_011
DOSES = {
    "yaw": (-30, -15, 0, 15, 30),
    "pitch": (-8, -4, 0, 4, 8),
    "hair_length": (-20, -10, 0, 10, 20),
    "hair_volume": (-10, -5, 0, 5, 10),
    "hair_lightness": (-20, -10, 0, 10, 20),
}
FACES = range(50_000, 50_004)  # consecutive seeds: nothing is picked
HAIRS = range(50_010, 50_017)


def heads() -> np.ndarray:
    """(N, 128, 128, 3) uint8: renders of consecutive seeds."""
    return np.stack([render(Head.sample(seed), 128).image for seed in HEADS])


def samples(seeds: range) -> np.ndarray:
    """(N, H, W, 3) uint8: the built-in generator's faces of some seeds."""
    G = load_generator("builtin")
    return Renderer(G)(codes(G, seeds).cpu().numpy())


def codes(G: Generator, seeds: range) -> torch.Tensor:
    """(N, w_dim): w of some seeds."""
    with torch.no_grad():
        return G.mapping(latents(list(seeds), G.z_dim).to(G.w_avg.device), psi=PSI)[:, 0]


def edits() -> tuple[np.ndarray, list[list[str]]]:
    """(attributes, doses, H, W, 3) uint8 of one face, and what each picture was moved by and measures."""
    G, measure = load_generator("builtin"), Measurer()
    w = codes(G, range(EDITED, EDITED + 1))
    rows, captions = [], []
    for attribute, doses in DOSES.items():
        direction = load_named(attribute, "builtin", G)
        moved = edit(w.expand(len(doses), -1), direction, torch.tensor(doses, dtype=torch.float32))
        rows.append(Renderer(G)(moved.cpu().numpy()))
        found = measure(rows[-1])[attribute]
        captions.append([edit_caption(attribute, dose, value) for dose, value in zip(doses, found, strict=True)])
    return np.stack(rows), captions


def transfers() -> np.ndarray:
    """((F + 1) (H + 1), S, S, 3) uint8: hair donors above, face donors at the left, results between."""
    net = load_network("builtin")
    faces, hairs = samples(FACES), samples(HAIRS)
    with torch.no_grad():
        face, hair = net.encode_face(to_tensor(faces)), net.encode_hair(to_tensor(hairs))
        grid = [to_uint8(net.pictures(net.decode(row.expand(len(hair), -1), hair))) for row in face]
    table = [np.concatenate([np.full_like(faces[:1], 255), hairs])]
    table += [np.concatenate([donor[None], row]) for donor, row in zip(faces, grid, strict=True)]
    return np.concatenate(table)


def main(*, out: Path = Path("docs")) -> None:
    """Draws heads.png, samples.png, directions.png and transfer.png.

    Args:
        out: folder of the pictures
    """
    assert set(DOSES) == set(ATTRIBUTES)
    write_image(sheet(heads(), 8), out / "heads.png")
    write_image(sheet(samples(SAMPLES), 12, scale=2), out / "samples.png")
    write_image(strip(*edits()), out / "directions.png")
    write_image(sheet(transfers(), len(HAIRS) + 1, scale=2), out / "transfer.png")


if __name__ == "__main__":
    run(main)
