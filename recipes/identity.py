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
what a class is, which only renders and latents can tell: of a person the factors that it was drawn from, of a hairstyle
how it looks on a mannequin (what a factor does to hair depends on its style, so that most of them cannot be read from a
picture at all), of one of the generator's, which has eleven cuts, its cut and its factors. Then ArcFace's loss (Deng,
Guo, Xue, Zafeiriou, CVPR 2019, eq. 3) makes of them an angle that tells classes apart. The direction of a class is
itself made of its facts, plus a deviation: a class has a dozen pictures, too few to find its place among ten thousand,
but what they teach about facts serves all classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from data.command import run
from data.images import to_range
from data.shards import read_attrs, shard_path
from data.weights import WEIGHTS
from faces.identity import INNER, WHOLE, Embedder, new_embedder
from recipes import augment
from recipes.arcface import ArcFace
from recipes.factors import LIVE, head, unit_factors
from recipes.figures import embeddings, retrieval_figures
from recipes.generated_people import class_latents, load_people
from recipes.renders import HAIR_SEEDS, load_set
from recipes.training import Schedule, batches_of, check_network_name, keep, train
from synth.heads import FACTOR_NAMES, Head, Identity, style_name

HELD_OUT = 0.05  # share of the classes, the last ones, that the training never sees
FACTORS = 10.0  # weight of the factors' mean squared error (in variances) against ArcFace's loss
LIVE_HAIR = tuple(name.removeprefix("hair.") for name in LIVE if name.startswith("hair."))  # what the generator draws
COLOURS = ("lightness", "hue", "grey", "dye", "roots")  # factors of hair that mean the same in every style
LOOKS, LOOK_SIDE = 64, 16
COARSE = 64  # px: of the pictures that the generator makes
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
    colours: float = 0.12  # how much the colours of what it sees are changed
    from_facts: bool = True  # whether classes that are alike have directions that are alike from the start
    dimensions: int | None = None  # of its vectors that are kept in the end; None: all


KINDS = {
    "embedder": Kind("residual", INNER, "person", slice(0, None, 2), 11, 7000),
    "embedder-loss": Kind("depthwise", INNER, "person", slice(1, None, 2), 22, 3000),
    "hair": Kind("residual", WHOLE, "hair", slice(None), 33, 4500, "looks", sees_generated=False, colours=0.05),
    "hair-scorer": Kind("wide", WHOLE, "hair", slice(None), 44, 10000, "looks", colours=0.05, dimensions=64),
}


def factors_of(persons: Iterable[Identity]) -> Tensor:
    """(C, F) factors of persons."""
    return torch.tensor([[getattr(one, name) for name in FACTOR_NAMES["identity"]] for one in persons])


def looks_of(hairs: np.ndarray, wigs: Path) -> Tensor:
    """(C, F) how the hairstyles of these numbers look.

    Columns: which style it is (one-hot), its colours' factors, and the LOOKS principal components of its pictures on
    the mannequin: opacity and colour of the hair at LOOK_SIDE x LOOK_SIDE places of every view.
    """
    data = load_set(wigs, "wigs", ("image", "alpha", "hair"))
    made = read_attrs(shard_path(wigs, 0))
    if hairs.max() >= made["heads"]:
        raise ValueError(f"{wigs} shows {made['heads']} hairstyles, the renders {hairs.max() + 1}: make them alike")
    alpha = torch.from_numpy(data["alpha"])[:, None].float() / 255
    layers = torch.cat([alpha, alpha * to_range(torch.from_numpy(data["image"]).permute(0, 3, 1, 2))], 1)
    looks = F.adaptive_avg_pool2d(layers, LOOK_SIDE).flatten(1).view(made["heads"], -1)  # all views of a hairstyle
    centred = looks - looks.mean(0)
    directions = torch.linalg.eigh(centred.T.double() @ centred.double())[1].flip(1)[:, :LOOKS].float()
    drawn = [Head.sample(HAIR_SEEDS + made["first"] + k).hair for k in range(made["heads"])]
    names = np.array([style_name(one.style) for one in drawn])
    styles = torch.from_numpy(names[:, None] == np.unique(names)).float()
    colours = torch.tensor([[getattr(one, name) for name in COLOURS] for one in drawn])
    return torch.cat([styles, colours, centred @ directions], 1)[torch.from_numpy(hairs)]


def drawn_looks(units: Tensor) -> Tensor:
    """(C, F) how the generator's hairstyles look, of rows (C, Z_DIM) of unit factors: which cut (one-hot), factors."""
    drawn = [head(unit).hair for unit in units]
    names = np.array([style_name(one.style) for one in drawn])
    styles = torch.from_numpy(names[:, None] == np.unique(names)).float()
    return torch.cat([styles, torch.tensor([[getattr(one, name) for name in LIVE_HAIR] for one in drawn])], 1)


def standardised(table: Tensor) -> Tensor:
    """(C, F) -> the same with columns of mean 0 and variance 1; a column that never changes stays 0, NaN stays NaN."""
    centred = table - table.nanmean(0)
    return centred / centred.square().nanmean(0).sqrt().clamp_min(1e-3)


