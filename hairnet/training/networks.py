"""The networks that a training names: generator and judges, and the one that is taught, new or gone on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.files import sha256
from data.weights import load_network as read_network
from data.weights import resolve
from hairnet.model import read_hairnet
from hairnet.network import Network, arch_of, new_network
from hairnet.subrtova import SIZE
from hairnet.training.judges import JudgeFiles
from hairnet.training.recipe import Recipe


@dataclass(frozen=True)
class Networks:
    """Names or paths, as the flags of hairnet.train take them."""

    generator: str = "builtin"
    identity: str = "builtin-loss"
    hair: str = "builtin-hair"
    parser: str = "builtin"
    perceptual: str = "none"
    start_from: str | Path | None = None  # None: random first weights

    def judges(self) -> JudgeFiles:
        """The files of those that judge; ValueError for one that may not."""
        return JudgeFiles.find(self.identity, self.hair, self.parser, self.perceptual)

    def taught(self, recipe: Recipe, generator: Any, w: Tensor) -> Network:
        """The network as a training on pairs w (2, N, w_dim) begins with it."""
        if self.start_from is None:
            return first_network(recipe, generator, w)
        return network_of(self.start_from, recipe, generator)

    def told(self) -> dict[str, Any]:
        """What a training says of the network that it goes on from, under "start"."""
        return {} if self.start_from is None else {"start": told_of(resolve(self.start_from, "hairnet"))}

    def command(self, recipe: Recipe) -> str:
        """The command of a training, without the places of its pairs and its output."""
        flags: dict[str, Any] = {
            "preset": recipe.preset,
            "generator": self.generator,
            "identity": self.identity,
            "hair": self.hair,
        }
        flags |= {"parser": self.parser, "steps": recipe.steps, "batch": recipe.plan.batch, "lr": recipe.lr}
        flags |= {"seed": recipe.seed, "amp": str(recipe.amp).lower()}
        plan = recipe.plan
        options: dict[str, Any] = {
            "arch": recipe.arch if recipe.arch != "hairnet" else "",
            "perceptual": self.perceptual if self.perceptual != "none" else "",
            "weights": plan.weights.text(),
            "mirrored": plan.mirrored,
            "curriculum": plan.widening / recipe.steps,
            "fp16": "true" if recipe.fp16 else "",
            "start-from": self.start_from or "",
        }
        flags |= {name: value for name, value in options.items() if value}
        return "python -m hairnet.train " + " ".join(f"--{name} {value}" for name, value in flags.items())


def first_network(recipe: Recipe, generator: Any, w: Tensor) -> Network:
    """Random weights of the recipe's seed, around the mean of samples w (2, N, w_dim)."""
    torch.manual_seed(recipe.seed)
    network = new_network(recipe.arch, sizes_of(recipe, generator))
    network.start_from(w.flatten(0, 1), generator.w_avg.cpu())
    return network


def network_of(start: str | Path, recipe: Recipe, generator: Any) -> Network:
    """A trained network to go on from; ValueError when it is none of this recipe and generator."""
    network, there = read_hairnet(resolve(start, "hairnet"))
    if there["generator"]["sha256"] != generator.sha256:
        raise ValueError(f"--start-from {start} belongs to another generator than --generator: give one of the same")
    with torch.device("meta"):
        wanted = new_network(recipe.arch, sizes_of(recipe, generator))
    sides = [{"arch": arch_of(one)} | one.config.asdict() for one in (network, wanted)]
    if other := sorted(name for name in sides[0] | sides[1] if sides[0].get(name) != sides[1].get(name)):
        raise ValueError(
            f"--start-from {start} is another network than this training's, by its {', '.join(other)}: "
            "give the --arch and --preset that it was trained by"
        )
    return network


def told_of(start: Path) -> dict[str, Any]:
    """What a training says of the network that it goes on from: its sha256, and by whom and how it was taught."""
    recipe = read_network(start)[1].get("recipe", {})
    judges = ("identity", "hair", "parser", "perceptual", "command", "start")
    return {"sha256": sha256(start)} | {name: recipe[name] for name in judges if name in recipe}


def sizes_of(recipe: Recipe, generator: Any) -> dict[str, Any]:
    """Fields of the network's config: the generator's, and those that the recipe changes."""
    sizes = {"num_ws": generator.num_ws, "w_dim": generator.w_dim} | recipe.network
    return sizes | ({"size": min(SIZE, generator.resolution)} if recipe.arch == "subrtova" else {})
