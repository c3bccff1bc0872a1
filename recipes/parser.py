"""Makes the built-in face parser: renders in, `data/weights/parser.safetensors` out.

    python -m recipes.renders --set faces --heads 8000 --size 128 --out runs/renders/faces  # 0.08 s per render and core
    python -m recipes.generated --out runs/renders/generated                               # 0.08 s per picture and core
    python -m recipes.parser                                                               # an hour of one core
    python -m recipes.parser --start-from builtin --steps 1200 --rate 0.001                # on other renders: minutes

It learns from renders, and from pictures of the built-in generator, whose handwriting renders do not show: a parser
of renders alone took its smooth hair for a hat in a fifth of the pictures. Most are changed heavily (recipes.augment),
so that a network which has seen no photo can read photos: other backgrounds, colours down to grey, blur, compression,
noise, occlusions, places; some are as they were made, since renders and samples are also what it measures. The loss is
cross-entropy with classes weighted by the inverse root of their frequency, plus one minus the soft Dice overlap of the
hair.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from data.command import run
from data.files import sha256
from data.shards import read_attrs, shard_path
from data.weights import WEIGHTS, load_network, resolve
from faces.labels import CLASSES, LABEL
from faces.parsing import Parser
from recipes import augment
from recipes.figures import confusion, parsing_figures
from recipes.generated import load_generated
from recipes.renders import load_set
from recipes.training import Schedule, batches_of, check_network_name, keep, train

HELD_OUT = 0.04  # share of the renders, the last ones, that the training never sees
GENERATED = 0.4  # share of a step's pictures that the generator made
UNCHANGED = 0.3  # share of them that is shown as it was made
HEAVIEST = 6.0  # largest class weight


def changed(x: Tensor, labels: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
    """One batch (N, 3, S, S), (N, S, S) as if seen by many cameras in many places; a share of it UNCHANGED."""
    made, known = x, labels
    x = augment.new_backgrounds(augment.new_hair(x, labels, g, share=0.5), labels, g, share=0.7)
    x, moved = augment.placed(x, labels, g, zoom=0.15, shift=0.05, turn=12, mirror=True, growth=1.2)
    assert moved is not None
    x = augment.defocused(x, g, share=0.35)
    x = augment.recoloured(x, g, strength=0.9, grey=0.1)
    x, hidden = augment.occluded(x, moved, g, share=0.25)
    assert hidden is not None
    x = augment.compressed(augment.noisy(x, g, share=0.4), g, share=0.3)
    plain = augment.chosen(len(x), UNCHANGED, g)[:, None, None]
    return torch.where(plain[:, None], made, x), torch.where(plain, known, hidden)


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


def train_parser(
    renders: Path, generated: Path, folder: Path, schedule: Schedule, start: Path | None = None
) -> tuple[Parser, dict[str, Any]]:
    """A trained parser and the record of its making; the training's state lies in `folder`.

    start: a parser to go on from, whose own making the record then tells, too.
    """
    sources = {"renders": load_set(renders, "faces", ("image", "labels"))}
    sources["generated"], made = load_generated(generated)
    sizes = {name: data["image"].shape[1] for name, data in sources.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the pictures' sides are {sizes}: make both sets at one size")
    training = {name: max(1, round(len(data["image"]) * (1 - HELD_OUT))) for name, data in sources.items()}
    taught = {k: np.concatenate([sources[s][k][: training[s]] for s in sources]) for k in ("image", "labels")}
    images, labels = torch.from_numpy(taught["image"]), torch.from_numpy(taught["labels"])
    first = torch.tensor([0, training["renders"]])  # of each source's rows
    torch.manual_seed(schedule.seed)
    parser = Parser(input_size=sizes["renders"]).to(memory_format=torch.channels_last)
    weights = class_weights(taught["labels"])

    def loss_of(g: Generator, progress: float) -> Tensor:
        source = (torch.rand(schedule.batch, generator=g) < GENERATED).long()
        count = torch.tensor(list(training.values()))[source]
        rows = first[source] + (torch.rand(schedule.batch, generator=g, dtype=torch.float64) * count).long()
        x, target = changed(batches_of(rows, images), labels[rows], g)
        with torch.autocast("cpu", torch.bfloat16):
            logits = parser.work_logits(x.contiguous(memory_format=torch.channels_last))
        return parsing_loss(logits.float(), target, weights)

    record: dict[str, Any] = {"seed": schedule.seed, "batch": schedule.batch, "rate": schedule.rate,
                              "renders": read_attrs(shard_path(renders, 0)), "generated": made}  # fmt: skip
    if start is not None:
        record["start"] = go_on_from(parser, start) | {"sha256": sha256(start)}
    record |= train(parser, schedule, loss_of, folder / "state.pt", {**record, "steps": schedule.steps})
    for name, data in sources.items():
        rest = slice(min(training[name], len(data["image"]) - 1), None)
        counts = confusion(parser.labels, data["image"][rest], data["labels"][rest])
        record["held_out" if name == "renders" else "held_out_generated"] = parsing_figures(counts)
    return parser, record


def go_on_from(parser: Parser, start: Path) -> dict[str, Any]:
    """Gives a parser the weights of the file `start`, one of its own kind; the record of that one's making."""
    tensors, config = load_network(start)
    if config["kind"] != "parser" or config["architecture"] != parser.config:
        raise ValueError(
            f"--start-from {start} is no parser of {parser.input_size} px: give one, or renders of its size"
        )
    parser.load_state_dict(tensors)
    return config["recipe"]


def main(
    *,
    renders: Path = Path("runs/renders/faces"),
    generated: Path = Path("runs/renders/generated"),
    out: Path = WEIGHTS / "parser.safetensors",
    state: Path = Path("runs/recipes/parser"),
    steps: int = 6500,
    batch: int = 24,
    rate: float = 3e-3,
    seed: int = 0,
    minutes: float | None = None,
    start_from: str | None = None,
) -> None:
    """Trains the face parser on renders; the same command again resumes.

    Args:
        renders: folder of `python -m recipes.renders --set faces`
        generated: folder of `python -m recipes.generated`
        out: the network to write, a .safetensors file
        state: folder for the training's state
        steps: training steps
        batch: images per step
        rate: peak learning rate
        seed: of the first weights and of everything drawn
        minutes: end the schedule after so much time, even with steps left (none: not)
        start_from: "builtin" or a .safetensors parser of this recipe to go on from (none: from nothing)
    """
    schedule = Schedule(steps, batch, rate, seed, minutes)
    check_network_name(out)
    start = None if start_from is None else resolve(start_from, "parser")
    parser, record = train_parser(renders, generated, state, schedule, start)
    keep(parser, "parser", out, record, "recipes.parser", "renders")


if __name__ == "__main__":
    run(main)
