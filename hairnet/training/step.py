"""One step of the optimiser: learning rate, gradients, their check, the running mean that is kept in the end."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from data.weights import save_network
from hairnet.network import Network
from hairnet.training.lesson import Lesson
from hairnet.training.recipe import Recipe


class NotFinite(ArithmeticError):
    """A step's loss or gradient is infinite or no number; the network is as it was before it."""


def loss_scaler(recipe: Recipe, device: torch.device | str) -> torch.amp.GradScaler:
    """Scales the loss so that float16's gradients do not vanish; does nothing in other precisions."""
    return torch.amp.GradScaler(torch.device(device).type, enabled=recipe.fp16)


def take_step(
    model: nn.Module,
    network: Network,
    ema: Network,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    recipe: Recipe,
    step: int,
) -> dict[str, Tensor]:
    """One step of the optimiser and of the running mean; returns the loss and its terms. NotFinite if they are not."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * rate_factor(step, recipe)
    optimizer.zero_grad(set_to_none=True)
    device = next(network.parameters()).device.type
    half = torch.float16 if recipe.fp16 else torch.bfloat16
    with torch.autocast(device, half, enabled=recipe.amp or recipe.fp16):
        loss, terms = model(step, judged=step >= recipe.judged_from())
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    # A scaler answers an infinite gradient itself: it leaves the step out and scales less.
    if not torch.isfinite(loss.detach() if scaler.is_enabled() else loss.detach() + norm):
        bad = [name for name, term in terms.items() if not torch.isfinite(term)]
        raise NotFinite(f"{', '.join(bad) or 'the gradient'} of step {step + 1} is infinite or no number")
    scaler.step(optimizer)
    scaler.update()
    # The mean is short at first, or the random first weights would stay in it for long.
    follow(ema, network, min(recipe.ema, (1 + step) / (10 + step)))
    return {"loss": loss.detach()} | {name: term.detach() for name, term in terms.items()}


@torch.no_grad()
def follow(ema: nn.Module, network: nn.Module, momentum: float) -> None:
    """Moves the running mean `ema` towards the network."""
    pairs = list(zip(ema.state_dict().values(), network.state_dict().values(), strict=True))
    floats = [(kept, new) for kept, new in pairs if kept.is_floating_point()]
    torch._foreach_lerp_([kept for kept, _ in floats], [new for _, new in floats], 1 - momentum)
    for kept, new in pairs:
        if not kept.is_floating_point():  # batch norm's counters
            kept.copy_(new)


def rate_factor(step: int, recipe: Recipe) -> float:
    """Learning rate over the largest: linear warm-up, then half a cosine to a hundredth."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def over_processes(terms: dict[str, Tensor]) -> dict[str, float]:
    """The means of the terms over all processes; every one of them has to ask."""
    values = torch.stack([term.float() for term in terms.values()])
    if dist.is_initialized():
        dist.all_reduce(values)
        values /= dist.get_world_size()
    return dict(zip(terms, values.tolist(), strict=True))


def save_batch(path: Path, lesson: Lesson, step: int, recipe: Recipe) -> None:
    """Writes what this process saw in a step: w and pictures of both sides, and the inputs of both encoders."""
    with torch.no_grad():
        known, other, face, hair, _ = lesson.batch(step, step >= recipe.judged_from())
    tensors = {"w_face": known.w, "w_hair": other.w, "target": known.images, "source": other.images}
    tensors |= {"face_input": face, "hair_input": hair}
    save_network(path, tensors, {"kind": "hairnet-batch", "step": step, "recipe": recipe.asdict()})
