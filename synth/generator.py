"""Loading a generator from any known checkpoint, and saving one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.files import sha256
from data.weights import resolve, save_network
from synth.formats import read_generator
from synth.formats.layout import generator_arguments
from synth.networks import Generator


def load_generator(name: str | Path, device: str | torch.device | None = None) -> Generator:
    """The generator "builtin", or that of a file: our .safetensors, an NVIDIA .pkl, a rosinality .pt.

    Float32, eval mode, no gradients for its weights. `device`: None = CUDA if there, else the CPU. Its `sha256` is
    that of the file, its `config` what the file says. ValueError with the reason for a file that is not read.
    """
    path = resolve(name, "generator")
    tensors, config = read_generator(path)
    generator = build(tensors, config)
    generator.sha256 = sha256(path)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return generator.to(device)


def build(tensors: dict[str, Tensor], config: dict[str, Any]) -> Generator:
    """A frozen generator with the tensors and config of `read_generator`, on the CPU."""
    with torch.random.fork_rng(devices=[]):  # loading must not move the caller's random stream
        generator = Generator(**generator_arguments(config))
    generator.load_state_dict(tensors)
    generator.config = dict(config)
    return generator.eval().requires_grad_(False)


def save_generator(generator: Generator, path: str | Path, recipe: dict[str, Any]) -> None:
    """Writes a generator as our .safetensors; `recipe`: the command, seed and figures that made it (JSON values)."""
    config = {**generator_arguments(generator.config), "kind": "generator", "recipe": recipe}
    save_network(path, generator.state_dict(), config)
