"""A photo's hair, changed by amounts: `python -m hairnet.manipulate face.png --attribute hair_length --by -20,0,20`.

Amounts are in the attribute's unit, for its direction in the hair embedding carries what a step does (hairnet.steer).
In the photo, a colour changes as much as it changes in the generated picture; a shape as well, and the photo's own
strands are moved into it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.command import run
from data.files import check_file_place, check_folder_place, check_not_among, write_json
from data.images import check_image_path, read_image, to_uint8, write_image
from directions.edit import parse_values
from faces.parsing import load_parser
from hairnet.embeddings import Album
from hairnet.model import HairNet, load_network
from hairnet.photo.adjust import in_colour, in_shape
from hairnet.steer import measure
from hairnet.steering import COLOUR, HairDirection, load_steering, read_published
from hairnet.strips import contact, frame

MOST_LENGTHS = 1000  # of a vector of a latent_directions.pkl; its authors go to about 25


def main(
    face: Path,
    *,
    attribute: str,
    by: str | None = None,
    to: str | None = None,
    out: Path = Path("manipulation.png"),
    frames: Path | None = None,
    blend: Literal["alpha", "none"] = "alpha",
    directions: Path | None = None,
    aligned: bool = False,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    device: str | None = None,
) -> None:
    """Draws one photo with its own hair lighter, longer, more of it and so on, as a strip and as frames.

    Writes the strip, and what was measured on the generated pictures as JSON beside it. Of several faces in a photo
    the most central one counts. Have the consent of the people shown before you change or share their photos.

    Args:
        face: photo (PNG, JPEG, WebP, ...) of any size
        attribute: hair_lightness, hair_red, hair_yellow (CIELAB), hair_length (% of image height), hair_volume (% of
            image area), hair_fringe (% of forehead) or hair_structure (curls, % of gradient), as far as the network
            has directions for them; of a latent_directions.pkl: color or structure
        by: amounts to move by, in the attribute's unit, with commas between them: -20,0,20
        to: values to move to, instead of --by
        out: strip of all steps with captions, .png, .jpg or .webp
        frames: folder for every step by itself, at full size: the whole photo, with --blend none what is generated
        blend: alpha changes the hair in the photo; none shows what the generator draws
        directions: a file of hairnet.steer, left out: hair-directions.safetensors beside the network; or the
            latent_directions.pkl of FG 2021, which has no units: --by then counts its vectors, such as -25,0,25
        aligned: true when the file is an FFHQ crop already, such as a generated face: nothing is detected then
        network: "builtin" or a network that hairnet.load_network takes
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes: it measures and finds hair
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    if (by is None) == (to is None):
        raise ValueError("--by and --to: give exactly one of them, such as --by -20,0,20")
    flag, text = ("--by", by) if by is not None else ("--to", to)
    values = parse_values(text or "", flag)
    check_image_path(out, "--out")
    check_file_place(out)
    check_not_among([out, out.with_suffix(".json")], [face])
    if frames is not None:
        check_folder_place(frames, "--frames")
        check_not_among([frame(frames, k) for k in range(len(values))], [face], "--frames")
    read_image(face)
    judge = load_parser(parser, device)
    album = Album(load_network(network, device, generator), judge, aligned)
    net = album.net
    person, hair = album.portrait(face), album.embedding(face, "hair")
    if directions is not None and directions.suffix == ".pkl":
        check_lengths(values, flag, text or "", directions)
        moved, start, unit = published_moves(net, hair, directions, attribute, values), None, ""
    else:
        steered = (net.steering if directions is None else load_steering(directions, net))[attribute]
        start, unit = float(steered.estimate(hair)[0]), steered.unit
        amounts = values if by is not None else values - start
        check_reach(steered, start, amounts, flag, text or "")
        moved = torch.cat([steered.move(hair, float(amount)) for amount in amounts])
    generated = drawn(net, album.embedding(face, "face"), torch.cat([hair, moved]))
    found = measure(np.stack([np.asarray(one) for one in generated]), judge)
    if blend == "none":
        pictures = whole = generated[1:]
    else:
        change = in_colour if attribute in (*COLOUR, "color") else in_shape
        made = [change(person.canvas, generated[0], one, judge) for one in generated[1:]]
        pictures = [one.crop for one in made]
        whole = [person.canvas.to_photo(person.aligned, one.picture, one.mask) for one in made]
    captions = [f"{flag[2:]} {value:+g} {unit.removeprefix('CIE ')}".rstrip() for value in values]
    write_image(contact(pictures, len(pictures), captions), out)
    if frames is not None:
        for k, picture in enumerate(whole):
            write_image(picture, frame(frames, k))
    own, *measured = [known(value) for value in found.get(attribute, np.full(len(generated), np.nan))]
    rows = [{flag[2:]: value} | after for value, after in zip(values, measured, strict=True)]
    figures = {"attribute": attribute, "unit": unit, **({} if start is None else {"estimated": start}), **own}
    write_json(out.with_suffix(".json"), figures | {"pictures": rows})
    print(f"{attribute} of the picture generated with its own hair{in_words(own, unit)}: {out} written")
    for value, after in zip(values, measured, strict=True):
        print(f"{flag[2:]} {value:+g}{in_words(after, unit)}")


