"""What both architectures cost: parameters, time of a transfer, training speed and memory, and the input pipeline's.

    python -m benchmarks.hairnet                      all: some minutes on two cores
    python -m benchmarks.hairnet --part transfer --threads 2

A transfer: two split crops -> embeddings -> ws -> picture, one at a time, nothing else. Generators: the built-in one
(64 px), and untrained ones at 128 px and of FFHQ's size (1024 px). The training: steps of the real lesson on random
pairs of the built-in generator, both architectures seeing the crop at its 64 px. Both take turns in one process, so
that a busy machine slows them alike; processor time, divided by the threads, is about the time on an idle machine.
Memory is that of a process of its own for each (Linux or CUDA).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.stylegan2 import peak_bytes
from data.command import run
from data.files import write_json
from hairnet.network import LARGE, NETWORKS, Network, new_network
from hairnet.split import TEMPLATE
from hairnet.training.lesson import Lesson, Plan
from hairnet.training.losses import Judges
from hairnet.training.recipe import PRESETS
from hairnet.training.samples import Samples
from hairnet.training.step import follow, loss_scaler, take_step
from synth import latents, load_generator
from synth.networks import Generator

SIZES = {64: {}, 128: {}, 1024: LARGE}  # of the hairnet architecture, by the generator's resolution
LIMITS = {128: 60.0, 1024: 3000.0}  # milliseconds that a transfer by the hairnet architecture may take
THIRD = 1 / 3  # of the published network's parameters: the most that ours may have
STARVING = 3.0  # the input pipeline has to be this much faster than the training


def main(
    *,
    part: Literal["all", "parameters", "transfer", "training"] = "all",
    rounds: int = 10,
    batch: int = 8,
    threads: int | None = None,
    device: str = "cpu",
    out: Path | None = None,
) -> None:
    """Prints the figures of both architectures, and whether they keep their limits.

    Args:
        part: parameters, transfer, training (with input pipeline and memory), or all
        rounds: timed passes of each; the median counts
        batch: pairs per step of the training, a multiple of 4
        threads: of torch; left out: as it is
        device: cpu or cuda
        out: a JSON file for the figures; left out: none
    """
    if rounds < 1:
        raise ValueError(f"--rounds is {rounds}: at least 1 is needed")
    if batch < 4 or batch % 4:
        raise ValueError(f"--batch is {batch}: give a multiple of 4")
    if threads is not None:
        torch.set_num_threads(threads)
    print(f"{torch.get_num_threads()} threads, {device}, torch {torch.__version__}")
    figures: dict[str, Any] = {}
    if part in ("all", "parameters"):
        figures["parameters"] = parameters()
    if part in ("all", "transfer"):
        figures["transfer"] = {str(size): transfer(size, rounds, device) for size in SIZES}
    if part in ("all", "training"):
        figures["training"] = training(rounds, batch, device)
    if out is not None:
        write_json(out, figures)


def parameters() -> dict[str, dict[str, float]]:
    """Numbers that are trained, by the generator's resolution and the architecture."""
    counts: dict[str, dict[str, float]] = {}
    for size, sizes in SIZES.items():
        num_ws, w_dim = 2 * (size.bit_length() - 1) - 2, 128 if size == 64 else 512
        with torch.device("meta"):
            networks = {name: build(name, num_ws, w_dim, sizes) for name in NETWORKS}
        found: dict[str, float] = {name: sum(p.numel() for p in net.parameters()) for name, net in networks.items()}
        found["share"] = found["hairnet"] / found["subrtova"]
        counts[str(size)] = found
        print(
            f"parameters for {size} px ({num_ws} x {w_dim}): hairnet {found['hairnet'] / 1e6:.1f} M, "
            f"subrtova {found['subrtova'] / 1e6:.1f} M, share {found['share']:.3f} ({verdict(found['share'], THIRD)})"
        )
    return counts


def build(arch: str, num_ws: int, w_dim: int, sizes: dict, side: int | None = None) -> Network:
    """An untrained network; `sizes` are the hairnet architecture's, `side` px the published one's input (None: 256)."""
    fields = {"num_ws": num_ws, "w_dim": w_dim} | (
        sizes if arch == "hairnet" else {} if side is None else {"size": side}
    )
    return new_network(arch, fields)


def transfer(size: int, rounds: int, device: str) -> dict[str, dict[str, float]]:
    """Median milliseconds of one transfer by each architecture: on the clock, and of processor time."""
    torch.manual_seed(0)
    if size == 64:
        G = load_generator("builtin", device)
    else:
        G = (
            Generator(512, 512, size, 2, 32768 if size == 1024 else 8192, 512 if size == 1024 else 128)
            .eval()
            .to(device)
        )
    jobs: dict[str, Callable[[], object]] = {}
    for name in NETWORKS:
        network = build(name, G.num_ws, G.w_dim, SIZES[size]).eval().requires_grad_(False).to(device)
        crops = [torch.rand(1, 3, network.config.size, network.config.size, device=device) * 2 - 1 for _ in range(2)]
        jobs[name] = partial(transferred, network, G, *crops)
    found = by_turns(jobs, rounds)
    for name, spent in found.items():
        limit = ""
        if name == "hairnet" and size in LIMITS:
            idle = spent["processor_ms"] / torch.get_num_threads() if device == "cpu" else spent["ms"]
            limit = f" ({verdict(idle, LIMITS[size])})"
        print(
            f"transfer at {size} px, {name}: {spent['ms']:.1f} ms, {spent['processor_ms']:.1f} ms of processor time"
            + limit
        )
    return found


