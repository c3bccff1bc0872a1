"""Every face with every hair: `python -m hairnet.grid --faces people --hairs styles --out grid.png`.

N faces and M hairs are N + M encodings and N x M pictures. With --cache the next grid needs no encoding at all.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from data.command import run
from data.files import check_file_place, check_folder_place, check_not_among
from data.images import check_image_path, to_uint8, write_image
from data.photos import names_of, photos_of
from data.progress import Progress
from faces.parsing import load_parser
from hairnet.embeddings import Album
from hairnet.model import load_network
from hairnet.photo.composite import Blend
from hairnet.strips import blank, contact, shown_side

MOST = 10_000  # pictures in a grid
BATCH = 16  # pictures per pass: fixed, since a network's last bits may change with the batch


def main(
    *,
    faces: Path,
    hairs: Path,
    out: Path = Path("grid.png"),
    pictures: Path | None = None,
    blend: Blend = "none",
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
        pictures: folder for every picture by itself as soon as it is drawn, HAIR-on-FACE.png (with suffixes where
            two photos have one name)
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
        places = places_of(pictures, people, donors)
        check_not_among(places.values(), [*people, *donors])
    if cache is not None:
        check_folder_place(cache, "--cache")
    album = Album(load_network(network, device, generator), load_parser(parser, device), aligned, cache)
    people, donors = usable(album, people, "face"), usable(album, donors, "hair")
    if not people or not donors:
        raise ValueError(f"{faces if not people else hairs} holds no photo that could be used: see the reasons above")
    shrunk = small(album, people, donors, blend, places if pictures is not None else {})
    side = shrunk[0].width
    above = [fitted(album.portrait(hair).aligned.image, side) for hair in donors]
    shown, captions = [blank(side), *above], ["", *(hair.stem for hair in donors)]
    for k, face in enumerate(people):
        row = shrunk[k * len(donors) : (k + 1) * len(donors)]
        shown += [fitted(album.portrait(face).aligned.image, side), *row]
        captions += [face.stem, *[""] * len(donors)]
    write_image(contact(shown, len(donors) + 1, captions), out)
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


def small(
    album: Album, faces: list[Path], hairs: list[Path], blend: Blend, places: dict[tuple[Path, Path], Path]
) -> list[Image.Image]:
    """All cells, row by row, as small as the table shows them; where they have places, they are written in full."""
    shrunk: list[Image.Image] = []
    for face, hair, picture in Progress(cells(album, faces, hairs, blend), len(faces) * len(hairs), unit="picture"):
        if places:
            write_image(picture, places[face, hair])
        full = max(picture.width, album.net.generator.resolution)
        shrunk.append(fitted(picture, shown_side(full, len(hairs) + 1, len(faces) + 1)))
    return shrunk


@torch.no_grad()
def cells(
    album: Album, faces: list[Path], hairs: list[Path], blend: Blend = "none"
) -> Iterator[tuple[Path, Path, Image.Image]]:
    """Every face with every hair, one after another: nothing that has been taken is kept."""
    if blend != "none":
        yield from ((face, hair, album.look(face, [hair]).at(blend=blend).image) for face in faces for hair in hairs)
        return
    worn = album.embeddings(hairs, "hair")
    for face in faces:
        one = album.embedding(face, "face")
        for k in range(0, len(hairs), BATCH):
            some = worn[k : k + BATCH]
            drawn = to_uint8(album.net.pictures(album.net.decode(one.expand(len(some), -1), some)))
            for hair, picture in zip(hairs[k : k + BATCH], drawn, strict=True):
                yield face, hair, Image.fromarray(picture)


def table(album: Album, faces: list[Path], hairs: list[Path], blend: Blend = "none") -> list[list[Image.Image]]:
    """A row for each face, a picture for each hair, all at full size and in memory: for tables of modest size."""
    made = [picture for _, _, picture in cells(album, faces, hairs, blend)]
    return [made[k : k + len(hairs)] for k in range(0, len(made), len(hairs))]


def places_of(folder: Path, faces: list[Path], hairs: list[Path]) -> dict[tuple[Path, Path], Path]:
    """{(face, hair): where their picture goes}; ValueError when names are so odd that two would share a place."""
    of_face, of_hair = names_of(faces), names_of(hairs)
    places = {(face, hair): folder / f"{of_hair[hair]}-on-{of_face[face]}.png" for face in faces for hair in hairs}
    (place, count), *_ = Counter(str(place).lower() for place in places.values()).most_common(1)
    if count > 1:
        raise ValueError(f"--pictures would write {place} {count} times: rename the photos that it is made of")
    return places


def fitted(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize((side, side), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    run(main)
