"""Generators in the layout of rosinality's stylegan2-pytorch: its own checkpoints, and those of encoders around it.

{"g_ema": state, "latent_avg": w}               converted from NVIDIA's; training checkpoints have no latent_avg
{"state_dict": {"decoder.": ...}, "latent_avg"}  pSp, e4e and their kin; FG 2021's best_model.pt
state                                            a bare state dict
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.formats.layout import generator_arguments
from synth.formats.names import Part, State, our_names, part, renamed, without_ones
from synth.layers import RESAMPLE_FILTER

FIXED = {"conv_clamp": None, "lr_multiplier": 0.01}  # in that implementation
STYLED = {
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "bias": "activate.bias",
    "noise_strength": "noise.weight",
}
KERNEL = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")


def find(content: Any, path: Path) -> tuple[State, dict[str, Any], dict[str, Any]] | None:
    """(tensors, settings, recipe) of the generator in a checkpoint's content; None if there is none of this layout."""
    if not isinstance(content, dict):
        return None
    state = _state(content)
    if state is None:
        return None
    sizes = [int(m[1]) for key in state if (m := re.fullmatch(r"to_rgbs\.(\d)\.bias", str(key)))]
    layers = [key for key in state if re.fullmatch(r"style\.\d{1,2}\.weight", str(key))]
    names = our_names(4 << max(sizes, default=-1) + 1, len(layers))
    tensors = renamed(state, {name: theirs(part(name)) for name in names}, KERNEL, path)
    tensors = {name: _narrowed(part(name), value) for name, value in tensors.items()}
    settings, recipe = _config(content.get("config"), path)
    average = content.get("latent_avg")
    if isinstance(average, Tensor):  # (w_dim,), or encoders' (num_ws, w_dim)
        rows = average.reshape(-1, average.shape[-1])
        tensors["mapping.w_avg"] = rows[0] if (rows == rows[0]).all() else rows.mean(dim=0)
        recipe = {"w_avg": "its latent_avg"} | recipe
    return tensors, FIXED | settings, recipe | {"format": "rosinality checkpoint"}


def write(tensors: State, config: dict[str, Any], path: Path) -> None:
    """Saves a generator as rosinality's convert_weight.py does; our config lies beside it as JSON text."""
    if config["c_dim"]:
        raise ValueError(f"{path} cannot hold a class-conditional generator: rosinality's layout has no place for it")
    state = {theirs(part(name)): _widened(part(name), value) for name, value in tensors.items() if "w_avg" not in name}
    row = torch.tensor(RESAMPLE_FILTER)
    kernel = torch.outer(row, row) * (4 / row.sum() ** 2)
    for block in range(int(math.log2(config["resolution"])) - 2):
        state |= {f"convs.{2 * block}.conv.blur.kernel": kernel, f"to_rgbs.{block}.upsample.kernel": kernel}
    text = json.dumps({**generator_arguments(config), "recipe": config["recipe"]}, sort_keys=True)
    torch.save({"g_ema": state, "latent_avg": tensors["mapping.w_avg"], "config": text}, path)


def theirs(own: Part) -> str:
    """Their name of a tensor."""
    if not own.size:
        return f"style.{int(own.layer[2:]) + 1}.{own.tensor}" if own.layer else "latent_avg"
    if not own.layer:
        return "input.input"
    if own.tensor == "noise_const":
        return f"noises.noise_{own.place}"
    if own.layer == "torgb":
        layer = f"to_rgbs.{own.place // 2 - 1}" if own.place else "to_rgb1"
        return f"{layer}.{own.tensor if own.tensor == 'bias' else STYLED[own.tensor]}"
    return f"{f'convs.{own.place - 1}' if own.place else 'conv1'}.{STYLED[own.tensor]}"


def _state(content: dict[Any, Any]) -> dict[str, Any] | None:
    """The entries of the generator, without the prefix that they have in an encoder's checkpoint."""
    states = [state for state in (content.get("g_ema"), content.get("state_dict"), content) if isinstance(state, dict)]
    for state in states:
        for prefix in ("", "decoder."):
            if f"{prefix}style.1.weight" in state:
                named = {str(key): value for key, value in state.items()}
                return {key[len(prefix) :]: value for key, value in named.items() if key.startswith(prefix)}
    return None


def _config(text: Any, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arguments of Generator, recipe), where `write` has put them."""
    if text is None:
        return {}, {}
    try:
        config = dict(json.loads(text))
        return generator_arguments(config), dict(config.get("recipe", {}))  # none in files of 0.1.0
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} has a config that is none of ours: fetch it again") from error


def _narrowed(own: Part, value: Tensor) -> Tensor:
    """Their tensor in our shape: they add leading ones, keep strengths as (1,) and colours' biases as (1, 3, 1, 1)."""
    if own.tensor == "noise_strength":
        return without_ones(value, 0)
    if own.tensor == "noise_const":
        return without_ones(value, 2)
    if own.tensor == "const":
        return without_ones(value, 3)
    if own.layer == "torgb" and own.tensor == "bias":
        return value.reshape(-1)
    return without_ones(value, 4) if own.tensor == "weight" and own.size else value


def _widened(own: Part, value: Tensor) -> Tensor:
    """Our tensor in their shape, with memory of its own."""
    value = value.detach().clone(memory_format=torch.contiguous_format)
    if own.tensor in ("noise_strength", "const") or own.tensor == "weight" and own.size:
        return value[None]
    if own.tensor == "noise_const":
        return value[None, None]
    return value[None, :, None, None] if own.layer == "torgb" and own.tensor == "bias" else value
