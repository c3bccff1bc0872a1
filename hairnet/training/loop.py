"""A training from its pairs to the file of its network: opens, goes on, steps, logs, keeps, validates."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.progress import Progress
from data.weights import load_network as read_network
from hairnet.model import save_hairnet
from hairnet.network import Network
from hairnet.training.lesson import Lesson
from hairnet.training.logs import Log
from hairnet.training.losses import Judges
from hairnet.training.material import Material, prepare
from hairnet.training.networks import Networks
from hairnet.training.recipe import Recipe
from hairnet.training.samples import read_gaps, read_pairs
from hairnet.training.shared_norm import share_statistics
from hairnet.training.state import STATE, load_state, refuse_other, save_state
from hairnet.training.step import NotFinite, loss_scaler, over_processes, save_batch, take_step
from hairnet.training.validate import draw_validation, validate
from synth import load_generator

LOG_EVERY = 25  # steps
EARLY = (1, 5)  # steps that are logged besides
NETWORK = "hairnet.safetensors"


@dataclass(frozen=True)
class Place:
    """Where a process of a training works, and which of how many it is."""

    device: str
    rank: int = 0
    world: int = 1


def train(
    pairs: Path,
    out: Path,
    recipe: Recipe,
    networks: Networks,
    place: Place,
    checkpoint_every: int = 500,
    tensorboard: bool = False,
    prepared: Callable[..., Material] = prepare,
) -> None:
    """Trains as `recipe` says, in this process of those that `place` counts; the other arguments are hairnet.train's.

    prepared: makes the material as `prepare` does; for trainings that share theirs.
    """
    judge_files = networks.judges()
    G = load_generator(networks.generator, place.device)
    w = read_pairs(pairs, G)
    gaps = read_gaps(pairs) if recipe.plan.widening else None
    settings = recipe.asdict() | {
        "generator_sha256": G.sha256,
        **judge_files.digests(),
        "pairs": w.shape[1],
        "pairs_sha256": hashlib.sha256(w.numpy().tobytes()).hexdigest(),
        "command": networks.command(recipe),
        **networks.told(),
    }
    if is_done(out / NETWORK, settings):
        print(f"{out / NETWORK} is trained already: nothing to do", flush=True)
        return
    if w.shape[1] <= recipe.held_out + recipe.plan.batch:
        raise ValueError(
            f"--pairs {pairs} holds {w.shape[1]} pairs: a batch of {recipe.plan.batch} and {recipe.held_out} for "
            "validation need more, so make more pairs or give a smaller --batch"
        )
    network = networks.taught(recipe, G, w).to(place.device)
    judges = judge_files.load(place.device)
    out.mkdir(parents=True, exist_ok=True)
    course = Course(out, recipe, place, settings, network, judges)
    course.resume(tensorboard)
    if place.rank == 0:
        going_on = f", going on after step {course.done}" if course.done else ""
        print(f"preparing {w.shape[1]} pairs{going_on}", flush=True)
    process = place.rank, place.world
    material = prepared(G, judges, w.to(place.device), recipe, network.config.raised, *process)
    by_gap = None if gaps is None else gaps[: -recipe.held_out].abs().argsort(stable=True)
    lesson = Lesson(network, material.taught, judges, material.units, recipe.plan, recipe.seed, *process, by_gap)
    course.teach(lesson, material, checkpoint_every)
    if place.rank == 0:
        figures = course.keep(recipe.steps, material)
        told = {"name": networks.generator, "sha256": G.sha256}
        save_hairnet(out / NETWORK, course.ema, told, settings | {"validation": figures})
        (out / STATE).unlink()
        print(f"{out / NETWORK} trained; held-out pairs: " + ", ".join(f"{k} {x:.3f}" for k, x in figures.items()))


class Course:
    """A network on its way: its running mean, its optimiser and what is on the disk of it; `done` steps are made."""

    def __init__(
        self, out: Path, recipe: Recipe, place: Place, settings: dict[str, Any], network: Network, judges: Judges
    ) -> None:
        self.out, self.recipe, self.place, self.settings = out, recipe, place, settings
        self.network, self.judges = network, judges
        self.ema = copy.deepcopy(network).eval().requires_grad_(False)
        if place.world > 1:
            share_statistics(network)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), recipe.lr, (0.9, 0.99), weight_decay=recipe.decay, fused=True
        )
        self.scaler = loss_scaler(recipe, place.device)
        self.modules = {"network": network, "ema": self.ema}
        self.done = 0
        self.log: Log | None = None  # of the first process

    def resume(self, tensorboard: bool) -> None:
        """Goes on from what the folder holds, with its log."""
        self.done = load_state(self.out, self.modules, self.optimizer, self.settings, self.scaler)
        if self.place.rank == 0:
            self.log = Log(self.out, self.done, tensorboard)

    def teach(self, lesson: Lesson, material: Material, checkpoint_every: int) -> None:
        """The steps that are left; the first process logs them and keeps the state."""
        model: nn.Module = lesson
        if self.place.world > 1:  # all buffers are the same everywhere by themselves
            model = nn.parallel.DistributedDataParallel(lesson, broadcast_buffers=False)
        steps, first = self.recipe.steps, self.done
        with Progress(total=steps, initial=self.done, unit="steps", disable=self.log is None) as bar:
            started, timed_from = time.monotonic(), first
            for step in range(first, steps):
                terms = self.step(model, lesson, step)
                self.done = step + 1
                bar.update()
                if (step + 1) % LOG_EVERY == 0 or step + 1 in EARLY:
                    means = over_processes(terms)
                    if self.log is not None:
                        seconds, started = time.monotonic() - started, time.monotonic()
                        rate = (step + 1 - timed_from) * self.recipe.plan.batch / seconds
                        timed_from = step + 1
                        bar.set_postfix_str(f"loss {means['loss']:.3f}, {rate:.0f} pairs/s")
                        self.log.write({"step": step + 1, "pairs_per_second": rate} | means)
                if (step + 1) % checkpoint_every == 0 and step + 1 < steps and self.log is not None:
                    self.keep(step + 1, material)
                    started, timed_from = time.monotonic(), step + 1

    def step(self, model: nn.Module, lesson: Lesson, step: int) -> dict[str, torch.Tensor]:
        """One step's terms; ValueError when they are not finite, after its batch has been kept."""
        try:
            return take_step(model, self.network, self.ema, self.optimizer, self.scaler, self.recipe, step)
        except NotFinite as error:
            kept = self.out / f"not-finite-{self.place.rank}.safetensors"
            save_batch(kept, lesson, step, self.recipe)
            raise ValueError(
                f"{error}: its batch is in {kept}; see whether that is finite, else train with a lower --lr or "
                "with --amp false"
            ) from error

    def keep(self, step: int, material: Material) -> dict[str, float]:
        """Validates the running mean, draws it and writes the state; the figures."""
        assert self.log is not None
        figures = validate(self.ema, material.held_out, self.judges, material.units)
        self.log.write({"step": step, "validation": figures})
        draw_validation(self.out / "validation.png", self.ema, material.held_out, self.recipe.seed)
        save_state(self.out, step, self.modules, self.optimizer, self.settings, self.scaler)
        return figures


def is_done(path: Path, settings: dict[str, Any]) -> bool:
    """Whether this very training has been finished; ValueError when `path` came from another one."""
    if not path.exists():
        return False
    _, config = read_network(path)
    if config["kind"] != "hairnet":
        raise ValueError(f"{path} is not a hairnet: choose another --out")
    there = {name: x for name, x in config["recipe"].items() if name != "validation"}
    refuse_other(path, there, settings)
    return True
