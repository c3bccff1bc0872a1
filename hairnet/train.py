"""Trains the network on pairs; what it makes is one file that `hairnet.transfer` takes.

    python -m hairnet.train --pairs runs/demo/pairs --out runs/demo/hairnet                 a laptop, the built-in world
    python -m hairnet.train --pairs runs/x/pairs --out runs/x/hairnet --preset full --generator ffhq.pkl \\
        --identity model_ir_se50.pth --parser 79999_iter.pth --hair none                    one GPU
    torchrun --nproc-per-node 8 -m hairnet.train --pairs ... (the same flags)               several GPUs or machines

The folder `out` gets hairnet.safetensors (the network), validation.png (hair donors, faces, results), log.jsonl and
log.csv (figures of the first steps, then every 25) and state.safetensors, from which the same command goes on
after an interruption; on the CPUs of one machine the network then has the bytes that it would have had without one (on
a GPU it may not). A step that gives no finite numbers ends the training; its batch is kept as not-finite-0.safetensors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from data.command import run
from data.files import check_folder_place
from data.world import device_of, join_world, leave_world, world_size
from hairnet.training.logs import require_tensorboard
from hairnet.training.loop import Place, train
from hairnet.training.networks import Networks
from hairnet.training.recipe import recipe_for


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
        networks = Networks(generator, identity, hair, parser, perceptual, start_from)
        train(pairs, out, recipe, networks, Place(str(place), rank, world), checkpoint_every, tensorboard)
    finally:
        leave_world()


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: needs the instructions, or it is emulated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


if __name__ == "__main__":
    run(main)
