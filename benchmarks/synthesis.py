"""How fast is the synthesis against the textbook form, which makes one modulated weight per sample?

    python -m benchmarks.synthesis [--resolution 64] [--channel-base 4096] [--batch 16] [--device cpu]

Both forms run by turns in one process, so that a busy machine slows both; the ratio is what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from data.command import run
from synth.networks import Generator
from synth.noise import Noise
from synth.published import run_block


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


def textbook(generator: Generator, ws: Tensor, noise: str = "const") -> Tensor:
    """The same pictures by one modulated weight per sample (Karras et al. 2020, eq. 1 and 3)."""
    synthesis, x, image = generator.synthesis, None, None
    styles, fields = synthesis.styles(ws), Noise(noise)
    for size in synthesis.sizes:
        own = {name: styles[f"b{size}.{name}"] for name in synthesis.block(size).styled}
        x, image = run_block(synthesis.block(size), x, image, own, fields, half=False)
    assert image is not None
    return image


if __name__ == "__main__":
    run(main)
