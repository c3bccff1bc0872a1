"""Checkpoints as other programs write them, of small random generators."""

import argparse
import math
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from synth.networks import Generator

CLASSES = {"Generator": "Generator", "Mapping": "MappingNetwork", "Synthesis": "SynthesisNetwork"}
CLASSES |= {"Block": "SynthesisBlock", "StyledConv": "SynthesisLayer", "ToRGB": "ToRGBLayer"}
CLASSES |= {"Linear": "FullyConnectedLayer"}


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(3)
    generator = Generator(8, 12, 16, mapping_layers=3, channel_base=128, channel_max=16, conv_clamp=2)
    for key, tensor in generator.state_dict().items():
        tensor.normal_() if key.endswith(("bias", "strength", "w_avg")) else None
    return generator.eval().requires_grad_(False)


class Persistent:
    """Pickles as an object of a class with source text."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str, version: int = 6):
        self.meta = dict(type="class", version=version, module_src=source, class_name=class_name, state=state)

    def __reduce__(self) -> tuple:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


@pytest.fixture
def persistent(monkeypatch: pytest.MonkeyPatch) -> type[Persistent]:
    def _reconstruct_persistent_obj(meta: dict) -> None:
        raise AssertionError("never called: the reader does not import it")

    module: Any = types.ModuleType("torch_utils.persistence")
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj
    _reconstruct_persistent_obj.__module__ = module.__name__
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)
    return Persistent


@pytest.fixture
def nvidia_pickle(persistent: type[Persistent], tmp_path: Path) -> Callable[..., Path]:
    """Writes a generator as NVIDIA's training does; `change(states)` may alter the states by module name before."""

    def write(
        generator: Generator,
        change: Callable[[dict[str, dict]], None] = lambda states: None,
        source: str = "raise SystemExit('source text was executed')",
        class_name: str = "Generator",
        version: int = 6,
        protocol: int = 4,
    ) -> Path:
        states = {name: state_of(module) for name, module in generator.named_modules()}
        states[""] |= {"z_dim": generator.z_dim, "c_dim": generator.c_dim, "img_channels": 3}
        change(states)
        objects: dict[str, Persistent] = {}
        for name in sorted(states, key=len, reverse=True):  # children first
            kind = CLASSES.get(type(generator.get_submodule(name)).__name__, "") if name else class_name
            objects[name] = Persistent(kind, states[name], source, version)
            parent, _, last = name.rpartition(".")
            if name:
                states[parent]["_modules"][last] = objects[name]
        path = tmp_path / "network.pkl"
        path.write_bytes(pickle.dumps({"G": None, "D": None, "G_ema": objects[""]}, protocol=protocol))
        return path

    return write


def state_of(module: nn.Module) -> dict[str, Any]:
    """A module's __dict__ as NVIDIA's classes have it, children left out."""
    buffers = {key: value for key, value in module._buffers.items() if key != "fir"}
    state: dict[str, Any] = {"training": False, "_parameters": dict(module._parameters), "_modules": {}}
    name = type(module).__name__
    if name in ("Block", "StyledConv"):
        row = torch.tensor([1.0, 3.0, 3.0, 1.0])
        buffers["resample_filter"] = torch.outer(row, row) / 64
    if name == "Block":
        state |= {"architecture": "skip"}
    if name in ("StyledConv", "ToRGB"):
        state |= {"conv_clamp": module.clamp}
    if name == "StyledConv":
        state |= {"activation": "lrelu", "use_noise": True, "act_gain": math.sqrt(2)}
    if name == "Linear":
        state |= {"bias_gain": module.bias_gain}
    return state | {"_buffers": buffers}


@pytest.fixture
def rosinality_state() -> Callable[[Generator], dict[str, torch.Tensor]]:
    """A generator's weights under the names and shapes of rosinality's stylegan2-pytorch."""

    def convert(generator: Generator) -> dict[str, torch.Tensor]:
        out = {"input.input": generator.synthesis.b4.const[None]}
        for i in range(3):
            layer = generator.mapping.get_submodule(f"fc{i}")
            out |= {f"style.{i + 1}.weight": layer.weight, f"style.{i + 1}.bias": layer.bias}
        places = {4: ("", "to_rgb1"), 8: ("convs.0", "to_rgbs.0"), 16: ("convs.2", "to_rgbs.1")}
        for size, (first, rgb) in places.items():
            block = generator.synthesis.get_submodule(f"b{size}")
            number = int(first[-1]) if first else -1
            layers = {"conv1": block.conv1} if size == 4 else {first: block.conv0, f"convs.{number + 1}": block.conv1}
            for name, layer in layers.items():
                index = 0 if size == 4 else int(name[-1]) + 1
                out |= styled(layer, name) | {f"noises.noise_{index}": layer.noise_const[None, None]}
                if layer.up:
                    out[f"{name}.conv.blur.kernel"] = torch.ones(4, 4)
            out |= {
                f"{rgb}.conv.weight": block.torgb.weight[None],
                f"{rgb}.bias": block.torgb.bias[None, :, None, None],
                f"{rgb}.conv.modulation.weight": block.torgb.affine.weight,
                f"{rgb}.conv.modulation.bias": block.torgb.affine.bias,
            }
            if size > 4:
                out[f"{rgb}.upsample.kernel"] = torch.ones(4, 4)
        return {key: value.detach().clone() for key, value in out.items()}

    def styled(layer: Any, name: str) -> dict[str, torch.Tensor]:
        return {
            f"{name}.conv.weight": layer.weight[None],
            f"{name}.conv.modulation.weight": layer.affine.weight,
            f"{name}.conv.modulation.bias": layer.affine.bias,
            f"{name}.activate.bias": layer.bias,
            f"{name}.noise.weight": layer.noise_strength[None],
        }

    return convert


