"""Transfers between your own photos, judged: the same person, the other one's hair, all else untouched?

    python -m evaluation.photos --images people                        built-in networks: they know renders, not people
    python -m evaluation.photos --images people --network ffhq/hairnet.safetensors --embedder w600k_r50.onnx \\
        --parser 79999_iter.pth --perceptual alexnet-owt-7be5be79.pth \\
        --inception weights-inception-2015-12-05-6726825d.pth
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from data.command import run
from data.files import check_folder_place
from evaluation.photos.judged import Settings, judged, told
from hairnet.photo.composite import Strands


def main(
    *,
    images: Path,
    pairs: int | None = None,
    network: str = "builtin",
    generator: str | None = None,
    embedder: str = "builtin",
    hair_embedder: str = "builtin",
    parser: str = "builtin",
    perceptual: str = "builtin",
    inception: Path | None = None,
    blend: Literal["alpha", "multiband", "poisson"] = "alpha",
    strands: Strands = "photo",
    seed: int = 0,
    out: Path = Path("runs/evaluation/photos"),
    device: str | None = None,
    force: bool = False,
) -> None:
    """Puts the hair of photos on the faces of others and measures what should have stayed and what should have come.

    Writes photos.json (figures with 95 % intervals, by yaw between the donors) and photos.png (examples) into the out
    folder, and keeps the pictures there: the same command again goes on where it was killed.

    Args:
        images: folder of photos; of several faces in a photo the most central one counts, none is an error
        pairs: number of transfers; left out: one for each photo
        network: the HairNet to judge, "builtin" or a .safetensors file
        generator: the generator it was trained with; left out: where the network says it lies
        embedder: the face network that judges: "builtin", .onnx, .pth, .pt; one that a loss has used is refused
        hair_embedder: the hair descriptor that judges, "builtin", a file or none
        parser: finds the hair, for the transfer and for the figures: "builtin" or a file such as 79999_iter.pth
        perceptual: "builtin" (not LPIPS), or LPIPS's files by commas: lpips.pth, or alexnet-owt-7be5be79.pth,alex.pth
        inception: torch-fidelity's Inception weights for FID and KID; left out: they are not computed
        blend: how the hair is laid into the photo
        strands: where the hair's pixels come from (see hairnet.transfer)
        seed: draws who wears whose hair
        out: folder of the results
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
        force: let a face network judge that a loss has used; its figures are marked
    """
    check_folder_place(out)
    if pairs is not None and pairs < 1:
        raise ValueError(f"--pairs is {pairs}, but at least one transfer has to be judged; leave it out for all photos")
    settings = Settings(images, pairs, network, generator, embedder, hair_embedder, parser, perceptual, inception,
                        blend, strands, seed, out, device, force)  # fmt: skip
    print(told(judged(settings)))
    print(f"{out / 'photos.json'}, {out / 'photos.png'}")


if __name__ == "__main__":
    run(main)
