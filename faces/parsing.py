"""The 19-class face parser: a small U-Net on a working picture of one size, differentiable in its input."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.weights import load_network, resolve
from data.world import device_of
from faces.labels import CLASSES, channel_order
from faces.published import PUBLISHED, BiSeNet, load_published

GROUP = 16  # channels per group of the normalisation


def convolution(fan_in: int, fan_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, group normalisation, SiLU. Groups, not batches: photos have other statistics than renders."""
    layers = [nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False), nn.GroupNorm(fan_out // GROUP, fan_out), nn.SiLU()]
    return nn.Sequential(*layers)


def expansion(fan_in: int, fan_out: int) -> nn.Sequential:
    """1x1 convolution and pixel shuffle: twice the side, fan_out channels; four times cheaper than interpolating."""
    return nn.Sequential(nn.Conv2d(fan_in, 4 * fan_out, 1), nn.PixelShuffle(2))


class Parser(nn.Module):
    """A face crop (N, 3, H, W) in [-1, 1] -> logits (N, 19, H, W) in CelebAMask-HQ's order, for any H, W >= 32.

    The crop is resized to `input_size` (area, antialiased) and seen at 1/2, 1/4, 1/8, ... of it, by as many channels as
    `widths` says; the logits, made at the full `input_size` by pixel shuffling, are interpolated bilinearly to the
    crop's size.
    """

    def __init__(self, input_size: int = 128, widths: tuple[int, ...] = (32, 48, 96, 128)) -> None:
        super().__init__()
        assert widths and input_size % 2 ** len(widths) == 0 and all(width % GROUP == 0 for width in widths)
        self.input_size = input_size
        self.config = {"input_size": input_size, "widths": list(widths)}  # Parser(**config) builds this network again
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(
            nn.Sequential(convolution(fan_in, fan_out, 2), convolution(fan_out, fan_out))
            for fan_in, fan_out in [(3, widths[0]), *steps]
        )
        self.context = convolution(2 * widths[-1], widths[-1])
        self.expand = nn.ModuleList(expansion(coarse, fine) for fine, coarse in reversed(steps))
        self.up = nn.ModuleList(
            nn.Sequential(convolution(2 * fine, fine), convolution(fine, fine)) for fine, _ in reversed(steps)
        )
        self.logits = expansion(widths[0], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> logits (N, 19, H, W) float32."""
        check_crop(x)
        work = resized(x, self.input_size).contiguous(memory_format=torch.channels_last)
        logits = self.work_logits(work).float()
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)

    def work_logits(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) at the network's own size S -> logits (N, 19, S, S)."""
        *seen, x = self.features(x)
        # what the whole picture shows, at every place: an ear is an ear because of where the face is
        everywhere = x.mean((2, 3), keepdim=True).expand_as(x)
        x = self.context(torch.cat([x, everywhere], 1))
        for expand, up, fine in zip(self.expand, self.up, reversed(seen), strict=True):
            x = up(torch.cat([fine, expand(x)], 1))
        return self.logits(x)

    def features(self, x: Tensor) -> list[Tensor]:
        """(N, 3, S, S) -> what is seen at 1/2, 1/4, 1/8, ... of S."""
        seen = []
        for stage in self.down:
            x = stage(x)
            seen.append(x)
        return seen

    @torch.no_grad()
    def labels(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> label maps (N, H, W) uint8 in CelebAMask-HQ's order."""
        return self(x).argmax(1).to(torch.uint8)


class PublishedParser(Parser):
    """zllrunning's BiSeNet behind the same door: it sees the crop at 512 px, and its classes are put in our order."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, path: Path) -> None:
        nn.Module.__init__(self)
        self.input_size = 512
        self.network = load_published(path, BiSeNet())
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def work_logits(self, x: Tensor) -> Tensor:
        """(N, 3, 512, 512) in [-1, 1] -> logits (N, 19, 512, 512) in CelebAMask-HQ's order."""
        return self.network(((x + 1) / 2 - self.mean) / self.deviation)[:, channel_order("bisenet")]


def load_parser(name: str | Path = "builtin", device: str | torch.device | None = None) -> Parser:
    """A trained parser, frozen, in eval mode.

    Args:
        name: "builtin", the path of a .safetensors parser, or of zllrunning's BiSeNet (79999_iter.pth).
        device: None: cuda where there is one, else the CPU.
    """
    path = resolve(name, "parser")
    if path.suffix in PUBLISHED:
        return ready(PublishedParser(path), device)
    tensors, config = load_network(path)
    if config["kind"] != "parser":
        raise ValueError(f"{path} holds a network of kind {config['kind']}: give a parser")
    return ready(build(path, Parser, tensors, config), device)


def build(path: Path, kind: Any, tensors: dict[str, Tensor], config: dict[str, Any]) -> Any:
    """The network that `config["architecture"]` describes, with its tensors; ValueError when the two do not fit."""
    try:
        network = kind(**config["architecture"])
        network.load_state_dict(tensors)
    except (KeyError, TypeError, AttributeError, AssertionError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} does not fit its own config: save or fetch it again") from error
    return network


def ready(network: Any, device: str | torch.device | None) -> Any:
    """The network frozen, in eval mode, in channels_last order, on `device` (None: cuda where there is one)."""
    return network.to(device_of(device), memory_format=torch.channels_last).eval().requires_grad_(False)


def check_crop(x: Tensor) -> None:
    """ValueError unless x is (N, 3, H, W) with H, W >= 32."""
    if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[-2:]) < 32:
        raise ValueError(f"the crop has shape {tuple(x.shape)}: it must be (N, 3, H, W) with sides of at least 32 px")


def resized(x: Tensor, size: int) -> Tensor:
    """(N, 3, H, W) -> (N, 3, size, size): the mean of the covered area where it shrinks, bilinear where it grows."""
    if x.shape[-2:] == (size, size):
        return x
    if x.shape[-2] % size == 0 and x.shape[-1] % size == 0:
        return F.avg_pool2d(x, (x.shape[-2] // size, x.shape[-1] // size))
    return F.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=True)
