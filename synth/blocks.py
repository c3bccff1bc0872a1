"""The blocks of StyleGAN2's synthesis, as fast as plain PyTorch allows; layer names are NVIDIA's.

The speed comes from modulating the activations instead of the weights (Karras et al. 2020, sec. 2.2: scaling the input
of a convolution is the same as scaling its weights): all samples of a batch share one weight in channels_last order,
where the published code makes one weight per sample and a grouped convolution (synth.published). On a CPU most take a
quarter of the multiplications (synth.winograd).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth import winograd
from synth.gradients import MixChannels, Scale, ScaleShiftLeaky, Smooth
from synth.layers import SQRT2, Linear, depthwise_filter, upsample_image
from synth.noise import Noise


class StyledConv(nn.Module):
    """Modulated and demodulated 3x3 convolution, noise, bias, leaky ReLU; `up` doubles the resolution first."""

    noise_const: Tensor
    fir: Tensor

    def __init__(self, fan_in: int, fan_out: int, w_dim: int, resolution: int, up: bool, clamp: float | None):
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.kept: dict[str, tuple[Tensor, int, Tensor]] = {}  # a weight, its version, and what `_of_weight` made of it
        self.affine = Linear(w_dim, fan_in, bias=1.0)
        # In memory as the convolution wants it: the transposed one reads weight.transpose(0, 1).
        weight = torch.randn(fan_out, fan_in, 3, 3).transpose(0, int(up))
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last).transpose(0, int(up)))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        if up:  # gain 4: three of four samples between which the filter interpolates are zeros
            self.register_buffer("fir", depthwise_filter(fan_out, 4.0), persistent=False)

    def forward(self, x: Tensor, style: Tensor, noise: Noise) -> Tensor:
        """(N, fan_in, H, W), style (N, fan_in) -> (N, fan_out, R, R); one row of either goes with all of the other."""
        count = max(len(x), len(style))
        x, style = x.expand(count, -1, -1, -1), style.expand(count, -1)
        with torch.autocast(x.device.type, enabled=False):  # squares of styles overflow half precision
            scale = torch.rsqrt(style.square() @ self._of_weight("power", power).t() + 1e-8) * SQRT2
            offset = self._offset(len(x), noise)
        x = Scale.apply(x, style.to(x.dtype))
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = Smooth.apply(x, self.fir.to(x.dtype))
        else:
            x = self._convolved(x)
        # The leaky ReLU is homogeneous, so its gain sqrt(2) is folded into scale and offset.
        return clamped(ScaleShiftLeaky.apply(x, scale.to(x.dtype), offset.to(x.dtype)), self.clamp)

    def _convolved(self, x: Tensor) -> Tensor:
        """(N, fan_in, R, R) -> (N, fan_out, R, R)."""
        if winograd.pays(x, self.weight, anew=not self._keeps()):
            return winograd.Convolution.apply(x, self.weight, self._of_weight("products", winograd.transformed))
        return F.conv2d(x, self.weight, padding=1)

    def _keeps(self) -> bool:
        """Whether what is made of the weight is kept: where it does not learn, and tells when it is written to."""
        # in this order: one graph
        return not (torch.compiler.is_compiling() or self.weight.requires_grad or self.weight.is_inference())

    def _of_weight(self, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """make(weight), kept where it can be: it takes as long as a small convolution.

        A weight that is changed through `.data` must be told of by `kept.clear()`; every other change shows.
        """
        weight = self.weight
        if not self._keeps():
            return make(weight)
        known, version, made = self.kept.get(name, (None, 0, weight))
        if known is not weight or version != weight._version:
            with torch.inference_mode(False), torch.no_grad():  # for use with and without gradients
                made = make(weight)
            self.kept[name] = weight, weight._version, made
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": {}}

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> StyledConv:
        self.kept = {}  # of the weights as they were, on the device where they were
        return super()._apply(fn, recurse)

    def _offset(self, count: int, noise: Noise) -> Tensor:
        """Bias plus noise, (1 or count, fan_out, 1 or R, 1 or R), channels_last."""
        bias = self.bias * SQRT2
        field = noise.field(self.noise_const, count, self.up)
        if field is None:
            return bias[None, :, None, None]
        return (field[..., None] * (self.noise_strength * SQRT2) + bias).permute(0, 3, 1, 2)


def power(weight: Tensor) -> Tensor:
    """(fan_out, fan_in, 3, 3) -> (fan_out, fan_in): sums of the squares."""
    return weight.square().sum(dim=(2, 3))


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, not demodulated: one matrix product per sample."""

    def __init__(self, fan_in: int, w_dim: int, clamp: float | None):
        super().__init__()
        self.clamp = clamp
        self.affine = Linear(w_dim, fan_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, fan_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.weight_gain = fan_in**-0.5

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(N, C, H, W), style (N, C) -> (N, 3, H, W) float32."""
        n, c, height, width = x.shape
        with torch.autocast(x.device.type, enabled=False):
            style = style * self.weight_gain
            weight = style[:, None] * self.weight[:, :, 0, 0]
        pixels = x.permute(0, 2, 3, 1).reshape(n, height * width, c)
        rgb = MixChannels.apply(pixels, weight.to(x.dtype)).float() + self.bias
        return clamped(rgb.reshape(n, height, width, 3).permute(0, 3, 1, 2), self.clamp)


class Block(nn.Module):
    """The layers of one resolution: the constant or an up-convolution, a convolution, colours."""

    def __init__(self, fan_in: int, fan_out: int, w_dim: int, resolution: int, clamp: float | None):
        super().__init__()
        self.first = fan_in == 0
        if self.first:
            self.const = nn.Parameter(torch.randn(fan_out, resolution, resolution))
        else:
            self.conv0 = StyledConv(fan_in, fan_out, w_dim, resolution, up=True, clamp=clamp)
        self.conv1 = StyledConv(fan_out, fan_out, w_dim, resolution, up=False, clamp=clamp)
        self.torgb = ToRGB(fan_out, w_dim, clamp)

    @property
    def styled(self) -> list[str]:
        """The names of the layers that have a style, in the order of their rows in ws."""
        return ["conv1", "torgb"] if self.first else ["conv0", "conv1", "torgb"]

    def forward(
        self, x: Tensor | None, image: Tensor | None, styles: dict[str, Tensor], noise: Noise
    ) -> tuple[Tensor, Tensor]:
        """Features and picture of half the resolution (None in the first block) -> those of this one.

        `styles`: (N, C) for every layer of `styled`.
        """
        if x is None or image is None:
            x = self.const.expand(len(styles["conv1"]), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            x = self.conv1(x, styles["conv1"], noise)
            return x, self.torgb(x, styles["torgb"])
        x = self.conv1(self.conv0(x, styles["conv0"], noise), styles["conv1"], noise)
        return x, upsample_image(image) + self.torgb(x, styles["torgb"])


def clamped(x: Tensor, limit: float | None) -> Tensor:
    """x within [-limit, limit]; None: as it is."""
    return x if limit is None else x.clamp(-limit, limit)
