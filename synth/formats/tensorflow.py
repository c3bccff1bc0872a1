"""Generators in NVIDIA's TensorFlow pickles (stylegan2, stylegan2-ada): the networks (G, D, Gs), or Gs alone.

Their modulation biases lack their one, their up-convolutions are turned by 180 degrees, matrices are transposed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.formats.inert import Array, Network
from synth.formats.names import Part, State, our_names, part, renamed, without_ones
from synth.layers import RESAMPLE_FILTER

VERSIONS = (4, 5)  # of their networks' pickled state; older ones are StyleGAN 1 and before
LAYERS = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}
NEEDED = {"architecture": "skip", "nonlinearity": "lrelu", "mapping_nonlinearity": "lrelu", "use_noise": True}
NEEDED |= {"resample_kernel": list(map(int, RESAMPLE_FILTER)), "label_size": 0}
NOT_WEIGHTS = re.compile(r"(.*/)?lod")


def find(content: Any, path: Path) -> tuple[State, dict[str, Any], dict[str, Any]] | None:
    """(tensors, settings, recipe) of the generator in a pickle's content; None if there is none of this layout."""
    network = content[-1] if isinstance(content, tuple) and len(content) == 3 else content
    if not isinstance(network, Network):
        return None
    if network.state.get("version") not in VERSIONS:
        raise ValueError(
            f"{path} is a TensorFlow network of format {network.state.get('version')}: only {VERSIONS} is read"
        )
    state = _variables(network, path)
    sizes = [int(m[1]) for key in state if (m := re.fullmatch(r"synthesis/(\d{1,4})x\1/ToRGB/weight", key))]
    layers = [key for key in state if re.fullmatch(r"mapping/Dense\d{1,2}/weight", key)]
    names = our_names(max(sizes, default=4), len(layers))
    tensors = renamed(state, {name: theirs(part(name)) for name in names}, NOT_WEIGHTS, path)
    tensors = {name: _ours(part(name), value) for name, value in tensors.items()}
    return tensors, _settings(network.state.get("static_kwargs"), path), {"format": "NVIDIA TensorFlow pickle"}


def theirs(own: Part) -> str:
    """Their name of a tensor."""
    if not own.size:
        return f"mapping/Dense{own.layer[2:]}/{own.tensor}" if own.layer else "dlatent_avg"
    if own.tensor == "noise_const":
        return f"synthesis/noise{own.place}"
    layer = LAYERS.get(own.layer, "Const") if own.size > 4 or own.layer != "conv1" else "Conv"
    return f"synthesis/{own.size}x{own.size}/{layer}/{own.tensor.replace('affine.', 'mod_')}"


def _ours(own: Part, value: Tensor) -> Tensor:
    """Their tensor as we have it."""
    if own.tensor == "affine.bias":
        return value + 1
    if own.tensor == "affine.weight" or own.tensor == "weight" and not own.size:
        return value.t()
    if own.tensor == "weight":
        value = value.permute(3, 2, 0, 1)
        return value.flip(-1, -2) if own.layer == "conv0" else value
    return without_ones(value, {"const": 3, "noise_const": 2}.get(own.tensor, value.ndim))


def _variables(network: Network, path: Path) -> State:
    """The variables of the network, and of "mapping" and "synthesis" within it, by their names with slashes."""
    state = _listed(network, "", path)
    components = network.state.get("components")
    for name, component in components.items() if isinstance(components, dict) else ():
        if name not in ("mapping", "synthesis") or not isinstance(component, Network):
            raise ValueError(f"{path} has a component {name!r} that no StyleGAN2 generator has")
        state |= _listed(component, f"{name}/", path)
    return state


def _listed(network: Network, prefix: str, path: Path) -> State:
    variables = network.state.get("variables")
    if not isinstance(variables, list) or not all(isinstance(item, tuple) and len(item) == 2 for item in variables):
        raise ValueError(f"{path} has a network without variables: get the file from its makers")
    return {f"{prefix}{name}": _tensor(value) for name, value in variables}


def _tensor(value: Any) -> Any:
    if isinstance(value, Array):
        return torch.from_numpy(value.value.copy())
    return torch.tensor(value) if isinstance(value, int | float) else value


def _settings(kwargs: Any, path: Path) -> dict[str, Any]:
    """The arguments that shapes do not tell; settings that are no arguments must be StyleGAN2's own."""
    if not isinstance(kwargs, dict):
        raise ValueError(f"{path} has a network without settings: get the file from its makers")
    for name, needed in NEEDED.items():
        if (value := kwargs.get(name)) not in (None, needed):
            raise ValueError(f"{path} has {name} {value!r}: only {needed!r} is read")
    return {
        "conv_clamp": kwargs.get("conv_clamp"),
        "lr_multiplier": kwargs.get("mapping_lrmul") or 0.01,
        "num_fp16_res": kwargs.get("num_fp16_res") or 0,
    }
