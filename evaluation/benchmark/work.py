"""A method at work on the triples: its results and their scores, in files of PART triples, so that a kill loses little.

    <out>/parts/paste-1f0c.../00000-00019.h5     number (n,), result (n, S, S, 3) uint8, one column per metric (n,)

The folder is named after all that the numbers depend on: the pictures, the method's networks, the judges, the programs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.progress import Progress
from data.shards import read_arrays, read_attrs, write_arrays
from data.workers import Workers
from data.world import settle, settled
from evaluation.benchmark.figures import Scores
from evaluation.benchmark.methods import Batch, Chosen, check_folder, read_results, sha256_of
from evaluation.benchmark.pictures import part_path, parts_of, render_all
from evaluation.benchmark.score import METRICS, Judges, Panel
from evaluation.benchmark.triples import Triple
from evaluation.provenance import programs_sha256

PROGRAMS = ("benchmark/methods.py", "benchmark/paste.py", "benchmark/score.py", "metrics/*.py")


@dataclass(frozen=True)
class Plan:
    """What every method is asked, and by what it is judged."""

    triples: list[Triple]
    size: int  # px
    cache: Path  # rendered pictures, shared by all runs
    out: Path
    judges: Judges
    workers: int  # processes; on a GPU they render, and one scores


@dataclass(frozen=True)
class Scored:
    """A method's results and scores, row by row of the plan's triples."""

    title: str
    scores: Scores
    files: list[Path]
    results_sha256: str

    def results(self, rows: np.ndarray) -> np.ndarray:
        """(K, S, S, 3) uint8: some of its pictures."""
        return rows_of_files(self.files, rows, ("result",))["result"]


@dataclass(frozen=True)
class Task:
    """One file to be made."""

    numbers: list[int]
    pictures: Path
    path: Path
    facts: dict[str, Any]


def run_method(plan: Plan, chosen: Chosen, method: Batch | None = None) -> Scored:
    """Makes and scores what is missing of a method's results. `method`: a function of ours, run in this process."""
    pictures = render_all(plan.triples, plan.size, plan.cache, plan.workers)
    numbers = [triple.number for triple in plan.triples]
    facts = facts_of(plan, chosen, numbers)
    folder = plan.out / "parts" / f"{chosen.title}-{sha256_of(facts)[:12]}"
    tasks = [
        Task([triple.number for triple in part], source, part_path(folder, part), facts)
        for part, source in zip(parts_of(plan.triples), pictures, strict=True)
    ]
    missing = [task for task in tasks if method is not None or not task.path.is_file()]
    done = len(numbers) - sum(len(task.numbers) for task in missing)
    with Progress(total=len(numbers), initial=done, desc=f"scoring {chosen.title}", unit="triple") as bar:
        for count in _work_off(missing, plan, chosen, method):
            bar.update(count)
    parts = [_checked(task) for task in tasks]
    scores = {name: np.concatenate([part[name] for part in parts]) for name in METRICS}
    return Scored(chosen.title, scores, [task.path for task in tasks], _digest(parts))


def facts_of(plan: Plan, chosen: Chosen, numbers: list[int]) -> dict[str, Any]:
    """All that the scores of a method depend on."""
    facts = {
        "method": chosen.title, "size": plan.size, "torch": str(torch.__version__),
        "programs": programs_sha256(*PROGRAMS), "device": plan.judges.device.split(":")[0], **chosen.weights,
        **{f"judge_{name}": digest for name, digest in plan.judges.digests().items()},
    }  # fmt: skip
    if chosen.folder is not None:
        facts["folder_sha256"] = check_folder(chosen.folder, numbers)
    return facts


def rows_of_files(files: list[Path], rows: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Some rows of arrays that lie, one after another, in files."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    first = np.cumsum([0, *(len(read_arrays(path, ("number",))["number"]) for path in files)])
    for row in rows:
        k = int(np.searchsorted(first, row, side="right")) - 1
        arrays = read_arrays(files[k], names)
        for name in names:
            found[name].append(arrays[name][row - first[k]])
    return {name: np.stack(values) for name, values in found.items()}


class Bench:
    """A method and the judges, loaded."""

    def __init__(self, chosen: Chosen, judges: Judges, method: Batch | None) -> None:
        self.chosen, self.panel = chosen, Panel(judges)
        self.method = method or chosen.load(judges.device)

    def make(self, task: Task) -> int:
        """Makes the file of a task; how many triples that were."""
        pictures = read_arrays(task.pictures)
        if self.chosen.folder is not None:
            results = read_results(self.chosen.folder, task.numbers, pictures["face"].shape[1])
        elif self.method is None:
            results = pictures["truth"]
        else:
            results = self.method(pictures["hair"], pictures["face"])
        if results.shape != pictures["face"].shape or results.dtype != np.uint8:
            raise ValueError(
                f"the method made {results.dtype} of shape {results.shape} of {pictures['face'].shape}: "
                "it has to make uint8 pictures of the same size"
            )
        arrays: dict[str, Any] = {
            "number": pictures["number"],
            "result": results,
            **self.panel.scores(pictures, results),
        }
        write_arrays(task.path, arrays, task.facts)
        return len(results)


def _work_off(tasks: list[Task], plan: Plan, chosen: Chosen, method: Batch | None) -> Iterator[int]:
    """Triples done, file by file."""
    if not tasks:
        return
    workers = 1 if plan.judges.device.startswith("cuda") else min(plan.workers, len(tasks))
    if method is not None or workers <= 1:
        with settled():
            bench = Bench(chosen, plan.judges, method)
            yield from map(bench.make, tasks)
        return
    with Workers(workers, "a scoring process", _start, (chosen, plan.judges)) as pool:
        yield from pool.as_done(_make_here, tasks)


def _checked(task: Task) -> dict[str, np.ndarray]:
    """The arrays of a finished file; ValueError when it is not the one this task would have made."""
    arrays, attrs = read_arrays(task.path), read_attrs(task.path)
    same = list(arrays.get("number", ())) == task.numbers and set(METRICS) <= set(arrays)
    if not same or any(attrs.get(name) != value for name, value in task.facts.items()):
        raise ValueError(f"{task.path} holds other results: delete it and run the command again")
    return arrays


def _digest(parts: list[dict[str, np.ndarray]]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part["result"]).data)
    return digest.hexdigest()


_bench: Bench  # of a worker process, loaded once


def _start(chosen: Chosen, judges: Judges) -> None:
    """Prepares a worker process."""
    global _bench
    settle()
    _bench = Bench(chosen, judges, None)


def _make_here(task: Task) -> int:
    return _bench.make(task)
