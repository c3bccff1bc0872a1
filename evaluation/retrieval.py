"""Is it still the same person, and is it the other one's hair? Ranks of a transfer's donors in a generated gallery.

The protocol of Subrtova, Cech, Franc, "Hairstyle Transfer between Face Images" (FG 2021): a gallery of random generator
faces, transfers as queries, ranks by the cosine of a face network. Our own choices, where the paper says nothing: the
scorer is a network that no loss has ever used, nothing is blended (the original face pasted in makes identity trivial:
that figure stands beside), both donors are gallery members, and ties count against us. The controls are in
`evaluation.questions`. The same with a hair descriptor asks for the hair donor.

    python -m evaluation.retrieval --gallery 1000 --queries 100        a small check
    python -m evaluation.retrieval --gallery 100000 --queries 1000     the paper's sizes; resumes when killed
    torchrun --nproc-per-node 8 -m evaluation.retrieval --gallery 10000000 --queries 10000
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from data.command import run
from data.files import check_folder_place, sha256, write_json
from data.images import write_image
from data.world import cores, join_world, leave_world, meet, place
from evaluation.cache import gallery_jobs, make, read, transfer_jobs
from evaluation.examples import contact_sheet
from evaluation.findings import hair_findings, identity_findings
from evaluation.judge import facts_of, open_setup
from evaluation.provenance import provenance
from evaluation.studio import Studio
from evaluation.table import table
from hairnet.mix import check_corrections
from synth.seeds import check_psi

FIRST_SEED = 1_000_000_000  # far from the seeds that anybody samples for training
MOST_FACES = 1_000_000_000  # of a gallery; there are four times as many seeds


def retrieval(
    gallery: int = 1000,
    queries: int = 100,
    network: str = "builtin",
    generator: str | None = None,
    embedder: str = "builtin",
    hair_embedder: str = "builtin",
    psi: float = 1.0,
    seed: int = 0,
    first_seed: int = FIRST_SEED,
    out: str | Path = "runs/evaluation/retrieval",
    workers: int | None = None,
    device: str | None = None,
    force: bool = False,
    corrections: int = 0,
) -> dict[str, Any]:
    """Measures retrieval; returns what it writes to out/retrieval.json (beside it: retrieval.png).

    gallery: N faces, seeds first_seed ... first_seed + N - 1, truncated by psi. queries: M <= N transfers between
    members of the gallery, drawn by `seed`. network, generator, embedder, hair_embedder: "builtin" or a path; generator
    None = where the network says its own lies; hair_embedder "none" judges no hair. workers: processes, None = one per
    core on a CPU, one on a GPU. device: None = cuda if there. force: let a network judge that a loss has
    used. corrections: second looks of the network at its own picture (`HairNet.corrected`).
    """
    check_numbers(gallery, queries, psi, seed, first_seed, workers)
    check_corrections(corrections)
    check_folder_place(out)
    rank, world = join_world()
    setup = open_setup(network, generator, embedder, psi, device, hair_embedder, force, corrections)
    studio = Studio(setup)  # refuses what cannot be loaded before any work starts
    face, hair = draw_donors(gallery, queries, seed)
    facts = facts_of(setup)
    faces = gallery_jobs(Path(out), facts, first_seed, gallery)
    transfers = transfer_jobs(
        Path(out),
        facts | {"network_sha256": sha256(setup.network), "corrections": corrections},
        first_seed + face,
        first_seed + hair,
    )
    processes = workers or (1 if setup.device.startswith("cuda") or world > 1 else cores())
    speed, seconds = {}, {}
    for jobs in (faces, transfers):
        start = time.perf_counter()
        made = make(jobs[rank::world], setup, processes)
        seconds[jobs[0].kind] = time.perf_counter() - start
        speed[jobs[0].kind] = made * world / seconds[jobs[0].kind] if made else None
    meet()
    start = time.perf_counter()
    codes, rows = read(transfers), {"face": face, "hair": hair}
    identity, answer = identity_findings(studio, faces, codes, rows, gallery, seed)
    hairs = hair_findings(studio, faces, codes, rows, gallery, seed)
    seconds["ranks"] = time.perf_counter() - start
    report = {
        "gallery": gallery,
        "queries": queries,
        "seed": seed,
        "first_seed": first_seed,
        **identity,
        "hair": hairs,
        "conditions": {
            **facts,
            "network_sha256": sha256(setup.network),
            "scorer": str(setup.embedder),
            "blend": False,
            "corrections": corrections,
            "noise": "const",
            "pictures": "uint8",
        },
        "rows_per_second": {**speed, "processes": processes * world},
        "seconds": seconds,
        "provenance": provenance(
            {
                "generator": setup.generator,
                "network": setup.network,
                "face scorer": setup.embedder,
                "hair scorer": setup.hair,
            }
        ),
    }
    if rank == 0:
        write_json(Path(out) / "retrieval.json", report)
        picture = contact_sheet(studio, faces, codes, answer)
        write_image(picture, Path(out) / "retrieval.png")
    meet()
    return report


def check_numbers(gallery: int, queries: int, psi: float, seed: int, first_seed: int, workers: int | None) -> None:
    """ValueError that names the flag of a number that cannot be."""
    if not 2 <= gallery <= MOST_FACES:
        raise ValueError(f"--gallery is {gallery}, but a gallery has 2 to {MOST_FACES:,} faces")
    if not 1 <= queries <= gallery:
        raise ValueError(f"--queries is {queries}, but each face donor is another gallery member: give 1 to {gallery}")
    check_psi(psi)
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed is {seed}, but a seed is a whole number from 0 to {2**32 - 1}")
    if not 0 <= first_seed <= 2**32 - gallery:
        raise ValueError(f"--first-seed is {first_seed}, but with this gallery it is from 0 to {2**32 - gallery}")
    if workers is not None and workers < 1:
        raise ValueError(f"--workers is {workers}, but at least one process has to work; leave it out for one per core")


def draw_donors(gallery: int, queries: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gallery rows (M,) of the face donors, all different, and of the hair donors, each another than its face donor.

    Rows are independent samples, so evenly spaced face donors from a random start are as random as any others.
    """
    draws = np.random.RandomState(seed)
    face = (draws.randint(gallery) + np.arange(queries, dtype=np.int64) * gallery // queries) % gallery
    hair = draws.randint(0, gallery - 1, queries).astype(np.int64)
    return face, hair + (hair >= face)


def main(
    *,
    gallery: int = 1000,
    queries: int = 100,
    network: str = "builtin",
    generator: str | None = None,
    embedder: str = "builtin",
    hair_embedder: str = "builtin",
    psi: float = 1.0,
    seed: int = 0,
    first_seed: int = FIRST_SEED,
    out: Path = Path("runs/evaluation/retrieval"),
    workers: int | None = None,
    device: str | None = None,
    force: bool = False,
    corrections: int = 0,
) -> None:
    """Measures whether a transfer is still the same person with the other one's hair: exact ranks of its face donor and
    of its hair donor in a generated gallery.

    Writes retrieval.json (figures with 95 % intervals, controls, conditions) and retrieval.png (examples) into the out
    folder. Embeddings are kept there: the same command again goes on where it was killed.

    Args:
        gallery: number of faces in the gallery, 2 to 1000000000
        queries: number of transfers, at most as many as the gallery; each has another face donor
        network: the HairNet to judge, "builtin" or a .safetensors file
        generator: the generator it was trained with; None is where the network says it lies
        embedder: the face network that judges, "builtin" or a file; one that a training loss has used is refused
        hair_embedder: the hair descriptor that judges, "builtin", a file or none; the report says if a loss used it
        psi: truncation of the gallery's faces, 1 is none; -2 to 2
        seed: draws the donors
        first_seed: the gallery is the faces of this seed and the following ones; keep away from training seeds
        out: folder of the results
        workers: processes that embed; None is one per core, or one on a GPU
        device: cpu, cuda, cuda:1, ...; None takes CUDA where there is one
        force: let a network judge that a loss has used; its figures are marked
        corrections: second looks of the network at its own picture, 0 to 3, as in hairnet.transfer
    """
    try:
        report = retrieval(
            gallery,
            queries,
            network,
            generator,
            embedder,
            hair_embedder,
            psi,
            seed,
            first_seed,
            out,
            workers,
            device,
            force,
            corrections,
        )
        if place()[0] == 0:
            print(table(report))
            print(f"{out / 'retrieval.json'}, {out / 'retrieval.png'}")
    finally:
        leave_world()


if __name__ == "__main__":
    run(main)
