"""The synthesis in the published order of operations, for answers equal to those of NVIDIA's code, float16 included.

NVIDIA's snapshots flag their highest resolutions (`num_fp16_res` of them) to run in float16, and float16 rounds after
every operation: 5e-4 of the picture, which another order of the same mathematics does not reproduce. So here

- a float32 block modulates and demodulates the weights, one set per sample (Karras et al. 2020, eq. 1 and 3);
- a float16 block modulates the activations, by styles and with weights that are scaled to be at most 1 before, so that
  no sum overflows (Karras et al. 2020, "Training GANs with limited data", app. C), and demodulates the result;
- the colours of every block are added up in float32.

The functions read the parameters of synth.blocks. Without float16 blocks this is the textbook form, against which the
fast one is tested and timed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from synth.blocks import Block, StyledConv, ToRGB, clamped
from synth.layers import SLOPE, SQRT2, upsample_image
from synth.noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable


def run_block(
    block: Block, x: Tensor | None, image: Tensor | None, styles: dict[str, Tensor], noise: Noise, half: bool
) -> tuple[Tensor, Tensor]:
    """What Block.forward computes; `half`: in float16."""
    styled: Callable[..., Tensor] = half_styled if half else exact_styled
    if x is None:
        x = block.const.repeat(len(styles["conv1"]), 1, 1, 1)
    x = _halved(x) if half else x
    if not block.first:
        x = styled(block.conv0, x, styles["conv0"], noise)
    x = styled(block.conv1, x, styles["conv1"], noise)
    rgb = (half_colours if half else exact_colours)(block.torgb, x, styles["torgb"])
    return x, rgb if image is None else upsample_image(image) + rgb


def exact_styled(layer: StyledConv, x: Tensor, style: Tensor, noise: Noise) -> Tensor:
    """(N, fan_in, H, W), style (N, fan_in) -> (N, fan_out, R, R), by one weight per sample."""
    weight = layer.weight.contiguous() * style[:, None, :, None, None]
    weight = weight * _demodulation(weight)[:, :, None, None, None]
    x = _grouped(x, weight, layer.fir if layer.up else None) + _noise(layer, noise, x) + layer.bias[:, None, None]
    return clamped(F.leaky_relu(x, SLOPE) * SQRT2, layer.clamp)


def exact_colours(layer: ToRGB, x: Tensor, style: Tensor) -> Tensor:
    """(N, C, H, W), style (N, C) -> (N, 3, H, W)."""
    weight = layer.weight * (style * layer.weight_gain)[:, None, :, None, None]
    return clamped(_grouped(x, weight) + layer.bias[:, None, None], layer.clamp)


def half_styled(layer: StyledConv, x: Tensor, style: Tensor, noise: Noise) -> Tensor:
    """exact_styled for x in float16, the activations modulated."""
    # Largest style 1, largest weight 1 / sqrt(fan-in): the demodulation cancels both.
    style = style / style.abs().amax(dim=1, keepdim=True)
    largest = layer.weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    weight = layer.weight.contiguous() * (1 / math.sqrt(layer.weight[0].numel()) / largest)
    scale = _demodulation(weight * style[:, None, :, None, None])
    x, weight = x * style.to(x)[:, :, None, None], _halved(weight)
    if layer.up:
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        x = F.conv2d(x, _halved(layer.fir), padding=1, groups=x.shape[1])
    else:
        x = F.conv2d(x, weight, padding=1)
    x = torch.addcmul(_noise(layer, noise, x), x, scale.to(x)[:, :, None, None])
    x = x + layer.bias.to(x)[:, None, None]
    return clamped(F.leaky_relu(x, SLOPE) * SQRT2, layer.clamp)


def half_colours(layer: ToRGB, x: Tensor, style: Tensor) -> Tensor:
    """exact_colours for x in float16; the result is float32."""
    x = x * (style * layer.weight_gain).to(x)[:, :, None, None]
    rgb = F.conv2d(x, _halved(layer.weight)) + layer.bias.to(x)[:, None, None]
    return clamped(rgb, layer.clamp).float()


def _halved(x: Tensor) -> Tensor:
    """float16, in the memory order that a GPU's convolutions want; on a CPU that would change the order of sums."""
    return x.to(torch.float16, memory_format=torch.channels_last if x.is_cuda else torch.contiguous_format)


def _demodulation(weight: Tensor) -> Tensor:
    """(N, D, C, k, k) -> (N, D): the factors that give every output channel's weights length 1."""
    return (weight.square().sum(dim=(2, 3, 4)) + 1e-8).rsqrt()


def _grouped(x: Tensor, weight: Tensor, fir: Tensor | None = None) -> Tensor:
    """(N, C, H, W) with one weight (N, D, C, k, k) per sample; with the filter `fir`, to twice the size."""
    n, fan_out, fan_in, k, _ = weight.shape
    x = x.reshape(1, n * fan_in, *x.shape[2:])
    if fir is not None:
        weight = weight.transpose(1, 2).reshape(n * fan_in, fan_out, k, k)
        x = F.conv_transpose2d(x, weight, stride=2, groups=n)
        x = F.conv2d(x, fir.repeat(n, 1, 1, 1), padding=1, groups=x.shape[1])
    else:
        x = F.conv2d(x, weight.reshape(n * fan_out, fan_in, k, k), padding=k // 2, groups=n)
    return x.reshape(n, fan_out, *x.shape[2:])


def _noise(layer: StyledConv, noise: Noise, x: Tensor) -> Tensor:
    """(1 or N, 1, R, R) in the type of x, or a zero."""
    field = noise.field(layer.noise_const, len(x), layer.up)
    return x.new_zeros(()) if field is None else (field * layer.noise_strength).to(x)[:, None]
