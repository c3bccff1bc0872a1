"""Makes the built-in pose network: renders in, `data/weights/pose.safetensors` out.

    python -m recipes.renders --set faces --out runs/renders/poses    # 0.05 s per render and core
    python -m recipes.pose --renders runs/renders/poses               # 6 minutes of one core

68 landmarks and yaw, pitch, roll of an aligned crop (faces.landmarks). The renders are changed as heavily as the
parser's: other backgrounds, hair, colours, blur, noise, occlusions and places, so that photos can be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from data.command import run
from data.shards import read_attrs, shard_path
from data.weights import WEIGHTS
from faces.landmarks import MIRRORED, Pose, PoseNetwork, pose_loss
from recipes import augment
from recipes.renders import load_set
from recipes.training import Schedule, batches_of, check_network_name, keep, train

HELD_OUT = 0.04  # share of the renders, the last ones, that the training never sees
COLUMNS = ("image", "labels", "landmarks68", "yaw", "pitch", "roll")


def changed(x: Tensor, labels: Tensor, marks: Tensor, angles: Tensor, g: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """One batch (N, 3, S, S) as many cameras see it, with its landmarks (N, 68, 2) px and angles (N, 3) degrees."""
    x = augment.new_backgrounds(augment.new_hair(x, labels, g, share=0.5), labels, g, share=0.7)
    x, marks, turn, mirrored = augment.placed_points(x, marks, g, zoom=0.15, shift=0.05, turn=15)
    marks = torch.where(mirrored[:, None, None], marks[:, torch.from_numpy(MIRRORED)], marks)
    sign = torch.where(mirrored, -1.0, 1.0)
    angles = torch.stack([angles[:, 0] * sign, angles[:, 1], angles[:, 2] * sign + turn], 1)
    x = augment.recoloured(augment.defocused(x, g, share=0.35), g, strength=0.9, grey=0.1)
    x, _ = augment.occluded(x, None, g, share=0.25)
    return augment.compressed(augment.noisy(x, g, share=0.4), g, share=0.3), marks, angles


def train_pose(renders: Path, folder: Path, schedule: Schedule) -> tuple[PoseNetwork, dict[str, Any]]:
    """A trained pose network and the record of its making; the training's state lies in `folder`."""
    data = load_set(renders, "faces", COLUMNS)
    training = max(1, round(len(data["image"]) * (1 - HELD_OUT)))
    images, labels, marks = (torch.from_numpy(data[name][:training]) for name in COLUMNS[:3])
    angles = torch.from_numpy(np.stack([data[name][:training] for name in COLUMNS[3:]], axis=1))
    size = images.shape[1]
    torch.manual_seed(schedule.seed)
    network = PoseNetwork(input_size=size).to(memory_format=torch.channels_last)

    def loss_of(g: Generator, progress: float) -> Tensor:
        rows = torch.randint(training, (schedule.batch,), generator=g)
        x, places, turns = changed(batches_of(rows, images), labels[rows], marks[rows], angles[rows], g)
        with torch.autocast("cpu", torch.bfloat16):
            answer = network(x)
        return pose_loss(answer, places, turns, size)

    record: dict[str, Any] = {"seed": schedule.seed, "batch": schedule.batch, "rate": schedule.rate,
                              "renders": read_attrs(shard_path(renders, 0))}  # fmt: skip
    record |= train(network, schedule, loss_of, folder / "state.pt", {**record, "steps": schedule.steps})
    held_out = slice(min(training, len(data["image"]) - 1), None)
    pose = network.read(data["image"][held_out])
    return network, {**record, "held_out": pose_figures(pose, {name: data[name][held_out] for name in COLUMNS[2:]})}


def pose_figures(pose: Pose, truth: dict[str, np.ndarray]) -> dict[str, float]:
    """Median absolute errors in degrees, correlation of yaw, mean landmark error in percent of the eye distance.

    `truth`: landmarks68 (N, 68, 2) pixels of the same crops; yaw, pitch, roll (N,) degrees.
    """
    figures = {f"{name}_error": np.median(np.abs(getattr(pose, name) - truth[name])) for name in COLUMNS[3:]}
    if len(truth["yaw"]) > 2:
        figures["yaw_correlation"] = np.corrcoef(pose.yaw, truth["yaw"])[0, 1]
    marks = truth["landmarks68"]
    eyes = np.linalg.norm(marks[:, 42:48].mean(1) - marks[:, 36:42].mean(1), axis=1)
    miss = np.linalg.norm(pose.landmarks - marks, axis=2).mean(1)
    figures["landmark_error_percent"] = 100 * np.mean(miss / eyes)
    return {name: round(float(value), 4) for name, value in figures.items()}


def main(
    *,
    renders: Path = Path("runs/renders/poses"),
    out: Path = WEIGHTS / "pose.safetensors",
    state: Path = Path("runs/recipes/pose"),
    steps: int = 1400,
    batch: int = 48,
    rate: float = 3e-3,
    seed: int = 0,
    minutes: float | None = None,
) -> None:
    """Trains the landmark and pose network on renders; the same command again resumes.

    Args:
        renders: folder of `python -m recipes.renders --set faces`
        out: the network to write, a .safetensors file
        state: folder for the training's state
        steps: training steps
        batch: images per step
        rate: peak learning rate
        seed: of the first weights and of everything drawn
        minutes: end the schedule after so much time, even with steps left (none: not)
    """
    schedule = Schedule(steps, batch, rate, seed, minutes)
    check_network_name(out)
    network, record = train_pose(renders, state, schedule)
    keep(network, "pose", out, record, "recipes.pose", "renders")


if __name__ == "__main__":
    run(main)
