"""A StyleGAN2 of your own pictures.

    python -m synth.train --images photos --out runs/own/generator --size 256 --align true         one GPU (or a CPU)
    torchrun --nproc-per-node 8 -m synth.train --images photos --out runs/own/generator --size 256 all GPUs of a machine

Stopped at any moment, the same command goes on from its last state. log.jsonl has the losses and the Frechet distance
along the way, sheet-000200.png what is made after 200,000 images, generator.safetensors the averaged generator: every
command takes it as --generator.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from data.command import run
from data.files import check_folder_place
from data.images import sheet, to_uint8, write_image
from data.shards import shard_paths
from data.world import device_of, join_world, leave_world, world_size
from faces import load_embedder
from synth.discriminator import Discriminator
from synth.frechet import frechet
from synth.generator import save_generator
from synth.layers import resolutions
from synth.networks import Generator
from synth.seeds import latents
from synth.training.game import Stage
from synth.training.keeper import Keeper, train
from synth.training.pictures import Pictures, prepare
from synth.training.trainer import Lesson, PictureTrainer

COLUMNS, REAL_ROWS, FAKE_ROWS = 8, 1, 4  # of a sheet
LEAST = 32  # pictures from which anything can be learned
MOST_REAL = 5000  # pictures that the Frechet distance is measured to
JUDGED = 25  # pictures per pass of the embedder
MOST_WIDTH, MOST_LAYERS = 4096, 64  # eight times those of the published networks: more is a slip of the keys


def main(
    *,
    images: Path,
    out: Path,
    size: int = 256,
    align: bool = False,
    mirror: bool = True,
    augment: bool = True,
    length: float = 5000.0,
    batch: int = 32,
    rate: float = 0.0025,
    gamma: float | None = None,
    path_length: float = 2.0,
    z_dim: int = 512,
    mapping_layers: int = 8,
    channel_base: int | None = None,
    channel_max: int = 512,
    judged: int = 2000,
    checkpoint: float = 20.0,
    snapshot: float = 200.0,
    keep_snapshots: bool = False,
    seed: int = 0,
    dtype: Literal["fp32", "bf16"] | None = None,
    compile: bool = False,
    device: str | None = None,
) -> None:
    """Trains a StyleGAN2 on a folder of pictures.

    Pictures are made ready once, in OUT/pictures; files that are no picture, too small or (with --align) without a face
    are left out and named in OUT/pictures/skipped.json. What a training ends with depends on the flags and the number
    of processes; a broken one that is started again gives the same weights, bit for bit on a CPU.

    Args:
        images: folder of pictures, with the folders below it
        out: folder for the weights, sheets, log.jsonl, the pictures made ready and the state to resume from
        size: side of the pictures in pixels: 32, 64, 128, ... 1024
        align: cut pictures to the face as FFHQ is, which directions and transfer need; else to their middle square
        mirror: also learn from mirror images
        augment: adaptive augmentation, which few pictures need; with many it stays off by itself
        length: thousands of images to show in all
        batch: images per step over all processes, a multiple of 4 for each
        rate: learning rate of Adam
        gamma: weight of R1; left out: 0.0002 size^2 / batch
        path_length: weight of the path length penalty, 0 for none (a quarter faster)
        z_dim: numbers of z and of w
        mapping_layers: layers of the mapping network
        channel_base: feature maps at 1 px, min(channel_base / side, channel_max) at a side; left out: 16384, from 512 px 32768
        channel_max: most feature maps
        judged: pictures per measurement of the Frechet distance, at least 200; 0 for none
        checkpoint: thousands of images between two saved states
        snapshot: thousands of images between two sheets and measurements
        keep_snapshots: also keep the generator of every sheet, as snapshot-000200.safetensors
        seed: of initial weights and everything drawn
        dtype: fp32, or bf16 for the convolutions; left out: bf16 on GPUs
        compile: torch.compile the generator, some minutes first; pays in long trainings on a GPU
        device: cuda or cpu; left out: cuda where there is one
    """  # noqa: E501
    place = device_of(device)
    lesson = Lesson(
        length=round(length * 1000), batch=batch, rate=rate, path_length=path_length, mirror=mirror, augment=augment,
        gamma=0.0002 * size**2 / batch if gamma is None else gamma, seed=seed,
    )  # fmt: skip
    channel_base = (32768 if size >= 512 else 16384) if channel_base is None else channel_base
    check(lesson, size, judged, checkpoint, snapshot)
    check_networks(z_dim, mapping_layers, channel_base, channel_max, size)
    check_folder_place(out)
    if place.index is not None:
        torch.cuda.set_device(place)  # where NCCL talks, and what .cuda() means
    rank, world = join_world("nccl" if place.type == "cuda" else "gloo")
    try:
        fingerprint = prepare(images, out / "pictures", size, align, rank)
        found = len(shard_paths(out / "pictures")) and len(Pictures(out / "pictures"))
        if found < LEAST:
            raise ValueError(f"--images {images} has {found} pictures that can be used: give {LEAST} or more")

        torch.manual_seed(seed)
        generator = Generator(z_dim, z_dim, size, mapping_layers, channel_base, channel_max).to(place)
        discriminator = Discriminator(size, channel_base, channel_max).to(place)
        half = (dtype or ("bf16" if place.type == "cuda" else "fp32")) == "bf16"
        trainer = PictureTrainer(generator, discriminator, Pictures(out / "pictures"), lesson, half, rank, world)
        if compile:
            generator.synthesis.compile(dynamic=False)
        settings = {
            "pictures": fingerprint, "count": found, "world": world, "half": half, "judged": judged, "compile": compile,
            "generator": generator.config, **asdict(lesson),
        }  # fmt: skip
        keeper = PictureKeeper(out, trainer, settings, judged, keep_snapshots)
        keeper.resume()
        train(keeper, round(checkpoint * 1000), round(snapshot * 1000), round(snapshot * 1000))
        keeper.finish()
    finally:
        leave_world()


def check(lesson: Lesson, size: int, judged: int, checkpoint: float, snapshot: float) -> None:
    """ValueError naming the flag whose value makes no sense, before any work."""
    if size not in resolutions(1024)[3:]:
        raise ValueError(f"--size is {size}: it must be one of {', '.join(map(str, resolutions(1024)[3:]))}")
    share = 4 * world_size()
    if lesson.batch < share or lesson.batch % share:
        raise ValueError(f"--batch is {lesson.batch}: it must be a multiple of {share}, 4 for each process")
    for flag, value in (("length", lesson.length), ("rate", lesson.rate), ("checkpoint", checkpoint),
                        ("snapshot", snapshot)):  # fmt: skip
        if not value > 0:
            raise ValueError(f"--{flag} is {value:g}: it must be above 0")
    for flag, value in (("gamma", lesson.gamma), ("path-length", lesson.path_length), ("seed", lesson.seed)):
        if value < 0:
            raise ValueError(f"--{flag} is {value:g}: it must be 0 or more")
    if judged and judged < 200:
        raise ValueError(f"--judged is {judged}: a distribution of 128 features needs at least 200 pictures, or give 0")


def check_networks(z_dim: int, mapping_layers: int, channel_base: int, channel_max: int, size: int) -> None:
    """ValueError naming the flag whose value makes no network of `size` px, before any work."""
    for flag, value, least, most in (
        ("z-dim", z_dim, 1, MOST_WIDTH),
        ("mapping-layers", mapping_layers, 1, MOST_LAYERS),
        ("channel-max", channel_max, 1, MOST_WIDTH),
        ("channel-base", channel_base, size, MOST_WIDTH * size),  # fewer: the last layer would have no feature map
    ):
        if not least <= value <= most:
            raise ValueError(f"--{flag} is {value}: it must be from {least} to {most}")


class PictureKeeper(Keeper):
    """Files of a training on pictures."""

    trainer: PictureTrainer

    def __init__(self, out: Path, trainer: PictureTrainer, settings: dict[str, Any], judged: int, keep_snapshots: bool):
        super().__init__(out, trainer, settings)
        self.judged, self.keep_snapshots = judged, keep_snapshots
        self._real: np.ndarray | None = None  # features of the pictures, which do not change

    def figures(self, stage: Stage) -> dict[str, Any]:
        """The Frechet distance to the pictures, in the features of the shipped embedder, which knows faces."""
        return {"frechet": round(self.frechet(), 5)} if self.judged else {}

    def snapshot(self, stage: Stage) -> None:
        """A sheet of pictures above what is made at psi 1, and the generator that made it."""
        trainer, thousands = self.trainer, self.trainer.images // 1000
        real = trainer.pictures_of.batch(np.arange(min(COLUMNS * REAL_ROWS, len(trainer.pictures_of))))
        made = trainer.pictures(latents(range(COLUMNS * FAKE_ROWS), trainer.generator.z_dim))
        page = sheet(np.concatenate([to_uint8(real), to_uint8(made)]), COLUMNS)
        write_image(page, self.out / f"sheet-{thousands:06d}.png")
        self.save_weights(self.out / "generator.safetensors")
        if self.keep_snapshots:
            self.save_weights(self.out / f"snapshot-{thousands:06d}.safetensors")

    def save_weights(self, path: Path) -> None:
        """The averaged generator as a network file."""
        self.trainer.centre()
        recipe = {"command": "synth.train", "images": self.trainer.images, **self.settings}
        save_generator(self.trainer.average, path, recipe)

    def frechet(self) -> float:
        """Of `judged` made pictures to at most MOST_REAL of the folder."""
        pictures, average = self.trainer.pictures_of, self.trainer.average
        embed = load_embedder("builtin", device=self.trainer.device)

        @torch.no_grad()
        def features(batches: list[np.ndarray], make: Any) -> np.ndarray:
            return np.concatenate([embed(make(part).to(self.trainer.device)).cpu().numpy() for part in batches])

        def made(seeds: np.ndarray) -> Tensor:
            return self.trainer.pictures(latents(seeds, average.z_dim))

        if self._real is None:
            count = min(MOST_REAL, len(pictures))
            rows = np.linspace(0, len(pictures) - 1, count).round().astype(int)
            self._real = features(np.array_split(rows, -(-count // JUDGED)), pictures.batch)
        return frechet(features(np.array_split(np.arange(self.judged), -(-self.judged // JUDGED)), made), self._real)


if __name__ == "__main__":
    run(main)
