"""Every face with every hair: `python -m hairnet.grid --faces people --hairs styles --out grid.png`.

N faces and M hairs are N + M encodings and N x M pictures. With --cache the next grid needs no encoding at all.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from data.command import run
from data.files import check_file_place, check_folder_place, check_not_among
from data.images import check_image_path, to_uint8, write_image
from data.progress import Progress
from faces.parsing import load_parser
from hairnet.embeddings import Album, photos_of
from hairnet.model import load_network
from hairnet.strips import blank, contact

MOST = 10_000  # pictures in a grid
BATCH = 16  # pictures per pass: fixed, since a network's last bits may change with the batch


def main(
    *,
    faces: Path,
    hairs: Path,
    out: Path = Path("grid.png"),
    pictures: Path | None = None,
    blend: Literal["alpha", "multiband", "poisson", "none"] = "none",
    aligned: bool = False,
    cache: Path | None = None,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    device: str | None = None,
) -> None:
    """Draws a table: hair donors above, face donors at the left, the face of the row with the hair of the column.

    Photos without a face are left out, with a note. Have the consent of the people shown before you use their photos.

    Args:
        faces: folder of photos whose faces count
        hairs: folder of photos whose hair counts
        out: the table, .png, .jpg or .webp; its pictures have the generator's full size
        pictures: folder for every picture by itself, HAIR-on-FACE.png
        blend: none shows what the generator draws; alpha, multiband and poisson lay the hair into the face's photo
        aligned: true when the files are FFHQ crops already, such as generated faces: nothing is detected then
        cache: folder for embeddings, so that a photo is never encoded twice; left out: nothing is kept
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes; used for blending
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    people, donors = photos_of(faces, "--faces"), photos_of(hairs, "--hairs")
    if len(people) * len(donors) > MOST:
        raise ValueError(f"--faces and --hairs make {len(people) * len(donors)} pictures, more than {MOST}: give fewer")
    check_image_path(out, "--out")
    check_file_place(out)
    check_not_among([out], [*people, *donors])
    if pictures is not None:
        check_folder_place(pictures, "--pictures")
        check_not_among([_place(pictures, hair, face) for face in people for hair in donors], [*people, *donors])
    if cache is not None:
        check_folder_place(cache, "--cache")
    album = Album(load_network(network, device, generator), load_parser(parser, device), aligned, cache)
    people, donors = usable(album, people, "face"), usable(album, donors, "hair")
    if not people or not donors:
        raise ValueError(f"{faces if not people else hairs} holds no photo that could be used: see the reasons above")
    cells = table(album, people, donors, blend)
    if pictures is not None:
        for row, face in zip(cells, people, strict=True):
            for picture, hair in zip(row, donors, strict=True):
                write_image(picture, _place(pictures, hair, face))
    side = max(cells[0][0].width, album.net.generator.resolution)
    shown = [blank(side), *(album.portrait(hair).aligned.image for hair in donors)]
    captions = ["", *(hair.stem for hair in donors)]
    for row, face in zip(cells, people, strict=True):
        shown += [album.portrait(face).aligned.image, *row]
        captions += [face.stem, *[""] * len(donors)]
    fitted = [one.resize((side, side), Image.Resampling.LANCZOS) for one in shown]
    write_image(contact(fitted, len(donors) + 1, captions), out)
    print(f"{len(people)} faces x {len(donors)} hairs with {album.encodings} encodings: {out} written")


def usable(album: Album, paths: list[Path], role: Literal["face", "hair"]) -> list[Path]:
    """Encodes each photo once; those that cannot be used are left out and named."""
    kept = []
    for path in Progress(paths, unit="photo"):
        try:
            album.embedding(path, role)
            kept.append(path)
        except (ValueError, OSError) as error:
            Progress.write(f"left out: {error}", file=sys.stderr)
    return kept


@torch.no_grad()
def table(
    album: Album,
    faces: list[Path],
    hairs: list[Path],
    blend: Literal["alpha", "multiband", "poisson", "none"] = "none",
) -> list[list[Image.Image]]:
    """A row for each face, a picture for each hair."""
    face, hair = album.embeddings(faces, "face"), album.embeddings(hairs, "hair")
    if blend == "none":
        rows = []
        for one in Progress(face, unit="row"):
            parts = [album.net.decode(one.expand(len(some), -1), some) for some in hair.split(BATCH)]
            rows.append([Image.fromarray(x) for part in parts for x in to_uint8(album.net.pictures(part))])
        return rows
    rows = []
    for path in Progress(faces, unit="row"):
        row = []
        for donor in hairs:
            row.append(album.look(path, [donor]).at(blend=blend).image)
        rows.append(row)
    return rows


def _place(folder: Path, hair: Path, face: Path) -> Path:
    return folder / f"{hair.stem}-on-{face.stem}.png"


if __name__ == "__main__":
    run(main)
