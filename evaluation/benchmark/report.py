"""The files of a run: <method>.json, .csv, .md, .png and the comparison of several methods. See docs/benchmark.md."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, get_args

import numpy as np

from data.files import atomic_path, write_json
from data.images import write_image
from data.weights import resolve
from evaluation.benchmark import figures, sheets
from evaluation.benchmark.methods import Chosen
from evaluation.benchmark.pictures import PICTURES_SHA256, STATED_SIZE, pictures_sha256
from evaluation.benchmark.score import METRICS, Judges, described
from evaluation.benchmark.triples import BUCKETS, LIST_SHA256, VERSION, Triple, list_sha256
from evaluation.benchmark.work import Plan, Scored
from evaluation.judge import Role, config_of, trained_with
from evaluation.metrics.perceptual import load_perceptual
from evaluation.provenance import command, versions

LINES = ("hair_iou", "perceptual_whole", "perceptual_head", "hair_cosine", "identity")  # that the terminal shows


def conditions(triples: list[Triple], pictures: list[Path], size: int, judges: Judges, seed: int) -> dict[str, Any]:
    """What all methods of a run have in common."""
    listed, shown = list_sha256(triples), pictures_sha256(pictures)
    return {
        "command": command(),
        "seed": seed,
        "versions": {"benchmark": VERSION, **versions()},
        "perceptual": load_perceptual(judges.perceptual, "cpu").title,
        "size": size,
        "list_sha256": listed,
        "list_as_stated": listed == LIST_SHA256,
        "pictures_sha256": shown,
        "pictures_as_stated": shown == PICTURES_SHA256 if listed == LIST_SHA256 and size == STATED_SIZE else None,
        "metrics": described(),
    }


def write_method(
    scored: Scored, chosen: Chosen, common: dict[str, Any], triples: list[Triple], pictures: list[Path], plan: Plan
) -> dict[str, Any]:
    """Writes the four files of a method; the content of its JSON."""
    out = plan.out
    weights = {**chosen.weights, **plan.judges.digests()}
    report = {
        "method": scored.title,
        "blend": chosen.blend if chosen.name == "hairnet" else None,
        **common,
        "weights_sha256": weights,
        "judges_in_training": _trained_with(chosen, plan.judges),
        "results_sha256": scored.results_sha256,
        **figures.in_buckets(scored.scores, triples, common["seed"]),
        "picture": f"{scored.title}.png",
    }
    write_json(out / f"{scored.title}.json", report)
    _write_rows(out / f"{scored.title}.csv", scored, triples)
    _write_text(out / f"{scored.title}.md", method_tables(report))
    write_image(sheets.extremes(scored, triples, pictures), out / f"{scored.title}.png")
    return report


def write_comparison(
    methods: list[Scored], common: dict[str, Any], triples: list[Triple], pictures: list[Path], out: Path
) -> dict[str, Any]:
    """Writes comparison.json, .md and .png; the content of the JSON."""
    compared = figures.compared({scored.title: scored.scores for scored in methods}, triples, common["seed"])
    report = {**common, **compared}
    write_json(out / "comparison.json", report)
    _write_text(out / "comparison.md", comparison_tables(report))
    write_image(sheets.side_by_side(methods, triples, pictures), out / "comparison.png")
    return report


def method_tables(report: dict[str, Any]) -> str:
    """All metrics overall with their intervals, then bucket by bucket."""
    lines = [f"# {report['method']}", "", f"`{report['command']}`", "", *_told(report), ""]
    head = ["metric", "unit", "better", f"overall ({report['overall']['triples']})", "95 %"]
    rows = []
    for name, metric in METRICS.items():
        found = report["overall"]["figures"][name]
        rows.append([name, metric.unit, metric.better, number(found), interval(found)])
    lines += [*markdown(head, rows), "", "By bucket, means:", ""]
    names = [name for name in BUCKETS if name in report["buckets"]]
    head = ["metric", *[f"{name} ({report['buckets'][name]['triples']})" for name in names]]
    cells = [[metric, *[number(report["buckets"][name]["figures"][metric]) for name in names]] for metric in METRICS]
    return "\n".join([*lines, *markdown(head, cells), ""])


def comparison_tables(report: dict[str, Any]) -> str:
    """Every bucket: metrics by methods, and the paired difference of the last method to the one before it."""
    lines = ["# Comparison", "", f"`{report['command']}`", "", *_told(report)]
    methods = report["methods"]
    last = f"{methods[-1]} - {methods[-2]}"
    for bucket in ("overall", *[name for name in BUCKETS if name in report["buckets"]]):
        part = report["overall"] if bucket == "overall" else report["buckets"][bucket]
        head = ["metric", "better", *methods, last, "95 %"]
        rows = []
        for name, metric in METRICS.items():
            cells = [number(part["figures"][name][method]) for method in methods]
            difference = part["differences"][name][last]
            rows.append([name, metric.better, *cells, number(difference), interval(difference)])
        lines += ["", f"## {bucket} ({part['triples']} triples)", "", *markdown(head, rows)]
    return "\n".join([*lines, ""])


def terminal(report: dict[str, Any]) -> str:
    """The main figures of a comparison, bucket by bucket; the difference of the last two methods with its interval."""
    methods = report["methods"]
    last = f"{methods[-1]} - {methods[-2]}"
    lines = [*_told(report), "", f"{'':30}" + "".join(f"{name:>12}" for name in methods) + f"   {last} (95 %)"]
    for bucket in ("overall", *[name for name in BUCKETS if name in report["buckets"]]):
        part = report["overall"] if bucket == "overall" else report["buckets"][bucket]
        lines.append(f"{bucket} ({part['triples']} triples)")
        for name in LINES:
            cells = "".join(f"{number(part['figures'][name][method]):>12}" for method in methods)
            difference = part["differences"][name][last]
            label = f"{name}, {METRICS[name].better} better"
            lines.append(f"  {label:28}{cells}   {number(difference)} ({interval(difference)})")
    return "\n".join(lines)


def number(found: dict[str, Any] | None) -> str:
    """The mean with three to four digits."""
    return "–" if found is None else _digits(found["mean"])


def interval(found: dict[str, Any] | None) -> str:
    """The 95 % interval."""
    return "–" if found is None else f"{_digits(found['ci95'][0])} to {_digits(found['ci95'][1])}"


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]


def _digits(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def _told(report: dict[str, Any]) -> list[str]:
    """What one has to know of the list and the pictures."""
    listed = "as stated" if report["list_as_stated"] else "a part of the list"
    shown = {True: "as stated", False: "other bytes than stated", None: "nothing stated for these"}
    return [
        f"list {report['list_sha256'][:16]} ({listed}), pictures {report['pictures_sha256'][:16]} "
        f"({shown[report['pictures_as_stated']]}), {report['size']} px; perceptual distance: {report['perceptual']}"
    ]


def _trained_with(chosen: Chosen, judges: Judges) -> dict[str, bool | None] | None:
    """Which judges the network's training has used, None: unknown; None for methods that are not trained."""
    if chosen.name != "hairnet":
        return None
    config = config_of(resolve(chosen.network, "hairnet"))
    roles: tuple[Role, ...] = get_args(Role)
    # of several files the first is the network, the others are numbers beside it
    return {role: trained_with(judges.files[role][0], role, config) for role in roles}


def _write_rows(path: Path, scored: Scored, triples: list[Triple]) -> None:
    """One line per triple: what it is, then every metric; empty where it is not defined."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["number", "kind", "face_yaw", "hair_yaw", "gap", *METRICS])
        for row, triple in enumerate(triples):
            values = [scored.scores[name][row] for name in METRICS]
            shown = ["" if np.isnan(value) else f"{value:.6g}" for value in values]
            table.writerow([triple.number, triple.kind, triple.face_yaw, triple.hair_yaw, round(triple.gap, 1), *shown])


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
