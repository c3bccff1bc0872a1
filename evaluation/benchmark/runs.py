"""Whole runs: methods on the list, a function of one's own on the list, and the list as a folder of pictures."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from PIL import Image

from data.files import atomic_path
from data.images import write_image
from data.progress import Progress
from data.shards import read_arrays
from data.weights import resolve
from data.world import cores
from evaluation.benchmark import report
from evaluation.benchmark.methods import OWN, Chosen, check_folder, each
from evaluation.benchmark.pictures import render_all
from evaluation.benchmark.score import Judges
from evaluation.benchmark.triples import COLUMNS, Triple, all_triples, first_of_each
from evaluation.benchmark.work import Plan, Scored, run_method
from evaluation.judge import config_of, dependence
from hairnet.photo.composite import Blend

CACHE = Path("runs/benchmark/pictures")
OUT = Path("runs/benchmark")
README = """Benchmark with ground truth, version 1: give every face the hair of the other picture.

face/0000.png   the person           hair/0000.png   whose hair it shall be

Both are FFHQ crops. For each pair write result/0000.png (or .jpg, .webp): the person of face/ in the same pose, place
and light, with the hair of hair/; square, any size. Where a method fails, copy the face picture. Then:

    python -m evaluation.benchmark --method result{flags}
"""


def chosen_methods(
    names: str, network: str, generator: str | None, blend: Blend, parser: str, triples: list[Triple]
) -> list[Chosen]:
    """The methods that --method lists: our own names or folders; ValueError for anything else, or one given twice."""
    found = []
    for word in names.split(","):
        if word.strip() in OWN:
            found.append(Chosen(word.strip(), network, generator, blend, parser))
        else:
            folder = Path(word.strip())
            check_folder(folder, [triple.number for triple in triples])
            found.append(Chosen(folder.resolve().name, folder=folder))
    titles = [chosen.title for chosen in found]
    if len(set(titles)) < len(titles) or any(chosen.folder and chosen.title in OWN for chosen in found):
        raise ValueError(f"--method {names} names a method twice: give each once, and folders names of their own")
    return found


def make_plan(
    per_bucket: int | None = None,
    size: int = 64,
    cache: Path = CACHE,
    out: Path = OUT,
    judges: Judges | None = None,
    workers: int | None = None,
) -> Plan:
    """What is asked; None: the whole list, the built-in judges, one process per core."""
    judges = judges or Judges.find()
    listed = all_triples() if per_bucket is None else first_of_each(all_triples(), per_bucket)
    return Plan(listed, size, cache, out, judges, workers or cores())


def benchmark(plan: Plan, methods: list[Chosen], seed: int = 0, force: bool = False) -> dict[str, Any]:
    """Scores methods and writes the files of each, and of their comparison when there are several; that, or the one
    method's report. `force`: even when a network was trained with the scoring embedder.
    """
    for chosen in methods:
        if chosen.name == "hairnet" and not force:
            check_independent(chosen, plan.judges)
    scored = [run_method(plan, chosen) for chosen in methods]
    return _written(plan, methods, scored, seed)


def score(
    method: Callable[[Image.Image, Image.Image], Image.Image], name: str, plan: Plan, seed: int = 0
) -> dict[str, Any]:
    """Scores a function (hair picture, face picture) -> result, all PIL; its report, which is also written."""
    chosen = Chosen(name)
    if name in OWN or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{name!r} is not a name for your method: use letters, digits, - and _, not {', '.join(OWN)}")
    return _written(plan, [chosen], [run_method(plan, chosen, each(method))], seed)


def export(plan: Plan, folder: Path) -> int:
    """Writes what a method is given as pictures: face/, hair/, triples.csv, README.txt. The number of triples."""
    numbers = [triple.number for triple in plan.triples]
    files = render_all(plan.triples, plan.size, plan.cache, plan.workers)
    with Progress(total=len(numbers), desc="exporting", unit="triple") as bar:
        for path in files:
            arrays = read_arrays(path, ("number", "face", "hair"))
            for row, number in enumerate(arrays["number"]):
                for name in ("face", "hair"):
                    write_image(arrays[name][row], folder / name / f"{number:04d}.png")
                bar.update()
    with atomic_path(folder / "triples.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*COLUMNS, "gap", "buckets"])
        for triple in plan.triples:
            table.writerow([*astuple(triple), round(triple.gap, 1), " ".join(triple.buckets)])
    flags = "" if plan.size == 64 else f" --size {plan.size}"
    with atomic_path(folder / "README.txt") as temporary:
        temporary.write_text(README.format(flags=flags), encoding="utf-8")
    return len(numbers)


def check_independent(chosen: Chosen, judges: Judges) -> None:
    """ValueError when the scoring embedder may have been a loss of the network."""
    file, scorer = resolve(chosen.network, "hairnet"), judges.embedder
    reason = dependence(scorer, file, config_of(file))
    if reason is not None:
        raise ValueError(
            f"--embedder {scorer} cannot be the judge, since {reason}: give a face embedder that no loss has used, or "
            "--force true"
        )


def _written(plan: Plan, methods: list[Chosen], scored: list[Scored], seed: int) -> dict[str, Any]:
    pictures = render_all(plan.triples, plan.size, plan.cache, plan.workers)
    common = report.conditions(plan.triples, pictures, plan.size, plan.judges, seed)
    reports = [
        report.write_method(one, chosen, common, plan.triples, pictures, plan)
        for one, chosen in zip(scored, methods, strict=True)
    ]
    if len(reports) == 1:
        return reports[0]
    return report.write_comparison(scored, common, plan.triples, pictures, plan.out)
