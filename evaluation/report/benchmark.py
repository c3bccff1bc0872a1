"""The report's section on the benchmark with ground truth: all methods side by side (files: docs/benchmark.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.files import read_json
from evaluation.report import html

METHODS = ("truth", "copy-face", "paste", "hairnet")  # shown in this order, any others behind them
HARDER = (
    "easy",
    "medium",
    "hard",
    "long-to-short",
    "short-to-long",
    "bald",
    "hat",
    "fringe",
    "asymmetric",
    "extreme-yaw",
)
SHORT = {"iou": "IoU", "psnr": "PSNR", "ssim": "SSIM", "f": "F"}
SIMPLE = ("truth", "copy-face", "paste")
WATCHED = ("identity", "hair_iou", "perceptual_whole")  # told bucket by bucket


def methods_in(folder: Path) -> dict[str, dict[str, Any]]:
    """The reports of a benchmark's folder by method, in the order of the tables."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        content = read_json(path)
        if isinstance(content, dict) and "method" in content and "overall" in content:
            found[str(content["method"])] = content
    order = [name for name in METHODS if name in found] + [name for name in found if name not in METHODS]
    return {name: found[name] for name in order}


def section(folder: Path) -> str:
    """Tables of all methods and the pictures of the last one; empty where no benchmark was run."""
    methods = methods_in(folder)
    if not methods:
        return ""
    first = next(iter(methods.values()))
    triples = first["overall"]["triples"]
    rows = [
        [means(name, about), *[cell(method["overall"]["figures"].get(name)) for method in methods.values()]]
        for name, about in first["metrics"].items()
    ]
    return html.section(
        "Against ground truth",
        html.paragraph(
            f"{triples:,} fixed triples of a person, a hair donor and the true picture of that person with that hair, "
            "rendered. Means with 95 % intervals; arrows say which way is better. The truth itself and two simple "
            "methods (the untouched face, the pasted hair) show what the figures mean."
        ),
        warning(first),
        *[dependence(name, method) for name, method in methods.items()],
        html.table(["", *methods], rows, None),
        html.folded("What the figures mean", [f"{means(name, about)}: {about['means']}" for name, about in
                                              first["metrics"].items() if about.get("means")]),
        *[bucket_table(methods, name, first["metrics"][name]) for name in WATCHED if name in first["metrics"]],
        *pictures(folder, methods),
    )  # fmt: skip


def pictures(folder: Path, methods: dict[str, dict[str, Any]]) -> list[str]:
    """All methods on the same triples where one command has scored them, otherwise each one's own examples."""
    together = html.picture(folder / "comparison.png", "The methods on the same triples.")
    own = {name: method for name, method in methods.items() if name not in SIMPLE}
    each = [html.picture(folder / str(method.get("picture", f"{name}.png")), f"Best, median and worst of {name}.")
            for name, method in own.items()]  # fmt: skip
    return [together, *each]


def dependence(name: str, method: dict[str, Any]) -> str:
    """A warning where judges had a part in a method's training, or where nobody knows."""
    told = method.get("judges_in_training") or {}
    used, unknown = ([judge for judge, trained in told.items() if trained is answer] for answer in (True, None))
    sentences = []
    if used:
        sentences.append(f"Not independent for {name}: its training used the judge of {' and '.join(used)}.")
    if unknown:
        sentences.append(f"Unknown for {name}: whether its training used the judge of {' and '.join(unknown)}.")
    return html.paragraph(" ".join(sentences), "warn") if sentences else ""


def bucket_table(methods: dict[str, dict[str, Any]], metric: str, about: dict[str, str]) -> str:
    """One metric, bucket by bucket."""
    present = [name for name in HARDER if all(name in method["buckets"] for method in methods.values())]
    if not present:
        return ""
    rows = []
    for name in present:
        parts = [method["buckets"][name] for method in methods.values()]
        rows.append([f"{name} ({parts[0]['triples']})", *[cell(part["figures"].get(metric)) for part in parts]])
    return f"<h3>{html.escape(means(metric, about))}, by kind</h3>" + html.table(["", *methods], rows, None)


def means(name: str, about: dict[str, str]) -> str:
    """A metric's name in words, with its direction."""
    arrow = "↑" if about.get("better") == "higher" else "↓"
    words = " ".join(SHORT.get(word, word) for word in name.split("_"))
    unit = f", {about['unit']}" if about.get("unit") and about["unit"] not in words else ""
    return f"{words}{unit} {arrow}"


def cell(figure: dict[str, Any] | None) -> str:
    """A mean with its interval."""
    if not figure or figure.get("mean") is None:
        return "–"
    values = [figure["mean"], *(figure.get("ci95") or [])]
    largest = max(map(abs, values))
    places = 1 if largest >= 10 else 2 if largest > 1.5 else 3
    told = [f"{value:.{places}f}" for value in values]
    return html.interval(*told) if len(told) == 3 else told[0]


def warning(report: dict[str, Any]) -> str:
    """Says when the list or the pictures are not those of the published version."""
    if report.get("list_as_stated", True) and report.get("pictures_as_stated", True):
        return ""
    return html.paragraph(
        "A part of the list, or pictures whose bytes differ from the stated ones: these figures do not compare with "
        "those of the whole benchmark.", "warn"
    )  # fmt: skip
