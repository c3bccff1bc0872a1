"""Generators in the checkpoints of genforce: {"generator_smooth": state, ...}.

Kept as NVIDIA's TensorFlow code has them: modulation biases without their one, up-convolutions turned by 180 degrees.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from synth.formats.names import Part, State, our_names, part, renamed, without_ones

FIXED = {"conv_clamp": None, "lr_multiplier": 0.01}  # in that implementation
KERNEL = re.compile(r"synthesis\.(layer\d+\.filter|upsample)\.kernel")


def find(content: Any, path: Path) -> tuple[State, dict[str, Any], dict[str, Any]] | None:
    """(tensors, settings, recipe) of the generator in a checkpoint's content; None if there is none of this layout."""
    state = content.get("generator_smooth", content.get("generator")) if isinstance(content, dict) else None
    if not isinstance(state, dict) or "synthesis.early_layer.const" not in state:
        return None
    sizes = [int(m[1]) for key in state if (m := re.fullmatch(r"synthesis\.output(\d)\.weight", str(key)))]
    layers = [key for key in state if re.fullmatch(r"mapping\.dense\d{1,2}\.weight", str(key))]
    names = our_names(4 << max(sizes, default=0), len(layers))
    tensors = renamed(state, {name: theirs(part(name)) for name in names}, KERNEL, path)
    tensors = {name: _ours(part(name), value) for name, value in tensors.items()}
    return tensors, FIXED, {"format": "genforce checkpoint"}


def theirs(own: Part) -> str:
    """Their name of a tensor."""
    if not own.size:
        return f"mapping.dense{own.layer[2:]}.{own.tensor}" if own.layer else "truncation.w_avg"
    if not own.layer:
        return "synthesis.early_layer.const"
    layer = f"output{own.place // 2}" if own.layer == "torgb" else f"layer{own.place}"
    return f"synthesis.{layer}.{own.tensor.replace('affine', 'style').replace('noise_const', 'noise')}"


def _ours(own: Part, value: Tensor) -> Tensor:
    """Their tensor as we have it."""
    if own.tensor == "affine.bias":
        return value + 1
    if own.layer == "conv0" and own.tensor == "weight":
        return value.flip(-1, -2)
    return without_ones(value, {"const": 3, "noise_const": 2}.get(own.tensor, value.ndim))
