"""A training's state on disk: one safetensors file, replaced whole, from which it goes on as if nothing had happened.

There is no random state in it, because there is none to keep: every step draws from generators seeded by (seed, step),
so the step's number is the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from data.resume import refuse_other
from data.weights import load_network, save_network

STATE = "state.safetensors"
LOG = "log.jsonl"


def save_state(
    folder: Path,
    step: int,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    recipe: dict,
    scaler: torch.amp.GradScaler | None = None,
) -> None:
    """Writes the state after `step` steps: the modules by name, the optimiser and the scaler of its loss."""
    tensors = {f"{name}.{key}": x for name, module in modules.items() for key, x in module.state_dict().items()}
    for number, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": torch.as_tensor(x) for key, x in slots.items()}
    config = {"kind": "hairnet-training", "step": step, "recipe": recipe}
    if scaler is not None and scaler.is_enabled():
        config["scaler"] = scaler.state_dict()
    save_network(folder / STATE, tensors, config)


def load_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    recipe: dict,
    scaler: torch.amp.GradScaler | None = None,
) -> int:
    """Fills all of them from the folder's state, if it has one; returns the number of steps done."""
    path = folder / STATE
    if not path.exists():
        return 0
    tensors, config = load_network(path)
    if config["kind"] != "hairnet-training":
        raise ValueError(f"{path} is not the state of a training: choose another --out")
    refuse_other(path, config["recipe"], recipe)
    for name, module in modules.items():
        module.load_state_dict(_below(tensors, name))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    slots: dict[int, dict[str, Any]] = {}
    for key, x in _below(tensors, "optimizer").items():
        number, slot = key.split(".", 1)
        parameter = parameters[int(number)]
        if x.shape == parameter.shape:  # in the parameter's memory order: the fused step pairs entries by their places
            x = torch.empty_like(parameter).copy_(x)
        slots.setdefault(int(number), {})[slot] = x
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    if scaler is not None and scaler.is_enabled():
        scaler.load_state_dict(config["scaler"])
    return config["step"]


def _below(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The tensors whose names start with `name.`, without it."""
    return {key.removeprefix(name + "."): x for key, x in tensors.items() if key.startswith(name + ".")}
