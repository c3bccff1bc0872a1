"""The hair of one photo on the face of another.

python -m hairnet.transfer a.png b.png                       writes a-on-b.png: photo b with the hair of photo a
python -m hairnet.transfer a.png people --out results        a folder of photos, one after another
python -m hairnet.transfer a.png b.png --out c.png --blend none --network runs/demo/hairnet/hairnet.safetensors
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image

from data.command import run
from data.files import check_file_place, check_folder_place, check_not_among
from data.images import check_image_path, read_image, write_image
from data.photos import names_of, photos_of
from data.progress import Progress
from faces.align import align_at
from faces.detect import chosen, detect, listed
from faces.parsing import Parser, load_parser
from hairnet.mix import Take, check_corrections, check_strength
from hairnet.model import HairNet, Portrait, Result, load_network
from hairnet.photo.composite import Blend, Strands
from hairnet.photo.quality import warnings


def main(
    hair: Path,
    face: Path,
    *,
    out: Path | None = None,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    blend: Blend = "alpha",
    strands: Strands = "photo",
    strength: float = 1.0,
    take: Take = "all",
    corrections: int = 0,
    hair_pick: str | None = None,
    face_pick: str | None = None,
    debug: Path | None = None,
    device: str | None = None,
) -> None:
    """Puts the hair of one photo on the face of another, and the result back into that whole photo.

    Of several faces in a photo the most central one counts, unless --hair-pick or --face-pick name another.
    Have the consent of the people shown, and the right to use the photos, before you change or share them.

    Args:
        hair: photo (PNG, JPEG, WebP, ...) of any size that shows the hair
        face: photo of any size that shows the face: the result is this photo with other hair; or a folder of photos
        out: image to write (.png, .jpg or .webp), or the folder for a folder's results; left out: HAIR-on-FACE.png in
            the current folder, or the folder "transfers"
        network: "builtin" or a hairnet.safetensors that hairnet.train wrote
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes: it finds the hair
        blend: how the hair is laid into the photo; none writes the generated crop as it is
        strands: photo fills the shape that the network draws with the hair of the hair photo; network takes the hair as
            the network draws it, the better choice for a generator that draws strands
        strength: 0 leaves the photo as it is, 1 gives it the new hair, what lies between is on the way; up to 1.5
        take: colour recolours the hair of the face photo; shape gives it the new hair in the colour of its own
        corrections: second looks of the network at its picture, 0 to 3: 1 keeps more of a person, with --blend none
        hair_pick: which face of the hair photo: its number from the left, or a point in it, "x,y" in pixels
        face_pick: the same for the face photo
        debug: folder for a sheet that shows every stage of each transfer
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    started = time.monotonic()
    check_strength(strength)
    check_corrections(corrections)
    if corrections and (strength != 1 or take != "all"):
        raise ValueError("--corrections is for whole transfers: leave --strength and --take out, or --corrections")
    faces = photos_of(face) if face.is_dir() else [face]
    targets = targets_of(hair, faces, face.is_dir(), out)
    if debug is not None:
        sheets = [sheet_of(debug, hair, path) for path in faces]
        check_folder_place(debug, "--debug")
        check_not_among(sheets, [hair, *faces], "--debug")
        if {path.resolve() for path in sheets} & {path.resolve() for path in targets}:
            raise ValueError(f"--debug {debug} has sheets of the same names as the results: give another folder")
    photo = read_image(hair)
    first = None if face.is_dir() else read_image(face)
    net = load_network(network, device, generator)
    judge = load_parser(parser, device)
    donor = portrait(photo, hair, hair_pick, judge)
    if first is not None:
        person = portrait(first, face, face_pick, judge)
        result = one(net, donor, hair, person, face, targets[0], blend, strands, debug, strength, take, corrections)
        say(hair, warnings(donor.aligned, donor.canvas, donor=True) if result.composite else [])
        print(f"{targets[0]} written in {time.monotonic() - started:.1f} s")
        return
    say(hair, warnings(donor.aligned, donor.canvas, donor=True))
    written = 0
    for path, target in zip(Progress(faces, unit="photo"), targets, strict=True):
        try:
            person = portrait(read_image(path), path, face_pick, judge)
            one(net, donor, hair, person, path, target, blend, strands, debug, strength, take, corrections)
            written += 1
        except (ValueError, OSError) as error:
            Progress.write(f"left out: {error}", file=sys.stderr)
    if written == 0:
        raise ValueError(f"{face} holds no photo that could be used: see the reasons above")
    print(f"{written} of {len(faces)} photos written to {targets[0].parent} in {time.monotonic() - started:.1f} s")


def one(
    net: HairNet,
    donor: Portrait,
    hair: Path,
    person: Portrait,
    face: Path,
    target: Path,
    blend: Blend,
    strands: Strands,
    debug: Path | None,
    strength: float = 1.0,
    take: Take = "all",
    corrections: int = 0,
) -> Result:
    """Transfers between two portraits and writes the result, its sheet of stages and warnings about the face photo."""
    result = net.wear(donor, person, blend, strands, strength, take, corrections)
    write_image(result.generated if blend == "none" else result.photo, target)
    if result.composite is not None:
        say(face, warnings(person.aligned, person.canvas, donor=False))
        if debug is not None:
            write_image(result.composite.stages(), sheet_of(debug, hair, face))
    return result


def portrait(photo: Image.Image, path: Path, pick: str | None, parser: Parser) -> Portrait:
    """The chosen face of a photo; refusals name the file, and several faces are listed."""
    faces = detect(photo)
    try:
        row = chosen(faces, *photo.size, pick)
        if len(faces) > 1 and pick is None:
            say(path, [f"shows {listed(faces)} (x,y in pixels); the most central one is taken"])
        return Portrait(align_at(photo, faces.points[row]), parser)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def say(path: Path, sentences: list[str]) -> None:
    """Prints what a user should know about a photo, beside the progress bar."""
    for sentence in sentences:
        Progress.write(f"note: {path}: {sentence}", file=sys.stderr)


def sheet_of(debug: Path, hair: Path, face: Path) -> Path:
    """Where the sheet of a transfer's stages goes."""
    return debug / f"{hair.stem}-on-{face.stem}.png"


def targets_of(hair: Path, faces: list[Path], folder: bool, out: Path | None) -> list[Path]:
    """Where the results go; ValueError when nothing can be written there."""
    if not folder:
        target = out or Path(f"{hair.stem}-on-{faces[0].stem}.png")
        check_image_path(target, "--out")
        check_file_place(target)
        check_not_among([target], [hair, *faces])
        return [target]
    place = out or Path("transfers")
    if place.suffix:
        raise ValueError(f"--out {place} names one image: give a folder for the results of a folder")
    check_folder_place(place)
    targets = [place / f"{hair.stem}-on-{name}.png" for name in names_of(faces).values()]
    check_not_among(targets, [hair, *faces])
    return targets


if __name__ == "__main__":
    run(main)
