"""Makes the built-in embedders: renders and samples in, one network of `data/weights/` out.

    python -m recipes.renders --set people --heads 4500 --size 128 --out runs/renders/people    # 0.06 s each and core
    python -m recipes.generated_people --out runs/renders/generated-people
    python -m recipes.identity --kind embedder                          # who it is; only ever scores
    python -m recipes.identity --kind embedder-loss                     # who it is; for losses
    python -m recipes.renders --set wigs --heads 4500 --out runs/renders/wigs
    python -m recipes.identity --kind hair                              # which hair it wears; for losses
    python -m recipes.generated_people --same hair --out runs/renders/generated-hairs
    python -m recipes.identity --kind hair-scorer                       # which hair it wears; only ever scores

The two identity networks differ in architecture (faces.identity), in the persons they are trained on (even and odd
numbers), in seed and in the order of what they see: what pleases the one need not please the other. Besides renders
they see people of the built-in generator, each under all kinds of hair, so that in its pictures, too, they look at the
face alone; so does the descriptor that scores hair. Classes are persons or hairstyles. First a network learns to read
what a class is, which only renders and latents can tell (recipes.classes). Then ArcFace's loss (Deng, Guo, Xue,
Zafeiriou, CVPR 2019, eq. 3) makes of them an angle that tells classes apart. The direction of a class is itself made of
what is known of it, plus a deviation: a class has a dozen pictures, too few to find its place among ten thousand, but
what they teach serves all classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from data.command import run
from data.shards import read_attrs, shard_path
from data.weights import WEIGHTS
from faces.identity import INNER, WHOLE, Embedder, new_embedder
from faces.parsing import resized
from recipes import augment
from recipes.arcface import ArcFace
from recipes.classes import generated, rendered, standardised
from recipes.figures import embeddings, retrieval_figures
from recipes.training import Schedule, batches_of, check_network_name, keep, train

FACTORS = 10.0  # weight of the factors' mean squared error (in variances) against ArcFace's loss
COARSE, COARSELY = 64, 0.3  # px: of the pictures that the generator makes; share of larger ones seen like these
SOME = 8192  # pictures that tell which dimensions lead
ANGLES_FROM, ANGLES_TO = 0.4, 0.7  # progress between which the weight of ArcFace's loss rises from 0 to 1


@dataclass(frozen=True)
class Kind:
    """What one embedder is made of."""

    size: str  # architecture, by its name in faces.identity.SIZES
    window: tuple[float, ...]  # the part of the crop that it sees
    column: str  # column of the pictures that names the class
    persons: slice  # whose pictures are used
    seed: int
    steps: int  # of the shipped network
    facts: str = "factors"  # what it first learns to read
    sees_generated: bool = True  # whether it also sees people of the built-in generator
    colours: float = 0.12  # strength of augment.recoloured: faces differ in shape, hair in colour
    dimensions: int | None = None  # of its vectors that are kept in the end; None: all


KINDS = {
    "embedder": Kind("residual", INNER, "person", slice(0, None, 2), 11, 7000),
    "embedder-loss": Kind("depthwise", INNER, "person", slice(1, None, 2), 22, 3000),
    "hair": Kind("residual", WHOLE, "hair", slice(None), 33, 4500, "looks", sees_generated=False, colours=0.05),
    "hair-scorer": Kind("wide", WHOLE, "hair", slice(None), 44, 10000, "looks", colours=0.05, dimensions=64),
}


def changed(x: Tensor, g: Generator, colours: float) -> Tensor:
    """One batch (N, 3, S, S) as if taken by many cameras; mildly, as tones and the smallest shapes tell people apart.

    `colours` is the strength of augment.recoloured, 0 to 1. COARSELY many are shrunk to COARSE pixels and enlarged
    again: who is known at more pixels shall be known at these. Nothing is mirrored: a parting, a mole and a lopsided
    smile have their side.
    """
    x, _ = augment.placed(x, None, g, zoom=0.05, shift=0.02, turn=5, mirror=False)
    coarse = resized(resized(x, COARSE), x.shape[-1]) if x.shape[-1] > COARSE else x
    x = torch.where(augment.chosen(len(x), COARSELY, g)[:, None, None, None], coarse, x)
    x = augment.recoloured(augment.defocused(x, g, share=0.2), g, strength=colours, grey=0.0)
    x, _ = augment.occluded(x, None, g, share=0.1)
    return augment.compressed(augment.noisy(x, g, share=0.25, most=0.05), g, share=0.1)


@torch.no_grad()
def leading(embedder: Embedder, images: Tensor, dimensions: int) -> Embedder:
    """The same network with fewer dimensions: those along which its unit vectors of images (N, S, S, 3) uint8 are long.

    What is left out is small and tells classes apart less than it disturbs, and its weights need not be shipped.
    """
    vectors = torch.from_numpy(embeddings(embedder.eval(), images.numpy()))
    basis = torch.linalg.eigh(vectors.T.double() @ vectors.double())[1].flip(1)[:, :dimensions].float()
    state = embedder.state_dict()
    for name in ("head.2.weight", "head.2.bias"):  # of the residual body's last layer
        state[name] = basis.T @ state[name]
    config: dict[str, Any] = embedder.config | {"dimensions": dimensions}
    smaller = Embedder(**config)
    smaller.load_state_dict(state)
    return smaller.eval()


def train_embedder(
    kind: Kind, renders: Path, wigs: Path, people: Path, folder: Path, schedule: Schedule
) -> tuple[Embedder, dict[str, Any]]:
    """A trained embedder and the record of its making; the training's state lies in `folder`."""
    classes, held_out = rendered(kind.column, kind.persons, renders, wigs)
    record: dict[str, Any] = {"renders": read_attrs(shard_path(renders, 0))}
    others = {"held_out": held_out}
    if kind.sees_generated:
        more, others["held_out_generated"], record["generated"] = generated(kind.column, kind.persons, people)
        side, theirs = classes.images.shape[1], more.images.shape[1]
        if side < theirs:
            raise ValueError(
                f"{renders} has {side} px, {people} {theirs}: give renders of the generator's size or more"
            )
        classes = classes.beside(more, same_facts=kind.column == "person")
    images, targets = torch.from_numpy(classes.images), torch.from_numpy(classes.which)
    facts = standardised(classes.facts)

    torch.manual_seed(kind.seed + schedule.seed)
    embedder = new_embedder(kind.size, window=kind.window)
    embedder = embedder.to(memory_format=torch.channels_last)
    arcface = ArcFace(facts.nan_to_num(), embedder.dimensions)  # not known: as is usual
    reader = nn.Linear(embedder.dimensions, facts.shape[1])

    def loss_of(g: Generator, progress: float) -> Tensor:
        picked = torch.randint(len(images), (schedule.batch,), generator=g)
        x = changed(batches_of(picked, images), g, kind.colours)
        with torch.autocast("cpu", torch.bfloat16):
            vectors = embedder.vectors(x)
        wanted, read = facts[targets[picked]], reader(vectors)
        known = wanted.isfinite()
        missed = FACTORS * F.mse_loss(read[known], wanted[known])
        share = min(1.0, max(0.0, (progress - ANGLES_FROM) / (ANGLES_TO - ANGLES_FROM)))
        return missed + share * arcface(F.normalize(vectors, dim=1), targets[picked]) if share else missed

    record |= {"seed": schedule.seed, "batch": schedule.batch, "rate": schedule.rate, "classes": len(facts),
               "images": len(images), "colours": kind.colours,
               "objective": f"{kind.facts}, then ArcFace s=24 m=0.35, directions made of {kind.facts}"}  # fmt: skip
    key = {**record, "steps": schedule.steps, "kind": repr(kind), "network": embedder.config}
    record |= train(nn.ModuleList([embedder, arcface, reader]), schedule, loss_of, folder / "state.pt", key)
    if kind.dimensions is not None:
        some = torch.randperm(len(images), generator=torch.Generator().manual_seed(kind.seed))[:SOME]
        embedder = leading(embedder, images[some], kind.dimensions)
        record["objective"] += f", then the leading {kind.dimensions} dimensions"
    return embedder, record | {
        name: retrieval_figures(embeddings(embedder, shown), numbers) for name, (shown, numbers) in others.items()
    }


