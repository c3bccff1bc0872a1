"""What samples of the built-in generator are worth, against fresh renders of the same world.

    python -m benchmarks.generator                                        # the shipped one: 1,000 samples
    python -m benchmarks.generator --renders-folder runs/renders/pairs    # their neighbours in the training, too
    python -m benchmarks.generator --generators runs/g/snapshot-000125.safetensors,runs/g/snapshot-000200.safetensors

Faces: the share of samples in which MTCNN finds a face. Distance: the Frechet distance (Heusel et al. 2017) in the
scoring embedder's features between samples and renders, beside that between two sets of renders (what a perfect
generator would get at this number). Neighbours: no sample may lie nearer to a render of the training than renders that
the training has not seen do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from data.command import run
from data.files import write_json
from data.shards import read_arrays
from directions.render import Renderer
from faces import Embedder, detect_batch, load_embedder
from recipes import factors
from recipes.figures import embeddings
from recipes.generator_data import render_paths
from synth import heads, latents, load_generator
from synth.frechet import frechet
from synth.networks import Generator

FIRST = 23_000_000  # first seed: no training reaches it


def samples(generator: Generator, seeds: list[int], psi: float) -> np.ndarray:
    """(N, R, R, 3) uint8."""
    z = latents(seeds, generator.z_dim).to(generator.w_avg.device)
    with torch.no_grad():
        w = generator.mapping(z, psi=psi)[:, 0]
    return Renderer(generator)(w.cpu().numpy())


def renders(seeds: list[int], size: int) -> np.ndarray:
    """(N, size, size, 3) uint8: the heads that latents of these seeds stand for."""
    units = factors.unit_factors(latents(seeds, factors.Z_DIM))
    return np.stack([heads.render(factors.head(unit), size).image for unit in units])


def faces_found(images: np.ndarray) -> float:
    """Share of the pictures in which MTCNN finds a face."""
    return float(np.isfinite(detect_batch(images)).all((1, 2)).mean())


def nearest(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """(N,) cosine of each query's nearest neighbour; features of unit length."""
    return (queries @ gallery.T).max(axis=1)


def distances(embed: Embedder, fakes: np.ndarray, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The Frechet distance of samples to renders `one`, that of two sets of renders, and their ratio; all features."""
    ours = embeddings(embed, fakes)
    found, floor = frechet(ours, one), frechet(other, one)
    return {"frechet": found, "frechet_of_renders": floor, "ratio": found / floor}


def neighbours(embed: Embedder, fakes: np.ndarray, unseen: np.ndarray, folder: Path) -> dict[str, float]:
    """Cosines of the nearest training render: of the nearest sample, and of the nearest render that was not seen."""
    training = np.concatenate([read_arrays(path, ["image"])["image"] for path in render_paths(folder)])
    gallery = embeddings(embed, training)
    ours, theirs = (nearest(embeddings(embed, images), gallery) for images in (fakes, unseen))
    return {
        "training_renders": len(training),
        "samples_median": float(np.median(ours)),
        "samples_largest": float(ours.max()),
        "unseen_renders_median": float(np.median(theirs)),
        "unseen_renders_largest": float(theirs.max()),
    }


def main(
    *,
    generators: str = "builtin",
    count: int = 1000,
    renders_folder: Path | None = None,
    out: Path = Path("runs/benchmarks/generator.json"),
) -> None:
    """Prints the figures of generators that recipes.generator has made, snapshots of one training for example.

    Args:
        generators: "builtin" or paths of files, divided by commas, all with the latents of recipes.factors
        count: samples of each, and as many renders, twice
        renders_folder: the renders of their training, of `python -m recipes.generator_data`; none: no neighbours
        out: the same figures as JSON
    """
    if count < 200:
        raise ValueError(f"--count is {count}: a distribution of 128 features needs at least 200 pictures")
    if renders_folder is not None and not render_paths(renders_folder):
        raise ValueError(f"--renders-folder {renders_folder} holds no renders: run `python -m recipes.generator_data`")
    networks = read_generators(generators)
    embed = load_embedder("builtin", device="cpu")
    seeds = [FIRST + k for k in range(3 * count)]
    size = next(iter(networks.values())).resolution
    images = renders(seeds[count : 2 * count], size), renders(seeds[2 * count :], size)
    one, other = (embeddings(embed, pictures) for pictures in images)
    figures = {}
    for name, G in networks.items():
        fakes = samples(G, seeds[:count], psi=1.0)
        found = {
            "mtcnn_found_psi_1": faces_found(fakes),
            "mtcnn_found_psi_0.7": faces_found(samples(G, seeds[:count], psi=0.7)),
            **distances(embed, fakes, one, other),
        }
        if renders_folder is not None:
            found |= neighbours(embed, fakes, images[1], renders_folder)
        print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()), flush=True)
        figures[name] = found
    write_json(out, {"count": count, "generators": figures})


def read_generators(names: str) -> dict[str, Generator]:
    """The generators by name; ValueError when there is none, or they are not of one kind."""
    networks = {name: load_generator(name, device="cpu") for name in filter(None, names.split(","))}
    if not networks:
        raise ValueError('--generators names no file: give "builtin", or paths divided by commas')
    for name, G in networks.items():
        if G.z_dim != factors.Z_DIM:
            raise ValueError(
                f"{name} takes z of {G.z_dim} numbers, not {factors.Z_DIM}: it is not of recipes.generator"
            )
    if len({G.resolution for G in networks.values()}) > 1:
        raise ValueError(f"--generators {names} are of different resolutions: compare those of one")
    return networks


if __name__ == "__main__":
    run(main)
