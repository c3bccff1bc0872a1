"""Score methods against ground truth.

python -m evaluation.benchmark                                   four methods; half an hour on two cores at first
python -m evaluation.benchmark --per-bucket 4 --out runs/look    a quick look
python -m evaluation.benchmark --method hairnet --network runs/demo/hairnet/hairnet.safetensors --out runs/x
"""

from __future__ import annotations

from pathlib import Path

from data.command import run
from data.files import check_folder_place
from data.world import device_of
from evaluation.benchmark import report, runs
from evaluation.benchmark.score import Judges
from evaluation.benchmark.triples import CROWD
from hairnet.photo.composite import Blend
from synth.heads.render import check_size


def main(
    *,
    method: str = "truth,copy-face,paste,hairnet",
    network: str = "builtin",
    generator: str | None = None,
    blend: Blend = "none",
    parser: str = "builtin",
    embedder: str = "builtin",
    hair_embedder: str = "builtin",
    perceptual: str = "builtin",
    per_bucket: int | None = None,
    size: int = 64,
    seed: int = 0,
    out: Path = runs.OUT,
    cache: Path = runs.CACHE,
    export: Path | None = None,
    workers: int | None = None,
    device: str | None = None,
    force: bool = False,
) -> None:
    """Scores methods of hair transfer on 780 fixed triples of renders, for each of which the true result is known.

    A triple is a person, a hair donor in another pose, and this person with that hair. Writes for each method its
    figures (.json, .csv), tables (.md) and pictures (.png), and a comparison of several; docs/benchmark.md explains
    them. What is rendered and scored is kept: the same command goes on where it was killed.

    Args:
        method: one or several of truth, copy-face, paste, hairnet and folders of result pictures, with commas
        network: the HairNet to score, "builtin" or a file
        generator: the generator it was trained with; None is where the network says it lies
        blend: none scores the network's own pictures; alpha, multiband, poisson blend the hair into the face picture
        parser: finds the hair of results, and pastes; "builtin" or a file
        embedder: the face network that judges identity, "builtin" or a file that no loss has used
        hair_embedder: the hair descriptor that judges, "builtin" or a file
        perceptual: "builtin" (features of the shipped pose network), or LPIPS's files (.pth), by commas
        per_bucket: only the first so many triples of each bucket; None is the whole list
        size: side of the pictures in pixels, 64 to 1024
        seed: of the bootstrap
        out: folder of the results
        cache: folder of the rendered pictures
        export: writes the pictures that a method is given into this folder, and scores nothing
        workers: processes that render and score; None is one per core; on a GPU one scores
        device: cpu, cuda, cuda:1, ...; None takes CUDA where there is one
        force: true scores even with an embedder that the network was trained with
    """
    check_size(size)
    if size < 64:
        raise ValueError(f"--size is {size}, but judges need pictures of at least 64 px: give 64 to 1024")
    for name, value, most in (("per-bucket", per_bucket, CROWD), ("workers", workers, 1024)):
        if value is not None and not 1 <= value <= most:
            raise ValueError(f"--{name} is {value}: give 1 to {most}, or leave it out")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed is {seed}, but a seed is a whole number from 0 to {2**32 - 1}")
    check_folder_place(out)
    check_folder_place(cache, "--cache")
    judges = Judges.find(parser, embedder, hair_embedder, perceptual, str(device_of(device)))
    plan = runs.make_plan(per_bucket, size, cache, out, judges, workers)
    if export is not None:
        check_folder_place(export, "--export")
        print(f"{runs.export(plan, export)} triples in {export}: see {export / 'README.txt'}")
        return
    methods = runs.chosen_methods(method, network, generator, blend, parser, plan.triples)
    found = runs.benchmark(plan, methods, seed, force)
    if len(methods) > 1:
        print(report.terminal(found))
        print(out / "comparison.md")
    else:
        print(report.method_tables(found))
    print(", ".join(str(out / f"{chosen.title}.json") for chosen in methods))


if __name__ == "__main__":
    run(main)