def main(
    *,
    kind: Literal["embedder", "embedder-loss", "hair", "hair-scorer"],
    renders: Path = Path("runs/renders/people"),
    wigs: Path = Path("runs/renders/wigs"),
    people: Path = Path("runs/renders/generated-people"),
    hairs: Path = Path("runs/renders/generated-hairs"),
    out: Path | None = None,
    state: Path | None = None,
    steps: int | None = None,
    batch: int = 64,
    rate: float = 2e-3,
    seed: int = 0,
    minutes: float | None = None,
) -> None:
    """Trains an embedder on renders and samples of persons; the same command again resumes.

    Args:
        kind: embedder (scores identities), embedder-loss (for losses), hair (hair descriptor, for losses) or
            hair-scorer (scores hair)
        renders: folder of `python -m recipes.renders --set people`
        wigs: folder of `python -m recipes.renders --set wigs`, for the hair descriptors
        people: folder of `python -m recipes.generated_people`, for the embedders of faces
        hairs: folder of `python -m recipes.generated_people --same hair`, for hair-scorer
        out: the network to write, a .safetensors file (none: the built-in one of this kind)
        state: folder for the training's state (none: runs/recipes/KIND)
        steps: training steps (none: those of the shipped network)
        batch: images per step
        rate: peak learning rate
        seed: added to the kind's own seed
        minutes: end the schedule after so much time, even with steps left (none: not)
    """
    schedule = Schedule(KINDS[kind].steps if steps is None else steps, batch, rate, seed, minutes)
    out = out or WEIGHTS / f"{kind}.safetensors"
    check_network_name(out)
    folder = state or Path("runs/recipes") / kind
    shown = people if KINDS[kind].column == "person" else hairs
    embedder, record = train_embedder(KINDS[kind], renders, wigs, shown, folder, schedule)
    keep(embedder, kind, out, record, "recipes.identity", kind)


if __name__ == "__main__":
    run(main)
