"""StyleGAN2's residual discriminator in plain PyTorch, with NVIDIA's layer names; R1's double backward works."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.layers import SLOPE, SQRT2, Linear, channels, depthwise_filter, resolutions


class Conv(nn.Module):
    """Equalised convolution; the gain of what follows it is folded into weight and bias when they are used."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, bias: bool = True):
        super().__init__()
        weight = torch.randn(fan_out, fan_in, kernel, kernel).contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.weight_gain = 1.0 / math.sqrt(fan_in * kernel**2)

    def forward(self, x: Tensor, gain: float = 1.0, stride: int = 1, padding: int = 0) -> Tensor:
        """(N, fan_in, H, W) -> (N, fan_out, H', W'), times `gain`."""
        bias = None if self.bias is None else self.bias * gain
        return F.conv2d(x, self.weight * (self.weight_gain * gain), bias, stride=stride, padding=padding)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one, to half the resolution; both branches count half of the variance."""

    fir: Tensor

    def __init__(self, fan_in: int, fan_out: int, first: bool):
        super().__init__()
        if first:
            self.fromrgb = Conv(3, fan_in, 1)
        self.first = first
        self.conv0 = Conv(fan_in, fan_in, 3)
        self.conv1 = Conv(fan_in, fan_out, 3)
        self.skip = Conv(fan_in, fan_out, 1, bias=False)
        self.register_buffer("fir", depthwise_filter(fan_in, 1.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in or 3, H, W) -> (N, fan_out, H/2, W/2)."""
        if self.first:
            x = F.leaky_relu(self.fromrgb(x, SQRT2), SLOPE)
        short = self.skip(self._halve(x), 1.0 / SQRT2)
        x = F.leaky_relu(self.conv0(x, SQRT2, padding=1), SLOPE)
        x = F.conv2d(x, self.fir, padding=2, groups=x.shape[1])
        return short + F.leaky_relu(self.conv1(x, stride=2), SLOPE)  # its sqrt(2) cancels the branch's 1/sqrt(2)

    def _halve(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2), filtered; float32, as bfloat16's backward is 10x slower on a CPU here."""
        with torch.autocast(x.device.type, enabled=False):
            return F.conv2d(x.float(), self.fir, stride=2, padding=1, groups=x.shape[1]).to(x.dtype)


class Epilogue(nn.Module):
    """Features at 4 px -> logit, with the standard deviation over groups of the batch as one more feature map."""

    def __init__(self, fan_in: int, mbstd_group: int):
        super().__init__()
        self.mbstd_group = mbstd_group
        self.conv = Conv(fan_in + 1, fan_in, 3)
        self.fc = Linear(fan_in * 16, fan_in, act=True)
        self.out = Linear(fan_in, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 4, 4) -> (N, 1) float32."""
        x = torch.cat([x, self._batch_deviation(x).to(x.dtype)], dim=1)
        x = F.leaky_relu(self.conv(x, SQRT2, padding=1), SLOPE)
        return self.out(self.fc(x.contiguous().flatten(1))).float()

    def _batch_deviation(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 1, H, W): deviation over the group, averaged over features and pixels."""
        n, c, height, width = x.shape
        group = min(self.mbstd_group, n)
        if n % group:
            raise ValueError(f"a batch of {n} does not split into groups of {group}; use a multiple (mbstd_group)")
        y = x.float().reshape(group, -1, c, height, width)
        y = y - y.mean(dim=0)
        y = (y.square().mean(dim=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        return y.repeat(group)[:, None, None, None].expand(n, 1, height, width)


class Discriminator(nn.Module):
    """Pictures -> logits; `config` holds the arguments it was built with. Channels as in Generator.

    `mbstd_group`: batch entries per standard deviation; batches must be a multiple of it, or smaller.
    """

    def __init__(self, resolution: int, channel_base: int = 32768, channel_max: int = 512, mbstd_group: int = 4):
        super().__init__()
        self.config: dict[str, Any] = {
            "resolution": resolution,
            "channel_base": channel_base,
            "channel_max": channel_max,
            "mbstd_group": mbstd_group,
        }
        self.resolution = resolution
        self.sizes = resolutions(resolution)[:0:-1]
        if not self.sizes:
            raise ValueError(f"resolution {resolution} leaves no block; a discriminator needs at least 8")
        for size in self.sizes:
            fan_in, fan_out = (channels(r, channel_base, channel_max) for r in (size, size // 2))
            self.add_module(f"b{size}", ResidualBlock(fan_in, fan_out, first=size == resolution))
        self.b4 = Epilogue(channels(4, channel_base, channel_max), mbstd_group)

    @overload
    def forward(self, x: Tensor, features: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, x: Tensor, features: Literal[True]) -> tuple[Tensor, list[Tensor]]: ...

    def forward(self, x: Tensor, features: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        """(N, 3, R, R) in [-1, 1] -> logits (N, 1); with `features` also every block's output, fine to coarse."""
        if x.shape[1:] != (3, self.resolution, self.resolution):
            side = self.resolution
            raise ValueError(f"pictures have shape {tuple(x.shape)}; needed is (N, 3, {side}, {side})")
        x = x.contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = []
        for size in self.sizes:
            x = self.get_submodule(f"b{size}")(x)
            maps.append(x)
        logits = self.b4(x)
        return (logits, maps) if features else logits
