"""The mean of w, for checkpoints that do not have it: estimated, always from the same z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.formats.layout import architecture, require_layout
from synth.networks import Mapping

SAMPLES, SEED = 10_000, 0
MEAN_SOURCE = f"mean of {SAMPLES} w, z from RandomState({SEED})"


def mean_w(tensors: dict[str, Tensor], settings: dict[str, Any], path: Path) -> Tensor:
    """(w_dim,) the mean of w over SAMPLES z; `tensors` are those of the generator, without "mapping.w_avg"."""
    config = architecture(tensors, path) | settings
    tensors = tensors | {"mapping.w_avg": torch.zeros(config["w_dim"])}
    require_layout(tensors, config, path)
    if config["c_dim"]:
        raise ValueError(f"{path} is class-conditional and has no mean w: give a checkpoint that has it")
    with torch.random.fork_rng(devices=[]):
        mapping = Mapping(config["z_dim"], 0, config["w_dim"], 1, config["mapping_layers"], config["lr_multiplier"])
    prefix = "mapping."
    mapping.load_state_dict({key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)})
    z = np.random.RandomState(SEED).randn(SAMPLES, config["z_dim"]).astype(np.float32)
    with torch.no_grad():
        return mapping(torch.from_numpy(z))[:, 0].mean(dim=0)
