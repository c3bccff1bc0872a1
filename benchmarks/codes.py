"""What a transfer takes from the face and what from the hair, factor by factor of the built-in world.

    python -m benchmarks.codes                                   # the built-in network, two minutes of a core
    python -m benchmarks.codes --corrections 1
    python -m benchmarks.codes --network runs/demo/hairnet/hairnet.safetensors

W of the built-in generator holds every factor of a head on an axis of its own (recipes.generator_training), so the
factors of a result can be read off its code. Printed for each group of factors: the mean squared distance, in variances
of the factor, of the results' from the face donors' and from the hair donors'. 0 is the same, 2 a stranger's; a network
that guesses the mean has 1 to both. Identity, expression, pose and light are to be the face's, cut and hair the hair's.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from data.command import run
from data.files import write_json
from data.images import to_tensor, to_uint8
from data.progress import Progress
from directions.report import aligned
from evaluation.retrieval import FIRST_SEED
from hairnet import load_network
from hairnet.mix import check_corrections
from hairnet.model import HairNet, find_points
from recipes import factors
from recipes.generator_training import CENTRE, code_basis
from synth import latents

ROWS = 50  # transfers at a time
FIRST = FIRST_SEED - 100_000_000  # of the faces; no training samples here
NAMES = (*factors.NAMES, *(f"{factors.NAMES[number]} (wave)" for number in factors.STEPPED))
ALONE = ("pose.yaw", "pose.pitch")  # factors with a row of their own


@torch.inference_mode()
def codes_of(net: HairNet, pairs: int, corrections: int) -> tuple[Tensor, Tensor, Tensor]:
    """(pairs, CODE_DIM) factors of results, of face donors and of hair donors."""
    basis = torch.linalg.pinv(code_basis(net.generator.w_dim, seed=0))
    z = latents(range(FIRST, FIRST + 2 * pairs), net.generator.z_dim)
    parts = []
    for face, hair in Progress(list(zip(z[:pairs].split(ROWS), z[pairs:].split(ROWS), strict=True)), unit="batch"):
        ws = [net.generator.mapping(donors) for donors in (face, hair)]
        crops = [to_tensor(to_uint8(net.pictures(w))) for w in ws]
        points = [find_points(crop) for crop in crops]
        made = net.codes(*crops, *points, corrections)
        parts.append(torch.stack([(w.mean(1) - CENTRE) @ basis for w in (made, *ws)]))
    made, face, hair = torch.cat(parts, 1)
    return made, face, hair


def distances(made: Tensor, face: Tensor, hair: Tensor) -> dict[str, tuple[float, float]]:
    """{group of factors, or one factor: (to the face donors, to the hair donors)}."""
    groups = dict.fromkeys(name.partition(".")[0] for name in NAMES)
    columns = {group: [k for k, name in enumerate(NAMES) if name.startswith(f"{group}.")] for group in groups}
    columns |= {name: [NAMES.index(name)] for name in ALONE}
    return {
        name: tuple(float((made - donors)[:, chosen].square().mean()) for donors in (face, hair))
        for name, chosen in columns.items()
    }  # type: ignore[return-value]


def main(
    *,
    network: str = "builtin",
    pairs: int = 300,
    corrections: int = 0,
    out: Path = Path("runs/benchmarks/codes.json"),
) -> None:
    """Prints whose factors the results of transfers have.

    Args:
        network: "builtin" or a network of the built-in generator
        pairs: number of transfers
        corrections: second looks of the network at its own picture
        out: the same figures as JSON
    """
    if pairs < 1:
        raise ValueError(f"--pairs is {pairs}: it is at least 1")
    check_corrections(corrections)
    net = load_network(network, "cpu", "builtin")
    found = distances(*codes_of(net, pairs, corrections))
    rows = [[name, f"{face:.3f}", f"{hair:.3f}"] for name, (face, hair) in found.items()]
    print(aligned([["factors", "to the face", "to the hair"], *rows]))
    write_json(out, {"network": network, "pairs": pairs, "corrections": corrections, "distances": found})


if __name__ == "__main__":
    run(main)
