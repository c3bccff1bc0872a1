"""Checkpoints of StyleGAN2 generators: from a file to (tensors with NVIDIA's names, config); nothing is executed.

A file is recognised by its content, never by its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from data.weights import load_network
from synth.formats import genforce, nvidia, rosinality, tensorflow
from synth.formats.container import OLD_TORCH, PICKLE, ZIP, read_content
from synth.formats.layout import architecture, generator_arguments, require_layout
from synth.formats.mean import MEAN_SOURCE, mean_w

READERS = (nvidia, tensorflow, rosinality, genforce)
READ = (
    "our .safetensors, NVIDIA's .pkl (PyTorch or TensorFlow), rosinality's .pt (also the decoder of pSp and its kin) "
    "or genforce's .pth"
)


def read_generator(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors float32 on the CPU, config) of a generator in any known format; ValueError with the reason otherwise.

    config: "kind" "generator", the arguments of synth.networks.Generator, and "recipe": where it comes from.
    """
    if is_own(path):
        tensors, config = _read_own(path)
    elif _head(path).startswith((ZIP, OLD_TORCH, PICKLE)):
        tensors, config = _read_foreign(path)
    else:
        raise ValueError(f"{path} is no generator checkpoint: give {READ}")
    require_layout(tensors, config, path)
    return tensors, config


def is_own(path: Path) -> bool:
    """Whether a file begins as a safetensors file: its header's length, 8 bytes of which 4 suffice, then JSON."""
    return _head(path)[4:9] == bytes(4) + b"{"


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(16)


def _read_own(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A file of data.weights.save_network that holds a generator."""
    tensors, config = load_network(path)
    if config["kind"] != "generator":
        raise ValueError(f"{path} holds a network of kind {config['kind']!r}: give one of kind 'generator'")
    if not isinstance(config.get("recipe"), dict):
        raise ValueError(f"{path} does not say how it was made (recipe): get an intact file")
    return tensors, config


def _read_foreign(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A checkpoint of another program, by the first of READERS that knows its content."""
    content = read_content(path)
    try:
        found = next(filter(None, (reader.find(content, path) for reader in READERS)), None)
    except (
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:  # tensors of odd shapes, odd things as tensors
        raise ValueError(f"{path} has other things than a network's in its place ({error}): fetch it again") from error
    if found is None:
        raise ValueError(f"{path} holds no StyleGAN2 generator that is known here: give {READ}")
    tensors, settings, recipe = found
    if sum(tensor.nbytes for tensor in tensors.values()) > path.stat().st_size:
        raise ValueError(f"{path} describes more tensors than it has data for: get the file from its makers")
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    if "mapping.w_avg" not in tensors:
        tensors |= {"mapping.w_avg": mean_w(tensors, settings, path)}
        recipe |= {"w_avg": MEAN_SOURCE}
    config = architecture(tensors, path) | generator_arguments(settings)
    return tensors, {"kind": "generator", **config, "recipe": recipe}
