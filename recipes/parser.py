"""Makes the built-in face parser: renders in, `data/weights/parser.safetensors` out.

    python -m recipes.renders --set faces --out runs/renders/faces      # 0.05 s per render and core
    python -m recipes.parser --renders runs/renders/faces               # 12 minutes of one core

The renders are changed heavily (recipes.augment), so that a network which has seen no photo can read photos: other
backgrounds, colours down to grey, blur, compression, noise, occlusions, places. The loss is cross-entropy with classes
weighted by the inverse root of their frequency, plus one minus the soft Dice overlap of the hair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from data.command import run
from data.shards import read_attrs, shard_path
from data.weights import WEIGHTS
from faces.labels import CLASSES, LABEL
from faces.parsing import Parser
from recipes import augment
from recipes.figures import confusion, parsing_figures
from recipes.renders import load_set
from recipes.training import Schedule, batches_of, check_network_name, keep, train

HELD_OUT = 0.04  # share of the renders, the last ones, that the training never sees
HEAVIEST = 6.0  # largest class weight


def changed(x: Tensor, labels: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
    """One batch (N, 3, S, S), (N, S, S) as if seen by many cameras in many places."""
    x = augment.new_backgrounds(augment.new_hair(x, labels, g, share=0.5), labels, g, share=0.7)
    x, moved = augment.placed(x, labels, g, zoom=0.15, shift=0.05, turn=12, mirror=True, growth=1.2)
    assert moved is not None
    x = augment.defocused(x, g, share=0.35)
    x = augment.recoloured(x, g, strength=0.9, grey=0.1)
    x, hidden = augment.occluded(x, moved, g, share=0.25)
    assert hidden is not None
    return augment.compressed(augment.noisy(x, g, share=0.4), g, share=0.3), hidden


def class_weights(labels: np.ndarray) -> Tensor:
    """(19,) weights by the inverse root of each class's share of the pixels; their mean over the pixels is 1."""
    share = np.bincount(labels.ravel(), minlength=CLASSES)[:CLASSES] / labels.size
    weight = np.minimum(1 / np.sqrt(np.maximum(share, 1e-6)), HEAVIEST / np.sqrt(share.max()))
    return torch.tensor(weight / (weight * share).sum(), dtype=torch.float32)


def parsing_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy of (N, 19, S, S) logits plus 1 - soft Dice of the hair; IGNORED pixels do not count."""
    entropy = F.cross_entropy(logits, labels.long(), weights, ignore_index=augment.IGNORED)
    hair = logits.softmax(1)[:, LABEL["hair"]]
    true, seen = (labels == LABEL["hair"]).float(), (labels != augment.IGNORED).float()
    overlap = (2 * (hair * true).sum() + 1) / ((hair * seen).sum() + true.sum() + 1)
    return entropy + 1 - overlap


def train_parser(renders: Path, folder: Path, schedule: Schedule) -> tuple[Parser, dict[str, Any]]:
    """A trained parser and the record of its making; the training's state lies in `folder`."""
    data = load_set(renders, "faces", ("image", "labels"))
    training = max(1, round(len(data["image"]) * (1 - HELD_OUT)))
    size = data["image"].shape[1]
    images, labels = torch.from_numpy(data["image"][:training]), torch.from_numpy(data["labels"][:training])
    torch.manual_seed(schedule.seed)
    parser = Parser(input_size=size).to(memory_format=torch.channels_last)
    weights = class_weights(data["labels"][:training])

    def loss_of(g: Generator, progress: float) -> Tensor:
        rows = torch.randint(training, (schedule.batch,), generator=g)
        x, target = changed(batches_of(rows, images), labels[rows], g)
        with torch.autocast("cpu", torch.bfloat16):
            logits = parser.work_logits(x.contiguous(memory_format=torch.channels_last))
        return parsing_loss(logits.float(), target, weights)

    record: dict[str, Any] = {"seed": schedule.seed, "batch": schedule.batch, "rate": schedule.rate,
                              "renders": read_attrs(shard_path(renders, 0))}  # fmt: skip
    record |= train(parser, schedule, loss_of, folder / "state.pt", {**record, "steps": schedule.steps})
    held_out = slice(min(training, len(data["image"]) - 1), None)
    counts = confusion(parser.labels, data["image"][held_out], data["labels"][held_out])
    return parser, {**record, "held_out": parsing_figures(counts)}


def main(
    *,
    renders: Path = Path("runs/renders/faces"),
    out: Path = WEIGHTS / "parser.safetensors",
    state: Path = Path("runs/recipes/parser"),
    steps: int = 3000,
    batch: int = 48,
    rate: float = 4e-3,
    seed: int = 0,
    minutes: float | None = None,
) -> None:
    """Trains the face parser on renders; the same command again resumes.

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
    parser, record = train_parser(renders, state, schedule)
    keep(parser, "parser", out, record, "recipes.parser", "renders")


if __name__ == "__main__":
    run(main)
