"""Is it still the same person? Ranks the face donor of each transfer in a gallery of generated faces.

The protocol of Subrtova, Cech, Franc, "Hairstyle Transfer between Face Images" (FG 2021): a gallery of random generator
faces, transfers as queries, ranks by the cosine of a face network. Our own choices, where the paper says nothing: the
scorer is a network that no loss has ever used, nothing is blended (the original face pasted in would make identity
trivial), both donors are gallery members, and ties count against us. Three controls stand beside the figure: the rank
of the *hair* donor (should be chance: the hair picture must not carry identity), the reconstruction (face and hair from
one picture: the best this network can do), and the donor's own picture (whether the gallery has doubles).

    python -m evaluation.retrieval --gallery 1000 --queries 100        a small check
    python -m evaluation.retrieval --gallery 100000 --queries 1000     the paper's sizes; resumes when killed
    torchrun --nproc-per-node 8 -m evaluation.retrieval --gallery 10000000 --queries 10000
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from data.command import run
from data.files import check_folder_place, sha256, write_json
from data.images import write_image
from data.weights import builtin, load_network, resolve
from data.world import cores, device_of, join_world, leave_world, meet, place
from evaluation import figures
from evaluation.cache import Job, checked, gallery_jobs, make, read, read_rows, transfer_jobs
from evaluation.examples import contact_sheet
from evaluation.ranks import count_ahead, embeddings, exact_scores
from evaluation.studio import Setup, Studio
from synth.seeds import check_psi

FIRST_SEED = 1_000_000_000  # far from the seeds that anybody samples for training
MOST_FACES = 1_000_000_000  # of a gallery; there are four times as many seeds


def retrieval(
    gallery: int = 1000,
    queries: int = 100,
    network: str = "builtin",
    generator: str | None = None,
    embedder: str = "builtin",
    psi: float = 1.0,
    seed: int = 0,
    first_seed: int = FIRST_SEED,
    out: str | Path = "runs/evaluation/retrieval",
    workers: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Measures identity retrieval; returns what it writes to out/retrieval.json (beside it: retrieval.png).

    gallery: N faces, seeds first_seed ... first_seed + N - 1, truncated by psi. queries: M <= N transfers between
    members of the gallery, drawn by `seed`. network, generator, embedder: "builtin" or a path; generator None = where
    the network says its own lies. workers: processes, None = one per core on a CPU, one on a GPU. device: None = cuda
    if there.
    """
    check_numbers(gallery, queries, psi, seed, first_seed, workers)
    check_folder_place(out)
    rank, world = join_world()
    setup = open_setup(network, generator, embedder, psi, device)
    if rank == 0:
        Studio(setup)  # refuses what cannot be loaded before any work starts
    face, hair = draw_donors(gallery, queries, seed)
    facts = facts_of(setup)
    faces = gallery_jobs(Path(out), facts, first_seed, gallery)
    facts["network_sha256"] = sha256(setup.network)
    transfers = transfer_jobs(Path(out), facts, first_seed + face, first_seed + hair)
    processes = workers or (1 if setup.device.startswith("cuda") or world > 1 else cores())
    speed = {}
    for jobs in (faces, transfers):
        start = time.perf_counter()
        made = make(jobs[rank::world], setup, processes)
        speed[jobs[0].kind] = made * world / (time.perf_counter() - start) if made else None
    meet()
    codes = read(transfers)
    donors = {"face": read_rows(faces, face), "hair": read_rows(faces, hair)}
    ranks = rank_all(codes, donors, faces, {"face": face, "hair": hair}, setup.device)
    report = {
        "gallery": gallery,
        "queries": queries,
        "seed": seed,
        "first_seed": first_seed,
        **{name: figures.summary(found, gallery, seed) for name, found in ranks.items()},
        "chance": figures.chance(gallery),
        "rank_1_by_gallery_size": figures.curve(ranks["transfer"], gallery, seed),
        "rank_1_by_yaw_gap": figures.by_yaw_gap(ranks["transfer"], codes["face_yaw"], codes["hair_yaw"]),
        "cosine": figures.cosines(codes["transfer"], donors["face"], donors["hair"]),
        "conditions": {**facts, "scorer": str(setup.embedder), "blend": False, "noise": "const", "pictures": "uint8"},
        "rows_per_second": {**speed, "processes": processes * world},
    }
    if rank == 0:
        write_json(Path(out) / "retrieval.json", report)
        picture = contact_sheet(Studio(setup), faces, codes, ranks["transfer"])
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


def open_setup(network: str, generator: str | None, embedder: str, psi: float, device: str | None) -> Setup:
    """The network files to work with; ValueError when the scorer is not independent of the network's training."""
    there = device_of(device)
    scorer, net = resolve(embedder, "embedder"), resolve(network, "hairnet")
    config = load_network(net)[1]
    refuse_a_judge_that_trained(scorer, net, config)
    try:
        own = resolve(generator or config["generator"]["name"], "generator")
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"--network {net} does not name its generator; give a network that hairnet.train wrote"
        ) from error
    return Setup(own, scorer, net, float(psi), str(there))