@pytest.fixture
def genforce_state() -> Callable[[Generator], dict[str, torch.Tensor]]:
    """A generator's weights under the names and in the form of genforce's StyleGAN2Generator."""

    def layer(ours: Any, name: str) -> dict[str, torch.Tensor]:
        out = {f"{name}.weight": ours.weight, f"{name}.bias": ours.bias}
        out |= {f"{name}.style.weight": ours.affine.weight, f"{name}.style.bias": ours.affine.bias - 1}
        if hasattr(ours, "noise_const"):
            out |= {f"{name}.noise": ours.noise_const[None, None], f"{name}.noise_strength": ours.noise_strength}
        return out

    def convert(generator: Generator) -> dict[str, torch.Tensor]:
        out = {"truncation.w_avg": generator.w_avg, "synthesis.upsample.kernel": torch.ones(1, 1, 4, 4)}
        for i in range(3):
            dense = generator.mapping.get_submodule(f"fc{i}")
            out |= {f"mapping.dense{i}.weight": dense.weight, f"mapping.dense{i}.bias": dense.bias}
        for k, size in enumerate((4, 8, 16)):
            block = generator.synthesis.block(size)
            if k:
                out |= layer(block.conv0, f"synthesis.layer{2 * k - 1}")
                out[f"synthesis.layer{2 * k - 1}.weight"] = block.conv0.weight.flip(2, 3)
                out[f"synthesis.layer{2 * k - 1}.filter.kernel"] = torch.ones(1, 1, 4, 4)
            else:
                out["synthesis.early_layer.const"] = block.const[None]
            out |= layer(block.conv1, f"synthesis.layer{2 * k}") | layer(block.torgb, f"synthesis.output{k}")
        return {key: value.detach().clone() for key, value in out.items()}

    return convert


class TensorFlowNetwork:
    """Pickles as a network of NVIDIA's TensorFlow code, whose state brings source text to execute."""

    def __init__(self, kwargs: dict, variables: dict[str, Any], components: dict | None = None, version: int = 4):
        self.state = {"version": version, "name": "G", "static_kwargs": kwargs, "components": components or {}}
        self.state |= {"build_module_src": "raise SystemExit('source text was executed')", "build_func_name": "G"}
        self.state |= {"variables": list(variables.items())}

    def __getstate__(self) -> dict:
        return self.state


@pytest.fixture
def tensorflow_pickle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Writes a generator as NVIDIA's TensorFlow training does: (G, D, Gs)."""
    module: Any = types.ModuleType("dnnlib.tflib.network")
    Network = module.Network = type("Network", (TensorFlowNetwork,), {"__module__": module.__name__})
    for name in ("dnnlib", "dnnlib.tflib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def layer(ours: Any, name: str) -> dict[str, np.ndarray]:
        out = {f"{name}/weight": ours.weight.permute(2, 3, 1, 0).numpy(), f"{name}/bias": ours.bias.numpy()}
        out |= {f"{name}/mod_weight": ours.affine.weight.t().numpy(), f"{name}/mod_bias": ours.affine.bias.numpy() - 1}
        if hasattr(ours, "noise_strength"):
            out[f"{name}/noise_strength"] = np.float32(ours.noise_strength)
        return out

    def variables(generator: Generator) -> tuple[dict[str, Any], dict[str, Any]]:
        mapping: dict[str, Any] = {}
        synthesis: dict[str, Any] = {"lod": np.float32(0)}
        for i in range(3):
            dense = generator.mapping.get_submodule(f"fc{i}")
            mapping |= {f"Dense{i}/weight": dense.weight.t().numpy(), f"Dense{i}/bias": dense.bias.numpy()}
        for k, size in enumerate((4, 8, 16)):
            block, place = generator.synthesis.block(size), f"{size}x{size}"
            if k:
                up = layer(block.conv0, f"{place}/Conv0_up")
                up[f"{place}/Conv0_up/weight"] = up[f"{place}/Conv0_up/weight"][::-1, ::-1]
                synthesis |= up | {f"noise{2 * k - 1}": block.conv0.noise_const[None, None].numpy()}
            else:
                synthesis |= {"4x4/Const/const": block.const[None].numpy()}
            synthesis |= layer(block.conv1, f"{place}/{'Conv1' if k else 'Conv'}")
            synthesis |= layer(block.torgb, f"{place}/ToRGB")
            synthesis |= {f"noise{2 * k}": block.conv1.noise_const[None, None].numpy()}
        return mapping, synthesis

    def write(generator: Generator, alone: bool = False, protocol: int = 3, version: int = 4, **kwargs: Any) -> Path:
        settings = {"resolution": 16, "fmap_base": 64, "architecture": "skip", "conv_clamp": 2, **kwargs}
        mapping, synthesis = (Network({}, part) for part in variables(generator))
        own = {"lod": np.float32(0), "dlatent_avg": generator.w_avg.numpy()}
        network = Network(settings, own, {"mapping": mapping, "synthesis": synthesis}, version)
        path = tmp_path / "tensorflow.pkl"
        path.write_bytes(pickle.dumps(network if alone else (Network({}, {}), Network({}, {}), network), protocol))
        return path

    return write


@pytest.fixture
def training_arguments() -> argparse.Namespace:
    """What a training checkpoint of rosinality holds beside the weights."""
    return argparse.Namespace(size=16, lr=0.002, path="data")