def known(value: float) -> dict[str, float]:
    """A measured value for a file, nothing where none could be measured."""
    return {"measured": float(value)} if np.isfinite(value) else {}


def in_words(found: dict[str, float], unit: str) -> str:
    return f"  ->  measured {found['measured']:.1f} {unit}" if found else ""


@torch.no_grad()
def drawn(net: HairNet, face: Tensor, hairs: Tensor) -> list[Image.Image]:
    """The generator's picture of a face embedding (1, D) with each of the hair embeddings (N, D)."""
    return [Image.fromarray(to_uint8(net.pictures(net.decode(face, one)))[0]) for one in hairs.split(1)]


def check_reach(one: HairDirection, start: float, amounts: np.ndarray, flag: str, text: str) -> None:
    """ValueError when a value lies further outside the measured reach than the reach is wide."""
    low, high = one.reach
    width = high - low
    if (start + amounts).min() < low - width or (start + amounts).max() > high + width:
        offset = start if flag == "--by" else 0.0
        allowed = f"{np.ceil(low - width - offset):.0f} to {np.floor(high + width - offset):.0f}"
        raise ValueError(
            f"{flag} is {text}, but {one.aspect} is estimated as {start:.1f} {one.unit} and moves reach from "
            f"{low:.0f} to {high:.0f}: give values from {allowed}"
        )


def check_lengths(amounts: np.ndarray, flag: str, text: str, path: Path) -> None:
    """ValueError when a latent_directions.pkl cannot be followed by these amounts, which count its vectors."""
    if flag != "--by":
        raise ValueError(f"{flag} is {text}, but {path} has no units, only lengths: give --by, such as --by -25,0,25")
    if np.abs(amounts).max() > MOST_LENGTHS:
        raise ValueError(f"{flag} is {text}: with {path} it must lie in -{MOST_LENGTHS} to {MOST_LENGTHS}")


def published_moves(net: HairNet, hair: Tensor, path: Path, name: str, amounts: np.ndarray) -> Tensor:
    """Hair embeddings (S, D) moved along a vector of a latent_directions.pkl, in its own lengths."""
    vectors = read_published(path)
    if name not in vectors:
        raise ValueError(f"--attribute is {name!r}, but {path} has {', '.join(vectors)}")
    vector = vectors[name]
    if len(vector) != hair.shape[1]:
        raise ValueError(
            f"{path} has {len(vector)} numbers for {name}, but embeddings of this network have {hair.shape[1]}: "
            "give the directions that belong to it"
        )
    return hair + torch.from_numpy(amounts[:, None] * vector).to(hair)


if __name__ == "__main__":
    run(main)
