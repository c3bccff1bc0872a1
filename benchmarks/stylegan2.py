"""How fast is the synthesis against the textbook form, which makes one modulated weight per sample?

    python -m benchmarks.stylegan2                       every case, compiled too: some minutes
    python -m benchmarks.stylegan2 --case 64 --compile false --device cuda

All forms, and the convolution that stands for the machine's peak, run by turns in one process, so that a busy machine
slows them alike; the ratios are what counts. Of the peak: by the multiplications of the definition, of which ours makes
fewer (synth.winograd), so that it may pass 100 %. Memory is that of a process of its own for each form (Linux or
CUDA). For all of them glibc keeps freed memory, as it does in the workers of synth.sample.
"""

from __future__ import annotations

import copy
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from data.command import run
from data.workers import MALLOC
from synth.networks import Generator
from synth.noise import Noise
from synth.published import run_block

Form = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """A generator and a batch; feature maps are channel_base // side, at most channel_max."""

    resolution: int
    channel_base: int
    channel_max: int
    batch: int
    backward: bool

    def generator(self, device: str) -> Generator:
        torch.manual_seed(0)
        width = min(self.channel_max, 512)
        generator = Generator(64, width, self.resolution, 2, self.channel_base, self.channel_max).to(device)
        return generator.requires_grad_(self.backward)  # frozen as load_generator's are, or learning


CASES = {
    "256": Case(256, 16384, 512, batch=1, backward=False),
    "64": Case(64, 4096, 128, batch=16, backward=False),
    "train": Case(64, 4096, 128, batch=16, backward=True),
    "1024": Case(1024, 32768, 512, batch=1, backward=False),
}


def main(
    *,
    case: Literal["all", "256", "64", "train", "1024"] = "all",
    compile: bool = True,
    rounds: int = 8,
    device: str = "cpu",
) -> None:
    """Prints ratios to the textbook form (above 1: ours is faster), the fraction of the convolution peak, and memory.

    Args:
        case: 256 px one by one; 64 px in batches of 16; train: these forward and backward; 1024 px, not among all
        compile: ours also by torch.compile, which takes half a minute and more per case
        rounds: timed passes of each form; medians count, of times and of ratios
        device: cpu or cuda
    """
    if rounds < 1:
        raise ValueError(f"--rounds is at least 1, not {rounds}")
    print(f"{torch.get_num_threads()} threads, {device}, torch {torch.__version__}; ratio: to the textbook form")
    for name in ("256", "64", "train") if case == "all" else (case,):
        measure(name, CASES[name], compile, rounds, device)


def measure(name: str, case: Case, compiled: bool, rounds: int, device: str) -> None:
    """Prints one case."""
    generator = case.generator(device)
    ws = generator.mapping(torch.randn(case.batch, 64, device=device)).detach()
    forms = forms_of(generator)
    used = {name: memory(form, ws, case.backward) for name, form in forms.items()}
    if compiled:
        forms |= {f"{name}, compiled": torch.compile(forms[name], dynamic=False) for name in ("ours", "ours, bf16")}
    work = flops(generator, ws, case.backward)
    with torch.no_grad():
        exact = textbook(generator, ws)
        differences = {form: (call(ws) - exact).abs().max().item() for form, call in forms.items()}
    times = seconds({**forms, "peak": peak(device)}, ws, rounds, case.backward)
    best = PEAK_FLOPS / statistics.median(times.pop("peak"))
    way = "forward and backward" if case.backward else "forward"
    print(f"{name}: {case.resolution} px, batch {case.batch}, {way}, {work / case.batch / 1e9:.2f} GFLOP per image")
    for form, passes in times.items():
        spent = statistics.median(passes)
        ratio = statistics.median(book / ours for book, ours in zip(times["textbook"], passes, strict=True))
        print(
            f"  {form:<20} {case.batch / spent:8.2f} images/s   ratio {ratio:5.2f}"
            f"   {work / spent / best:4.0%} of peak   largest difference {differences[form]:.0e}"
            + (f"   {used[form] / 1e6:.0f} MB" if form in used else "")
        )


