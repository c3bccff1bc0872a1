"""Building blocks that the generator and the discriminator share: equalised linear layer, [1,3,3,1] filters.

Gains follow Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), and names and shapes of the
parameters are those of NVIDIA's stylegan2-ada-pytorch, so that its state dicts load without renaming.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2  # of every leaky ReLU
SQRT2 = math.sqrt(2.0)  # gain that gives a leaky ReLU's output its input's variance back
RESAMPLE_FILTER = (1.0, 3.0, 3.0, 1.0)  # the only resampling filter of StyleGAN2


def channels(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps of a layer at `resolution` px."""
    return min(channel_base // resolution, channel_max)


def resolutions(resolution: int) -> list[int]:
    """4, 8, ... up to `resolution` px; ValueError unless it is a power of two in 4..1024."""
    if resolution not in (2**k for k in range(2, 11)):
        raise ValueError(f"resolution {resolution} is not a power of two between 4 and 1024; choose one of them")
    return [2**k for k in range(2, resolution.bit_length())]


def depthwise_filter(count: int, gain: float) -> Tensor:
    """The normalised 4x4 filter, times `gain`, once per channel: (count, 1, 4, 4), channels_last."""
    row = torch.tensor(RESAMPLE_FILTER)
    kernel = torch.outer(row, row) * (gain / row.sum() ** 2)
    return kernel.expand(count, 1, 4, 4).contiguous(memory_format=torch.channels_last)


def upsample_image(image: Tensor) -> Tensor:
    """(N,3,H,W) -> (N,3,2H,2W) with the [1,3,3,1] filter and zeros outside the picture.

    Bilinear interpolation has the same taps; padding before and cropping after give it the zeros outside.
    """
    padded = F.pad(image, (1, 1, 1, 1))
    return F.interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]


def normalise_second_moment(x: Tensor) -> Tensor:
    """(N,C) scaled to mean square 1 in every row."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class Linear(nn.Module):
    """Equalised linear layer: parameters are stored at unit variance / `lr_multiplier` and scaled when used.

    With `lr_multiplier` < 1 the layer learns that much slower under Adam. `act`: leaky ReLU with gain sqrt(2).
    """

    def __init__(self, fan_in: int, fan_out: int, act: bool = False, lr_multiplier: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((fan_out,), bias / lr_multiplier))
        self.act = act
        self.weight_gain = lr_multiplier / math.sqrt(fan_in)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """(N, fan_in) -> (N, fan_out)."""
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return F.leaky_relu(x, SLOPE) * SQRT2 if self.act else x
