"""Loading a generator from any known checkpoint, and saving one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.files import sha256
from data.weights import resolve, save_network
from data.world import device_of
from synth.formats import read_generator
from synth.formats.layout import generator_arguments
from synth.networks import Generator

PRECISIONS = ("fp32", "fp16", "bf16")


def load_generator(name: str | Path, device: str | torch.device | None = None, dtype: str = "fp32") -> Generator:
    """The generator "builtin", or that of a file in any format of `synth.formats`.

    Eval mode, no gradients for its weights. Its `sha256` is that of the file, its `config` what the file says.
    ValueError with the reason for a file that is not read.

    `device`: None = CUDA if there, else the CPU. `dtype`: how it computes: "fp32"; "fp16" as an NVIDIA file
    says, its highest resolutions in float16 and all in the published order; "bf16" all convolutions in bfloat16.
    """
    if dtype not in PRECISIONS:
        raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(PRECISIONS)}")
    path = resolve(name, "generator")
    tensors, config = read_generator(path)
    if dtype == "fp16" and not config.get("num_fp16_res"):
        raise ValueError(f"{path} has no float16 blocks (num_fp16_res): give dtype fp32, or bf16 for speed")
    generator = build(tensors, config)
    generator.synthesis.precision = dtype
    generator.sha256 = sha256(path)
    return generator.to(device_of(device))


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


@torch.no_grad()
def precision_error(generator: Generator, ws: Tensor, noise: str = "const") -> dict[str, float]:
    """How far the pictures of its precision are from those in float32: largest and rms difference, of [-1, 1]."""
    synthesis, precision = generator.synthesis, generator.synthesis.precision
    rough = synthesis(ws, noise)
    synthesis.precision = "fp32"
    difference = rough - synthesis(ws, noise)
    synthesis.precision = precision
    return {"largest": difference.abs().max().item(), "rms": difference.square().mean().sqrt().item()}
