"""How far a picture tells the age of a face when the hair tells nothing of it: why age is not among the attributes.

    python -m benchmarks.age
    python -m benchmarks.age --renders runs/renders/pairs    # recipes.generator_data: the generator's world as well

Ridge regressions on what networks make of a picture, and on the pixels of the inner face; judged on heads that no fit
has seen. All wear the hair of others. The truth is the factor identity.age: 0 to 1, in the built-in generator's world
to 0.8. The embedder is the one for losses, which sees the inner face alone: the other one only ever scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from data.command import run
from data.files import write_json
from data.images import to_tensor
from data.progress import Progress
from data.shards import read_arrays, read_attrs
from directions.linear import bootstrap_interval
from directions.report import aligned
from faces.identity import INNER, load_embedder
from faces.landmarks import load_pose_network
from faces.reading import cut
from recipes import factors
from recipes.generator_data import maker, render_paths
from synth import latents
from synth.heads import Head, render

FIRST = 24_000_000  # first seed of the heads, and of those whose hair they wear: no set for training reaches it
HAIR = 1_000_000  # from a head's seed to that of its hair
SIZE, PIXELS = 64, 24
HELD_OUT = 3  # one head in so many, the last ones
GREY = 0.8  # age from which brows and beards turn grey
STRENGTHS = tuple(np.logspace(-1, 6, 12))
BATCH = 64


def main(
    *,
    heads: int = 1500,
    renders: Path | None = None,
    images: int = 6000,
    out: Path = Path("runs/benchmarks/age.json"),
) -> None:
    """Prints correlations of readouts with the true age.

    Args:
        heads: number of heads to render, 30 or more; 0.05 s of a core each
        renders: folder of recipes.generator_data, for the built-in generator's world; None: not that
        images: how many pictures of that folder
        out: the same figures as JSON
    """
    for flag, count in (("heads", heads), ("images", images)):
        if count < 30:
            raise ValueError(f"--{flag} is {count}: give 30 or more")
    worlds = {"heads with the hair of others": rendered(heads)}
    if renders is not None:
        worlds["the built-in generator's world"] = read(renders, images)
    rows, figures = [["pictures", "read from", "r", f"r below age {GREY}"]], {}
    for world, (pictures, ages) in worlds.items():
        for what, features in readers().items():
            found = readout(features(pictures), ages)
            figures[f"{world}, {what}"] = found
            rows.append([world, what, *(_shown(found, name) for name in ("r", "below"))])
    print(aligned(rows))
    write_json(out, figures)


def rendered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, S, S, 3) uint8 of heads that wear the hair of others, (N,) ages."""
    people = [Head.sample(seed) for seed in range(FIRST, FIRST + count)]
    worn = [head.wearing(Head.sample(FIRST + HAIR + k)) for k, head in enumerate(people)]
    pictures = [render(head, SIZE).image for head in Progress(worn, unit="head")]
    return np.stack(pictures), np.array([head.identity.age for head in people])


def read(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of the first renders of a folder, whose hair is independent of the person.

    ValueError where the folder holds fewer, or heads of another world or another renderer than there are now.
    """
    paths = render_paths(folder)
    if not paths:
        raise FileNotFoundError(
            f"--renders {folder} has no renders: run `python -m recipes.generator_data --out {folder}`"
        )
    parts: list[dict[str, np.ndarray]] = []
    while paths and sum(len(part["seed"]) for part in parts) < count:
        path = paths.pop(0)
        record = read_attrs(path)
        if (record.get("factors"), record.get("renderer")) != (json.dumps(factors.LIVE), maker()):
            raise ValueError(f"--renders: {path} is of another world or by another renderer: render the folder again")
        parts.append(read_arrays(path))
    images, seeds = (np.concatenate([part[name] for part in parts])[:count] for name in ("image", "seed"))
    if len(seeds) < count:
        raise ValueError(f"--images is {count}, but --renders {folder} has {len(seeds)}: give no more, or render more")
    units = factors.unit_factors(latents(seeds.tolist(), factors.Z_DIM))
    low, high = factors.LIVE["identity.age"]
    return images, low + (high - low) * units[:, factors.NAMES.index("identity.age")].numpy()


def readers() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """{what is read: (N, S, S, 3) uint8 -> (N, D)}."""
    embedder, pose = load_embedder("builtin-loss", "cpu"), load_pose_network("builtin", "cpu")
    return {
        "embedder for losses": _batched(embedder.vectors),
        "pose network": _batched(lambda x: pose.body(x).mean(dim=(2, 3))),
        "pixels of the inner face": _batched(lambda x: adaptive_avg_pool2d(cut(x, INNER), PIXELS).flatten(1)),
    }


def readout(features: np.ndarray, ages: np.ndarray) -> dict[str, Any]:
    """How a ridge regression on (N, D) features follows (N,) ages of the last heads, with 95 % intervals over them."""
    test = np.arange(len(ages)) >= len(ages) - len(ages) // HELD_OUT
    mean, scale = features[~test].mean(axis=0), features[~test].std(axis=0) + 1e-6
    x = (features - mean) / scale
    couples = np.stack([RidgeCV(STRENGTHS).fit(x[~test], ages[~test]).predict(x[test]), ages[test]], axis=1)
    young = couples[couples[:, 1] < GREY]
    return {
        "r": _r(couples),
        "r_95": bootstrap_interval(couples, _r),
        "below": _r(young),
        "below_95": bootstrap_interval(young, _r),
    }


def _batched(network: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    @torch.inference_mode()
    def features(images: np.ndarray) -> np.ndarray:
        parts = [network(to_tensor(images[k : k + BATCH])).numpy() for k in range(0, len(images), BATCH)]
        return np.concatenate(parts)

    return features


def _r(couples: np.ndarray) -> float:
    """(N, 2) -> correlation."""
    return float(np.corrcoef(couples.T)[0, 1])


def _shown(found: dict[str, Any], name: str) -> str:
    low, high = found[f"{name}_95"]
    return f"{found[name]:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    run(main)
