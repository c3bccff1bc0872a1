"""Trains the network on pairs; what it makes is one file that `hairnet.transfer` takes.

    python -m hairnet.train --pairs runs/demo/pairs --out runs/demo/hairnet                 a laptop, the built-in world
    python -m hairnet.train --pairs runs/x/pairs --out runs/x/hairnet --preset full --generator ffhq.pkl \\
        --identity model_ir_se50.pth --parser 79999_iter.pth --hair none                    one GPU
    torchrun --nproc-per-node 8 -m hairnet.train --pairs ... (the same flags)               several GPUs or machines

The folder `out` gets hairnet.safetensors (the network), validation.png (hair donors, faces, results), log.jsonl and
log.csv (figures of the first steps, then every LOG_EVERY) and state.safetensors, from which the same command goes on
after an interruption; on the CPUs of one machine the network then has the bytes that it would have had without one (on
a GPU it may not). A step that gives no finite numbers ends the training; its batch is kept as not-finite-0.safetensors.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from data.command import run
from data.files import check_folder_place, sha256
from data.progress import Progress
from data.weights import load_network as read_network
from data.weights import resolve
from data.world import device_of, join_world, leave_world, world_size
from hairnet.model import read_hairnet, save_hairnet
from hairnet.network import Network, arch_of, new_network
from hairnet.subrtova import SIZE
from hairnet.training.judges import JudgeFiles
from hairnet.training.lesson import Lesson
from hairnet.training.logs import Log, require_tensorboard
from hairnet.training.material import Material, prepare
from hairnet.training.recipe import Recipe, recipe_for
from hairnet.training.samples import read_gaps, read_pairs
from hairnet.training.shared_norm import share_statistics
from hairnet.training.state import STATE, load_state, refuse_other, save_state
from hairnet.training.step import NotFinite, loss_scaler, over_processes, save_batch, take_step
from hairnet.training.validate import draw_validation, validate
from synth import load_generator

LOG_EVERY = 25  # steps
EARLY = (1, 5)  # steps that are logged besides
NETWORK = "hairnet.safetensors"


def main(
    *,
    pairs: Path,
    out: Path,
    preset: Literal["demo", "builtin", "polish", "full"] = "demo",
    arch: Literal["hairnet", "subrtova"] = "hairnet",
    generator: str = "builtin",
    identity: str = "builtin-loss",
    hair: str = "builtin-hair",
    parser: str = "builtin",
    perceptual: str = "none",
    weights: str | None = None,
    mirrored: float = 0.0,
    curriculum: float = 0.0,
    steps: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    start_from: str | None = None,
    amp: bool | None = None,
    fp16: bool = False,
    tensorboard: bool = False,
    checkpoint_every: int = 500,
    device: str | None = None,
) -> None:
    """Trains the two encoders and their fusion; the generator stays as it is.

    Stopped at any moment, the same command goes on from the last checkpoint; when all is done it says so.

    Args:
        pairs: folder of pair files that directions.pairs has written for this generator
        out: folder for the network, its validation picture, the log and the checkpoints
        preset: demo (2 cores, 6 minutes), builtin (the shipped network's first training), polish (its second: with
            --start-from) or full (256 px IR-SE50 encoders, GPUs)
        arch: hairnet, or subrtova: the published network of FG 2021, whose encoders see 256 px (fewer where the
            generator makes fewer)
        generator: "builtin", our .safetensors, NVIDIA's .pkl or rosinality's .pt
        identity: face embedder of the identity loss: "builtin-loss" or a file that faces.load_embedder takes
        hair: hair descriptor of the hair loss: "builtin-hair", a file, or "none"
        parser: face parser of the hair mask losses: "builtin" or a file that faces.load_parser takes
        perceptual: a further distance between results and known answers: "parser" (its features), LPIPS's weights
            (lpips.pth, or vgg16.pth,vgg.pth as docs/method.md says), or "none"
        weights: of the terms of the loss, such as pixels=0,hair=2: w, pixels, identity, inner, hair, colour, mask and
            perceptual, 1 but for inner, colour and mask: 0.5; 0 leaves a term out (without w, all steps are judged)
        mirrored: share of the judged steps in which all pictures, inputs and answers, are mirrored; for generators
            that know no left and right
        curriculum: share of the steps during which pairs of larger and larger yaw gaps are let in; 0: all at once
        steps: number of steps; left out: the preset's
        batch: pairs per step, over all processes together; left out: the preset's
        lr: largest learning rate, reached after the warm-up; left out: the preset's
        seed: of random first weights, the order of the pairs and the blemishes put on the inputs
        start_from: network to go on from, "builtin" or a file, of the same architecture and generator; left out: random
            weights
        amp: compute in bfloat16; left out: where the processor has it
        fp16: compute in float16 with a scaled loss instead: for CUDA devices that have no bfloat16
        tensorboard: write events for TensorBoard, too, into the folder tensorboard of `out`
        checkpoint_every: steps between checkpoints
        device: cpu, cuda or cuda:1; left out: CUDA where there is one
    """
    place = device_of(device)
    amp = has_bfloat16(place) and not fp16 if amp is None else amp
    world = world_size()
    recipe = recipe_for(preset, steps, batch, lr, seed, amp, world, arch, fp16, weights, mirrored, curriculum)
    if tensorboard:
        require_tensorboard()
    if checkpoint_every < 1:
        raise ValueError(f"--checkpoint-every is {checkpoint_every}: it counts steps and is at least 1")
    check_folder_place(out)
    if place.index is not None:
        torch.cuda.set_device(place)
    rank, world = join_world("nccl" if place.type == "cuda" else "gloo")
    try:
        train(pairs, out, recipe, generator, identity, hair, parser, checkpoint_every, str(place), rank, world,
              perceptual, tensorboard, start_from)  # fmt: skip
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
    perceptual: str = "none",
    tensorboard: bool = False,
    start: str | Path | None = None,
    prepared: Callable[..., Material] = prepare,
) -> None:
    """Trains as `recipe` says, in this process of `world`; the other arguments are those of `main`.

    prepared: makes the material as `prepare` does; for trainings that share theirs.
    """
    judge_files = JudgeFiles.find(identity, hair, parser, perceptual)
    G = load_generator(generator, device)
    w = read_pairs(pairs, G)
    gaps = read_gaps(pairs) if recipe.plan.widening else None
    settings = recipe.asdict() | {
        "generator_sha256": G.sha256,
        **judge_files.digests(),
        "pairs": w.shape[1],
        "pairs_sha256": hashlib.sha256(w.numpy().tobytes()).hexdigest(),
        "command": command_of(
            recipe, perceptual, start, generator=generator, identity=identity, hair=hair, parser=parser
        ),
    }
    if start is not None:
        settings["start"] = told_of(resolve(start, "hairnet"))
    if is_done(out / NETWORK, settings):
        print(f"{out / NETWORK} is trained already: nothing to do", flush=True)
        return
    if w.shape[1] <= recipe.held_out + recipe.plan.batch:
        raise ValueError(
            f"--pairs {pairs} holds {w.shape[1]} pairs: a batch of {recipe.plan.batch} and {recipe.held_out} for "
            "validation need more, so make more pairs or give a smaller --batch"
        )
    network = (first_network(recipe, G, w) if start is None else network_of(start, recipe, G)).to(device)
    judges = judge_files.load(device)
    out.mkdir(parents=True, exist_ok=True)
    ema = copy.deepcopy(network).eval().requires_grad_(False)
    if world > 1:
        share_statistics(network)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.lr, (0.9, 0.99), weight_decay=recipe.decay, fused=True)
    scaler = loss_scaler(recipe, device)
    modules = {"network": network, "ema": ema}
    done = load_state(out, modules, optimizer, settings, scaler)

    if rank == 0:
        print(f"preparing {w.shape[1]} pairs" + (f", going on after step {done}" if done else ""), flush=True)
    log = Log(out, done, tensorboard) if rank == 0 else None
    w = w.to(device)
    material = prepared(G, judges, w, recipe, network.config.raised, rank, world)
    by_gap = None if gaps is None else gaps[: -recipe.held_out].abs().argsort(stable=True)
    lesson = Lesson(network, material.taught, judges, material.units, recipe.plan, recipe.seed, rank, world, by_gap)
    model: nn.Module = lesson
    if world > 1:  # all buffers are the same everywhere by themselves
        model = nn.parallel.DistributedDataParallel(lesson, broadcast_buffers=False)

    def keep(step: int) -> dict[str, float]:
        assert log is not None
        figures = validate(ema, material.held_out, judges, material.units)
        log.write({"step": step, "validation": figures})
        draw_validation(out / "validation.png", ema, material.held_out, recipe.seed)
        save_state(out, step, modules, optimizer, settings, scaler)
        return figures

    with Progress(total=recipe.steps, initial=done, unit="steps", disable=rank > 0) as bar:
        started, timed_from = time.monotonic(), done
        for step in range(done, recipe.steps):
            try:
                terms = take_step(model, network, ema, optimizer, scaler, recipe, step)
            except NotFinite as error:
                kept = out / f"not-finite-{rank}.safetensors"
                save_batch(kept, lesson, step, recipe)
                raise ValueError(
                    f"{error}: its batch is in {kept}; see whether that is finite, else train with a lower --lr or "
                    "with --amp false"
                ) from error
            bar.update()
            if (step + 1) % LOG_EVERY == 0 or step + 1 in EARLY:
                means = over_processes(terms)
                if log is not None:
                    seconds, started = time.monotonic() - started, time.monotonic()
                    rate = (step + 1 - timed_from) * recipe.plan.batch / seconds
                    timed_from = step + 1
                    bar.set_postfix_str(f"loss {means['loss']:.3f}, {rate:.0f} pairs/s")
                    log.write({"step": step + 1, "pairs_per_second": rate} | means)
            if (step + 1) % checkpoint_every == 0 and step + 1 < recipe.steps and rank == 0:
                keep(step + 1)
                started, timed_from = time.monotonic(), step + 1
    if rank > 0:
        return
    figures = keep(recipe.steps)
    save_hairnet(out / NETWORK, ema, {"name": generator, "sha256": G.sha256}, settings | {"validation": figures})
    (out / STATE).unlink()
    print(f"{out / NETWORK} trained; held-out pairs: " + ", ".join(f"{k} {x:.3f}" for k, x in figures.items()))


def first_network(recipe: Recipe, generator: Any, w: Tensor) -> Network:
    """Random weights of the recipe's seed, around the mean of samples w (2, N, w_dim)."""
    torch.manual_seed(recipe.seed)
    network = new_network(recipe.arch, sizes_of(recipe, generator))
    network.start_from(w.flatten(0, 1), generator.w_avg.cpu())
    return network


