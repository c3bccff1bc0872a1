"""Checkpoints of StyleGAN2 generators: each reader gives (tensors with NVIDIA's names, config); nothing is executed.

A file is recognised by its first bytes, never by its suffix.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from data.weights import load_network
from synth.formats import nvidia, rosinality
from synth.formats.layout import require_layout

ZIP = b"PK\x03\x04"  # torch.save since 1.6
OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # torch.save before: its magic number, pickled


def read_generator(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors float32 on the CPU, config) of a generator in any known format; ValueError with the reason otherwise.

    config: "kind" "generator", the arguments of synth.networks.Generator, and "recipe": where it comes from.
    """
    with open(path, "rb") as file:
        head = file.read(16)
    if head[4:9] == bytes(4) + b"{":  # safetensors: the header's length, 8 bytes of which 4 suffice, then JSON
        tensors, config = _read_own(path)
    elif head.startswith((ZIP, OLD_TORCH)):
        tensors, config = rosinality.read(path)
    elif head[:1] == b"\x80":  # the protocol opcode: every pickle since Python 2.3
        tensors, config = nvidia.read(path)
    else:
        raise ValueError(
            f"{path} is no generator checkpoint: give our .safetensors, an NVIDIA StyleGAN2 .pkl or a rosinality .pt"
        )
    require_layout(tensors, config, path)
    return tensors, config


def _read_own(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A file of data.weights.save_network that holds a generator."""
    tensors, config = load_network(path)
    if config["kind"] != "generator":
        raise ValueError(f"{path} holds a network of kind {config['kind']!r}: give one of kind 'generator'")
    return tensors, config
