"""The tensors of a StyleGAN2 generator under NVIDIA's names: the architecture they describe, and whether all are there.

The architecture is read from the shapes of tensors that are really in the file, never from numbers beside them: so a
forged number cannot ask for more memory than the file itself takes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.networks import Generator

# The arguments of Generator that leave no trace in the shapes.
FREE = {"conv_clamp": None, "lr_multiplier": 0.01}


def architecture(tensors: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """The arguments of Generator that the shapes tell: all but those in FREE."""
    sizes = sorted(int(m[1]) for key in tensors if (m := re.fullmatch(r"synthesis\.b(\d{1,4})\.conv1\.weight", key)))
    layers = [key for key in tensors if re.fullmatch(r"mapping\.fc\d{1,3}\.weight", key)]
    try:
        w_dim, fan_in = tensors["mapping.fc0.weight"].shape
        c_dim = tensors["mapping.embed.weight"].shape[1] if "mapping.embed.weight" in tensors else 0
        maps = {size: len(tensors[f"synthesis.b{size}.conv1.weight"]) for size in sizes}
        widest = max(maps.values())
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ValueError(f"{path} lacks the layers of a StyleGAN2 generator: give a StyleGAN2 checkpoint") from error
    narrow = [size * count for size, count in maps.items() if count < widest]
    return {
        "z_dim": fan_in - (w_dim if c_dim else 0),
        "w_dim": w_dim,
        "c_dim": c_dim,
        "resolution": sizes[-1],
        "mapping_layers": len(layers),
        "channel_base": narrow[0] if narrow else widest * sizes[-1],
        "channel_max": widest,
    }


def generator_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of Generator among the entries of a checkpoint's config."""
    names = ("z_dim", "w_dim", "c_dim", "resolution", "mapping_layers", "channel_base", "channel_max", *FREE)
    return {name: config[name] for name in names if name in config}


def require_layout(tensors: dict[str, Tensor], config: dict[str, Any], path: Path) -> None:
    """ValueError unless `tensors` are exactly the float32, finite ones of the generator that `config` describes."""
    found = architecture(tensors, path)
    for name, value in found.items():
        # Wider bases give the same shapes when every layer is at channel_max: nothing is told by them then.
        if name != "channel_base" and config.get(name) != value:
            raise ValueError(f"{path} says {name} {config.get(name)!r} but its tensors say {value}: get an intact file")
    for name in ("channel_base", *FREE):
        value = config.get(name)
        if value is not None or name != "conv_clamp":
            _require_positive(name, value, path)
    with torch.device("meta"):  # shapes only
        network = Generator(**generator_arguments(config))
    expected = {key: value.shape for key, value in network.state_dict().items()}
    if different := sorted(expected.keys() ^ tensors.keys()):
        state = "lacks" if different[0] in expected else "should not have"
        raise ValueError(
            f"{path} {state} the tensor {different[0]}: only StyleGAN2 of architecture 'skip' with noise is read"
        )
    for key, shape in expected.items():
        tensor = tensors[key]
        if tensor.shape != shape or tensor.dtype != torch.float32:
            raise ValueError(
                f"{path} has {key} as {tuple(tensor.shape)} {tensor.dtype} where {tuple(shape)} float32 is needed: "
                "only StyleGAN2 with 3x3 convolutions and channel_base // resolution channels is read"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path} has NaN or infinity in {key}: its training diverged, give an earlier checkpoint")


def _require_positive(name: str, value: Any, path: Path) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{path} says {name} {value!r}, which is not a positive number: get an intact file")
