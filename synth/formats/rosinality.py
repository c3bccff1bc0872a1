"""Generators in the checkpoints of rosinality's stylegan2-pytorch, converted (`latent_avg`) or from its training."""

from __future__ import annotations

import argparse
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synth.formats.inert import first_words
from synth.formats.layout import architecture, require_layout
from synth.networks import Mapping

FIXED = {"conv_clamp": None, "lr_multiplier": 0.01}  # in that implementation
MEAN_SAMPLES, MEAN_SEED = 10_000, 0  # for the mean of w where the checkpoint has none

# Their names within a layer -> ours.
STYLED = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "activate.bias": "bias",
    "noise.weight": "noise_strength",
}
COLOURS = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "bias": "bias",
}
RECOMPUTED = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, config) of the checkpoint's `g_ema`; ValueError with the reason for anything else.

    A training checkpoint has no mean of w; it is estimated then, always from the same z. The recipe says which.
    """
    content = _load(path)
    state = content.get("g_ema") if isinstance(content, dict) else None
    if not isinstance(state, dict) or "style.1.weight" not in state:
        raise ValueError(f"{path} is a torch file without rosinality's g_ema: give a checkpoint of stylegan2-pytorch")
    tensors = translate(state, path)
    config = architecture(tensors, path) | FIXED
    average = content.get("latent_avg")
    known = isinstance(average, Tensor)
    tensors["mapping.w_avg"] = average.float().reshape(-1) if known else torch.zeros(config["w_dim"])
    if not known:
        require_layout(tensors, config, path)
        tensors["mapping.w_avg"] = mean_w(tensors, config)
    source = "its latent_avg" if known else f"mean of {MEAN_SAMPLES} w, z from RandomState({MEAN_SEED})"
    return tensors, {"kind": "generator", **config, "recipe": {"format": "rosinality checkpoint", "w_avg": source}}


def mean_w(tensors: dict[str, Tensor], config: dict[str, Any]) -> Tensor:
    """(w_dim,) the mean of w over MEAN_SAMPLES fixed z."""
    with torch.random.fork_rng(devices=[]):
        mapping = Mapping(config["z_dim"], 0, config["w_dim"], 1, config["mapping_layers"], config["lr_multiplier"])
    prefix = "mapping."
    mapping.load_state_dict({key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)})
    z = np.random.RandomState(MEAN_SEED).randn(MEAN_SAMPLES, config["z_dim"]).astype(np.float32)
    with torch.no_grad():
        return mapping(torch.from_numpy(z))[:, 0].mean(dim=0)


def translate(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """A state dict of that implementation's Generator under NVIDIA's names, float32; `path` is for messages."""
    out = {}
    for key, value in state.items():
        if RECOMPUTED.fullmatch(key):
            continue
        name = _name(key)
        if name is None or not isinstance(value, Tensor):
            raise ValueError(f"{path} has an unknown entry {key!r}: only rosinality's StyleGAN2 generator is read")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError(f"{path} has less data than {key!r} needs: get the file from its makers")
        out[name] = _shaped(name, value.float())
    return out


def _load(path: Path) -> Any:
    """What torch.save wrote, numbers only; training checkpoints also hold their command line (Namespace)."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        reason = f"it asks for {named[1]}" if named else "it is damaged or holds more than numbers"
        raise ValueError(f"{path} is refused, nothing of it was run: {reason}; get the file from its makers") from error
    except Exception as error:  # a damaged or forged file can raise anything
        raise ValueError(
            f"{path} is a truncated or damaged torch file ({first_words(error)}): fetch it again"
        ) from error


def _name(key: str) -> str | None:
    """Our name of one of their tensors; None if there is none."""
    if key == "input.input":
        return "synthesis.b4.const"
    if m := re.fullmatch(r"style\.(\d{1,2})\.(weight|bias)", key):
        return f"mapping.fc{int(m[1]) - 1}.{m[2]}"
    if (m := re.fullmatch(r"conv1\.(.+)", key)) and m[1] in STYLED:
        return f"synthesis.b4.conv1.{STYLED[m[1]]}"
    if (m := re.fullmatch(r"to_rgb1\.(.+)", key)) and m[1] in COLOURS:
        return f"synthesis.b4.torgb.{COLOURS[m[1]]}"
    if (m := re.fullmatch(r"convs\.(\d{1,2})\.(.+)", key)) and m[2] in STYLED:
        return f"{_layer(int(m[1]))}.{STYLED[m[2]]}"
    if (m := re.fullmatch(r"to_rgbs\.(\d)\.(.+)", key)) and m[2] in COLOURS:
        return f"synthesis.b{8 << int(m[1])}.torgb.{COLOURS[m[2]]}"
    if m := re.fullmatch(r"noises\.noise_(\d{1,2})", key):
        return f"{_layer(int(m[1]) - 1)}.noise_const"
    return None


def _layer(index: int) -> str:
    """The convolution `index` of theirs, counted from the first of 8 px; -1 is the only one of 4 px."""
    return f"synthesis.b{8 << index // 2}.conv{index % 2}" if index >= 0 else "synthesis.b4.conv1"


def _shaped(name: str, value: Tensor) -> Tensor:
    """Their tensor with our number of dimensions: they add leading ones to some and keep scalars as (1,)."""
    dims = 4 if re.search(r"(conv\d|torgb)\.weight$", name) else value.ndim
    if name.endswith("const"):
        dims = 3 if name == "synthesis.b4.const" else 2
    if name.endswith("noise_strength"):
        dims = 0
    if name.endswith("torgb.bias"):
        return value.reshape(-1)
    excess = value.ndim - dims
    if excess > 0 and math.prod(value.shape[:excess]) == 1:
        return value.reshape(value.shape[excess:])
    return value
