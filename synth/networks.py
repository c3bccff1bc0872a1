"""StyleGAN2's generator in plain PyTorch: no compiled extension, the same code on CPU and CUDA, float32 or bfloat16.

Two networks: `mapping` turns z into ws, `synthesis` turns ws into pictures. Layer names, shapes and gains are those of
NVIDIA's stylegan2-ada-pytorch (architecture `skip`, filter [1,3,3,1]).

The speed comes from modulating the activations instead of the weights (Karras et al. 2020, sec. 2.2: scaling the input
of a convolution is the same as scaling its weights): all samples of a batch share one weight in channels_last order,
where NVIDIA's path makes one weight per sample and a grouped convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.layers import (
    SLOPE,
    SQRT2,
    Linear,
    channels,
    depthwise_filter,
    normalise_second_moment,
    resolutions,
    upsample_image,
)

NOISE_MODES = ("const", "none", "random")


class Mapping(nn.Module):
    """z -> ws: normalise, then a chain of leaky linear layers; all layers of the synthesis get the same w.

    `w_avg` (w_dim,) is the mean of w, the centre of truncation; whoever trains keeps it up to date.
    """

    w_avg: Tensor

    def __init__(self, z_dim: int, c_dim: int, w_dim: int, num_ws: int, layers: int, lr_multiplier: float):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = z_dim, c_dim, w_dim, num_ws
        if c_dim:
            self.embed = Linear(c_dim, w_dim)
        self.layers: list[str] = [f"fc{i}" for i in range(layers)]
        for i, name in enumerate(self.layers):
            fan_in = w_dim if i else z_dim + (w_dim if c_dim else 0)
            self.add_module(name, Linear(fan_in, w_dim, act=True, lr_multiplier=lr_multiplier))
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, psi: float = 1.0, label: Tensor | int | None = None) -> Tensor:
        """(N, z_dim) -> (N, num_ws, w_dim); psi 1 leaves w as it is, 0 gives `w_avg`.

        `label`: for a conditional generator a class index or (N, c_dim) rows; None for all others.
        """
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"z has shape {tuple(z.shape)}, but this generator needs (N, {self.z_dim})")
        with torch.autocast(z.device.type, enabled=False):
            x = normalise_second_moment(z.float())
            if self.c_dim:
                rows = self._label_rows(label, len(z)).to(x)
                x = torch.cat([x, normalise_second_moment(self.embed(rows))], dim=1)
            elif label is not None:
                raise ValueError("label is given, but this generator is unconditional; leave it out")
            for name in self.layers:
                x = self.get_submodule(name)(x)
            if psi != 1.0:
                x = self.w_avg.lerp(x, psi)
        return x.unsqueeze(1).repeat(1, self.num_ws, 1)

    def _label_rows(self, label: Tensor | int | None, count: int) -> Tensor:
        """A class index or rows -> (count, c_dim) float32."""
        if isinstance(label, int) and 0 <= label < self.c_dim:
            return F.one_hot(torch.tensor(label), self.c_dim).float().expand(count, -1)
        if isinstance(label, Tensor) and label.shape == (count, self.c_dim):
            return label.float()
        raise ValueError(
            f"this generator has {self.c_dim} classes and label is {label!r}; "
            f"give a class from 0 to {self.c_dim - 1} or rows of shape ({count}, {self.c_dim})"
        )


class StyledConv(nn.Module):
    """Modulated and demodulated 3x3 convolution, noise, bias, leaky ReLU; `up` doubles the resolution first."""

    noise_const: Tensor
    fir: Tensor

    def __init__(self, fan_in: int, fan_out: int, w_dim: int, resolution: int, up: bool, clamp: float | None):
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, clamp
        self.affine = Linear(w_dim, fan_in, bias=1.0)
        # In memory as the convolution wants it: the transposed one reads weight.transpose(0, 1).
        weight = torch.randn(fan_out, fan_in, 3, 3).transpose(0, int(up))
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last).transpose(0, int(up)))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        if up:  # gain 4: three of four samples between which the filter interpolates are zeros
            self.register_buffer("fir", depthwise_filter(fan_out, 4.0), persistent=False)

    def forward(self, x: Tensor, w: Tensor, noise: str) -> Tensor:
        """(N, fan_in, H, W), w (N, w_dim) -> (N, fan_out, R, R)."""
        with torch.autocast(x.device.type, enabled=False):  # squares of styles overflow half precision
            style = self.affine(w)
            power = self.weight.square().sum(dim=(2, 3))
            scale = torch.rsqrt(style.square() @ power.t() + 1e-8) * SQRT2
            offset = self._offset(len(x), noise)
        x = x * style[:, :, None, None].to(x.dtype)
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = F.conv2d(x, self.fir, padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x, self.weight, padding=1)
        # The leaky ReLU is homogeneous, so its gain sqrt(2) is folded into scale and offset.
        x = torch.addcmul(offset.to(x.dtype), x, scale[:, :, None, None].to(x.dtype))
        x = F.leaky_relu_(x, SLOPE)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)

    def _offset(self, count: int, noise: str) -> Tensor:
        """Bias plus noise, (1 or count, fan_out, 1 or R, 1 or R), channels_last."""
        bias = self.bias * SQRT2
        if noise == "none":
            return bias[None, :, None, None]
        if noise == "const":
            field = self.noise_const[None, :, :, None]
        else:
            field = torch.randn(count, self.resolution, self.resolution, 1, device=bias.device)
        return (field * (self.noise_strength * SQRT2) + bias).permute(0, 3, 1, 2)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, not demodulated: one matrix product per sample."""

    def __init__(self, fan_in: int, w_dim: int, clamp: float | None):
        super().__init__()
        self.clamp = clamp
        self.affine = Linear(w_dim, fan_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(3, fan_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.weight_gain = fan_in**-0.5

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, C, H, W), w (N, w_dim) -> (N, 3, H, W) float32."""
        n, c, height, width = x.shape
        with torch.autocast(x.device.type, enabled=False):
            style = self.affine(w) * self.weight_gain
            weight = (style[:, None] * self.weight[None, :, :, 0, 0]).transpose(1, 2)
        pixels = x.permute(0, 2, 3, 1).reshape(n, height * width, c)
        rgb = torch.matmul(pixels, weight.to(x.dtype)).float() + self.bias
        rgb = rgb.reshape(n, height, width, 3).permute(0, 3, 1, 2)
        return rgb if self.clamp is None else rgb.clamp(-self.clamp, self.clamp)


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

    def forward(self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: str) -> tuple[Tensor, Tensor]:
        """Features and picture of half the resolution (None in the first block) -> those of this one.

        `ws` (N, 2 or 3, w_dim): one row for every layer of the block, in order.
        """
        if x is None or image is None:
            x = self.const.expand(len(ws), -1, -1, -1).contiguous(memory_format=torch.channels_last)
            x = self.conv1(x, ws[:, 0], noise)
            return x, self.torgb(x, ws[:, 1])
        x = self.conv1(self.conv0(x, ws[:, 0], noise), ws[:, 1], noise)
        return x, upsample_image(image) + self.torgb(x, ws[:, 2])


class Synthesis(nn.Module):
    """ws -> pictures, coarse to fine; every resolution adds its colours to the upsampled ones below (`skip`)."""

    def __init__(self, w_dim: int, resolution: int, channel_base: int, channel_max: int, conv_clamp: float | None):
        super().__init__()
        self.w_dim, self.resolution = w_dim, resolution
        self.sizes = resolutions(resolution)
        self.num_ws = 2 * len(self.sizes)
        fan_in = 0
        for size in self.sizes:
            fan_out = channels(size, channel_base, channel_max)
            self.add_module(f"b{size}", Block(fan_in, fan_out, w_dim, size, conv_clamp))
            fan_in = fan_out

    def forward(self, ws: Tensor, noise: str = "const", resolution: int | None = None) -> Tensor:
        """(N, num_ws, w_dim) -> (N, 3, R, R) float32, in [-1, 1] where the network is trained.

        `noise`: "const" adds the stored noise, "random" fresh noise from torch's generator, "none" nothing.
        `resolution`: stop at this smaller size (progressive training); None = the full one.
        """
        if noise not in NOISE_MODES:
            raise ValueError(f"noise is {noise!r}; it must be one of {', '.join(NOISE_MODES)}")
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"ws has shape {tuple(ws.shape)}; this generator needs (N, {self.num_ws}, {self.w_dim})")
        stop = self.resolution if resolution is None else resolution
        if stop not in self.sizes:
            raise ValueError(f"resolution is {stop}; this generator has {', '.join(map(str, self.sizes))}")
        ws = ws.float()
        x: Tensor | None = None
        image: Tensor | None = None
        row = 0
        for size in self.sizes:
            block = self.get_submodule(f"b{size}")
            x, image = block(x, image, ws[:, row : row + 3], noise)
            row += 1 if size == 4 else 2
            if size == stop:
                break
        assert image is not None
        return image


class Generator(nn.Module):
    """StyleGAN2 generator; `config` holds the arguments it was built with.

    `mapping(z, psi, label)` -> ws, `synthesis(ws, noise, resolution)` -> pictures; `num_ws` = 2 log2(resolution) - 2.
    Feature maps at r px: min(channel_base // r, channel_max). `c_dim`: classes (0: unconditional). `conv_clamp`:
    limit of every layer's output, None: no limit. `lr_multiplier`: of the mapping (see Linear).
    `sha256`: of the file it was loaded from, None for a network made here.
    """

    sha256: str | None = None

    def __init__(
        self,
        z_dim: int = 512,
        w_dim: int = 512,
        resolution: int = 256,
        mapping_layers: int = 8,
        channel_base: int = 32768,
        channel_max: int = 512,
        conv_clamp: float | None = None,
        c_dim: int = 0,
        lr_multiplier: float = 0.01,
    ):
        super().__init__()
        self.config: dict[str, Any] = {
            "z_dim": z_dim,
            "w_dim": w_dim,
            "resolution": resolution,
            "mapping_layers": mapping_layers,
            "channel_base": channel_base,
            "channel_max": channel_max,
            "conv_clamp": conv_clamp,
            "c_dim": c_dim,
            "lr_multiplier": lr_multiplier,
        }
        self.z_dim, self.c_dim, self.w_dim, self.resolution = z_dim, c_dim, w_dim, resolution
        self.synthesis = Synthesis(w_dim, resolution, channel_base, channel_max, conv_clamp)
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(z_dim, c_dim, w_dim, self.num_ws, mapping_layers, lr_multiplier)

    @property
    def w_avg(self) -> Tensor:
        """(w_dim,) mean of w."""
        return self.mapping.w_avg

    def forward(self, z: Tensor, psi: float = 1.0, label: Tensor | int | None = None, noise: str = "const") -> Tensor:
        """(N, z_dim) -> (N, 3, R, R)."""
        return self.synthesis(self.mapping(z, psi, label), noise)
