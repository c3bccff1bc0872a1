"""What a training looks at, made once of its pairs: pictures, masks, other persons under the same hair, units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hairnet.split import PointsOfW
from hairnet.training.losses import Judges
from hairnet.training.persons import exchanged
from hairnet.training.recipe import Recipe
from hairnet.training.response import response_units
from hairnet.training.samples import Samples


@dataclass(frozen=True)
class Material:
    """The pairs that are taught, on their own and on other persons; those held out; the units of the distance in W."""

    taught: Samples
    held_out: Samples
    units: Tensor


def prepare(
    generator: Any, judges: Judges, w: Tensor, recipe: Recipe, raised: float, rank: int = 0, world: int = 1
) -> Material:
    """Of pairs w (2, N, w_dim), whose last `recipe.held_out` are only validated on; `raised`: see Samples."""
    points = PointsOfW(generator, w.flatten(0, 1), recipe.amp)
    units = response_units(generator, judges, w.flatten(0, 1), recipe.seed, recipe.amp)
    held, taught = w[:, -recipe.held_out :], w[:, : -recipe.held_out]
    taught = torch.cat([taught, exchanged(generator, judges, taught, recipe.seed, recipe.amp, recipe.persons)])
    return Material(
        Samples(generator, taught, points, raised, recipe.amp, rank > 0, rank, world),
        Samples(generator, held, points, raised, amp=False),
        units,
    )
