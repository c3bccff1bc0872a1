"""Trainings in the toy world, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hairnet.training.loop import Place, train
from hairnet.training.networks import Networks
from hairnet.training.recipe import Recipe
from hairnet.training.state import LOG

PAIRS = "{}/pairs-00000.h5"
TOY = {"stages": [[16, 1], [16, 1]]}  # of the published architecture
PATIENCE = 240  # s for a child process: many times what it takes, so that a test ends where one hangs


def networks_of(world: Any, **others: Any) -> Networks:
    """The toy world's, but for `others`."""
    own = {"generator": world.generator, "identity": world.embedder, "hair": world.embedder, "parser": world.parser}
    return Networks(**({name: str(path) for name, path in own.items()} | others))


def run_training(world: Any, out: Path, recipe: Recipe, every: int = 2, start: Path | None = None) -> None:
    train(world.pairs, out, recipe, networks_of(world, start_from=start), Place("cpu"), every)


def bytes_of(out: Path) -> bytes:
    return (out / "hairnet.safetensors").read_bytes()


def records(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / LOG).read_text().splitlines()]
