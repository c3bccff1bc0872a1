"""Pictures of persons and of hairstyles as classes, with what is known of each: what embedders learn from.

What is known of a person are the factors that it was drawn from, of a rendered hairstyle how it looks on a mannequin
(what a factor does to hair depends on its style, so that most of them cannot be read from a picture at all), of one of
the generator's, which has eleven cuts, its cut and its factors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data.images import to_range
from data.shards import read_attrs, shard_path
from faces.parsing import resized
from recipes.factors import LIVE, head, unit_factors
from recipes.generated_people import class_latents, load_people
from recipes.renders import HAIR_SEEDS, load_set
from synth.heads import FACTOR_NAMES, Head, Identity, style_name

HELD_OUT = 0.05  # share of the classes, the last ones, that the training never sees
LIVE_HAIR = tuple(name.removeprefix("hair.") for name in LIVE if name.startswith("hair."))  # what the generator draws
COLOURS = ("lightness", "hue", "grey", "dye", "roots")  # factors of the first colour; a second is known by its looks
LOOKS, LOOK_SIDE = 64, 16
PART = 256  # pictures that are resized at once


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


@dataclass(frozen=True)
class Classes:
    """Pictures by what they show: images (N, S, S, 3) uint8, `which` (N,) of the C classes, facts (C, F) of each.

    A fact that is not known is NaN.
    """

    images: np.ndarray
    which: np.ndarray
    facts: Tensor

    def of_side(self, side: int) -> Classes:
        """The same with pictures resized to side x side."""
        if self.images.shape[1] == side:
            return self
        images = np.empty((len(self.images), side, side, 3), np.uint8)
        for start in range(0, len(images), PART):
            large = resized(torch.from_numpy(self.images[start : start + PART]).permute(0, 3, 1, 2).float(), side)
            images[start : start + PART] = large.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return replace(self, images=images)

    def beside(self, other: Classes, same_facts: bool) -> Classes:
        """Both, as classes beside each other, at this one's size; without the same facts, each knows its own."""
        mine, others = self.facts, other.facts
        if not same_facts:
            blank = (
                torch.full((len(mine), others.shape[1]), torch.nan),
                torch.full((len(others), mine.shape[1]), torch.nan),
            )
            mine, others = torch.cat([mine, blank[0]], 1), torch.cat([blank[1], others], 1)
        which = np.concatenate([self.which, len(mine) + other.which])
        images = np.concatenate([self.images, other.of_side(self.images.shape[1]).images])
        return Classes(images, which, torch.cat([mine, others]))


def known_of(names: np.ndarray, folder: Path) -> np.ndarray:
    """The classes among these of a folder that a training may see: the first ones, at least two."""
    known = np.unique(names)
    known = known[: min(len(known) - 2, round(len(known) * (1 - HELD_OUT)))]
    if len(known) < 2:
        raise ValueError(f"{folder} shows {len(np.unique(names))} of them: training needs at least 4, so make more")
    return known


def parted(column: str, persons: slice, data: dict[str, np.ndarray], folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a folder's pictures of these persons that a training may see, and those of classes that are held out."""
    names = data[column]
    seen, used = np.isin(names, known_of(names, folder)), np.ones(len(names), bool)
    if "person" in data:
        used = np.isin(data["person"], np.unique(data["person"])[persons])
    return np.flatnonzero(seen & used), np.flatnonzero(~seen)


HeldOut = tuple[np.ndarray, np.ndarray]  # images (N, S, S, 3) uint8 and the numbers (N,) of who or what they show


def rendered(column: str, persons: slice, renders: Path, wigs: Path) -> tuple[Classes, HeldOut]:
    """The renders of a training, and those of classes that are held out.

    column: "person" or "hair", what names the class. persons: which of all persons are shown.
    """
    data = load_set(renders, "people", ("image", "person", "hair"))
    names, (rows, others) = data[column], parted(column, persons, data, renders)
    numbers, which = np.unique(names[rows], return_inverse=True)
    first = read_attrs(shard_path(renders, 0))["first"]
    people = column == "person"
    facts = factors_of(Head.sample(first + int(k)).identity for k in numbers) if people else looks_of(numbers, wigs)
    return Classes(data["image"][rows], which, facts), (data["image"][others], names[others])


def generated(column: str, persons: slice, folder: Path) -> tuple[Classes, HeldOut, dict[str, Any]]:
    """The same of the built-in generator's people or hairstyles, and how they were made."""
    data, made = load_people(folder, column)
    names, (rows, others) = data[column], parted(column, persons, data, folder)
    numbers, which = np.unique(names[rows], return_inverse=True)
    units = unit_factors(class_latents(column, range(int(numbers.max()) + 1), views=1))[torch.from_numpy(numbers)]
    facts = factors_of(head(unit).identity for unit in units) if column == "person" else drawn_looks(units)
    return Classes(data["image"][rows], which, facts), (data["image"][others], names[others]), made
