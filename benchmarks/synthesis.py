"""How fast is the synthesis against the textbook form, which makes one modulated weight per sample?

    python -m benchmarks.synthesis [--resolution 64] [--channel-base 4096] [--batch 16] [--device cpu]

Both forms run by turns in one process, so that a busy machine slows both; the ratio is what counts.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from data.command import run
from synth.layers import upsample_image
from synth.networks import Block, Generator, StyledConv, ToRGB


def main(
    *,
    resolution: int = 64,
    channel_base: int = 4096,
    channel_max: int = 128,
    batch: int = 16,
    rounds: int = 10,
    device: str = "cpu",
) -> None:
    """Prints ratios textbook / ours (above 1: ours is faster), forward and forward with backward, float32.

    Args:
        resolution: side of the pictures in pixels, a power of two
        channel_base: feature maps are channel_base // side, at most channel_max
        channel_max: see channel_base
        batch: pictures per pass
        rounds: timed passes of each form; the median counts
        device: cpu or cuda
    """
    if rounds < 1 or batch < 1:
        raise ValueError("--rounds and --batch must be at least 1")
    torch.manual_seed(0)
    generator = Generator(64, 128, resolution, 4, channel_base, channel_max).to(device)
    ws = generator.mapping(torch.randn(batch, 64, device=device)).detach()
    forms: list[Callable[[Tensor], Tensor]] = [
        lambda rows: generator.synthesis(rows),
        lambda rows: textbook(generator, rows),
    ]
    with torch.no_grad():
        difference = (forms[0](ws) - forms[1](ws)).abs().max().item()
    sizes = f"{resolution} px, channels {channel_base} // side <= {channel_max}, batch {batch}"
    print(f"{sizes}, {torch.get_num_threads()} threads, {device}")
    print(f"largest difference of the pictures {difference:.1e}")
    for name, backward in (("forward", False), ("forward + backward", True)):
        ours, book = seconds(forms, ws, rounds, backward)
        print(f"{name:<18} ours {batch / ours:7.1f} images/s, textbook {batch / book:7.1f}, ratio {book / ours:.2f}")


def seconds(forms: list[Callable[[Tensor], Tensor]], ws: Tensor, rounds: int, backward: bool) -> list[float]:
    """Median seconds of one pass of each form; the first, untimed one warms up."""
    times: list[list[float]] = [[] for _ in forms]
    for turn in range(rounds + 1):
        for form, spent in zip(forms, times, strict=True):
            start = time.perf_counter()
            with torch.set_grad_enabled(backward):
                image = form(ws)
            if backward:
                image.square().mean().backward()
            image.sum().item()  # waits for the device
            if turn:
                spent.append(time.perf_counter() - start)
    return [statistics.median(spent) for spent in times]


def textbook(generator: Generator, ws: Tensor) -> Tensor:
    """The same pictures by one modulated weight per sample (Karras et al. 2020, eq. 1 and 3)."""
    x: Tensor | None = None
    image: Tensor | None = None
    row = 0
    for size in generator.synthesis.sizes:
        block = generator.synthesis.get_submodule(f"b{size}")
        assert isinstance(block, Block)
        if x is None:
            x = block.const.expand(len(ws), -1, -1, -1)
        else:
            x, row = styled(block.conv0, x, ws[:, row]), row + 1
        x = styled(block.conv1, x, ws[:, row])
        rgb = colours(block.torgb, x, ws[:, row + 1])
        image, row = rgb if image is None else upsample_image(image) + rgb, row + 1
    assert image is not None
    return image


def styled(layer: StyledConv, x: Tensor, w: Tensor) -> Tensor:
    weight = layer.weight * layer.affine(w)[:, None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    x = grouped(x, weight, layer.up)
    if layer.up:
        x = F.conv2d(x, layer.fir, padding=1, groups=x.shape[1])
    x = x + layer.noise_const * layer.noise_strength + layer.bias[None, :, None, None]
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def colours(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    weight = layer.weight * (layer.affine(w) * layer.weight_gain)[:, None, :, None, None]
    return grouped(x, weight, False) + layer.bias[None, :, None, None]


def grouped(x: Tensor, weight: Tensor, up: bool) -> Tensor:
    """(N, C, H, W) with one weight (N, O, C, k, k) per sample, as one convolution of N groups."""
    n, fan_out, fan_in, k, _ = weight.shape
    x = x.reshape(1, n * fan_in, *x.shape[2:])
    if up:
        y = F.conv_transpose2d(x, weight.transpose(1, 2).reshape(n * fan_in, fan_out, k, k), stride=2, groups=n)
    else:
        y = F.conv2d(x, weight.reshape(n * fan_out, fan_in, k, k), padding=k // 2, groups=n)
    return y.reshape(n, fan_out, *y.shape[2:])


if __name__ == "__main__":
    run(main)