def forms_of(generator: Generator) -> dict[str, Form]:
    """The ways to compute pictures that are compared."""
    rough = copy.deepcopy(generator)
    rough.synthesis.precision = "bf16"
    return {
        "textbook": lambda ws: textbook(generator, ws),
        "ours": generator.synthesis,
        "ours, bf16": rough.synthesis,
    }


def textbook(generator: Generator, ws: Tensor, noise: str = "const") -> Tensor:
    """The same pictures by one modulated weight per sample (Karras et al. 2020, eq. 1 and 3)."""
    synthesis, x, image = generator.synthesis, None, None
    styles, fields = synthesis.styles(ws), Noise(noise)
    for size in synthesis.sizes:
        own = {name: styles[f"b{size}.{name}"] for name in synthesis.block(size).styled}
        x, image = run_block(synthesis.block(size), x, image, own, fields, half=False)
    assert image is not None
    return image


def seconds(forms: dict[str, Form], ws: Tensor, rounds: int, backward: bool) -> dict[str, list[float]]:
    """Seconds of the passes of each form, turn by turn; the first, untimed one warms up."""
    # On one thread the time of the processor, which others on a busy machine do not take from.
    clock = time.process_time if torch.get_num_threads() == 1 and not ws.is_cuda else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(rounds + 1):
        for name, form in forms.items():
            start = clock()
            with torch.enable_grad() if backward else torch.inference_mode():
                image = form(ws)
            if backward and image.requires_grad:
                image.square().mean().backward()
            image.sum().item()  # waits for the device
            if turn:
                times[name].append(clock() - start)
    return times


PEAK_MAPS, PEAK_SIDE = 256, 48
PEAK_FLOPS = 2 * 9 * PEAK_MAPS**2 * PEAK_SIDE**2


def peak(device: str) -> Form:
    """One large convolution in channels_last float32: about the best that the machine does."""
    order = torch.channels_last
    x = torch.randn(1, PEAK_MAPS, PEAK_SIDE, PEAK_SIDE, device=device).contiguous(memory_format=order)
    weight = torch.randn(PEAK_MAPS, PEAK_MAPS, 3, 3, device=device).contiguous(memory_format=order)
    return lambda _: F.conv2d(x, weight, padding=1)


def flops(generator: Generator, ws: Tensor, backward: bool) -> float:
    """Floating-point operations of one pass of ours, its convolutions taken as they are defined (synth.winograd)."""
    exact = copy.deepcopy(generator).double()  # in which no convolution is taken another way
    styles = {name: style.detach().double() for name, style in generator.synthesis.styles(ws).items()}
    with FlopCounterMode(display=False) as counter:
        image = exact.synthesis(styles)
        if backward:
            image.sum().backward()
    return counter.get_total_flops()


def memory(form: Form, ws: Tensor, backward: bool) -> int:
    """The bytes that one pass of a form takes at its peak; on a CPU in a process of its own and on one thread."""
    if ws.is_cuda:
        return used(form, ws, backward)
    with ProcessPoolExecutor(1, get_context("fork"), initializer=start_there, initargs=(form,)) as pool:
        return pool.submit(used_there, ws, backward).result()


FORMS: list[Form] = []  # in a process of `memory`: its form, which cannot be sent


def start_there(form: Form) -> None:
    torch.set_num_threads(1)  # threads do not survive a fork, and OpenMP would wait for them for ever
    FORMS.append(form)


def used_there(ws: Tensor, backward: bool) -> int:
    return used(FORMS[-1], ws, backward)


def used(form: Form, ws: Tensor, backward: bool) -> int:
    """The bytes by which the memory of this process grows in one pass, at its peak."""
    before = peak_bytes(ws, again=True)
    with nullcontext() if backward else torch.inference_mode():
        image = form(ws)
    if backward:
        image.square().mean().backward()
    return peak_bytes(ws) - before


def peak_bytes(ws: Tensor, again: bool = False) -> int:
    """The most memory that this process has had, of the device of ws; `again`: from now on."""
    if ws.is_cuda:
        if again:
            torch.cuda.reset_peak_memory_stats(ws.device)
        return torch.cuda.max_memory_allocated(ws.device)
    if again:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    if not MALLOC.items() <= os.environ.items():  # read by glibc as a process starts
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.stylegan2", *sys.argv[1:]], os.environ | MALLOC)
    run(main)
