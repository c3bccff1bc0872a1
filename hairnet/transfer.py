"""The hair of one photo on the face of another.

    python -m hairnet.transfer a.png b.png                       writes a-on-b.png: photo b with the hair of photo a
    python -m hairnet.transfer a.png b.png --out c.png --blend none --network runs/demo/hairnet/hairnet.safetensors
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

from PIL import Image

from data.command import run
from data.images import check_image_path, read_image, write_image
from faces import Aligned, align
from faces.parsing import load_parser
from hairnet.model import load_network


def main(
    hair: Path,
    face: Path,
    *,
    out: Path | None = None,
    network: str = "builtin",
    generator: str | None = None,
    parser: str = "builtin",
    blend: Literal["face", "none"] = "face",
    device: str | None = None,
) -> None:
    """Puts the hair of one photo on the face of another, and the result back into that whole photo.

    Of several faces in a photo the most central one counts.

    Args:
        hair: photo (PNG, JPEG, WebP, ...) of any size that shows the hair
        face: photo of any size that shows the face; the result is this photo with other hair
        out: image to write: .png, .jpg or .webp; left out: HAIR-on-FACE.png in the current folder
        network: "builtin" or a hairnet.safetensors that hairnet.train wrote
        generator: where the network's generator lies; left out: where it lay at the training
        parser: "builtin" or a file that faces.load_parser takes: it finds the hair; not used by --blend none
        blend: face keeps the photo's own pixels wherever no hair comes or goes; none writes the generated crop as it is
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    started = time.monotonic()
    out = Path(f"{hair.stem}-on-{face.stem}.png") if out is None else out
    check_target(out)
    photos = [read_image(path) for path in (hair, face)]
    net = load_network(network, device, generator)
    judge = load_parser(parser, device) if blend == "face" else None
    result = net.transfer_aligned(align_named(photos[0], hair), align_named(photos[1], face), blend, judge)
    write_image(result.generated if blend == "none" else result.photo, out)
    print(f"{out} written in {time.monotonic() - started:.1f} s")


def align_named(photo: Image.Image, path: Path) -> Aligned:
    """`align`, its refusal naming the file."""
    try:
        return align(photo)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_target(out: Path) -> None:
    """ValueError when no image can be written to `out`."""
    check_image_path(out)
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder: give the name of an image in it")
    folder = out.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ValueError(f"--out {out} cannot be written: {folder} is not a folder that you may write to")


if __name__ == "__main__":
    run(main)
