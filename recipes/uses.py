"""Draws the pictures of docs/uses.md with the shipped networks, from procedural heads and generated faces.

python -m recipes.uses
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from data.command import run
from data.images import to_uint8, write_image
from data.progress import Progress
from faces.parsing import load_parser
from hairnet import load_network
from hairnet.embeddings import Album
from hairnet.grid import table
from hairnet.interpolate import between_hairs, caption
from hairnet.manipulate import drawn
from hairnet.mix import path
from hairnet.steer import measure
from hairnet.strips import blank, contact
from synth import latents
from synth.heads import Head, render

SIDE = 256  # px of renders and of the sheets' cells
FACE, HAIRS = 31, (44, 52, 32)  # seeds of heads
YAW = 8.0  # degrees: donors are rendered with the face's pose, or turned away from it by this
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
STEPS = 7
GENERATED = range(50_020, 50_024)  # consecutive seeds: nothing is picked
WORN = range(50_030, 50_035)
MOVED = {
    "hair_lightness": (-20, -10, 0, 10, 20),
    "hair_length": (-20, -10, 0, 10, 20),
    "hair_volume": (-8, -4, 0, 4, 8),
}
PSI = 0.7


def heads(folder: Path) -> tuple[Path, list[Path]]:
    """Renders the face and the hair donors; a render is an FFHQ crop."""
    paths = []
    for seed in (FACE, *HAIRS):
        paths.append(folder / f"{seed}.png")
        write_image(render(Head.sample(seed).turned(YAW if seed == FACE else -YAW, 0.0), SIDE).image, paths[-1])
    return paths[0], paths[1:]


def generated(folder: Path, album: Album, seeds: range) -> list[Path]:
    """Faces of the built-in generator as files."""
    G = album.net.generator
    paths = []
    for seed in seeds:
        paths.append(folder / f"g{seed}.png")
        write_image(to_uint8(album.net.pictures(G.mapping(latents([seed], G.z_dim), psi=PSI)))[0], paths[-1])
    return paths


def strengths(album: Album, face: Path, hair: Path) -> Image.Image:
    """A row for all, for colour and for shape alone."""
    look = album.look(face, [hair])
    shown, captions = [], []
    for take in ("all", "colour", "shape"):
        shown.append(album.portrait(hair).aligned.image)
        captions.append("hair of")
        for strength in Progress(STRENGTHS, unit="picture"):
            shown.append(look.at(None, strength, take).image)
            captions.append(f"{take}, strength {strength:g}")
    return contact([_sized(one) for one in shown], len(STRENGTHS) + 1, captions)


def between(album: Album, face: Path, hairs: list[Path]) -> Image.Image:
    """The donors above, the steps between their hair below."""
    weights = path(len(hairs), STEPS)
    steps = between_hairs(album, face, hairs, weights)
    names = ["A", "B", "C"]
    above = [blank(SIDE) for _ in weights]
    for k, hair in enumerate(hairs):
        above[k * (STEPS - 1) // (len(hairs) - 1)] = album.portrait(hair).aligned.image
    shown = [_sized(one) for one in (*above, *(step.image for step in steps))]
    return contact(shown, STEPS, [""] * STEPS + [caption(names, row) for row in weights])


def moves(album: Album, face: Path) -> Image.Image:
    """A row of each attribute, as the generator draws it, with what is measured."""
    hair = album.embedding(face, "hair")
    shown, captions = [], []
    for attribute, amounts in MOVED.items():
        direction = album.net.steering[attribute]
        row = [drawn(album.net, album.embedding(face, "face"), direction.move(hair, float(by)))[0] for by in amounts]
        found = measure(np.stack([np.asarray(one) for one in row]), album.parser)[attribute]
        shown += row
        captions += [f"{attribute} {by:+d}: measured {now:.1f}" for by, now in zip(amounts, found, strict=True)]
    return contact(shown, len(next(iter(MOVED.values()))), captions)


def cells(album: Album, faces: list[Path], hairs: list[Path]) -> Image.Image:
    """Every face with every hair."""
    shown = [blank(album.net.generator.resolution), *(album.portrait(hair).aligned.image for hair in hairs)]
    for face, row in zip(faces, table(album, faces, hairs), strict=True):
        shown += [album.portrait(face).aligned.image, *row]
    return contact(shown, len(hairs) + 1, None)


def main(*, out: Path = Path("docs")) -> None:
    """Draws uses-strength.jpg, uses-between.jpg, uses-manipulate.jpg and uses-grid.jpg.

    Args:
        out: folder of the pictures
    """
    album = Album(load_network("builtin"), load_parser("builtin"), aligned=True)
    with tempfile.TemporaryDirectory() as folder:
        face, hairs = heads(Path(folder))
        people, worn = (generated(Path(folder), album, seeds) for seeds in (GENERATED, WORN))
        write_image(moves(album, people[0]), out / "uses-manipulate.jpg")
        write_image(cells(album, people, worn), out / "uses-grid.jpg")
        write_image(strengths(album, face, hairs[0]), out / "uses-strength.jpg")
        write_image(between(album, face, hairs), out / "uses-between.jpg")


def _sized(picture: Image.Image) -> Image.Image:
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    run(main)