def changed(x: Tensor, g: Generator, colours: float = 0.12) -> Tensor:
    """One batch (N, 3, S, S) as if taken by many cameras; mildly, as tones and the smallest shapes tell people apart.

    A share is made COARSE and enlarged again: what is seen at more pixels shall be recognised at these, too.

    Nothing is mirrored: a parting, a mole and a lopsided smile have their side.
    """
    x, _ = augment.placed(x, None, g, zoom=0.05, shift=0.02, turn=5, mirror=False)
    coarse = enlarged(F.adaptive_avg_pool2d(x, COARSE), x.shape[-1]) if x.shape[-1] > COARSE else x
    x = torch.where(augment.chosen(len(x), 0.3, g)[:, None, None, None], coarse, x)
    x = augment.recoloured(augment.defocused(x, g, share=0.2), g, strength=colours, grey=0.0)
    x, _ = augment.occluded(x, None, g, share=0.1)
    return augment.compressed(augment.noisy(x, g, share=0.25, most=0.05), g, share=0.1)


def enlarged(x: Tensor, side: int) -> Tensor:
    """(N, 3, S, S) -> (N, 3, side, side)."""
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Classes:
    """Pictures by what they show: images (N, S, S, 3) uint8, `which` (N,) of the C classes, facts (C, F) of each.

    A fact that is not known is NaN.
    """

    images: np.ndarray
    which: np.ndarray
    facts: Tensor

    def of_side(self, side: int) -> Classes:
        """The same with pictures enlarged to side x side."""
        if self.images.shape[1] == side:
            return self
        images = np.empty((len(self.images), side, side, 3), np.uint8)
        for start in range(0, len(images), SOME):
            large = enlarged(torch.from_numpy(self.images[start : start + SOME]).permute(0, 3, 1, 2).float(), side)
            images[start : start + SOME] = large.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return replace(self, images=images)

    def beside(self, other: Classes, same_facts: bool) -> Classes:
        """Both, as classes beside each other; unless their facts are the same ones, each knows but its own."""
        mine, others = self.facts, other.facts
        if not same_facts:
            blank = (
                torch.full((len(mine), others.shape[1]), torch.nan),
                torch.full((len(others), mine.shape[1]), torch.nan),
            )
            mine, others = torch.cat([mine, blank[0]], 1), torch.cat([blank[1], others], 1)
        which = np.concatenate([self.which, len(mine) + other.which])
        return Classes(np.concatenate([self.images, other.images]), which, torch.cat([mine, others]))


def known_of(names: np.ndarray, folder: Path) -> np.ndarray:
    """The classes among these of a folder that a training may see: the first ones, at least two."""
    known = np.unique(names)
    known = known[: min(len(known) - 2, round(len(known) * (1 - HELD_OUT)))]
    if len(known) < 2:
        raise ValueError(f"{folder} shows {len(np.unique(names))} of them: training needs at least 4, so make more")
    return known


def parted(kind: Kind, data: dict[str, np.ndarray], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a folder's pictures that a kind is trained on, and those of classes that are held out."""
    names = data[kind.column]
    seen, used = np.isin(names, known_of(names, folder)), np.ones(len(names), bool)
    if "person" in data:
        used = np.isin(data["person"], np.unique(data["person"])[kind.persons])
    return np.flatnonzero(seen & used), np.flatnonzero(~seen)


HeldOut = tuple[np.ndarray, np.ndarray]  # images (N, S, S, 3) uint8 and the numbers (N,) of who or what they show


def rendered(kind: Kind, renders: Path, wigs: Path) -> tuple[Classes, HeldOut]:
    """The renders that a kind is trained on, and those of classes that are held out."""
    data = load_set(renders, "people", ("image", "person", "hair"))
    names, (rows, others) = data[kind.column], parted(kind, data, renders)
    numbers, which = np.unique(names[rows], return_inverse=True)
    first = read_attrs(shard_path(renders, 0))["first"]
    people = kind.column == "person"
    facts = factors_of(Head.sample(first + int(k)).identity for k in numbers) if people else looks_of(numbers, wigs)
    return Classes(data["image"][rows], which, facts), (data["image"][others], names[others])


def generated(kind: Kind, folder: Path) -> tuple[Classes, HeldOut, dict[str, Any]]:
    """The same of the built-in generator's people or hairstyles, and how they were made."""
    data, made = load_people(folder, kind.column)
    names, (rows, others) = data[kind.column], parted(kind, data, folder)
    numbers, which = np.unique(names[rows], return_inverse=True)
    units = unit_factors(class_latents(kind.column, range(int(numbers.max()) + 1), views=1))[torch.from_numpy(numbers)]
    facts = factors_of(head(unit).identity for unit in units) if kind.column == "person" else drawn_looks(units)
    return Classes(data["image"][rows], which, facts), (data["image"][others], names[others]), made


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
    classes, held_out = rendered(kind, renders, wigs)
    record: dict[str, Any] = {"renders": read_attrs(shard_path(renders, 0))}
    others = {"held_out": held_out}
    if kind.sees_generated:
        more, others["held_out_generated"], record["generated"] = generated(kind, people)
        side, theirs = classes.images.shape[1], more.images.shape[1]
        if side < theirs:
            raise ValueError(
                f"{renders} has {side} px, {people} {theirs}: give renders of the generator's size or more"
            )
        classes = classes.beside(more.of_side(side), same_facts=kind.column == "person")
    images, targets = torch.from_numpy(classes.images), torch.from_numpy(classes.which)
    facts = standardised(classes.facts)

    torch.manual_seed(kind.seed + schedule.seed)
    embedder = new_embedder(kind.size, window=kind.window)
    embedder = embedder.to(memory_format=torch.channels_last)
    arcface = ArcFace(len(facts), embedder.dimensions, facts=facts.nan_to_num() if kind.from_facts else None)
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
               "images": len(images), "objective": f"{kind.facts}, then ArcFace s=24 m=0.35"}  # fmt: skip
    key = {**record, "steps": schedule.steps, "size": kind.size, "column": kind.column}
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
