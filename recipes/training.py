"""The loop that the small networks are trained by: AdamW, one-cycle learning rate, checkpoints, resume.

What a step draws depends on the seed and the step's number alone, so a resumed training makes the steps it would have
made. With `minutes` the schedule follows the clock too: it then ends in time, but is not repeatable bit for bit.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from tqdm import tqdm

from data.files import atomic_path
from data.images import to_range
from data.weights import WEIGHTS, register, save_network

CHECKPOINT_SECONDS = 60.0
WARM_UP = 0.05  # share of the training in which the learning rate rises


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn; two trainings with the same schedule and data give the same weights."""

    steps: int
    batch: int
    rate: float  # peak learning rate
    seed: int
    minutes: float | None = None  # the training ends after so much time, or after `steps`, whichever comes first

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name} is {getattr(self, name)}: it must be above 0")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"--minutes is {self.minutes}: it must be above 0, or left out")

    def progress(self, step: int, seconds: float) -> float:
        """0 at the start, 1 at the end of the training."""
        clock = 0.0 if self.minutes is None else seconds / 60 / self.minutes
        return min(1.0, max(step / self.steps, clock))

    def learning_rate(self, progress: float) -> float:
        """Rises linearly over the first WARM_UP, then falls along a cosine to nothing."""
        if progress < WARM_UP:
            return self.rate * (progress + 1 / self.steps) / WARM_UP
        return self.rate * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def drawn_at(seed: int, step: int) -> Generator:
    """The random stream of one step."""
    return Generator().manual_seed(seed * 1_000_003 + step)


def train(
    network: nn.Module,
    schedule: Schedule,
    loss_of: Callable[[Generator, float], Tensor],
    state_path: Path,
    key: dict[str, Any],
) -> dict[str, float]:
    """Trains `network` in place, resuming from `state_path` when it holds a state of the same `key`.

    Args:
        network: everything with parameters to train, a head for the loss included.
        loss_of: (random stream of the step, progress 0..1) -> scalar loss.
        state_path: file for the training's state, written every minute.
        key: what the training depends on; a state with another key is refused.
    Returns:
        {"steps", "seconds", "loss" (mean of the last 50)}
    """
    grouped = [{"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": 0.05},
               {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0}]  # fmt: skip
    optimiser = torch.optim.AdamW(grouped, lr=schedule.rate, betas=(0.9, 0.99), fused=True)
    step, before, losses = 0, 0.0, [0.0] * 0
    if state_path.is_file():
        state = torch.load(state_path, weights_only=True)
        if state["key"] != key:
            raise ValueError(f"{state_path} is the state of another training: delete it or give another --state")
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        step, before, losses = state["step"], state["seconds"], state["losses"]
    network.train()
    resumed, start = step, time.monotonic()
    saved = start
    with tqdm(total=schedule.steps, initial=step, unit="step", smoothing=0.1) as bar:
        while step < schedule.steps:
            seconds = before + time.monotonic() - start
            progress = schedule.progress(step, seconds)
            if progress >= 1:
                break
            for group in optimiser.param_groups:
                group["lr"] = schedule.learning_rate(progress)
            loss = loss_of(drawn_at(schedule.seed, step), progress)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            step += 1
            losses = [*losses[-49:], loss.item()]
            bar.update()
            if step % 20 == 0:
                bar.set_postfix_str(f"loss {sum(losses) / len(losses):.4f}, {schedule.batch} images each")
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                _save(state_path, network, optimiser, step, before + time.monotonic() - start, losses, key)
                saved = time.monotonic()
    seconds = before + (time.monotonic() - start if step > resumed else 0.0)  # a finished training stays as it was
    _save(state_path, network, optimiser, step, seconds, losses, key)
    network.eval()
    return {"steps": step, "seconds": round(seconds, 1), "loss": round(sum(losses) / max(1, len(losses)), 5)}


def _save(
    path: Path,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
    losses: list[float],
    key: dict[str, Any],
) -> None:
    state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "seconds": seconds,
             "losses": losses, "key": key}  # fmt: skip
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def check_network_name(out: Path) -> None:
    """ValueError when `out` is no name for a network; recipes call it before they train."""
    if out.suffix != ".safetensors":
        raise ValueError(f"--out is {out}: it must end in .safetensors")


def keep(network: Any, kind: str, out: Path, record: dict[str, Any], recipe: str, figures_of: str) -> None:
    """Saves a trained network in half precision with the record of its making, and says how good it is.

    Args:
        network: a module with a `config` from which it is built again.
        kind: of network, as data.weights knows it.
        out: the file; below data/weights/ its sha256 is recorded too.
        record: what `train` and the recipe know of its making, "held_out" among them.
        recipe: name of the module whose command this is.
        figures_of: what the held-out figures are of, for the line that is printed.
    """
    record = record | {"command": " ".join([f"python -m {recipe}", *sys.argv[1:]])}
    save_network(out, network.state_dict(), {"kind": kind, "architecture": network.config, "recipe": record}, half=True)
    if out.resolve().is_relative_to(WEIGHTS.resolve()):
        register(out)
    print(f"{out}: {record['steps']} steps in {record['seconds']} s, held-out {figures_of}: {record['held_out']}")


def batches_of(rows: Iterable[int], images: Tensor) -> Tensor:
    """Rows of (N, S, S, 3) uint8 -> (B, 3, S, S) float32 in [-1, 1]."""
    picked = images[torch.as_tensor(rows)]
    return to_range(picked.permute(0, 3, 1, 2))
