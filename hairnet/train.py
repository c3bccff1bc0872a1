"""Trains the network on pairs; what it makes is one file that `hairnet.transfer` takes.

    python -m hairnet.train --pairs runs/demo/pairs --out runs/demo/hairnet                 a laptop, the built-in world
    python -m hairnet.train --pairs runs/x/pairs --out runs/x/hairnet --preset full --generator ffhq.pkl \\
        --identity model_ir_se50.pth --parser 79999_iter.pth --hair none                    one GPU
    torchrun --nproc-per-node 8 -m hairnet.train --pairs ... (the same flags)               several GPUs or machines

The folder `out` gets hairnet.safetensors (the network), validation.png (hair donors, faces, results), log.jsonl (one
line every LOG_EVERY steps) and state.safetensors, from which the same command goes on after an interruption; on the
CPUs of one machine the network then has the bytes that it would have had without one (on a GPU it may not).
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from data.command import run
from data.files import check_folder_place
from data.progress import Progress
from data.weights import load_network as read_network
from data.world import device_of, join_world, leave_world, world_size
from hairnet.judges import JudgeFiles
from hairnet.lesson import Lesson
from hairnet.model import save_hairnet
from hairnet.network import NetworkConfig, TwoEncoders
from hairnet.recipe import Recipe, recipe_for
from hairnet.response import response_units
from hairnet.samples import Samples, read_pairs
from hairnet.split import PointsOfW
from hairnet.state import LOG, STATE, cut_log, load_state, refuse_other, save_state
from hairnet.validate import draw_validation, validate
from synth import load_generator

LOG_EVERY = 25  # steps
NETWORK = "hairnet.safetensors"


def main(
    *,
    pairs: Path,
    out: Path,
    preset: Literal["demo", "builtin", "full"] = "demo",
    generator: str = "builtin",
    identity: str = "builtin-loss",
    hair: str = "builtin-hair",
    parser: str = "builtin",
    steps: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    amp: bool | None = None,
    checkpoint_every: int = 500,
    device: str | None = None,
) -> None:
    """Trains the two encoders and their fusion; the generator stays as it is.

    Stopped at any moment, the same command goes on from the last checkpoint; when all is done it says so.

    Args:
        pairs: folder of pair files that directions.pairs has written for this generator
        out: folder for the network, its validation picture, the log and the checkpoints
        preset: demo (2 cores, 6 minutes), builtin (the shipped network) or full (256 px IR-SE50 encoders, GPUs)
        generator: "builtin", our .safetensors, NVIDIA's .pkl or rosinality's .pt
        identity: face embedder of the identity loss: "builtin-loss" or a file that faces.load_embedder takes
        hair: hair descriptor of the hair loss: "builtin-hair", a file, or "none"
        parser: face parser of the hair mask losses: "builtin" or a file that faces.load_parser takes
        steps: number of steps; left out: the preset's
        batch: pairs per step, over all processes together; left out: the preset's
        lr: largest learning rate, reached after the warm-up; left out: the preset's
        seed: of the first weights, the order of the pairs and the blemishes put on the inputs
        amp: compute in bfloat16; left out: where the processor has it
        checkpoint_every: steps between checkpoints
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    place = device_of(device)
    amp = has_bfloat16(place) if amp is None else amp
    recipe = recipe_for(preset, steps, batch, lr, seed, amp, world_size())
    if checkpoint_every < 1:
        raise ValueError(f"--checkpoint-every is {checkpoint_every}: it counts steps and is at least 1")
    check_folder_place(out)
    if place.index is not None:
        torch.cuda.set_device(place)
    rank, world = join_world("nccl" if place.type == "cuda" else "gloo")
    try:
        train(pairs, out, recipe, generator, identity, hair, parser, checkpoint_every, str(place), rank, world)
    finally:
        leave_world()


