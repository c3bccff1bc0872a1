"""How well the embedders tell persons and hairstyles apart that they have not seen.

    python -m benchmarks.identity                     # the four built-in networks
    python -m benchmarks.identity --photos folder     # real photos instead of shared/material/identities

Renders: fresh persons, each with four other hairstyles, poses, expressions, lights and scenes, at 128 px and halved to
64 px; the same for hairstyles, where a second line leaves out bald heads and renders with a hat, which show no hair.
Generated: fresh people (and hairstyles) of the built-in generator, 64 px, each four times, with all that is not the
person (the hair) from other samples.
Rank-1: the first render of each person is the gallery, the others are queries. TAR at FAR 1e-3: over all pairs.
Photos: one folder of photos per person, aligned by their most central face.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.command import run
from data.files import write_json
from data.images import read_image
from data.workers import Workers
from data.world import cores
from faces import Embedder, load_embedder
from recipes.figures import embeddings, retrieval_figures
from recipes.generated import sampled
from recipes.generated_people import SAME, class_latents
from recipes.renders import Plan
from synth import load_generator
from synth.heads import style_name

FIRST = 21_000_000  # first seed of the renders: no set for training reaches it
WIGS = 4
SIZE = 128  # px
PER_TASK = 64  # renders
PHOTOS = Path(__file__).resolve().parents[2] / "shared/material/identities"
NETWORKS = {"builtin": "person", "builtin-loss": "person", "builtin-hair": "hair", "builtin-hair-scorer": "hair"}


def fresh_people(heads: int, size: int = SIZE) -> dict[str, np.ndarray]:
    """`heads` persons x 4 hairstyles: image (N, S, S, 3) uint8, person and hair (N,) int64, shows (N,) bool.

    `shows`: whether any hair is to be seen, that is, the head is not bald and wears no hat.
    """
    plan = Plan("people", heads, WIGS, poses=1, size=size, first=FIRST, shard_size=PER_TASK)
    with Workers(min(cores(), plan.shards), "a rendering process") as pool:
        parts = list(pool.in_order(rendered, [(plan, shard) for shard in range(plan.shards)]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rendered(task: tuple[Plan, int]) -> dict[str, np.ndarray]:
    """One shard of a plan."""
    plan, shard = task
    rows = list(plan.renders(shard))
    drawn = [plan.head(number)[0] for _, number, *_ in rows]
    return {
        "image": np.stack([picture.image for picture, *_ in rows]),
        "person": np.array([person for _, _, person, _ in rows]),
        "hair": np.array([hair for *_, hair in rows]),
        "shows": np.array([head.scene.hat <= 0.5 and style_name(head.hair.style) != "bald" for head in drawn]),
    }


def halved(images: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 -> (N, S / 2, S / 2, 3) uint8: means of 2 x 2 pixels."""
    count, side = images.shape[:2]
    blocks = images.reshape(count, side // 2, 2, side // 2, 2, 3)
    return blocks.mean((2, 4), dtype=np.float32).round().astype(np.uint8)


def generated(same: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Persons or hairstyles of the built-in generator, 4 pictures each: (N, S, S, 3) uint8, (N,) int64 which."""
    numbers = range(FIRST, FIRST + classes)
    images = sampled(load_generator("builtin", "cpu"), class_latents(same, numbers, WIGS), psi=1.0)
    return images, np.repeat(np.array(numbers), WIGS)


def seen_twice(classes: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(N,) bool: the rows `kept` whose class has at least two of them."""
    counts = np.bincount(classes[kept], minlength=int(classes.max()) + 1)
    return kept & (counts[classes] >= 2)


def on_photos(embedder: Embedder, folder: Path) -> dict[str, float]:
    """Figures on real photos, one folder per person."""
    vectors, persons = [], []
    for person, place in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for path in sorted(place.iterdir()):
            vectors.append(embedder.embed_photo(read_image(path)))
            persons.append(person)
    return retrieval_figures(np.stack(vectors), np.array(persons))


def main(*, heads: int = 400, photos: Path = PHOTOS, out: Path = Path("runs/benchmarks/identity.json")) -> None:
    """Prints the figures of the built-in embedders.

    Args:
        heads: number of fresh persons and of fresh hairstyles, four renders each
        photos: folder with one folder of photos per person; skipped where there is none
        out: the same figures as JSON
    """
    networks = {name: load_embedder(name, device="cpu") for name in NETWORKS}
    people, samples = fresh_people(heads), {same: generated(same, heads) for same in SAME}
    sizes, shown = (people["image"], halved(people["image"])), seen_twice(people["hair"], people["shows"])
    figures: dict[str, dict[str, float]] = {}
    for name, column in NETWORKS.items():
        for pictures in sizes:
            where = f"{name} on renders of {pictures.shape[1]} px"
            vectors = embeddings(networks[name], pictures)
            figures[where] = retrieval_figures(vectors, people[column])
            if column == "hair":
                figures[f"{where} that show hair"] = retrieval_figures(vectors[shown], people["hair"][shown])
        images, which = samples[column]
        figures[f"{name} on generated {column}s"] = retrieval_figures(embeddings(networks[name], images), which)
        if photos.is_dir() and column == "person":
            figures[f"{name} on photos"] = on_photos(networks[name], photos)
    for title, values in figures.items():
        print(title + ": " + ", ".join(f"{key} {value}" for key, value in values.items()))
    if not photos.is_dir():
        print(f"photos: skipped, {photos} is not a folder")
    write_json(out, figures)


if __name__ == "__main__":
    run(main)