def network_of(start: str | Path, recipe: Recipe, generator: Any) -> Network:
    """A trained network to go on from; ValueError when it is none of this recipe and generator."""
    network, there = read_hairnet(resolve(start, "hairnet"))
    if there["generator"]["sha256"] != generator.sha256:
        raise ValueError(f"--start-from {start} belongs to another generator than --generator: give one of the same")
    with torch.device("meta"):
        wanted = new_network(recipe.arch, sizes_of(recipe, generator))
    sides = [{"arch": arch_of(one)} | one.config.asdict() for one in (network, wanted)]
    if other := sorted(name for name in sides[0] | sides[1] if sides[0].get(name) != sides[1].get(name)):
        raise ValueError(
            f"--start-from {start} is another network than this training's, by its {', '.join(other)}: "
            "give the --arch and --preset that it was trained by"
        )
    return network


def told_of(start: Path) -> dict[str, Any]:
    """What a training says of the network that it goes on from: its sha256, and by whom and how it was taught."""
    recipe = read_network(start)[1].get("recipe", {})
    judges = ("identity", "hair", "parser", "perceptual", "command", "start")
    return {"sha256": sha256(start)} | {name: recipe[name] for name in judges if name in recipe}


def sizes_of(recipe: Recipe, generator: Any) -> dict[str, Any]:
    """Fields of the network's config: the generator's, and those that the recipe changes."""
    sizes = {"num_ws": generator.num_ws, "w_dim": generator.w_dim} | recipe.network
    return sizes | ({"size": min(SIZE, generator.resolution)} if recipe.arch == "subrtova" else {})


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


def command_of(recipe: Recipe, perceptual: str, start: str | Path | None, **networks: str) -> str:
    """The command of a training, without the places of its pairs and its output; `networks` by flag."""
    flags = {"preset": recipe.preset, **networks, "steps": recipe.steps, "batch": recipe.plan.batch, "lr": recipe.lr}
    flags |= {"seed": recipe.seed, "amp": str(recipe.amp).lower()}
    plan = recipe.plan
    options = {
        "arch": recipe.arch if recipe.arch != "hairnet" else "",
        "perceptual": perceptual if perceptual != "none" else "",
        "weights": plan.weights.text(),
        "mirrored": plan.mirrored,
        "curriculum": plan.widening / recipe.steps,
        "fp16": "true" if recipe.fp16 else "",
        "start-from": start or "",
    }
    flags |= {name: value for name, value in options.items() if value}
    return "python -m hairnet.train " + " ".join(f"--{name} {value}" for name, value in flags.items())


if __name__ == "__main__":
    run(main)
