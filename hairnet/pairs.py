"""Many transfers in one go: `python -m hairnet.pairs pairs.csv --out results`.

The file has a header and a line for each transfer:

    hair,face,out,strength,take
    styles/bob.jpg,people/ann.jpg,,,
    styles/bob.jpg,people/eve.jpg,eve-bob.png,0.5,colour

Only `hair` and `face` are needed. Paths are relative to the file. Every photo is read and encoded once.
"""

from __future__ import annotations

import csv
import sys
import typing
from dataclasses import dataclass
from pathlib import Path

from data.command import run
from data.files import check_folder_place, check_not_among
from data.images import check_image_path, write_image
from data.progress import Progress
from faces.parsing import load_parser
from hairnet.embeddings import Album
from hairnet.mix import Take, check_strength
from hairnet.model import load_network
from hairnet.photo.composite import Blend, Strands

COLUMNS = ("hair", "face", "out", "strength", "take")
MOST_LINES = 1_000_000
MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class Pair:
    """One line."""

    hair: Path
    face: Path
    out: Path
    strength: float = 1.0
    take: Take = "all"


def main(
    pairs: Path,
    *,
    out: Path = Path("transfers"),
    blend: Blend = "alpha",
    strands: Strands = "photo",
    aligned: bool = False,
    cache: Path | None = None,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    device: str | None = None,
) -> None:
    """Makes every transfer of a CSV file; lines whose photos cannot be used are left out, with their reason.

    Have the consent of the people shown, and the right to use the photos, before you change or share them.

    Args:
        pairs: CSV file with a header; columns hair and face, and if wanted out (a file name), strength (0 to 1.5) and
            take (all, colour or shape)
        out: folder for the results; a line without a name gives HAIR-on-FACE.png
        blend: how the hair is laid into the photo; none writes the generated crop as it is
        strands: photo takes the strands of the hair photo, network those that the generator draws
        aligned: true when the files are FFHQ crops already, such as generated faces: nothing is detected then
        cache: folder for embeddings, so that a photo is never encoded twice; left out: nothing is kept
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes: it finds the hair
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    lines = read_pairs(pairs, out)
    check_folder_place(out)
    check_not_among([line.out for line in lines], {path for line in lines for path in (line.hair, line.face)})
    if cache is not None:
        check_folder_place(cache, "--cache")
    album = Album(load_network(network, device, generator), load_parser(parser, device), aligned, cache)
    written = 0
    for line in Progress(lines, unit="transfer"):
        try:
            result = album.look(line.face, [line.hair]).at(None, line.strength, line.take, blend, strands)
            write_image(result.generated if blend == "none" else result.photo, line.out)
            written += 1
        except (ValueError, OSError) as error:
            Progress.write(f"left out: {error}", file=sys.stderr)
    if written == 0:
        raise ValueError(f"{pairs} has no line that could be used: see the reasons above")
    print(f"{written} of {len(lines)} transfers with {album.encodings} encodings written to {out}")


def read_pairs(path: Path, out: Path) -> list[Pair]:
    """The lines of a CSV file; ValueError naming the line when something in it is wrong."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: give a CSV file with the columns hair and face")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES >> 20} MiB: split it")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = reader.fieldnames or []
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8 ({error}): save it again") from error
    if not {"hair", "face"} <= set(names) <= set(COLUMNS):
        raise ValueError(f"{path} has the columns {', '.join(map(str, names))}: it takes {', '.join(COLUMNS)}")
    if not 0 < len(rows) <= MOST_LINES:
        raise ValueError(f"{path} has {len(rows)} lines below its header: it must have 1 to {MOST_LINES:,}")
    lines = [_pair(f"{path} line {number}", row, path.parent, out) for number, row in rows]
    places: dict[Path, int] = {}
    for (number, _), line in zip(rows, lines, strict=True):
        if line.out in places:
            raise ValueError(
                f"{path} lines {places[line.out]} and {number} both write {line.out}: give them names (out)"
            )
        places[line.out] = number
    return lines


def _pair(where: str, row: dict[str, str | None], folder: Path, out: Path) -> Pair:
    if None in row or None in row.values():
        raise ValueError(f"{where} has not as many fields as the header: give each column one, empty ones too")
    given = {name: (text or "").strip() for name, text in row.items()}
    if not given["hair"] or not given["face"]:
        raise ValueError(f"{where} lacks hair or face: give a photo for each")
    hair, face = folder / given["hair"], folder / given["face"]
    name = given.get("out") or f"{hair.stem}-on-{face.stem}.png"
    if Path(name).name != name:
        raise ValueError(f"{where} has out {name}: give the name of a file, its folder is --out")
    check_image_path(name, f"{where} has out, but")
    try:
        strength = float(given.get("strength") or 1)
        check_strength(strength)
    except ValueError as error:
        raise ValueError(f"{where} has strength {given['strength']}: it must lie in 0 to 1.5") from error
    take = given.get("take") or "all"
    if take not in typing.get_args(Take):
        raise ValueError(f"{where} has take {take}: it is one of {', '.join(typing.get_args(Take))}")
    return Pair(hair, face, out / name, strength, typing.cast(Take, take))


if __name__ == "__main__":
    run(main)
