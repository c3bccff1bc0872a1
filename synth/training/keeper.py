"""The files of a training, and the loop that writes them: state, log, sheets, weights. Only rank 0 writes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data.progress import Progress
from data.resume import cut_log, refuse_other
from data.weights import load_network, save_network
from synth.training.game import Game, Stage

STATE, LOG = "state.safetensors", "log.jsonl"
KIND = "generator-training"


class Keeper:
    """Files of a run in the folder `out`; `settings`: everything that its course depends on (JSON values)."""

    def __init__(self, out: Path, trainer: Game, settings: dict[str, Any]):
        self.out, self.trainer, self.settings = out, trainer, settings
        out.mkdir(parents=True, exist_ok=True)

    def figures(self, stage: Stage) -> dict[str, Any]:
        """What a line of the log says besides losses."""
        return {}

    def snapshot(self, stage: Stage) -> None:
        """Pictures, and whatever else a stranger would judge the training by."""

    def save_weights(self, path: Path) -> None:
        """The averaged generator as a network file."""
        raise NotImplementedError

    def resume(self) -> bool:
        """Loads the state of a broken run, if there is one; ValueError when it was made with other settings."""
        path = self.out / STATE
        if not path.is_file():
            return False
        tensors, config = load_network(path)
        if config["kind"] != KIND:
            raise ValueError(f"{path} is not the state of a generator's training: choose another --out")
        refuse_other(path, config["settings"], self.settings)
        self.trainer.load_state(tensors, config["counts"])
        if self.trainer.rank == 0:
            cut_log(self.out / LOG, self.trainer.images, "images")
        return True

    def save_state(self) -> None:
        """Everything a resumed run needs."""
        if self.trainer.rank == 0:
            tensors, counts = self.trainer.state()
            save_network(self.out / STATE, tensors, {"kind": KIND, "settings": self.settings, "counts": counts})

    def log(self, line: dict[str, Any]) -> None:
        """Appends a line to log.jsonl, and prints it."""
        if self.trainer.rank == 0:
            text = json.dumps({"images": self.trainer.images, **line})
            with (self.out / LOG).open("a") as file:
                file.write(text + "\n")
            tqdm.write(text)

    def finish(self) -> None:
        """The trained generator; the state stays, so that the same command again ends at once."""
        if self.trainer.rank == 0:
            self.save_state()
            self.save_weights(self.out / "generator.safetensors")


def train(keeper: Keeper, checkpoint: int, snapshot: int, log_every: int) -> None:
    """Steps to the end of the training, with a bar, log lines, states and snapshots, all counted in images."""
    trainer = keeper.trainer
    bar = Progress(total=trainer.length, initial=trainer.images, unit="img", smoothing=0.05, disable=trainer.rank > 0)
    sums: dict[str, list[float]] = {}
    logged, since = trainer.images, time.monotonic()
    while not trainer.done:
        stage = trainer.stage
        before = trainer.images
        for name, value in trainer.step().items():
            sums.setdefault(name, []).append(value)
        bar.update(trainer.images - before)
        bar.set_description(stage.name, refresh=False)
        if trainer.images // log_every > before // log_every or trainer.images == stage.end:
            rate = (trainer.images - logged) / (time.monotonic() - since)
            means = {name: round(sum(values) / len(values), 4) for name, values in sums.items()}
            line = {"stage": stage.name, **means, "images_per_second": round(rate, 1)}
            if trainer.rank == 0:
                line |= keeper.figures(stage)
            keeper.log(line)
            sums, logged, since = {}, trainer.images, time.monotonic()
        if trainer.rank == 0 and (trainer.images // snapshot > before // snapshot or trainer.images == stage.end):
            keeper.snapshot(stage)
        if trainer.images // checkpoint > before // checkpoint:
            keeper.save_state()
    bar.close()