def train(
    pairs: Path,
    out: Path,
    recipe: Recipe,
    generator: str,
    identity: str,
    hair: str,
    parser: str,
    checkpoint_every: int,
    device: str,
    rank: int = 0,
    world: int = 1,
) -> None:
    """Trains as `recipe` says, in this process of `world`; the other arguments are those of `main`."""
    judge_files = JudgeFiles.find(identity, hair, parser)
    G = load_generator(generator, device)
    w = read_pairs(pairs, G)
    settings = recipe.asdict() | {
        "generator_sha256": G.sha256,
        **judge_files.digests(),
        "pairs": w.shape[1],
        "pairs_sha256": hashlib.sha256(w.numpy().tobytes()).hexdigest(),
        "command": command_of(recipe, generator=generator, identity=identity, hair=hair, parser=parser),
    }
    if is_done(out / NETWORK, settings):
        print(f"{out / NETWORK} is trained already: nothing to do", flush=True)
        return
    if w.shape[1] <= recipe.held_out + recipe.plan.batch:
        raise ValueError(
            f"--pairs {pairs} holds {w.shape[1]} pairs: a batch of {recipe.plan.batch} and {recipe.held_out} for "
            "validation need more, so make more pairs or give a smaller --batch"
        )
    judges = judge_files.load(device)
    out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(recipe.seed)
    network = TwoEncoders(NetworkConfig(G.num_ws, G.w_dim, **recipe.network)).to(device)
    network.start_from(w.flatten(0, 1).to(device), G.w_avg)
    ema = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.lr, (0.9, 0.99), weight_decay=recipe.decay, fused=True)
    modules = {"network": network, "ema": ema}
    done = load_state(out, modules, optimizer, settings)

    if rank == 0:
        print(f"preparing {w.shape[1]} pairs" + (f", going on after step {done}" if done else ""), flush=True)
        cut_log(out / LOG, done)
    w = w.to(device)
    points = PointsOfW(G, w.flatten(0, 1), recipe.amp)
    units = response_units(G, judges, w.flatten(0, 1), recipe.seed, recipe.amp)
    held, taught = w[:, -recipe.held_out :], w[:, : -recipe.held_out]
    samples = Samples(G, taught, points, recipe.amp, quiet=rank > 0)
    lesson = Lesson(network, samples, judges, units, recipe.plan, recipe.seed, rank, world)
    model: nn.Module = nn.parallel.DistributedDataParallel(lesson) if world > 1 else lesson
    validation = Samples(G, held, points, amp=False)

    def keep(step: int) -> dict[str, float]:
        figures = validate(ema, validation, judges, units)
        log(out / LOG, {"step": step, "validation": figures})
        draw_validation(out / "validation.png", ema, validation, recipe.seed)
        save_state(out, step, modules, optimizer, settings)
        return figures

    with Progress(total=recipe.steps, initial=done, unit="steps", disable=rank > 0) as bar:
        started, timed_from = time.monotonic(), done
        for step in range(done, recipe.steps):
            terms = take_step(model, network, ema, optimizer, recipe, step)
            bar.update()
            if (step + 1) % LOG_EVERY == 0 and rank == 0:
                seconds, started = time.monotonic() - started, time.monotonic()
                rate = (step + 1 - timed_from) * recipe.plan.batch / seconds
                timed_from = step + 1
                bar.set_postfix_str(f"w {terms['w']:.3f}, {rate:.0f} pairs/s")
                log(out / LOG, {"step": step + 1, "pairs_per_second": rate} | {k: float(x) for k, x in terms.items()})
            if (step + 1) % checkpoint_every == 0 and step + 1 < recipe.steps and rank == 0:
                keep(step + 1)
                started, timed_from = time.monotonic(), step + 1
    if rank > 0:
        return
    figures = keep(recipe.steps)
    save_hairnet(out / NETWORK, ema, {"name": generator, "sha256": G.sha256}, settings | {"validation": figures})
    (out / STATE).unlink()
    print(f"{out / NETWORK} trained; held-out pairs: " + ", ".join(f"{k} {x:.3f}" for k, x in figures.items()))


def take_step(
    model: nn.Module,
    network: TwoEncoders,
    ema: TwoEncoders,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    step: int,
) -> dict[str, Tensor]:
    """One step of the optimiser and of the running mean; returns the terms of the loss."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.lr * rate_factor(step, recipe)
    optimizer.zero_grad(set_to_none=True)
    device = network.fusion.w_avg.device.type
    with torch.autocast(device, torch.bfloat16, enabled=recipe.amp):
        loss, terms = model(step, judged=step >= recipe.judged_from())
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    optimizer.step()
    # The mean is short at first, or the random first weights would stay in it for long.
    momentum = min(recipe.ema, (1 + step) / (10 + step))
    with torch.no_grad():
        pairs = list(zip(ema.state_dict().values(), network.state_dict().values(), strict=True))
        floats = [(kept, new) for kept, new in pairs if kept.is_floating_point()]
        torch._foreach_lerp_([kept for kept, _ in floats], [new for _, new in floats], 1 - momentum)
        for kept, new in pairs:
            if not kept.is_floating_point():  # batch norm's counters
                kept.copy_(new)
    return {name: term.detach() for name, term in terms.items()}


def rate_factor(step: int, recipe: Recipe) -> float:
    """Learning rate over the largest: linear warm-up, then half a cosine to a hundredth."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def is_done(path: Path, settings: dict[str, Any]) -> bool:
    """Whether this very training has been finished; ValueError when `path` came from another one."""
    if not path.exists():
        return False
    _, config = read_network(path)
    if config["kind"] != "hairnet":
        raise ValueError(f"{path} is not a hairnet: choose another --out")
    there = {name: x for name, x in config["recipe"].items() if name != "validation"}
    refuse_other(path, there, settings)
    return True


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: needs the instructions, or it is emulated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def log(path: Path, record: dict[str, Any]) -> None:
    """Adds one line of JSON."""
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def command_of(recipe: Recipe, **names: str) -> str:
    """The command of a training, without the places of its pairs and its output; `names` of networks by flag."""
    flags = {"preset": recipe.preset, **names, "steps": recipe.steps, "batch": recipe.plan.batch, "lr": recipe.lr}
    flags |= {"seed": recipe.seed, "amp": str(recipe.amp).lower()}
    return "python -m hairnet.train " + " ".join(f"--{name} {value}" for name, value in flags.items())


if __name__ == "__main__":
    run(main)