@torch.inference_mode()
def transferred(network: Network, G: Generator, face: Tensor, hair: Tensor) -> float:
    """One picture; its sum, which waits for the device."""
    return G.synthesis(network(face, hair), noise="const").sum().item()


def by_turns(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each job; the first, untimed turn warms up."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            clock, processor = time.perf_counter(), time.process_time()
            job()
            if turn:
                spent[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {
        name: {
            "ms": 1000 * statistics.median(clock for clock, _ in times),
            "processor_ms": 1000 * statistics.median(processor for _, processor in times),
        }
        for name, times in spent.items()
    }


def training(rounds: int, batch: int, device: str) -> dict[str, Any]:
    """Pairs per second of the input pipeline and of both kinds of steps, memory of a judged step; per architecture."""
    samples, judges, units = classroom(device)
    figures: dict[str, Any] = {}
    steps: dict[str, Callable[[], object]] = {}
    for name in NETWORKS:
        learner = Learner(name, samples, judges, units, batch, device)
        if device == "cpu":
            with ProcessPoolExecutor(1, get_context("fork"), initializer=LEARNERS.append, initargs=(learner,)) as pool:
                figures[name] = {"memory_mb": pool.submit(step_memory).result() / 1e6}
        else:
            figures[name] = {"memory_mb": learner.memory() / 1e6}
        steps |= {f"{name} input": partial(learner.input, True), f"{name} unjudged": partial(learner.step, False)}
        steps |= {f"{name} judged": partial(learner.step, True)}
    for job, spent in by_turns(steps, rounds).items():
        name, kind = job.split()
        figures[name][kind] = 1000 * batch / spent["processor_ms" if device == "cpu" else "ms"]
    for name, found in figures.items():
        found["input_over_training"] = found["input"] / found["unjudged"]
        print(
            f"training, {name}, {batch} pairs of images a step: {found['unjudged']:.1f} pairs/s by w alone, "
            f"{found['judged']:.1f} with pictures, where a step takes {found['memory_mb']:.0f} MB"
        )
        enough = "enough" if found["input_over_training"] >= STARVING else "TOO SLOW"
        print(
            f"input pipeline alone, {name}: {found['input']:.0f} pairs/s, {found['input_over_training']:.1f} times "
            f"what the faster steps take ({enough})"
        )
    return figures


def classroom(device: str) -> tuple[Samples, Judges, Tensor]:
    """Random pairs of the built-in generator, and its judges; the inner face is where it is on average."""
    from faces import load_embedder, load_parser

    G = load_generator("builtin", device)
    w = G.mapping(latents(range(512), G.z_dim).to(device))[:, 0].unflatten(0, (2, -1))
    judges = Judges(load_embedder("builtin-loss", device), load_embedder("builtin-hair", device),
                    load_parser("builtin", device))  # fmt: skip

    def points(side: Tensor, size: int) -> Any:
        return (TEMPLATE * size - 0.5)[None].repeat(len(side), 0)

    return Samples(G, w, points, raised=0.0, amp=False), judges, torch.eye(G.w_dim, device=device)  # type: ignore[arg-type]


class Learner:
    """A network in training, which takes one step after another."""

    def __init__(self, arch: str, samples: Samples, judges: Judges, units: Tensor, batch: int, device: str) -> None:
        torch.manual_seed(0)
        G = samples.generator
        self.network = build(arch, G.num_ws, G.w_dim, SIZES[64], G.resolution).to(device)
        self.network.start_from(samples.w.flatten(0, 1), G.w_avg)
        self.ema = build(arch, G.num_ws, G.w_dim, SIZES[64], G.resolution).to(device).requires_grad_(False)
        follow(self.ema, self.network, 0.0)
        plan = Plan(batch, pictures=batch // 4, swaps=batch // 4)
        self.lesson: nn.Module = Lesson(self.network, samples, judges, units, plan, seed=0)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), fused=True)
        self.device, self.count = device, 0

    def step(self, judged: bool) -> float:
        """A whole step of the training; its loss, which waits for the device."""
        recipe = PRESETS["demo"]
        self.count += 1
        number = self.count + (recipe.judged_from() if judged else 0)
        scaler = loss_scaler(recipe, self.device)
        return take_step(self.lesson, self.network, self.ema, self.optimizer, scaler, recipe, number)["loss"].item()

    def input(self, judged: bool) -> float:
        """What a step does before its first network sees anything."""
        self.count += 1
        assert isinstance(self.lesson, Lesson)
        with torch.no_grad():
            return self.lesson.batch(self.count, judged)[3].sum().item()

    def memory(self) -> int:
        """Bytes by which the memory in use grows in a judged step, its optimiser's own among them."""
        here = torch.empty(0, device=self.device)
        before = peak_bytes(here, again=True)
        self.step(judged=True)
        return peak_bytes(here) - before


LEARNERS: list[Learner] = []  # in a process of `training`: its learner, which cannot be sent


def step_memory() -> int:
    """The memory of a step, in a process that has taken none before."""
    return LEARNERS[-1].memory()


def verdict(found: float, limit: float) -> str:
    """Whether a figure keeps its limit, in words."""
    return f"limit {limit:.3g}: {'kept' if found <= limit else 'MISSED'}"


if __name__ == "__main__":
    run(main)
