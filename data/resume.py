"""How a training goes on after it was killed: its settings are compared, its log is cut to what its state knows."""

from __future__ import annotations

import json
from pathlib import Path


def refuse_other(path: Path, there: dict, here: dict) -> None:
    """ValueError naming what differs when `path` belongs to a training with other settings."""
    there, here = (json.loads(json.dumps(recipe)) for recipe in (there, here))  # tuples become lists
    for name in sorted(there.keys() | here.keys()):
        if name != "command" and there.get(name) != here.get(name):
            raise ValueError(
                f"{path} belongs to a training with {name} {there.get(name)}, not {here.get(name)}: "
                "give the same settings to go on with it, or choose another --out"
            )


def cut_log(path: Path, step: int, count: str = "step") -> None:
    """Drops the log's lines of steps that were lost with a killed process, and a half-written last one.

    count: what a line numbers itself by.
    """
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record[count] <= step:
            kept.append(line + "\n")
    path.write_text("".join(kept))
