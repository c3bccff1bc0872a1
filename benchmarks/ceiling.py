"""What a perfect transfer scores in identity retrieval in the built-in world: the ceiling of `evaluation.retrieval`.

    python -m benchmarks.ceiling                                        # 10,000 faces, a minute or two of a core
    python -m benchmarks.ceiling --gallery 100000

The built-in generator's latents are factors of heads behind a rotation (recipes.factors), so the face of one sample
with the hair of another has a latent of its own: the hair's factors are exchanged. It need not be found first: hair
covers and shades a face, and the face network that judges is not blind to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.command import run
from data.files import write_json
from data.progress import Progress
from evaluation import rank_of_mate
from evaluation.retrieval import FIRST_SEED
from faces import load_embedder
from recipes import factors
from synth import latents, load_generator

ROWS = 64  # pictures per pass
HAIR = [number for number, name in enumerate(factors.NAMES) if name.startswith(("hair.", "cut."))]


@torch.inference_mode()
def embedded(z: Tensor, generator: Any, embed: Any, psi: float) -> np.ndarray:
    """(N, D) embeddings of the pictures of latents."""
    parts = []
    for rows in Progress(z.split(ROWS), unit="batch"):
        parts.append(embed(generator.synthesis(generator.mapping(rows, psi), noise="const").clamp(-1, 1)).numpy())
    return np.concatenate(parts)


def main(
    *, gallery: int = 10_000, queries: int = 1000, psi: float = 1.0, out: Path = Path("runs/benchmarks/ceiling.json")
) -> None:
    """Ranks of the face donors of exact exchanges of hair among generated faces.

    Args:
        gallery: number of faces, those of evaluation.retrieval
        queries: number of exchanges; the faces are the gallery's first, the hair is that of the next ones
        psi: truncation of all faces
        out: the same figures as JSON
    """
    if not 2 <= 2 * queries <= gallery:
        raise ValueError(f"--queries is {queries}: give 1 to {gallery // 2}, half of the gallery")
    generator, embed = load_generator("builtin", "cpu"), load_embedder("builtin", device="cpu")
    z = latents(range(FIRST_SEED, FIRST_SEED + gallery), generator.z_dim)
    exchanged = factors.exchanged(z[:queries], z[queries : 2 * queries], HAIR)
    faces, results = (embedded(part, generator, embed, psi) for part in (z, exchanged))
    ranks = np.asarray(rank_of_mate(results, faces, np.arange(queries)))
    figures = {"gallery": gallery, "queries": queries, "rank_1": float((ranks == 1).mean()),
               "mean_rank": float(ranks.mean()),
               "cosine": float((results * faces[:queries]).sum(1).mean())}  # fmt: skip
    print(", ".join(f"{name} {value:g}" for name, value in figures.items()))
    write_json(out, figures)


if __name__ == "__main__":
    run(main)
