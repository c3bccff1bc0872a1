"""A training's log in three forms: lines of JSON, from which a resumed training goes on; a table; TensorBoard's events.

log.jsonl    one record a line: {"step": 25, "pairs_per_second": ..., "w": ...} or {"step": 500, "validation": {...}}
log.csv      the same, a column per figure; what a step has no figure for stays empty
tensorboard/ the same, where it is asked for
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from data.resume import cut_log
from hairnet.training.state import LOG

TABLE, EVENTS = "log.csv", "tensorboard"


class Log:
    """The log in a folder, going on after `step`: what a killed process had logged beyond it is dropped."""

    def __init__(self, folder: Path, step: int = 0, tensorboard: bool = False) -> None:
        self.path, self.table = folder / LOG, folder / TABLE
        cut_log(self.path, step)
        self.columns: list[str] = []
        self._rewrite()
        self.events = event_writer(folder / EVENTS, step) if tensorboard else None

    def write(self, record: dict[str, Any]) -> None:
        """Adds a record; its "step" says where it belongs."""
        with open(self.path, "a") as file:
            file.write(json.dumps(record) + "\n")
        figures = flat(record)
        if figures.keys() <= set(self.columns):
            with open(self.table, "a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(figures)
        else:  # the first record of its kind: a few times in a training
            self._rewrite()
        if self.events is not None:
            for name, figure in figures.items():
                if name != "step":
                    self.events.add_scalar(name.replace(".", "/"), figure, figures["step"])
            self.events.flush()

    def _rewrite(self) -> None:
        """The table anew from the lines of JSON."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        rows = [flat(json.loads(line)) for line in lines]
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        with open(self.table, "w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)


def flat(record: dict[str, Any]) -> dict[str, float]:
    """{"validation": {"w": 1}} -> {"validation.w": 1}."""
    out: dict[str, float] = {}
    for name, value in record.items():
        out |= {f"{name}.{inner}": x for inner, x in value.items()} if isinstance(value, dict) else {name: value}
    return out


def event_writer(folder: Path, step: int) -> Any:
    """TensorBoard's writer, which hides events of steps after `step`; ValueError where it is not installed."""
    require_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def require_tensorboard() -> None:
    """ValueError unless TensorBoard is installed."""
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise ValueError("--tensorboard needs the tensorboard package: pip install '.[tensorboard]'") from error