def refuse_a_judge_that_trained(scorer: Path, network: Path, config: dict[str, Any]) -> None:
    """ValueError when a loss has used the scoring embedder: its figure would show the training, not the transfer."""
    digest, reason = sha256(scorer), None
    # Only our own files say what they are for; a published face network is taken at its word.
    kind = load_network(scorer)[1]["kind"] if scorer.suffix == ".safetensors" else "embedder"
    if digest in str(config):  # the config names, by sha256, all that the network was trained with
        reason = f"{network} was trained with it"
    elif digest == loss_digest():
        reason = "it is the built-in network of the losses"
    elif kind != "embedder":
        reason = f"it is of kind {kind}, not embedder"
    if reason is not None:
        raise ValueError(
            f"--embedder {scorer} cannot be the judge, since {reason}: give a face embedder that no loss has used"
        )


def loss_digest() -> str | None:
    """sha256 of the shipped embedder of the losses, None where none is shipped."""
    try:
        return sha256(builtin("embedder-loss"))
    except FileNotFoundError:
        return None


def facts_of(setup: Setup) -> dict[str, Any]:
    """All that the embedding of a seed depends on."""
    return {
        "generator_sha256": sha256(setup.generator),
        "embedder_sha256": sha256(setup.embedder),
        "psi": setup.psi,
        "micro_batch": setup.micro_batch,
        "device": setup.device.split(":")[0],
        "torch": str(torch.__version__),
    }


def draw_donors(gallery: int, queries: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gallery rows (M,) of the face donors, all different, and of the hair donors, each another than its face donor.

    Rows are independent samples, so evenly spaced face donors from a random start are as random as any others.
    """
    draws = np.random.RandomState(seed)
    face = (draws.randint(gallery) + np.arange(queries, dtype=np.int64) * gallery // queries) % gallery
    hair = draws.randint(0, gallery - 1, queries).astype(np.int64)
    return face, hair + (hair >= face)


def rank_all(
    codes: dict[str, np.ndarray],
    donors: dict[str, np.ndarray],
    faces: list[Job],
    rows: dict[str, np.ndarray],
    device: str,
) -> dict[str, np.ndarray]:
    """The exact ranks (M,) in one walk over the gallery, each process of the world over its own files.

    transfer: of the face donor, for the transfer. hair_donor: of the hair donor, for the transfer. reconstruction and
    own_picture: of the face donor, for its reconstruction and for itself.
    """
    asked = [
        ("transfer", codes["transfer"], "face"),
        ("hair_donor", codes["transfer"], "hair"),
        ("reconstruction", codes["reconstruction"], "face"),
        ("own_picture", donors["face"], "face"),
    ]
    queries = embeddings(np.concatenate([query for _, query, _ in asked]), "transfers").to(device)
    mates = embeddings(np.concatenate([donors[donor] for _, _, donor in asked]), "donors").to(device)
    own = exact_scores(queries, mates)
    mate = torch.from_numpy(np.concatenate([rows[donor] for _, _, donor in asked]))
    ahead = torch.zeros(len(mate), dtype=torch.int64)
    rank, world = place()
    for job in faces[rank::world]:
        part = embeddings(checked(job)["embedding"], str(job.path)).to(device)
        ahead += count_ahead(queries, own, part, mate - job.start)
    if world > 1:
        dist.all_reduce(ahead)
    parts = (1 + ahead.numpy()).reshape(len(asked), -1)
    return {name: parts[k] for k, (name, _, _) in enumerate(asked)}


def main(
    *,
    gallery: int = 1000,
    queries: int = 100,
    network: str = "builtin",
    generator: str | None = None,
    embedder: str = "builtin",
    psi: float = 1.0,
    seed: int = 0,
    first_seed: int = FIRST_SEED,
    out: Path = Path("runs/evaluation/retrieval"),
    workers: int | None = None,
    device: str | None = None,
) -> None:
    """Measures whether a transfer is still the same person: the exact rank of its face donor in a generated gallery.

    Writes retrieval.json (figures with 95 % intervals, controls, conditions) and retrieval.png (examples) into the out
    folder. Embeddings are kept there: the same command again goes on where it was killed.

    Args:
        gallery: number of faces in the gallery, 2 to 1000000000
        queries: number of transfers, at most as many as the gallery; each has another face donor
        network: the HairNet to judge, "builtin" or a .safetensors file
        generator: the generator it was trained with; None is where the network says it lies
        embedder: the face network that judges, "builtin" or a file; one that a training loss has used is refused
        psi: truncation of the gallery's faces, 1 is none; -2 to 2
        seed: draws the donors
        first_seed: the gallery is the faces of this seed and the following ones; keep away from training seeds
        out: folder of the results
        workers: processes that embed; None is one per core, or one on a GPU
        device: cpu, cuda, cuda:1, ...; None takes CUDA where there is one
    """
    report = retrieval(gallery, queries, network, generator, embedder, psi, seed, first_seed, out, workers, device)
    if place()[0] == 0:
        print(figures.table(report))
        print(f"{out / 'retrieval.json'}, {out / 'retrieval.png'}")
    leave_world()


if __name__ == "__main__":
    run(main)
