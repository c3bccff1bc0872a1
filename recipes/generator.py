"""Trains the built-in generator on rendered heads.

    python -m recipes.generator_data --out runs/renders/pairs
    torchrun --nproc-per-node 2 -m recipes.generator runs/renders/pairs --out runs/builtin/generator

Give each process one thread (OMP_NUM_THREADS=1) and one core. The same command again resumes a broken run and gives the
same weights as an undisturbed one.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.command import run
from data.images import write_image
from data.shards import read_arrays, read_attrs
from data.world import device_of, join_world, leave_world
from recipes import factors
from recipes.generator_data import maker, render_paths
from recipes.generator_figures import held_out_l1, mapping_figures, sample_sheet
from recipes.generator_plan import parse_plan
from recipes.generator_training import Pairs, Trainer, Weights, premap
from synth.discriminator import Discriminator
from synth.generator import save_generator
from synth.networks import Generator
from synth.seeds import latents
from synth.training.game import Stage
from synth.training.keeper import Keeper, train

LOG_EVERY = 20_000  # images between two lines of the log


def main(
    renders: Path,
    *,
    out: Path,
    paired: str = "16:50,32:70,64:90",
    adversarial: float = 0.0,
    batch: int = 64,
    seed: int = 0,
    w_dim: int = 128,
    mapping_layers: int = 3,
    channel_base: int = 4096,
    channel_max: int = 128,
    discriminator_base: int = 4096,
    discriminator_max: int = 128,
    premap_steps: int = 5000,
    held_out: int = 300,
    checkpoint: float = 10.0,
    snapshot: float = 25.0,
    keep_snapshots: bool = False,
    device: str | None = None,
) -> None:
    """Trains the built-in generator on pairs of a latent and its render, and against a discriminator if told to.

    Args:
        renders: folder that recipes.generator_data has written
        out: folder for generator.safetensors, log.jsonl, sheets and the state that a broken run resumes from
        paired: stages of paired training, resolution:thousands of images
        adversarial: thousands of images of the adversarial stage, 0 for none
        batch: images per step over all processes; half as many in the adversarial stage
        seed: of initial weights and everything drawn
        w_dim: size of w
        mapping_layers: layers of the mapping network
        channel_base: feature maps of the generator at 1 px; min(channel_base / size, channel_max) at a size
        channel_max: most feature maps of the generator
        discriminator_base: the same of the discriminator
        discriminator_max: the same of the discriminator
        premap_steps: steps of 512 latents that fit the mapping network
        held_out: renders kept out of training, for the figures
        checkpoint: thousands of images between two saved states
        snapshot: thousands of images between two sample sheets
        keep_snapshots: also keep the generator of every sheet, snapshot-000125.safetensors
        device: cuda or cpu; cuda where there is one
    """
    place = device_of(device)
    rank, world = join_world()
    if batch < 16 * world or batch % (16 * world):
        raise ValueError(f"--batch {batch} must be a multiple of {16 * world}: 16 images for each of {world} processes")
    pairs, record = read_pairs(renders)
    if not 0 < held_out < len(pairs.z):
        raise ValueError(
            f"--held-out {held_out} must be 1 to {len(pairs.z) - 1}, as {renders} has {len(pairs.z)} renders"
        )
    resolution = pairs.images.shape[2]
    plan = parse_plan(paired, adversarial, resolution, batch)

    torch.manual_seed(seed)
    generator = Generator(
        factors.Z_DIM, w_dim, resolution, mapping_layers, channel_base, channel_max, lr_multiplier=1.0
    ).to(place)
    discriminator = Discriminator(resolution, discriminator_base, discriminator_max).to(place)
    unseen, seen = pairs.split(held_out)
    trainer = Trainer(generator, discriminator, seen, plan, Weights(), batch, seed, rank, world)
    settings = {
        "paired": paired, "adversarial": adversarial, "batch": batch, "seed": seed, "world": world,
        "premap_steps": premap_steps, "held_out": held_out, "generator": generator.config,
        "discriminator": discriminator.config, "weights": asdict(trainer.weights), "renders": record,
    }  # fmt: skip
    keeper = PairKeeper(out, trainer, unseen, settings, keep_snapshots)
    if not keeper.resume():
        if record["renderer"] != maker():  # one that has begun with such renders may end with them
            raise ValueError(
                f"{renders} was rendered by another version of the renderer: render anew for a new training, "
                "with `python -m recipes.generator_data` into another --out"
            )
        started = time.monotonic()
        error = premap(generator, premap_steps, seed)
        trainer.restart_average()
        keeper.log({"premap_error": error, "seconds": time.monotonic() - started, **mapping_figures(generator)})
    train(keeper, round(checkpoint * 1000), round(snapshot * 1000), LOG_EVERY)
    keeper.finish()
    leave_world()


def read_pairs(folder: Path) -> tuple[Pairs, dict[str, Any]]:
    """All pairs of a folder in the order of their seeds, and what their files say of themselves."""
    paths = render_paths(folder)
    if not paths:
        raise ValueError(f"{folder} holds no renders: run `python -m recipes.generator_data --out {folder}` first")
    parts = [read_arrays(path, ["seed", "image"]) for path in paths]
    records = [read_attrs(path) for path in paths]
    if any(record.get("factors") != json.dumps(factors.LIVE) for record in records):
        raise ValueError(f"{folder} was rendered with other factors than recipes/factors.py has now: render it again")
    if any(record.get("renderer") != records[0].get("renderer") for record in records):
        raise ValueError(f"{folder} mixes renders of different versions of the renderer: render it again")
    seeds = np.concatenate([part["seed"] for part in parts])
    images = torch.from_numpy(np.concatenate([part["image"] for part in parts])).permute(0, 3, 1, 2)
    images = images.contiguous(memory_format=torch.channels_last)
    record = {"count": len(seeds), "image_size": images.shape[2], "renderer": records[0].get("renderer")}
    return Pairs(latents(seeds.tolist(), factors.Z_DIM), images), record


class PairKeeper(Keeper):
    """Files of a run, with figures on renders that were kept out of the training."""

    def __init__(self, out: Path, trainer: Trainer, held_out: Pairs, settings: dict[str, Any], keep_snapshots: bool):
        super().__init__(out, trainer, settings)
        self.held_out, self.keep_snapshots = held_out, keep_snapshots

    def figures(self, stage: Stage) -> dict[str, Any]:
        """The error on the held-out renders."""
        return {"held_out_l1": round(held_out_l1(self.trainer, self.held_out, stage.resolution), 4)}

    def snapshot(self, stage: Stage) -> None:
        """A sample sheet and, if asked for, the weights that drew it."""
        thousands = self.trainer.images // 1000
        picture = sample_sheet(self.trainer, self.held_out, stage.resolution)
        write_image(picture, self.out / f"sheet-{thousands:06d}.png")
        if self.keep_snapshots:
            self.save_weights(self.out / f"snapshot-{thousands:06d}.safetensors")

    def save_weights(self, path: Path) -> None:
        """The averaged generator as a network file."""
        trainer = self.trainer
        resolution = trainer.generator.resolution
        figures = {"held_out_l1": round(held_out_l1(trainer, self.held_out, resolution), 4)}
        figures |= mapping_figures(trainer.generator)
        record = {"command": command_of(self.settings), "images": trainer.images, "figures": figures}
        save_generator(trainer.average, path, record | played(self.settings))


def command_of(settings: dict[str, Any]) -> str:
    """The command of a training, without the places of its renders and its output."""
    flags = {name: settings[name] for name in ("paired", "adversarial", "batch", "seed", "premap_steps", "held_out")}
    flags |= {name: settings["generator"][name] for name in ("w_dim", "mapping_layers", "channel_base", "channel_max")}
    if settings["adversarial"]:
        flags |= {f"discriminator_{end}": settings["discriminator"][f"channel_{end}"] for end in ("base", "max")}
    start = f"torchrun --nproc-per-node {settings['world']}" if settings["world"] > 1 else "python"
    options = (f"--{name.replace('_', '-')} {value}" for name, value in flags.items())
    return f"{start} -m recipes.generator {' '.join(options)}"


def played(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that had a part in the training: without an adversarial stage there was no discriminator."""
    if settings["adversarial"]:
        return settings
    weights = {name: weight for name, weight in settings["weights"].items() if name not in ("adversarial", "pixel_end")}
    return {name: value for name, value in settings.items() if name != "discriminator"} | {"weights": weights}


if __name__ == "__main__":
    run(main)
