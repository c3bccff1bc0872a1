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

from synth.layers import channels, resolutions

# The arguments of Generator: those that shapes tell; those of which several pairs may give the same shapes; the rest.
TOLD = ("z_dim", "w_dim", "c_dim", "resolution", "mapping_layers")
WIDTHS = ("channel_base", "channel_max")
UNTOLD = ("conv_clamp", "lr_multiplier", "num_fp16_res")


def architecture(tensors: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """The arguments of Generator that the shapes tell: all but those in UNTOLD."""
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
    return {name: config[name] for name in (*TOLD, *WIDTHS, *UNTOLD) if name in config}


def require_layout(tensors: dict[str, Tensor], config: dict[str, Any], path: Path) -> None:
    """ValueError unless `tensors` are exactly the float32, finite ones of the generator that `config` describes."""
    found = architecture(tensors, path)
    for name in TOLD:
        if type(config.get(name)) is not int or config[name] != found[name]:  # 64.0 and True are numbers, too
            raise ValueError(
                f"{path} says {name} {config.get(name)!r} but its tensors say {found[name]}: get an intact file"
            )
    for name in WIDTHS:
        if type(config.get(name)) is not int:
            raise ValueError(f"{path} says {name} {config.get(name)!r}, not a whole number: get an intact file")
    halves = config.get("num_fp16_res", 0)
    if type(halves) is not int or not 0 <= halves <= len(resolutions(found["resolution"])):
        raise ValueError(f"{path} says num_fp16_res {halves!r}, which is no number of its resolutions")
    _require_positive("lr_multiplier", config.get("lr_multiplier"), torch.float32, path)
    if config.get("conv_clamp") is not None:
        _require_positive("conv_clamp", config["conv_clamp"], torch.float16 if halves else torch.float32, path)
    expected = shapes(generator_arguments(config))
    if different := sorted(expected.keys() ^ tensors.keys()):
        state = "lacks" if different[0] in expected else "should not have"
        raise ValueError(
            f"{path} {state} the tensor {different[0]}: only StyleGAN2 of architecture 'skip' with noise is read"
        )
    for key, shape in expected.items():
        tensor = tensors[key]
        if tensor.shape != shape or tensor.dtype != torch.float32:
            raise ValueError(
                f"{path} has {key} as {tuple(tensor.shape)} {tensor.dtype} where {shape} float32 is needed: "
                "only StyleGAN2 with 3x3 convolutions and channel_base // resolution channels is read"
            )
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path} has NaN or infinity in {key}: its training diverged, give an earlier checkpoint")


def shapes(arguments: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of Generator(**arguments) by name; told without making them, as a forged file may describe giants."""
    w_dim, c_dim = arguments["w_dim"], arguments["c_dim"]
    out: dict[str, tuple[int, ...]] = {"mapping.w_avg": (w_dim,)}
    fan_in = arguments["z_dim"]
    if c_dim:
        out |= {"mapping.embed.weight": (w_dim, c_dim), "mapping.embed.bias": (w_dim,)}
        fan_in += w_dim
    for i in range(arguments["mapping_layers"]):
        out |= {f"mapping.fc{i}.weight": (w_dim, fan_in), f"mapping.fc{i}.bias": (w_dim,)}
        fan_in = w_dim
    fan_in = 0
    for size in resolutions(arguments["resolution"]):
        fan_out = channels(size, arguments["channel_base"], arguments["channel_max"])
        block = f"synthesis.b{size}"
        if fan_in:
            out |= _styled(f"{block}.conv0", fan_in, fan_out, w_dim, size)
        else:
            out[f"{block}.const"] = (fan_out, size, size)
        out |= _styled(f"{block}.conv1", fan_out, fan_out, w_dim, size)
        out |= _affine(f"{block}.torgb", fan_out, w_dim)
        out |= {f"{block}.torgb.weight": (3, fan_out, 1, 1), f"{block}.torgb.bias": (3,)}
        fan_in = fan_out
    return out


def _styled(name: str, fan_in: int, fan_out: int, w_dim: int, size: int) -> dict[str, tuple[int, ...]]:
    return _affine(name, fan_in, w_dim) | {
        f"{name}.weight": (fan_out, fan_in, 3, 3),
        f"{name}.bias": (fan_out,),
        f"{name}.noise_strength": (),
        f"{name}.noise_const": (size, size),
    }


def _affine(name: str, fan_in: int, w_dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.affine.weight": (fan_in, w_dim), f"{name}.affine.bias": (fan_in,)}


def _require_positive(name: str, value: Any, dtype: torch.dtype, path: Path) -> None:
    """ValueError unless `value` is a number that tensors of `dtype` can be limited to or multiplied by."""
    if type(value) not in (int, float) or not 0 < value <= torch.finfo(dtype).max:
        raise ValueError(
            f"{path} says {name} {value!r}, which is not a positive number of {str(dtype)[6:]}: get an intact file"
        )
