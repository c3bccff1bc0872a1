"""Perceptual distance in the manner of LPIPS (Zhang et al., CVPR 2018): how unlike two pictures are to a network.

"builtin" compares features of the shipped pose network. It is the one shipped network that looks at whole crops and
that no training of a HairNet uses, so none can have learned to please it. Its layers count alike: there are no human
judgements of renders to weigh them by. LPIPS itself is measured where its public files are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.weights import resolve
from evaluation.metrics.pictures import within
from faces.landmarks import load_pose_network
from faces.parsing import resized
from faces.perceptual import load_lpips


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
    """LPIPS by the files in which its weights are public (`faces.perceptual`)."""

    def __init__(self, files: Sequence[Path], device: str | torch.device | None) -> None:
        self.network = load_lpips(files, device)
        self.title = f"LPIPS 0.1, {self.network.kind} ({', '.join(path.name for path in files)})"

    @torch.no_grad()
    def maps(self, a: Tensor, b: Tensor) -> list[np.ndarray]:
        """See Perceptual. LPIPS is the sum of its layers, not their mean."""
        device = self.network.shift.device
        layers = self.network.maps(a.to(device), b.to(device))
        return [len(layers) * layer.cpu().numpy() for layer in layers]


def perceptual_files(name: str | Path) -> tuple[Path, ...]:
    """The files that --perceptual means: the shipped pose network, or those of LPIPS, by commas."""
    return tuple(resolve(part.strip(), "pose") for part in str(name).split(","))


def load_perceptual(files: Sequence[Path], device: str | torch.device | None = None) -> Perceptual:
    """What measures: a pose network (.safetensors), or LPIPS by its public files (.pth)."""
    if len(files) == 1 and files[0].suffix not in (".pth", ".pt"):
        return PoseFeatures(files[0], device)
    return Lpips(files, device)
