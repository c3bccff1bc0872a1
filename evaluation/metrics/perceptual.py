"""Perceptual distance in the manner of LPIPS (Zhang et al., CVPR 2018): how unlike two pictures are to a network.

"builtin" compares features of the shipped pose network. It is the one shipped network that looks at whole crops and
that no training of a HairNet uses, so none can have learned to please it. Its layers count alike: there are no human
judgements of renders to weigh them by. AlexNet's published weights, as a file, give LPIPS itself, by the lpips package.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.weights import resolve
from evaluation.metrics.pictures import within
from faces.landmarks import load_pose_network
from faces.parsing import resized


class Perceptual(Protocol):
    """What measures: `title` says in reports what it is."""

    title: str

    def maps(self, a: Tensor, b: Tensor) -> list[np.ndarray]:
        """Pictures (N, 3, H, W) in [-1, 1] -> one map (N, h, w) of distances per layer."""


def distance(maps: list[np.ndarray], row: int, region: np.ndarray) -> float:
    """The distance of one pair of pictures within a region (H, W) in [0, 1]: the mean of the layers; NaN if empty."""
    total = 0.0
    for layer in maps:
        fitted = F.interpolate(torch.from_numpy(region)[None, None].float(), layer.shape[1:], mode="area")[0, 0].numpy()
        scale = region.size / fitted.size  # `within` counts pixels
        total += within(layer[row], fitted * scale)
    return total / len(maps)


class PoseFeatures:
    """The shipped pose network's own features."""

    def __init__(self, name: str | Path, device: str | torch.device | None) -> None:
        self.network = load_pose_network(name, device)
        self.title = f"features of the pose network, all layers alike, at {self.network.input_size} px (not LPIPS)"

    @torch.no_grad()
    def maps(self, a: Tensor, b: Tensor) -> list[np.ndarray]:
        """See Perceptual."""
        layers = zip(self._features(a), self._features(b), strict=True)
        return [(x - y).square().sum(1).cpu().numpy() for x, y in layers]

    def _features(self, x: Tensor) -> list[Tensor]:
        x = resized(x.to(next(self.network.parameters()).device), self.network.input_size)
        found = []
        for layer in self.network.body:
            x = layer(x)
            found.append(F.normalize(x.float(), dim=1))
        return found


class Lpips:
    """LPIPS 0.1 with AlexNet, of which the file holds torchvision's weights (alexnet-owt-7be5be79.pth)."""

    def __init__(self, path: Path, device: str | torch.device | None) -> None:
        self.title = f"LPIPS 0.1, AlexNet ({path.name})"
        self.device = torch.device(device or "cpu")
        network = _without_weights()
        try:
            given = torch.load(path, map_location="cpu", weights_only=True)
            trunk = {name: given[_published_name(name)] for name in network.net.state_dict()}
            network.net.load_state_dict(trunk)
        except Exception as error:  # whatever a crafted file makes torch raise
            raise ValueError(
                f"--perceptual {path} does not hold AlexNet's weights: give torchvision's alexnet-owt-7be5be79.pth"
            ) from error
        self.network = network.to(self.device).eval().requires_grad_(False)

    @torch.no_grad()
    def maps(self, a: Tensor, b: Tensor) -> list[np.ndarray]:
        """See Perceptual."""
        return [self.network(a.to(self.device), b.to(self.device))[:, 0].cpu().numpy()]


def perceptual_file(name: str | Path) -> Path:
    """The file that --perceptual means: the shipped pose network, or AlexNet's weights."""
    return resolve(name, "pose")


def load_perceptual(name: str | Path, device: str | torch.device | None = None) -> Perceptual:
    """What measures: "builtin", a pose network (.safetensors), or AlexNet's weights (.pth) for LPIPS."""
    path = perceptual_file(name)
    return Lpips(path, device) if path.suffix in (".pth", ".pt") else PoseFeatures(path, device)


def _without_weights() -> Any:
    """LPIPS as its package builds it, with its own weights of the layers and none of AlexNet's."""
    try:
        import lpips
    except ImportError as error:
        raise ValueError("LPIPS needs the package lpips: run `pip install lpips`, or leave --perceptual out") from error
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the package calls torchvision in an old way
        return lpips.LPIPS(net="alex", pnet_rand=True, spatial=True, verbose=False)


def _published_name(name: str) -> str:
    """`slice3.6.weight` -> `features.6.weight`."""
    return "features." + name.partition(".")[2]
