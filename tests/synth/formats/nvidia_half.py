"""StyleGAN2's synthesis as NVIDIA's stylegan2-ada-pytorch computes a batch on a CPU: some blocks in float16.

A snapshot flags its highest resolutions `use_fp16`, and that code follows the flag on a CPU too. The order of its
operations matters here, for float16 rounds after every one of them: a float32 block modulates and demodulates the
weights, one set per sample; a float16 block modulates the activations by normalised styles, convolves with normalised
weights and demodulates the result. float16 is made of float32 and rounding, so that it is the same on all machines.

Without float16 blocks this is the textbook form, against which the fast one of `synth.networks` can be held.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from synth.formats.inert import read_pickle
from synth.networks import Block, Generator, StyledConv, ToRGB


def half_resolutions(path: Path) -> list[int]:
    """The resolutions whose blocks an NVIDIA pickle flags to run in float16."""
    blocks = read_pickle(path)["G_ema"].state["_modules"]["synthesis"].state["_modules"].values()
    return [block.state["resolution"] for block in blocks if block.state["use_fp16"]]


def synthesise(network: Generator, ws: Tensor, noise: str, half: Collection[int]) -> Tensor:
    """ws (N, num_ws, w_dim), N > 1 -> (N, 3, R, R); `noise` const or none; `half`: resolutions run in float16."""
    x = image = torch.empty(0)
    for i, size in enumerate(network.synthesis.sizes):
        block = network.synthesis.get_submodule(f"b{size}")
        assert isinstance(block, Block)
        styled, to_rgb = (half_styled, half_to_rgb) if size in half else (exact_styled, exact_to_rgb)
        if i == 0:
            x = block.const.repeat(len(ws), 1, 1, 1)
        else:
            x = styled(block.conv0, x, ws[:, 2 * i - 1], noise)
        x = styled(block.conv1, x, ws[:, 2 * i], noise)
        colours = to_rgb(block.torgb, x, ws[:, 2 * i + 1])
        image = colours if i == 0 else doubled(image) + colours  # float32 in every block
    return image


def exact_styled(layer: StyledConv, x: Tensor, w: Tensor, noise: str) -> Tensor:
    """(N, fan_in, H, W), w (N, w_dim) -> (N, fan_out, R, R), by one weight per sample."""
    weight = layer.weight.contiguous() * layer.affine(w)[:, None, :, None, None]
    x = grouped(x, weight * demodulation(weight)[:, :, None, None, None], layer.up)
    x = x + noise_of(layer, noise) + layer.bias[:, None, None]
    return clamped(F.leaky_relu(x, 0.2) * math.sqrt(2), layer)


def exact_to_rgb(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    """(N, C, H, W), w (N, w_dim) -> (N, 3, H, W)."""
    style = layer.affine(w) * layer.weight_gain
    return clamped(grouped(x, layer.weight * style[:, None, :, None, None], False) + layer.bias[:, None, None], layer)


def half_styled(layer: StyledConv, x: Tensor, w: Tensor, noise: str) -> Tensor:
    """exact_styled in float16, the activations modulated."""
    # Largest style 1, largest weight 1 / sqrt(fan-in): demodulation cancels both, and no sum overflows float16.
    style = layer.affine(w)
    style = style / style.abs().amax(dim=1, keepdim=True)
    largest = layer.weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    weight = layer.weight.contiguous() * (1 / math.sqrt(layer.weight[0].numel()) / largest)
    scale = demodulation(weight * style[:, None, :, None, None])
    x = rounded(rounded(x) * rounded(style)[:, :, None, None])
    if layer.up:
        x = rounded(blurred(half_transposed(x, rounded(weight))))
    else:
        x = rounded(F.conv2d(x, rounded(weight), padding=1))
    x = rounded(x * rounded(scale)[:, :, None, None] + rounded(noise_of(layer, noise)))  # one operation there too
    x = rounded(x + rounded(layer.bias)[:, None, None])
    return clamped(rounded(rounded(F.leaky_relu(x, 0.2)) * math.sqrt(2)), layer)


def half_to_rgb(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    """exact_to_rgb in float16; the result becomes float32."""
    style = layer.affine(w) * layer.weight_gain
    x = rounded(x * rounded(style)[:, :, None, None])
    x = rounded(F.conv2d(x, rounded(layer.weight)))
    return clamped(rounded(x + rounded(layer.bias)[:, None, None]), layer)


def half_transposed(x: Tensor, weight: Tensor) -> Tensor:
    """(N, C, H, W), weight (D, C, 3, 3) -> (N, D, 2H+1, 2W+1): transposed convolution of stride 2.

    torch's float16 kernel adds its nine products up in memory, one after the other: every sum is rounded.
    """
    n, _, height, width = x.shape
    out = x.new_zeros(n, len(weight), 2 * height + 1, 2 * width + 1)
    for i in range(3):
        for j in range(3):
            target = out[:, :, i : i + 2 * height : 2, j : j + 2 * width : 2]
            product = rounded(torch.einsum("nchw,dc->ndhw", x, weight[:, :, i, j]))
            target.copy_(rounded(target + product))
    return out


def rounded(x: Tensor) -> Tensor:
    """float32 holding float16 values."""
    return x.half().float()


def grouped(x: Tensor, weight: Tensor, up: bool) -> Tensor:
    """(N, C, H, W), weight (N, D, C, k, k) -> (N, D, H, W), or of twice the size: every sample has its weight."""
    n, fan_out, fan_in, k, _ = weight.shape
    x = x.reshape(1, n * fan_in, *x.shape[2:])
    if up:
        weight = weight.transpose(1, 2).reshape(n * fan_in, fan_out, k, k)
        x = blurred(F.conv_transpose2d(x, weight, stride=2, groups=n))
    else:
        x = F.conv2d(x, weight.reshape(n * fan_out, fan_in, k, k), padding=k // 2, groups=n)
    return x.reshape(n, fan_out, *x.shape[2:])


def demodulation(weight: Tensor) -> Tensor:
    """(N, D, C, k, k) -> (N, D): the factors that give every output channel's weights length 1."""
    return (weight.square().sum(dim=(2, 3, 4)) + 1e-8).rsqrt()


def noise_of(layer: StyledConv, noise: str) -> Tensor:
    """(R, R), or a zero."""
    return layer.noise_const * layer.noise_strength if noise == "const" else torch.zeros(())


def clamped(x: Tensor, layer: StyledConv | ToRGB) -> Tensor:
    return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)


def blurred(x: Tensor) -> Tensor:
    """(N, C, 2H+1, 2W+1) -> (N, C, 2H, 2W): the filter [1,3,3,1] with gain 2 along either axis."""
    return F.conv2d(x, upsampling_filter(x.shape[1]), padding=1, groups=x.shape[1])


def doubled(image: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 3, 2H, 2W): zeros between the pixels, then the same filter."""
    return F.conv_transpose2d(image, upsampling_filter(3), stride=2, padding=1, groups=3)


def upsampling_filter(count: int) -> Tensor:
    """(count, 1, 4, 4), exact in float16."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
    return torch.outer(row, row).repeat(count, 1, 1, 1)
