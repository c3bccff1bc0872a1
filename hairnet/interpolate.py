"""Hair between the hair of several photos, on one face; or one hair on faces between several.

python -m hairnet.interpolate --hairs a.png,b.png --face face.png --steps 7
python -m hairnet.interpolate --hairs own,a.png --face face.png --strengths 0,0.25,0.5,0.75,1,1.25
python -m hairnet.interpolate --hairs a.png --face x.png,y.png --steps 7
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data.command import run
from data.files import check_file_place, check_folder_place, check_not_among
from data.images import check_image_path, read_image, to_uint8, write_image
from data.photos import parse_paths
from data.progress import Progress
from directions.edit import parse_values
from faces.parsing import load_parser
from hairnet.embeddings import Album
from hairnet.mix import Take, between, check_strength
from hairnet.mix import path as weights_of
from hairnet.model import load_network
from hairnet.photo.composite import Blend, Strands
from hairnet.photo.portraits import Result
from hairnet.strips import contact, frame

OWN = "own"  # instead of a photo: the hair that the face's photo shows


def main(
    *,
    hairs: str,
    face: str,
    steps: int = 7,
    strengths: str | None = None,
    take: Take = "all",
    out: Path = Path("interpolation.png"),
    frames: Path | None = None,
    blend: Blend = "alpha",
    strands: Strands = "photo",
    aligned: bool = False,
    cache: Path | None = None,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    device: str | None = None,
) -> None:
    """Draws the steps between two or more photos' hair on one face, as a strip and as frames.

    The first and the last step are the transfers from the first and the last photo. Of several faces in a photo the
    most central one counts. Have the consent of the people shown before you change or share their photos.

    Args:
        hairs: photos that show hair, with commas between them (a.png,b.png,c.png); the first may be "own", the hair
            that the face's photo shows itself: with all of it the photo stays as it is
        face: photo of the face; or several with commas between them and one in --hairs: then steps lie between faces,
            as the generator draws them (--blend none)
        steps: pictures from the first photo over the others to the last, at least as many as photos
        strengths: instead of --steps, with --hairs own,a.png: how far to go, 0 own hair, 1 that of a.png, up to 1.5
        take: all, or only the colour or the shape of the hair, on the way from the face's own: --hairs own,a.png
        out: strip of all steps with captions, .png, .jpg or .webp
        frames: folder for every step by itself, at full size: the whole photo, with --blend none what is generated
        blend: how hair is laid into the photo; none shows what the generator draws
        strands: photo takes the strands of the photos, network those that the generator draws
        aligned: true when the files are FFHQ crops already, such as generated faces: nothing is detected then
        cache: folder for embeddings, so that a photo is never encoded twice; left out: nothing is kept
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes; used for blending
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    donors, people = parse_paths(hairs, "--hairs"), parse_paths(face, "--face")
    own = donors[0] == Path(OWN)
    donors = donors[1:] if own else donors
    if not donors or Path(OWN) in donors:
        raise ValueError(f"--hairs is {hairs}: {OWN} may stand first, and at least one photo has to follow it")
    if len(people) > 1 and (len(donors) > 1 or own):
        raise ValueError(f"--face has {len(people)} photos: give one photo in --hairs, steps go between faces or hairs")
    if len(people) > 1 and blend != "none":
        raise ValueError("--face has several photos, and no photo shows a face between them: give --blend none as well")
    if (strengths is not None or take != "all") and not (own and len(donors) == 1):
        flag = "--strengths" if strengths is not None else "--take"
        raise ValueError(f"{flag} is for the way from the face's own hair to one photo's: give --hairs {OWN},a.png")
    amounts = None if strengths is None else parse_values(strengths, "--strengths")
    for amount in [] if amounts is None else amounts:
        check_strength(float(amount))
    weights = weights_of(max(len(people), len(donors) + own), steps) if amounts is None else _ways(amounts)
    check_image_path(out, "--out")
    check_file_place(out)
    check_not_among([out], [*donors, *people])
    if frames is not None:
        check_folder_place(frames, "--frames")
        check_not_among([frame(frames, k) for k in range(len(weights))], [*donors, *people], "--frames")
    if cache is not None:
        check_folder_place(cache, "--cache")
    for path in [*donors, *people]:
        read_image(path)
    album = Album(load_network(network, device, generator), load_parser(parser, device), aligned, cache)
    if len(people) > 1:
        pictures = between_faces(album, people, donors[0], weights)
        whole = pictures
        names = [one.stem for one in people]
    else:
        results = between_hairs(album, people[0], donors, weights, own, take, blend, strands)
        pictures = [one.image for one in results]
        whole = [one.generated if blend == "none" else one.photo for one in results]
        names = [OWN] * own + [one.stem for one in donors]
    write_image(contact(pictures, len(pictures), [caption(names, row) for row in weights]), out)
    if frames is not None:
        for k, picture in enumerate(whole):
            write_image(picture, frame(frames, k))
    print(f"{len(pictures)} steps with {album.encodings} encodings: {out} written")


def between_hairs(
    album: Album,
    face: Path,
    hairs: list[Path],
    weights: np.ndarray,
    own: bool = False,
    take: Take = "all",
    blend: Blend = "alpha",
    strands: Strands = "photo",
) -> list[Result]:
    """A result for each row of weights (S, K) of the hairs; with `own` (S, 1 + K), the first the face's own hair's."""
    look = album.look(face, hairs)
    results = []
    for row in Progress(weights, unit="step"):
        strength = 1 - row[0] if own else 1.0
        shares = row[1:] / (strength or 1) if own else row
        if not shares.any():
            shares = np.eye(len(hairs))[0]
        results.append(look.at(shares, strength, take, blend, strands))
    return results


@torch.no_grad()
def between_faces(album: Album, faces: list[Path], hair: Path, weights: np.ndarray) -> list[Image.Image]:
    """The generator's picture for each row of weights (S, K) of the faces, all with one hair."""
    mixed = between(album.embeddings(faces, "face"), weights)
    worn = album.embedding(hair, "hair")
    return [Image.fromarray(to_uint8(album.net.pictures(album.net.decode(one, worn)))[0]) for one in mixed.split(1)]


def caption(names: list[str], weights: np.ndarray) -> str:
    """Such as `30 % a + 70 % b`."""
    return " + ".join(f"{100 * w:.0f} % {name}" for name, w in zip(names, weights, strict=True) if abs(w) > 1e-9)


def _ways(strengths: np.ndarray) -> np.ndarray:
    """(S,) strengths -> (S, 2) weights of the own and the other hair."""
    return np.stack([1 - strengths, strengths], 1)


if __name__ == "__main__":
    run(main)
